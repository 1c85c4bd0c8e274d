//! Runs that are over: their results read again, put together and told once more, or held against each other.
//!
//! Knows records and where they come from. Refuses to fetch: nothing here has a socket.

mod again;
mod diff;
mod differences;
mod document;
mod pairs;
mod reading;

pub use again::report;
pub use diff::diff;

use crate::record::{Record, RunRecord, SummaryRecord};

/// What one file of results holds.
#[derive(Debug)]
struct Results {
    /// As the user named it.
    name: String,
    /// `None` for the bare lines of `--json`.
    run: Option<RunRecord>,
    records: Vec<Record>,
    /// `None` for the bare lines of `--json`, and when the run was cut.
    summary: Option<SummaryRecord>,
    /// What is to be said of it.
    warnings: Vec<String>,
}
