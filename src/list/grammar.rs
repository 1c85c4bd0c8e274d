//! One line: an entry, more of one, a directive, a line that can only fail, or an error of the list (pure).
//!
//! Knows what may stand on a line and where its parts begin. Refuses to know which list it is in and what settings mean,
//! and allocates nothing for a line that is right: a file is read twice, and the first time only its errors matter.

use std::borrow::Cow;
use std::ops::Range;

use super::http_url::{self, is_http};
use super::lines::{LINE_MAX, RawLine};
use super::setting::{FLAGS, TEXT_KEYS, is_key, nearest};
use super::words::{cut, key_length};
use crate::check::{self, Op};
use crate::request::Method;

const BLANKS: [char; 2] = [' ', '\t'];
/// How much of a line that is too long is shown, in characters.
const CUT_TEXT: usize = 80;

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Nothing, or a comment.
    Blank,
    /// A word that is meant as a URL, alone or after a method.
    Entry {
        /// What stands before the URL.
        method: Option<Method>,
        /// The URL as it is written; whether it is one, `http_url::parse` says.
        word: &'a str,
        /// The line, which ends before its comment, and where in it settings may begin.
        settings: Rest<'a>,
    },
    /// An indented line of settings, of the entry or `@defaults` above.
    More(Rest<'a>),
    /// `@defaults` and where its settings begin.
    Defaults(Rest<'a>),
    /// `@base` or `@include` and the one word behind it.
    Directive {
        /// Which of them.
        which: Directive,
        /// The line.
        line: &'a str,
        /// Where the word stands.
        word: Range<usize>,
    },
    /// A line without a URL: one failed record.
    Rejected {
        /// Its first word.
        text: Cow<'a, str>,
        /// The message of its failure.
        reason: String,
        /// Where settings may begin; `None` where nobody knows.
        settings: Option<Rest<'a>>,
    },
    /// An error of the list.
    Error(Fault<'a>),
}

/// The directives that have one word behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Directive {
    /// Relative URLs count from it.
    Base,
    /// Another list is read here.
    Include,
}

/// A line from some byte on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rest<'a> {
    /// The line without its comment.
    pub(super) line: &'a str,
    /// In bytes.
    pub(super) at: usize,
}

impl<'a> Rest<'a> {
    /// What stands there.
    pub(super) fn text(self) -> &'a str {
        &self.line[self.at..]
    }
}

/// What is wrong with a line, before it is known which one.
#[derive(Debug, Clone, PartialEq, Eq)]
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

    /// Without the secrets that came out of variables.
    pub(super) fn masked(mut self, variables: &super::Variables) -> Self {
        self.message = variables.masks().name(&self.message).into_owned();
        self
    }
}

/// A word and the byte of its line that it begins at.
struct Word<'a> {
    at: usize,
    text: &'a str,
}

impl Word<'_> {
    fn end(&self) -> usize {
        self.at + self.text.len()
    }

    fn span(&self) -> Range<usize> {
        self.at..self.end()
    }
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

/// Reads one line of a file or a stream; with a base, relative URLs are URLs.
pub(super) fn parse<'a>(raw: &RawLine<'a>, has_base: bool) -> Line<'a> {
    if let Some(line) = lone_url(raw) {
        return entry(line, None, &Word { at: 0, text: line }, None);
    }
    let content = without_comment(raw.bytes);
    if content.iter().all(|&byte| is_blank(byte)) {
        return Line::Blank;
    }
    if raw.is_cut {
        return unreadable(content, too_long(content));
    }
    match text(content) {
        Ok(line) => parse_text(line, has_base),
        Err(rejected) => unreadable(content, rejected),
    }
}

/// A line that is a URL and nothing else, as most are: it is told by one look at its bytes, where all that may be on a
/// line takes twenty of them.
fn lone_url<'a>(raw: &RawLine<'a>) -> Option<&'a str> {
    // Not `all`, which looks at one byte after another and stops.
    let is_word = raw.bytes.iter().fold(true, |is_word, byte| is_word & byte.is_ascii_graphic());
    let line = str::from_utf8(raw.bytes).ok().filter(|_| is_word && !raw.is_cut)?;
    is_http(line).then_some(line)
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
        None if is_http(line) => {
            Line::Entry { method: None, word: line, settings: Rest { line, at: line.len() } }
        }
        None => Line::Rejected { text: line.into(), reason: http_url::reject(line), settings: None },
    }
}

fn too_long(content: &[u8]) -> Line<'static> {
    let text = String::from_utf8_lossy(&content[..content.len().min(CUT_TEXT * 4)]);
    let text = text.trim_start_matches(BLANKS).chars().take(CUT_TEXT).collect::<String>();
    Line::Rejected { text: text.into(), reason: "line longer than 64 KiB".to_owned(), settings: None }
}

/// A line that is no text is one failed record, unless it was to be a setting: then its entry must not be fetched
/// without it.
fn unreadable<'a>(content: &'a [u8], rejected: Line<'a>) -> Line<'a> {
    let Line::Rejected { reason, .. } = &rejected else { return rejected };
    let readable = content.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let first = words(readable).next().filter(|first| is_blank(content[0]) && is_more(first));
    let directive = words(readable).next().filter(|first| first.at == 0 && first.text.starts_with('@'));
    match first.or(directive) {
        Some(word) => {
            Line::Error(Fault { line: readable, span: word.span(), message: reason.clone(), hint: None })
        }
        None => rejected,
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Up to a `#` at the start of the line or after a blank: anywhere else it belongs to a URL. On bytes, as a comment may
/// be in whatever encoding its author liked.
fn without_comment(bytes: &[u8]) -> &[u8] {
    let begins_comment = |at: usize| bytes[at] == b'#' && (at == 0 || is_blank(bytes[at - 1]));
    let Some(at) = (0..bytes.len()).find(|&at| begins_comment(at)) else { return bytes };
    let before = &bytes[..at];
    if before.iter().any(|&byte| matches!(byte, b'"' | b'\'' | b'[' | b'=')) {
        return str::from_utf8(bytes).map_or(before, |line| &bytes[..comment(line)]);
    }
    before
}

/// Where the comment begins in a line with values that may have a `#` in them.
fn comment(line: &str) -> usize {
    let mut heads = words(line).take_while(|word| !word.text.starts_with('#'));
    let Some(first) = heads.next() else { return line.find('#').unwrap_or(line.len()) };
    if first.at > 0 && text_key(first.text).is_some() {
        return line.len();
    }
    let mut at = match heads.next() {
        _ if first.at > 0 && is_more(&first) => first.at,
        Some(second) if is_url_word(second.text) => second.end(),
        _ => first.end(),
    };
    loop {
        match cut(line, at) {
            Ok(Some(setting)) => at = setting.whole.end,
            // What is left are blanks, or the comment.
            Ok(None) => return line[at..].find('#').map_or(line.len(), |found| at + found),
            Err(_) => return line.len(),
        }
    }
}

/// Takes what is UTF-8 without control characters; a tab counts as a blank.
fn text(content: &[u8]) -> Result<&str, Line<'_>> {
    let Ok(line) = str::from_utf8(content) else {
        let word = content.split(|&byte| is_blank(byte)).find(|word| !word.is_empty()).unwrap_or_default();
        let (text, reason) = (String::from_utf8_lossy(word), "not UTF-8".to_owned());
        return Err(Line::Rejected { text, reason, settings: None });
    };
    match line.chars().find(|&c| c.is_control() && c != '\t') {
        None => Ok(line),
        Some(c) => {
            let text = words(line).next().map_or("", |word| word.text).into();
            Err(Line::Rejected {
                text,
                reason: format!("a control character (U+{:04X}) in the line", c as u32),
                settings: None,
            })
        }
    }
}

/// Whether a word can only be meant as an absolute URL, or as one whose beginning is in a variable.
fn is_url_word(word: &str) -> bool {
    is_http(word) || word.starts_with("${")
}

fn parse_text(line: &str, has_base: bool) -> Line<'_> {
    let mut words = words(line);
    let Some(first) = words.next() else { return Line::Blank };
    let second = words.next();
    if is_url_word(first.text) {
        return entry(line, None, &first, second.as_ref());
    }
    if first.text.starts_with('@') {
        return directive(line, &first, second.as_ref(), words.next().as_ref());
    }
    if first.at > 0 && is_more(&first) {
        return Line::More(Rest { line, at: first.at });
    }
    if has_base && is_setting(first.text) {
        let hint = "indent it if it belongs to the URL above; a URL of that name begins with ./";
        return fault(line, &first, "a setting where a URL begins", hint);
    }
    match second {
        Some(second) if is_url_word(second.text) => before_url(line, &first, &second, words.next().as_ref()),
        second if has_base && !http_url::has_scheme(first.text) => relative(line, &first, second.as_ref()),
        second => {
            let settings = Some(Rest { line, at: first.end() });
            Line::Rejected { text: first.text.into(), reason: reason(&first, second.as_ref()), settings }
        }
    }
}

/// With a base every word is a URL. Capitals before a word that is no setting are a method.
fn relative<'a>(line: &'a str, first: &Word<'a>, second: Option<&Word<'a>>) -> Line<'a> {
    match (Method::parse(first.text), second) {
        (Ok(method), Some(second)) if !is_more(second) && !http_url::has_scheme(second.text) => {
            entry(line, Some(method), second, None)
        }
        _ => entry(line, None, first, second),
    }
}

fn entry<'a>(line: &'a str, method: Option<Method>, url: &Word<'a>, after: Option<&Word<'a>>) -> Line<'a> {
    match after {
        Some(after) if are_mirrors(line, url, after) => mirrors(line, after),
        _ => Line::Entry { method, word: url.text, settings: Rest { line, at: url.end() } },
    }
}

/// aria2 takes several addresses of one file, separated by tabs.
fn are_mirrors(line: &str, first: &Word<'_>, second: &Word<'_>) -> bool {
    let is_address = |text: &str| http_url::has_scheme(text) && text.contains("://");
    line[first.at..second.at].contains('\t') && is_address(first.text) && is_address(second.text)
}

fn mirrors<'a>(line: &'a str, second: &Word<'a>) -> Line<'a> {
    fault(line, second, "TAB-separated mirrors, as aria2 has them, are not taken", "write one URL a line")
}

fn directive<'a>(
    line: &'a str,
    word: &Word<'a>,
    second: Option<&Word<'a>>,
    third: Option<&Word<'a>>,
) -> Line<'a> {
    let (which, wants) = match word.text {
        "@defaults" => return Line::Defaults(Rest { line, at: word.end() }),
        "@base" => (Directive::Base, "write a URL behind it"),
        "@include" => (Directive::Include, "write the name of a list behind it"),
        _ => {
            let hint = "@defaults, @base and @include are all there are; write https:// before a host";
            return fault(line, word, "a word that begins with @", hint);
        }
    };
    match (second, third) {
        (None, _) => fault(line, word, format!("{} of nothing", word.text), wants),
        (Some(_), Some(third)) => fault(line, third, format!("{} takes one word", word.text), wants),
        (Some(second), None) => Line::Directive { which, line, word: second.span() },
    }
}

/// The second word is a URL: then the first is a method, or what its author took for one.
fn before_url<'a>(line: &'a str, first: &Word<'a>, url: &Word<'a>, after: Option<&Word<'a>>) -> Line<'a> {
    let error = match Method::parse(first.text) {
        Ok(method) => return entry(line, Some(method), url, after),
        Err(_) if are_mirrors(line, first, url) => return mirrors(line, url),
        Err(_) if first.text.contains("://") => {
            let reason = http_url::reject(first.text);
            return Line::Rejected { text: first.text.into(), reason, settings: None };
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
    Line::Error(Fault { line, span: word.span(), message: message.into(), hint: Some(hint.into()) })
}

/// The key of a line whose rest is its value, and where that begins, in bytes of the line's first word.
pub(super) fn text_key(word: &str) -> Option<(&str, usize)> {
    let (key, behind) = word.split_at(key_length(word)?);
    let (op, value) = Op::split(behind)?;
    (op == Op::Is && TEXT_KEYS.contains(&key)).then_some((key, word.len() - value.len()))
}

/// A word that would be a check, were it not the rest of a line whose first setting takes all of it. Only behind what seldom
/// has such words in it: headers and bodies are full of `=`.
pub(super) fn swallowed_check<'a>(key: &str, rest: &'a str) -> Option<&'a str> {
    let is_check = |word: &&str| {
        let key = key_length(word).filter(|end| *end < word.len()).map(|end| &word[..end]);
        key.is_some_and(|key| check::is_key(key.trim_start_matches('!')))
    };
    let mut behind = rest.split([' ', '\t']).skip(1);
    if matches!(key, "name" | "out" | "dir") { behind.find(is_check) } else { None }
}

/// Whether a word that is not indented is a setting of ours all the same, with what only a setting has. With a base it
/// would be a URL, and the check that it says would be lost.
fn is_setting(word: &str) -> bool {
    // A path of JSON that goes on behind a blank has no end here.
    let Some(end) = key_length(word) else { return is_key(word) };
    is_key(&word[..end]) && (end < word.len() || word.starts_with('!'))
}

/// Whether an indented word is a setting of the entry above: a key with an operator, or a key that stands alone.
fn is_more(word: &Word<'_>) -> bool {
    let key = key_length(word.text).map_or(word.text, |end| &word.text[..end]);
    let letters = |c: char| c.is_ascii_alphanumeric() || ".-_$!".contains(c);
    if key.len() < word.text.len() {
        let is_path = key.trim_start_matches('!').starts_with("json.");
        return is_path || key.chars().all(letters) && key.starts_with(|c: char| c.is_ascii_alphabetic());
    }
    is_key(key)
        || nearest(key)
            .is_some_and(|meant| FLAGS.contains(&meant) || meant.ends_with('.') && key.contains('.'))
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
mod tests;
