//! The ways through a block, all to the same end.
//!
//! Knows how to take an automaton's shortcuts away. Refuses to know bodies in blocks, which are the pattern's.

use proptest::prelude::*;

use super::*;
use crate::check::pattern::{Engine, engine};

/// What unbounded patterns are put together of: rare texts, common ones, and what is between them.
const PARTS: [&str; 24] = [
    "[0-9]+",
    "\\d+",
    "-x",
    "a",
    "a+",
    "x",
    "zz",
    "[^b]*",
    "[^x\n]+",
    ".*",
    ".+",
    "(?s:.*)",
    "[a-z]+",
    "(?:error|panic)",
    "(?:[0-9]+-x|a+@)",
    "(?:-x)*",
    "@",
    "é+",
    "(?i:É*)",
    "(?-u:\\b)",
    "(?m:^)",
    "(?m:$)",
    "$",
    "^",
];

/// What bodies are put together of: near misses of the above, and bytes that tell the state.
const PIECES: [&str; 20] = [
    "1", "12-", "7-x", "-", "x", "a", "aa@", "@", "b", "z", "zz", "é", "É", "error", "pan", "ic", "\n", " ",
    ", ", "the ",
];

/// Patterns of several parts.
pub(in crate::check::pattern) fn patterns() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(&PARTS[..]), 1..6).prop_map(|parts| parts.concat())
}

/// Bodies of some length, of a few of the pieces each, as where all stand everywhere, every pattern soon has a match; of
/// one after the other, or of long runs of the same, in which what was seen before is far away.
pub(in crate::check::pattern) fn bodies(most_pieces: usize) -> impl Strategy<Value = String> {
    let runs = prop_oneof![Just(1..2_usize), Just(1..60)];
    (proptest::sample::subsequence(&PIECES[..], 1..8), runs)
        .prop_flat_map(move |(pieces, run)| {
            let most_runs = (2 * most_pieces / run.end).max(2);
            proptest::collection::vec((proptest::sample::select(pieces), run), 0..most_runs)
        })
        .prop_map(|runs| runs.iter().map(|(piece, times)| piece.repeat(*times)).collect())
}

fn automaton(text: &str) -> Option<Box<Automaton>> {
    match engine(text) {
        Ok(Engine::Automaton(automaton)) => Some(automaton),
        _ => None,
    }
}

/// Where the first match ends, in blocks of this size, and whether the end of the text is one.
fn end(automaton: &Automaton, body: &[u8], size: usize) -> (Option<usize>, bool) {
    let mut state = automaton.begin(None).expect("a beginning");
    let mut blocks = body.chunks(size).enumerate();
    let found = blocks.find_map(|(at, block)| Some(at * size + automaton.feed(&mut state, block)?));
    (found, found.is_none() && automaton.ends(state))
}

/// By required texts, in lanes, and step by step.
fn ends(automaton: &mut Automaton, body: &[u8], size: usize) -> [(Option<usize>, bool); 3] {
    let by_texts = end(automaton, body, size);
    automaton.required = None;
    let in_lanes = end(automaton, body, size);
    automaton.lanes = None;
    [by_texts, in_lanes, end(automaton, body, size)]
}

#[test]
fn common_unbounded_patterns_need_not_be_stepped_through() {
    for (text, has_required) in [
        ("[0-9]+-x[0-9]+", true),
        (r"\w+@\w+\.com", true),
        ("[a-z]+ [0-9]+ zz", true),
        ("a[^b]*bzz", true),
        ("(error|panic): .*x", true),
        ("(?i)[a-z]+: fatal", true),
        ("([0-9]+-xy|[a-z]+@example)+", true),
        ("[0-9]{4,}-", false),
        ("[a-z]+[0-9]*", false),
        ("(?s)fox.*zzz", false),
        ("^[0-9]+-x", false),
        ("^a.*zz-top", false),
    ] {
        let automaton = automaton(text).unwrap_or_else(|| panic!("{text}: no automaton"));
        assert_eq!(automaton.required.is_some(), has_required, "{text}");
        assert!(automaton.required.is_some() || automaton.lanes.is_some(), "{text}");
    }
}

#[test]
fn a_match_is_found_in_each_of_the_lanes() {
    let automaton = automaton("[0-9]{4,}-").expect("an automaton");
    for begin in 0..1020 {
        let mut body = "12- ".repeat(256).into_bytes();
        body[begin..begin + 5].copy_from_slice(b"1234-");
        // One byte behind the match tells of it.
        let found = Some(begin + 5).filter(|end| *end < body.len());
        assert_eq!(end(&automaton, &body, body.len()), (found, found.is_none()), "{begin}");
    }
}

#[test]
fn lanes_that_began_in_a_wrong_state_do_not_count() {
    let mut automaton = automaton("(?s)[0-9]{4}.*zz").expect("an automaton");
    automaton.required = None;
    for begin in 200..2000 {
        let mut body = "12- ".repeat(512).into_bytes();
        body[100..104].copy_from_slice(b"1234");
        body[begin..begin + 2].copy_from_slice(b"zz");
        assert_eq!(end(&automaton, &body, body.len()), (Some(begin + 2), false), "{begin}");
        body[100..104].copy_from_slice(b"123-");
        assert_eq!(end(&automaton, &body, body.len()), (None, false), "{begin}");
    }
}

proptest! {
    #[test]
    fn all_ways_come_to_the_same_end(text in patterns(), body in bodies(500), size in 1..2000_usize) {
        if let Some(mut automaton) = automaton(&text) {
            let [required, lanes, steps] = ends(&mut automaton, body.as_bytes(), size);
            prop_assert_eq!(required, steps, "{}", text);
            prop_assert_eq!(lanes, steps, "{}", text);
        }
    }
}
