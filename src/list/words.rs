//! A line is cut into settings: key, operator, value (pure).
//!
//! Knows quotes, brackets and comments. Refuses to know which keys there are (`setting`), and allocates nothing for a
//! value without an escape.

use std::borrow::Cow;
use std::ops::Range;

use super::grammar::Fault;
use crate::check::Op;

/// One setting as it stands on its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut<'a> {
    /// The line it stands on.
    pub(super) line: &'a str,
    /// All of it, in bytes of the line.
    pub(super) whole: Range<usize>,
    /// With the `!` before it, if there is one.
    pub(super) key: &'a str,
    /// `None` where the key stands alone.
    pub(super) op: Option<Op>,
    /// Without its quotes, escapes undone, variables not yet put in.
    pub(super) value: Cow<'a, str>,
    /// Where the value stands, quotes included; empty without one.
    pub(super) value_at: Range<usize>,
    /// In single quotes nothing has a meaning, `${` neither.
    pub(super) is_literal: bool,
}

impl<'a> Cut<'a> {
    /// Where the key stands.
    pub(super) fn key_at(&self) -> Range<usize> {
        self.whole.start..self.whole.start + self.key.len()
    }

    /// As it was written.
    pub(super) fn written(&self) -> &'a str {
        &self.line[self.whole.clone()]
    }

    /// What is wrong with a part of it.
    pub(super) fn fault(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Fault<'a> {
        let span = if span.is_empty() { self.whole.clone() } else { span };
        Fault { line: self.line, span, message: message.into(), hint }
    }
}

/// The setting that begins at this byte or behind the blanks there; `None` at the end of the line and before a comment.
///
/// # Errors
/// A quote or bracket without its end, or what stands right behind a quoted value.
pub(super) fn cut(line: &str, at: usize) -> Result<Option<Cut<'_>>, Fault<'_>> {
    let start = at + line[at..].len() - line[at..].trim_start_matches([' ', '\t']).len();
    let rest = &line[start..];
    if rest.is_empty() || rest.starts_with('#') {
        return Ok(None);
    }
    let key_len = key_length(rest).ok_or_else(|| Fault {
        line,
        span: start..line.len(),
        message: "a bracket or a quote in the path has no end".to_owned(),
        hint: None,
    })?;
    let (key, behind) = rest.split_at(key_len);
    let Some((op, behind)) = Op::split(behind) else {
        let whole = start..start + key_len;
        let value_at = whole.end..whole.end;
        return Ok(Some(Cut {
            line,
            whole,
            key,
            op: None,
            value: Cow::Borrowed(""),
            value_at,
            is_literal: true,
        }));
    };
    let value_start = line.len() - behind.len();
    let value = value(line, value_start)?;
    Ok(Some(Cut {
        line,
        whole: start..value.end,
        key,
        op: Some(op),
        value: value.text,
        value_at: value_start..value.end,
        is_literal: value.is_literal,
    }))
}

/// A key with the rest of its line as the value, as text keys on a line of their own have it.
pub(super) fn cut_rest<'a>(line: &'a str, start: usize, key: &'a str, value_start: usize) -> Cut<'a> {
    let end = line.len();
    let value = Cow::Borrowed(&line[value_start..]);
    Cut {
        line,
        whole: start..end,
        key,
        op: Some(Op::Is),
        value,
        value_at: value_start..end,
        is_literal: false,
    }
}

/// Up to the operator or the blank behind the key. In a path of JSON (RFC 9535) neither is looked for inside brackets
/// and quotes. `None` when one of those has no end.
pub(super) fn key_length(text: &str) -> Option<usize> {
    let bare = text.strip_prefix('!').unwrap_or(text);
    if bare.starts_with("json.") {
        return path_length(text);
    }
    let from = text.len() - bare.len();
    let ends = |&(at, c): &(usize, char)| matches!(c, ' ' | '\t') || Op::split(&bare[at..]).is_some();
    Some(bare.char_indices().find(ends).map_or(text.len(), |(at, _)| from + at))
}

fn path_length(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match (quote, c) {
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') if depth > 0 => quote = Some(c),
            (None, '[' | '(') => depth += 1,
            (None, ']' | ')') => depth = depth.saturating_sub(1),
            (None, ' ' | '\t') if depth == 0 => return Some(at),
            (None, _) if depth == 0 && Op::split(&text[at..]).is_some() => return Some(at),
            (None, _) => {}
        }
    }
    (depth == 0 && quote.is_none()).then_some(text.len())
}

struct Value<'a> {
    text: Cow<'a, str>,
    end: usize,
    is_literal: bool,
}

fn value(line: &str, start: usize) -> Result<Value<'_>, Fault<'_>> {
    let rest = &line[start..];
    match rest.chars().next() {
        Some('"') => double_quoted(line, start),
        Some('\'') => single_quoted(line, start),
        _ => {
            let end = start + rest.find([' ', '\t']).unwrap_or(rest.len());
            Ok(Value { text: Cow::Borrowed(&line[start..end]), end, is_literal: false })
        }
    }
}

fn single_quoted(line: &str, start: usize) -> Result<Value<'_>, Fault<'_>> {
    let Some(length) = line[start + 1..].find('\'') else { return Err(no_end(line, start)) };
    let end = start + 1 + length;
    then_a_blank(line, end + 1)?;
    Ok(Value { text: Cow::Borrowed(&line[start + 1..end]), end: end + 1, is_literal: true })
}

fn double_quoted(line: &str, start: usize) -> Result<Value<'_>, Fault<'_>> {
    let mut text = String::new();
    let mut copied = start + 1;
    let mut chars = line[start + 1..].char_indices().map(|(at, c)| (start + 1 + at, c));
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                then_a_blank(line, at + 1)?;
                text.push_str(&line[copied..at]);
                return Ok(Value { text: Cow::Owned(text), end: at + 1, is_literal: false });
            }
            '\\' => {
                text.push_str(&line[copied..at]);
                let (after, escaped) = chars.next().ok_or_else(|| no_end(line, start))?;
                text.push(unescape(escaped).ok_or_else(|| no_escape(line, at..after + escaped.len_utf8()))?);
                copied = after + escaped.len_utf8();
            }
            _ => {}
        }
    }
    Err(no_end(line, start))
}

fn unescape(c: char) -> Option<char> {
    match c {
        '"' | '\\' => Some(c),
        'n' => Some('\n'),
        't' => Some('\t'),
        _ => None,
    }
}

fn no_escape(line: &str, span: Range<usize>) -> Fault<'_> {
    let message = "in double quotes a backslash stands before \" \\ n or t only".to_owned();
    Fault {
        line,
        span,
        message,
        hint: Some("write \\\\ for a backslash, or put the value in single quotes".to_owned()),
    }
}

fn no_end(line: &str, start: usize) -> Fault<'_> {
    Fault { line, span: start..line.len(), message: "a quote without its end".to_owned(), hint: None }
}

fn then_a_blank(line: &str, end: usize) -> Result<(), Fault<'_>> {
    let rest = &line[end..];
    if rest.is_empty() || rest.starts_with([' ', '\t']) {
        return Ok(());
    }
    let span = end..end + rest.find([' ', '\t']).unwrap_or(rest.len());
    let hint = "put all of the value in the quotes".to_owned();
    Err(Fault {
        line,
        span,
        message: "something right behind the closing quote".to_owned(),
        hint: Some(hint),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(line: &str) -> Vec<(String, Option<Op>, String)> {
        let (mut found, mut at) = (Vec::new(), 0);
        while let Some(cut) = cut(line, at).unwrap_or_else(|fault| panic!("{line}: {}", fault.message)) {
            at = cut.whole.end;
            found.push((cut.key.to_owned(), cut.op, cut.value.into_owned()));
        }
        found
    }

    #[test]
    fn a_line_is_keys_operators_and_values() {
        for (line, expected) in [
            ("", &[][..]),
            ("  \t", &[]),
            ("# x", &[]),
            ("soft", &[("soft", None, "")]),
            (
                "a=1 b>=2\tsoft # c=3",
                &[("a", Some(Op::Is), "1"), ("b", Some(Op::AtLeast), "2"), ("soft", None, "")],
            ),
            ("a=x#y", &[("a", Some(Op::Is), "x#y")]),
            ("a=\"b \\\"c\\\" # \\\\\\n\\t\" d", &[("a", Some(Op::Is), "b \"c\" # \\\n\t"), ("d", None, "")]),
            ("body~='a \\d \"x\" # ' e", &[("body", Some(Op::Matches), "a \\d \"x\" # "), ("e", None, "")]),
            ("a=", &[("a", Some(Op::Is), "")]),
            ("a=\"\"", &[("a", Some(Op::Is), "")]),
            ("!header.x", &[("!header.x", None, "")]),
            ("body!~=x", &[("body", Some(Op::MatchesNot), "x")]),
            ("a!=b", &[("a", Some(Op::IsNot), "b")]),
            ("json.$.a==b==c", &[("json.$.a", Some(Op::Is), "b==c")]),
            (
                "json.$['a b']=='x y' json.$.c[?@.d==\"] =\"].e>=1",
                &[
                    ("json.$['a b']", Some(Op::Is), "x y"),
                    ("json.$.c[?@.d==\"] =\"].e", Some(Op::AtLeast), "1"),
                ],
            ),
            ("!json.$.a b", &[("!json.$.a", None, ""), ("b", None, "")]),
        ] {
            let expected: Vec<_> = expected
                .iter()
                .map(|(key, op, value)| ((*key).to_owned(), *op, (*value).to_owned()))
                .collect();
            assert_eq!(all(line), expected, "{line}");
        }
    }

    #[test]
    fn what_has_no_end_is_an_error_that_points_at_it() {
        for (line, word, message) in [
            ("a=\"b c", "\"b c", "a quote without its end"),
            ("a='b", "'b", "a quote without its end"),
            ("a=\"b\\", "\"b\\", "a quote without its end"),
            ("a=\"\\d\"", "\\d", "in double quotes a backslash"),
            ("a=\"b\"c d", "c", "something right behind"),
            ("a='b'# d", "#", "something right behind"),
            ("json.$['a b", "json.$['a b", "a bracket or a quote"),
        ] {
            let fault = cut(line, 0).unwrap_err();
            assert_eq!(&line[fault.span.clone()], word, "{line}");
            assert!(fault.message.starts_with(message), "{line}: {}", fault.message);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_it_always_gets_on(
            line in r#"([ \t]{0,2}(json\.\$|!|[a-z]{1,4}|[\["'()\]\\#=!~*<>]{1,3}|\PC{0,3})){0,8}"#,
        ) {
            let mut at = 0;
            while let Ok(Some(cut)) = cut(&line, at) {
                prop_assert!(cut.whole.end > at && line.is_char_boundary(cut.whole.end));
                at = cut.whole.end;
            }
        }
    }
}
