//! A regular expression whose matches are short, searched for block by block with the library's whole machinery.
//!
//! Knows that a match across a border lies in the last bytes of what came before and the first of what comes, and how far
//! around itself a match may look. Refuses to search for what may be of any length.

use regex_automata::{Input, meta};

use crate::check::snippet;

/// A match that may be longer is searched for by an automaton: what is kept for each body, and searched twice at each
/// border, is about as long.
const MOST_MATCH_BYTES: usize = 256;

/// How far a match may look beyond its ends: one character of UTF-8.
const MOST_LOOK_BYTES: usize = 4;

/// A regular expression whose matches are short.
pub(super) struct Window {
    regex: meta::Regex,
    /// Bytes around a match that decide whether it is one; 0 where it looks at none.
    looks: usize,
    /// So many of the last bytes are kept: a match that the border cuts, and what it looks at.
    reach: usize,
}

/// What is kept between two blocks.
pub(in crate::check) struct Seam {
    /// The last bytes, as many as the window reaches.
    tail: Vec<u8>,
    /// Whether the tail is all that there was.
    is_start: bool,
}

impl Window {
    /// Of matches of so many bytes at most, as [`Window::suits`] says.
    pub(super) fn new(regex: meta::Regex, most: usize, looks_around: bool) -> Window {
        let looks = if looks_around { MOST_LOOK_BYTES } else { 0 };
        Window { regex, looks, reach: most + 2 * looks }
    }

    /// The most bytes of a match, where those of so many at least and at most can be searched for so; `None` is no bound.
    pub(super) fn suits(least: Option<usize>, most: Option<usize>) -> Option<usize> {
        // An empty match is at every place, also where blocks meet: it has no bytes to be found by.
        least.filter(|least| *least > 0)?;
        most.filter(|most| *most <= MOST_MATCH_BYTES)
    }

    /// In bytes.
    pub(super) fn memory_usage(&self) -> usize {
        self.regex.memory_usage()
    }

    pub(super) fn begin() -> Seam {
        Seam { tail: Vec::new(), is_start: true }
    }

    /// Where in a text that is there as a whole the first match ends.
    pub(super) fn find_end(&self, text: &[u8]) -> Option<usize> {
        self.regex.search_half(&Input::new(text)).map(|found| found.offset())
    }

    /// Goes through the next block; what stands around a match, the first that was decided in it.
    pub(super) fn feed(&self, seam: &mut Seam, block: &[u8]) -> Option<Box<str>> {
        let is_first = seam.is_start && seam.tail.is_empty();
        let across = if is_first { None } else { self.across(seam, block) };
        let found = across.or_else(|| self.within(block, is_first, false));
        if found.is_none() {
            self.keep(seam, block);
        }
        found
    }

    /// The text is over: whether a match was only waiting to see that.
    pub(super) fn ends(&self, seam: &Seam) -> bool {
        self.looks > 0 && self.within(&seam.tail, seam.is_start, true).is_some()
    }

    /// A match that began before the block.
    fn across(&self, seam: &Seam, block: &[u8]) -> Option<Box<str>> {
        let both = [&seam.tail, &block[..block.len().min(self.reach)]].concat();
        self.within(&both, seam.is_start, false)
    }

    /// A match in these bytes, which are at the start or the end of the text, or go on beyond: then one at their border
    /// cannot be judged yet, or was before.
    fn within(&self, bytes: &[u8], is_start: bool, is_end: bool) -> Option<Box<str>> {
        let from = if is_start { 0 } else { self.looks };
        let to = if is_end { bytes.len() } else { bytes.len().saturating_sub(self.looks) };
        if from >= to {
            return None;
        }
        let input = Input::new(bytes).span(from..to).earliest(true);
        self.regex.search_half(&input).map(|found| snippet::around(bytes, found.offset()))
    }

    fn keep(&self, seam: &mut Seam, block: &[u8]) {
        let Seam { tail, is_start } = seam;
        *is_start &= tail.len() + block.len() <= self.reach;
        if block.len() >= self.reach {
            tail.clear();
            tail.extend_from_slice(&block[block.len() - self.reach..]);
        } else {
            tail.drain(..(tail.len() + block.len()).saturating_sub(self.reach));
            tail.extend_from_slice(block);
        }
    }
}
