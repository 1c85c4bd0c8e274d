//! Everything that is written of a run besides its two streams: reports, and pictures of its time.
//!
//! Knows that both are made of records, and that a run that is over has them too. Refuses to know what they look like.

use super::file::InPlace;
use super::files::Files;
use super::sinks::About;
use super::timeline::{Drawings, Drawn, Lane};
use crate::config::Output;
use crate::event::{Event, RunInfo, Summary};
use crate::exit::{Told, exit_status};
use crate::record::{Record, RunRecord, SummaryRecord, Tally};

/// The files of a run, and what they need to know of it.
pub(super) struct Reports {
    files: Files,
    drawings: Option<Drawings>,
    /// What the pictures show.
    lane: Lane,
    info: RunInfo,
    tally: Tally,
    allow_empty: bool,
}

impl Reports {
    /// Begins all that was asked for; `None` when nothing was: no record is made then.
    ///
    /// # Errors
    /// A sentence for exit 2, when one cannot be begun.
    pub(super) fn begin(about: &About<'_>, in_place: InPlace<'_>) -> Result<Option<Reports>, String> {
        let run = RunRecord::new(about.info, about.config, about.limits, about.directory.clone());
        let (files, drawings) = begin(&about.config.output, run, in_place)?;
        if files.is_empty() && drawings.is_none() {
            return Ok(None);
        }
        let (info, allow_empty) = (about.info.clone(), about.config.run.allow_empty);
        Ok(Some(Reports { files, drawings, lane: Lane::new(""), info, tally: Tally::default(), allow_empty }))
    }

    pub(super) fn event(&mut self, event: &Event) {
        if let Event::Finished(outcome) = event {
            let record = Record::from_outcome(outcome, &self.info);
            self.tally.add(&record);
            if self.drawings.is_some() {
                self.lane.add(&record);
            }
            self.files.result(&record, outcome.subject.again.as_deref());
        }
    }

    /// A batch has ended: what reads along is to see it.
    pub(super) fn flush(&mut self) {
        self.files.flush();
    }

    /// The run has ended.
    pub(super) fn end(&mut self, summary: &Summary, told: Told) {
        let status = exit_status(summary, told, self.allow_empty);
        let run_id = self.info.run_id.as_str().into();
        self.files.end(Some(&SummaryRecord::new(&run_id, summary, &mut self.tally, status)));
    }

    /// The run broke off.
    pub(super) fn cut(&mut self) {
        self.files.end(None);
    }

    /// The pictures, once all is known that they show; `None` when nobody asked for one.
    pub(super) fn draw(&mut self) -> Option<Drawn> {
        let drawings = self.drawings.take()?;
        Some(drawings.finish(&[std::mem::take(&mut self.lane)]))
    }

    /// Whether somebody wants the results though nobody reads standard output.
    pub(super) fn outlive_stdout(&self) -> bool {
        self.files.outlive_stdout() || self.drawings.is_some()
    }

    /// What else there is to say of them, a sentence each.
    pub(super) fn warnings(&mut self) -> Vec<String> {
        self.files.warnings()
    }

    /// What could not be written since it was asked last, a sentence each.
    pub(super) fn complaints(&mut self) -> Vec<String> {
        self.files.complaints()
    }
}

/// Writes every report and picture that was asked for, of a run that is over.
///
/// # Errors
/// A sentence for exit 2, when one cannot be begun.
pub fn write_again(
    output: &Output,
    run: RunRecord,
    records: &[Record],
    summary: &SummaryRecord,
    in_place: InPlace<'_>,
) -> Result<Drawn, String> {
    // Its step has had its page.
    let output = Output { github: None, ..output.clone() };
    let (mut files, drawings) = begin(&output, run, in_place)?;
    let mut lane = Lane::new("");
    for record in records {
        files.result(record, None);
        if drawings.is_some() {
            lane.add(record);
        }
    }
    files.end(Some(summary));
    let mut drawn = drawings.map(|drawings| drawings.finish(&[lane])).unwrap_or_default();
    drawn.complaints.splice(0..0, files.complaints());
    Ok(drawn)
}

fn begin(
    output: &Output,
    run: RunRecord,
    in_place: InPlace<'_>,
) -> Result<(Files, Option<Drawings>), String> {
    let files = Files::begin(output, run, in_place)?;
    let drawings = Drawings::begin(output, in_place)?;
    match drawings.as_ref().and_then(|drawings| files.same_as_one_of(drawings)) {
        Some(name) => Err(format!("{name}: a timeline is written to the same file")),
        None => Ok((files, drawings)),
    }
}
