//! Bytes behind which an automaton is in one and the same state, whatever came before.
//!
//! Knows every state that can be reached before a match, and where each byte leads from them. Refuses to know what bytes
//! may be passed over: that there was no match in them is for whoever passes over them to know.

use regex_automata::Anchored;
use regex_automata::dfa::{Automaton as _, dense};
use regex_automata::util::alphabet::Unit;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;

/// An automaton as patterns are compiled to.
pub(super) type Dfa = dense::DFA<Vec<u32>>;

/// For each byte the state behind it, where that is one and the same.
///
/// Such a byte leads from every state that can be reached either to this one state or to a match. Where no match ends in
/// some bytes, the last such byte among them so tells the state, and none of those before it has to be looked at. A
/// search that begins with this byte comes to the same state: what is found from there on is found by a search that
/// begins there, and lies in what that one sees.
pub(super) struct Resets {
    behind: Box<[Option<StateID>; 256]>,
}

impl Resets {
    /// Of this automaton, which can be in these states before a match; `None` where no byte of ASCII is one, or where it
    /// may come to know that there will be no match, which no later byte undoes.
    pub(super) fn of(dfa: &Dfa, states: &[StateID]) -> Option<Resets> {
        if states.iter().any(|state| dfa.is_dead_state(*state)) {
            return None;
        }
        let bytes: Vec<u8> = representatives(dfa).collect();
        let mut targets = vec![Target::None; bytes.len()];
        for state in states {
            for (byte, target) in bytes.iter().zip(&mut targets) {
                let next = dfa.next_state(*state, *byte);
                if !dfa.is_match_state(next) {
                    target.add(next);
                }
            }
        }
        let behind = Box::new(std::array::from_fn(|byte| {
            let class = dfa.byte_classes().get(u8::try_from(byte).ok()?);
            targets[usize::from(class)].only()
        }));
        // Those beyond ASCII are too seldom in texts to be of use alone.
        let resets = Resets { behind };
        (0..128).any(|byte| resets.behind(byte).is_some()).then_some(resets)
    }

    /// The state behind this byte, whatever came before, where there was no match; `None` when it depends.
    pub(super) fn behind(&self, byte: u8) -> Option<StateID> {
        self.behind[usize::from(byte)]
    }

    /// Where the last such byte is, and the state behind it.
    pub(super) fn last_in(&self, bytes: &[u8]) -> Option<(usize, StateID)> {
        bytes.iter().enumerate().rev().find_map(|(at, byte)| Some((at, self.behind(*byte)?)))
    }
}

/// Where a byte leads.
#[derive(Clone, Copy)]
enum Target {
    /// To matches alone, as far as is known.
    None,
    One(StateID),
    Several,
}

impl Target {
    fn add(&mut self, state: StateID) {
        *self = match *self {
            Target::None => Target::One(state),
            Target::One(known) if known == state => return,
            _ => Target::Several,
        };
    }

    fn only(self) -> Option<StateID> {
        if let Target::One(state) = self { Some(state) } else { None }
    }
}

/// All states that an automaton can be in before a match, also the one in which it knows that there will be none; `None`
/// where it has none to begin in, or gives up at some byte.
pub(super) fn states(dfa: &Dfa) -> Option<Vec<StateID>> {
    let bytes: Vec<u8> = representatives(dfa).collect();
    let mut reached = Reached::default();
    for behind in std::iter::once(None).chain((0..=u8::MAX).map(Some)) {
        let config = start::Config::new().anchored(Anchored::No).look_behind(behind);
        reached.add(dfa, dfa.start_state(&config).ok()?);
    }
    let mut at = 0;
    while let Some(state) = reached.states.get(at).copied() {
        for byte in &bytes {
            reached.add(dfa, dfa.next_state(state, *byte));
        }
        at += 1;
    }
    let gives_up = reached.states.iter().any(|state| dfa.is_quit_state(*state));
    (!gives_up).then_some(reached.states)
}

/// A byte of each class of bytes that lead to the same states.
fn representatives(dfa: &Dfa) -> impl Iterator<Item = u8> {
    dfa.byte_classes().representatives(0..=u8::MAX).filter_map(Unit::as_u8)
}

/// States before a match, each once.
#[derive(Default)]
struct Reached {
    states: Vec<StateID>,
    is_known: Vec<bool>,
}

impl Reached {
    fn add(&mut self, dfa: &Dfa, state: StateID) {
        let number = state.as_usize() >> dfa.stride2();
        if number >= self.is_known.len() {
            self.is_known.resize(number + 1, false);
        }
        if !dfa.is_match_state(state) && !std::mem::replace(&mut self.is_known[number], true) {
            self.states.push(state);
        }
    }
}
