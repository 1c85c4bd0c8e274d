//! What a run was like, before its first result: the first line of a `jsonl` report.
//!
//! Knows the limits that were in force, in the contract's units. Refuses to know secrets: headers and bodies are not told.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::date::rfc3339;
use super::{SCHEMA_VERSION, Word, times};
use crate::config::{Concurrency, Config, Operand};
use crate::event::RunInfo;

/// A run, known before its first request. Times are in seconds; `None` is no limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Always `run`.
    pub r#type: Word,
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The same in all records of the run.
    pub run_id: Arc<str>,
    /// RFC 3339, UTC: the zero of `t_start` and `t_end`.
    pub started_at: String,
    /// The version of greenfetch that ran.
    pub version: Word,
    /// `coroutines`, `threads` or `sync`.
    pub mode: Word,
    /// URLs in flight at most, as the system allowed them.
    pub jobs: u32,
    /// That fetched, each with its worker; 1 in results of before it was told.
    #[serde(default = "one")]
    pub processes: u32,
    /// In flight for one host; the loopback is bound only where `per_host_given` is true.
    pub per_host: Option<u32>,
    /// Whether `--per-host` was typed.
    pub per_host_given: bool,
    /// Starts per second.
    pub rate: Option<f64>,
    /// Tries after the first.
    pub retry: u32,
    /// What bounds one URL, and the run.
    pub limits: LimitsRecord,
    /// The folder that the run was started in, to which names of lists are relative; `None` when it is not known.
    pub directory: Option<String>,
    /// The lists as the user named them; `<args>` once for all operands that are URLs, `-` for standard input.
    pub sources: Vec<String>,
    /// The length of the list; `None` when standard input is part of it.
    pub entries: Option<u64>,
    /// `I/N` of `--shard`; `None` for the whole list.
    pub shard: Option<String>,
}

/// Limits that were in force; a line of the list may have had its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LimitsRecord {
    /// Of connecting, in seconds.
    pub connect_timeout: Option<f64>,
    /// Of one attempt.
    pub max_time: Option<f64>,
    /// Of silence.
    pub stall: Option<f64>,
    /// Of the run.
    pub deadline: Option<f64>,
    /// Bytes of one body.
    pub max_filesize: Option<u64>,
    /// Redirects followed.
    pub max_redirs: u32,
}

impl RunRecord {
    /// What there is to say of a run that is about to begin, with what the system allows it to have at once.
    pub fn new(
        info: &RunInfo,
        config: &Config,
        limits: &Concurrency,
        directory: Option<String>,
    ) -> RunRecord {
        RunRecord {
            r#type: "run".into(),
            schema_version: SCHEMA_VERSION,
            run_id: info.run_id.as_str().into(),
            started_at: rfc3339(info.started_at),
            version: env!("CARGO_PKG_VERSION").into(),
            mode: info.mode.as_str().into(),
            jobs: limits.jobs,
            processes: limits.processes,
            per_host: limits.per_host,
            per_host_given: limits.per_host_given,
            rate: limits.start_interval.map(|interval| 1.0 / interval.as_secs_f64()),
            retry: config.retry.retries,
            limits: LimitsRecord::of(config),
            directory,
            sources: sources(&config.operands),
            entries: info.entries,
            shard: config.run.shard.map(|shard| format!("{}/{}", shard.index, shard.of)),
        }
    }
}

impl LimitsRecord {
    fn of(config: &Config) -> LimitsRecord {
        let limits = &config.limits;
        let seconds = |limit: Option<Duration>| limit.map(times::seconds);
        LimitsRecord {
            connect_timeout: seconds(limits.connect_timeout),
            max_time: seconds(limits.max_time),
            stall: seconds(limits.stall),
            deadline: seconds(limits.deadline),
            max_filesize: limits.max_filesize,
            max_redirs: config.request.max_redirs,
        }
    }
}

fn one() -> u32 {
    1
}

fn sources(operands: &[Operand]) -> Vec<String> {
    let mut sources: Vec<String> = Vec::new();
    for operand in operands {
        let source = match operand {
            Operand::Url(_) => "<args>".to_owned(),
            Operand::File(path) => path.to_string_lossy().into_owned(),
            Operand::Stdin => "-".to_owned(),
        };
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::samples;

    #[test]
    fn a_run_written_and_read_back_is_equal_and_names_each_source_once() {
        let url = || Operand::Url("http://user:hunter2@a.example/".to_owned());
        let operands = vec![url(), Operand::File("urls.txt".into()), url(), Operand::Stdin];
        let mut config = Config { operands, ..Config::default() };
        config.concurrency.start_interval = Some(Duration::from_millis(200));
        let limits = Concurrency { jobs: 7, processes: 3, ..config.concurrency.clone() };
        let record = RunRecord::new(&samples::run(), &config, &limits, None);
        assert_eq!(record.sources, ["<args>", "urls.txt", "-"]);
        assert_eq!((record.jobs, record.processes), (7, 3));
        assert_eq!((record.rate, record.limits.stall), (Some(5.0), Some(10.0)));
        let text = serde_json::to_string(&record).unwrap();
        assert!(!text.contains("hunter2"));
        assert_eq!(serde_json::from_str::<RunRecord>(&text).unwrap(), record);
        let older = text.replace("\"processes\":3,", "");
        assert_eq!(serde_json::from_str::<RunRecord>(&older).unwrap(), RunRecord { processes: 1, ..record });
    }
}
