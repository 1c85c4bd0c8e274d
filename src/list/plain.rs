//! Lines that are a URL alone, on their way to whoever makes entries of them.
//!
//! Most lines of a long list are such, and what becomes of one is made and given back by the thread that fetches: memory
//! that one thread asks for and another gives back costs both of them more than what is done with it (2026-11: a tenth of
//! a small request). So the list's thread hands over their text.
//!
//! Knows their places. Refuses to know what is made of them.

use std::sync::Arc;

use url::Url;

use super::Entry;
use super::audience::Found;
use super::http_url::Urls;
use super::setting::Setting;
use crate::request::Location;

/// Lines of one source, one after another but for blank ones and those that are left out.
#[derive(Debug)]
pub struct PlainLines {
    source: Arc<str>,
    /// The number in the whole input of the first one that is left.
    urlnum: u64,
    /// As they were written, without anything between them.
    text: String,
    /// Where each ends, and its number in the source.
    lines: Vec<(usize, u32)>,
    /// How many were made into entries.
    used: usize,
    urls: Urls,
    none: Arc<[Setting]>,
}

impl PlainLines {
    /// None yet, of a source; the first will have this number in the whole input.
    pub(super) fn of(source: &Arc<str>, urlnum: u64) -> PlainLines {
        PlainLines {
            source: Arc::clone(source),
            urlnum,
            text: String::new(),
            lines: Vec::new(),
            used: 0,
            urls: Urls::default(),
            none: Arc::default(),
        }
    }

    /// Whether an entry says nothing but its URL, which stands in its line as it is meant.
    pub(super) fn are_like(found: &Found<'_>) -> bool {
        found.method.is_none()
            && found.base.is_none()
            && found.settings.is_empty()
            && found.defaults.is_empty()
            && found.text == found.word
    }

    /// Whether they come from there.
    pub(super) fn are_of(&self, source: &Arc<str>) -> bool {
        Arc::ptr_eq(&self.source, source)
    }

    pub(super) fn push(&mut self, line: u32, word: &str) {
        self.text.push_str(word);
        self.lines.push((self.text.len(), line));
    }
}

impl PlainLines {
    /// The next one with its URL, or why it is none: for who makes no entry of it.
    pub fn next_url(&mut self) -> Option<PlainLine<'_>> {
        let start = self.used.checked_sub(1).map_or(0, |before| self.lines[before].0);
        let (end, line) = *self.lines.get(self.used)?;
        self.used += 1;
        self.urlnum += 1;
        let text = &self.text[start..end];
        Some(PlainLine {
            urlnum: self.urlnum - 1,
            source: &self.source,
            line,
            text,
            url: self.urls.parse(text),
        })
    }
}

/// One of them.
pub struct PlainLine<'a> {
    /// Its number in the whole input.
    pub urlnum: u64,
    /// Where it stands.
    pub source: &'a Arc<str>,
    /// Its number there, from 1.
    pub line: u32,
    /// As it was written.
    pub text: &'a str,
    /// The URL, or why it is none.
    pub url: Result<Url, String>,
}

/// As entries, with their numbers in the whole input.
impl Iterator for PlainLines {
    type Item = (u64, Entry);

    fn next(&mut self) -> Option<(u64, Entry)> {
        let none = Arc::clone(&self.none);
        let PlainLine { urlnum, source, line, text, url } = self.next_url()?;
        let entry = Entry {
            location: Location { source: Arc::clone(source), line },
            method: None,
            text: text.to_owned(),
            url,
            settings: Arc::clone(&none),
            defaults: none,
            again: None,
        };
        Some((urlnum, entry))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.lines.len() - self.used;
        (left, Some(left))
    }
}

impl ExactSizeIterator for PlainLines {}
