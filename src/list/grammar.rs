//! One line becomes an entry, a line that can only fail, or an error of the list (pure).
//!
//! Knows what may stand on a line. Refuses to know which list it is in, and allocates nothing for a line that is right:
//! a file is read twice, and the first time only its errors matter.

use std::borrow::Cow;
use std::ops::Range;

use super::http_url::{self, is_http};
use super::lines::{LINE_MAX, RawLine};
use crate::request::Method;

const BLANKS: [char; 2] = [' ', '\t'];
/// How much of a line that is too long is shown, in characters.
const CUT_TEXT: usize = 80;
const LATER: &str = "settings on a line are not in this version";

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Nothing, or a comment.
    Blank,
    /// A word that begins as an http or https URL does, alone or after a method.
    Entry {
        /// What stands before the URL.
        method: Option<Method>,
        /// The URL as it is written; whether it is one, `http_url::parse` says.
        word: &'a str,
    },
    /// A line without a URL: one failed record.
    Rejected {
        /// Its first word.
        text: Cow<'a, str>,
        /// The message of its failure.
        reason: String,
    },
    /// An error of the list.
    Error(Fault<'a>),
}

/// What is wrong with a line, before it is known which one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault<'a> {
    /// The line without its comment.
    pub(super) line: &'a str,
    /// What is wrong, in bytes of the line.
    pub(super) span: Range<usize>,
    /// A fragment.
    pub(super) message: String,
    /// What to write instead.
    pub(super) hint: Option<String>,
}

impl Fault<'_> {
    /// The message of the failure that it is where reading goes on.
    pub(super) fn reason(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}: {hint}", self.message),
            None => self.message.clone(),
        }
    }
}

/// A word and the byte of its line that it begins at.
struct Word<'a> {
    at: usize,
    text: &'a str,
}

fn words(line: &str) -> impl Iterator<Item = Word<'_>> {
    let mut at = 0;
    let pieces = line.split(BLANKS).map(move |text| {
        let word = Word { at, text };
        at += text.len() + 1;
        word
    });
    pieces.filter(|word| !word.text.is_empty())
}

/// Reads one line of a file or a stream.
pub(super) fn parse<'a>(raw: &RawLine<'a>) -> Line<'a> {
    let content = without_comment(raw.bytes);
    if content.iter().all(|&byte| is_blank(byte)) {
        return Line::Blank;
    }
    if raw.is_cut {
        return too_long(content);
    }
    match text(content) {
        Ok(line) => parse_text(line),
        Err(rejected) => rejected,
    }
}

/// Reads an operand: one URL, in which a `#` and what is after it are never a comment.
pub(super) fn parse_operand(operand: &str) -> Line<'_> {
    if operand.len() > LINE_MAX {
        return too_long(operand.as_bytes());
    }
    let line = match text(operand.as_bytes()) {
        Ok(line) => line,
        Err(rejected) => return rejected,
    };
    match line.find(BLANKS) {
        Some(at) => fault(line, &Word { at, text: &line[at..=at] }, "a blank in a URL", "write it as %20"),
        None if is_http(line) => Line::Entry { method: None, word: line },
        None => Line::Rejected { text: line.into(), reason: http_url::reject(line) },
    }
}

fn too_long(content: &[u8]) -> Line<'static> {
    let text = String::from_utf8_lossy(&content[..content.len().min(CUT_TEXT * 4)]);
    let text = text.trim_start_matches(BLANKS).chars().take(CUT_TEXT).collect::<String>();
    Line::Rejected { text: text.into(), reason: "line longer than 64 KiB".to_owned() }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Up to a `#` at the start of the line or after a blank: anywhere else it belongs to a URL. On bytes, as a comment may
/// be in whatever encoding its author liked.
fn without_comment(bytes: &[u8]) -> &[u8] {
    let begins_comment = |at: usize| bytes[at] == b'#' && (at == 0 || is_blank(bytes[at - 1]));
    &bytes[..(0..bytes.len()).find(|&at| begins_comment(at)).unwrap_or(bytes.len())]
}

/// Takes what is UTF-8 without control characters; a tab counts as a blank.
fn text(content: &[u8]) -> Result<&str, Line<'_>> {
    let Ok(line) = str::from_utf8(content) else {
        let word = content.split(|&byte| is_blank(byte)).find(|word| !word.is_empty()).unwrap_or_default();
        return Err(Line::Rejected { text: String::from_utf8_lossy(word), reason: "not UTF-8".to_owned() });
    };
    match line.chars().find(|&c| c.is_control() && c != '\t') {
        None => Ok(line),
        Some(c) => {
            let text = words(line).next().map_or("", |word| word.text).into();
            Err(Line::Rejected {
                text,
                reason: format!("a control character (U+{:04X}) in the line", c as u32),
            })
        }
    }
}

fn parse_text(line: &str) -> Line<'_> {
    let mut words = words(line);
    let Some(first) = words.next() else { return Line::Blank };
    let second = words.next();
    if is_http(first.text) {
        return entry(line, None, &first, second.as_ref());
    }
    if first.text.starts_with('@') {
        return directive(line, &first);
    }
    match second {
        Some(second) if is_http(second.text) => before_url(line, &first, &second, words.next().as_ref()),
        _ if first.at > 0 && is_setting(first.text) => fault(line, &first, "a setting under a URL", LATER),
        second => Line::Rejected { text: first.text.into(), reason: reason(&first, second.as_ref()) },
    }
}

fn entry<'a>(line: &'a str, method: Option<Method>, url: &Word<'a>, after: Option<&Word<'a>>) -> Line<'a> {
    match after {
        None => Line::Entry { method, word: url.text },
        Some(after) if are_mirrors(line, url, after) => mirrors(line, after),
        Some(after) => {
            fault(line, after, "a word after the URL", format!("{LATER}; write a blank in a URL as %20"))
        }
    }
}

/// aria2 takes several addresses of one file, separated by tabs.
fn are_mirrors(line: &str, first: &Word<'_>, second: &Word<'_>) -> bool {
    line[first.at..second.at].contains('\t') && first.text.contains("://") && second.text.contains("://")
}

fn mirrors<'a>(line: &'a str, second: &Word<'a>) -> Line<'a> {
    fault(line, second, "TAB-separated mirrors, as aria2 has them, are not taken", "write one URL a line")
}

fn directive<'a>(line: &'a str, word: &Word<'a>) -> Line<'a> {
    let hint = match word.text {
        "@defaults" => "give options on the command line",
        "@base" => "write absolute URLs",
        "@include" => "name the file on the command line",
        _ => return fault(line, word, "a word that begins with @", "write https:// before a host"),
    };
    fault(line, word, format!("{} is not in this version", word.text), hint)
}

/// The second word is a URL: then the first is a method, or what its author took for one.
fn before_url<'a>(line: &'a str, first: &Word<'a>, url: &Word<'a>, after: Option<&Word<'a>>) -> Line<'a> {
    let error = match Method::parse(first.text) {
        Ok(method) => return entry(line, Some(method), url, after),
        Err(_) if are_mirrors(line, first, url) => return mirrors(line, url),
        Err(_) if first.text.contains("://") => {
            return Line::Rejected { text: first.text.into(), reason: http_url::reject(first.text) };
        }
        Err(error) => error,
    };
    let hint = match Method::parse(&first.text.to_ascii_uppercase()) {
        Ok(method) => format!("write {method}"),
        Err(_) => error,
    };
    fault(line, first, "a word before the URL that is no method", hint)
}

fn fault<'a>(
    line: &'a str,
    word: &Word<'a>,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> Line<'a> {
    let span = word.at..word.at + word.text.len();
    Line::Error(Fault { line, span, message: message.into(), hint: Some(hint.into()) })
}

/// Whether an indented word looks like a setting of the entry above: a key, then an operator.
fn is_setting(word: &str) -> bool {
    let key_end = word.find(|c: char| !(c.is_ascii_alphanumeric() || ".-_$".contains(c)));
    key_end.is_some_and(|end| {
        word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word[end..].starts_with(['=', '!', '~', '*', '<', '>'])
    })
}

fn reason(first: &Word<'_>, second: Option<&Word<'_>>) -> String {
    match second {
        Some(second) if Method::parse(first.text).is_ok() => {
            format!("after {}: {}", first.text, http_url::reject(second.text))
        }
        _ => http_url::reject(first.text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(bytes: &[u8]) -> Line<'_> {
        parse(&RawLine { number: 1, bytes, is_cut: false })
    }

    #[test]
    fn a_line_with_a_url_is_an_entry() {
        for (text, method, word) in [
            ("https://a/", None, "https://a/"),
            ("  https://a/ \t", None, "https://a/"),
            ("\thttp://a/", None, "http://a/"),
            ("HTTPS://a/", None, "HTTPS://a/"),
            ("https://a/#top", None, "https://a/#top"),
            ("https://a/ # note", None, "https://a/"),
            ("https://a/#top\t#note", None, "https://a/#top"),
            ("POST https://a/", Some("POST"), "https://a/"),
            ("PROPFIND \t https://a/ # note", Some("PROPFIND"), "https://a/"),
            ("https://a:99999/", None, "https://a:99999/"),
        ] {
            let method = method.map(|method| Method::parse(method).unwrap());
            assert_eq!(line(text.as_bytes()), Line::Entry { method, word }, "{text}");
        }
    }

    #[test]
    fn nothing_and_comments_are_blank_in_any_encoding() {
        for text in [&b""[..], b" \t ", b"#", b"# x", b"  #https://a/", b"#\xff\xfe\x00\x07"] {
            assert_eq!(line(text), Line::Blank, "{text:?}");
        }
        assert_eq!(parse(&RawLine { number: 1, bytes: b"# long", is_cut: true }), Line::Blank);
    }

    #[test]
    fn a_line_without_a_url_is_one_failed_record() {
        for (text, word, expected) in [
            (&b"example.com/x"[..], "example.com/x", "not an http or https URL: write https://example.com/x"),
            (b"plain words here", "plain", "not an http or https URL"),
            (b"ftp://a/ b", "ftp://a/", "scheme ftp is not fetched: http and https only"),
            (b"ftp://a/ https://b/", "ftp://a/", "scheme ftp is not fetched: http and https only"),
            (b"GET example.com", "GET", "after GET: not an http or https URL: write https://example.com"),
            (b"GET", "GET", "not an http or https URL"),
            (b"https://a/\x07b c", "https://a/\u{7}b", "a control character (U+0007) in the line"),
            (b"https://a/\0", "https://a/\0", "a control character (U+0000) in the line"),
            (b"a\rb", "a\rb", "a control character (U+000D) in the line"),
            (b"\xc2\x85", "\u{85}", "a control character (U+0085) in the line"),
            (b" https://a/\xff b", "https://a/\u{fffd}", "not UTF-8"),
            (b"key=value", "key=value", "not an http or https URL"),
            (b" a/b=c", "a/b=c", "not an http or https URL"),
        ] {
            let expected = Line::Rejected { text: word.into(), reason: expected.to_owned() };
            assert_eq!(line(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_one_failed_record_with_its_beginning() {
        let bytes = "ü".repeat(1000).into_bytes();
        let rejected = parse(&RawLine { number: 1, bytes: &bytes, is_cut: true });
        let expected =
            Line::Rejected { text: "ü".repeat(80).into(), reason: "line longer than 64 KiB".to_owned() };
        assert_eq!(rejected, expected);
        assert_eq!(parse_operand(&"ü".repeat(LINE_MAX)), expected);
    }

    #[test]
    fn errors_of_the_list_point_at_the_word_and_say_what_to_write() {
        for (text, word, message, hint) in [
            ("https://a/ b c", "b", "a word after the URL", "write a blank in a URL as %20"),
            (
                "https://a/ expect=200",
                "expect=200",
                "a word after the URL",
                "settings on a line are not in this version",
            ),
            ("GET https://a/ b", "b", "a word after the URL", "%20"),
            ("https://a/ https://b/", "https://b/", "a word after the URL", "%20"),
            ("https://a/\thttps://b/", "https://b/", "TAB-separated mirrors", "one URL a line"),
            ("https://a/ \tftp://b/", "ftp://b/", "TAB-separated mirrors", "one URL a line"),
            ("ftp://a/\thttps://b/", "https://b/", "TAB-separated mirrors", "one URL a line"),
            ("get https://a/", "get", "a word before the URL that is no method", "write GET"),
            ("M-SEARCH https://a/", "M-SEARCH", "a word before the URL", "letters A to Z"),
            ("- https://a/", "-", "a word before the URL", "letters A to Z"),
            ("@defaults max-time=5s", "@defaults", "@defaults is not in this version", "give options"),
            ("@base https://a/", "@base", "@base is not in this version", "absolute URLs"),
            ("  @include more.txt", "@include", "@include is not in this version", "name the file"),
            ("@default x", "@default", "a word that begins with @", "https:// before a host"),
            (
                "  header=Authorization: x",
                "header=Authorization:",
                "a setting under a URL",
                "not in this version",
            ),
            (
                "\theader.location~=/new",
                "header.location~=/new",
                "a setting under a URL",
                "not in this version",
            ),
        ] {
            let Line::Error(fault) = line(text.as_bytes()) else { panic!("{text}") };
            assert_eq!(&fault.line[fault.span.clone()], word, "{text}");
            assert!(fault.message.starts_with(message), "{text}: {}", fault.message);
            assert!(fault.reason().contains(hint), "{text}: {}", fault.reason());
        }
    }

    #[test]
    fn an_operand_is_one_url_without_comments() {
        let entry = |word| Line::Entry { method: None, word };
        assert_eq!(parse_operand("https://a/#b"), entry("https://a/#b"));
        for (operand, expected) in [
            ("ftp://a/", "scheme ftp is not fetched: http and https only"),
            ("https://a/\nb", "a control character (U+000A) in the line"),
        ] {
            let rejected = Line::Rejected { text: operand.into(), reason: expected.to_owned() };
            assert_eq!(parse_operand(operand), rejected);
        }
        for operand in ["https://a/ #b", "https://a/ ", "https://a/\tb"] {
            assert!(
                matches!(parse_operand(operand), Line::Error(fault) if fault.span == (10..11)),
                "{operand:?}"
            );
        }
    }

    fn check_shape(line: &Line<'_>) {
        match line {
            Line::Entry { word, .. } => {
                assert!(is_http(word) && !word.contains(|c: char| c.is_control() || BLANKS.contains(&c)));
                let _ = http_url::parse(word);
            }
            Line::Error(fault) => assert!(!fault.line[fault.span.clone()].is_empty()),
            Line::Blank | Line::Rejected { .. } => {}
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), is_cut in any::<bool>()) {
            check_shape(&parse(&RawLine { number: 1, bytes: &bytes, is_cut }));
        }

        #[test]
        fn nor_what_is_almost_a_list(
            text in r"([ \t]{0,2}(GET|get|@base|https?:[/\\]{0,3}|ftp:|[a-zü.:@#%\[\]=~]{0,8}|\PC{0,4})){0,6}",
        ) {
            check_shape(&line(text.as_bytes()));
            check_shape(&parse_operand(&text));
        }
    }
}
