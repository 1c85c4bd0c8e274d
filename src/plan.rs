//! Entry + configuration → request: defaults, headers, credentials (pure).
//!
//! Knows how what a line says and what the command line says combine. Refuses to read lists (`list`) and to send
//! anything (`http`).

use std::sync::Arc;

use crate::outcome::Failure;
use crate::request::{Request, Subject};

/// What one list entry came to before anything was sent: the engine takes these up.
#[derive(Debug, Clone)]
pub enum Listed {
    /// Something to fetch.
    Request(Arc<Request>),
    /// A line that cannot be fetched: one failed record, the rest goes on.
    Rejected(Arc<Subject>, Failure),
}
