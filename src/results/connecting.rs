//! What connecting to a host takes in a run, by all entries that did (pure).
//!
//! It is the host's and not the URL's, so several URLs of a host have measured the same: what befalls one of them, such
//! as a lost packet, which costs a second, is not taken for a change of its URL.
//!
//! Knows records that passed at the first try. Refuses to guess where too few connected: then each has its own.

use std::collections::HashMap;

use crate::record::{Phases, Record};
use crate::stats::median;

/// The least number whose median is not moved by one of them.
const ENOUGH: usize = 3;

/// Where a connection leads: host, port, scheme.
type End<'a> = (&'a str, Option<u16>, Option<&'a str>);

/// The medians of one run, in seconds.
pub(super) struct Connecting<'a>(HashMap<End<'a>, f64>);

impl<'a> Connecting<'a> {
    /// Of these records; others than those that connected once, and straight to their host, are passed over.
    pub(super) fn of(records: impl Iterator<Item = &'a Record>) -> Connecting<'a> {
        let mut times: HashMap<End<'a>, Vec<f64>> = HashMap::new();
        for record in records.filter(|record| is_plain(record)) {
            times.entry(end(record)).or_default().push(own(&record.phases));
        }
        let many = times.into_iter().filter(|(_, times)| times.len() >= ENOUGH);
        Connecting(many.map(|(end, mut times)| (end, median(&mut times))).collect())
    }

    /// The whole time of a record, as if it had connected like the others.
    pub(super) fn whole_time(&self, record: &Record) -> f64 {
        let total = record.marks.time_total;
        let common = self.0.get(&end(record)).filter(|_| is_plain(record));
        common.map_or(total, |common| total - own(&record.phases) + common)
    }
}

fn is_plain(record: &Record) -> bool {
    (record.num_connects, record.num_redirects, record.num_retries) == (1, 0, 0) && record.outcome == "pass"
}

fn end(record: &Record) -> End<'_> {
    (&record.host, record.remote_port, record.scheme.as_deref())
}

fn own(phases: &Phases) -> f64 {
    [phases.dns, phases.connect, phases.tls].into_iter().flatten().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples::{passed, run};

    /// Records of one host that took so many milliseconds to connect, and a quarter of a second beside that.
    fn connected(millis: &[u32]) -> Vec<Record> {
        let record = |millis: &u32| {
            let mut record = Record::from_outcome(&passed(1, 5), &run());
            let seconds = f64::from(*millis) / 1e3;
            (record.num_connects, record.phases.connect) = (1, Some(seconds));
            record.marks.time_total += seconds;
            record
        };
        millis.iter().map(record).collect()
    }

    fn whole_times(records: &[Record]) -> Vec<f64> {
        let connecting = Connecting::of(records.iter());
        let rounded = |record| (connecting.whole_time(record) * 1e3).round() / 1e3;
        records.iter().map(rounded).collect()
    }

    #[test]
    fn one_that_lost_a_packet_counts_as_the_others_of_its_host() {
        assert_eq!(whole_times(&connected(&[20, 1_021, 30])), [0.28, 0.28, 0.28]);
        assert_eq!(whole_times(&connected(&[20, 1_021])), [0.27, 1.271], "of two nobody knows which is odd");
        assert_eq!(whole_times(&connected(&[400, 420, 410, 30])), [0.65; 4], "a host may be slow");
    }

    #[test]
    fn each_end_is_its_own_and_what_was_reused_or_led_elsewhere_is_left_alone() {
        let mut records = connected(&[20, 20, 20, 500, 500, 500, 500]);
        records[3].host = "b.example".to_owned();
        records[4].remote_port = Some(8080);
        records[5].num_redirects = 1;
        records[6].num_connects = 0;
        assert_eq!(whole_times(&records), [0.27, 0.27, 0.27, 0.75, 0.75, 0.75, 0.75]);
    }
}
