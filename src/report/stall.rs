//! A worker that stood still, in words: for the summary, and for the table while it lasts.
//!
//! Knows how to say what it was and whose turn it was. Refuses to judge which standstill is worth a line.

use super::figures::seconds;
use super::page::Page;
use crate::event::{Stall, StallCause};
use crate::sanitize::{escape, shorten};

/// So much of a URL is shown.
const URL_CHARS: usize = 60;

/// `blocked for 0.48 s by a call of the system, at URL (write)`: what the worker was, or is.
pub(super) fn say(stall: &Stall, page: &mut Page) {
    let lasted = seconds(stall.lasted);
    match stall.cause {
        StallCause::Busy => page.say(format_args!("busy for {lasted} without a turn for others")),
        StallCause::Blocked => page.say(format_args!("blocked for {lasted} by a call of the system")),
        StallCause::Starved => {
            page.say(format_args!(
                "without a processor for {lasted} (others had it, or the process was stopped)"
            ));
        }
    }
    match &stall.at {
        _ if stall.cause == StallCause::Starved => {}
        Some((subject, phase)) => {
            page.say(format_args!(", at {} ({phase})", shorten(&escape(&subject.listed), URL_CHARS)));
        }
        None => page.push(", between URLs"),
    }
    page.push("\n");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::outcome::Phase;
    use crate::record::samples::subject;

    fn said(cause: StallCause, url: Option<&str>) -> String {
        let at = url.map(|url| {
            let mut subject = subject(1);
            Arc::make_mut(&mut subject).listed = url.to_owned();
            (subject, Phase::Check)
        });
        let mut page = Page::new(false);
        say(&Stall { cause, lasted: Duration::from_millis(480), at }, &mut page);
        String::from_utf8(page.bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_standstill_names_its_cause_and_whose_turn_it_was() {
        let hostile = format!("http://a/\x1b[2J{}", "x".repeat(99));
        for (said, expected) in [
            (
                said(StallCause::Busy, Some("http://a/")),
                "busy for 0.48 s without a turn for others, at http://a/ (check)\n",
            ),
            (said(StallCause::Blocked, None), "blocked for 0.48 s by a call of the system, between URLs\n"),
            (
                said(StallCause::Starved, Some("http://a/")),
                "without a processor for 0.48 s (others had it, or the process was stopped)\n",
            ),
        ] {
            assert_eq!(said, expected);
        }
        let said = said(StallCause::Busy, Some(&hostile));
        assert!(said.contains(" http://a/\\x1b[2Jxxx") && said.len() < 140, "{said}");
    }
}
