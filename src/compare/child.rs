//! One run: a child that reads the list once more, its records, and what it used.
//!
//! Knows the child's command line and the few fields of a record that a comparison looks at. Refuses to keep records:
//! of a million nothing stays but sums.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde::Deserialize;

use super::spool::Spool;
use super::{Results, Run};
use crate::config::{Comparison, MEASURES_VARIABLE, Mode};
use crate::exit::ExitStatus;
use crate::report::timeline::Lane;
use crate::runtime::children::{Child, Leash, Usage};

/// So much of what a child says on standard error is kept, in bytes; the rest is read and forgotten.
const MOST_SAID: u64 = 4 << 20;

/// Records come in larger pieces than a line, so that reading them costs the child's neighbour little.
const READ_BYTES: usize = 256 << 10;

/// A run, and what it said on standard error.
pub(super) struct Told {
    pub(super) run: Run,
    pub(super) stderr: String,
}

/// A line of the child's standard output: a record, or at the end its measures. Everything else in it is skipped.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    outcome: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    size_delivered: u64,
    time_total: f64,
    peak_threads: u64,
    peak_memory: u64,
    memory_before: u64,
    most_in_flight: u32,
}

/// What a child said of itself.
#[derive(Debug, Default)]
struct Measured {
    peak_threads: Option<u64>,
    peak_memory: Option<u64>,
    memory_before: Option<u64>,
    most_in_flight: u32,
}

/// Runs the list once in a mode and waits for its end.
pub(super) fn run(
    comparison: &Comparison,
    mode: Mode,
    spool: &Spool,
    leash: &Arc<Leash>,
) -> io::Result<Told> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(options(comparison, mode)).arg("--").args(spool.words());
    command.env(MEASURES_VARIABLE, "1");
    command.stdin(spool.input()?).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Child::start(command, leash)?;
    let (stdout, stderr) = (child.take_stdout(), child.take_stderr());
    let mut lane = (!comparison.config.output.timelines.is_empty()).then(|| Lane::new(mode.as_str()));
    let listener = thread::Builder::new()
        .name("stderr".to_owned())
        .spawn(move || stderr.map_or_else(String::new, hear))?;
    let read = stdout.map_or_else(
        || Ok(Default::default()),
        |stdout| read(BufReader::with_capacity(READ_BYTES, stdout), lane.as_mut()),
    );
    let usage = child.wait()?;
    let (results, measured) = read?;
    let stderr = spool.with_names(&listener.join().unwrap_or_default());
    let lane = lane.unwrap_or_default();
    Ok(Told { run: Run { lane, ..together(mode, &usage, &measured, results) }, stderr })
}

/// What was typed, in this mode and as records; summary and bar are for the comparison.
fn options(comparison: &Comparison, mode: Mode) -> Vec<OsString> {
    let output = &comparison.config.output;
    let color = if output.color { "always" } else { "never" };
    let mut options = comparison.passed_on.clone();
    options.extend(
        ["--json", "-q", "--color", color, "--ci", "none", "--mode", mode.as_str()].map(OsString::from),
    );
    if mode != Mode::Sync {
        options.extend(
            ["--jobs".to_owned(), comparison.config.concurrency.jobs.to_string()].map(OsString::from),
        );
    }
    options
}

/// All of it is read, or the child would wait for us.
fn hear(mut stderr: impl Read) -> String {
    let mut said = Vec::new();
    let heard = (&mut stderr).take(MOST_SAID).read_to_end(&mut said);
    let _ = heard.and_then(|_| io::copy(&mut stderr, &mut io::sink()));
    String::from_utf8_lossy(&said).into_owned()
}

fn read(mut stdout: impl BufRead, mut lane: Option<&mut Lane>) -> io::Result<(Results, Measured)> {
    let (mut results, mut measured) = (Results::default(), Measured::default());
    let mut line = Vec::new();
    while stdout.read_until(b'\n', &mut line)? > 0 {
        let parsed: Line = serde_json::from_slice(&line).map_err(io::Error::other)?;
        match &*parsed.r#type {
            "result" => {
                results.add(&parsed);
                if let Some(lane) = &mut lane {
                    lane.add(&serde_json::from_slice(&line).map_err(io::Error::other)?);
                }
            }
            "measures" => measured = Measured::from_line(&parsed),
            _ => {}
        }
        line.clear();
    }
    Ok((results, measured))
}

impl Results {
    fn add(&mut self, record: &Line<'_>) {
        match &*record.outcome {
            "pass" => self.passed += 1,
            "soft" => self.soft += 1,
            "cancelled" => self.cancelled += 1,
            _ => self.failed += 1,
        }
        self.bytes = self.bytes.saturating_add(record.size_delivered);
        if record.outcome == "cancelled" {
            return;
        }
        let time = Duration::try_from_secs_f64(record.time_total).unwrap_or_default();
        self.sum_of_times = self.sum_of_times.saturating_add(time);
        if self.slowest.as_ref().is_none_or(|(_, longest)| time > *longest) {
            self.slowest = Some((record.url.clone().into_owned(), time));
        }
    }
}

impl Measured {
    /// Zero is what a system says that does not know.
    fn from_line(line: &Line<'_>) -> Measured {
        let known = |number: u64| (number > 0).then_some(number);
        Measured {
            peak_threads: known(line.peak_threads),
            peak_memory: known(line.peak_memory),
            memory_before: known(line.memory_before),
            most_in_flight: line.most_in_flight,
        }
    }
}

fn together(mode: Mode, usage: &Usage, measured: &Measured, results: Results) -> Run {
    Run {
        mode,
        status: status(usage.status),
        wall: usage.wall,
        user: usage.user,
        system: usage.system,
        voluntary_switches: usage.voluntary_switches,
        involuntary_switches: usage.involuntary_switches,
        peak_threads: measured.peak_threads,
        peak_memory: measured.peak_memory.unwrap_or(usage.peak_memory),
        memory_before: measured.memory_before,
        most_in_flight: measured.most_in_flight,
        results,
        lane: Lane::default(),
    }
}

/// A signal that nobody sends on purpose is a crash, and ours to answer for.
fn status(status: std::process::ExitStatus) -> ExitStatus {
    const ON_PURPOSE: [i32; 3] = [1, 2, 15];
    match (status.code(), status.signal()) {
        (Some(code), _) => ExitStatus::from_code(u8::try_from(code).unwrap_or(u8::MAX)),
        (None, Some(signal)) if ON_PURPOSE.contains(&signal) => ExitStatus::Signal(signal),
        (None, _) => ExitStatus::Bug,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Record;
    use crate::record::samples::{passed, run};
    use crate::report::json_line;

    #[test]
    fn records_come_to_counts_a_sum_and_the_slowest() {
        let mut record = Record::from_outcome(&passed(1, 5), &run());
        let mut text = Vec::new();
        for (outcome, time, url) in [
            ("pass", 0.5, "http://a/\u{1b}"),
            ("fail", 1.25, "http://b/\""),
            ("soft", 0.25, "c"),
            ("cancelled", 9.0, "d"),
        ] {
            (record.outcome, record.marks.time_total, record.url) = (outcome.into(), time, url.to_owned());
            text.extend(json_line(&record));
        }
        text.extend(b"{\"type\":\"measures\",\"peak_threads\":5,\"peak_memory\":9,\"memory_before\":0,\"most_in_flight\":2}\n");
        let (results, measured) = read(&text[..], None).unwrap();
        assert_eq!((results.passed, results.failed, results.soft, results.cancelled), (1, 1, 1, 1));
        assert_eq!((results.bytes, results.sum_of_times), (20, Duration::from_secs(2)));
        assert_eq!(results.slowest, Some(("http://b/\"".to_owned(), Duration::from_millis(1250))));
        assert_eq!(
            (measured.peak_threads, measured.memory_before, measured.most_in_flight),
            (Some(5), None, 2)
        );
    }

    #[test]
    fn a_torn_line_is_an_error_and_nothing_is_nothing() {
        assert!(read(&b"{\"type\":\"res"[..], None).is_err());
        let (results, measured) = read(&b""[..], None).unwrap();
        assert!(results.slowest.is_none() && measured.peak_threads.is_none());
    }

    #[test]
    fn a_flood_of_words_is_cut_but_read() {
        let mut flood = io::repeat(b'x').take(MOST_SAID + 10);
        assert_eq!(hear(&mut flood).len() as u64, MOST_SAID);
        assert_eq!(flood.limit(), 0);
    }

    #[test]
    fn a_crash_is_a_bug_and_a_signal_on_purpose_is_one() {
        let ended = |raw| status(std::process::ExitStatus::from_raw(raw));
        assert_eq!(
            (ended(0), ended(1 << 8), ended(77 << 8)),
            (ExitStatus::Pass, ExitStatus::Failed, ExitStatus::Bug)
        );
        assert_eq!(
            (ended(2), ended(9), ended(11)),
            (ExitStatus::Signal(2), ExitStatus::Bug, ExitStatus::Bug)
        );
    }
}
