//! A worker that stood still, in words: for the summary, and for the table while it lasts.
//!
//! Knows how to say what it was and whose turn it was. Refuses to judge which standstill is worth a line.

use super::figures::seconds;
use super::page::Page;
use crate::event::{Stall, StallCause};
use crate::sanitize::{escape, shorten};

/// So much of a URL is shown.
const URL_CHARS: usize = 60;

/// `the worker was blocked for 0.48 s by a call of the system, at URL (write)`.
pub(super) fn was(stall: &Stall, page: &mut Page) {
    match stall.process {
        Some(process) => page.say(format_args!("the worker of process {process} was ")),
        None => page.push("the worker was "),
    }
    say(stall, page);
}

/// `nobody goes on: the worker is blocked …`; where there are more processes, the others go on.
pub(super) fn is(stall: &Stall, page: &mut Page) {
    match stall.process {
        Some(process) => page.say(format_args!("nobody goes on in process {process}: its worker is ")),
        None => page.push("nobody goes on: the worker is "),
    }
    say(stall, page);
}

/// What it was, or is, and whose turn.
fn say(stall: &Stall, page: &mut Page) {
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

    fn stall(cause: StallCause, url: Option<&str>) -> Stall {
        let at = url.map(|url| {
            let mut subject = subject(1);
            Arc::make_mut(&mut subject).listed = url.to_owned();
            (subject, Phase::Check)
        });
        Stall { cause, lasted: Duration::from_millis(480), at, process: None }
    }

    fn told(tell: fn(&Stall, &mut Page), stall: &Stall) -> String {
        let mut page = Page::new(false);
        tell(stall, &mut page);
        String::from_utf8(page.bytes().to_vec()).unwrap()
    }

    fn said(cause: StallCause, url: Option<&str>) -> String {
        told(say, &stall(cause, url))
    }

    #[test]
    fn a_process_is_named_and_the_others_go_on() {
        let own = stall(StallCause::Blocked, None);
        let other = Stall { process: Some(4711), ..own.clone() };
        let words = "blocked for 0.48 s by a call of the system, between URLs\n";
        for (tell, stall, before) in [
            (was as fn(&Stall, &mut Page), &own, "the worker was "),
            (was, &other, "the worker of process 4711 was "),
            (is, &own, "nobody goes on: the worker is "),
            (is, &other, "nobody goes on in process 4711: its worker is "),
        ] {
            assert_eq!(told(tell, stall), format!("{before}{words}"));
        }
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
