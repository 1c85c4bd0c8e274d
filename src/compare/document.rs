//! The comparison as one JSON document, with every raw run, so that anybody can judge it anew.
//!
//! Knows its names: the record's where it has one, times in seconds, memory in bytes. Refuses to round what was measured.

use serde::Serialize;

use super::Run;
use super::findings::{self, Findings, ModeFindings, Pair};
use crate::record::SCHEMA_VERSION;
use crate::stats::{Estimate, SIGNIFICANCE, Sample};

/// The whole.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    r#type: &'static str,
    schema_version: u32,
    urls: u64,
    runs: u32,
    modes: Vec<ModeDocument<'a>>,
    /// Every mode with every earlier one.
    pairs: Vec<PairDocument<'a>>,
    /// Null without sync.
    ceiling: Option<CeilingDocument<'a>>,
}

#[derive(Serialize)]
struct ModeDocument<'a> {
    mode: &'static str,
    /// The mode, numbered where it comes twice: what `pairs` names.
    label: &'a str,
    wall: Sample,
    cpu: Sample,
    most_in_flight: u32,
    peak_threads: Option<u64>,
    peak_memory: u64,
    memory_per_url: Option<f64>,
    voluntary_switches: f64,
    involuntary_switches: f64,
    runs: Vec<RunDocument<'a>>,
}

#[derive(Serialize)]
struct RunDocument<'a> {
    exit_status: u8,
    wall: f64,
    user: f64,
    system: f64,
    most_in_flight: u32,
    peak_threads: Option<u64>,
    peak_memory: u64,
    memory_before: Option<u64>,
    memory_per_url: Option<f64>,
    voluntary_switches: u64,
    involuntary_switches: u64,
    passed: u64,
    failed: u64,
    soft: u64,
    cancelled: u64,
    size_delivered: u64,
    sum_of_times: f64,
    slowest: Option<f64>,
    slowest_url: Option<&'a str>,
}

#[derive(Serialize)]
struct PairDocument<'a> {
    faster: &'a str,
    slower: &'a str,
    times_faster: Option<Estimate>,
    /// Seconds.
    saved: Estimate,
    /// Welch's test on the wall times; null for single runs.
    t: Option<f64>,
    degrees_of_freedom: Option<f64>,
    p: Option<f64>,
    significance: f64,
    can_be_told_apart: bool,
    /// Of the ceiling, or of `--jobs` where that is lower; null where it does not apply.
    reached: Option<f64>,
}

#[derive(Serialize)]
struct CeilingDocument<'a> {
    times_faster: f64,
    sum_of_times: f64,
    slowest: f64,
    slowest_url: &'a str,
}

/// What is written.
pub(super) fn of(findings: &Findings) -> Document<'_> {
    Document {
        r#type: "comparison",
        schema_version: SCHEMA_VERSION,
        urls: findings.n_urls,
        runs: findings.n_runs,
        modes: findings.modes.iter().map(mode).collect(),
        pairs: findings.pairs.iter().map(|found| pair(findings, found)).collect(),
        ceiling: findings.ceiling.as_ref().map(|ceiling| CeilingDocument {
            times_faster: ceiling.times_faster,
            sum_of_times: ceiling.sum.as_secs_f64(),
            slowest: ceiling.slowest.as_secs_f64(),
            slowest_url: &ceiling.url,
        }),
    }
}

fn mode(found: &ModeFindings) -> ModeDocument<'_> {
    ModeDocument {
        mode: found.mode.as_str(),
        label: &found.label,
        wall: found.wall,
        cpu: found.cpu,
        most_in_flight: found.most_in_flight,
        peak_threads: found.peak_threads,
        peak_memory: found.peak_memory,
        memory_per_url: found.memory_per_url,
        voluntary_switches: found.voluntary_switches,
        involuntary_switches: found.involuntary_switches,
        runs: found.runs.iter().map(run).collect(),
    }
}

fn run(run: &Run) -> RunDocument<'_> {
    let results = &run.results;
    RunDocument {
        exit_status: run.status.code(),
        wall: run.wall.as_secs_f64(),
        user: run.user.as_secs_f64(),
        system: run.system.as_secs_f64(),
        most_in_flight: run.most_in_flight,
        peak_threads: run.peak_threads,
        peak_memory: run.peak_memory,
        memory_before: run.memory_before,
        memory_per_url: findings::memory_per_url(run),
        voluntary_switches: run.voluntary_switches,
        involuntary_switches: run.involuntary_switches,
        passed: results.passed,
        failed: results.failed,
        soft: results.soft,
        cancelled: results.cancelled,
        size_delivered: results.bytes,
        sum_of_times: results.sum_of_times.as_secs_f64(),
        slowest: results.slowest.as_ref().map(|(_, time)| time.as_secs_f64()),
        slowest_url: results.slowest.as_ref().map(|(url, _)| url.as_str()),
    }
}

fn pair<'a>(findings: &'a Findings, pair: &Pair) -> PairDocument<'a> {
    // JSON has no infinity, which is what a difference without any spread comes to.
    let finite = |number: f64| number.is_finite().then_some(number);
    PairDocument {
        faster: &findings.modes[pair.faster].label,
        slower: &findings.modes[pair.slower].label,
        times_faster: pair.times_faster,
        saved: pair.saved,
        t: pair.welch.and_then(|welch| finite(welch.t)),
        degrees_of_freedom: pair.welch.and_then(|welch| finite(welch.degrees)),
        p: pair.welch.and_then(|welch| finite(welch.p)),
        significance: SIGNIFICANCE,
        can_be_told_apart: pair.can_be_told_apart,
        reached: findings.reached(pair),
    }
}

#[cfg(test)]
mod tests {
    use super::super::findings::tests::usual;
    use super::*;
    use crate::record::assert_described;
    use crate::report::json_line;

    #[test]
    fn the_document_is_one_line_of_json_without_a_control_character() {
        let text = String::from_utf8(json_line(&of(&usual()))).unwrap();
        assert!(text.ends_with("}\n") && text.lines().count() == 1);
        assert!(text.starts_with(r#"{"type":"comparison","schema_version":1,"urls":10,"runs":3,"#), "{text}");
        assert_eq!(text.matches(r#""exit_status":0"#).count(), 9, "every raw run");
        assert!(text.contains(r"http://a.example/\u001b[2J?slow"), "{text}");
    }

    #[test]
    fn its_schema_describes_exactly_the_fields_that_it_has() {
        let whole: serde_json::Value = serde_json::from_slice(&json_line(&of(&usual()))).unwrap();
        for (definition, object) in [
            ("comparison", &whole),
            ("compared_mode", &whole["modes"][0]),
            ("compared_run", &whole["modes"][0]["runs"][0]),
            ("sample", &whole["modes"][0]["wall"]),
            ("compared_pair", &whole["pairs"][0]),
            ("estimate", &whole["pairs"][0]["saved"]),
            ("ceiling", &whole["ceiling"]),
        ] {
            assert_described(definition, object);
        }
    }
}
