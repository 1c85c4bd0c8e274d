//! An automaton that steps through several parts of a block at once.
//!
//! Knows that one step waits for the one before it, five or six cycles of the processor, while steps in other parts need
//! not, and how to guess in which state a part begins. Refuses to say where in a part a match ends: that is looked for
//! again, one step after the other.

use std::collections::HashMap;

use regex_automata::dfa::Automaton as _;
use regex_automata::util::primitives::StateID;

use super::reset::Dfa;

/// Parts of a block that are stepped through at once: 0.65 ns a byte with 4 of them, 0.39 with 8, 0.42 with 16 (2026-11).
const LANES: usize = 8;

/// Bytes of each part between two looks at where the parts end, and before a part, from which its state is guessed.
const STRIDE: usize = 32;

/// In shorter blocks the parts are not worth their guesses.
const LEAST_BYTES: usize = 2 * STRIDE * LANES;

/// Rows of a table. That it is one of two sizes spares looking whether a row is in it, a tenth of the time (2026-11).
const SMALL: usize = 16;
const LARGE: usize = 256;

/// The state of a match: nothing leads out of it, so that it is enough to look at the end.
const FOUND: u8 = 0;

/// The steps of a small automaton: for each state and byte the next state.
pub(super) struct Lanes {
    /// A row for each state, and one for a match; as many as a small table has or a large one.
    steps: Vec<[u8; 256]>,
    states: Vec<StateID>,
    numbers: HashMap<StateID, u8>,
}

impl Lanes {
    /// Of an automaton that can be in these states before a match; `None` when there are too many.
    pub(super) fn of(dfa: &Dfa, states: &[StateID]) -> Option<Lanes> {
        let rows = if states.len() < SMALL { SMALL } else { LARGE };
        if states.len() >= rows {
            return None;
        }
        let numbers: HashMap<StateID, u8> = states.iter().copied().zip(1..=u8::MAX).collect();
        let mut steps = vec![[FOUND; 256]; rows];
        for (state, row) in states.iter().zip(&mut steps[1..]) {
            for (next, byte) in row.iter_mut().zip(0..=u8::MAX) {
                *next = numbers.get(&dfa.next_state(*state, byte)).copied().unwrap_or(FOUND);
            }
        }
        Some(Lanes { steps, states: states.to_vec(), numbers })
    }

    /// In bytes.
    pub(super) fn memory_usage(&self) -> usize {
        self.steps.len() * 256 + self.states.len() * 2 * size_of::<(StateID, u8)>()
    }

    /// Goes through a block, as far as it is sure that no match was seen: so many bytes, and the state behind them; `None`
    /// when it is too short.
    ///
    /// Nothing is taken on trust. In which state a part begins is guessed from the bytes before it, as an automaton soon
    /// forgets where it came from; what was seen in it counts when the part before it has ended in that very state.
    pub(super) fn walk(&self, state: StateID, block: &[u8]) -> Option<(usize, StateID)> {
        let mut sure = self.numbers.get(&state).copied().filter(|_| block.len() >= LEAST_BYTES)?;
        let begins: [usize; LANES] = std::array::from_fn(|lane| lane * part_of(block));
        let begun = self.guess(sure, block, begins);
        let mut ended = begun;
        self.step(
            &mut ended,
            std::array::from_fn(|lane| {
                &block[begins[lane]..begins.get(lane + 1).copied().unwrap_or(block.len())]
            }),
        );
        let state_of = |number: u8| self.states[usize::from(number) - 1];
        for lane in 0..LANES {
            if begun[lane] != sure || ended[lane] == FOUND {
                return Some((begins[lane], state_of(sure)));
            }
            sure = ended[lane];
        }
        Some((block.len(), state_of(sure)))
    }

    /// In which state each part begins: the first in this one, the others where it leads from here through the bytes
    /// before them.
    fn guess(&self, first: u8, block: &[u8], begins: [usize; LANES]) -> [u8; LANES] {
        let mut numbers = [first; LANES];
        self.step(
            &mut numbers,
            begins.map(|begin| {
                let from = begin.saturating_sub(STRIDE);
                &block[from..from + STRIDE]
            }),
        );
        numbers[0] = first;
        numbers
    }

    fn step(&self, numbers: &mut [u8; LANES], parts: [&[u8]; LANES]) {
        if let Some(steps) = self.steps.first_chunk::<LARGE>() {
            step(steps, numbers, parts);
        } else if let Some(steps) = self.steps.first_chunk::<SMALL>() {
            step(steps, numbers, parts);
        }
    }
}

/// All lanes at once as far as the shortest goes, and then the rest of each. `ROWS` is a power of two.
fn step<const ROWS: usize>(steps: &[[u8; 256]; ROWS], numbers: &mut [u8; LANES], parts: [&[u8]; LANES]) {
    let next = |number: u8, byte: u8| steps[usize::from(number) % ROWS][usize::from(byte)];
    let strides = parts.map(|part| part.as_chunks::<STRIDE>().0);
    let together = strides.iter().map(|strides| strides.len()).min().unwrap_or(0);
    for stride in 0..together {
        let bytes = strides.map(|strides| &strides[stride]);
        for at in 0..STRIDE {
            for (number, bytes) in numbers.iter_mut().zip(bytes) {
                *number = next(*number, bytes[at]);
            }
        }
    }
    for (number, part) in numbers.iter_mut().zip(parts) {
        for byte in &part[together * STRIDE..] {
            *number = next(*number, *byte);
        }
    }
}

/// How long the parts of a block are that are stepped through at once.
pub(super) fn part_of(block: &[u8]) -> usize {
    block.len() / LANES
}
