//! Regular expressions over bodies that come in blocks, without keeping the blocks.
//!
//! Knows how to compile one within bounds, and what is kept of a search between two blocks: the last bytes where matches
//! are short, else a state of its automaton, one number. Refuses to know where the bytes come from, and to compile the same text twice in a row.

mod automaton;
mod lanes;
mod required;
mod reset;
mod window;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use regex_automata::dfa::{StartKind, dense};
use regex_automata::nfa::thompson::{NFA, WhichCaptures};
use regex_automata::util::prefilter::Prefilter;
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;
use regex_automata::{MatchKind, meta};

use super::snippet;
use automaton::{Automaton, Prefix};
use required::{begins_rarely, required};
use window::{Seam, Window};

/// How deep groups and repetitions may be nested: compiling needs 3.5 KiB of stack for each level (2026-11).
const MOST_NESTED: u32 = 64;

/// The largest automaton in bytes that bodies are streamed through, and the most that making it may need; patterns
/// beyond it, such as `\w{20}` with all of Unicode, are searched by an engine that wants the whole body.
const MOST_AUTOMATON_BYTES: usize = 1 << 20;

/// The largest program in bytes that a pattern may come to, whatever runs it.
const MOST_PROGRAM_BYTES: usize = 4 << 20;

/// Compiled patterns that a thread remembers, in bytes; beyond it the memory starts anew.
const MOST_REMEMBERED_BYTES: usize = 32 << 20;

/// A regular expression.
pub(super) struct Pattern {
    text: Box<str>,
    engine: Engine,
}

enum Engine {
    /// Searches a block at a time, and again where two meet: for matches that are short and begin with a text.
    Window(Window),
    /// Takes a body byte by byte and remembers one number between blocks.
    Automaton(Box<Automaton>),
    /// Wants all of a text at once: too large for an automaton, or with a `\b` of Unicode, which has none.
    Whole(meta::Regex),
}

thread_local! {
    /// What was compiled last: the one thread that reads a list compiles, and ten thousand lines with one pattern share
    /// one automaton. Never borrowed across a wait, as compiling waits for nothing.
    static COMPILED: RefCell<Memory> = RefCell::default();
}

#[derive(Default)]
struct Memory {
    patterns: HashMap<Box<str>, Arc<Pattern>>,
    bytes: usize,
}

impl Memory {
    fn remember(&mut self, pattern: &Arc<Pattern>) {
        self.bytes += pattern.memory_usage();
        if self.bytes > MOST_REMEMBERED_BYTES {
            self.patterns.clear();
            self.bytes = pattern.memory_usage();
        }
        self.patterns.insert(pattern.text.clone(), Arc::clone(pattern));
    }
}

impl Pattern {
    /// Compiles a pattern in the syntax of the regex crate, over bytes, Unicode where the bytes are UTF-8.
    ///
    /// # Errors
    /// A fragment that says what is wrong with it, or that it is too large.
    pub(super) fn compile(text: &str) -> Result<Arc<Pattern>, String> {
        if let Some(known) = COMPILED.with_borrow(|memory| memory.patterns.get(text).cloned()) {
            return Ok(known);
        }
        let pattern = Arc::new(Pattern { text: text.into(), engine: engine(text)? });
        COMPILED.with_borrow_mut(|memory| memory.remember(&pattern));
        Ok(pattern)
    }

    /// As it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is found in a text that is there as a whole.
    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        self.find_end(text).is_some()
    }

    /// Where in a text that is there as a whole the first match was found to end.
    pub(super) fn find_end(&self, text: &[u8]) -> Option<usize> {
        match &self.engine {
            Engine::Window(window) => window.find_end(text),
            Engine::Whole(regex) => regex.find(text).map(|found| found.end()),
            Engine::Automaton(automaton) => {
                let mut state = automaton.begin(None)?;
                let found = automaton.feed(&mut state, text);
                found.or_else(|| automaton.ends(state).then_some(text.len()))
            }
        }
    }

    /// Where a search through blocks begins; `None` when this pattern wants all of a text at once.
    pub(super) fn begin(&self) -> Option<Place> {
        match &self.engine {
            Engine::Window(_) => Some(Place::Seam(Window::begin())),
            Engine::Automaton(automaton) => automaton.begin(None).map(Place::State),
            Engine::Whole(_) => None,
        }
    }

    /// Goes through the next block. What stands around the first match; `None` goes on.
    pub(super) fn feed(&self, place: &mut Place, block: &[u8]) -> Option<Box<str>> {
        match (&self.engine, place) {
            (Engine::Window(window), Place::Seam(seam)) => window.feed(seam, block),
            (Engine::Automaton(automaton), Place::State(state)) => {
                automaton.feed(state, block).map(|end| snippet::around(block, end))
            }
            _ => None,
        }
    }

    /// Whether the end of the text is what the search waited for.
    pub(super) fn ends(&self, place: &Place) -> bool {
        match (&self.engine, place) {
            (Engine::Window(window), Place::Seam(seam)) => window.ends(seam),
            (Engine::Automaton(automaton), Place::State(state)) => automaton.ends(*state),
            _ => false,
        }
    }

    fn memory_usage(&self) -> usize {
        match &self.engine {
            Engine::Window(window) => window.memory_usage(),
            Engine::Automaton(automaton) => automaton.memory_usage(),
            Engine::Whole(regex) => regex.memory_usage(),
        }
    }
}

/// Where a search stands between two blocks: all that is kept of what went by.
pub(super) enum Place {
    /// The last bytes.
    Seam(Seam),
    /// Where the automaton is.
    State(StateID),
}

fn engine(text: &str) -> Result<Engine, String> {
    let syntax = syntax::Config::new().utf8(false).nest_limit(MOST_NESTED);
    let hir = syntax::parse_with(text, &syntax).map_err(|error| complaint(&error.to_string()))?;
    let nfa = NFA::compiler()
        .configure(
            NFA::config()
                .utf8(false)
                .which_captures(WhichCaptures::None)
                .nfa_size_limit(Some(MOST_PROGRAM_BYTES)),
        )
        .build_from_hir(&hir)
        .map_err(|_| too_large())?;
    let prefilter = Prefilter::from_hir_prefix(MatchKind::LeftmostFirst, &hir).filter(Prefilter::is_fast);
    let meta = || {
        let config = meta::Config::new()
            .utf8_empty(false)
            .nfa_size_limit(Some(MOST_PROGRAM_BYTES))
            .hybrid_cache_capacity(MOST_AUTOMATON_BYTES)
            .which_captures(WhichCaptures::Implicit);
        meta::Builder::new().configure(config).build_from_hir(&hir).map_err(|_| too_large())
    };
    let (properties, looks) = (hir.properties(), hir.properties().look_set());
    let has_unicode_words = looks.contains_word_unicode();
    let config = dense::Config::new()
        .start_kind(StartKind::Unanchored)
        .specialize_start_states(prefilter.is_some())
        // Then it holds for ASCII alone, and only its size is of interest.
        .unicode_word_boundary(has_unicode_words)
        .dfa_size_limit(Some(MOST_AUTOMATON_BYTES))
        .determinize_size_limit(Some(MOST_AUTOMATON_BYTES));
    // What is too large for an automaton of its own is slow in every other way as well.
    let Ok(dfa) = dense::Builder::new().configure(config).build_from_nfa(&nfa) else {
        return meta().map(Engine::Whole);
    };
    // The library's machinery is the faster one where something tells it the few places at which to look; else it takes
    // byte after byte, 100 ns each where a `\b` of Unicode meets what is not ASCII (2026-11).
    match Window::suits(properties.minimum_len(), properties.maximum_len()) {
        Some(most) if prefilter.is_some() && !looks.contains_anchor_haystack() => {
            Ok(Engine::Window(Window::new(meta()?, most, !looks.is_empty())))
        }
        _ if has_unicode_words => meta().map(Engine::Whole),
        _ => {
            let prefix = prefilter.map(|prefilter| Prefix { prefilter, is_rare: begins_rarely(&hir) });
            Ok(Engine::Automaton(Box::new(Automaton::new(dfa, prefix, required(&hir)))))
        }
    }
}

fn too_large() -> String {
    format!("this regular expression is larger than {} MiB when it is compiled", MOST_PROGRAM_BYTES >> 20)
}

/// The library draws the pattern with a caret under it, over several lines; its last line says what is wrong.
fn complaint(drawn: &str) -> String {
    let why = drawn.lines().last().unwrap_or(drawn).trim();
    format!("no regular expression: {}", why.strip_prefix("error: ").unwrap_or(why))
}

#[cfg(test)]
mod tests;
