//! What is looked at while a body comes, block by block, so that it need not be kept.
//!
//! Knows what each check wants of a body, and how much is held for it: the last bytes for a text and for a regular
//! expression or its automaton's state, a running hash; and, for JSON and for patterns that want all at once, the body
//! itself up to [`MOST_KEPT_BYTES`]. Refuses to wait and to decide what passes (`judge`).

use std::sync::Arc;

use memchr::memmem::Finder;
use ring::digest::{Context, SHA256};

use super::pattern::{Pattern, Place};
use super::text::Wanted;
use super::{Check, Expectation, json, snippet};

/// The longest body that is kept whole, for JSON and for patterns that cannot be searched in blocks. What is longer is
/// not evaluated.
pub const MOST_KEPT_BYTES: usize = 8 << 20;

/// What is found out about a body as it comes.
pub struct Examination {
    looks: Vec<Look>,
    digest: Option<Context>,
    kept: Option<Kept>,
    beginning: Vec<u8>,
    length: u64,
    work: usize,
    /// Why what is in the body cannot be told from its bytes.
    obstacle: Option<Box<str>>,
}

/// One thing that is looked for, for the check at this place in the list.
struct Look {
    check: usize,
    searched: Searched,
    /// What stands around the first match.
    found: Option<Box<str>>,
}

enum Searched {
    /// With the last bytes of what came before, one less than the text has.
    Text {
        finder: Arc<Finder<'static>>,
        tail: Vec<u8>,
    },
    Pattern {
        pattern: Arc<Pattern>,
        place: Place,
    },
}

/// A body that somebody wants whole.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    is_too_long: bool,
}

/// What is known of the body's content for one check.
pub(super) enum Sight {
    /// Found, with what stands around it.
    Found(Box<str>),
    /// Not found.
    Missed,
    /// As the check wants it or not, with what was seen.
    Value { holds: bool, actual: Box<str> },
    /// Nothing can be said, for this reason.
    Nothing(Box<str>),
}

/// What came of an examination.
#[derive(Default)]
pub struct Findings {
    pub(super) sights: Vec<(usize, Sight)>,
    pub(super) sha256: Option<Box<str>>,
    pub(super) beginning: Box<[u8]>,
    pub(super) length: u64,
}

/// A body that came to its end, and what is still to be found out of it where it may take a while.
pub struct Remainder {
    checks: Arc<[Check]>,
    bytes: Vec<u8>,
}

impl Examination {
    /// Begins to look at a body; `None` when no check asks for its bytes.
    pub fn begin(checks: &[Check]) -> Option<Examination> {
        let looks = checks.iter().enumerate().filter_map(|(at, check)| Look::begin(at, check)).collect();
        let wants_digest = checks.iter().any(|check| matches!(check.expectation, Expectation::Sha256 { .. }));
        let wants_all = checks.iter().any(Check::wants_whole_body);
        let examination = Examination {
            looks,
            digest: wants_digest.then(|| Context::new(&SHA256)),
            kept: wants_all.then(Kept::default),
            beginning: Vec::new(),
            length: 0,
            work: 0,
            obstacle: None,
        };
        (wants_digest || wants_all || !examination.looks.is_empty()).then_some(examination)
    }

    /// Says that the bytes are not the content, such as those of a coding that nobody undoes.
    pub fn hinder(&mut self, why: &str) {
        self.obstacle = Some(why.into());
        self.looks.clear();
        self.kept = None;
    }

    /// Looks at the next bytes.
    pub fn take(&mut self, bytes: &[u8]) {
        let room = snippet::BODY_BYTES.saturating_sub(self.beginning.len());
        self.beginning.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.length += bytes.len() as u64;
        for look in self.looks.iter_mut().filter(|look| look.found.is_none()) {
            look.found = look.searched.feed(bytes);
            self.work += bytes.len();
        }
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
            self.work += bytes.len();
        }
        if let Some(kept) = &mut self.kept {
            kept.take(bytes);
        }
    }

    /// Bytes looked at since this was asked last, once for each that looks: for whoever gives others a turn.
    pub fn take_work(&mut self) -> usize {
        std::mem::take(&mut self.work)
    }

    /// The body is over. What remains, if anything does, is to be done where it holds nobody up.
    pub fn finish(self, checks: &Arc<[Check]>) -> (Findings, Option<Remainder>) {
        let mut sights: Vec<(usize, Sight)> = self.looks.into_iter().map(Look::finish).collect();
        let obstacle = self.obstacle.or_else(|| {
            let is_too_long = self.kept.as_ref().is_some_and(|kept| kept.is_too_long);
            is_too_long.then(|| format!("the body is longer than {} MiB", MOST_KEPT_BYTES >> 20).into())
        });
        if let Some(why) = obstacle {
            let open = checks
                .iter()
                .enumerate()
                .filter(|(at, check)| check.looks_into_body() && !sights.iter().any(|(seen, _)| seen == at));
            let open: Vec<_> = open.map(|(at, _)| (at, Sight::Nothing(why.clone()))).collect();
            sights.extend(open);
        }
        let remainder = self.kept.filter(|kept| !kept.is_too_long);
        let remainder = remainder.map(|kept| Remainder { checks: Arc::clone(checks), bytes: kept.bytes });
        let sha256 = self.digest.map(|digest| hex(digest.finish().as_ref()));
        (Findings { sights, sha256, beginning: self.beginning.into(), length: self.length }, remainder)
    }
}

impl Findings {
    /// SHA-256 of the body in lower-case hex; `None` when nobody asked.
    pub fn sha256(&self) -> Option<&str> {
        self.sha256.as_deref()
    }

    /// Adds what came of a remainder.
    pub fn add(&mut self, more: Findings) {
        self.sights.extend(more.sights);
    }

    pub(super) fn of(&self, check: usize) -> Option<&Sight> {
        self.sights.iter().find(|(at, _)| *at == check).map(|(_, sight)| sight)
    }
}

impl Remainder {
    /// Its size in bytes: a document can come to thirty times as much while it is read.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Does what is left to do: it can take a tenth of a second and 64 KiB of stack.
    pub fn examine(self) -> Findings {
        let mut sights = Vec::new();
        let wants_json =
            self.checks.iter().any(|check| matches!(check.expectation, Expectation::Json { .. }));
        let document = wants_json.then(|| json::Document::read(&self.bytes));
        for (at, check) in self.checks.iter().enumerate() {
            match &check.expectation {
                Expectation::Json { path, wants } => {
                    sights.extend(document.as_ref().map(|document| (at, document.sight(path, wants))));
                }
                Expectation::Body(test) => {
                    if let Wanted::Matches(pattern) = &test.wants
                        && pattern.begin().is_none()
                    {
                        let found = pattern.find_end(&self.bytes);
                        let around = found.map(|end| snippet::around(&self.bytes, end));
                        sights.push((at, around.map_or(Sight::Missed, Sight::Found)));
                    }
                }
                _ => {}
            }
        }
        Findings { sights, ..Findings::default() }
    }
}

impl Look {
    fn begin(at: usize, check: &Check) -> Option<Look> {
        let Expectation::Body(test) = &check.expectation else { return None };
        let searched = match &test.wants {
            Wanted::Contains(finder) => Searched::Text { finder: Arc::clone(finder), tail: Vec::new() },
            Wanted::Matches(pattern) => {
                Searched::Pattern { pattern: Arc::clone(pattern), place: pattern.begin()? }
            }
            Wanted::Is(_) => return None,
        };
        Some(Look { check: at, searched, found: None })
    }

    fn finish(self) -> (usize, Sight) {
        let ends = match &self.searched {
            Searched::Pattern { pattern, place } => pattern.ends(place),
            Searched::Text { .. } => false,
        };
        let found = self.found.or_else(|| ends.then(|| "its end".into()));
        (self.check, found.map_or(Sight::Missed, Sight::Found))
    }
}

impl Searched {
    /// Goes through a block; what stands around the first match in it.
    fn feed(&mut self, block: &[u8]) -> Option<Box<str>> {
        match self {
            Searched::Pattern { pattern, place } => pattern.feed(place, block),
            Searched::Text { finder, tail } => {
                let found = find_across(finder, tail, block);
                if found.is_none() {
                    keep_tail(tail, block, finder.needle().len() - 1);
                }
                found
            }
        }
    }
}

/// A text that began in the blocks before, or stands in this one.
fn find_across(finder: &Finder<'_>, tail: &[u8], block: &[u8]) -> Option<Box<str>> {
    let length = finder.needle().len();
    if !tail.is_empty() {
        let seam = [tail, &block[..block.len().min(length - 1)]].concat();
        if let Some(at) = finder.find(&seam) {
            return Some(snippet::around(&seam, at + length));
        }
    }
    finder.find(block).map(|at| snippet::around(block, at + length))
}

fn keep_tail(tail: &mut Vec<u8>, block: &[u8], most: usize) {
    if block.len() >= most {
        tail.clear();
        tail.extend_from_slice(&block[block.len() - most..]);
    } else {
        tail.drain(..(tail.len() + block.len()).saturating_sub(most));
        tail.extend_from_slice(block);
    }
}

impl Kept {
    fn take(&mut self, bytes: &[u8]) {
        if self.is_too_long {
            return;
        }
        if self.bytes.len() + bytes.len() > MOST_KEPT_BYTES {
            *self = Kept { bytes: Vec::new(), is_too_long: true };
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

fn hex(bytes: &[u8]) -> Box<str> {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::check::{Op, parse};

    fn checks(written: &[(&str, &str, &str)]) -> Arc<[Check]> {
        let check = |(key, op, value): &(&str, &str, &str)| {
            parse(key, Op::split(op).map(|(op, _)| op), value).unwrap().unwrap()
        };
        written.iter().map(check).collect()
    }

    fn examined(checks: &Arc<[Check]>, blocks: &[&[u8]]) -> Findings {
        let mut examination = Examination::begin(checks).expect("somebody looks");
        blocks.iter().for_each(|block| examination.take(block));
        let (mut findings, remainder) = examination.finish(checks);
        findings.add(remainder.map(Remainder::examine).unwrap_or_default());
        findings
    }

    fn is_found(findings: &Findings, check: usize) -> bool {
        matches!(findings.of(check), Some(Sight::Found(_)))
    }

    #[test]
    fn who_looks_at_no_bytes_costs_nothing() {
        let none = [("expect", "=", "200"), ("bytes", ">", "5"), ("header.a", "", ""), ("type", "=", "a/b")];
        assert!(Examination::begin(&checks(&none)).is_none());
        for one in
            [("body", "*=", "x"), ("body", "~=", "x"), ("json.$", "", ""), ("sha256", "=", &"0".repeat(64))]
        {
            assert!(Examination::begin(&checks(&[one])).is_some(), "{one:?}");
        }
    }

    #[test]
    fn a_hash_is_that_of_all_blocks() {
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let findings = examined(&checks(&[("sha256", "=", digest)]), &[b"a", b"", b"bc"]);
        assert_eq!(findings.sha256(), Some(digest));
    }

    #[test]
    fn what_was_found_is_shown_with_its_surroundings() {
        let checks = checks(&[("body", "!~=", "err(or)+"), ("body", "*=", "abc")]);
        let findings = examined(&checks, &[b"fatal err", b"or: a", b"b", b"cd"]);
        let around = |check| match findings.of(check) {
            Some(Sight::Found(around)) => around.to_string(),
            _ => panic!("{check} was not found"),
        };
        assert_eq!((around(0), around(1)), ("\"or: a\"".to_owned(), "\"abcd\"".to_owned()));
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_is_beyond_it_is_said_to_be() {
        let checks = checks(&[("json.$", "", ""), ("body", "*=", "x"), ("body", "~=", r"\b\w\b")]);
        let block = vec![b' '; 1 << 20];
        let most = MOST_KEPT_BYTES / block.len();
        let fits: Vec<&[u8]> = (0..most).map(|_| block.as_slice()).collect();
        assert!(matches!(examined(&checks, &fits).of(0), Some(Sight::Value { holds: false, .. })));
        let findings = examined(&checks, &[fits.as_slice(), &[b"x"]].concat());
        for unseen in [0, 2] {
            let why = "the body is longer than 8 MiB";
            assert!(matches!(findings.of(unseen), Some(Sight::Nothing(is)) if &**is == why), "{unseen}");
        }
        assert!(is_found(&findings, 1));
    }

    #[test]
    fn behind_an_obstacle_nothing_is_seen_but_bytes_count() {
        let checks = checks(&[("body", "*=", "x"), ("sha256", "=", &"0".repeat(64)), ("json.$", "", "")]);
        let mut examination = Examination::begin(&checks).unwrap();
        examination.hinder("gzip");
        examination.take(b"x");
        let (findings, remainder) = examination.finish(&checks);
        assert!(remainder.is_none() && findings.sha256().is_some());
        assert!(
            [0, 2].iter().all(|at| matches!(findings.of(*at), Some(Sight::Nothing(why)) if &**why == "gzip"))
        );
    }

    #[test]
    fn a_document_may_begin_with_a_mark_and_be_nested_but_not_without_end() {
        let checks = checks(&[("json.$..a", "==", "1")]);
        let nested =
            |depth: usize| format!("{}{{\"a\":1}}{}", "[".repeat(depth), "]".repeat(depth)).into_bytes();
        let holds =
            |body: &[u8]| matches!(examined(&checks, &[body]).of(0), Some(Sight::Value { holds: true, .. }));
        assert!(holds(b"\xef\xbb\xbf{\"a\":1}") && holds(&nested(100)));
        assert!(!holds(&nested(200)) && !holds(&nested(1_000_000)) && !holds(b"") && !holds(b"{\"a\":1"));
    }

    /// The threads that this is done on have 256 KiB of stack.
    #[test]
    fn the_deepest_document_is_content_with_a_quarter_of_a_helpers_stack() {
        let checks = checks(&[("json.$..a", "==", "1")]);
        let body = format!("{}{{\"a\":1}}{}", "[".repeat(126), "]".repeat(126)).into_bytes();
        let examine = move || is_held(&examined(&checks, &[&body]));
        let stack = if cfg!(debug_assertions) { 224 << 10 } else { 64 << 10 };
        let thread = std::thread::Builder::new().stack_size(stack).spawn(examine).unwrap();
        assert!(thread.join().unwrap());
    }

    fn is_held(findings: &Findings) -> bool {
        matches!(findings.of(0), Some(Sight::Value { holds: true, .. }))
    }

    proptest! {
        #[test]
        fn a_text_is_found_wherever_the_blocks_end(
            text in "[ab]{1,4}", body in "[ab]{0,24}", cuts in proptest::collection::vec(0..24_usize, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(body.len())).chain([0, body.len()]).collect();
            cuts.sort_unstable();
            let blocks: Vec<&[u8]> = cuts.windows(2).map(|cut| &body.as_bytes()[cut[0]..cut[1]]).collect();
            let findings = examined(&checks(&[("body", "*=", &text)]), &blocks);
            prop_assert_eq!(is_found(&findings, 0), body.contains(&text));
        }
    }
}
