//! A regular expression as an automaton, which takes a body byte by byte and remembers one number between blocks.
//!
//! Knows which bytes need not be looked at, and which can be looked at together. Refuses to be compiled here: whoever
//! compiles patterns knows how large one may be.

use regex_automata::dfa::Automaton as _;
use regex_automata::util::prefilter::Prefilter;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, Span};

use super::lanes::{Lanes, part_of};
use super::required::is_rare;
use super::reset::{self, Dfa, Resets};

/// A hit of the search for required texts costs about as much as so many bytes in lanes: where they stand closer than
/// that, the search does not pay.
const LEAST_BYTES_PER_HIT: usize = 64;

/// So many hits are taken before that is judged.
const HITS_TO_JUDGE: usize = 8;

/// Where so many bytes do not tell the state, others will not soon.
const MOST_UNSETTLED_BYTES: usize = 256;

/// So many bytes of a block are walked before lanes are: a pattern that is bound to the beginning is soon decided.
const WALKED_FIRST_BYTES: usize = 64;

/// Lanes that began in a wrong state were walked for nothing: this is the last time that it is tried in a block, the
/// second, as the first is for walking.
const MOST_TRIES: usize = 3;

/// Where states are such that many bytes are skipped, it is looked again after so many whether they still are.
const SKIPPED_BYTES: usize = 2048;

/// An automaton, and what lets it skip bytes.
pub(super) struct Automaton {
    dfa: Dfa,
    prefix: Option<Prefix>,
    /// Bytes that tell the state, and what finds texts of which every match contains one; `None` where there are no such
    /// bytes, or no texts that are rare.
    required: Option<(Resets, Prefilter)>,
    /// `None` when it is too large for them.
    lanes: Option<Lanes>,
}

/// What every match begins with.
pub(super) struct Prefix {
    /// Finds it many bytes at a time.
    pub(super) prefilter: Prefilter,
    /// Whether it is seldom seen.
    pub(super) is_rare: bool,
}

/// What came of going from one required text to the next.
enum Leapt {
    /// A match ends here.
    Found(usize),
    /// The byte before this place tells the state.
    Settled(usize),
    /// There is none before this place: the end of the block, or where another way is better.
    To(usize),
}

impl Automaton {
    /// With what finds the texts that every match begins with, and those of which every match contains one; `None` when
    /// there are none, or it would be no faster. Where there is the former, the automaton has to know its start states.
    pub(super) fn new(dfa: Dfa, prefix: Option<Prefix>, required: Option<Prefilter>) -> Automaton {
        let states = reset::states(&dfa).unwrap_or_default();
        let required = required.and_then(|required| Some((Resets::of(&dfa, &states)?, required)));
        let lanes = Lanes::of(&dfa, &states);
        Automaton { dfa, prefix, required, lanes }
    }

    /// In bytes.
    pub(super) fn memory_usage(&self) -> usize {
        self.dfa.memory_usage() + self.lanes.as_ref().map_or(0, Lanes::memory_usage)
    }

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
        let mut at = match &self.required {
            None => 0,
            Some((resets, texts)) => match self.leap(resets, texts, state, block) {
                Leapt::Found(end) => return Some(end),
                Leapt::To(at) | Leapt::Settled(at) => at,
            },
        };
        let mut tries = 0;
        while at < block.len() {
            let (passed, piece) = self.in_lanes(state, &block[at..], &mut tries);
            at += passed;
            let rest = &block[at..];
            let rest = &rest[..piece.min(rest.len())];
            if let Some(end) = self.walk(state, rest) {
                return Some(at + end);
            }
            at += rest.len();
        }
        None
    }

    /// Goes through what lanes are good for: so many bytes were passed, and so many behind them are to be walked, which is
    /// all where there are no lanes, else where these stopped: at a match, or at a part whose beginning was guessed wrong.
    fn in_lanes(&self, state: &mut StateID, block: &[u8], tries: &mut usize) -> (usize, usize) {
        let Some(lanes) = &self.lanes else { return (0, block.len()) };
        if self.skips_far(*state) {
            return (0, SKIPPED_BYTES);
        }
        *tries += 1;
        let walked = match *tries {
            1 => return (0, WALKED_FIRST_BYTES),
            2..=MOST_TRIES => lanes.walk(*state, block),
            _ => None,
        };
        match walked {
            Some((passed, behind)) => {
                *state = behind;
                (passed, part_of(block))
            }
            None => (0, block.len()),
        }
    }

    /// Whether many bytes are likely to be skipped from here at once.
    fn skips_far(&self, state: StateID) -> bool {
        match &self.prefix {
            Some(prefix) if prefix.is_rare && self.dfa.is_start_state(state) => true,
            // Nothing will come of it.
            _ if self.dfa.is_dead_state(state) => true,
            _ => {
                self.dfa.is_accel_state(state)
                    && self.dfa.accelerator(state).iter().all(|byte| is_rare(*byte))
            }
        }
    }

    /// Goes from one required text to the next, as long as they are far between.
    ///
    /// Behind a byte that tells the state, the automaton is where a search that begins with this byte would be. So a
    /// match that it comes to from there, whenever it began, is one that such a search finds, and has a required text
    /// in it, no part of which lies before that byte: where the next one begins there has been no match, and the state
    /// is again told by the last such byte. A required text across the end of the block needs no care: the next block is
    /// stepped through until such a byte.
    fn leap(&self, resets: &Resets, required: &Prefilter, state: &mut StateID, block: &[u8]) -> Leapt {
        let (mut at, mut hits) = (0, 0);
        // Where nothing was seen yet, there is nothing to be forgotten.
        let mut is_fresh = Some(*state) == self.begin(None);
        loop {
            if !std::mem::take(&mut is_fresh) {
                match self.settle(resets, state, block, at) {
                    Leapt::Settled(behind) => at = behind,
                    other => return other,
                }
            }
            if hits >= HITS_TO_JUDGE && at < hits * LEAST_BYTES_PER_HIT {
                return Leapt::To(at);
            }
            let hit = required.find(block, Span::from(at.saturating_sub(1)..block.len()));
            let begin = hit.map_or(block.len(), |hit| hit.start.max(at));
            if let Some((last, behind)) = resets.last_in(&block[at..begin]) {
                *state = behind;
                at += last + 1;
            }
            for byte in &block[at..begin] {
                *state = self.dfa.next_state(*state, *byte);
            }
            at = begin;
            hits += 1;
        }
    }

    /// Steps on until behind a byte that tells the state, one at least: a hit is not found for ever.
    fn settle(&self, resets: &Resets, state: &mut StateID, block: &[u8], from: usize) -> Leapt {
        let to = block.len().min(from + MOST_UNSETTLED_BYTES);
        for (at, byte) in block.iter().enumerate().take(to).skip(from) {
            *state = self.dfa.next_state(*state, *byte);
            if self.dfa.is_match_state(*state) {
                return Leapt::Found(at);
            }
            if resets.behind(*byte).is_some() {
                return Leapt::Settled(at + 1);
            }
        }
        Leapt::To(to)
    }

    /// Goes through a block step by step.
    fn walk(&self, state: &mut StateID, block: &[u8]) -> Option<usize> {
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
        let Some(Prefix { prefilter, .. }) = &self.prefix else { return at };
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

#[cfg(test)]
pub(super) mod tests;
