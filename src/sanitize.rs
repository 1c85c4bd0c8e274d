//! What came from outside, made fit to be shown: control characters escaped, secrets masked (pure).
//!
//! Knows which characters can move a cursor, turn a line around or hide in it, and where a secret stands. Refuses to
//! know what is shown where.

mod masks;

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;

pub use masks::Masks;

/// What stands in the place of a secret.
pub const MASK: &str = "***";

/// Whether a character does something to a terminal or a reader other than standing there: C0, DEL, C1, line and
/// paragraph separators, bidi controls (CVE-2021-42574), zero-width and tag characters, the byte order mark.
pub fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether every byte is printable ASCII: the usual case, found out without decoding a character.
pub fn is_plain(bytes: &[u8]) -> bool {
    // Without an early return the compiler makes vectors of it, which wins for anything as short as a URL.
    bytes.iter().fold(true, |plain, byte| plain & (0x20..0x7f).contains(byte))
}

/// The text with each unsafe character spelled out, as `\x1b` or `\u{202e}`; everything else is left alone. Allocates
/// only when there is something to escape.
pub fn escape(text: &str) -> Cow<'_, str> {
    if is_plain(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    match text.find(is_unsafe) {
        None => Cow::Borrowed(text),
        Some(first) => Cow::Owned(escape_from(text, first)),
    }
}

fn escape_from(text: &str, first: usize) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    escaped.push_str(&text[..first]);
    for c in text[first..].chars() {
        // Writing to a String cannot fail.
        let _ = match c {
            c if !is_unsafe(c) => escaped.write_char(c),
            c if c.is_ascii() => write!(escaped, "\\x{:02x}", c as u32),
            c => write!(escaped, "\\u{{{:x}}}", c as u32),
        };
    }
    escaped
}

/// The text with the password of every URL in it replaced: `https://user:***@host/`. A user alone stays. Meant for
/// what somebody typed, so it also finds the password in what is no valid URL.
pub fn mask_userinfo(text: &str) -> Cow<'_, str> {
    mask_userinfo_but(text, |_| false)
}

/// The same, but for passwords that may be seen, as the name of a variable may.
pub fn mask_userinfo_but(text: &str, may_be_seen: impl Fn(&str) -> bool) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let passwords =
        words(text).filter_map(|word| password(word.text).map(|(from, to)| word.at + from..word.at + to));
    without(text, passwords.filter(|password| !may_be_seen(&text[password.clone()])))
}

/// The text with the password of every URL in it replaced, where a URL begins with a scheme and ends with its authority:
/// for a text that means something else as a whole, such as JSON with a mail address in it.
pub fn mask_urls(text: &str) -> Cow<'_, str> {
    let passwords = text.match_indices("://").filter_map(|(at, mark)| {
        let start = at + mark.len();
        let ends = |c: char| c.is_whitespace() || "/\\?#\"'<>".contains(c);
        let authority = &text[start..start + text[start..].find(ends).unwrap_or(text.len() - start)];
        let at = authority.rfind('@')?;
        let colon = authority[..at].find(':')?;
        Some(start + colon + 1..start + at)
    });
    without(text, passwords)
}

/// The text with these parts of it, in their order, replaced.
fn without(text: &str, parts: impl Iterator<Item = Range<usize>>) -> Cow<'_, str> {
    let mut masked = String::new();
    let mut copied = 0;
    for part in parts {
        masked.push_str(&text[copied..part.start]);
        masked.push_str(MASK);
        copied = part.end;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(&text[copied..]);
    Cow::Owned(masked)
}

/// A piece of a text and the place it stands at.
struct Word<'a> {
    at: usize,
    text: &'a str,
}

fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    let mut at = 0;
    text.split_inclusive([' ', '\t', '\n', '\r']).map(move |piece| {
        let word = Word { at, text: piece };
        at += piece.len();
        word
    })
}

/// Where in a URL the password stands, as browsers and curl find it: after the first colon of what is before the last
/// `@` of the authority (WHATWG URL, "authority state"; CVE-2016-8624 shows what two opinions on this lead to).
fn password(url: &str) -> Option<(usize, usize)> {
    let start = authority_start(url);
    let end = url[start..].find(['/', '\\', '?', '#']).map_or(url.len(), |length| start + length);
    let authority = &url[start..end];
    let (colon, at) = match authority.rfind('@') {
        Some(at) => (authority[..at].find(':')?, at),
        None => stray_password(authority, &url[start..])?,
    };
    Some((start + colon + 1, start + at))
}

/// A password with an unencoded `/`, `?` or `#` in it: then what looks like a port is no number, and the `@` comes
/// later. No parser takes that for a URL, so it is only ever shown, in the failure that says so.
fn stray_password(authority: &str, rest: &str) -> Option<(usize, usize)> {
    let colon = authority.find(':').filter(|_| !authority.starts_with('['))?;
    let port = &authority[colon + 1..];
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    let at = rest.rfind('@').filter(|_| !is_port)?;
    Some((colon, at))
}

/// After the scheme and any number of slashes of either kind, which is how lenient parsers see it.
fn authority_start(url: &str) -> usize {
    let after_scheme =
        [":/", ":\\"].iter().filter_map(|mark| url.find(mark)).min().map_or(0, |colon| colon + 1);
    let slashes = url[after_scheme..].bytes().take_while(|byte| matches!(byte, b'/' | b'\\')).count();
    after_scheme + slashes
}

/// Whether a header's value is nobody's business, whoever sent it.
pub fn is_secret_header(name: &str) -> bool {
    const SECRET: [&str; 6] =
        ["authorization", "proxy-authorization", "cookie", "cookie2", "set-cookie", "set-cookie2"];
    SECRET.iter().any(|secret| name.trim().eq_ignore_ascii_case(secret))
}

/// A line of a wire log with the value of a secret header replaced: `> Authorization: ***`. The `> ` or `< ` before it
/// may be missing.
pub fn mask_headers(line: &str) -> Cow<'_, str> {
    let Some((before, value)) = line.split_once(':') else { return Cow::Borrowed(line) };
    let name = before.trim_start_matches(['>', '<', '*', ' ']);
    if name.eq_ignore_ascii_case("location") {
        return mask_userinfo(line);
    }
    if !is_secret_header(name) || value.trim() == MASK {
        return Cow::Borrowed(line);
    }
    Cow::Owned(format!("{before}: {MASK}"))
}

/// The text, or as much of it as fits into so many characters with an ellipsis for the rest.
pub fn shorten(text: &str, max_chars: usize) -> Cow<'_, str> {
    // Most texts are shorter in bytes already.
    if text.len() <= max_chars || text.chars().nth(max_chars).is_none() {
        return Cow::Borrowed(text);
    }
    let kept = text.char_indices().nth(max_chars.saturating_sub(1)).map_or(0, |(at, _)| at);
    Cow::Owned(format!("{}…", &text[..kept]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_spelled_out() {
        for (raw, escaped) in [
            ("\x1b[31mred", "\\x1b[31mred"),
            ("a\tb\r\nc\0", "a\\x09b\\x0d\\x0ac\\x00"),
            ("\x7f", "\\x7f"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("http://a/\u{202e}gpj.exe", "http://a/\\u{202e}gpj.exe"),
            ("\u{2066}\u{2069}\u{2028}\u{2029}", "\\u{2066}\\u{2069}\\u{2028}\\u{2029}"),
            ("ad\u{200b}min\u{feff}", "ad\\u{200b}min\\u{feff}"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(escape(raw), escaped);
        }
    }

    #[test]
    fn everything_else_is_left_where_it_was() {
        for clean in ["", "https://a.example/?q=1#x", "http://bücher.example/ñ", "日本語 🦀", "back\\slash"]
        {
            assert!(matches!(escape(clean), Cow::Borrowed(text) if text == clean), "{clean}");
        }
    }

    #[test]
    fn passwords_are_masked_in_urls_and_in_what_is_none() {
        for (raw, masked) in [
            ("https://user:secret@host/", "https://user:***@host/"),
            ("https://user:se@cr@et@host/a@b", "https://user:***@host/a@b"),
            ("https://user:se:cret@host:8080/", "https://user:***@host:8080/"),
            ("https://:secret@host", "https://:***@host"),
            ("https://user:p/a?s#s@host/", "https://user:***@host/"),
            ("https://user:p\\ss@host/", "https://user:***@host/"),
            ("https:/\\user:secret@host/", "https:/\\user:***@host/"),
            ("//user:secret@host/", "//user:***@host/"),
            ("user:secret@host/path", "user:***@host/path"),
            ("get https://user:secret@host/", "get https://user:***@host/"),
            ("http://a:b@c/\thttp://d:e@f/", "http://a:***@c/\thttp://d:***@f/"),
            ("https://u\u{1b}:ü\u{202e}@host/", "https://u\u{1b}:***@host/"),
        ] {
            assert_eq!(mask_userinfo(raw), masked);
        }
    }

    #[test]
    fn urls_in_a_text_lose_their_passwords_and_the_text_stays_what_it_is() {
        for (raw, masked) in [
            (
                r#"{"to":"https://u:se@cret@a/x","mail":"a:b@c"}"#,
                r#"{"to":"https://u:***@a/x","mail":"a:b@c"}"#,
            ),
            ("postgres://u:p@db http://v:q@b", "postgres://u:***@db http://v:***@b"),
            ("://:@", "://:***@"),
            ("a:b@c, https://a/b:c@d, https://u@a", "a:b@c, https://a/b:c@d, https://u@a"),
        ] {
            assert_eq!(mask_urls(raw), masked);
        }
        let is_name = |password: &str| password == "${P}";
        assert_eq!(mask_userinfo_but("https://u:${P}@a/ b:c@d", is_name), "https://u:${P}@a/ b:***@d");
    }

    #[test]
    fn what_is_no_password_stays() {
        for clean in [
            "https://host/",
            "https://user@host/",
            "https://host:8080/a@b",
            "https://host:/a@b",
            "https://host/a:b@c",
            "https://[::1]/a@b",
            "https://[::1]:80/?mail=a:b@c",
            "@",
            "://",
            "",
        ] {
            assert!(matches!(mask_userinfo(clean), Cow::Borrowed(text) if text == clean), "{clean}");
        }
    }

    #[test]
    fn secret_headers_lose_their_value_in_any_spelling() {
        for (raw, masked) in [
            ("> Authorization: Basic dTpw", "> Authorization: ***"),
            ("> proxy-AUTHORIZATION : x", "> proxy-AUTHORIZATION : ***"),
            ("Cookie:a=b:c", "Cookie: ***"),
            ("< Set-Cookie: sid=1; Path=/", "< Set-Cookie: ***"),
        ] {
            assert_eq!(mask_headers(raw), masked);
        }
        for clean in ["> GET / HTTP/1.1", "< Server: cookie", "* Connected to a", "", "> Authorization: ***"]
        {
            assert!(matches!(mask_headers(clean), Cow::Borrowed(_)), "{clean}");
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        for (text, max, short) in
            [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("äöüß", 3, "äö…"), ("ab", 0, "…"), ("", 0, "")]
        {
            assert_eq!(shorten(text, max), short);
        }
    }

    proptest! {
        #[test]
        fn no_unsafe_character_survives_and_escaping_twice_changes_nothing(text in any::<String>()) {
            let once = escape(&text).into_owned();
            prop_assert!(!once.chars().any(|c| c.is_control() || is_unsafe(c)));
            prop_assert_eq!(escape(&once), once.as_str());
        }

        #[test]
        fn masking_takes_any_text_and_is_done_the_first_time(text in "[a-z:/@\\\\?# \\[\\]\\PC]{0,40}") {
            let once = mask_userinfo(&text).into_owned();
            prop_assert_eq!(mask_userinfo(&once), once.as_str());
        }

        #[test]
        fn a_password_never_shows(
            user in "[a-z]{0,5}", pass in "SECRET[!-~&&[^ ]]{0,8}", host in "[a-z]{1,9}", path in "[a-z/]{0,9}",
        ) {
            let url = format!("https://{user}:{pass}@{host}/{path}");
            prop_assert!(!mask_userinfo(&url).contains("SECRET"));
        }
    }
}
