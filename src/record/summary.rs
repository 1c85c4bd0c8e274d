//! What a run came to: the last line of a `jsonl` report.
//!
//! Knows how records add up, in bounded memory. Counts are the loop's; refuses to count again.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CheckRecord, Record, SCHEMA_VERSION, Word, times};
use crate::event::{Limiters, Stop, Summary};
use crate::exit::ExitStatus;
use crate::stats::{Durations, ceiling, speed_up};

/// The end of a run. Times are in seconds; `None` where there was nothing to measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SummaryRecord {
    /// Always `summary`.
    pub r#type: Word,
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The same in all records of the run.
    pub run_id: Arc<str>,
    /// Entries taken up: results.
    pub results: u64,
    /// Passed.
    pub passed: u64,
    /// Failed.
    pub failed: u64,
    /// Failed on a soft line.
    pub soft: u64,
    /// Never finished.
    pub cancelled: u64,
    /// As computed when the report was written.
    pub exit_status: u8,
    /// Why the run ended before its list: `deadline`, `fail-fast`, `output closed`, `SIGINT` or another signal; `None`
    /// when it did not.
    pub stop: Option<Word>,
    /// Whether the list was read to its end.
    pub list_ended: bool,
    /// Why it could not be.
    pub list_error: Option<String>,
    /// From the run's start to its last result.
    pub wall: f64,
    /// Processor time of the whole process during the run.
    pub cpu: f64,
    /// Bodies on the wire, in bytes.
    pub size_download: u64,
    /// Bodies after decoding, in bytes.
    pub size_delivered: u64,
    /// What one after another would take: all attempts and the waits between them.
    pub sum_of_times: f64,
    /// The longest of these.
    pub slowest: Option<f64>,
    /// `sum_of_times` by `wall`.
    pub speed_up: Option<f64>,
    /// `sum_of_times` by `slowest`: what no number of jobs exceeds.
    pub ceiling: Option<f64>,
    /// Of the last attempts, failures included, by nearest rank; within 0.4 % beyond 10 000.
    pub p50: Option<f64>,
    /// Likewise.
    pub p95: Option<f64>,
    /// Likewise.
    pub p99: Option<f64>,
    /// Requests in flight at once at most.
    pub most_in_flight: u32,
    /// How long each limit alone held the run back.
    pub limiters: LimitersRecord,
    /// How each gate on the run came out.
    pub gates: Vec<CheckRecord>,
}

/// Seconds during which a limit held the run back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of `event::Limiters`, described there")]
pub struct LimitersRecord {
    pub jobs: f64,
    pub per_host: f64,
    pub rate: f64,
    pub backoff: f64,
    pub list: f64,
    pub output: f64,
}

/// Adds records up: at most 300 kB, however many there are.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    last: Durations,
    whole: Durations,
    size_download: u64,
    size_delivered: u64,
}

impl Tally {
    /// Takes one more. What was cancelled or never tried has no part in the times.
    pub fn add(&mut self, record: &Record) {
        self.size_download = self.size_download.saturating_add(record.size_download);
        self.size_delivered = self.size_delivered.saturating_add(record.size_delivered);
        if record.outcome == "cancelled" {
            return;
        }
        let Some(last) = record.attempts.last() else { return };
        self.last.add(duration(last.time_total));
        self.whole.add(duration(record.marks.time_total));
    }
}

/// A record that was read back may hold any number.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

impl SummaryRecord {
    /// What the counts and the tally of a run's records come to.
    pub fn new(run_id: &Arc<str>, summary: &Summary, tally: &mut Tally, status: ExitStatus) -> SummaryRecord {
        let (sum, slowest) = (tally.whole.sum(), tally.whole.max());
        let was_measured = tally.whole.count() > 0;
        let mut percentile = |percent| tally.last.percentile(percent).map(times::seconds);
        SummaryRecord {
            r#type: "summary".into(),
            schema_version: SCHEMA_VERSION,
            run_id: Arc::clone(run_id),
            results: summary.taken_up,
            passed: summary.passed,
            failed: summary.failed,
            soft: summary.soft,
            cancelled: summary.cancelled,
            exit_status: status.code(),
            stop: summary.stop.map(stop),
            list_ended: summary.list_ended,
            list_error: summary.list_error.clone(),
            wall: times::seconds(summary.wall),
            cpu: times::seconds(summary.cpu),
            sum_of_times: times::seconds(sum),
            slowest: was_measured.then(|| times::seconds(slowest)),
            speed_up: speed_up(sum, summary.wall).map(rounded),
            ceiling: ceiling(sum, slowest).map(rounded),
            p50: percentile(50),
            p95: percentile(95),
            p99: percentile(99),
            size_download: tally.size_download,
            size_delivered: tally.size_delivered,
            most_in_flight: summary.most_in_flight,
            limiters: LimitersRecord::of(&summary.limiters),
            gates: summary.gates.iter().map(CheckRecord::of).collect(),
        }
    }
}

/// A ratio of times has no more digits than they have.
fn rounded(ratio: f64) -> f64 {
    (ratio * 1e6).round() / 1e6
}

fn stop(stop: Stop) -> Word {
    match stop {
        Stop::Signal(1) => "SIGHUP".into(),
        Stop::Signal(2) => "SIGINT".into(),
        Stop::Signal(15) => "SIGTERM".into(),
        Stop::Signal(number) => format!("signal {number}").into(),
        Stop::Deadline => "deadline".into(),
        Stop::FailFast => "fail-fast".into(),
        Stop::OutputClosed => "output closed".into(),
    }
}

impl LimitersRecord {
    fn of(held: &Limiters) -> LimitersRecord {
        LimitersRecord {
            jobs: times::seconds(held.jobs),
            per_host: times::seconds(held.per_host),
            rate: times::seconds(held.rate),
            backoff: times::seconds(held.backoff),
            list: times::seconds(held.list),
            output: times::seconds(held.output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Class, Failure, Outcome, Phase};
    use crate::record::samples::{at, attempt, outcome, passed, run, subject};

    fn summary_of(outcomes: impl IntoIterator<Item = Outcome>, summary: &Summary) -> SummaryRecord {
        let mut tally = Tally::default();
        outcomes.into_iter().for_each(|outcome| tally.add(&Record::from_outcome(&outcome, &run())));
        SummaryRecord::new(&"id".into(), summary, &mut tally, ExitStatus::Failed)
    }

    #[test]
    fn records_add_up_to_figures_and_what_was_cancelled_has_no_part_in_the_times() {
        let cut = outcome(2, Failure::new(Class::Cancelled, Phase::Wait, "deadline"));
        let retried = Outcome::new(subject(3), vec![attempt(at(0), 100), attempt(at(900), 100)]);
        let counts = Summary { wall: Duration::from_millis(500), ..Summary::default() };
        let summary = summary_of([passed(1, 5), cut, retried], &counts);
        assert_eq!((summary.size_delivered, summary.sum_of_times, summary.slowest), (5, 1.25, Some(1.0)));
        assert_eq!((summary.speed_up, summary.ceiling), (Some(2.5), Some(1.25)));
        assert_eq!((summary.p50, summary.p99), (Some(0.1), Some(0.25)));
    }

    #[test]
    fn nothing_has_no_figures_and_the_end_is_named() {
        let empty = summary_of([], &Summary::default());
        assert_eq!((empty.slowest, empty.p50, empty.speed_up, empty.stop), (None, None, None, None));
        for (end, word) in [
            (Stop::Signal(2), "SIGINT"),
            (Stop::Signal(1), "SIGHUP"),
            (Stop::Signal(9), "signal 9"),
            (Stop::Deadline, "deadline"),
            (Stop::FailFast, "fail-fast"),
        ] {
            assert_eq!(stop(end), word);
        }
    }

    #[test]
    fn a_summary_written_and_read_back_is_equal() {
        let summary =
            summary_of([passed(1, 5)], &Summary { stop: Some(Stop::Deadline), ..Summary::default() });
        let text = serde_json::to_string(&summary).unwrap();
        assert_eq!(serde_json::from_str::<SummaryRecord>(&text).unwrap(), summary);
    }

    #[test]
    fn a_record_with_an_absurd_time_is_no_panic() {
        let mut record = Record::from_outcome(&passed(1, 5), &run());
        for absurd in [f64::NAN, -1.0, f64::INFINITY, 1e300] {
            record.marks.time_total = absurd;
            Tally::default().add(&record);
        }
    }
}
