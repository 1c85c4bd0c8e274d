//! The records of one run on one time axis: each in full while there are few, the slowest and a density when there
//! are many (pure).
//!
//! Knows what of a run is drawn. Refuses to keep more of a URL than two numbers once there are many of them.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::bars::{Bar, bars};
use crate::record::Record;
use crate::sanitize::escape;

/// So many URLs have a row each; of more than that, the slowest have.
pub(super) const MOST_ROWS: usize = 50;

/// A URL with its bars.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// The place in the input, from 0: rows stand in this order.
    pub(super) urlnum: u64,
    /// Its name, or the URL; escaped.
    pub(super) label: String,
    /// Where it stands: `urls.txt:7`; escaped.
    pub(super) place: String,
    /// In order, without gaps; may be empty.
    pub(super) bars: Vec<Bar>,
    /// From its first slot to its end, in seconds.
    pub(super) total: f64,
    /// The class of its failure; `None` when it passed.
    pub(super) failed: Option<String>,
}

impl Row {
    fn of(record: &Record) -> Row {
        let label = record.name.as_deref().unwrap_or(&record.url);
        Row {
            urlnum: record.urlnum,
            label: escape(label).into_owned(),
            place: escape(&format!("{}:{}", record.source, record.line)).into_owned(),
            bars: bars(record),
            total: record.marks.time_total,
            failed: record.error.as_ref().map(|error| error.class.to_string()),
        }
    }

    /// When it ended.
    pub(super) fn to(&self) -> f64 {
        self.bars.last().map_or(0.0, |bar| bar.to)
    }
}

/// A row by how long it took; of two that took the same, the earlier one counts as slower.
#[derive(Debug, Clone)]
struct BySlowness(Row);

impl Ord for BySlowness {
    fn cmp(&self, other: &BySlowness) -> Ordering {
        self.0.total.total_cmp(&other.0.total).then(other.0.urlnum.cmp(&self.0.urlnum)).reverse()
    }
}

impl PartialOrd for BySlowness {
    fn partial_cmp(&self, other: &BySlowness) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for BySlowness {
    fn eq(&self, other: &BySlowness) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for BySlowness {}

/// From a slot to its end; seconds since the run began. Single precision is a hundred times finer than
/// a picture, and there may be millions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub(super) from: f32,
    pub(super) to: f32,
}

impl Span {
    fn of(from: f64, to: f64) -> Span {
        Span { from: from as f32, to: to as f32 }
    }
}

/// Each attempt of a URL: between them it holds no slot.
fn flights(record: &Record) -> impl Iterator<Item = Span> {
    let mut at = record.t_start;
    record.attempts.iter().map(move |attempt| {
        let from = at + attempt.wait;
        at = from + attempt.time_total;
        Span::of(from, at)
    })
}

/// One run.
#[derive(Debug, Clone, Default)]
pub struct Lane {
    /// What it is called where there are several; empty where there is one.
    title: String,
    slowest: BinaryHeap<BySlowness>,
    spans: Vec<Span>,
    flights: Vec<Span>,
    failed: u64,
    sum: f64,
    end: f64,
}

impl Lane {
    /// A lane without a URL.
    pub fn new(title: impl Into<String>) -> Lane {
        Lane { title: title.into(), ..Lane::default() }
    }

    /// Puts a URL on it.
    pub fn add(&mut self, record: &Record) {
        self.failed += u64::from(record.error.is_some());
        self.end = self.end.max(record.t_end);
        if !record.attempts.is_empty() {
            self.sum += record.marks.time_total;
            self.spans.push(Span::of(record.t_start, record.t_end));
            self.flights.extend(flights(record));
        }
        let total = record.marks.time_total;
        let is_slow = self.slowest.peek().is_none_or(|fastest| fastest.0.total < total);
        if self.slowest.len() < MOST_ROWS || is_slow {
            self.slowest.push(BySlowness(Row::of(record)));
            if self.slowest.len() > MOST_ROWS {
                self.slowest.pop();
            }
        }
    }

    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// In the order of the list.
    pub(super) fn rows(&self) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.slowest.iter().map(|row| &row.0).collect();
        rows.sort_by_key(|row| row.urlnum);
        rows
    }

    /// Whether there are more URLs than rows.
    pub(super) fn is_folded(&self) -> bool {
        self.spans.len() > MOST_ROWS
    }

    /// From the first slot of each URL to its end.
    pub(super) fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// URLs that had a slot.
    pub(super) fn count(&self) -> usize {
        self.spans.len()
    }

    pub(super) fn failed(&self) -> u64 {
        self.failed
    }

    /// What all URLs would take one after another, in seconds.
    pub(super) fn sum(&self) -> f64 {
        self.sum
    }

    /// When the last URL ended, in seconds since the run began.
    pub(super) fn end(&self) -> f64 {
        self.end
    }

    /// The row that took longest; `None` without any.
    pub(super) fn slowest(&self) -> Option<&Row> {
        self.slowest.iter().min().map(|row| &row.0)
    }

    /// How many attempts were in flight at once, the most in each of so many equal parts of a time.
    pub(super) fn in_flight(&self, until: f64, parts: usize) -> Vec<u32> {
        let mut moments: Vec<(f32, i32)> =
            self.flights.iter().flat_map(|span| [(span.from, 1), (span.to, -1)]).collect();
        // An end before a start at the same moment: a slot that changes hands is one slot.
        moments.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
        let mut most = vec![0_u32; parts];
        let (mut now, mut reached) = (0_i32, 0_usize);
        for (at, change) in moments {
            let part = part(f64::from(at), until, parts);
            for passed in &mut most[reached..=part.max(reached)] {
                *passed = (*passed).max(now.max(0).unsigned_abs());
            }
            reached = reached.max(part);
            now += change;
            most[reached] = most[reached].max(now.max(0).unsigned_abs());
        }
        most
    }
}

/// Which of so many equal parts of a time a moment lies in.
pub(super) fn part(at: f64, until: f64, parts: usize) -> usize {
    ((at / until * parts as f64) as usize).min(parts - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;
    use crate::record::samples::{at, attempt, run, subject};

    fn record(line: u32, from: u64, millis: u64) -> Record {
        Record::from_outcome(&Outcome::new(subject(line), vec![attempt(at(from), millis)]), &run())
    }

    #[test]
    fn few_urls_have_a_row_each_in_the_order_of_the_list() {
        let mut lane = Lane::new("");
        for (line, from, millis) in [(3, 700, 10), (1, 500, 900), (2, 500, 100)] {
            lane.add(&record(line, from, millis));
        }
        let rows: Vec<&str> = lane.rows().iter().map(|row| row.label.as_str()).collect();
        assert_eq!(rows, ["http://a.example/1", "http://a.example/2", "http://a.example/3"]);
        assert_eq!(lane.slowest().map(|row| row.place.as_str()), Some("urls.txt:1"));
        assert!(!lane.is_folded());
    }

    #[test]
    fn of_many_urls_the_slowest_are_kept() {
        let mut lane = Lane::new("");
        for line in 1..=1000 {
            lane.add(&record(line, 500, u64::from(line * 7 % 1000)));
        }
        let mut slow: Vec<u64> = lane.rows().iter().map(|row| (row.total * 1e3).round() as u64).collect();
        slow.sort_unstable();
        assert_eq!(slow, (950..1000).collect::<Vec<_>>());
        assert_eq!((lane.is_folded(), lane.count()), (true, 1000));
    }

    #[test]
    fn concurrency_is_the_most_in_each_part() {
        let mut lane = Lane::new("");
        for (line, from, millis) in [(1, 0, 400), (2, 100, 100), (3, 200, 100), (4, 800, 200)] {
            lane.add(&record(line, from, millis));
        }
        assert_eq!(lane.in_flight(1.0, 10), [1, 2, 2, 2, 1, 0, 0, 0, 1, 1]);
        assert_eq!(Lane::new("").in_flight(1.0, 3), [0, 0, 0]);
    }
}
