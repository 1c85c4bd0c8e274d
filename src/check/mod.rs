//! What is expected of an answer, and whether it holds (pure).
//!
//! Knows the default expectation and those that a list can write. Refuses to know how the answer came.

mod comparison;
mod examination;
mod json;
mod judge;
mod parse;
mod pattern;
mod snippet;
mod statuses;
mod text;
mod wording;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use comparison::Comparison;
use statuses::Statuses;
use text::{TextTest, Wanted};

pub use examination::{Examination, Findings, MOST_KEPT_BYTES, Remainder};
pub use judge::{Judgement, Seen, judge, not_evaluated};
pub use parse::{KEYS, is_key, parse};

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
    expectation: Expectation,
}

/// What a check is about, and what it wants.
#[derive(Clone)]
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
    /// One that is there holds; with what is not wanted, all of them and at least one.
    Holding(T),
}

/// A test of one value among several.
trait Test<V: ?Sized> {
    /// Whether a value is as wanted.
    fn holds(&self, value: &V) -> bool;

    /// Whether it says what a value must not be.
    fn is_negated(&self) -> bool;
}

impl<T> Presence<T> {
    /// Whether these are as wanted, all that there are.
    fn holds_of<V: ?Sized>(&self, values: &[&V]) -> bool
    where
        T: Test<V>,
    {
        match self {
            Presence::There => !values.is_empty(),
            Presence::Absent => values.is_empty(),
            Presence::Holding(test) if test.is_negated() => {
                !values.is_empty() && values.iter().all(|value| test.holds(value))
            }
            Presence::Holding(test) => values.iter().any(|value| test.holds(value)),
        }
    }
}

/// What is wanted of a header's value.
#[derive(Clone)]
enum HeaderTest {
    Text(TextTest),
    Number(Comparison<f64>),
}

impl Check {
    /// What makes a check of a line take the place of one of `@defaults`: key and operator. On one line, checks that
    /// share them all hold.
    pub fn identity(&self) -> (&str, Option<Op>) {
        (&self.key, self.op)
    }

    /// What it is compared with, as it was written: with key and operator, what [`parse`] makes the same check of.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The check as a list writes it, the value in quotes where it has to be: reading it gives the same check.
    pub fn as_written(&self) -> String {
        let Some(op) = self.op else { return self.key.to_string() };
        // A path of JSON reads better so, and it is how the contract writes it.
        let op = if op == Op::Is && self.key.starts_with("json.") { "==" } else { op.as_str() };
        format!("{}{op}{}", self.key, quoted(&self.value))
    }

    /// Whether it wants to see the headers of the answer.
    pub fn looks_at_headers(&self) -> bool {
        matches!(self.expectation, Expectation::Header { .. })
    }

    /// Whether it wants to know what a certificate says.
    pub fn looks_at_certificates(&self) -> bool {
        matches!(self.expectation, Expectation::TlsDays(_))
    }

    /// Whether it wants to know what is in the body, beyond its bytes.
    pub fn looks_into_body(&self) -> bool {
        matches!(self.expectation, Expectation::Body(_) | Expectation::Json { .. })
    }

    /// Whether only redirects are expected: then they are the answer and not followed.
    pub fn expects_redirects(&self) -> bool {
        matches!(&self.expectation, Expectation::Status(statuses) if statuses.are_redirects())
    }

    fn wants_whole_body(&self) -> bool {
        match &self.expectation {
            Expectation::Json { .. } => true,
            Expectation::Body(test) => {
                matches!(&test.wants, Wanted::Matches(pattern) if pattern.begin().is_none())
            }
            _ => false,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

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
