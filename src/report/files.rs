//! The reports of `--report`: all files of a run, each fed with its records.
//!
//! Knows which kind wants what and when, and that one that fails leaves the others alone. Refuses to know what they look
//! like.

use std::io::{self, Write as _};

use super::file::{InPlace, ReportFile};
use super::json::json_line;
use super::records::Document;
use super::sinks::reason;
use crate::config::{ReportKind, ReportTo};
use crate::record::{Record, RunRecord, SummaryRecord};
use crate::sanitize::escape;

/// All reports of a run.
pub(super) struct Files {
    run: RunRecord,
    reports: Vec<Report>,
    complaints: Vec<String>,
}

/// One of them.
struct Report {
    /// `jsonl=results.jsonl`.
    name: String,
    file: ReportFile,
    writer: Writer,
}

/// What a kind of report has to remember.
enum Writer {
    Json(Document),
    Jsonl,
}

impl Files {
    /// Begins all of them, so that what cannot be written is known before anything is fetched.
    ///
    /// # Errors
    /// A sentence for exit 2, with the name of the one at fault.
    pub(super) fn begin(asked: &[ReportTo], run: RunRecord, in_place: InPlace<'_>) -> Result<Files, String> {
        let mut reports: Vec<Report> = Vec::new();
        for asked in asked {
            let name = format!("{}={}", asked.kind.as_str(), escape(&asked.path.to_string_lossy()));
            let file = ReportFile::begin(&asked.path, in_place)
                .map_err(|error| format!("--report {name}: {}", reason(&error)))?;
            if let Some(other) = reports.iter().find(|other| other.file.is_same_as(&file)) {
                return Err(format!("--report {name}: {} is written to the same file", other.name));
            }
            reports.push(Report { name, file, writer: Writer::new(asked.kind) });
        }
        let mut files = Files { run, reports, complaints: Vec::new() };
        files.each(|report, run| report.begin(run));
        Ok(files)
    }

    /// One more result.
    pub(super) fn result(&mut self, record: &Record) {
        self.each(|report, _| report.result(record));
    }

    /// A batch has ended: what reads along is to see it.
    pub(super) fn flush(&mut self) {
        self.each(|report, _| report.file.flush());
    }

    /// The run has ended; without a summary it was cut, which only the lines of `jsonl` can say.
    pub(super) fn end(&mut self, summary: Option<&SummaryRecord>) {
        self.each(|report, _| report.end(summary));
        for Report { name, file, .. } in std::mem::take(&mut self.reports) {
            if let Err(error) = file.finish() {
                self.complaints.push(complaint(&name, &error));
            }
        }
    }

    /// What could not be written since it was asked last, a sentence each.
    pub(super) fn complaints(&mut self) -> Vec<String> {
        std::mem::take(&mut self.complaints)
    }

    /// Tells something to each; one that cannot be written is dropped, and nothing of it is left.
    fn each(&mut self, mut tell: impl FnMut(&mut Report, &RunRecord) -> io::Result<()>) {
        let Files { run, reports, complaints } = self;
        reports.retain_mut(|report| match tell(report, run) {
            Ok(()) => true,
            Err(error) => {
                complaints.push(complaint(&report.name, &error));
                false
            }
        });
    }
}

fn complaint(name: &str, error: &io::Error) -> String {
    format!("cannot write the report {name}: {}", reason(error))
}

impl Writer {
    fn new(kind: ReportKind) -> Writer {
        match kind {
            ReportKind::Json => Writer::Json(Document::default()),
            ReportKind::Jsonl => Writer::Jsonl,
        }
    }
}

impl Report {
    fn begin(&mut self, run: &RunRecord) -> io::Result<()> {
        match &self.writer {
            Writer::Json(document) => document.begin(run, &mut self.file),
            Writer::Jsonl => self.file.write_all(&json_line(run)),
        }
    }

    fn result(&mut self, record: &Record) -> io::Result<()> {
        match &mut self.writer {
            Writer::Json(document) => document.result(record, &mut self.file),
            Writer::Jsonl => self.file.write_all(&json_line(record)),
        }
    }

    fn end(&mut self, summary: Option<&SummaryRecord>) -> io::Result<()> {
        match (&self.writer, summary) {
            (Writer::Json(document), Some(summary)) => document.end(summary, &mut self.file),
            (Writer::Jsonl, Some(summary)) => self.file.write_all(&json_line(summary)),
            (Writer::Jsonl, None) => Ok(()),
            (_, None) => Err(io::Error::other("the run had no end")),
        }
    }
}
