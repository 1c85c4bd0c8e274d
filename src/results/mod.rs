//! Runs that are over: their results read again, put together and told once more, held against each other, or replayed.
//!
//! Knows records and where they come from. Refuses to fetch: nothing here has a socket.

mod again;
mod connecting;
mod diff;
mod differences;
mod document;
mod pairs;
mod reading;
mod replay;

pub use again::report;
pub use diff::diff;
pub use replay::what_if;

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
