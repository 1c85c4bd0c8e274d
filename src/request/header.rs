//! One header as a person writes it: `K: V`, `K:` to remove it, `K;` to send it empty (pure).
//!
//! Knows what may stand in a header, so that nothing that was typed or listed ends one early. Refuses to know which
//! headers go out by themselves (`http`).

use super::Secret;
use crate::sanitize::{escape, mask_userinfo};

/// A header that is asked for, or asked to be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderEdit {
    /// `K: V` and, with an empty value, `K;`.
    Set(String, Secret),
    /// `K:`: leave out one that would be sent otherwise.
    Remove(String),
}

impl HeaderEdit {
    /// Reads `K: V`, `K:` or `K;`.
    ///
    /// # Errors
    /// A fragment that names the header, never its value, which may be a secret.
    pub fn parse(text: &str) -> Result<HeaderEdit, String> {
        let Some((name, value)) = text.split_once(':') else { return empty_header(text) };
        check_name(name)?;
        let value = value.trim_matches([' ', '\t']);
        check_header_value(value).map_err(|why| format!("{name}: {why}"))?;
        if value.is_empty() {
            return Ok(HeaderEdit::Remove(name.to_owned()));
        }
        check_not_ours(name)?;
        Ok(HeaderEdit::Set(name.to_owned(), Secret::new(value)))
    }

    /// Of which header it is.
    pub fn name(&self) -> &str {
        let (HeaderEdit::Set(name, _) | HeaderEdit::Remove(name)) = self;
        name
    }
}

fn empty_header(text: &str) -> Result<HeaderEdit, String> {
    let name = text.trim_end_matches([' ', '\t']).strip_suffix(';');
    let name = name.ok_or("a colon is missing; write 'K: V', 'K:' to remove or 'K;' to send it empty")?;
    check_name(name)?;
    check_not_ours(name)?;
    Ok(HeaderEdit::Set(name.to_owned(), Secret::new("")))
}

/// How a message is framed is not a matter of taste: a length that is not the body's would leave the server waiting for
/// the rest, or the next request to be read as a body (RFC 9112 §6).
fn check_not_ours(name: &str) -> Result<(), String> {
    const OURS: [&str; 6] = ["content-length", "transfer-encoding", "expect", "te", "trailer", "upgrade"];
    if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
        return Err(format!("{name}: how a message is framed is written by greenfetch itself; leave it out"));
    }
    Ok(())
}

/// A token (RFC 9110 §5.6.2).
fn check_name(name: &str) -> Result<(), String> {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if !name.is_empty() && name.bytes().all(is_token) {
        return Ok(());
    }
    let shown = mask_userinfo(name);
    Err(format!("'{}' is no name of a header; it has letters, digits and - only", escape(&shown)))
}

/// Whether a text can be the value of a header: no control character but a tab (RFC 9110 §5.5), so that nobody's
/// value becomes another header or a request of its own.
///
/// # Errors
/// A fragment that names the character.
pub fn check_header_value(text: &str) -> Result<(), String> {
    match text.chars().find(|c| c.is_ascii_control() && *c != '\t') {
        None => Ok(()),
        Some(c) => Err(format!("a header's value cannot have the control character {c:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_set_removed_or_sent_empty() {
        let set = |name: &str, value: &str| HeaderEdit::Set(name.to_owned(), Secret::new(value));
        let remove = |name: &str| HeaderEdit::Remove(name.to_owned());
        let rows = [
            ("K: V", set("K", "V")),
            ("K:V: W ", set("K", "V: W")),
            ("K:", remove("K")),
            ("K: \t", remove("K")),
            ("K;", set("K", "")),
            ("~a!: ü", set("~a!", "ü")),
        ];
        for (text, edit) in rows {
            assert_eq!(HeaderEdit::parse(text), Ok(edit), "{text}");
        }
        let bad = [
            "",
            "K",
            ":",
            ": V",
            ";",
            "K V: W",
            "K : V",
            "X-ü: V",
            "K\r\n: V",
            "K: V\r\nW: X",
            "K: \0",
            "K;V",
            "K: \x1b",
        ];
        for bad in bad {
            assert!(HeaderEdit::parse(bad).is_err_and(|why| !why.contains(['\r', '\n', '\0'])), "{bad:?}");
        }
    }

    #[test]
    fn how_a_message_is_framed_is_nobodys_to_say() {
        for name in ["Content-Length", "transfer-encoding", "TE", "Expect"] {
            assert!(HeaderEdit::parse(&format!("{name}: 1")).is_err_and(|why| why.contains("framed")));
        }
    }

    #[test]
    fn no_value_becomes_a_second_header() {
        assert!(check_header_value("a\tb ü \u{80}").is_ok());
        for bad in ["a\r\nb: c", "a\n", "\0", "\x1b[2J", "\x7f"] {
            assert!(check_header_value(bad).is_err(), "{bad:?}");
        }
    }
}
