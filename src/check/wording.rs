//! What a check asks for, in the words of a failure line: `expected at least 500 bytes` (pure).
//!
//! Knows the sentence of each kind. Refuses to know what was seen.

use std::fmt::Display;
use std::time::Duration;

use super::comparison::Comparison;
use super::json::ValueTest;
use super::{Check, Expectation, HeaderTest, Presence};

impl Check {
    /// What it asks for, behind "expected".
    pub(super) fn expected(&self) -> String {
        let value = &self.value;
        match &self.expectation {
            Expectation::Status(_) => format!("status {value}"),
            Expectation::Body(test) => format!("a body {test}"),
            Expectation::Header { name, wants } => header(name, wants),
            Expectation::Json { wants, .. } => self.json(wants),
            Expectation::Bytes(comparison) => counted(comparison, "byte"),
            Expectation::Sha256 { digest, is_wanted: true } => format!("SHA-256 {digest}"),
            Expectation::Sha256 { digest, is_wanted: false } => format!("another SHA-256 than {digest}"),
            Expectation::Type(test) => format!("a type {test}"),
            Expectation::Time(comparison) => format!("time {}", elapsed(comparison)),
            Expectation::Ttfb(comparison) => format!("ttfb {}", elapsed(comparison)),
            Expectation::TlsDays(comparison) => format!("certificates for {}", counted(comparison, "day")),
            Expectation::Redirects(comparison) => counted(comparison, "redirect"),
            Expectation::FinalUrl(test) => format!("a final URL {test}"),
        }
    }

    fn json(&self, wants: &Presence<ValueTest>) -> String {
        let path = self.key.trim_start_matches('!').trim_start_matches("json.");
        match wants {
            Presence::There => format!("something at {path}"),
            Presence::Absent => format!("nothing at {path}"),
            Presence::Holding(ValueTest::Text(test)) => format!("a value {test} at {path}"),
            Presence::Holding(test) => format!("{test} at {path}"),
        }
    }
}

fn header(name: &str, wants: &Presence<HeaderTest>) -> String {
    match wants {
        Presence::There => format!("a header {name}"),
        Presence::Absent => format!("no header {name}"),
        Presence::Holding(HeaderTest::Text(test)) => format!("a header {name} {test}"),
        Presence::Holding(HeaderTest::Number(comparison)) => {
            format!("a header {name} {}{}", comparison.words(), comparison.bound())
        }
    }
}

fn counted<T: PartialEq + PartialOrd + Display + From<u8>>(comparison: &Comparison<T>, unit: &str) -> String {
    let plural = if *comparison.bound() == T::from(1) { "" } else { "s" };
    format!("{}{} {unit}{plural}", comparison.words(), comparison.bound())
}

fn elapsed(comparison: &Comparison<Duration>) -> String {
    format!("{}{}", comparison.words(), seconds(*comparison.bound()))
}

/// A duration as failure lines have it, to the millisecond.
pub(super) fn seconds(duration: Duration) -> String {
    format!("{:.3} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use crate::check::{Op, parse};

    #[test]
    fn each_check_says_what_it_asks_for() {
        for (key, op, value, expected) in [
            ("expect", "=", "2xx,!204", "status 2xx,!204"),
            ("body", "*=", "ok", "a body with \"ok\""),
            ("body", "~=", r"v\d+", r"a body that matches /v\d+/"),
            ("body", "!~=", "error", "a body that does not match /error/"),
            ("header.Server", "", "", "a header server"),
            ("!header.x", "", "", "no header x"),
            ("header.x", "!=", "a", "a header x other than \"a\""),
            ("header.age", "<=", "60", "a header age at most 60"),
            ("json.$.ok", "==", "true", "true at $.ok"),
            ("json.$.n", ">=", "3", "at least 3 at $.n"),
            ("json.$.a", "~=", "x", "a value that matches /x/ at $.a"),
            ("!json.$.error", "", "", "nothing at $.error"),
            ("bytes", ">=", "1KiB", "at least 1024 bytes"),
            ("type", "=", "Text/HTML", "a type \"text/html\""),
            ("time", "<", "2s", "time below 2.000 s"),
            ("tls-days", ">=", "21", "certificates for at least 21 days"),
            ("redirects", "<=", "1", "at most 1 redirect"),
            ("final-url", "=", "https://a/", "a final URL \"https://a/\""),
        ] {
            let check = parse(key, Op::split(op).map(|(op, _)| op), value).unwrap().unwrap();
            assert_eq!(check.expected(), expected);
        }
    }
}
