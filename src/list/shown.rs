//! What of a list may be shown: control characters escaped, passwords masked (pure).
//!
//! Knows what acts on a terminal and where in a URL a password stands. Refuses to know what is shown where.

use std::borrow::Cow;
use std::fmt::Write;

/// C0, DEL, C1, line and paragraph separators, bidi controls (CVE-2021-42574), zero-width characters, the byte order mark.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The text with each unsafe character spelled out, as `\x1b` or `\u{202e}`.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        // Writing to a String cannot fail.
        let _ = match c {
            c if !is_unsafe(c) => escaped.write_char(c),
            c if c.is_ascii() => write!(escaped, "\\x{:02x}", c as u32),
            c => write!(escaped, "\\u{{{:x}}}", c as u32),
        };
    }
    Cow::Owned(escaped)
}

/// The text with the password of every URL in it replaced: `https://user:***@host/`. A user alone stays. It also finds
/// the password in what is no valid URL.
pub(crate) fn mask_userinfo(text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let mut masked = String::with_capacity(text.len());
    for word in text.split_inclusive([' ', '\t', '\n', '\r']) {
        match password(word) {
            Some((from, to)) => masked.extend([&word[..from], "***", &word[to..]]),
            None => masked.push_str(word),
        }
    }
    Cow::Owned(masked)
}

/// Where the password stands: between the first colon and the last `@` of the authority (WHATWG URL, "authority state").
/// One with a raw `/`, `?` or `#` in it makes what looks like a port no number, and its `@` comes later: no URL, but
/// its text is shown in the failure that says so.
fn password(word: &str) -> Option<(usize, usize)> {
    let start = authority_start(word);
    let rest = &word[start..];
    let authority = &rest[..rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len())];
    let colon = authority.find(':')?;
    let has_port =
        authority.starts_with('[') || authority[colon + 1..].bytes().all(|byte| byte.is_ascii_digit());
    let at = match authority.rfind('@') {
        Some(at) => at,
        None if has_port => return None,
        None => rest.rfind('@')?,
    };
    (colon < at).then_some((start + colon + 1, start + at))
}

/// After the scheme and any number of slashes of either kind, which is how lenient parsers see it.
fn authority_start(word: &str) -> usize {
    let after_scheme =
        [":/", ":\\"].iter().filter_map(|mark| word.find(mark)).min().map_or(0, |colon| colon + 1);
    after_scheme + word[after_scheme..].bytes().take_while(|byte| matches!(byte, b'/' | b'\\')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_spelled_out_and_nothing_else() {
        for (raw, escaped) in [
            ("\x1b[31m\0\t", "\\x1b[31m\\x00\\x09"),
            ("a\u{202e}b\u{9b}", "a\\u{202e}b\\u{9b}"),
            ("bücher 日本 \\", "bücher 日本 \\"),
        ] {
            assert_eq!(escape(raw), escaped);
        }
    }

    #[test]
    fn a_password_is_masked_wherever_a_parser_could_see_one() {
        for (raw, masked) in [
            ("https://user:secret@host/", "https://user:***@host/"),
            ("https://user:a@b:c@host:80/p@q", "https://user:***@host:80/p@q"),
            ("https://:secret@host", "https://:***@host"),
            ("https://user:p/w?#@host/", "https://user:***@host/"),
            ("user:secret@host/", "user:***@host/"),
            ("http:\\\\u:p@h http://v:q@i\thttp:/w:r@j", "http:\\\\u:***@h http://v:***@i\thttp:/w:***@j"),
        ] {
            assert_eq!(mask_userinfo(raw), masked);
        }
    }

    #[test]
    fn an_at_that_ends_no_password_stays() {
        for text in [
            "https://user@host/",
            "https://host:80/a@b",
            "https://[::1]:80/@",
            "https://host/?a:b@c",
            "@",
            "",
        ] {
            assert_eq!(mask_userinfo(text), text);
        }
    }
}
