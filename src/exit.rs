//! The exit status: a set of outcomes in, one number out.
//!
//! Knows the table and its order, so that neither order nor mode of a run can matter. Refuses to end the process.

use crate::event::{Stop, Summary};

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// 0: every URL passed, soft failures allowed.
    Pass,
    /// 1: a URL failed.
    Failed,
    /// 2: usage or list error.
    Usage,
    /// 3: nothing to fetch.
    Empty,
    /// 4: every URL passed, a gate on the run failed.
    Gate,
    /// 5: a report or body could not be written to its end.
    Write,
    /// 101: a bug of ours.
    Bug,
    /// 124: `--deadline` struck.
    Deadline,
    /// 128 + n: ended by signal n, of which the process then dies.
    Signal(i32),
}

/// SIGPIPE, the signal that a closed standard output stands for.
pub const SIGPIPE: i32 = 13;

impl ExitStatus {
    /// The number a shell sees.
    pub fn code(self) -> u8 {
        match self {
            ExitStatus::Pass => 0,
            ExitStatus::Failed => 1,
            ExitStatus::Usage => 2,
            ExitStatus::Empty => 3,
            ExitStatus::Gate => 4,
            ExitStatus::Write => 5,
            ExitStatus::Bug => 101,
            ExitStatus::Deadline => 124,
            ExitStatus::Signal(signal) => 128_u8.wrapping_add(u8::try_from(signal).unwrap_or(0)),
        }
    }

    /// What a greenfetch that ended by itself with this number said; a number that is not in the table is a bug.
    pub fn from_code(code: u8) -> ExitStatus {
        let by_itself = [
            ExitStatus::Pass,
            ExitStatus::Failed,
            ExitStatus::Usage,
            ExitStatus::Empty,
            ExitStatus::Gate,
            ExitStatus::Write,
            ExitStatus::Deadline,
        ];
        by_itself.into_iter().find(|status| status.code() == code).unwrap_or(ExitStatus::Bug)
    }

    /// The one that counts of several: the first in the table's order that occurs.
    pub fn worst(statuses: impl IntoIterator<Item = ExitStatus>) -> ExitStatus {
        statuses.into_iter().min_by_key(|status| status.rank()).unwrap_or(ExitStatus::Pass)
    }

    fn rank(self) -> u8 {
        match self {
            ExitStatus::Usage => 0,
            ExitStatus::Empty => 1,
            ExitStatus::Signal(_) => 2,
            ExitStatus::Deadline => 3,
            ExitStatus::Bug => 4,
            ExitStatus::Failed => 5,
            ExitStatus::Write => 6,
            ExitStatus::Gate => 7,
            ExitStatus::Pass => 8,
        }
    }
}

/// The table that `greenfetch help exit-codes` prints.
pub const TABLE: &str = "\
  0  every URL passed (soft failures allowed)
  1  a URL failed
  2  usage or list error, a report that cannot be begun: nothing was fetched (but for what standard input had brought before its error)
  3  nothing to fetch: the list or input is empty or all left out (with --allow-empty: 0; an empty shard of a list that is not: 0)
  4  every URL passed, a gate on the run failed; of diff: a regression
  5  a report or body could not be written to its end
101  a bug
124  --deadline struck
129, 130, 141, 143  ended by HUP, INT, PIPE, TERM

Several at once: 2, 3, signals, 124, 101, 1, 5, 4 in this order.
";

/// What the sinks came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// Standard output's reader went away, and nothing else wanted the results.
    pub output_closed: bool,
    /// Something could not be written to its end.
    pub write_failed: bool,
}

/// The status of a run.
pub fn exit_status(summary: &Summary, told: Told, allow_empty: bool) -> ExitStatus {
    if summary.list_error.is_some() {
        return ExitStatus::Usage;
    }
    if summary.taken_up == 0 && summary.list_ended {
        return of_nothing(told, allow_empty || summary.other_shards > 0);
    }
    match summary.stop {
        Some(Stop::Signal(signal)) => return ExitStatus::Signal(signal),
        Some(Stop::OutputClosed) => return ExitStatus::Signal(SIGPIPE),
        _ if told.output_closed => return ExitStatus::Signal(SIGPIPE),
        Some(Stop::Deadline) => return ExitStatus::Deadline,
        Some(Stop::FailFast) | None => {}
    }
    if summary.internal > 0 {
        return ExitStatus::Bug;
    }
    if summary.failed > summary.failed_write || summary.cancelled > 0 {
        return ExitStatus::Failed;
    }
    if told.write_failed || summary.failed_write > 0 {
        return ExitStatus::Write;
    }
    if summary.gates.iter().any(|gate| gate.pass != Some(true)) {
        return ExitStatus::Gate;
    }
    ExitStatus::Pass
}

/// Of a run that had nothing to fetch. Its reports are written all the same; gates have nothing to be about.
fn of_nothing(told: Told, may_be_empty: bool) -> ExitStatus {
    match (may_be_empty, told.write_failed) {
        (false, _) => ExitStatus::Empty,
        (true, true) => ExitStatus::Write,
        (true, false) => ExitStatus::Pass,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;

    fn ended(change: impl FnOnce(&mut Summary)) -> Summary {
        let mut summary = Summary { taken_up: 3, passed: 3, list_ended: true, ..Summary::default() };
        change(&mut summary);
        summary
    }

    fn status(change: impl FnOnce(&mut Summary)) -> u8 {
        exit_status(&ended(change), Told::default(), false).code()
    }

    #[test]
    fn each_row_of_the_table() {
        assert_eq!(status(|_| {}), 0);
        assert_eq!(status(|s| s.soft = 1), 0);
        assert_eq!(status(|s| s.failed = 1), 1);
        assert_eq!(status(|s| s.list_error = Some(String::new())), 2);
        assert_eq!(status(|s| s.taken_up = 0), 3);
        assert_eq!(status(|s| (s.failed, s.failed_write) = (1, 1)), 5);
        assert_eq!(status(|s| (s.failed, s.internal) = (1, 1)), 101);
        assert_eq!(status(|s| s.stop = Some(Stop::Deadline)), 124);
        assert_eq!(status(|s| s.stop = Some(Stop::Signal(2))), 130);
        assert_eq!(status(|s| s.stop = Some(Stop::OutputClosed)), 141);
        assert_eq!(exit_status(&ended(|s| s.taken_up = 0), Told::default(), true).code(), 0);
        let told = Told { write_failed: true, ..Told::default() };
        assert_eq!(exit_status(&ended(|_| {}), told, false).code(), 5);
        assert_eq!(exit_status(&ended(|s| s.taken_up = 0), told, true).code(), 5);
        assert_eq!(exit_status(&ended(|s| (s.taken_up, s.other_shards) = (0, 1)), told, false).code(), 5);
        assert_eq!(exit_status(&ended(|s| s.taken_up = 0), told, false).code(), 3);
        for (pass, expected) in [(Some(true), 0), (Some(false), 4), (None, 4)] {
            assert_eq!(status(|s| s.gates = vec![gate(Some(true)), gate(pass)]), expected);
        }
    }

    fn gate(pass: Option<bool>) -> Verdict {
        Verdict { check: "p95<1s".into(), expected: "below 1 s".into(), actual: None, pass }
    }

    #[test]
    fn several_at_once_come_in_the_tables_order() {
        assert_eq!(status(|s| (s.list_error, s.failed) = (Some(String::new()), 1)), 2);
        assert_eq!(status(|s| (s.stop, s.failed) = (Some(Stop::Signal(15)), 1)), 143);
        assert_eq!(status(|s| (s.stop, s.internal) = (Some(Stop::Deadline), 1)), 124);
        assert_eq!(status(|s| (s.internal, s.failed) = (1, 2)), 101);
        assert_eq!(status(|s| (s.failed, s.failed_write) = (2, 1)), 1);
        assert_eq!(status(|s| (s.failed, s.gates) = (1, vec![gate(Some(false))])), 1);
        let write_failed = ended(|s| (s.failed, s.failed_write, s.gates) = (1, 1, vec![gate(None)]));
        assert_eq!(exit_status(&write_failed, Told::default(), false).code(), 5);
        assert_eq!(status(|s| (s.stop, s.failed, s.cancelled) = (Some(Stop::FailFast), 1, 2)), 1);
    }

    #[test]
    fn the_worst_of_several_runs_is_the_first_of_the_tables_order() {
        let worst = |codes: &[u8]| ExitStatus::worst(codes.iter().copied().map(ExitStatus::from_code)).code();
        for (codes, expected) in [
            (&[][..], 0),
            (&[0, 0], 0),
            (&[0, 4], 4),
            (&[4, 5, 0], 5),
            (&[5, 1], 1),
            (&[1, 101], 101),
            (&[101, 124, 1], 124),
            (&[124, 3], 3),
            (&[3, 2, 124], 2),
            (&[0, 77], 101),
        ] {
            assert_eq!(worst(codes), expected, "{codes:?}");
        }
        assert_eq!(ExitStatus::worst([ExitStatus::Deadline, ExitStatus::Signal(2)]), ExitStatus::Signal(2));
    }
}
