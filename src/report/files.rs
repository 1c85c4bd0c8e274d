//! The reports of `--report` and `--failed`: all files of a run, each fed with its records.
//!
//! Knows which kind wants what and when, and that one that fails leaves the others alone. Refuses to know what they look
//! like.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::file::{InPlace, ReportFile, reason};
use super::json::json_line;
use super::records::Document;
use super::rows::{Row, Whole};
use super::timeline::{Drawings, Lane};
use super::{failed, html, junit, markdown, prometheus};
use crate::config::{Output, ReportKind};
use crate::record::{Record, RunRecord, SummaryRecord};
use crate::sanitize::escape;

/// All reports of a run.
pub(super) struct Files {
    run: RunRecord,
    reports: Vec<Report>,
    /// What those keep that are written at the end; `None` when none is.
    rows: Option<Vec<Row>>,
    /// What a picture in one of them shows.
    lane: Lane,
    /// The page of a step of GitHub's: appended to at the end, and never worth more than a warning.
    step_summary: Option<PathBuf>,
    complaints: Vec<String>,
    warnings: Vec<String>,
}

/// One of them.
struct Report {
    /// As it was asked for: `--report jsonl=results.jsonl`.
    name: String,
    file: ReportFile,
    writer: Writer,
}

/// How a kind of report is written: as results come, or from all of them.
enum Writer {
    Json(Document),
    Jsonl,
    Failed,
    Whole(WriteWhole),
}

type WriteWhole = fn(Whole<'_>, &mut dyn Write) -> io::Result<()>;

impl Files {
    /// Begins all of them, so that what cannot be written is known before anything is fetched.
    ///
    /// # Errors
    /// A sentence for exit 2, with the name of the one at fault.
    pub(super) fn begin(asked: &Output, run: RunRecord, in_place: InPlace<'_>) -> Result<Files, String> {
        let step_summary = asked.github.as_ref().and_then(|github| github.summary.clone());
        let rows = step_summary.as_ref().map(|_| Vec::new());
        let (complaints, warnings) = (Vec::new(), Vec::new());
        let (reports, lane) = (Vec::new(), Lane::new(""));
        let mut files = Files { run, reports, rows, lane, step_summary, complaints, warnings };
        for asked in &asked.reports {
            let name = format!("--report {}={}", asked.kind.as_str(), escape(&asked.path.to_string_lossy()));
            files.add(name, &asked.path, Writer::new(asked.kind), in_place)?;
        }
        if let Some(path) = &asked.failed {
            let name = format!("--failed {}", escape(&path.to_string_lossy()));
            files.add(name, path, Writer::Failed, in_place)?;
        }
        files.each(|report, run| report.begin(run));
        Ok(files)
    }

    /// Whether nobody asked for one.
    pub(super) fn is_empty(&self) -> bool {
        self.reports.is_empty() && self.step_summary.is_none()
    }

    /// Whether somebody wants the results though nobody reads standard output.
    pub(super) fn outlive_stdout(&self) -> bool {
        !self.reports.is_empty()
    }

    /// The name of one that would end in the same file as a picture does.
    pub(super) fn same_as_one_of(&self, drawings: &Drawings) -> Option<&str> {
        let same = self.reports.iter().find(|report| drawings.has_same(&report.file));
        same.map(|report| report.name.as_str())
    }

    fn add(
        &mut self,
        name: String,
        path: &Path,
        writer: Writer,
        in_place: InPlace<'_>,
    ) -> Result<(), String> {
        let file =
            ReportFile::begin(path, in_place).map_err(|error| format!("{name}: {}", reason(&error)))?;
        if let Some(other) = self.reports.iter().find(|other| other.file.is_same_as(&file)) {
            return Err(format!("{name}: {} is written to the same file", other.name));
        }
        if matches!(writer, Writer::Whole(_)) {
            self.rows.get_or_insert_default();
        }
        self.reports.push(Report { name, file, writer });
        Ok(())
    }

    /// One more result, and its entry as a list would have it, where that is known.
    pub(super) fn result(&mut self, record: &Record, again: Option<&str>) {
        self.each(|report, _| report.result(record, again));
        if let Some(rows) = &mut self.rows {
            rows.push(Row::of(record));
            self.lane.add(record);
        }
    }

    /// A batch has ended: what reads along is to see it.
    pub(super) fn flush(&mut self) {
        self.each(|report, _| report.file.flush());
    }

    /// The run has ended; without a summary it was cut, which only the lines of `jsonl` can say.
    pub(super) fn end(&mut self, summary: Option<&SummaryRecord>) {
        let mut rows = self.rows.take().unwrap_or_default();
        rows.sort_by_key(|row| row.urlnum);
        let lane = std::mem::take(&mut self.lane);
        if let (Some(path), Some(summary)) = (self.step_summary.take(), summary) {
            let whole = Whole { run: &self.run, rows: &rows, summary, lane: &lane };
            if let Err(error) = append_page(whole, &path) {
                self.warnings.push(format!("the step summary cannot be written: {}", reason(&error)));
            }
        }
        self.each(|report, run| {
            let whole = summary.map(|summary| Whole { run, rows: &rows, summary, lane: &lane });
            report.end(whole)
        });
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

    /// What else there is to say of them, a sentence each.
    pub(super) fn warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Tells something to each; one that cannot be written is dropped, and nothing of it is left.
    fn each(&mut self, mut tell: impl FnMut(&mut Report, &RunRecord) -> io::Result<()>) {
        let Files { run, reports, complaints, .. } = self;
        reports.retain_mut(|report| match tell(report, run) {
            Ok(()) => true,
            Err(error) => {
                complaints.push(complaint(&report.name, &error));
                false
            }
        });
    }
}

/// Appends the Markdown, as much as there is room for beside what other steps wrote.
fn append_page(whole: Whole<'_>, path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let there = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    file.write_all(markdown::markdown(whole, markdown::MOST_BYTES.saturating_sub(there)).as_bytes())
}

fn complaint(name: &str, error: &io::Error) -> String {
    format!("cannot write {name}: {}", reason(error))
}

impl Writer {
    fn new(kind: ReportKind) -> Writer {
        match kind {
            ReportKind::Json => Writer::Json(Document::default()),
            ReportKind::Jsonl => Writer::Jsonl,
            ReportKind::Junit => Writer::Whole(junit::write),
            ReportKind::Markdown => Writer::Whole(markdown::write),
            ReportKind::Html => Writer::Whole(html::write),
            ReportKind::Prometheus => Writer::Whole(prometheus::write),
        }
    }
}

impl Report {
    fn begin(&mut self, run: &RunRecord) -> io::Result<()> {
        match &self.writer {
            Writer::Json(document) => document.begin(run, &mut self.file),
            Writer::Jsonl => self.file.write_all(&json_line(run)),
            Writer::Failed | Writer::Whole(_) => Ok(()),
        }
    }

    fn result(&mut self, record: &Record, again: Option<&str>) -> io::Result<()> {
        match &mut self.writer {
            Writer::Json(document) => document.result(record, &mut self.file),
            Writer::Jsonl => self.file.write_all(&json_line(record)),
            Writer::Failed => self.file.write_all(failed::entry(record, again).as_bytes()),
            Writer::Whole(_) => Ok(()),
        }
    }

    /// `None` when the run was cut.
    fn end(&mut self, whole: Option<Whole<'_>>) -> io::Result<()> {
        match (&self.writer, whole) {
            (Writer::Json(document), Some(whole)) => document.end(whole.summary, &mut self.file),
            (Writer::Jsonl, Some(whole)) => self.file.write_all(&json_line(whole.summary)),
            (Writer::Whole(write), Some(whole)) => write(whole, &mut self.file),
            (Writer::Jsonl | Writer::Failed, None) | (Writer::Failed, Some(_)) => Ok(()),
            (Writer::Json(_) | Writer::Whole(_), None) => Err(io::Error::other("the run had no end")),
        }
    }
}
