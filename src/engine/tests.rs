//! The loop with a table of answers in place of the network, in every mode: what is tried again, when, and what is told.
//!
//! Knows events and the order they come in. Refuses to measure: what must come first is waited for.

use std::collections::HashMap;
use std::panic;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::*;
use crate::config::{Concurrency, Mode};
use crate::event::Scribe;
use crate::http::Tracer;
use crate::request::{RetryMaxTime, RetryPolicy};
use crate::schedule::samples::request_with;

const MODES: [Mode; 3] = [Mode::Sync, Mode::Threads, Mode::Coroutines];

/// So long that nobody in a test waits for its end.
const FOR_EVER: Duration = Duration::from_secs(3600);

/// After this whoever waits in a test has waited in vain.
const PATIENCE: Duration = Duration::from_secs(20);

/// What an attempt comes to.
#[derive(Clone, Copy)]
enum Answer {
    Bytes(u64),
    /// The same after a wait, during which the loop waits too.
    Slow(u64),
    Status(u16),
    /// A status with a `Retry-After`.
    Busy(u16, &'static str),
    /// So many bytes of a body, and then the end of the connection.
    Cut(u64),
    /// Nothing, until the run is stopped.
    Silence,
    Panic,
}

/// Host to answers: the n-th attempt gets the n-th, the last one repeats.
struct Table {
    answers: HashMap<&'static str, Vec<Answer>>,
    asked: Mutex<HashMap<String, Vec<Option<Duration>>>>,
    changed: Condvar,
}

impl Table {
    fn new(rows: &[(&'static str, &[Answer])]) -> Arc<Table> {
        let answers = rows.iter().map(|(host, answers)| (*host, answers.to_vec())).collect();
        Arc::new(Table { answers, asked: Mutex::default(), changed: Condvar::new() })
    }

    fn asked(&self) -> MutexGuard<'_, HashMap<String, Vec<Option<Duration>>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn times(&self, host: &str) -> usize {
        self.asked().get(host).map_or(0, Vec::len)
    }

    /// Waits, on a thread of the test's own, until a host was asked so often.
    fn wait_for(&self, host: &str, times: usize) {
        let is_early = |asked: &mut HashMap<String, Vec<_>>| asked.get(host).map_or(0, Vec::len) < times;
        let waited = self.changed.wait_timeout_while(self.asked(), PATIENCE, is_early);
        let (asked, result) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(asked);
        assert!(!result.timed_out(), "{host} was not asked {times} times");
    }
}

impl Fetch for Table {
    fn fetch(&self, request: &Request, slot: &Arc<Slot>, tracer: Tracer) -> Box<Attempt> {
        let mut attempt = Attempt::begin_boxed(Instant::now());
        let host = &*request.subject.host;
        let n = {
            let mut asked = self.asked();
            let limits = asked.entry(host.to_owned()).or_default();
            limits.push(request.limits.max_time);
            limits.len() - 1
        };
        self.changed.notify_all();
        let answers = &self.answers[host];
        let status = |status: u16| Failure::new(Class::Status, Phase::Check, status.to_string());
        let response = &mut attempt.response;
        attempt.failure = match answers[n.min(answers.len() - 1)] {
            Answer::Bytes(bytes) => {
                (response.status, response.size_delivered) = (Some(200), bytes);
                None
            }
            Answer::Slow(bytes) => {
                slot.park(Some(Instant::now() + 5 * MILLI));
                (response.status, response.size_delivered) = (Some(200), bytes);
                None
            }
            Answer::Status(code) => {
                response.status = Some(code);
                Some(status(code))
            }
            Answer::Busy(code, retry_after) => {
                (response.status, response.retry_after) = (Some(code), Some(retry_after.into()));
                Some(status(code))
            }
            Answer::Cut(bytes) => {
                (response.status, response.size_delivered) = (Some(200), bytes);
                Some(Failure::new(Class::Closed, Phase::Receive, "cut"))
            }
            Answer::Silence => {
                while slot.park(None) != crate::runtime::Wake::Stopped {}
                Some(Failure::new(Class::Cancelled, Phase::Wait, "stopped"))
            }
            Answer::Panic => panic!("made up"),
        };
        attempt.timings.total = attempt.started.elapsed();
        tracer.into_iter().for_each(|tracer| tracer(Trace::Wire("the end".to_owned())));
        attempt
    }
}

fn policy(retries: u32, delay: Duration) -> RetryPolicy {
    let max_time = RetryMaxTime::Given(None);
    RetryPolicy { retries, delay: Some(delay), max_time, ..RetryPolicy::default() }
}

/// A run that is told of when it is over.
struct Run {
    mode: Mode,
    jobs: u32,
    fail_fast: bool,
    verbose: bool,
    table: Arc<Table>,
    requests: Vec<Arc<Request>>,
    scribe: Option<Box<dyn Scribe>>,
}

impl Run {
    fn new(mode: Mode, table: &Arc<Table>) -> Run {
        let (table, requests) = (Arc::clone(table), Vec::new());
        Run { mode, jobs: 1, fail_fast: false, verbose: false, table, requests, scribe: None }
    }

    fn jobs(mut self, jobs: u32) -> Run {
        // One after another stays what it is.
        self.jobs = if self.mode == Mode::Sync { 1 } else { jobs };
        self
    }

    fn fail_fast(mut self) -> Run {
        self.fail_fast = true;
        self
    }

    fn ask(self, host: &str, policy: RetryPolicy) -> Run {
        self.ask_with(host, |request| request.retry = policy.into())
    }

    fn ask_with(mut self, host: &str, change: impl FnOnce(&mut Request)) -> Run {
        self.requests.push(request_with(self.requests.len() as u64, host, change));
        self
    }

    /// Starts it; everything it tells comes from the iterator. A run that does not end is stopped, and tells another
    /// story than the one expected.
    fn start(self) -> (Sender<Message>, impl Iterator<Item = Vec<Event>>) {
        let runtime = Runtime::start(self.mode, 64).unwrap();
        let concurrency = Concurrency {
            jobs: self.jobs,
            per_host: None,
            per_host_given: false,
            start_interval: None,
            processes: 1,
            mode: self.mode,
        };
        let (fail_fast, verbose) = (self.fail_fast, self.verbose);
        let orders = Orders { fail_fast, verbose, starts: true, ..Orders::default() };
        let info = RunInfo { started: Instant::now(), ..crate::record::samples::run() };
        let schedule = Schedule::new(&concurrency);
        let credits = Arc::new(Credits::new());
        let fetch: Arc<dyn Fetch> = self.table;
        let Parts { mut root, sender, batches, .. } =
            Engine::assemble(&runtime, fetch, schedule, credits, orders, info);
        sender.send(Message::Listed(
            self.requests.into_iter().map(|request| crate::plan::Listed::Request(request).into()).collect(),
        ));
        sender.send(Message::EndOfList(None));
        self.scribe.into_iter().for_each(|scribe| root.employ(scribe));
        runtime.start_root(move || root.run(std::iter::empty())).unwrap();
        let (watched, watchdog) = mpsc::channel::<()>();
        let for_watchdog = sender.clone();
        std::thread::spawn(move || {
            if watchdog.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                for_watchdog.send(Message::Stop(Stop::Signal(9)));
            }
        });
        (sender, batches.inspect(move |_| _ = &watched))
    }

    fn events(self) -> Vec<Event> {
        self.start().1.flatten().collect()
    }
}

/// What happened, in short: `+0` started, `0 the end` on its way, `~0` tried again, `=0 pass` over.
fn story(events: &[Event]) -> Vec<String> {
    let tell = |event: &Event| match event {
        Event::Started(subject) => Some(format!("+{}", subject.urlnum)),
        Event::Trace(subject, Trace::Wire(line)) => Some(format!("{} {line}", subject.urlnum)),
        Event::Retrying { subject, .. } => Some(format!("~{}", subject.urlnum)),
        Event::Finished(outcome) => Some(format!("={} {}", outcome.subject.urlnum, outcome.kind.as_str())),
        _ => None,
    };
    events.iter().filter_map(tell).collect()
}

fn outcomes(events: &[Event]) -> Vec<&Outcome> {
    let mut outcomes: Vec<&Outcome> = Vec::new();
    for event in events {
        if let Event::Finished(outcome) = event {
            outcomes.push(outcome);
        }
    }
    outcomes.sort_by_key(|outcome| outcome.subject.urlnum);
    outcomes
}

fn summary(events: &[Event]) -> &Summary {
    match events.last() {
        Some(Event::RunFinished(summary)) => summary,
        other => panic!("the run's end is not the last event but {other:?}"),
    }
}

const MILLI: Duration = Duration::from_millis(1);

#[test]
fn what_fails_and_then_passes_is_a_pass_with_all_its_attempts() {
    for mode in MODES {
        let table = Table::new(&[("a", &[Answer::Cut(999), Answer::Status(503), Answer::Bytes(5)])]);
        let events = Run::new(mode, &table).ask("a", policy(3, MILLI)).events();
        assert_eq!(story(&events), ["+0", "~0", "+0", "~0", "+0", "=0 pass"], "{mode:?}");
        let outcome = outcomes(&events)[0];
        assert_eq!(outcome.attempts.len(), 3);
        assert_eq!(outcome.last().response.size_delivered, 5, "nothing of the first try is left");
        let waits: Vec<_> = outcome.attempts.iter().map(|attempt| attempt.wait_before).collect();
        assert!(waits[0].is_zero() && waits[1] >= MILLI && waits[2] >= MILLI, "{waits:?}");
        assert!(outcome.attempts[1..].iter().all(|attempt| attempt.timings.queue.is_zero()));
        assert_eq!((summary(&events).passed, summary(&events).failed), (1, 0));
    }
}

#[test]
fn what_keeps_failing_fails_once_after_so_many_tries() {
    for mode in MODES {
        let table = Table::new(&[("a", &[Answer::Status(500)]), ("b", &[Answer::Status(404)])]);
        let events = Run::new(mode, &table).ask("a", policy(2, MILLI)).ask("b", policy(2, MILLI)).events();
        assert_eq!((table.times("a"), table.times("b")), (3, 1), "{mode:?}");
        assert_eq!((summary(&events).taken_up, summary(&events).failed), (2, 2));
        assert_eq!(outcomes(&events).iter().map(|o| o.attempts.len()).collect::<Vec<_>>(), [3, 1]);
    }
}

/// The first one's wait is never over: the second passes all the same, on the only slot, and then the run is stopped.
#[test]
fn a_sleeper_holds_no_slot_and_is_cancelled_in_its_back_off() {
    for mode in MODES {
        let table = Table::new(&[("a", &[Answer::Status(503)]), ("b", &[Answer::Bytes(5)])]);
        let run = Run::new(mode, &table).ask("a", policy(1, FOR_EVER)).ask("b", policy(1, FOR_EVER));
        let (sender, batches) = run.start();
        table.wait_for("b", 1);
        let mut events = Vec::new();
        for batch in batches {
            events.extend(batch);
            if story(&events).contains(&"=1 pass".to_owned()) {
                sender.send(Message::Stop(Stop::Signal(2)));
            }
        }
        assert_eq!(story(&events), ["+0", "~0", "+1", "=1 pass", "=0 cancelled"], "{mode:?}");
        let failure = outcomes(&events)[0].failure().unwrap();
        assert_eq!(failure.to_string(), "cancelled (backoff): interrupted");
        assert_eq!(crate::record::tries(outcomes(&events)[0]), 1);
        assert_eq!(table.times("a"), 1);
    }
}

/// Nothing else is left that could wake the loop.
#[test]
fn the_last_sleeper_wakes_by_itself() {
    for mode in MODES {
        let table = Table::new(&[("a", &[Answer::Status(503), Answer::Bytes(1)])]);
        let events = Run::new(mode, &table).jobs(8).ask("a", policy(1, 20 * MILLI)).events();
        assert_eq!(story(&events).last().map(String::as_str), Some("=0 pass"), "{mode:?}");
        assert!(summary(&events).limiters.backoff >= 10 * MILLI, "{:?}", summary(&events).limiters);
    }
}

#[test]
fn a_busy_host_is_left_alone_by_all_its_urls_and_others_go_on() {
    for mode in MODES {
        let table = Table::new(&[("a", &[Answer::Busy(429, "3600")]), ("b", &[Answer::Bytes(1)])]);
        let run = ["a", "a", "b", "a"].iter();
        let run = run.fold(Run::new(mode, &table), |run, host| run.ask(host, policy(1, MILLI)));
        let (sender, batches) = run.start();
        let mut events = Vec::new();
        for batch in batches {
            events.extend(batch);
            if story(&events).contains(&"=2 pass".to_owned()) {
                sender.send(Message::Stop(Stop::Signal(2)));
            }
        }
        assert_eq!(table.times("a"), 1, "{mode:?}: {:?}", story(&events));
        let phases: Vec<_> = outcomes(&events).iter().filter_map(|o| o.failure()).map(|f| f.phase).collect();
        assert_eq!(phases, [Phase::Backoff, Phase::Queue, Phase::Queue]);
    }
}

#[test]
fn a_wait_past_the_limit_ends_it_at_once_with_its_status() {
    for mode in MODES {
        let table = Table::new(&[("a", &[Answer::Busy(503, "3600"), Answer::Bytes(1)])]);
        let limited = RetryPolicy { max_time: RetryMaxTime::Given(Some(PATIENCE)), ..policy(3, MILLI) };
        let events = Run::new(mode, &table).ask("a", limited).events();
        assert_eq!(story(&events), ["+0", "=0 fail"], "{mode:?}");
        let failure = outcomes(&events)[0].failure().unwrap();
        let expected =
            "status (check): 503; Retry-After: 3600 is longer than may be waited (--retry-max-time)";
        assert_eq!(failure.to_string(), expected);
    }
}

#[test]
fn no_try_has_more_time_than_is_left_for_all() {
    for mode in MODES {
        let table = Table::new(&[("a", &[Answer::Status(500)])]);
        let second = Duration::from_secs(1);
        for (max_time, limit, first) in [
            (Some(60 * second), RetryMaxTime::Given(Some(30 * second)), Some(30 * second)),
            (None, RetryMaxTime::Given(Some(30 * second)), Some(30 * second)),
            (Some(20 * second), RetryMaxTime::Given(Some(30 * second)), Some(20 * second)),
            (Some(20 * second), RetryMaxTime::Given(None), Some(20 * second)),
            (Some(20 * second), RetryMaxTime::AllTries, Some(20 * second)),
            (None, RetryMaxTime::AllTries, None),
        ] {
            table.asked().clear();
            let run = Run::new(mode, &table).ask_with("a", |request| {
                request.limits.max_time = max_time;
                request.retry = RetryPolicy { max_time: limit, ..policy(1, MILLI) }.into();
            });
            run.events();
            let limits = table.asked()["a"].clone();
            assert_eq!(limits[0], first, "{mode:?} {max_time:?} {limit:?}");
            let shrinks = limit == RetryMaxTime::Given(Some(30 * second)) && first == Some(30 * second);
            assert_eq!(limits[1] < first, shrinks, "{mode:?} {limits:?}");
        }
    }
}

/// The first answer of the second URL is a failure that ends nothing; only its last one does.
#[test]
fn fail_fast_heeds_only_what_is_final() {
    for mode in MODES {
        let table = Table::new(&[
            ("a", &[Answer::Status(503), Answer::Status(503), Answer::Bytes(1)]),
            ("b", &[Answer::Status(404)]),
            ("c", &[Answer::Status(503)]),
        ]);
        let events = Run::new(mode, &table).fail_fast().ask("a", policy(2, MILLI)).events();
        assert_eq!((summary(&events).passed, summary(&events).stop), (1, None), "{mode:?}");
        let run = Run::new(mode, &table).fail_fast().ask("c", policy(2, FOR_EVER)).ask("b", policy(2, MILLI));
        let events = run.events();
        assert_eq!(story(&events), ["+0", "~0", "+1", "=1 fail", "=0 cancelled"], "{mode:?}");
        assert_eq!((table.times("c"), summary(&events).stop), (1, Some(Stop::FailFast)));
    }
}

#[test]
fn nothing_is_tried_again_in_a_run_that_is_being_stopped() {
    for mode in [Mode::Threads, Mode::Coroutines] {
        let table = Table::new(&[("a", &[Answer::Silence])]);
        let any = RetryPolicy {
            on: crate::request::RetryOn { classes: vec![Class::Cancelled], statuses: vec![] },
            ..policy(3, MILLI)
        };
        let (sender, batches) = Run::new(mode, &table).ask("a", any).start();
        table.wait_for("a", 1);
        sender.send(Message::Stop(Stop::Signal(15)));
        let events: Vec<Event> = batches.flatten().collect();
        assert_eq!(story(&events), ["+0", "=0 cancelled"], "{mode:?}");
        assert_eq!(table.times("a"), 1);
    }
}

#[test]
fn a_bug_in_one_try_is_not_tried_again() {
    for mode in MODES {
        let table = Table::new(&[("a", &[Answer::Panic]), ("b", &[Answer::Bytes(1)])]);
        let events = Run::new(mode, &table).ask("a", policy(3, MILLI)).ask("b", policy(3, MILLI)).events();
        assert_eq!((table.times("a"), summary(&events).internal, summary(&events).passed), (1, 1, 1));
    }
}

#[test]
fn those_who_pass_go_on_with_the_next_one_by_themselves() {
    for mode in MODES {
        let table = Table::new(&[("a", &[Answer::Slow(5)]), ("b", &[Answer::Slow(5), Answer::Status(404)])]);
        let mut run = Run::new(mode, &table).jobs(3);
        for n in 0..300 {
            run = run.ask(if n % 2 == 0 { "a" } else { "b" }, policy(0, MILLI));
        }
        let events = run.events();
        assert_eq!((summary(&events).passed, summary(&events).failed), (151, 149), "{mode:?}");
        assert_eq!(summary(&events).most_in_flight, if mode == Mode::Sync { 1 } else { 3 });
        assert_eq!(
            outcomes(&events).iter().map(|o| o.subject.urlnum).collect::<Vec<_>>(),
            Vec::from_iter(0..300)
        );
    }
}

#[test]
fn what_happens_on_the_way_is_told_before_what_it_came_to_and_before_the_next_start() {
    for mode in MODES {
        let table = Table::new(&[("a", &[Answer::Slow(5)]), ("b", &[Answer::Slow(5), Answer::Status(404)])]);
        let mut run = Run::new(mode, &table);
        run.verbose = true;
        let events =
            ["a", "b", "a", "b"].iter().fold(run, |run, host| run.ask(host, policy(0, MILLI))).events();
        let told = (0..4).flat_map(|n| {
            let kind = if n == 3 { "fail" } else { "pass" };
            [format!("+{n}"), format!("{n} the end"), format!("={n} {kind}")]
        });
        assert_eq!(story(&events), told.collect::<Vec<_>>(), "{mode:?}");
    }
}

/// Its first outcome is too much for it.
struct Broken;

impl Scribe for Broken {
    fn tell(&mut self, _: &Outcome) -> bool {
        panic::resume_unwind(Box::new("quietly"))
    }

    fn is_empty(&self) -> bool {
        true
    }

    fn is_full(&self) -> bool {
        false
    }

    fn take(&mut self) -> crate::event::Lines {
        unreachable!("nothing was written")
    }
}

#[test]
fn a_bug_in_the_engine_ends_the_run_whoever_was_at_it() {
    for mode in MODES {
        for answer in [Answer::Bytes(5), Answer::Slow(5)] {
            let table = Table::new(&[("a", &[answer])]);
            let mut run = Run::new(mode, &table).ask("a", policy(0, MILLI)).ask("a", policy(0, MILLI));
            run.scribe = Some(Box::new(Broken));
            let events = run.events();
            assert!(!matches!(events.last(), Some(Event::RunFinished(_))), "{mode:?}");
        }
    }
}
