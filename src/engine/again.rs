//! What follows an attempt that is over: another try, another round, or the entry's outcome.
//!
//! Knows whom the schedule wants asked again, and when. Refuses to count outcomes: that is the loop's one place.

use std::time::Instant;

use super::*;
use crate::schedule::{Again, Course, Moment};

impl Engine {
    /// The attempts at a request so far, the last of which is over.
    pub(super) fn go_on(&mut self, request: &Arc<Request>, attempts: Attempts) {
        if let Some(attempts) = self.try_again(request, attempts) {
            self.settle(request, attempts);
        }
    }

    /// Puts a request to sleep until its next try, and gives its attempts back when there is none.
    fn try_again(&mut self, request: &Arc<Request>, mut attempts: Attempts) -> Option<Attempts> {
        let has_failed = attempts.last().is_some_and(|last| last.failure.is_some());
        if !has_failed || !request.may_be_retried() || self.summary.stop.is_some() {
            return Some(attempts);
        }
        let moment = Moment { now: Instant::now(), date: wall_now(), random: self.dice.throw() };
        match self.schedule.decide(request, &attempts, &moment) {
            Again::No => Some(attempts),
            Again::TooLong => {
                attempts.last_mut().into_iter().for_each(|last| name_long_wait(last));
                Some(attempts)
            }
            Again::After(wait)
                if self.rounds.as_ref().is_some_and(|rounds| rounds.is_over(moment.now + wait)) =>
            {
                Some(attempts)
            }
            Again::After(wait) => {
                self.tell_retry(request, &attempts, wait);
                let waiting = Waiting { request: Arc::clone(request), since: moment.now, earlier: attempts };
                self.schedule.sleep(waiting, moment.now + wait);
                None
            }
        }
    }

    fn tell_retry(&mut self, request: &Request, attempts: &[Box<Attempt>], wait: Duration) {
        if let Some(last) = attempts.last().filter(|_| self.orders.starts) {
            let (subject, attempt) = (Arc::clone(&request.subject), last.clone());
            self.teller.tell(Event::Retrying { subject, attempt, wait });
        }
    }

    /// The tries at a request are over; with `--until-pass` those of a round.
    pub(super) fn settle(&mut self, request: &Arc<Request>, attempts: Attempts) {
        let outcome = match &mut self.rounds {
            Some(rounds) => rounds.take(request, attempts, Instant::now()),
            None => Some(Outcome::new(Arc::clone(&request.subject), attempts)),
        };
        outcome.into_iter().for_each(|outcome| self.finish(outcome));
    }

    /// Ends a round or begins one, when nothing else is left to do; past the end of them all nobody waits for one.
    pub(super) fn go_round(&mut self) {
        let Some(rounds) = &mut self.rounds else { return };
        let now = Instant::now();
        if rounds.number() > 1 && rounds.is_over(now) {
            for waiting in self.schedule.drain() {
                rounds.leave(&waiting.request, waiting.earlier);
            }
        }
        if !self.summary.list_ended || self.summary.stop.is_some() || !self.schedule.is_empty() {
            return;
        }
        match rounds.course(self.summary.taken_up, now, self.dice.throw()) {
            Course::Rest(_) => {}
            Course::Ended(round) => self.teller.tell(Event::Round(round)),
            Course::Begin(requests) => {
                requests.into_iter().for_each(|request| self.schedule.push(request, now));
            }
            Course::Over(why) => self.end_rounds(why),
        }
    }

    fn end_rounds(&mut self, why: Option<String>) {
        why.into_iter().for_each(|why| self.teller.tell(Event::Warning(why)));
        let left = self.rounds.take().map(|mut rounds| rounds.settle_all());
        left.into_iter().flatten().for_each(|outcome| self.finish(outcome));
    }

    /// Those that wait for a round when the run is stopped.
    pub(super) fn stop_rounds(&mut self, now: Instant) {
        let idle = self.rounds.as_mut().map(|rounds| (rounds.number(), rounds.stop()));
        let Some((number, idle)) = idle else { return };
        for (request, mut attempts, seen) in idle {
            let words = [Some(self.reason()), seen].into_iter().flatten().collect::<Vec<_>>().join("; ");
            let mut attempt = Attempt::begin(now);
            attempt.failure = Some(Failure::new(Class::Cancelled, Phase::Backoff, words));
            attempts.push(Box::new(attempt));
            let outcome = Outcome::new(Arc::clone(&request.subject), attempts);
            self.finish(Outcome { round: Some(number), ..outcome });
        }
    }
}

/// A person who asked for retries and sees none should know why.
fn name_long_wait(attempt: &mut Attempt) {
    let (Some(failure), Some(asked)) = (attempt.failure.as_mut(), &attempt.response.retry_after) else {
        return;
    };
    failure
        .message
        .push_str(&format!("; Retry-After: {asked} is longer than may be waited (--retry-max-time)"));
}
