//! What is expected of an answer, and whether it holds (pure).
//!
//! Knows the default expectation. Refuses to know how the answer came.

use crate::outcome::{Class, Failure, Phase};
use crate::response::Response;

/// How one expectation was judged, or that it was not. Texts may quote bytes from outside: escape before showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The expectation as it was written, secrets masked: `bytes>=500`.
    pub check: Box<str>,
    /// What was asked for: `at least 500 bytes`.
    pub expected: Box<str>,
    /// What was seen, shortened; `None` where nothing was.
    pub actual: Option<Box<str>>,
    /// `None` when it was not evaluated, which is never a pass: the transfer failed, or there was too much to keep.
    pub pass: Option<bool>,
}

/// Judges an answer that came whole: the status is below 400.
///
/// # Errors
/// `status` with what was expected and what came.
pub fn judge(response: &Response) -> Result<(), Failure> {
    match response.status {
        Some(status) if status < 400 => Ok(()),
        Some(status) => Err(Failure::new(
            Class::Status,
            Phase::Check,
            format!("expected a status below 400, got {status}"),
        )),
        None => Err(Failure::new(Class::Internal, Phase::Check, "an answer without a status")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_below_400_passes() {
        let judged = |status| judge(&Response { status: Some(status), ..Response::default() });
        for status in [200, 204, 301, 304, 399] {
            assert_eq!(judged(status), Ok(()), "{status}");
        }
        for status in [400, 404, 500, 599, 600, 999] {
            assert_eq!(judged(status).map_err(|failure| failure.class), Err(Class::Status), "{status}");
        }
    }
}
