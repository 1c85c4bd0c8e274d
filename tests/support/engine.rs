//! A run of the loop over a table of fetches: no network, and a log in place of sinks.
//!
//! Knows the library's engine and runtime. Refuses to know HTTP.

use std::io;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use greenfetch::config::{Concurrency, Config, Mode};
use greenfetch::engine::{Batches, Engine, Message, Orders, Parts};
use greenfetch::event::{Event, RunInfo, Sink, Summary};
use greenfetch::http::{Fetch, Tracer};
use greenfetch::list::Credits;
use greenfetch::outcome::{Attempt, Class, Failure, Outcome, Phase};
use greenfetch::plan::{Listed, Planner};
use greenfetch::record;
use greenfetch::request::{Location, Request};
use greenfetch::runtime::{Runtime, Slot, Wake};
use greenfetch::schedule::Schedule;

use super::PATIENCE;

/// All three.
pub(crate) const MODES: [Mode; 3] = [Mode::Sync, Mode::Threads, Mode::Coroutines];

/// Those in which one fetch need not wait for another.
pub(crate) const CONCURRENT: [Mode; 2] = [Mode::Threads, Mode::Coroutines];

/// What a fetch comes to.
pub(crate) type Fetched = Result<(), Failure>;

/// The table: what is done for a request, by its path or host.
struct Table<F>(F);

impl<F: Fn(&Request, &Arc<Slot>) -> Fetched + Send + Sync> Fetch for Table<F> {
    fn fetch(&self, request: &Request, slot: &Arc<Slot>, _: Tracer) -> Box<Attempt> {
        let mut attempt = Box::new(Attempt::begin(Instant::now()));
        attempt.failure = (self.0)(request, slot).err();
        attempt
    }
}

/// A run that is not started.
pub(crate) struct Run {
    concurrency: Concurrency,
    orders: Orders,
}

impl Run {
    /// In a mode, with so many jobs; sync has one.
    pub(crate) fn new(mode: Mode, jobs: u32) -> Run {
        let jobs = if mode == Mode::Sync { 1 } else { jobs };
        let concurrency = Concurrency { mode, jobs, per_host: None, ..Concurrency::default() };
        let orders = Orders::default();
        Run { concurrency, orders }
    }

    /// `--per-host`.
    pub(crate) fn per_host(mut self, n: u32) -> Run {
        self.concurrency.per_host = Some(n);
        self
    }

    /// `--fail-fast`.
    pub(crate) fn fail_fast(mut self) -> Run {
        self.orders.fail_fast = true;
        self
    }

    /// `--deadline`.
    pub(crate) fn deadline(mut self, deadline: Duration) -> Run {
        self.orders.deadline = Some(deadline);
        self
    }

    /// Starts it over these URLs. The table is given the runtime first, for what fetches ask of it.
    pub(crate) fn start<F>(self, urls: &[&str], table: impl FnOnce(&Runtime) -> F) -> Running
    where
        F: Fn(&Request, &Arc<Slot>) -> Fetched + Send + Sync + 'static,
    {
        let planner = Planner::new(&Config::default());
        let listed =
            (0..).zip(urls).map(|(urlnum, url)| Listed::Request(request(&planner, urlnum, url))).collect();
        self.start_listed(listed, |runtime| Arc::new(Table(table(runtime))))
    }

    /// Starts it over these entries, with whoever fetches.
    pub(crate) fn start_listed(
        self,
        listed: Vec<Listed>,
        fetch: impl FnOnce(&Runtime) -> Arc<dyn Fetch>,
    ) -> Running {
        let mode = self.concurrency.mode;
        let runtime = Runtime::start(mode, self.concurrency.jobs).expect("a runtime");
        let info = RunInfo {
            run_id: record::run_id(),
            mode,
            started: Instant::now(),
            started_at: record::wall_now(),
            entries: None,
        };
        let fetch = fetch(&runtime);
        let schedule = Schedule::new(&self.concurrency);
        let credits = Arc::new(Credits::new());
        let Parts { root, sender, batches, .. } =
            Engine::assemble(&runtime, fetch, schedule, credits, self.orders, info);
        sender.send(Message::Listed(listed.into_iter().map(Into::into).collect()));
        sender.send(Message::EndOfList(None));
        runtime.start_root(move || root.run(std::iter::empty())).expect("a root");
        Running { batches: Some(batches), log: Log::default() }
    }
}

/// A bare line.
pub(crate) fn request(planner: &Planner, urlnum: u64, url: &str) -> Arc<Request> {
    let location = Location { source: "list".into(), line: 1 };
    planner.plan_bare(urlnum, location, url.parse().expect("a URL"))
}

/// A run that goes on.
pub(crate) struct Running {
    batches: Option<Batches>,
    log: Log,
}

impl Running {
    /// Listens until so many outcomes were told, and says which.
    pub(crate) fn outcomes(&mut self, n: usize) -> Vec<String> {
        while self.log.outcomes.len() < n {
            assert!(self.listen(), "the run is over with {:?}", self.log.told());
        }
        self.log.told()
    }

    /// Listens to the end.
    pub(crate) fn finish(mut self) -> Log {
        while self.listen() {}
        self.log
    }

    /// Takes one batch, on a thread of its own, so that a run that hangs is a test that fails; false at the end.
    fn listen(&mut self) -> bool {
        let mut batches = self.batches.take().expect("nobody else listens");
        let (told, heard) = mpsc::channel();
        thread::spawn(move || drop(told.send((batches.next(), batches))));
        let heard = heard.recv_timeout(PATIENCE);
        let (batch, batches) = heard.unwrap_or_else(|error| panic!("{error}; so far {:?}", self.log.told()));
        self.batches = Some(batches);
        let is_told = batch.is_some();
        batch.iter().flatten().for_each(|event| self.log.event(event).expect("a log takes all"));
        is_told
    }
}

/// A sink that remembers.
#[derive(Default)]
pub(crate) struct Log {
    /// In the order in which they were told.
    pub(crate) outcomes: Vec<Outcome>,
    /// Entries in tables of what is parked where.
    pub(crate) n_parked: usize,
    /// The end; empty before it.
    pub(crate) summary: Summary,
}

impl Sink for Log {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Finished(outcome) => self.outcomes.push((**outcome).clone()),
            Event::Parked(parked) => self.n_parked += parked.rows.len(),
            Event::RunFinished(summary) => self.summary = summary.clone(),
            _ => {}
        }
        Ok(())
    }
}

impl Log {
    /// `/path pass` or `/path closed (wait): why` for each outcome.
    pub(crate) fn told(&self) -> Vec<String> {
        let told = self.outcomes.iter().map(|outcome| {
            let path = outcome.subject.listed.splitn(4, '/').nth(3).unwrap_or_default();
            match outcome.failure() {
                Some(failure) => format!("/{path} {failure}"),
                None => format!("/{path} {}", outcome.kind.as_str()),
            }
        });
        told.collect()
    }
}

/// Parks through all wake-ups that are nobody's.
pub(crate) fn park(slot: &Slot, until: Option<Instant>) -> Wake {
    loop {
        match slot.park(until) {
            Wake::Woken => {}
            wake => return wake,
        }
    }
}

/// Parks until the run is stopped, and says so as a fetch does.
pub(crate) fn park_for_ever(slot: &Slot) -> Fetched {
    assert_eq!(park(slot, None), Wake::Stopped);
    Err(Failure::new(Class::Cancelled, Phase::Wait, "the fetch's own words"))
}

/// Counts what has happened, for those who wait for it: a proof by causality needs no clock.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<(Mutex<usize>, Condvar)>);

impl Tally {
    /// One more; says the how-manieth.
    pub(crate) fn add(&self) -> usize {
        let mut count = self.0.0.lock().expect("nobody panics here");
        *count += 1;
        self.0.1.notify_all();
        *count
    }

    /// Waits until so many have happened: from a thread that may block.
    pub(crate) fn wait_for(&self, n: usize) {
        let count = self.0.0.lock().expect("nobody panics here");
        let waited = self.0.1.wait_timeout_while(count, PATIENCE, |count| *count < n);
        let (count, waited) = waited.expect("nobody panics here");
        assert!(!waited.timed_out(), "{} of {n} happened", *count);
    }
}

/// Does something on the root of a runtime, where tasks may be spawned, and brings the result to the test's thread.
pub(crate) fn on_root<T: Send + 'static>(mode: Mode, act: impl FnOnce(&Runtime) -> T + Send + 'static) -> T {
    let runtime = Runtime::start(mode, 16).expect("a runtime");
    let (told, result) = mpsc::channel();
    let for_root = runtime.clone();
    let root = move || drop(told.send(act(&for_root)));
    runtime.start_root(root).expect("a root");
    result.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{mode:?}: no result: {error}"))
}
