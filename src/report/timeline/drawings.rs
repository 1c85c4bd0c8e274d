//! The pictures of `--timeline`: the lanes of a run on their way to files and to a terminal.
//!
//! Knows which forms were asked for. Refuses to draw, and to know how a file becomes whole (`file`).

use std::io::Write;
use std::path::Path;

use super::Lane;
use crate::config::{Output, TimelineTo};
use crate::report::file::reason;
use crate::report::file::{InPlace, ReportFile};
use crate::sanitize::escape;

/// Columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;

/// All pictures that were asked for, begun.
pub struct Drawings {
    files: Vec<(TimelineTo, ReportFile)>,
    on_terminal: bool,
    columns: usize,
    is_ascii: bool,
}

/// What the pictures came to.
#[derive(Debug, Default)]
pub struct Drawn {
    /// Lines for the terminal; `None` when nobody asked for them.
    pub text: Option<String>,
    /// What could not be written, a sentence each.
    pub complaints: Vec<String>,
}

impl Drawings {
    /// Begins all of them, so that what cannot be written is known before anything is fetched. `None` when nobody asks
    /// for one.
    ///
    /// # Errors
    /// A sentence for exit 2, with the name of the one at fault.
    pub fn begin(output: &Output, in_place: InPlace<'_>) -> Result<Option<Drawings>, String> {
        if output.timelines.is_empty() {
            return Ok(None);
        }
        let on_terminal = output.timelines.contains(&TimelineTo::Terminal);
        let mut files: Vec<(TimelineTo, ReportFile)> = Vec::new();
        for to in &output.timelines {
            let Some(path) = to.path() else { continue };
            let file = ReportFile::begin(path, in_place)
                .map_err(|error| format!("--timeline {}: {}", shown(path), reason(&error)))?;
            if files.iter().any(|(_, other)| other.is_same_as(&file)) {
                return Err(format!("--timeline {}: another one is written to the same file", shown(path)));
            }
            files.push((to.clone(), file));
        }
        let columns = output.columns.unwrap_or(COLUMNS);
        Ok(Some(Drawings { files, on_terminal, columns, is_ascii: output.ascii }))
    }

    /// Whether one of them ends in this file.
    pub(in crate::report) fn has_same(&self, file: &ReportFile) -> bool {
        self.files.iter().any(|(_, other)| other.is_same_as(file))
    }

    /// Draws and writes all of them.
    pub fn finish(self, lanes: &[Lane]) -> Drawn {
        let mut complaints = Vec::new();
        for (to, mut file) in self.files {
            let picture = match &to {
                TimelineTo::Html(_) => super::html(lanes),
                _ => super::svg(lanes),
            };
            if let Err(error) = file.write_all(picture.as_bytes()).and_then(|()| file.finish()) {
                let name = to.path().map(shown).unwrap_or_default();
                complaints.push(format!("cannot write the timeline {name}: {}", reason(&error)));
            }
        }
        let text = self.on_terminal.then(|| super::text(lanes, self.columns, self.is_ascii));
        Drawn { text, complaints }
    }
}

fn shown(path: &Path) -> String {
    escape(&path.to_string_lossy()).into_owned()
}
