//! What happens on the way, on stderr: starts, redirects and retries with `-v`, the wire with `-vv`.
//!
//! Knows the gevent example's line `GET: URL`. Refuses to know who asked: it is only there with `-v`.

use std::time::Duration;

use super::Teller;
use super::failures::why;
use super::figures::seconds;
use super::page::Page;
use crate::event::{Event, Trace as OnTheWay};
use crate::outcome::{Attempt, Kind};
use crate::request::Subject;
use crate::sanitize::{mask_headers, mask_userinfo};

/// Tells starts, redirects, retries and, when asked for, the wire.
pub(super) struct Trace {
    /// Whether `-vv` was given.
    pub(super) wire: bool,
}

impl Teller for Trace {
    fn tell(&mut self, event: &Event, page: &mut Page) {
        match event {
            Event::Started(subject) => started(subject, page),
            Event::Retrying { subject, attempt, wait } => retrying(subject, attempt, *wait, page),
            Event::Trace(subject, OnTheWay::Redirect(status, url)) => {
                redirect(subject, *status, url.as_str(), page);
            }
            Event::Trace(subject, OnTheWay::Wire(line)) if self.wire => wire(subject, line, page),
            _ => {}
        }
    }
}

fn started(subject: &Subject, page: &mut Page) {
    page.push(subject.method.as_str());
    page.push(": ");
    page.escaped(&subject.listed);
    page.push("\n");
}

fn redirect(subject: &Subject, status: u16, url: &str, page: &mut Page) {
    page.escaped(&subject.listed);
    page.say(format_args!(": {status} to "));
    page.escaped(&mask_userinfo(url));
    page.push("\n");
}

fn retrying(subject: &Subject, attempt: &Attempt, wait: Duration, page: &mut Page) {
    page.escaped(&subject.listed);
    page.push(": ");
    if let Some(failure) = &attempt.failure {
        why(failure, Kind::Soft, page);
        page.push("; ");
    }
    page.say(format_args!("again in {}\n", seconds(wait)));
}

/// `urls.txt:7: > GET / HTTP/1.1`: many URLs speak at once, so each line says whose it is.
fn wire(subject: &Subject, line: &str, page: &mut Page) {
    page.escaped(&subject.location.source);
    page.push(":");
    page.number(subject.location.line.into());
    page.push(": ");
    // Masked where it was written already; a line that slips through there does not get past here.
    page.escaped(&mask_headers(line.trim_end_matches(['\r', '\n'])));
    page.push("\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Class, Failure, Phase};
    use crate::record::samples::{at, attempt, passed, subject};
    use crate::report::told;

    fn events() -> Vec<Event> {
        let mut reset = attempt(at(0), 10);
        reset.failure = Some(Failure::new(Class::Closed, Phase::Wait, "reset\x07"));
        let wire = |line: &str| Event::Trace(subject(1), OnTheWay::Wire(line.to_owned()));
        vec![
            Event::Started(subject(1)),
            wire("> GET /1 HTTP/1.1\r\n"),
            wire("> Authorization: Basic hunter2"),
            wire("< X: \x1b[2J"),
            Event::Trace(subject(1), OnTheWay::Redirect(302, "http://u:hunter2@b.example/".parse().unwrap())),
            Event::Retrying {
                subject: subject(1),
                attempt: Box::new(reset),
                wait: Duration::from_millis(500),
            },
            Event::Finished(Box::new(passed(1, 1))),
        ]
    }

    #[test]
    fn starts_redirects_and_retries_are_lines() {
        let golden = "\
GET: http://a.example/1
http://a.example/1: 302 to http://u:***@b.example/
http://a.example/1: closed (wait): reset\\x07; again in 0.50 s
";
        assert_eq!(told(&mut Trace { wire: false }, false, events()), golden);
    }

    #[test]
    fn the_wire_is_told_with_its_place_escaped_and_without_secrets() {
        let text = told(&mut Trace { wire: true }, false, events());
        let wire: Vec<_> = text.lines().filter(|line| line.starts_with("urls.txt:1: ")).collect();
        assert_eq!(
            wire,
            [
                "urls.txt:1: > GET /1 HTTP/1.1",
                "urls.txt:1: > Authorization: ***",
                "urls.txt:1: < X: \\x1b[2J"
            ]
        );
    }
}
