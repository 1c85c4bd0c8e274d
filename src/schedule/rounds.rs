//! `--until-pass`: what failed is asked again in rounds, until all of it passes or the time is over (pure).
//!
//! What passes in the first round is settled at once. What failed there has to pass in so many rounds in a row. Knows
//! what each was last seen to come to: that is all that is kept of what is not settled. Refuses to start anything, to
//! look at a clock and to throw dice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Backlog;
use crate::config::UntilPass;
use crate::event::Round;
use crate::outcome::{Attempts, Class, Failure, Outcome};
use crate::request::Request;

/// The longest rest after the first round; a service that comes up soon is seen soon.
const FIRST_REST: Duration = Duration::from_millis(100);

/// The longest rest of all: what has come up is seen within seconds.
const LONGEST_REST: Duration = Duration::from_secs(5);

/// What is to be done between two messages to the loop.
#[derive(Debug)]
pub enum Course {
    /// Nothing: a round rests until then.
    Rest(Instant),
    /// A round has ended and left something, as is to be told; the next one begins after a rest.
    Ended(Round),
    /// A round begins with these, in the list's order.
    Begin(Vec<Arc<Request>>),
    /// There will be no further round; with why, when something is left that does not pass.
    Over(Option<String>),
}

/// Who is not settled.
#[derive(Debug)]
pub struct Rounds {
    limit: Option<Duration>,
    ends_at: Option<Instant>,
    in_a_row: u32,
    number: u32,
    open: BTreeMap<u64, Open>,
    /// How many of these were asked in this round and have not answered yet.
    asked: usize,
    rests_until: Option<Instant>,
    /// Why not everything can pass any more.
    hopeless: Option<String>,
    /// The run is being stopped: whatever ends is settled.
    stopped: bool,
}

/// One that failed and is not settled.
#[derive(Debug)]
struct Open {
    request: Arc<Request>,
    /// The tries of the last round that failed, and which one that was.
    seen: Attempts,
    seen_in: u32,
    /// Rounds in a row that it has passed since.
    passes: u32,
    /// It was asked in this round and has not answered yet.
    is_asked: bool,
}

impl Rounds {
    /// The first round of a run that began then.
    pub fn new(until_pass: &UntilPass, began: Instant) -> Rounds {
        Rounds {
            limit: until_pass.limit,
            ends_at: until_pass.limit.and_then(|limit| began.checked_add(limit)),
            in_a_row: until_pass.in_a_row,
            number: 1,
            open: BTreeMap::new(),
            asked: 0,
            rests_until: None,
            hopeless: None,
            stopped: false,
        }
    }

    /// The round that is under way, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whether nobody is asked again any more at that time.
    pub fn is_over(&self, at: Instant) -> bool {
        self.ends_at.is_some_and(|ends_at| ends_at <= at)
    }

    /// What an attempt of this round may take at most; `None` is no limit, as everybody has one round whole.
    pub fn time_left(&self, now: Instant) -> Option<Duration> {
        let ends_at = self.ends_at.filter(|_| self.number > 1)?;
        Some(ends_at.saturating_duration_since(now))
    }

    /// When the loop has to look again, if nothing else wakes it.
    pub fn wakes_at(&self, now: Instant) -> Option<Instant> {
        let ends_at = self.ends_at.filter(|at| self.number > 1 && *at > now);
        self.rests_until.or(ends_at)
    }

    /// What can never pass ends the waiting.
    pub fn give_up_hope(&mut self, why: impl FnOnce() -> String) {
        self.hopeless.get_or_insert_with(why);
    }

    /// The tries of this round at a request are over. `Some` when that settles it.
    pub fn take(&mut self, request: &Arc<Request>, attempts: Attempts, now: Instant) -> Option<Outcome> {
        let urlnum = request.subject.urlnum;
        self.answered(urlnum);
        let failure = attempts.last().and_then(|last| last.failure.as_ref());
        let class = failure.map(|failure| failure.class);
        let is_lost = attempts.last().is_some_and(|last| last.is_lost);
        let is_cut = class == Some(Class::Timeout) && self.is_over(now);
        match (class, self.open.get_mut(&urlnum)) {
            (None, Some(open)) if open.passes + 1 < self.in_a_row && !self.stopped => {
                open.passes += 1;
                return None;
            }
            (None, _) => {}
            (Some(Class::Cancelled), open) => {
                let seen = open.and_then(|open| open.words());
                let mut attempts = attempts;
                attempts.last_mut().into_iter().for_each(|last| add(last.failure.as_mut(), seen.as_deref()));
                return Some(self.settled(urlnum, request, attempts));
            }
            // The run's own limit cut it short: that says nothing about the URL.
            (Some(_), Some(_)) if is_cut => return None,
            (Some(_), _) if self.stopped => {}
            (Some(class), _) if !may_pass(request, class, is_lost) => {
                if !request.subject.soft {
                    self.give_up_hope(|| no_second_time(request, class));
                }
            }
            (Some(_), _) => {
                self.keep(request, attempts);
                return None;
            }
        }
        Some(self.settled(urlnum, request, attempts))
    }

    fn settled(&mut self, urlnum: u64, request: &Request, attempts: Attempts) -> Outcome {
        self.open.remove(&urlnum);
        Outcome { round: Some(self.number), ..Outcome::new(Arc::clone(&request.subject), attempts) }
    }

    /// It waits for its next round, unless it is settled.
    fn answered(&mut self, urlnum: u64) {
        if let Some(open) = self.open.get_mut(&urlnum).filter(|open| open.is_asked) {
            open.is_asked = false;
            self.asked -= 1;
        }
    }

    /// What waits, with those that wait for their next round.
    pub fn backlog(&self, others: &Backlog) -> Backlog {
        let wakes_at = [others.wakes_at, self.rests_until].into_iter().flatten().min();
        Backlog { asleep: others.asleep + self.open.len() - self.asked, wakes_at, ..*others }
    }

    fn keep(&mut self, request: &Arc<Request>, seen: Attempts) {
        let request = Arc::clone(request);
        let open = Open { seen_in: self.number, passes: 0, is_asked: false, request, seen };
        self.open.insert(open.request.subject.urlnum, open);
    }

    /// One that was to be asked, and is not as the time is over; with its tries of this round, if there were any.
    pub fn leave(&mut self, request: &Arc<Request>, earlier: Attempts) {
        self.answered(request.subject.urlnum);
        if !earlier.is_empty() {
            self.keep(request, earlier);
        }
    }

    /// The run is stopped. Gives those that wait for their next round, with their last tries and what was seen in them.
    pub fn stop(&mut self) -> Vec<(Arc<Request>, Attempts, Option<String>)> {
        self.stopped = true;
        let idle = self.open.extract_if(.., |_, open| !open.is_asked);
        let told = idle.map(|(_, open)| {
            let words = open.words();
            (open.request, open.seen, words)
        });
        told.collect()
    }

    /// What follows when nothing is in flight, nothing waits and the list is at its end; `entries` is how many it had.
    pub fn course(&mut self, entries: u64, now: Instant, random: u64) -> Course {
        if self.hopeless.is_some() {
            return Course::Over(
                self.hopeless.take().map(|why| format!("--until-pass: no further round, as {why}")),
            );
        }
        let hard = self.open.values().filter(|open| !open.request.subject.soft).count();
        if hard == 0 {
            return Course::Over(None);
        }
        match self.rests_until {
            _ if self.is_over(now) => Course::Over(Some(self.in_vain(hard, entries))),
            Some(at) if at > now => Course::Rest(at),
            Some(_) => Course::Begin(self.begin()),
            None => {
                let wait = self.rest(now, random);
                self.rests_until = Some(now + wait);
                Course::Ended(self.round(entries, wait))
            }
        }
    }

    fn begin(&mut self) -> Vec<Arc<Request>> {
        self.rests_until = None;
        self.number = self.number.saturating_add(1);
        self.asked = self.open.len();
        let asked = self.open.values_mut().map(|open| {
            open.is_asked = true;
            Arc::clone(&open.request)
        });
        asked.collect()
    }

    /// Between half of a bound and all of it; the bound doubles. Near the end the rests become shorter, so that there is
    /// a last look.
    fn rest(&self, now: Instant, random: u64) -> Duration {
        let doublings = (self.number - 1).min(16);
        let bound = FIRST_REST.saturating_mul(1 << doublings).min(LONGEST_REST);
        let share = (bound.as_nanos() / 2 * u128::from(random)) >> u64::BITS;
        let rest = bound / 2 + Duration::from_nanos(u64::try_from(share).unwrap_or(u64::MAX));
        match self.ends_at.map(|ends_at| ends_at.saturating_duration_since(now)) {
            Some(left) if left <= FIRST_REST => left,
            Some(left) => rest.min(left / 4 * 3),
            None => rest,
        }
    }

    fn round(&self, entries: u64, wait: Duration) -> Round {
        let mut failing: Vec<(Class, u64)> = Vec::new();
        for class in self.open.values().filter_map(Open::class) {
            match failing.iter_mut().find(|(other, _)| *other == class) {
                Some((_, count)) => *count += 1,
                None => failing.push((class, 1)),
            }
        }
        failing.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let (number, open, in_a_row) = (self.number, self.open.len() as u64, self.in_a_row);
        Round { number, open, entries, failing, in_a_row, wait }
    }

    fn in_vain(&self, hard: usize, entries: u64) -> String {
        let limit = self.limit.unwrap_or_default().as_secs_f64();
        let rounds = if self.number == 1 { "round" } else { "rounds" };
        format!(
            "--until-pass: {limit} s are over, and after {} {rounds} {hard} of {entries} do not pass",
            self.number
        )
    }

    /// There is no further round: what is left came to what was last seen, in the list's order.
    pub fn settle_all(&mut self) -> Vec<Outcome> {
        let in_a_row = self.in_a_row;
        std::mem::take(&mut self.open).into_values().map(|open| open.settle(in_a_row)).collect()
    }
}

impl Open {
    /// `None` for one that has passed since it failed, but not often enough.
    fn class(&self) -> Option<Class> {
        self.failure().filter(|_| self.passes == 0).map(|failure| failure.class)
    }

    fn failure(&self) -> Option<&Failure> {
        self.seen.last()?.failure.as_ref()
    }

    /// `last seen in round 3: status (check): expected …`.
    fn words(&self) -> Option<String> {
        self.failure().map(|failure| format!("last seen in round {}: {failure}", self.seen_in))
    }

    fn settle(self, in_a_row: u32) -> Outcome {
        let mut seen = self.seen;
        if self.passes > 0 {
            let (times, rounds) = (self.passes, if self.passes == 1 { "round" } else { "rounds" });
            let words = format!("passed in {times} {rounds} since, not in {in_a_row} in a row");
            add(seen.last_mut().and_then(|last| last.failure.as_mut()), Some(&words));
        }
        Outcome { round: Some(self.seen_in), ..Outcome::new(Arc::clone(&self.request.subject), seen) }
    }
}

fn add(failure: Option<&mut Failure>, words: Option<&str>) {
    if let (Some(failure), Some(words)) = (failure, words) {
        failure.message.push_str("; ");
        failure.message.push_str(words);
    }
}

/// Whether another round may show something else: a bug of ours stays one, unless it is that a process was lost, which
/// says nothing of the URL, and some methods are not sent twice (RFC 9110 §9.2.2).
fn may_pass(request: &Request, class: Class, is_lost: bool) -> bool {
    request.subject.method.is_idempotent() && (is_lost || !matches!(class, Class::Internal | Class::Url))
}

fn no_second_time(request: &Request, class: Class) -> String {
    let subject = &request.subject;
    if subject.method.is_idempotent() {
        format!("{} failed for good ({class})", subject.location)
    } else {
        format!("{} failed and may not be sent again: {} is not idempotent", subject.location, subject.method)
    }
}

#[cfg(test)]
mod tests;
