//! Lines that differ by their URL alone, on their way to whoever makes entries of them.
//!
//! Most lines of a long list do, and what becomes of one is made and given back by the thread that fetches: memory
//! that one thread asks for and another gives back costs both of them more than what is done with it (2026-11: a tenth of
//! a small request). So the list's thread hands over their text.
//!
//! Knows their places. Refuses to know what is made of them.

use std::sync::Arc;

use super::audience::Found;
use super::http_url::Urls;
use super::setting::Setting;
use crate::request::Target;

/// What such lines have in common: the very same settings, not equal ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Common {
    pub(super) source: Arc<str>,
    pub(super) settings: Arc<[Setting]>,
    pub(super) defaults: Arc<[Setting]>,
}

impl Common {
    /// What an entry has in common with others like it.
    pub(super) fn of(found: &Found<'_>) -> Common {
        let Found { at, settings, defaults, .. } = found;
        Common {
            source: Arc::clone(at.source),
            settings: Arc::clone(settings),
            defaults: Arc::clone(defaults),
        }
    }

    /// Whether it is that of an entry.
    pub(super) fn is_of(&self, found: &Found<'_>) -> bool {
        self.has(found.at.source, found.settings, found.defaults)
    }

    fn is(&self, other: &Common) -> bool {
        self.has(&other.source, &other.settings, &other.defaults)
    }

    fn has(&self, source: &Arc<str>, settings: &Arc<[Setting]>, defaults: &Arc<[Setting]>) -> bool {
        Arc::ptr_eq(&self.source, source)
            && Arc::ptr_eq(&self.settings, settings)
            && Arc::ptr_eq(&self.defaults, defaults)
    }
}

/// Such lines of one source, one after another but for blank ones.
#[derive(Debug)]
pub struct PlainLines {
    common: Common,
    /// The number in the whole input of the first one that is left.
    urlnum: u64,
    /// As they were written, without anything between them.
    text: String,
    /// Where each ends, and its number in the source.
    lines: Vec<(usize, u32)>,
    /// How many were taken out.
    used: usize,
    urls: Urls,
}

impl PlainLines {
    /// None yet; the first will have this number in the whole input.
    pub(super) fn of(common: &Common, urlnum: u64) -> PlainLines {
        PlainLines {
            common: common.clone(),
            urlnum,
            text: String::new(),
            lines: Vec::new(),
            used: 0,
            urls: Urls::default(),
        }
    }

    /// Whether the URL of an entry stands in its line as it is meant, and no method before it.
    pub(super) fn are_like(found: &Found<'_>) -> bool {
        found.method.is_none() && found.base.is_none() && found.text == found.word
    }

    /// Whether they have that in common.
    pub(super) fn have(&self, common: &Common) -> bool {
        self.common.is(common)
    }

    /// What each of them says besides its URL.
    pub fn settings(&self) -> &Arc<[Setting]> {
        &self.common.settings
    }

    /// What `@defaults` say of them.
    pub fn defaults(&self) -> &Arc<[Setting]> {
        &self.common.defaults
    }

    pub(super) fn push(&mut self, line: u32, word: &str) {
        self.text.push_str(word);
        self.lines.push((self.text.len(), line));
    }

    /// How many there are still.
    pub fn left(&self) -> usize {
        self.lines.len() - self.used
    }

    /// The next one.
    pub fn next_url(&mut self) -> Option<PlainLine<'_>> {
        let start = self.used.checked_sub(1).map_or(0, |before| self.lines[before].0);
        let (end, line) = *self.lines.get(self.used)?;
        self.used += 1;
        self.urlnum += 1;
        let text = &self.text[start..end];
        Some(PlainLine {
            urlnum: self.urlnum - 1,
            source: &self.common.source,
            line,
            text,
            url: self.urls.target(text),
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
    pub url: Result<Target, String>,
}
