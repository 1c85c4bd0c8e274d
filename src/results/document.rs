//! The comparison of two runs as one JSON document, with what was compared, so that anybody can judge it anew.
//!
//! Knows its names: the record's where it has one, times in seconds. Refuses to round what was measured.

use serde::Serialize;

use super::Results;
use super::differences::{Change, Difference, Differences};
use crate::record::{ErrorRecord, Record, SCHEMA_VERSION};

/// The whole.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    r#type: &'static str,
    schema_version: u32,
    old: Run<'a>,
    new: Run<'a>,
    /// Entries that both runs have and finished.
    compared: usize,
    /// Entries that both have, and one of them did not finish.
    unfinished: usize,
    /// Entries whose times were compared.
    timed: usize,
    regression: bool,
    /// What all times have in common; null for nothing that is no noise.
    everything: Option<Everything>,
    differences: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Run<'a> {
    file: &'a str,
    /// Null for bare records.
    run_id: Option<&'a str>,
    started_at: Option<&'a str>,
    results: usize,
    /// Whether it came to its end; null for bare records, which do not say.
    whole: Option<bool>,
}

#[derive(Serialize)]
struct Everything {
    /// The median of new by old.
    factor: f64,
    /// The median of new less old.
    seconds: f64,
    regression: bool,
}

#[derive(Serialize)]
struct Entry<'a> {
    url: &'a str,
    changes: Vec<&'static str>,
    regression: bool,
    /// Seconds before and after, as they were compared; null where they could not be.
    times: Option<[f64; 2]>,
    /// Null for what was added.
    old: Option<Side<'a>>,
    /// Null for what was removed.
    new: Option<Side<'a>>,
}

#[derive(Serialize)]
struct Side<'a> {
    source: &'a str,
    line: u32,
    name: Option<&'a str>,
    method: &'a str,
    outcome: &'a str,
    error: Option<&'a ErrorRecord>,
    response_code: Option<u16>,
    size_delivered: u64,
    sha256: Option<&'a str>,
    url_effective: Option<&'a str>,
    num_connects: u32,
    num_retries: u64,
    time_total: f64,
}

/// What is written.
pub(super) fn of<'a>(old: &'a Results, new: &'a Results, differences: &'a Differences<'a>) -> Document<'a> {
    Document {
        r#type: "diff",
        schema_version: SCHEMA_VERSION,
        old: run(old),
        new: run(new),
        compared: differences.compared,
        unfinished: differences.unfinished,
        timed: differences.timed,
        regression: differences.has_regression(),
        everything: differences.shift.map(|shift| Everything {
            factor: shift.factor,
            seconds: shift.seconds,
            regression: shift.is_grave(),
        }),
        differences: differences.all.iter().map(entry).collect(),
    }
}

fn run(results: &Results) -> Run<'_> {
    let is_whole =
        |_| results.summary.as_ref().is_some_and(|summary| summary.stop.is_none() && summary.list_ended);
    Run {
        file: &results.name,
        run_id: results.run.as_ref().map(|run| &*run.run_id),
        started_at: results.run.as_ref().map(|run| run.started_at.as_str()),
        results: results.records.len(),
        whole: results.run.as_ref().map(is_whole),
    }
}

fn entry<'a>(difference: &'a Difference<'a>) -> Entry<'a> {
    let (old, new) = (difference.pair.old, difference.pair.new);
    Entry {
        url: new.or(old).map_or("", |record| &record.url),
        changes: difference.changes.iter().copied().map(Change::as_str).collect(),
        regression: difference.is_regression(),
        times: difference.times.map(|times| [times.old, times.new]),
        old: old.map(side),
        new: new.map(side),
    }
}

fn side(record: &Record) -> Side<'_> {
    Side {
        source: &record.source,
        line: record.line,
        name: record.name.as_deref(),
        method: &record.method,
        outcome: &record.outcome,
        error: record.error.as_ref(),
        response_code: record.response_code,
        size_delivered: record.size_delivered,
        sha256: record.sha256.as_deref(),
        url_effective: record.url_effective.as_deref(),
        num_connects: record.num_connects,
        num_retries: record.num_retries,
        time_total: record.marks.time_total,
    }
}

#[cfg(test)]
mod tests {
    use super::super::pairs::pairs;
    use super::*;
    use crate::outcome::{Class, Failure, Phase};
    use crate::record::samples::{outcome, passed, run};
    use crate::record::{assert_described, schema_words};
    use crate::report::json_line;

    #[test]
    fn its_schema_describes_exactly_the_fields_that_it_has() {
        let records = |n: u32| (1..=n).map(|line| Record::from_outcome(&passed(line, 5), &run())).collect();
        let results = |records: Vec<Record>| Results {
            name: "r".to_owned(),
            run: None,
            records,
            summary: None,
            warnings: Vec::new(),
        };
        let (old, mut new) = (results(records(12)), results(records(12)));
        new.records.iter_mut().for_each(|record| record.marks.time_total *= 3.0);
        let failure = Failure::new(Class::Closed, Phase::Wait, "reset");
        new.records[0] = Record::from_outcome(&outcome(1, failure), &run());
        let differences = Differences::of(&pairs(&old.records, &new.records));
        let whole: serde_json::Value =
            serde_json::from_slice(&json_line(&of(&old, &new, &differences))).unwrap();
        for (definition, object) in [
            ("diff", &whole),
            ("diffed_run", &whole["old"]),
            ("drift", &whole["everything"]),
            ("difference", &whole["differences"][0]),
            ("side", &whole["differences"][0]["new"]),
        ] {
            assert_described(definition, object);
        }
    }

    #[test]
    fn its_words_are_those_of_the_schema() {
        let all = [
            Change::NewlyFailing,
            Change::Fixed,
            Change::Slower,
            Change::Faster,
            Change::Failure,
            Change::Method,
            Change::Status,
            Change::Size,
            Change::Hash,
            Change::FinalUrl,
            Change::Added,
            Change::Removed,
        ];
        // The last one, which says that none is left out.
        assert_eq!(Change::Removed as usize, all.len() - 1);
        assert_eq!(schema_words("difference", "changes"), all.map(Change::as_str));
    }
}
