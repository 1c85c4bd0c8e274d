//! `demo --many`: so many URLs parked at once on one worker, and what that takes.
//!
//! Knows the gate at which they meet and the figures that are worth a line. Refuses to begin what the machine's limits
//! do not allow: fewer URLs would never open the gate.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use url::Url;

use super::usage::Usage;
use super::{Child, Shown};
use crate::config::{Concurrency, Config, Limits, Mode};
use crate::engine::{Batches, Engine, Message, Orders, Parts};
use crate::event::{Event, RunInfo, Stop, Summary};
use crate::exit::{Told, exit_status};
use crate::http::Client;
use crate::list::Credits;
use crate::plan::{Listed, Planner, Portion};
use crate::record;
use crate::report;
use crate::request::Location;
use crate::runtime::{Runtime, limits};
use crate::schedule::Schedule;
use crate::signal;

/// Descriptors that we need beside those of any run: the pipes to the origin.
const PIPES: u64 = 2;

/// What a run of so many came to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Crowd {
    counts: Summary,
    /// What went wrong first; `None` when nothing did.
    trouble: Option<String>,
    before: Usage,
    /// When the first answer was there, which is when all were parked.
    parked: Usage,
    after: Usage,
}

/// Fetches `n` URLs that are answered only once all of them wait, and shows what they took together. What they wait for is
/// told on standard error when a signal asks for it or for the end, as by a run.
///
/// # Errors
/// Why it cannot be done here: exit 2, and nothing was fetched.
pub fn many(n: u32, stderr: &mut dyn Write) -> Result<Shown, String> {
    check(n)?;
    let origin = Child::start().map_err(|error| error.to_string())?;
    let crowd = gather(n, origin.addr(), stderr)?;
    Ok(shown(n, &crowd))
}

/// Refuses what descriptors, maps or ports would not suffice for. The origin is a child with the same limits and needs
/// no more of anything.
fn check(n: u32) -> Result<(), String> {
    let jobs = limits::most_jobs(Mode::Coroutines, 1).map(|(most, why)| (most.saturating_sub(PIPES), why));
    let tightest = [jobs, limits::most_ports()].into_iter().flatten().min_by_key(|(most, _)| *most);
    match tightest {
        Some((most, why)) if most < u64::from(n) => Err(format!("{most} are the most here: {why}")),
        _ => Ok(()),
    }
}

/// Nobody is late: the origin sends everybody home who has waited for too long.
fn config(n: u32) -> Config {
    Config {
        concurrency: Concurrency { jobs: n, mode: Mode::Coroutines, ..Concurrency::default() },
        limits: Limits { connect_timeout: None, max_time: None, stall: None, ..Limits::default() },
        ..Config::default()
    }
}

fn gather(n: u32, origin: SocketAddr, stderr: &mut dyn Write) -> Result<Crowd, String> {
    let sentence = |error: std::io::Error| error.to_string();
    let before = Usage::now().map_err(sentence)?;
    let config = config(n);
    let runtime = Runtime::start(Mode::Coroutines, n).map_err(sentence)?;
    let client = Client::new(&config, &runtime)?;
    let info = RunInfo {
        run_id: record::run_id(),
        mode: Mode::Coroutines,
        started: Instant::now(),
        started_at: record::wall_now(),
        entries: Some(n.into()),
    };
    // One that fails keeps the gate closed for all.
    let orders = Orders { fail_fast: true, ..Orders::default() };
    let schedule = Schedule::new(&config.concurrency);
    let credits = Arc::new(Credits::new());
    let Parts { root, sender, batches, queue, view } =
        Engine::assemble(&runtime, Arc::new(client), schedule, credits, orders, info);
    sender.send(Message::Listed(requests(n, origin, &Planner::new(&config))?));
    sender.send(Message::EndOfList(None));
    signal::forward(sender.clone(), view, queue, || ()).map_err(sentence)?;
    runtime.start_root(move || root.run(std::iter::empty())).map_err(sentence)?;
    watch(batches, before, stderr, || sender.send(Message::Stop(Stop::FailFast))).map_err(sentence)
}

fn requests(n: u32, origin: SocketAddr, planner: &Planner) -> Result<Vec<Portion>, String> {
    let text = format!("http://{origin}/gate/{n}");
    let url = Url::parse(&text).map_err(|error| format!("{text}: {error}"))?;
    let source: Arc<str> = "demo".into();
    let request = |line| {
        let location = Location { source: Arc::clone(&source), line };
        Listed::Request(planner.plan_bare(u64::from(line) - 1, location, url.clone())).into()
    };
    Ok((1..=n).map(request).collect())
}

/// Follows the run to its end. A machine that gives less than its limits say ends it: the gate would stay closed.
fn watch(batches: Batches, before: Usage, stderr: &mut dyn Write, stop: impl Fn()) -> std::io::Result<Crowd> {
    let (mut parked, mut trouble, mut counts) = (None, None, Summary::default());
    for event in batches.flatten() {
        match event {
            Event::Finished(outcome) => {
                if parked.is_none() {
                    parked = Some(Usage::now()?);
                }
                trouble = trouble.or_else(|| outcome.failure().map(ToString::to_string));
            }
            Event::Warning(warning) => {
                trouble.get_or_insert(warning);
                stop();
            }
            // Nothing is left to say it to when this fails.
            Event::Parked(table) => _ = stderr.write_all(&report::parked(&table)),
            Event::RunFinished(summary) => counts = summary,
            _ => {}
        }
    }
    let after = Usage::now()?;
    Ok(Crowd { counts, trouble, before, parked: parked.unwrap_or(after), after })
}

fn shown(n: u32, crowd: &Crowd) -> Shown {
    let Crowd { counts, before, parked, after, .. } = crowd;
    let status = exit_status(counts, Told::default(), false);
    if let Some(complaint) = complaint(n, crowd) {
        return Shown { text: String::new(), complaint: Some(complaint), status };
    }
    let each = after.peak.saturating_sub(before.resident) / u64::from(n);
    let text = format!(
        "{} URLs in flight at once: the origin answered none of them before it had them all.\n\
         1 worker, {} threads in the whole process, {:.2} s from the first start to the last answer.\n\
         {} of memory for each URL: {} at the peak, {} before.\n",
        counts.most_in_flight,
        parked.threads,
        round(counts.wall),
        bytes(each),
        bytes(after.peak),
        bytes(before.resident),
    );
    Shown { text, complaint: None, status }
}

/// Why there is nothing to show; `None` when there is. What a signal cancelled is no trouble of its own.
fn complaint(n: u32, crowd: &Crowd) -> Option<String> {
    let Crowd { counts: Summary { passed, most_in_flight, stop, .. }, trouble, .. } = crowd;
    if let Some(Stop::Signal(number)) = stop {
        let name = report::signal_name(*number);
        return Some(format!(
            "stopped by {name}: {passed} of {n} passed, at most {most_in_flight} were in flight at once"
        ));
    }
    trouble.as_ref().map(|trouble| format!("{passed} of {n} passed: {trouble}"))
}

fn round(time: Duration) -> f64 {
    (time.as_secs_f64() * 100.0).round() / 100.0
}

/// With three digits where it matters, in the units that `ls --si` has.
#[expect(clippy::cast_precision_loss, reason = "a figure of three digits")]
fn bytes(n: u64) -> String {
    match n {
        0..100_000 => format!("{:.1} kB", n as f64 / 1e3),
        100_000..1_000_000 => format!("{:.0} kB", n as f64 / 1e3),
        1_000_000..100_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.0} MB", n as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::ExitStatus;

    fn crowd(trouble: Option<&str>, counts: Summary) -> Crowd {
        let usage = |peak, threads| Usage { resident: 4_000_000, peak, threads };
        Crowd {
            counts: Summary { taken_up: 10_000, list_ended: true, ..counts },
            trouble: trouble.map(str::to_owned),
            before: usage(4_000_000, 1),
            parked: usage(200_000_000, 7),
            after: usage(204_000_000, 6),
        }
    }

    #[test]
    fn three_lines_say_how_many_by_what_and_at_what_price() {
        let wall = Duration::from_millis(1_234);
        let counts = Summary { passed: 10_000, most_in_flight: 10_000, wall, ..Summary::default() };
        let expected = "\
10000 URLs in flight at once: the origin answered none of them before it had them all.
1 worker, 7 threads in the whole process, 1.23 s from the first start to the last answer.
20.0 kB of memory for each URL: 204 MB at the peak, 4.0 MB before.
";
        let shown = shown(10_000, &crowd(None, counts));
        assert_eq!((&*shown.text, shown.complaint, shown.status), (expected, None, ExitStatus::Pass));
    }

    #[test]
    fn what_went_wrong_first_is_said_and_nothing_is_claimed() {
        let counts = Summary { failed: 1, cancelled: 9_999, ..Summary::default() };
        let shown = shown(10_000, &crowd(Some("connect (connect): refused"), counts));
        let complaint = "0 of 10000 passed: connect (connect): refused".to_owned();
        assert_eq!((&*shown.text, shown.complaint, shown.status), ("", Some(complaint), ExitStatus::Failed));
    }

    #[test]
    fn a_signal_is_told_before_what_it_cancelled() {
        let stop = Some(Stop::Signal(2));
        let counts = Summary { cancelled: 9_999, passed: 1, most_in_flight: 7, stop, ..Summary::default() };
        let shown = shown(10_000, &crowd(Some("cancelled (wait): SIGINT"), counts));
        let complaint = "stopped by SIGINT: 1 of 10000 passed, at most 7 were in flight at once".to_owned();
        let status = ExitStatus::Signal(2);
        assert_eq!((&*shown.text, shown.complaint, shown.status), ("", Some(complaint), status));
    }

    #[test]
    fn what_the_machine_does_not_allow_is_refused_with_the_reason() {
        assert_eq!(check(1), Ok(()));
        let refusal = check(u32::MAX).unwrap_err();
        assert!(refusal.contains(" are the most here: ") && refusal.contains(" is "), "{refusal}");
    }

    #[test]
    fn memory_has_three_digits() {
        let told = [0, 14_321, 123_456, 4_321_000, 1_043_210_000].map(bytes);
        assert_eq!(told, ["0.0 kB", "14.3 kB", "123 kB", "4.3 MB", "1043 MB"]);
    }
}
