//! A text against what is wanted of it: equal, containing, matching, or not (pure).
//!
//! Knows the operators of texts. Refuses to know where the text comes from, and to read one in pieces.

use std::fmt;
use std::sync::Arc;

use memchr::memmem::Finder;

use super::Op;
use super::pattern::Pattern;

/// What is wanted of a text.
#[derive(Clone)]
pub(super) struct TextTest {
    pub(super) wants: Wanted,
    /// The contrary is wanted: `!=`, `!~=`.
    pub(super) is_negated: bool,
}

/// What is looked for.
#[derive(Clone)]
pub(super) enum Wanted {
    Is(Box<str>),
    Contains(Arc<Finder<'static>>),
    Matches(Arc<Pattern>),
}

impl TextTest {
    /// `None` for an operator of figures.
    ///
    /// # Errors
    /// A fragment about a regular expression.
    pub(super) fn new(op: Op, value: &str) -> Option<Result<TextTest, String>> {
        let (wants, is_negated) = match op {
            Op::Is | Op::IsNot => (Ok(Wanted::Is(value.into())), op == Op::IsNot),
            Op::Contains => {
                (Ok(Wanted::Contains(Arc::new(Finder::new(value.as_bytes()).into_owned()))), false)
            }
            Op::Matches | Op::MatchesNot => {
                (Pattern::compile(value).map(Wanted::Matches), op == Op::MatchesNot)
            }
            Op::Below | Op::AtMost | Op::Above | Op::AtLeast => return None,
        };
        Some(wants.map(|wants| TextTest { wants, is_negated }))
    }

    /// Whether a text is as wanted.
    pub(super) fn holds(&self, text: &str) -> bool {
        let holds = match &self.wants {
            Wanted::Is(wanted) => **wanted == *text,
            Wanted::Contains(finder) => finder.find(text.as_bytes()).is_some(),
            Wanted::Matches(pattern) => pattern.is_match(text.as_bytes()),
        };
        holds != self.is_negated
    }
}

/// In words, behind what it is about: `that contains "ok"`.
impl fmt::Display for TextTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.wants, self.is_negated) {
            (Wanted::Is(text), false) => write!(f, "{text:?}"),
            (Wanted::Is(text), true) => write!(f, "other than {text:?}"),
            (Wanted::Contains(finder), _) => {
                write!(f, "with {:?}", String::from_utf8_lossy(finder.needle()))
            }
            (Wanted::Matches(pattern), false) => write!(f, "that matches /{}/", pattern.as_str()),
            (Wanted::Matches(pattern), true) => write!(f, "that does not match /{}/", pattern.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operator_holds_where_it_says() {
        for (op, value, yes, no) in [
            (Op::Is, "nginx", "nginx", "nginx/1"),
            (Op::IsNot, "nginx", "nginx/1", "nginx"),
            (Op::Contains, "gin", "nginx", "apache"),
            (Op::Matches, "^/new$", "/new", "/newer"),
            (Op::MatchesNot, "err(or)?", "fine", "an error"),
        ] {
            let test = TextTest::new(op, value).unwrap().unwrap();
            assert!(test.holds(yes) && !test.holds(no), "{op}{value}");
        }
        assert!(TextTest::new(Op::AtLeast, "5").is_none());
        assert!(TextTest::new(Op::Matches, "(").unwrap().is_err());
    }
}
