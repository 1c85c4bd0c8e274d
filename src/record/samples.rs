//! Outcomes for the tests of all that tells of them.
//!
//! Knows one run that began at ten seconds past 1970. Refuses to be in the product.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, UNIX_EPOCH};

use crate::config::Mode;
use crate::event::RunInfo;
use crate::outcome::{Attempt, Failure, Outcome, Phase};
use crate::request::{Location, Method, Subject};
use crate::response::{HttpVersion, Response, Timings};

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A moment of the run, in milliseconds.
pub(crate) fn at(millis: u64) -> Instant {
    *BEGAN + Duration::from_millis(millis)
}

/// The run.
pub(crate) fn run() -> RunInfo {
    RunInfo {
        run_id: "00112233aabbccdd".to_owned(),
        mode: Mode::Coroutines,
        started: *BEGAN,
        started_at: UNIX_EPOCH + Duration::from_secs(10),
        entries: Some(2),
    }
}

/// Line N of the list asks for `/N`.
pub(crate) fn subject(line: u32) -> Arc<Subject> {
    Arc::new(Subject {
        urlnum: u64::from(line) - 1,
        location: Location { source: "urls.txt".into(), line },
        listed: format!("http://a.example/{line}"),
        leads_to: None,
        name: None,
        tags: Arc::default(),
        method: Method::GET,
        host: "a.example".into(),
        soft: false,
        curl: None,
        again: None,
    })
}

/// An attempt on a connection that was reused; half of its time it waits, half of it receives.
pub(crate) fn attempt(started: Instant, millis: u64) -> Attempt {
    let total = Duration::from_millis(millis);
    let mut timings = Timings {
        queue: Duration::from_millis(250),
        pretransfer: Some(Duration::from_millis(20)),
        starttransfer: Some(total / 2),
        total,
        ..Timings::default()
    };
    timings.namelookup = Some(Duration::ZERO);
    timings.pretransfer = timings.pretransfer.min(timings.starttransfer);
    timings.phases.add(Phase::Wait, total / 2);
    timings.phases.add(Phase::Receive, total / 2);
    Attempt {
        started,
        timings,
        wait_before: Duration::ZERO,
        response: Response::default(),
        verdicts: Vec::new(),
        failure: None,
        is_lost: false,
    }
}

/// Line N passed with so many bytes, from 0.5 s to 0.75 s.
pub(crate) fn passed(line: u32, bytes: u64) -> Outcome {
    let mut attempt = attempt(at(500), 250);
    attempt.response.status = Some(200);
    attempt.response.version = Some(HttpVersion::Http11);
    attempt.response.size_delivered = bytes;
    Outcome::new(subject(line), vec![attempt])
}

/// Line N failed, from 0.5 s to 0.51 s.
pub(crate) fn outcome(line: u32, failure: Failure) -> Outcome {
    let mut attempt = attempt(at(500), 10);
    attempt.failure = Some(failure);
    Outcome::new(subject(line), vec![attempt])
}
