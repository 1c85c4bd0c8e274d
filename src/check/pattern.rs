//! Regular expressions over bodies that come in blocks, without keeping the blocks.
//!
//! Knows how to compile one within bounds, and where in it a search stands between two blocks: a state of its automaton,
//! one number. Refuses to know where the bytes come from, and to compile the same text twice in a row.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson::{NFA, WhichCaptures};
use regex_automata::util::prefilter::Prefilter;
use regex_automata::util::primitives::StateID;
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, MatchKind, Span, meta};

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
    /// Takes a body byte by byte and remembers one number between blocks.
    Automaton(Box<Automaton>),
    /// Wants all of a text at once: too large for an automaton, or with a `\b` of Unicode, which has none.
    Whole(meta::Regex),
}

/// An automaton, and what lets it skip bytes.
struct Automaton {
    dfa: dense::DFA<Vec<u32>>,
    /// Finds the texts that every match begins with, many bytes at a time; `None` when there are none, or it would be
    /// no faster.
    prefilter: Option<Prefilter>,
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
        match (&self.engine, self.begin()) {
            (Engine::Whole(regex), _) => regex.find(text).map(|found| found.end()),
            (_, Some(mut place)) => {
                self.feed(&mut place, text).or_else(|| self.ends(&place).then_some(text.len()))
            }
            (Engine::Automaton(_), None) => None,
        }
    }

    /// Where a search through blocks begins; `None` when this pattern wants all of a text at once.
    pub(super) fn begin(&self) -> Option<Place> {
        let Engine::Automaton(automaton) = &self.engine else { return None };
        automaton.begin(None).map(Place)
    }

    /// Goes through the next block. Says where in it the first match was found to end; `None` goes on.
    pub(super) fn feed(&self, place: &mut Place, block: &[u8]) -> Option<usize> {
        let Engine::Automaton(automaton) = &self.engine else { return None };
        automaton.feed(&mut place.0, block)
    }

    /// Whether the end of the text is what the search waited for.
    pub(super) fn ends(&self, place: &Place) -> bool {
        let Engine::Automaton(automaton) = &self.engine else { return false };
        let dfa = &automaton.dfa;
        dfa.is_match_state(dfa.next_eoi_state(place.0))
    }

    fn memory_usage(&self) -> usize {
        match &self.engine {
            Engine::Automaton(automaton) => automaton.dfa.memory_usage(),
            Engine::Whole(regex) => regex.memory_usage(),
        }
    }
}

impl Automaton {
    /// The state before a match, behind a byte or at the beginning.
    fn begin(&self, behind: Option<u8>) -> Option<StateID> {
        self.dfa.start_state(&start::Config::new().anchored(Anchored::No).look_behind(behind)).ok()
    }

    fn feed(&self, state: &mut StateID, block: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < block.len() {
            if self.dfa.is_start_state(*state) {
                at = self.skip(state, block, at);
            }
            // The automaton is one byte behind: a match ends before the byte that tells of it.
            at += self.step(state, &block[at..]);
            if self.dfa.is_match_state(*state) {
                return Some(at - 1);
            }
            if self.dfa.is_dead_state(*state) {
                break;
            }
        }
        None
    }

    /// Takes at least one byte, and goes on to the first state where there is something to decide. Says how many bytes
    /// were taken.
    fn step(&self, state: &mut StateID, block: &[u8]) -> usize {
        for (at, byte) in block.iter().enumerate() {
            *state = self.dfa.next_state(*state, *byte);
            if self.dfa.is_special_state(*state) {
                return at + 1;
            }
        }
        block.len()
    }

    /// No match is under way: goes on to where the next one may begin, or, where none does, to the last bytes of the
    /// block, in which one may begin that goes on in the next.
    fn skip(&self, state: &mut StateID, block: &[u8], at: usize) -> usize {
        let Some(prefilter) = &self.prefilter else { return at };
        let last = block.len().saturating_sub(prefilter.max_needle_len()).max(at);
        let next = match prefilter.find(block, Span::from(at..block.len())) {
            Some(found) => found.start,
            None => last,
        };
        if let Some(behind) = next.checked_sub(1).filter(|_| next > at)
            && let Some(begin) = self.begin(Some(block[behind]))
        {
            *state = begin;
            return next;
        }
        at
    }
}

/// Where a search stands between two blocks: all that is kept of what went by.
pub(super) struct Place(StateID);

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
    let config = dense::Config::new()
        .start_kind(StartKind::Unanchored)
        .specialize_start_states(prefilter.is_some())
        .dfa_size_limit(Some(MOST_AUTOMATON_BYTES))
        .determinize_size_limit(Some(MOST_AUTOMATON_BYTES));
    if let Ok(dfa) = dense::Builder::new().configure(config).build_from_nfa(&nfa) {
        return Ok(Engine::Automaton(Box::new(Automaton { dfa, prefilter })));
    }
    let config = meta::Config::new()
        .utf8_empty(false)
        .nfa_size_limit(Some(MOST_PROGRAM_BYTES))
        .which_captures(WhichCaptures::Implicit);
    meta::Builder::new().configure(config).build_from_hir(&hir).map(Engine::Whole).map_err(|_| too_large())
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Arc<Pattern> {
        Pattern::compile(text).unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    /// Searched in blocks of every size, down to single bytes.
    fn found_in_blocks(pattern: &Pattern, text: &[u8]) -> Vec<bool> {
        let in_blocks_of = |size| {
            let mut place = pattern.begin().expect("an automaton");
            text.chunks(size).any(|block| pattern.feed(&mut place, block).is_some()) || pattern.ends(&place)
        };
        (1..=text.len().max(1)).map(in_blocks_of).collect()
    }

    #[test]
    fn a_match_is_found_wherever_the_blocks_end() {
        for (text, body, is_found) in [
            ("welcome", "you are welcome!", true),
            ("wel+come$", "wellcome", true),
            ("wel+come$", "wellcome!", false),
            ("^you", "you", true),
            ("^are", "you are", false),
            ("(?m)^are$", "you\nare\nhere", true),
            ("(?i)WELCOME", "you are Welcome", true),
            (r"v\d+\.\d+", "version v12.7", true),
            ("gr(ü|ue)n", "grün", true),
            ("gr.n", "grün", true),
            ("", "", true),
            ("", "x", true),
            ("x*", "", true),
            ("^$", "", true),
            ("^$", "x", false),
            ("a.b", "a\nb", false),
            ("(?s)a.b", "a\nb", true),
            ("(error|panic): .*x", "errerror: yy\npanic: yx", true),
            ("(error|panic): .*x", "error: yy\npanic: y", false),
            (r"(?-u:\b)ok", "book ok", true),
            (r"(?-u:\b)ok", "book", false),
            ("(?m)^ok$", "no\nnook\nok", true),
            ("(?m)^ok$", "no\nnook", false),
            ("aab", "aaaaaaab", true),
        ] {
            let pattern = pattern(text);
            assert!(
                found_in_blocks(&pattern, body.as_bytes()).iter().all(|found| *found == is_found),
                "{text}"
            );
            assert_eq!(pattern.is_match(body.as_bytes()), is_found, "{text}");
        }
    }

    #[test]
    fn bodies_need_not_be_utf_8() {
        assert!(pattern("end").is_match(b"\xff\xfe\x80 end"));
        assert!(pattern(r"(?-u)\xff").is_match(b"a\xff"));
    }

    #[test]
    fn what_has_no_automaton_is_searched_whole() {
        let word = pattern(r"\bok\b");
        assert!(word.begin().is_none());
        assert!(word.is_match("ganz ok.".as_bytes()) && !word.is_match("okö".as_bytes()));
        assert!(pattern(r"\w{60}").begin().is_none());
        assert!(pattern(r"(?-u:\b)ok").begin().is_some());
    }

    #[test]
    fn what_people_write_has_an_automaton() {
        for text in
            [r"v\d+\.\d+", "(?i)internal server error", r"build \w+", r"^\s*<!doctype html>", r"\w+@\w+\.com"]
        {
            assert!(pattern(text).begin().is_some(), "{text}");
        }
    }

    #[test]
    fn the_same_text_is_compiled_once() {
        assert!(Arc::ptr_eq(&pattern("o[kK]"), &pattern("o[kK]")));
    }

    #[test]
    fn absurd_patterns_are_refused_and_cost_little() {
        for (bad, why) in [
            ("(".repeat(10_000), "unclosed"),
            (format!("{}a{}", "(".repeat(10_000), ")".repeat(10_000)), "nest"),
            ("(((a{1000}){1000}){1000}){1000}".to_owned(), "larger"),
            (r"\w{1000}".to_owned(), "larger"),
            ("[".to_owned(), "unclosed"),
            ("(?=x)".to_owned(), "look"),
        ] {
            let refused = Pattern::compile(&bad).err().unwrap_or_else(|| panic!("{bad:.40} was taken"));
            assert!(refused.contains(why) && !refused.contains('\n'), "{bad:.40}: {refused}");
        }
    }

    /// The offload threads and the list's have at least this.
    #[test]
    fn the_deepest_pattern_is_content_with_a_quarter_of_a_thread() {
        let depth = MOST_NESTED as usize / 4;
        let text = format!("{}a{}", "(?:b|".repeat(depth), ")*".repeat(depth));
        let compile = move || Pattern::compile(&text).map(|_| ());
        let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(compile).unwrap();
        assert_eq!(thread.join().unwrap(), Ok(()));
    }

    proptest! {
        #[test]
        fn no_pattern_and_no_body_make_it_panic(text in ".{0,20}", body: Vec<u8>) {
            if let Ok(pattern) = Pattern::compile(&text) {
                pattern.is_match(&body);
            }
        }

        #[test]
        fn blocks_change_nothing(text in "[\\^]?[ab]{1,3}(|[.+*?])(|\\|ba|[ab$])", body in "[ab\n]{0,12}") {
            let pattern = pattern(&text);
            let whole = meta::Regex::new(&text).unwrap().is_match(&body);
            prop_assert!(found_in_blocks(&pattern, body.as_bytes()).iter().all(|found| *found == whole));
        }
    }
}
