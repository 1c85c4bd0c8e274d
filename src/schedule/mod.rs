//! Which request may start now: jobs, hosts, pace (pure: the time is an argument).
//!
//! Knows what waits and what is in flight. Refuses to start anything and to look at a clock.

mod pace;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::config::Concurrency;
use crate::request::Request;
use pace::Pace;

/// Requests held by their host's limit that are remembered for each job, so that one slow host does not keep the list
/// from being read on: the others behind it may start.
const HELD_PER_JOB: usize = 16;

/// What may be done now.
#[derive(Debug)]
pub enum Next {
    /// Start this one; it has waited since then.
    Start(Arc<Request>, Instant),
    /// Nothing before this time: the pace.
    Wait(Instant),
    /// All slots are taken.
    Full,
    /// Slots are free, and every request that waits is held by its host's limit.
    Held,
    /// Nothing waits.
    Idle,
}

/// What waits and what is in flight.
#[derive(Debug)]
pub struct Schedule {
    jobs: usize,
    in_flight: usize,
    per_host: Option<u32>,
    binds_loopback: bool,
    pace: Pace,
    /// May start as soon as a slot is free, as far as is known.
    ready: VecDeque<Waiting>,
    hosts: HashMap<String, Host>,
    held: usize,
}

#[derive(Debug)]
struct Waiting {
    request: Arc<Request>,
    since: Instant,
}

/// A host that has a limit.
#[derive(Debug, Default)]
struct Host {
    in_flight: u32,
    held: VecDeque<Waiting>,
}

impl Schedule {
    /// Nothing waits yet.
    pub fn new(concurrency: &Concurrency) -> Schedule {
        Schedule {
            jobs: usize::try_from(concurrency.jobs).unwrap_or(usize::MAX).max(1),
            in_flight: 0,
            per_host: concurrency.per_host,
            binds_loopback: concurrency.per_host_given,
            pace: Pace::new(concurrency.start_interval),
            ready: VecDeque::new(),
            hosts: HashMap::new(),
            held: 0,
        }
    }

    /// Takes a request up.
    pub fn push(&mut self, request: Arc<Request>, now: Instant) {
        self.ready.push_back(Waiting { request, since: now });
    }

    /// How many more entries the list may offer: at most `jobs` ahead that could start.
    pub fn room(&self) -> usize {
        if self.held >= self.jobs.saturating_mul(HELD_PER_JOB) {
            return 0;
        }
        self.jobs.saturating_sub(self.ready.len())
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether nothing waits and nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.in_flight == 0 && self.ready.is_empty() && self.held == 0
    }

    /// What may be done at this time. What is handed out to start is in flight until `finish`.
    pub fn next(&mut self, now: Instant) -> Next {
        if self.in_flight >= self.jobs {
            return if self.ready.is_empty() && self.held == 0 { Next::Idle } else { Next::Full };
        }
        loop {
            let Some(first) = self.ready.front() else {
                return if self.held > 0 { Next::Held } else { Next::Idle };
            };
            if let Some(limit) = self.limit_for(&first.request) {
                let host = self.hosts.entry(first.request.subject.host.clone()).or_default();
                if host.in_flight >= limit {
                    host.held.extend(self.ready.pop_front());
                    self.held += 1;
                    continue;
                }
            }
            if let Err(at) = self.pace.may_start(now) {
                return Next::Wait(at);
            }
            return self.start(now);
        }
    }

    fn start(&mut self, now: Instant) -> Next {
        let Some(Waiting { request, since }) = self.ready.pop_front() else { return Next::Idle };
        if self.limit_for(&request).is_some() {
            self.hosts.entry(request.subject.host.clone()).or_default().in_flight += 1;
        }
        self.pace.started(now);
        self.in_flight += 1;
        Next::Start(request, since)
    }

    /// The limit of a request's host; `None` when there is none. The loopback is bound only by a limit that was asked
    /// for: nobody else's server is there to be spared.
    fn limit_for(&self, request: &Request) -> Option<u32> {
        self.per_host.filter(|_| self.binds_loopback || !request.is_loopback)
    }

    /// A request that was started is over: its slot is free, and the next one of its host may be ready.
    pub fn finish(&mut self, request: &Request) {
        self.in_flight -= 1;
        if self.limit_for(request).is_none() {
            return;
        }
        let Some(host) = self.hosts.get_mut(&request.subject.host) else { return };
        host.in_flight -= 1;
        match host.held.pop_front() {
            Some(waiting) => {
                self.held -= 1;
                self.ready.push_front(waiting);
            }
            None if host.in_flight == 0 => drop(self.hosts.remove(&request.subject.host)),
            None => {}
        }
    }

    /// A request that was handed out could not be started: it waits again, at the front.
    pub fn put_back(&mut self, request: Arc<Request>, since: Instant) {
        self.finish(&request);
        self.ready.push_front(Waiting { request, since });
    }

    /// The machine does not give more than what is in flight: at least 1.
    pub fn lower_jobs(&mut self, jobs: usize) {
        self.jobs = jobs.max(1);
    }

    /// Gives up all that waits, in the list's order.
    pub fn drain(&mut self) -> Vec<(Arc<Request>, Instant)> {
        let held = self.hosts.values_mut().flat_map(|host| host.held.drain(..));
        let mut all: Vec<_> = self.ready.drain(..).chain(held).map(|w| (w.request, w.since)).collect();
        self.held = 0;
        all.sort_by_key(|(request, _)| request.subject.urlnum);
        all
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Mode;
    use crate::request::{Limits, Location, Method, Subject};

    fn concurrency(jobs: u32, per_host: Option<u32>) -> Concurrency {
        let mode = Mode::Coroutines;
        Concurrency { jobs, per_host, per_host_given: false, start_interval: None, mode }
    }

    fn request(urlnum: u64, host: &str) -> Arc<Request> {
        let url = url::Url::parse(&format!("http://{host}/")).unwrap();
        let limits =
            Limits { connect_timeout: None, max_time: None, stall: None, max_filesize: None, max_redirs: 10 };
        let subject = Arc::new(Subject {
            urlnum,
            location: Location { source: "list".into(), line: 1 },
            listed: url.to_string(),
            name: None,
            method: Method::GET,
            host: host.to_owned(),
            soft: false,
        });
        let is_loopback = crate::request::is_loopback_host(host);
        Arc::new(Request { subject, url, headers: Arc::from([]), body: None, limits, is_loopback })
    }

    fn schedule(concurrency: &Concurrency, hosts: &[&str]) -> (Schedule, Vec<Arc<Request>>, Instant) {
        let now = Instant::now();
        let mut schedule = Schedule::new(concurrency);
        let requests: Vec<_> = (0..).zip(hosts).map(|(urlnum, host)| request(urlnum, host)).collect();
        for request in &requests {
            schedule.push(Arc::clone(request), now);
        }
        (schedule, requests, now)
    }

    /// Starts all that may be, and says which and what came then.
    fn start_all(schedule: &mut Schedule, now: Instant) -> (Vec<u64>, Next) {
        let mut started = Vec::new();
        loop {
            match schedule.next(now) {
                Next::Start(request, _) => started.push(request.subject.urlnum),
                other => return (started, other),
            }
        }
    }

    #[test]
    fn never_more_than_jobs_are_in_flight() {
        let (mut schedule, requests, now) = schedule(&concurrency(2, None), &["a.test"; 3]);
        let (started, next) = start_all(&mut schedule, now);
        assert_eq!(started, [0, 1]);
        assert!(matches!(next, Next::Full));
        schedule.finish(&requests[0]);
        assert_eq!(start_all(&mut schedule, now).0, [2]);
        assert_eq!(schedule.in_flight(), 2);
    }

    #[test]
    fn a_full_host_holds_up_nobody_behind_it() {
        let hosts = ["a.test", "a.test", "a.test", "b.test", "a.test"];
        let (mut schedule, requests, now) = schedule(&concurrency(10, Some(2)), &hosts);
        let (started, next) = start_all(&mut schedule, now);
        assert_eq!(started, [0, 1, 3]);
        assert!(matches!(next, Next::Held));
        schedule.finish(&requests[1]);
        assert_eq!(start_all(&mut schedule, now).0, [2]);
        for over in [0, 2, 3] {
            schedule.finish(&requests[over]);
        }
        assert_eq!(start_all(&mut schedule, now).0, [4]);
        schedule.finish(&requests[4]);
        assert!(schedule.is_empty() && schedule.hosts.is_empty());
    }

    #[test]
    fn the_loopback_is_bound_only_when_asked_for() {
        let (mut free, _, now) = schedule(&concurrency(10, Some(1)), &["127.0.0.1"; 3]);
        assert_eq!(start_all(&mut free, now).0.len(), 3);
        let asked = Concurrency { per_host_given: true, ..concurrency(10, Some(1)) };
        let (mut bound, _, now) = schedule(&asked, &["127.0.0.1"; 3]);
        assert_eq!(start_all(&mut bound, now).0.len(), 1);
    }

    #[test]
    fn the_pace_spaces_starts() {
        let paced = Concurrency { start_interval: Some(Duration::from_millis(100)), ..concurrency(10, None) };
        let (mut schedule, _, now) = schedule(&paced, &["a.test"; 3]);
        let (started, next) = start_all(&mut schedule, now);
        assert_eq!(started, [0]);
        let Next::Wait(at) = next else { panic!("{next:?}") };
        assert_eq!(at, now + Duration::from_millis(100));
        assert_eq!(start_all(&mut schedule, at).0, [1]);
    }

    #[test]
    fn the_list_is_read_no_further_than_jobs_ahead() {
        let (mut schedule, _, now) = schedule(&concurrency(4, Some(1)), &["a.test"; 3]);
        assert_eq!(schedule.room(), 1);
        start_all(&mut schedule, now);
        assert_eq!(schedule.room(), 4);
        for urlnum in 3..70 {
            schedule.push(request(urlnum, "a.test"), now);
            start_all(&mut schedule, now);
        }
        assert_eq!(schedule.room(), 0);
    }

    #[test]
    fn what_waits_is_given_up_in_the_lists_order() {
        let (mut schedule, requests, now) =
            schedule(&concurrency(1, Some(1)), &["a.test", "b.test", "a.test"]);
        start_all(&mut schedule, now);
        schedule.put_back(Arc::clone(&requests[0]), now);
        let given_up: Vec<u64> = schedule.drain().iter().map(|(request, _)| request.subject.urlnum).collect();
        assert_eq!(given_up, [0, 1, 2]);
        assert!(schedule.is_empty());
    }
}
