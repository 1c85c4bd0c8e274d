//! A regular expression as an automaton, which takes a body byte by byte and remembers one number between blocks.
//!
//! Knows how to skip bytes at which nothing can be decided. Refuses to be made: whoever compiles patterns knows how large
//! one may be.

use regex_automata::dfa::{Automaton as _, dense};
use regex_automata::util::prefilter::Prefilter;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, Span};

/// An automaton, and what lets it skip bytes.
pub(super) struct Automaton {
    pub(super) dfa: dense::DFA<Vec<u32>>,
    /// Finds the texts that every match begins with, many bytes at a time; `None` when there are none, or it would be
    /// no faster.
    pub(super) prefilter: Option<Prefilter>,
}

impl Automaton {
    /// The state before a match, behind a byte or at the beginning.
    pub(super) fn begin(&self, behind: Option<u8>) -> Option<StateID> {
        self.dfa.start_state(&start::Config::new().anchored(Anchored::No).look_behind(behind)).ok()
    }

    /// Whether the end of the text makes it a match.
    pub(super) fn ends(&self, state: StateID) -> bool {
        self.dfa.is_match_state(self.dfa.next_eoi_state(state))
    }

    /// Goes through a block. Says where in it the first match was found to end; `None` goes on.
    pub(super) fn feed(&self, state: &mut StateID, block: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < block.len() {
            if self.dfa.is_start_state(*state) {
                at = self.skip(state, block, at);
            } else if self.dfa.is_accel_state(*state) {
                // It stays where it is until one of a few bytes comes.
                at =
                    next_of(self.dfa.accelerator(*state), &block[at..]).map_or(block.len(), |next| at + next);
            }
            if at == block.len() {
                break;
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

/// The first of these bytes, of which there are up to three.
fn next_of(bytes: &[u8], block: &[u8]) -> Option<usize> {
    match *bytes {
        [a] => memchr::memchr(a, block),
        [a, b] => memchr::memchr2(a, b, block),
        [a, b, c] => memchr::memchr3(a, b, c, block),
        _ => Some(0).filter(|_| !block.is_empty()),
    }
}
