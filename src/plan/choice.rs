//! Which entries of a list are taken up: `--only`, `--skip`, `--tag`, `--shard` (pure).
//!
//! Knows patterns and a hash that is the same everywhere and for ever. Refuses to count.

use super::terms::Terms;
use crate::config::{Run, Shard};
use crate::list::{Entry, LeftOut};

/// What was asked for.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    only: Vec<String>,
    skip: Vec<String>,
    tags: Vec<String>,
    shard: Option<Shard>,
}

impl Choice {
    pub(super) fn new(run: &Run) -> Choice {
        Choice { only: run.only.clone(), skip: run.skip.clone(), tags: run.tags.clone(), shard: run.shard }
    }

    /// Whether nothing is left out.
    pub(super) fn is_of_all(&self) -> bool {
        self.only.is_empty() && self.skip.is_empty() && self.tags.is_empty() && self.shard.is_none()
    }

    /// Whether an entry is taken up.
    ///
    /// # Errors
    /// By what it is left out. What is not chosen is in no shard.
    pub(super) fn of(&self, entry: &Entry, terms: &Terms) -> Result<(), LeftOut> {
        let url = entry.url.as_ref().map_or(entry.text.as_str(), |url| url.as_str());
        // A relative line is known by where it leads: what is to be skipped is not sent because of a base.
        let names = [Some(url), Some(entry.text.as_str()), terms.name.as_deref()];
        let is = |pattern: &String| names.into_iter().flatten().any(|name| matches(pattern, name));
        let has = |tag: &String| terms.tags.iter().any(|own| **own == **tag);
        let is_chosen = (self.only.is_empty() || self.only.iter().any(is))
            && !self.skip.iter().any(is)
            && (self.tags.is_empty() || self.tags.iter().any(has));
        if !is_chosen {
            return Err(LeftOut::ByChoice);
        }
        match self.shard {
            Some(Shard { index, of }) if hash(url) % u64::from(of) != u64::from(index - 1) => {
                Err(LeftOut::ByShard)
            }
            _ => Ok(()),
        }
    }
}

/// Whether a pattern is all of a text: `*` is anything, `/` too, and `?` any one character, itself among them. Brackets
/// mean themselves, as IPv6 addresses have them. Takes at most their product of steps.
fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut after_star = None;
    loop {
        let here = text.clone();
        match (pattern.next(), text.next()) {
            (Some('*'), _) => {
                text = here;
                after_star = Some((pattern.clone(), text.clone()));
                continue;
            }
            (Some(wanted), Some(c)) if wanted == '?' || wanted == c => continue,
            (None, None) => return true,
            _ => {}
        }
        // The last star takes one character more.
        let Some((behind, from)) = &mut after_star else { return false };
        if from.next().is_none() {
            return false;
        }
        (pattern, text) = (behind.clone(), from.clone());
    }
}

/// FNV-1a of 64 bits, its bits mixed as `MurmurHash3` ends: part of the contract, as shards of other machines have to agree.
fn hash(text: &str) -> u64 {
    let fnv = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (fnv ^ fnv >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ mixed >> 33
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_matches_slashes_and_a_question_mark_one_character() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*", "https://a/b"),
            ("https://a/*", "https://a/b/c"),
            ("*/c", "https://a/b/c"),
            ("*b*", "abc"),
            ("a?c", "abc"),
            ("a?x=*", "a?x=1"),
            ("*a*a", "baaa"),
            ("http://[::1]/*", "http://[::1]/"),
            ("**", "x"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("a", "ab"), ("*b", "abc"), ("?", ""), ("A", "a"), ("*x*y", "yx")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_of_stars_takes_no_time() {
        assert!(!matches(&"*a".repeat(30), &"a".repeat(20_000).replacen('a', "b", 19_980)));
    }

    #[test]
    fn the_hash_is_for_ever() {
        assert_eq!(hash(""), 0xefd0_1f60_ba99_2926);
        // Whoever changes it moves URLs between the shards of those who use them.
        assert_eq!(hash("https://example.com/"), 0x2636_3d14_a743_38d9);
    }

    #[test]
    fn shards_are_about_equal() {
        let mut sizes = [0_u32; 4];
        for n in 0..4000 {
            sizes[usize::try_from(hash(&format!("https://example.com/{n}")) % 4).unwrap()] += 1;
        }
        assert!(sizes.iter().all(|size| (900..=1100).contains(size)), "{sizes:?}");
    }

    proptest! {
        #[test]
        fn every_text_matches_itself_and_any_part_of_it_between_stars(text in "[^*]{0,40}", from in 0..40_usize) {
            prop_assert!(matches(&text, &text));
            let part: String = text.chars().skip(from).collect();
            prop_assert!(matches(&format!("*{part}*"), &text), "{}", part);
        }
    }
}
