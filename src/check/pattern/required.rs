//! Texts of which every match of a regular expression contains one, the rarer the better.
//!
//! Knows the parts of an expression, and how often bytes are seen in texts. Refuses to look for them.

use regex_automata::MatchKind;
use regex_automata::util::prefilter::Prefilter;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq, rank};
use regex_syntax::hir::{Hir, HirKind};

/// So many parts of a sequence are tried, and of each so many are read: more make no text rarer, only compiling slower.
const MOST_PARTS: usize = 64;
const MOST_PARTS_READ: usize = 8;

/// Of more texts at once the search is no longer a fast one, nor where they are several and shorter than this.
const MOST_TEXTS: usize = 32;
const LEAST_BYTES_OF_SEVERAL: usize = 3;

/// Bytes of a text that are counted: longer ones are all rare.
const MOST_COUNTED_BYTES: usize = 8;

/// What each byte of a text counts beside its own rarity, which is up to 128.
const LENGTH_WEIGHT: u32 = 32;

/// Each further text makes a hit more likely.
const TEXT_COST: u32 = 6;

/// Below it a text is all over the place, as single letters are: looking for it would stop all the time.
const LEAST_RARITY: u32 = 64;

/// Single bytes that are not more frequent are worth a search of their own.
const MOST_RANK: u8 = 216;

/// Texts, one of which is in every match, and how rare they are.
struct Texts {
    texts: Vec<Vec<u8>>,
    rarity: u32,
}

/// Finds texts of which every match contains one; `None` where there are none that are rare enough and quick to find.
pub(super) fn required(hir: &Hir) -> Option<Prefilter> {
    let best = texts(hir)?;
    let is_rare = best.rarity >= LEAST_RARITY;
    let prefilter = is_rare.then(|| Prefilter::new(MatchKind::LeftmostFirst, &best.texts)).flatten();
    prefilter.filter(Prefilter::is_fast)
}

/// Whether that with which every match begins is rare.
pub(super) fn begins_rarely(hir: &Hir) -> bool {
    beginning(hir).is_some_and(|texts| texts.rarity >= LEAST_RARITY)
}

/// Whether a byte is seldom seen in texts, less than once in sixty.
pub(super) fn is_rare(byte: u8) -> bool {
    rank(byte) <= MOST_RANK
}

/// The rarest that are found. As deep as the expression is nested, which its parser bounds.
fn texts(hir: &Hir) -> Option<Texts> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => None,
        HirKind::Literal(_) | HirKind::Class(_) => beginning(hir),
        HirKind::Capture(capture) => texts(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min == 0 => None,
        HirKind::Repetition(repetition) => texts(&repetition.sub),
        HirKind::Concat(parts) => of_sequence(parts),
        HirKind::Alternation(choices) => of_choices(choices),
    }
}

/// What stands anywhere in a sequence is in every match of it: what one of its parts contains, or what it and those that
/// follow begin with.
fn of_sequence(parts: &[Hir]) -> Option<Texts> {
    let from = |first: usize| {
        let read = &parts[first..parts.len().min(first + MOST_PARTS_READ)];
        texts(&parts[first]).into_iter().chain(beginning(&Hir::concat(read.to_vec())))
    };
    let each = (0..parts.len().min(MOST_PARTS)).flat_map(from);
    each.filter(|texts| is_quick(&texts.texts)).max_by_key(|texts| texts.rarity)
}

/// What each of the choices contains, taken together.
fn of_choices(choices: &[Hir]) -> Option<Texts> {
    let mut all = Vec::new();
    for choice in choices {
        all.extend(texts(choice)?.texts);
        if all.len() > MOST_TEXTS {
            return None;
        }
    }
    Some(Texts { rarity: rarity(&all), texts: all })
}

/// What every match begins with, when that is a few texts.
fn beginning(hir: &Hir) -> Option<Texts> {
    let mut beginning: Seq = Extractor::new().kind(ExtractKind::Prefix).extract(hir);
    beginning.optimize_for_prefix_by_preference();
    let texts: Vec<Vec<u8>> = beginning.literals()?.iter().map(|text| text.as_bytes().to_vec()).collect();
    let is_of_use =
        !texts.is_empty() && texts.len() <= MOST_TEXTS && texts.iter().all(|text| !text.is_empty());
    is_of_use.then(|| Texts { rarity: rarity(&texts), texts })
}

/// What the library finds with vectors: one text, several of some length, or a few single bytes.
fn is_quick(texts: &[Vec<u8>]) -> bool {
    match texts.len() {
        1 => true,
        2 | 3 if texts.iter().all(|text| text.len() == 1) => true,
        _ => texts.iter().all(|text| text.len() >= LEAST_BYTES_OF_SEVERAL),
    }
}

/// How rare the commonest of them is, and that there are several.
fn rarity(texts: &[Vec<u8>]) -> u32 {
    let of_byte = |byte: &u8| LENGTH_WEIGHT + u32::from(u8::MAX - rank(*byte)) / 2;
    let of_text = |text: &Vec<u8>| text.iter().take(MOST_COUNTED_BYTES).map(of_byte).sum::<u32>();
    let commonest = texts.iter().map(of_text).min().unwrap_or(0);
    let others = u32::try_from(texts.len().saturating_sub(1)).unwrap_or(u32::MAX);
    commonest.saturating_sub(TEXT_COST.saturating_mul(others))
}
