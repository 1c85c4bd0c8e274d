//! A setting of a list becomes a check: `bytes>=500` (pure).
//!
//! Knows every key, which operators go with it, and how its value is written. Refuses to cut a line into settings and to
//! know where they stand: a complaint is a fragment for whoever shows the place.

use std::sync::Arc;
use std::time::Duration;

use super::comparison::Comparison;
use super::json::{self, ValueTest};
use super::statuses::Statuses;
use super::text::TextTest;
use super::{Check, Expectation, HeaderTest, Op, Presence};
use crate::quantity::{self, Misfit};

/// The keys of checks, for hints at the nearest one; `header.` and `json.` go on with a name or a path.
pub const KEYS: [&str; 12] = [
    "expect",
    "body",
    "header.",
    "json.",
    "bytes",
    "sha256",
    "type",
    "time",
    "ttfb",
    "tls-days",
    "redirects",
    "final-url",
];

/// Whether a word is the key of a check.
pub fn is_key(word: &str) -> bool {
    KEYS.iter().any(|key| word == *key || key.ends_with('.') && word.starts_with(key))
}

/// Reads one setting. `None` when its key is that of no check. The key comes with the `!` before it, if there is one,
/// and with the name or path in it; `op` is `None` where nothing stands behind the key.
///
/// # Errors
/// A fragment that says what is wrong with the operator or the value, and what is right.
pub fn parse(key: &str, op: Option<Op>, value: &str) -> Option<Result<Check, String>> {
    let (bare, is_absent) = match key.strip_prefix('!') {
        Some(bare) => (bare, true),
        None => (key, false),
    };
    let key = canonical(key);
    let expectation = match bare {
        _ if bare.starts_with("header.") => header(&bare["header.".len()..], is_absent, op, value),
        _ if bare.starts_with("json.") => json(&bare["json.".len()..], is_absent, op, value),
        _ if !KEYS.contains(&bare) => return None,
        _ if is_absent => Err(format!("only header.NAME and json.PATH can be absent, {bare} cannot")),
        _ => match op {
            Some(op) => simple(bare, op, value),
            None => Err(format!("{bare} wants an operator and a value, such as {}", example(bare))),
        },
    };
    let check = |expectation| Check { key: key.into(), op, value: value.into(), expectation };
    Some(expectation.map(check))
}

/// The name of a header has no case (RFC 9110 §5.1).
fn canonical(key: &str) -> String {
    let is_header = key.trim_start_matches('!').starts_with("header.");
    if is_header { key.to_ascii_lowercase() } else { key.to_owned() }
}

fn example(key: &str) -> &'static str {
    match key {
        "expect" => "expect=200",
        "body" => "body*=welcome",
        "bytes" => "bytes>=500",
        "sha256" => "sha256=e3b0… (64 hexadecimal digits)",
        "type" => "type=text/html",
        "time" => "time<=2s",
        "ttfb" => "ttfb<=300ms",
        "tls-days" => "tls-days>=21",
        "redirects" => "redirects<=1",
        _ => "final-url=https://example.com/",
    }
}

fn simple(key: &str, op: Op, value: &str) -> Result<Expectation, String> {
    match key {
        "expect" => expect(op, value),
        "body" => body(op, value),
        "bytes" => compared(key, op, size(value)?).map(Expectation::Bytes),
        "sha256" => sha256(op, value),
        "type" => media_type(op, value).map(Expectation::Type),
        "time" => elapsed(key, op, value).map(Expectation::Time),
        "ttfb" => elapsed(key, op, value).map(Expectation::Ttfb),
        "tls-days" => compared(key, op, number(value)?).map(Expectation::TlsDays),
        "redirects" => compared(key, op, number(value)?).map(Expectation::Redirects),
        _ => text(key, op, value).map(Expectation::FinalUrl),
    }
}

fn expect(op: Op, value: &str) -> Result<Expectation, String> {
    match op {
        Op::Is => Statuses::parse(value).map(Arc::new).map(Expectation::Status),
        Op::IsNot => Err(format!("write expect=!{value}")),
        _ => {
            Err(format!("expect has no '{op}': write expect=200, expect=2xx, expect=200..299 or expect=!404"))
        }
    }
}

fn body(op: Op, value: &str) -> Result<Expectation, String> {
    match op {
        Op::Contains | Op::Matches | Op::MatchesNot if value.is_empty() => {
            Err(format!("every body has an empty text in it; write one behind body{op}"))
        }
        Op::Contains | Op::Matches | Op::MatchesNot => text("body", op, value).map(Expectation::Body),
        Op::Is => {
            Err("body= is neither: data= is the body that is sent, body*= a text and body~= a regular \
                       expression that the answer's has to have, sha256= the hash of all of it"
                .to_owned())
        }
        _ => Err(format!(
            "body has no '{op}': write body*= for a text, body~= or body!~= for a regular expression"
        )),
    }
}

fn sha256(op: Op, value: &str) -> Result<Expectation, String> {
    let is_digest = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    let digest: Box<str> = value.to_ascii_lowercase().into();
    match op {
        Op::Is | Op::IsNot if is_digest => Ok(Expectation::Sha256 { digest, is_wanted: op == Op::Is }),
        Op::Is | Op::IsNot => Err(format!("'{value}' is no SHA-256: 64 hexadecimal digits")),
        _ => Err(format!("sha256 has no '{op}': write sha256=")),
    }
}

fn header(name: &str, is_absent: bool, op: Option<Op>, value: &str) -> Result<Expectation, String> {
    let is_name =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !is_name {
        return Err("the name of a header here is letters, digits, - and _".to_owned());
    }
    let wants = presence(&format!("header.{name}"), is_absent, op, |op| header_test(op, value))?;
    Ok(Expectation::Header { name: name.to_ascii_lowercase().into(), wants })
}

fn header_test(op: Op, value: &str) -> Result<HeaderTest, String> {
    match TextTest::new(op, value) {
        Some(test) => test.map(HeaderTest::Text),
        None => {
            let bound = value.parse().ok().filter(|bound: &f64| bound.is_finite());
            let comparison = bound.and_then(|bound| Comparison::new(op, bound));
            comparison
                .map(HeaderTest::Number)
                .ok_or_else(|| format!("'{value}' is no number to compare with"))
        }
    }
}

fn json(path: &str, is_absent: bool, op: Option<Op>, value: &str) -> Result<Expectation, String> {
    let path = Arc::new(json::Path::parse(path)?);
    let wants = presence("json.PATH", is_absent, op, |op| ValueTest::new(op, value))?;
    Ok(Expectation::Json { path, wants })
}

fn presence<T>(
    key: &str,
    is_absent: bool,
    op: Option<Op>,
    test: impl FnOnce(Op) -> Result<T, String>,
) -> Result<Presence<T>, String> {
    match (is_absent, op) {
        (true, None) => Ok(Presence::Absent),
        (true, Some(op)) => {
            Err(format!("!{key} says that there is none: nothing can stand behind it, as '{op}' does"))
        }
        (false, None) => Ok(Presence::There),
        (false, Some(op)) => test(op).map(Presence::Holding),
    }
}

fn text(key: &str, op: Op, value: &str) -> Result<TextTest, String> {
    TextTest::new(op, value)
        .unwrap_or_else(|| Err(format!("{key} is a text, '{op}' compares figures: write {}", example(key))))
}

/// Media types have no case (RFC 9110 §8.3.1), so what is wanted of one has none either: `type!~=HTML` would else hold of
/// each page.
fn media_type(op: Op, value: &str) -> Result<TextTest, String> {
    match op {
        Op::Matches | Op::MatchesNot => text("type", op, &format!("(?i){value}")),
        _ => text("type", op, &value.to_ascii_lowercase()),
    }
}

fn compared<T: PartialOrd>(key: &str, op: Op, bound: T) -> Result<Comparison<T>, String> {
    Comparison::new(op, bound)
        .ok_or_else(|| format!("{key} is a figure and has no '{op}': write {}", example(key)))
}

/// Two clocks never agree, so equality is a slip.
fn elapsed(key: &str, op: Op, value: &str) -> Result<Comparison<Duration>, String> {
    let bound = quantity::parse_duration(value)
        .map_err(|_| format!("'{value}' is no duration; write 5, 0.5, 5s, 300ms or 2m"))?;
    if matches!(op, Op::Is | Op::IsNot) {
        return Err(format!("{key} is never exactly the same: write {}", example(key)));
    }
    compared(key, op, bound)
}

fn size(value: &str) -> Result<u64, String> {
    quantity::parse_size(value).map_err(|misfit| match misfit {
        Misfit::Form => format!("'{value}' is no size; write a whole number such as 512, 64KiB or 10MB"),
        Misfit::Range => format!("'{value}' is more than 64 bits of bytes"),
    })
}

fn number<T: std::str::FromStr>(value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("'{value}' is no whole number"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As a list's grammar cuts it: the operator is looked for outside brackets.
    fn read(text: &str) -> Option<Result<Check, String>> {
        let mut depth = 0;
        let cut = text.char_indices().skip(1).find(|(at, c)| {
            depth += i32::from(matches!(c, '[' | '(')) - i32::from(matches!(c, ']' | ')'));
            depth == 0 && Op::split(&text[*at..]).is_some()
        });
        match cut.and_then(|(at, _)| Op::split(&text[at..]).map(|split| (at, split))) {
            Some((at, (op, value))) => parse(&text[..at], Some(op), value),
            None => parse(text, None, ""),
        }
    }

    #[test]
    fn each_check_of_the_contract_is_read_and_written_as_it_was() {
        for text in [
            "expect=200",
            "expect=200,204",
            "expect=2xx",
            "expect=200..299",
            "expect=!404",
            "body*=ok",
            "body~=^v\\d",
            "body!~=error",
            "header.location",
            "!header.x-powered-by",
            "header.server=nginx",
            "header.via!=x",
            "header.location~=/new",
            "header.age<=60",
            "json.$.ok==true",
            "json.$.items[?@.a==1]",
            "!json.$.error",
            "json.$.n>=3",
            "json.$.name*=x",
            "bytes>=500",
            "bytes<1MB",
            "type=text/html",
            "type~=json",
            "time<2s",
            "ttfb<=300ms",
            "tls-days>=21",
            "redirects=0",
            "final-url=https://a.example/",
            "final-url~=/new$",
            "sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ] {
            let check = read(text).unwrap_or_else(|| panic!("{text} is no check")).unwrap();
            assert_eq!(check.as_written(), text);
        }
    }

    #[test]
    fn what_is_no_check_is_left_to_others() {
        for other in ["", "header", "data", "expects", "max-time", "!", "!soft", "jsonx", "Expect"] {
            assert!(parse(other, Some(Op::Is), "1").is_none(), "{other}");
        }
    }

    #[test]
    fn what_is_wrong_names_what_is_right() {
        for (text, hint) in [
            ("expect", "such as expect=200"),
            ("expect!=404", "expect=!404"),
            ("expect>=200", "expect=2xx"),
            ("expect=ok", "'ok' is no status"),
            ("body=x", "data="),
            ("body!=x", "body*="),
            ("body*=", "empty"),
            ("body~=(", "no regular expression"),
            ("header.", "letters, digits"),
            ("header.a b", "letters, digits"),
            ("!header.x=1", "nothing can stand behind it"),
            ("header.age<=old", "no number"),
            ("json.ok==true", "json.$.ok"),
            ("bytes*=5", "bytes>=500"),
            ("bytes>=5 apples", "no size"),
            ("sha256=abc", "64 hexadecimal"),
            ("type>=x", "type=text/html"),
            ("time=2s", "never exactly"),
            ("ttfb<=soon", "no duration"),
            ("tls-days>=x", "whole number"),
            ("redirects>=-1", "whole number"),
            ("!bytes", "cannot"),
        ] {
            let complaint = read(text).unwrap_or_else(|| panic!("{text} is no check")).unwrap_err();
            assert!(complaint.contains(hint), "{text}: {complaint}");
        }
    }

    #[test]
    fn a_check_is_the_same_by_key_and_operator() {
        let identity = |text: &str| {
            let check = read(text).unwrap().unwrap();
            (check.identity().0.to_owned(), check.identity().1)
        };
        assert_eq!(identity("expect=200"), identity("expect==404"));
        assert_eq!(identity("header.X-A=1"), identity("header.x-a=2"));
        assert_ne!(identity("header.x-a=1"), identity("header.x-a~=1"));
        assert_ne!(identity("header.x-a"), identity("!header.x-a"));
        assert_ne!(identity("json.$.A"), identity("json.$.a"));
    }

    #[test]
    fn a_value_that_needs_quotes_gets_them() {
        for (value, written) in [
            ("a b", "body*=\"a b\""),
            ("\"q\"", "body*=\"\\\"q\\\"\""),
            ("'", "body*=\"'\""),
            ("a\\ b\n\t", "body*=\"a\\\\ b\\n\\t\""),
            ("a\\b'\"c#", "body*=a\\b'\"c#"),
            ("${X}", "body*=$${X}"),
        ] {
            assert_eq!(parse("body", Some(Op::Contains), value).unwrap().unwrap().as_written(), written);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(key in "(!?(header|json)\\.)?[a-z$.\\[\\]?@()*'-]{0,12}", value in ".{0,12}", op in 0..10_usize) {
            let op = Op::SPELLINGS.get(op).map(|(_, op)| *op);
            for key in KEYS.iter().copied().chain([key.as_str()]) {
                let _ = parse(key, op, &value);
            }
        }
    }
}
