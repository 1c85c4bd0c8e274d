//! Two runs' records of the same entry find each other, in whatever order the lists had them (pure).
//!
//! Knows what an entry keeps when its list changes: its URL first, then its method and name, then its place. Refuses to
//! look at what came of it.

use std::collections::HashMap;
use std::hash::Hash;

use crate::record::Record;

/// The same entry in two runs; `None` where a run has it not. One of both is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) old: Option<&'a Record>,
    pub(super) new: Option<&'a Record>,
}

/// Every record of both once: those of the new run in its order, then what the old one has alone in its own.
///
/// What stands twice in a list is taken in the list's order where both have it as often; else the lines that stayed
/// where they were come first.
pub(super) fn pairs<'a>(old: &'a [Record], new: &'a [Record]) -> Vec<Pair<'a>> {
    let mut rest = Rest { old: in_order(old), new: in_order(new), pairs: Vec::new() };
    let whole = |record: &'a Record| (&record.url, &record.method, &record.name);
    rest.take_pairs(whole, |olds, news| olds == news);
    rest.take_pairs(|record| (whole(record), &record.source, record.line), |_, _| true);
    rest.take_pairs(whole, |_, _| true);
    rest.take_pairs(|record| (&record.url, &record.method), |_, _| true);
    // A record has the method that was used last: a redirect that is no longer there has another.
    rest.take_pairs(|record| &record.url, |_, _| true);
    rest.all()
}

fn in_order(records: &[Record]) -> Vec<&Record> {
    let mut records: Vec<&Record> = records.iter().collect();
    records.sort_by_key(|record| record.urlnum);
    records
}

/// What has not found its other yet, and what has.
struct Rest<'a> {
    old: Vec<&'a Record>,
    new: Vec<&'a Record>,
    pairs: Vec<Pair<'a>>,
}

impl<'a> Rest<'a> {
    /// Takes those with the same key, in order, where their numbers on both sides are as they should be.
    fn take_pairs<K: Eq + Hash>(
        &mut self,
        key: impl Fn(&'a Record) -> K,
        fits: impl Fn(usize, usize) -> bool,
    ) {
        let mut places: HashMap<K, (Vec<usize>, Vec<usize>)> = HashMap::new();
        for (place, record) in self.old.iter().enumerate() {
            places.entry(key(record)).or_default().0.push(place);
        }
        for (place, record) in self.new.iter().enumerate() {
            places.entry(key(record)).or_default().1.push(place);
        }
        let (mut old_taken, mut new_taken) = (vec![false; self.old.len()], vec![false; self.new.len()]);
        for (olds, news) in places.into_values().filter(|(olds, news)| fits(olds.len(), news.len())) {
            for (old, new) in olds.into_iter().zip(news) {
                self.pairs.push(Pair { old: Some(self.old[old]), new: Some(self.new[new]) });
                (old_taken[old], new_taken[new]) = (true, true);
            }
        }
        drop_taken(&mut self.old, &old_taken);
        drop_taken(&mut self.new, &new_taken);
    }

    fn all(mut self) -> Vec<Pair<'a>> {
        self.pairs.extend(self.new.iter().map(|new| Pair { old: None, new: Some(new) }));
        self.pairs.sort_by_key(|pair| pair.new.map(|new| new.urlnum));
        self.pairs.extend(self.old.iter().map(|old| Pair { old: Some(old), new: None }));
        self.pairs
    }
}

fn drop_taken(records: &mut Vec<&Record>, taken: &[bool]) {
    let mut taken = taken.iter();
    records.retain(|_| taken.next() == Some(&false));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{passed, run};

    /// `LINE METHOD PATH NAME` each, in the order of a list.
    fn records(lines: &[&str]) -> Vec<Record> {
        let record = |(index, text): (usize, &&str)| {
            let words: Vec<&str> = text.split(' ').collect();
            let mut record = Record::from_outcome(&passed(1, 5), &run());
            (record.urlnum, record.line) = (index as u64, words[0].parse().unwrap());
            (record.method, record.url) = (words[1].to_owned(), format!("http://a{}", words[2]));
            record.name = words.get(3).map(|name| (*name).to_owned());
            record
        };
        lines.iter().enumerate().map(record).collect()
    }

    /// The lines of each pair, 0 where there is none.
    fn matched(old: &[&str], new: &[&str]) -> Vec<(u32, u32)> {
        let (old, new) = (records(old), records(new));
        let line = |record: Option<&Record>| record.map_or(0, |record| record.line);
        pairs(&old, &new).iter().map(|pair| (line(pair.old), line(pair.new))).collect()
    }

    #[test]
    fn entries_are_found_wherever_they_stand() {
        let old = ["1 GET /a", "2 GET /b", "3 HEAD /b", "4 GET /c"];
        let new = ["1 HEAD /b", "2 GET /d", "3 GET /a", "4 GET /b"];
        assert_eq!(matched(&old, &new), [(3, 1), (0, 2), (1, 3), (2, 4), (4, 0)]);
    }

    #[test]
    fn doubled_ones_are_told_apart_by_name_and_order_and_those_that_stayed_stay() {
        let both = ["3 GET /a", "7 GET /a"];
        assert_eq!(matched(&both, &["7 GET /a", "11 GET /a"]), [(3, 7), (7, 11)]);
        assert_eq!(matched(&both, &["7 GET /a"]), [(7, 7), (3, 0)]);
        assert_eq!(matched(&both, &["5 GET /a"]), [(3, 5), (7, 0)]);
        let named = ["1 GET /a one", "2 GET /a two"];
        assert_eq!(matched(&named, &["1 GET /a two", "2 GET /a one"]), [(2, 1), (1, 2)]);
    }

    #[test]
    fn a_new_name_and_a_method_that_a_redirect_changed_make_no_new_entry() {
        assert_eq!(matched(&["1 GET /a one"], &["5 GET /a 1"]), [(1, 5)]);
        assert_eq!(matched(&["1 GET /login"], &["1 POST /login"]), [(1, 1)]);
    }
}
