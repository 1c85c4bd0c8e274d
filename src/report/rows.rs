//! What a report that is written at the end keeps of each result.
//!
//! Knows how much of a text is worth keeping, so that memory is bounded for each URL. Refuses to know what is made of it.

use std::sync::Arc;

use super::timeline::Lane;
use crate::outcome::{Class, Kind};
use crate::record::{AttemptRecord, Phases, Record, RunRecord, SummaryRecord, Word, seconds_since_1970};
use crate::sanitize::shorten;

/// So much of a URL is kept, in characters.
const MOST_URL: usize = 2000;
/// So much of a name, and of a host: DNS has no longer ones than 253.
const MOST_NAME: usize = 253;
/// So much of a cause: it may quote what a server sent.
const MOST_CAUSE: usize = 1000;
/// So many tries before the last.
const MOST_TRIES: usize = 10;

/// All that a report is made of: rows in the order of the list.
#[derive(Clone, Copy)]
pub(super) struct Whole<'a> {
    /// What the run was like.
    pub(super) run: &'a RunRecord,
    /// One for each result.
    pub(super) rows: &'a [Row],
    /// What it came to.
    pub(super) summary: &'a SummaryRecord,
    /// When each was where.
    pub(super) lane: &'a Lane,
}

/// One result: about 410 bytes and its texts, 16 kB at most. Texts are raw: whoever shows them escapes them.
pub(super) struct Row {
    pub(super) urlnum: u64,
    pub(super) source: Arc<str>,
    pub(super) line: u32,
    pub(super) name: Option<Box<str>>,
    pub(super) method: Box<str>,
    pub(super) url: Box<str>,
    pub(super) host: Box<str>,
    pub(super) kind: Kind,
    /// `None` for what passed.
    pub(super) failure: Option<RowFailure>,
    pub(super) response_code: Option<u16>,
    pub(super) http_version: Option<Word>,
    pub(super) is_tls: bool,
    pub(super) size_download: u64,
    pub(super) size_delivered: u64,
    pub(super) num_redirects: u64,
    /// Seconds over all tries and the waits between them.
    pub(super) time_total: f64,
    /// How long each phase took over all tries, in seconds.
    pub(super) phases: Phases,
    /// How often it was tried; 0 when it never had a slot.
    pub(super) tries: usize,
    /// The tries before the last, in order, the first few of them.
    pub(super) earlier: Box<[AttemptRecord]>,
    /// When the first certificate of the chain ends, in seconds since 1970; `None` without one.
    pub(super) cert_expiry: Option<i64>,
}

/// Why a result is not a pass.
pub(super) struct RowFailure {
    pub(super) class: Word,
    pub(super) phase: Word,
    pub(super) cause: Box<str>,
}

impl Row {
    pub(super) fn of(record: &Record) -> Row {
        let earlier = record.attempts.len().saturating_sub(1).min(MOST_TRIES);
        Row {
            urlnum: record.urlnum,
            source: Arc::clone(&record.source),
            line: record.line,
            name: record.name.as_deref().map(|name| boxed(name, MOST_NAME)),
            method: record.method.as_str().into(),
            url: boxed(&record.url, MOST_URL),
            host: boxed(&record.host, MOST_NAME),
            kind: kind(&record.outcome),
            failure: RowFailure::of(record),
            response_code: record.response_code,
            http_version: record.http_version.clone(),
            is_tls: record.scheme.as_deref() == Some("https"),
            size_download: record.size_download,
            size_delivered: record.size_delivered,
            num_redirects: record.num_redirects,
            time_total: record.marks.time_total,
            phases: record.phases,
            tries: record.attempts.len(),
            earlier: record.attempts[..earlier].into(),
            cert_expiry: record.tls.as_ref().and_then(|tls| {
                let ends = tls.chain_not_after.as_ref().or(tls.not_after.as_ref())?;
                seconds_since_1970(ends)
            }),
        }
    }

    /// `urls.txt:7`, raw.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.source, self.line)
    }

    /// What the user calls it, else its method and URL, raw.
    pub(super) fn title(&self) -> String {
        self.name.as_deref().map_or_else(|| format!("{} {}", self.method, self.url), str::to_owned)
    }

    /// The source as the path of a file; `None` for operands and standard input.
    pub(super) fn file(&self) -> Option<&str> {
        (!matches!(&*self.source, "<args>" | "-")).then_some(&*self.source)
    }
}

impl RowFailure {
    fn of(record: &Record) -> Option<RowFailure> {
        let error = record.error.as_ref()?;
        let cause = record.errormsg.as_deref().unwrap_or(&error.message);
        let led_elsewhere = record.num_redirects > 0 && &*error.class != Class::Redirect.as_str();
        let cause = match record.url_effective.as_deref().filter(|_| led_elsewhere) {
            Some(url) => boxed(&redirected(cause, url), MOST_CAUSE),
            None => boxed(cause, MOST_CAUSE),
        };
        Some(RowFailure { class: error.class.clone(), phase: error.phase.clone(), cause })
    }

    /// `connect (connect): 10.0.0.1:443 refused`, raw.
    pub(super) fn words(&self) -> String {
        format!("{} ({}): {}", self.class, self.phase, self.cause)
    }
}

/// Whose answer it was, where the listed URL led elsewhere; a redirect that failed says so itself.
fn redirected(cause: &str, url: &str) -> String {
    format!("{}, redirected to {url}", shorten(cause, MOST_CAUSE / 2))
}

fn boxed(text: &str, most: usize) -> Box<str> {
    shorten(text, most).into()
}

/// A word that a later version may have added is no pass.
fn kind(word: &str) -> Kind {
    let all = [Kind::Pass, Kind::Soft, Kind::Cancelled];
    all.into_iter().find(|kind| kind.as_str() == word).unwrap_or(Kind::Fail)
}

/// First what failed, then what was cancelled, then soft failures, then the rest; in the order of the list each.
pub(super) fn worst_first<'a>(rows: &'a [Row]) -> Vec<&'a Row> {
    let mut sorted: Vec<&'a Row> = rows.iter().collect();
    sorted.sort_by_key(|row| match row.kind {
        Kind::Fail => 0,
        Kind::Cancelled => 1,
        Kind::Soft => 2,
        Kind::Pass => 3,
    });
    sorted
}

#[cfg(test)]
pub(super) mod samples {
    //! A run with one of everything, and hostile texts: what the golden files show.

    use super::*;
    use crate::config::{Config, Operand};
    use crate::event::Summary;
    use crate::exit::ExitStatus;
    use crate::outcome::{Failure, Outcome, Phase};
    use crate::record::Tally;
    use crate::record::samples::{at, attempt, outcome, passed, run, subject};
    use crate::response::TlsFacts;

    /// What acts somewhere: on a terminal, in XML, HTML, Markdown, a CI log, a label, a reader's eye.
    pub(crate) const HOSTILE: &str = "</td><script>alert(1)</script>|`@team` ##[error]x ]]> \"' \\ \u{1b}[2J\u{202e}\u{ffff}\0\n::error::x {{x}} ${{x}} é";

    /// A run, its rows and its summary.
    pub(crate) struct Sample {
        pub(crate) run: RunRecord,
        pub(crate) rows: Vec<Row>,
        pub(crate) summary: SummaryRecord,
        pub(crate) lane: Lane,
    }

    impl Sample {
        pub(crate) fn of(outcomes: impl IntoIterator<Item = Outcome>) -> Sample {
            let records: Vec<Record> =
                outcomes.into_iter().map(|outcome| Record::from_outcome(&outcome, &run())).collect();
            let mut tally = Tally::default();
            let mut lane = Lane::new("");
            for record in &records {
                tally.add(record);
                lane.add(record);
            }
            let rows: Vec<Row> = records.iter().map(Row::of).collect();
            let count = |kind| rows.iter().filter(|row| row.kind == kind).count() as u64;
            let summary = Summary {
                taken_up: rows.len() as u64,
                passed: count(Kind::Pass),
                failed: count(Kind::Fail),
                soft: count(Kind::Soft),
                cancelled: count(Kind::Cancelled),
                list_ended: true,
                wall: std::time::Duration::from_millis(1204),
                ..Summary::default()
            };
            let config = Config { operands: vec![Operand::File("urls.txt".into())], ..Config::default() };
            let run_record = RunRecord::new(&run(), &config, &config.concurrency, None);
            let id = Arc::clone(&run_record.run_id);
            let status = if summary.failed > 0 { ExitStatus::Failed } else { ExitStatus::Pass };
            let mut summary = SummaryRecord::new(&id, &summary, &mut tally, status);
            summary.most_in_flight = 3;
            Sample { run: RunRecord { version: "0.0.0".into(), ..run_record }, rows, summary, lane }
        }

        /// One of everything.
        pub(crate) fn rich() -> Sample {
            let failure = |class, phase, cause: &str| Failure::new(class, phase, cause);
            let mut soft = outcome(5, failure(Class::Status, Phase::Receive, "expected 200, got 404"));
            soft.kind = Kind::Soft;
            let mut hostile = outcome(7, failure(Class::Protocol, Phase::Receive, HOSTILE));
            let subject_of = Arc::make_mut(&mut hostile.subject);
            (subject_of.listed, subject_of.name) =
                (format!("http://a.example/{HOSTILE}"), Some(HOSTILE.to_owned()));
            let mut tried = attempt(at(100), 40);
            tried.failure = Some(failure(Class::Status, Phase::Receive, "expected below 400, got 503"));
            tried.response.status = Some(503);
            let mut again = attempt(at(1_200), 60);
            again.response.status = Some(200);
            let waiting = failure(Class::Cancelled, Phase::Queue, "the deadline struck");
            let mut tls = passed(10, 70_000);
            Arc::make_mut(&mut tls.subject).listed = "https://a.example/10".to_owned();
            tls.attempts[0].response.tls = Some(Box::new(TlsFacts {
                version: Some("TLSv1.3".to_owned()),
                chain_not_after: Some(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000)),
                verified: true,
                ..TlsFacts::default()
            }));
            Sample::of([
                passed(1, 1_256),
                outcome(
                    2,
                    failure(Class::Connect, Phase::Connect, "10.0.0.1:443 refused; [::1]:443 refused"),
                ),
                outcome(3, failure(Class::Status, Phase::Receive, "expected below 400, got 500")),
                passed(4, 5),
                soft,
                Outcome::new(subject(6), vec![tried, again]),
                hostile,
                outcome(8, failure(Class::Cancelled, Phase::Wait, "the deadline struck")),
                Outcome::without_a_slot(subject(9), waiting, std::time::Duration::ZERO, at(300)),
                tls,
            ])
        }

        /// So many that passed.
        pub(crate) fn long(n: u32) -> Sample {
            Sample::of((1..=n).map(|line| passed(line, u64::from(line))))
        }

        pub(crate) fn whole(&self) -> Whole<'_> {
            Whole { run: &self.run, rows: &self.rows, summary: &self.summary, lane: &self.lane }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{HOSTILE, Sample};
    use super::*;

    #[test]
    fn a_row_is_bounded_whatever_the_record_holds() {
        let mut record =
            Record::from_outcome(&crate::record::samples::passed(1, 5), &crate::record::samples::run());
        record.url = format!("http://a/{}", "x".repeat(60_000));
        record.name = Some("é".repeat(60_000));
        record.errormsg = Some("y".repeat(60_000));
        let row = Row::of(&record);
        assert!(row.url.len() < 2_100 && row.name.is_some_and(|name| name.len() <= 4 * MOST_NAME));
        assert!(size_of::<Row>() <= 420, "{}", size_of::<Row>());
    }

    #[test]
    fn failures_come_first_and_each_kind_in_the_order_of_the_list() {
        let sample = Sample::rich();
        let lines: Vec<_> = worst_first(&sample.rows).iter().map(|row| row.line).collect();
        assert_eq!(lines, [2, 3, 7, 8, 9, 5, 1, 4, 6, 10]);
        assert_eq!(
            (&*sample.rows[6].title(), sample.rows[1].title().as_str()),
            (HOSTILE, "GET http://a.example/2")
        );
    }
}
