//! Which attempt may start now: jobs, hosts, pace, back-off (pure: the time is an argument).
//!
//! Its unit is the attempt and not the request, so that one that waits for its next try holds no slot. Knows what waits
//! and what is in flight. Refuses to start anything and to look at a clock.

#[doc(hidden)]
pub mod fuzzing;
mod hosts;
mod pace;
mod retry;
mod retry_after;
mod rounds;
#[cfg(test)]
pub(crate) mod samples;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::Concurrency;
use crate::outcome::{Attempt, Attempts};
use crate::request::Request;
use hosts::Hosts;
use pace::{Pace, Rests};
pub use retry::{Again, Dice, Moment};
pub use rounds::{Course, Rounds};

/// Requests held by their host's limit or asleep that are remembered for each job, so that one slow host does not keep
/// the list from being read on: the others behind it may start.
const HELD_PER_JOB: usize = 16;

/// What may be done now.
#[derive(Debug)]
pub enum Next {
    /// Start this one.
    Start(Waiting),
    /// The time for all tries of this one was over before it could be tried again.
    Late(Waiting),
    /// Nothing before this time: the pace.
    Wait(Instant),
    /// All slots are taken.
    Full,
    /// Slots are free, and every request that waits is held by its host's limit, or sleeps: the first until then.
    Held(Option<Instant>),
    /// Slots are free, and every request that waits sleeps, the first until then.
    Asleep(Instant),
    /// Nothing waits.
    Idle,
}

/// What waits, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// For a slot, or for a host's limit: first tries mostly.
    pub queued: usize,
    /// For the time of a try, or of a round.
    pub asleep: usize,
    /// When the first of these wakes; `None` when there is none.
    pub wakes_at: Option<Instant>,
}

/// What waits and what is in flight.
#[derive(Debug)]
pub struct Schedule {
    jobs: usize,
    in_flight: usize,
    pace: Pace,
    /// May start as soon as a slot is free, as far as is known.
    ready: VecDeque<Waiting>,
    hosts: Hosts,
    /// By the time at which they wake, and in the order in which they went to sleep.
    asleep: BTreeMap<(Instant, u64), Waiting>,
    sleepers: u64,
    rests: Rests,
}

/// An attempt that is to be made.
#[derive(Debug)]
pub struct Waiting {
    /// What is to be fetched.
    pub request: Arc<Request>,
    /// Since when it waits.
    pub since: Instant,
    /// What was tried before, in order; empty for the first attempt.
    pub earlier: Attempts,
}

impl Waiting {
    /// One that was never tried.
    pub fn first(request: Arc<Request>, now: Instant) -> Waiting {
        Waiting { request, since: now, earlier: Vec::new() }
    }

    /// Whether nothing was tried before.
    pub fn is_first(&self) -> bool {
        self.earlier.is_empty()
    }

    /// What is left of the time for all tries; `None` is no limit.
    pub fn time_left(&self, now: Instant) -> Option<Duration> {
        match self.ends_at() {
            None if self.is_first() => self.request.time_for_all_tries(),
            ends_at => ends_at.map(|at| at.saturating_duration_since(now)),
        }
    }

    /// When the time for all tries is over; `None` is never, and so it is before the first try.
    pub fn ends_at(&self) -> Option<Instant> {
        let first = self.earlier.first()?;
        first.started.checked_add(self.request.time_for_all_tries()?)
    }
}

impl Schedule {
    /// Nothing waits yet.
    pub fn new(concurrency: &Concurrency) -> Schedule {
        Schedule {
            jobs: usize::try_from(concurrency.jobs).unwrap_or(usize::MAX).max(1),
            in_flight: 0,
            pace: Pace::new(concurrency.start_interval),
            ready: VecDeque::new(),
            hosts: Hosts::new(concurrency),
            asleep: BTreeMap::new(),
            sleepers: 0,
            rests: Rests::default(),
        }
    }

    /// Takes a request up.
    pub fn push(&mut self, request: Arc<Request>, now: Instant) {
        self.ready.push_back(Waiting::first(request, now));
    }

    /// What follows the last of a request's attempts, which is over. When it says that the host is overloaded, nobody
    /// asks that host before the wait is over.
    pub fn decide(&mut self, request: &Request, attempts: &[Box<Attempt>], moment: &Moment) -> Again {
        let (again, rest) = retry::decide(request, attempts, moment);
        if let Some(until) = rest.and_then(|rest| moment.now.checked_add(rest)) {
            self.rests.begin(&request.subject.host, until, moment.now);
        }
        again
    }

    /// Takes up another attempt, which is not to be made before then.
    pub fn sleep(&mut self, waiting: Waiting, until: Instant) {
        self.sleepers += 1;
        self.asleep.insert((until, self.sleepers), waiting);
    }

    /// How many more entries the list may offer: at most `jobs` ahead that could start.
    pub fn room(&self) -> usize {
        let is_crowded = self.hosts.held() + self.asleep.len() >= self.jobs.saturating_mul(HELD_PER_JOB);
        if is_crowded { 0 } else { self.jobs.saturating_sub(self.ready.len()) }
    }

    /// The most requests in flight.
    pub fn jobs(&self) -> usize {
        self.jobs
    }

    /// What waits.
    pub fn backlog(&self) -> Backlog {
        let queued = self.ready.len() + self.hosts.held();
        Backlog { queued, asleep: self.asleep.len(), wakes_at: self.wakes_at() }
    }

    fn wakes_at(&self) -> Option<Instant> {
        self.asleep.first_key_value().map(|((at, _), _)| *at)
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether nothing waits and nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.in_flight == 0 && self.ready.is_empty() && self.hosts.held() == 0 && self.asleep.is_empty()
    }

    /// What may be done at this time. What is handed out to start is in flight until `finish`.
    pub fn next(&mut self, now: Instant) -> Next {
        self.wake(now);
        if self.in_flight >= self.jobs {
            return if self.ready.is_empty() && self.hosts.held() == 0 { Next::Idle } else { Next::Full };
        }
        loop {
            let Some(first) = self.ready.pop_front() else { return self.nothing_ready() };
            if first.ends_at().is_some_and(|at| at <= now) {
                let next = self.hosts.release(&first.request);
                next.into_iter().for_each(|waiting| self.ready.push_front(waiting));
                return Next::Late(first);
            }
            if let Some(until) = self.rests.until(&first.request.subject.host, now) {
                let until = first.ends_at().map_or(until, |at| at.min(until));
                self.sleep(first, until);
            } else if self.hosts.is_full(&first.request) {
                self.hosts.hold(first);
            } else if let Err(at) = self.pace.may_start(now) {
                self.ready.push_front(first);
                return Next::Wait(at);
            } else {
                return self.start(first, now);
            }
        }
    }

    fn wake(&mut self, now: Instant) {
        while let Some(first) = self.asleep.first_entry().filter(|first| first.key().0 <= now) {
            self.ready.push_back(first.remove());
        }
    }

    fn nothing_ready(&self) -> Next {
        match self.wakes_at() {
            wakes_at if self.hosts.held() > 0 => Next::Held(wakes_at),
            Some(at) => Next::Asleep(at),
            None => Next::Idle,
        }
    }

    fn start(&mut self, waiting: Waiting, now: Instant) -> Next {
        self.hosts.started(&waiting.request);
        self.pace.started(now);
        self.in_flight += 1;
        Next::Start(waiting)
    }

    /// An attempt that was started is over: its slot is free, and the next one of its host may be ready.
    pub fn finish(&mut self, request: &Request) {
        self.in_flight -= 1;
        let next = self.hosts.finished(request);
        next.into_iter().for_each(|waiting| self.ready.push_front(waiting));
    }

    /// An attempt that was handed out could not be started: it waits again, at the front.
    pub fn put_back(&mut self, waiting: Waiting) {
        self.finish(&waiting.request);
        self.ready.push_front(waiting);
    }

    /// The machine does not give more than what is in flight: at least 1.
    pub fn lower_jobs(&mut self, jobs: usize) {
        self.jobs = jobs.max(1);
    }

    /// Gives up all that waits, in the list's order.
    pub fn drain(&mut self) -> Vec<Waiting> {
        let asleep = std::mem::take(&mut self.asleep).into_values();
        let mut all: Vec<_> = self.ready.drain(..).chain(self.hosts.drain()).chain(asleep).collect();
        all.sort_by_key(|waiting| waiting.request.subject.urlnum);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{failed, request, request_with};
    use super::*;
    use crate::config::Mode;
    use crate::outcome::Class;
    use crate::request::{RetryMaxTime, RetryPolicy};

    fn concurrency(jobs: u32, per_host: Option<u32>) -> Concurrency {
        let mode = Mode::Coroutines;
        Concurrency { jobs, per_host, per_host_given: false, start_interval: None, processes: 1, mode }
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
                Next::Start(waiting) => started.push(waiting.request.subject.urlnum),
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
        assert!(matches!(next, Next::Held(None)));
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
        schedule.put_back(Waiting { request: Arc::clone(&requests[0]), since: now, earlier: vec![] });
        schedule.sleep(again(&request(7, "c.test"), now), now);
        schedule.sleep(again(&request(5, "a.test"), now), now + SECOND);
        let given_up: Vec<u64> = schedule.drain().iter().map(|w| w.request.subject.urlnum).collect();
        assert_eq!(given_up, [0, 1, 2, 5, 7]);
        assert!(schedule.is_empty());
    }

    const SECOND: Duration = Duration::from_secs(1);

    /// A second attempt, after one that failed at once.
    fn again(request: &Arc<Request>, now: Instant) -> Waiting {
        let earlier = vec![failed(now, Class::Closed, None)];
        Waiting { request: Arc::clone(request), since: now, earlier }
    }

    #[test]
    fn a_sleeper_holds_no_slot_and_the_last_one_is_named_by_its_time() {
        let (mut schedule, requests, now) = schedule(&concurrency(1, None), &["a.test", "b.test"]);
        assert_eq!(start_all(&mut schedule, now).0, [0]);
        schedule.finish(&requests[0]);
        schedule.sleep(again(&requests[0], now), now + SECOND);
        assert_eq!(start_all(&mut schedule, now).0, [1], "the other starts while the first sleeps");
        schedule.finish(&requests[1]);
        assert!(!schedule.is_empty());
        let Next::Asleep(at) = schedule.next(now) else { panic!("it sleeps") };
        assert_eq!(at, now + SECOND);
        assert_eq!(schedule.backlog(), Backlog { queued: 0, asleep: 1, wakes_at: Some(at) });
        let early = at - Duration::from_nanos(1);
        assert!(matches!(schedule.next(early), Next::Asleep(_)));
        let Next::Start(waiting) = schedule.next(at) else { panic!("it wakes") };
        assert_eq!((waiting.request.subject.urlnum, waiting.earlier.len()), (0, 1));
        schedule.finish(&requests[0]);
        assert!(schedule.is_empty() && matches!(schedule.next(at), Next::Idle));
    }

    #[test]
    fn sleepers_wake_in_the_order_of_their_times() {
        let (mut schedule, _, now) = schedule(&concurrency(9, None), &[]);
        for (urlnum, seconds) in [(0, 3), (1, 1), (2, 2), (3, 1)] {
            schedule.sleep(again(&request(urlnum, "a.test"), now), now + seconds * SECOND);
        }
        assert_eq!(start_all(&mut schedule, now + 2 * SECOND).0, [1, 3, 2]);
        assert_eq!(start_all(&mut schedule, now + 3 * SECOND).0, [0]);
    }

    #[test]
    fn a_retry_waits_for_a_slot_of_all_and_of_its_host() {
        let hosts = ["a.test", "a.test", "b.test"];
        let (mut schedule, requests, now) = schedule(&concurrency(2, Some(1)), &hosts);
        assert_eq!(start_all(&mut schedule, now).0, [0, 2]);
        schedule.finish(&requests[0]);
        schedule.sleep(again(&requests[0], now), now);
        let (started, next) = start_all(&mut schedule, now);
        assert_eq!(started, [1]);
        assert!(matches!(next, Next::Full), "{next:?}");
        schedule.finish(&requests[2]);
        let (started, next) = start_all(&mut schedule, now);
        assert!(started.is_empty() && matches!(next, Next::Held(None)), "{started:?} {next:?}");
        schedule.finish(&requests[1]);
        assert_eq!(start_all(&mut schedule, now).0, [0]);
    }

    #[test]
    fn while_some_are_held_the_first_sleeper_is_not_forgotten() {
        let (mut schedule, _, now) = schedule(&concurrency(9, Some(1)), &["a.test", "a.test"]);
        schedule.sleep(again(&request(2, "b.test"), now), now + SECOND);
        let (started, next) = start_all(&mut schedule, now);
        assert_eq!(started, [0]);
        assert!(matches!(next, Next::Held(Some(at)) if at == now + SECOND), "{next:?}");
    }

    fn retried(urlnum: u64, host: &str, seconds_for_all: Option<u64>) -> Arc<Request> {
        request_with(urlnum, host, |request| {
            let max_time = RetryMaxTime::Given(seconds_for_all.map(Duration::from_secs));
            request.retry =
                RetryPolicy { retries: 3, delay: Some(SECOND), max_time, ..Default::default() }.into();
        })
    }

    #[test]
    fn a_busy_host_is_left_alone_by_all_and_the_others_go_on() {
        let (mut schedule, requests, now) =
            schedule(&concurrency(1, None), &["a.test", "a.test", "b.test", "a.test"]);
        assert_eq!(start_one(&mut schedule, now), 0);
        schedule.finish(&requests[0]);
        let busy = retried(0, "a.test", None);
        let mut attempt = failed(now, Class::Status, Some(503));
        attempt.response.retry_after = Some("7".into());
        let moment = Moment { now, date: std::time::UNIX_EPOCH, random: 0 };
        assert_eq!(schedule.decide(&busy, &[attempt], &moment), Again::After(7 * SECOND));
        schedule.sleep(again(&busy, now), now + 7 * SECOND);
        assert_eq!(start_one(&mut schedule, now), 2, "another host's");
        schedule.finish(&requests[2]);
        assert!(matches!(schedule.next(now), Next::Asleep(at) if at == now + 7 * SECOND));
        for expected in [0, 1, 3] {
            assert_eq!(start_one(&mut schedule, now + 7 * SECOND), expected);
            schedule.finish(&requests[0]);
        }
        assert!(schedule.is_empty());
    }

    fn start_one(schedule: &mut Schedule, now: Instant) -> u64 {
        match schedule.next(now) {
            Next::Start(waiting) => waiting.request.subject.urlnum,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nobody_sleeps_past_its_own_limit_and_who_is_late_lets_the_next_go() {
        let (mut schedule, _, now) = schedule(&concurrency(9, Some(1)), &["a.test", "a.test"]);
        assert_eq!(start_one(&mut schedule, now), 0);
        schedule.sleep(again(&retried(2, "b.test", Some(2)), now), now + SECOND);
        schedule.rests.begin("b.test", now + 60 * SECOND, now);
        let next = schedule.next(now + SECOND);
        assert!(matches!(next, Next::Held(Some(at)) if at == now + 2 * SECOND), "{next:?}");
        let Next::Late(late) = schedule.next(now + 2 * SECOND) else { panic!("it is over") };
        assert_eq!(late.request.subject.urlnum, 2);

        schedule.sleep(again(&retried(3, "a.test", Some(1)), now), now);
        assert!(matches!(schedule.next(now), Next::Held(None)), "{schedule:?}");
        schedule.push(request(4, "a.test"), now);
        assert!(matches!(schedule.next(now), Next::Held(None)), "{schedule:?}");
        schedule.finish(&request(0, "a.test"));
        assert_eq!(start_one(&mut schedule, now + SECOND), 1);
        schedule.finish(&request(1, "a.test"));
        let Next::Late(late) = schedule.next(now + SECOND) else { panic!("it is over") };
        assert_eq!(late.request.subject.urlnum, 3);
        assert_eq!(start_one(&mut schedule, now + SECOND), 4);
        schedule.finish(&request(4, "a.test"));
        assert!(schedule.is_empty(), "nothing is held for ever: {schedule:?}");
    }

    #[test]
    fn so_many_sleepers_keep_the_list_from_being_read_on() {
        let (mut schedule, _, now) = schedule(&concurrency(2, None), &[]);
        for urlnum in 0..32 {
            assert_eq!(schedule.room(), 2);
            schedule.sleep(again(&request(urlnum, "a.test"), now), now + SECOND);
        }
        assert_eq!(schedule.room(), 0);
    }
}
