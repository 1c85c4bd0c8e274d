//! A file becomes records: a `json` or `jsonl` report, or the lines of `--json`.
//!
//! Knows the three forms and how each can be broken. Refuses to guess: a line that is no record is named.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Results;
use crate::config::Operand;
use crate::record::{Record, RunRecord, SCHEMA_VERSION, SummaryRecord};
use crate::report::reason;
use crate::sanitize::{escape, shorten};

/// How a `json` report begins; a record begins with its type.
const DOCUMENT: &[u8] = b"{\"run\":";

/// So much of what serde says is told.
const MOST_WORDS: usize = 200;

/// A `json` report.
#[derive(Deserialize)]
struct Document {
    run: RunRecord,
    results: Vec<Record>,
    summary: SummaryRecord,
}

/// What every line says first.
#[derive(Deserialize)]
struct Head {
    r#type: String,
    #[serde(default)]
    schema_version: u32,
}

/// Reads one operand of `report`.
///
/// # Errors
/// A sentence for exit 2, with the file and the line at fault.
pub(super) fn read(operand: &Operand) -> Result<Results, String> {
    match operand {
        Operand::Stdin => read_from("-", io::stdin().lock()),
        Operand::File(path) => {
            let name = path.to_string_lossy();
            let file =
                open(path).map_err(|error| format!("cannot read {}: {}", escape(&name), reason(&error)))?;
            read_from(&name, BufReader::new(file))
        }
        Operand::Url(url) => Err(format!("{}: results are read from files, not fetched", escape(url))),
    }
}

fn open(path: &Path) -> io::Result<File> {
    if path.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { File::open(path) }
}

fn read_from(name: &str, mut input: impl BufRead) -> Result<Results, String> {
    let shown = escape(name).into_owned();
    let broken = |error: io::Error| format!("cannot read {shown}: {}", reason(&error));
    let mut results =
        Results { name: shown.clone(), run: None, records: Vec::new(), summary: None, warnings: Vec::new() };
    let (mut line, mut number) = (Vec::new(), 0_u64);
    while input.read_until(b'\n', &mut line).map_err(broken)? > 0 {
        number += 1;
        if number == 1 && line.starts_with(DOCUMENT) {
            input.read_to_end(&mut line).map_err(broken)?;
            return document(results, &line);
        }
        let is_whole = line.ends_with(b"\n");
        match results.take(line.trim_ascii()) {
            Ok(()) => {}
            Err(_) if !is_whole && may_be_torn(&line) => {
                results.warnings.push(format!("{shown}:{number}: the last line is torn"));
            }
            Err(why) => return Err(format!("{shown}:{number}: {why}")),
        }
        line.clear();
    }
    if results.run.is_some() && results.summary.is_none() {
        results.warnings.push(format!("{shown}: the run was cut, its results have no summary"));
    } else if results.run.is_none() && results.records.is_empty() {
        results.warnings.push(format!("{shown}: there are no results in it"));
    }
    Ok(results)
}

/// Whether it begins as each of our lines does: else it is no end of one that was cut, but something else.
fn may_be_torn(line: &[u8]) -> bool {
    const START: &[u8] = b"{\"type\":";
    let seen = line.len().min(START.len());
    line[..seen] == START[..seen]
}

fn document(mut results: Results, text: &[u8]) -> Result<Results, String> {
    let document: Document = parsed(text).map_err(|why| format!("{}: {why}", results.name))?;
    let version = document.run.schema_version;
    check_version(version).map_err(|why| format!("{}: {why}", results.name))?;
    results.run = Some(document.run);
    results.records = document.results;
    results.summary = Some(document.summary);
    Ok(results)
}

impl Results {
    fn take(&mut self, line: &[u8]) -> Result<(), String> {
        if line.is_empty() {
            return Ok(());
        }
        let head: Head = parsed(line)?;
        check_version(head.schema_version)?;
        match head.r#type.as_str() {
            "run" if self.run.is_some() || !self.records.is_empty() => {
                return Err("a second run in one file: give each run a file of its own".to_owned());
            }
            "run" => self.run = Some(parsed(line)?),
            "result" => self.records.push(parsed(line)?),
            "summary" => self.summary = Some(parsed(line)?),
            // A later version may write more.
            _ => {}
        }
        Ok(())
    }
}

fn check_version(version: u32) -> Result<(), String> {
    if version <= SCHEMA_VERSION {
        return Ok(());
    }
    Err(format!("schema_version {version} is of a later greenfetch; this one reads up to {SCHEMA_VERSION}"))
}

fn parsed<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| {
        format!("no record of greenfetch: {}", shorten(&escape(&error.to_string()), MOST_WORDS))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::record::samples::{passed, run};
    use crate::report::json_line;

    fn records(n: u32) -> Vec<u8> {
        (1..=n).flat_map(|line| json_line(&Record::from_outcome(&passed(line, 5), &run()))).collect()
    }

    fn head() -> Vec<u8> {
        let config = Config::default();
        json_line(&RunRecord::new(&run(), &config, &config.concurrency, None))
    }

    #[test]
    fn bare_lines_are_results_of_a_run_that_says_nothing_of_itself() {
        let results =
            read_from("r", &[records(3), b"\n{\"type\":\"news\"}\n".to_vec()].concat()[..]).unwrap();
        assert_eq!((results.records.len(), results.run.is_none(), results.warnings.len()), (3, true, 0));
    }

    #[test]
    fn a_run_that_was_cut_and_a_torn_line_are_said() {
        let torn = [head(), records(2), b"{\"type\":\"resu".to_vec()].concat();
        let results = read_from("r", &torn[..]).unwrap();
        assert_eq!(results.records.len(), 2);
        assert_eq!(
            results.warnings,
            ["r:4: the last line is torn", "r: the run was cut, its results have no summary"]
        );
    }

    #[test]
    fn results_without_a_result_are_said() {
        for (text, warning) in [
            (&b""[..], "r: there are no results in it"),
            (b"\n\n", "r: there are no results in it"),
            (b"{\"ty", "r:1: the last line is torn"),
        ] {
            let results = read_from("r", text).unwrap();
            assert_eq!(results.warnings[0], warning);
        }
        for other in ["[]", "{\"results\":[]}", "hello"] {
            let refused = read_from("r", other.as_bytes()).map(|results| results.warnings);
            assert!(refused.is_err_and(|why| why.starts_with("r:1: no record of greenfetch")), "{other}");
        }
    }

    #[test]
    fn what_is_no_record_is_named_by_its_line() {
        for (text, why) in [
            (&b"{\"type\":\"result\"}\n"[..], "r:1: no record of greenfetch: missing field"),
            (b"\nhttp://a/\n", "r:2: no record of greenfetch"),
            (
                b"{\"type\":\"result\",\"schema_version\":2}\n",
                "r:1: schema_version 2 is of a later greenfetch",
            ),
            (b"{\"run\":1}", "r: no record of greenfetch"),
            (b"\xff\n", "r:1: no record"),
        ] {
            let error = read_from("r", text).unwrap_err();
            assert!(error.starts_with(why), "{error}");
        }
        assert!(read_from("r", &[records(1), head()].concat()[..]).unwrap_err().contains("a second run"));
    }
}
