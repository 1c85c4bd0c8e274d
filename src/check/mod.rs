//! What is expected of an answer, and whether it holds (pure).
//!
//! Knows the default expectation and those that a list can write. Refuses to know how the answer came.

#[allow(dead_code, reason = "lists can say it before answers are judged by it")]
mod comparison;
#[allow(dead_code, reason = "lists can say it before answers are judged by it")]
mod json;
mod parse;
#[allow(dead_code, reason = "lists can say it before answers are judged by it")]
mod pattern;
#[allow(dead_code, reason = "lists can say it before answers are judged by it")]
mod statuses;
#[allow(dead_code, reason = "lists can say it before answers are judged by it")]
mod text;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::outcome::{Class, Failure, Phase};
use crate::response::Response;

use comparison::Comparison;
use statuses::Statuses;
use text::TextTest;

pub use parse::{KEYS, parse};

/// How one expectation was judged, or that it was not. Texts may quote bytes from outside: escape before showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The expectation as it was written, secrets masked: `bytes>=500`.
    pub check: Box<str>,
    /// What was asked for: `at least 500 bytes`.
    pub expected: Box<str>,
    /// What was seen, shortened; `None` where nothing was.
    pub actual: Option<Box<str>>,
    /// `None` when it was not evaluated, which is never a pass: the transfer failed, or there was too much to keep.
    pub pass: Option<bool>,
}

/// What stands between the key of a setting and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// `=` and `==`.
    Is,
    /// `!=`.
    IsNot,
    /// `~=`: the regular expression is found somewhere in it.
    Matches,
    /// `!~=`.
    MatchesNot,
    /// `*=`.
    Contains,
    /// `<`.
    Below,
    /// `<=`.
    AtMost,
    /// `>`.
    Above,
    /// `>=`.
    AtLeast,
}

impl Op {
    /// Every spelling, so that no one stands behind the beginning of itself: the first that fits is the longest.
    const SPELLINGS: [(&'static str, Op); 10] = [
        ("!~=", Op::MatchesNot),
        ("==", Op::Is),
        ("!=", Op::IsNot),
        ("~=", Op::Matches),
        ("*=", Op::Contains),
        ("<=", Op::AtMost),
        (">=", Op::AtLeast),
        ("=", Op::Is),
        ("<", Op::Below),
        (">", Op::Above),
    ];

    /// The operator that a text begins with, the longest that fits, and what comes after it; `None` when there is none.
    pub fn split(text: &str) -> Option<(Op, &str)> {
        Op::SPELLINGS.iter().find_map(|(spelling, op)| text.strip_prefix(spelling).map(|rest| (*op, rest)))
    }

    /// As it is written; [`Op::Is`] is `=`.
    pub fn as_str(self) -> &'static str {
        match self {
            Op::Is => "=",
            Op::IsNot => "!=",
            Op::Matches => "~=",
            Op::MatchesNot => "!~=",
            Op::Contains => "*=",
            Op::Below => "<",
            Op::AtMost => "<=",
            Op::Above => ">",
            Op::AtLeast => ">=",
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One expectation, read and compiled. Copies share what it was compiled to.
#[derive(Clone)]
pub struct Check {
    /// As it was written, the name of a header in lower case: `header.location`, `!header.x`, `json.$.ok`.
    key: Box<str>,
    /// `None` asks whether it is there.
    op: Option<Op>,
    value: Box<str>,
    #[allow(dead_code, reason = "lists can say it before answers are judged by it")]
    expectation: Expectation,
}

/// What a check is about, and what it wants.
#[derive(Clone)]
#[allow(dead_code, reason = "lists can say it before answers are judged by it")]
enum Expectation {
    Status(Arc<Statuses>),
    Body(TextTest),
    Header { name: Box<str>, wants: Presence<HeaderTest> },
    Json { path: Arc<json::Path>, wants: Presence<json::ValueTest> },
    Bytes(Comparison<u64>),
    Sha256 { digest: Box<str>, is_wanted: bool },
    Type(TextTest),
    Time(Comparison<Duration>),
    Ttfb(Comparison<Duration>),
    TlsDays(Comparison<i64>),
    Redirects(Comparison<u64>),
    FinalUrl(TextTest),
}

/// What is wanted of something of which there may be none, or several.
#[derive(Clone)]
enum Presence<T> {
    There,
    Absent,
    /// One that is there holds.
    Any(T),
}

/// What is wanted of a header's value.
#[derive(Clone)]
#[allow(dead_code, reason = "lists can say it before answers are judged by it")]
enum HeaderTest {
    Text(TextTest),
    Number(Comparison<f64>),
}

impl Check {
    /// What makes two checks the same one for "the line beats the command line beats `@defaults`": key and operator.
    pub fn identity(&self) -> (&str, Option<Op>) {
        (&self.key, self.op)
    }

    /// The check as a list writes it, the value in quotes where it has to be: reading it gives the same check.
    pub fn as_written(&self) -> String {
        let Some(op) = self.op else { return self.key.to_string() };
        // A path of JSON reads better so, and it is how the contract writes it.
        let op = if op == Op::Is && self.key.starts_with("json.") { "==" } else { op.as_str() };
        format!("{}{op}{}", self.key, quoted(&self.value))
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Check({})", self.as_written())
    }
}

impl PartialEq for Check {
    fn eq(&self, other: &Check) -> bool {
        (&self.key, self.op, &self.value) == (&other.key, other.op, &other.value)
    }
}

impl Eq for Check {}

/// A value as a list's grammar takes it for itself: bare where it can be, else in double quotes. `${` is doubled, so
/// that it names no variable.
fn quoted(value: &str) -> String {
    let literal = value.replace("${", "$${");
    let is_bare = !value.is_empty()
        && !value.starts_with(['"', '\''])
        && !value.contains(|c: char| c.is_whitespace() || c.is_control());
    if is_bare {
        return literal;
    }
    let escaped = literal.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", escaped.replace('\n', "\\n").replace('\t', "\\t"))
}

/// Judges an answer that came whole: the status is below 400.
///
/// # Errors
/// `status` with what was expected and what came.
pub fn judge(response: &Response) -> Result<(), Failure> {
    match response.status {
        Some(status) if status < 400 => Ok(()),
        Some(status) => Err(Failure::new(
            Class::Status,
            Phase::Check,
            format!("expected a status below 400, got {status}"),
        )),
        None => Err(Failure::new(Class::Internal, Phase::Check, "an answer without a status")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_below_400_passes() {
        let judged = |status| judge(&Response { status: Some(status), ..Response::default() });
        for status in [200, 204, 301, 304, 399] {
            assert_eq!(judged(status), Ok(()), "{status}");
        }
        for status in [400, 404, 500, 599, 600, 999] {
            assert_eq!(judged(status).map_err(|failure| failure.class), Err(Class::Status), "{status}");
        }
    }

    #[test]
    fn the_longest_operator_wins() {
        for (text, op, rest) in [
            ("==5", Op::Is, "5"),
            ("=5", Op::Is, "5"),
            ("===", Op::Is, "="),
            ("!~=x", Op::MatchesNot, "x"),
            ("!=x", Op::IsNot, "x"),
            ("~=x", Op::Matches, "x"),
            ("*=", Op::Contains, ""),
            ("<=1", Op::AtMost, "1"),
            ("<1", Op::Below, "1"),
            (">=1", Op::AtLeast, "1"),
            ("><", Op::Above, "<"),
        ] {
            assert_eq!(Op::split(text), Some((op, rest)), "{text}");
        }
        for none in ["", "x=", "!", "~", "!~x", "*"] {
            assert_eq!(Op::split(none), None, "{none}");
        }
        for (spelling, op) in Op::SPELLINGS {
            assert_eq!(Op::split(spelling), Some((op, "")));
        }
    }
}
