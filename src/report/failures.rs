//! What went wrong, on stderr: a line for each failure, and warnings.
//!
//! Knows the shape `urls.txt:7: URL: CLASS (PHASE): cause (N tries, S s)`, which editors can jump by. Refuses to count:
//! that is `summary`'s.

use super::Teller;
use super::figures::count;
use super::page::Page;
use crate::event::{Event, Summary};
use crate::outcome::{Class, Failure, Kind, Outcome};
use crate::record::{cause, time_total, tries};
use crate::request::Subject;
use crate::sanitize;

/// So many cancelled entries get a line each; after Ctrl-C the rest would scroll the failures away.
const CANCELLED_LINES: u64 = 20;

/// So much of a cause is shown: it may quote what a server sent.
const CAUSE_CHARS: usize = 1000;

/// Tells failures and warnings.
#[derive(Default)]
pub(super) struct Failures {
    cancelled: u64,
}

impl Teller for Failures {
    fn tell(&mut self, event: &Event, page: &mut Page) {
        match event {
            Event::Finished(outcome) => self.finished(outcome, page),
            Event::Warning(words) => warning(words, page),
            Event::RunFinished(summary) => self.run_finished(summary, page),
            _ => {}
        }
    }
}

impl Failures {
    fn finished(&mut self, outcome: &Outcome, page: &mut Page) {
        let Some(failure) = outcome.failure() else { return };
        self.cancelled += u64::from(outcome.kind == Kind::Cancelled);
        if outcome.kind != Kind::Cancelled || self.cancelled <= CANCELLED_LINES {
            line(outcome, failure, page);
        }
    }

    fn run_finished(&self, summary: &Summary, page: &mut Page) {
        if let Some(more) = self.cancelled.checked_sub(CANCELLED_LINES).filter(|more| *more > 0) {
            page.say(format_args!("and {more} more cancelled\n"));
        }
        if let Some(error) = &summary.list_error {
            list_error(error, page);
        }
    }
}

/// May have several lines: the one at fault, and a caret below it.
fn list_error(error: &str, page: &mut Page) {
    page.push("greenfetch: ");
    page.red("error: ");
    for line in error.lines() {
        page.escaped(line);
        page.push("\n");
    }
}

fn line(outcome: &Outcome, failure: &Failure, page: &mut Page) {
    if outcome.kind == Kind::Soft {
        page.yellow("warning: ");
    }
    place(&outcome.subject, page);
    why(failure, outcome.kind, page);
    redirected(outcome, failure, page);
    let tries = count(tries(outcome) as u64, "try", "tries");
    page.say(format_args!(" ({tries}, {:.2} s", time_total(outcome).as_secs_f64()));
    if let Some(round) = outcome.round {
        page.say(format_args!(", round {round}"));
    }
    page.push(")\n");
    if let Some(curl) = &outcome.subject.curl {
        page.push("  ");
        page.escaped(curl);
        page.push("\n");
    }
}

fn redirected(outcome: &Outcome, failure: &Failure, page: &mut Page) {
    if let Some(url) = led_to(outcome, failure) {
        page.push(", redirected to ");
        page.escaped(&url);
    }
}

/// Whose answer it was, where the listed URL led elsewhere; a redirect that failed says so itself.
pub(super) fn led_to(outcome: &Outcome, failure: &Failure) -> Option<String> {
    let seen = &outcome.last().response;
    let has_led_elsewhere = !seen.redirects.is_empty() && failure.class != Class::Redirect;
    let url = seen.url_effective.as_ref().filter(|_| has_led_elsewhere)?;
    Some(sanitize::shorten(&sanitize::mask_userinfo(url.as_str()), CAUSE_CHARS).into_owned())
}

/// `urls.txt:7: URL: `.
fn place(subject: &Subject, page: &mut Page) {
    page.escaped(&subject.location.source);
    page.push(":");
    page.number(subject.location.line.into());
    page.push(": ");
    page.escaped(&subject.listed);
    page.push(": ");
}

/// `CLASS (PHASE): cause`.
pub(super) fn why(failure: &Failure, kind: Kind, page: &mut Page) {
    match kind {
        Kind::Fail => page.red(failure.class.as_str()),
        _ => page.yellow(failure.class.as_str()),
    }
    page.push(" (");
    page.push(failure.phase.as_str());
    page.push("): ");
    page.escaped(&sanitize::shorten(&cause(failure), CAUSE_CHARS));
}

fn warning(words: &str, page: &mut Page) {
    page.push("greenfetch: ");
    page.yellow("warning: ");
    page.escaped(words);
    page.push("\n");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::outcome::{Phase, Tried};
    use crate::record::samples::{at, attempt, outcome, passed, subject};
    use crate::report::told;

    fn finished(outcome: Outcome) -> Event {
        Event::Finished(Box::new(outcome))
    }

    fn cancelled(line: u32) -> Event {
        let failure = Failure::new(Class::Cancelled, Phase::Queue, "interrupted");
        finished(Outcome::without_a_slot(subject(line), failure, Duration::ZERO, at(0)))
    }

    #[test]
    fn a_failure_says_where_what_why_and_how_often() {
        let mut refused = Failure::new(Class::Connect, Phase::Connect, "10.0.0.1:443 refused");
        for addr in ["10.0.0.1:443", "[::1]:443"] {
            refused.tried.push(Tried { addr: addr.parse().unwrap(), message: "refused".to_owned() });
        }
        let mut twice = vec![attempt(at(0), 100), attempt(at(1_500), 734)];
        twice[0].failure = Some(Failure::new(Class::Timeout, Phase::Wait, "x"));
        twice[1].failure = Some(Failure::new(Class::Status, Phase::Receive, "503, expected below 400"));
        let mut soft = outcome(3, Failure::new(Class::Dns, Phase::Dns, "no such name"));
        (soft.kind, Arc::make_mut(&mut soft.subject).soft) = (Kind::Soft, true);
        let events = [
            finished(passed(9, 9)),
            finished(outcome(7, refused)),
            finished(Outcome::new(subject(8), twice)),
            finished(soft),
            cancelled(4),
            Event::Warning("--jobs lowered to 40".to_owned()),
            Event::RunFinished(Summary {
                list_error: Some("-:3: no such key\n  ^\x07".to_owned()),
                ..Summary::default()
            }),
        ];
        let golden = "\
urls.txt:7: http://a.example/7: connect (connect): 10.0.0.1:443 refused; [::1]:443 refused (1 try, 0.01 s)
urls.txt:8: http://a.example/8: status (receive): 503, expected below 400 (2 tries, 2.23 s)
warning: urls.txt:3: http://a.example/3: dns (dns): no such name (1 try, 0.01 s)
urls.txt:4: http://a.example/4: cancelled (queue): interrupted (0 tries, 0.00 s)
greenfetch: warning: --jobs lowered to 40
greenfetch: error: -:3: no such key
  ^\\x07
";
        assert_eq!(told(&mut Failures::default(), false, events.clone()), golden);
        let painted = told(&mut Failures::default(), true, events);
        assert!(painted.contains(": \x1b[31mconnect\x1b[0m (connect)"));
        assert!(
            painted.contains("\x1b[33mwarning: \x1b[0murls.txt:3") && painted.contains("\x1b[33mdns\x1b[0m")
        );
        assert_eq!(painted.replace("\x1b[31m", "").replace("\x1b[33m", "").replace("\x1b[0m", ""), golden);
    }

    #[test]
    fn two_hundred_cancelled_entries_are_twenty_lines_and_a_count() {
        let events = (1..=200).map(cancelled).chain([Event::RunFinished(Summary::default())]);
        let text = told(&mut Failures::default(), false, events);
        assert_eq!(text.lines().count(), 21);
        assert!(text.ends_with("\nand 180 more cancelled\n"));
    }

    #[test]
    fn twenty_cancelled_entries_need_no_count_and_failures_are_never_capped() {
        let failed = || finished(outcome(1, Failure::new(Class::Closed, Phase::Wait, "x")));
        let events = (1..=20).map(cancelled).chain((0..100).map(|_| failed()));
        let text =
            told(&mut Failures::default(), false, events.chain([Event::RunFinished(Summary::default())]));
        assert_eq!(text.lines().count(), 120);
        assert!(!text.contains("more cancelled"));
    }

    #[test]
    fn nothing_from_outside_reaches_the_terminal_raw_or_without_end() {
        let mut odd =
            outcome(1, Failure::new(Class::Protocol, Phase::Receive, "\x1b]0;x\x07\n".repeat(10_000)));
        let subject = Arc::make_mut(&mut odd.subject);
        (subject.listed, subject.location.source) = ("http://a/\u{202e}".to_owned(), "li\nst".into());
        let text = told(&mut Failures::default(), false, [finished(odd), Event::Warning("a\rb".to_owned())]);
        assert!(text.starts_with("li\\x0ast:1: http://a/\\u{202e}: protocol (receive): \\x1b]0;x\\x07\\x0a"));
        assert!(!text.chars().any(|c| c != '\n' && sanitize::is_unsafe(c)));
        assert!(text.lines().count() == 2 && text.len() < 5_000);
    }
}
