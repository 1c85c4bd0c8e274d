//! The engine: it owns all state of a run, starts tasks and turns what becomes of them into events.
//!
//! One at a time works with it: the loop (`root`), or whoever has just made an attempt (`desk`).
//!
//! Knows who is in flight, what was counted, and why a run ends. Refuses to know HTTP, formats and files.

mod again;
mod desk;
mod intake;
mod root;
mod scarcity;
mod task;
mod telling;
mod view;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use root::Root;
pub use task::{Finished, survive};
pub use telling::{Batches, Queue};
pub use view::View;

use crate::check;
use crate::config::{Objective, UntilPass};
use crate::event::{Event, Limiters, RunInfo, Stop, Summary, Trace};
use crate::http::Fetch;
use crate::list::Credits;
use crate::outcome::{Attempt, Attempts, Class, Failure, Kind, Outcome, Phase};
use crate::plan::Portion;
use crate::record::wall_now;
use crate::request::{Request, Subject};
use crate::runtime::{Runtime, Sender, Slot};
use crate::schedule::{Dice, Next, Rounds, Schedule, Waiting};
use crate::slo::Gates;
use desk::Desk;
use intake::Intake;
use scarcity::Scarcity;
use task::{Means, Task};
use telling::Teller;

/// What the loop is told.
pub enum Message {
    /// The list has brought entries.
    Listed(Vec<Portion>),
    /// Something to be said of the list.
    Remark(String),
    /// So many entries of the list were left out, by choice and as belonging to other shards: told before its end.
    LeftOut(u64, u64),
    /// The list is at its end; `Some` is why it could not be read to it, or what was wrong in it.
    EndOfList(Option<String>),
    /// A fetch is over.
    Finished(Finished),
    /// A fetch has something to tell on its way.
    Trace(Arc<Subject>, Trace),
    /// The run is to end.
    Stop(Stop),
    /// Something has changed that the loop waits for: the reporter has caught up, or somebody did a step of its.
    Look,
}

/// What the loop is told beforehand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Orders {
    /// The first failure cancels the rest.
    pub fail_fast: bool,
    /// The run as a whole; `None` = no limit.
    pub deadline: Option<Duration>,
    /// Starts are told, and that something is tried again.
    pub starts: bool,
    /// What happens on the way is told too.
    pub verbose: bool,
    /// Nothing to fetch is nothing to warn of.
    pub allow_empty: bool,
    /// What the run's times have to come to.
    pub slo: Vec<Objective>,
    /// What failed is asked again in rounds.
    pub until_pass: Option<UntilPass>,
}

/// The loop's state.
pub struct Engine {
    runtime: Runtime,
    means: Arc<Means>,
    schedule: Schedule,
    dice: Dice,
    credits: Arc<Credits>,
    orders: Orders,
    teller: Teller,
    view: View,
    info: RunInfo,
    deadline_at: Option<Instant>,
    free_slots: Vec<Arc<Slot>>,
    scarcity: Scarcity,
    /// What was tried before of the requests in flight that are not at their first try, by `urlnum`.
    earlier: HashMap<u64, Attempts>,
    intake: Intake,
    summary: Summary,
    gates: Gates,
    /// Those of `--until-pass`, until the last one is over.
    rounds: Option<Rounds>,
    /// What held the run back since `held_since`.
    held_by: HeldBy,
    held_since: Instant,
    /// What the process had of processors before the run.
    cpu_before: Duration,
}

/// Why nothing more was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HeldBy {
    Nothing,
    Jobs,
    PerHost,
    Rate,
    Backoff,
    List,
    Output,
}

/// A run that is ready to start: the loop, where it can be written to, and what it will tell.
pub struct Parts {
    /// To be run as the root.
    pub root: Root,
    /// For the list, for signals and for the reporter.
    pub sender: Sender<Message>,
    /// What happens, in batches.
    pub batches: Batches,
    /// For those who tell without the loop.
    pub queue: Arc<Queue>,
    /// For those who want to see it while it lasts.
    pub view: View,
}

impl Engine {
    /// Puts the rooms together.
    pub fn assemble(
        runtime: &Runtime,
        fetch: Arc<dyn Fetch>,
        schedule: Schedule,
        credits: Arc<Credits>,
        mut orders: Orders,
        info: RunInfo,
    ) -> Parts {
        let (sender, mailbox) = runtime.mailbox();
        let for_room = sender.clone();
        let (teller, batches, queue) = telling::channel(move || for_room.send(Message::Look));
        let view = View::new(runtime.clone(), info.started);
        let cpu_before = runtime.cpu_time() + fetch.cpu_time();
        let means = Means { fetch, sender: sender.clone(), verbose: orders.verbose, desk: Desk::default() };
        let engine = Engine {
            runtime: runtime.clone(),
            means: Arc::new(means),
            schedule,
            dice: Dice::new(RandomState::new().hash_one(0)),
            credits,
            deadline_at: orders.deadline.map(|deadline| info.started + deadline),
            gates: Gates::new(std::mem::take(&mut orders.slo)),
            rounds: orders.until_pass.map(|until_pass| Rounds::new(&until_pass, info.started)),
            orders,
            teller,
            view: view.clone(),
            held_since: info.started,
            info,
            free_slots: Vec::new(),
            scarcity: Scarcity::default(),
            earlier: HashMap::new(),
            intake: Intake::default(),
            summary: Summary::default(),
            held_by: HeldBy::Nothing,
            cpu_before,
        };
        let root = Root { engine: Box::new(engine), mailbox };
        Parts { root, sender, batches, queue, view }
    }

    /// What the loop waits for at the most, once it has nothing left to do; `wake_at` is when something may be started.
    fn waits_until(&mut self, wake_at: Option<Instant>) -> Option<Instant> {
        self.order_more();
        let now = Instant::now();
        let round_at = self.rounds.as_ref().and_then(|rounds| rounds.wakes_at(now));
        let backlog = self.schedule.backlog();
        self.view.post(&self.rounds.as_ref().map_or(backlog, |rounds| rounds.backlog(&backlog)));
        [wake_at, round_at, self.teller.leaves_at(now), self.deadline_at].into_iter().flatten().min()
    }

    /// Tells the end of the run.
    fn end(mut self) {
        self.credits.close();
        if let Some(words) = self.summary.why_nothing().filter(|_| !self.orders.allow_empty) {
            self.teller.tell(Event::Warning(words.to_owned()));
        }
        self.summary.wall = self.info.started.elapsed();
        let cpu = self.runtime.cpu_time() + self.means.fetch.cpu_time();
        self.summary.cpu = cpu.saturating_sub(self.cpu_before);
        self.summary.measures = self.runtime.measures();
        self.summary.stall = self.runtime.worst_stall().map(Box::new);
        // Where nothing had to be fetched, nothing could be too slow.
        self.summary.gates = if self.summary.taken_up > 0 { self.gates.verdicts() } else { Vec::new() };
        self.teller.tell(Event::RunFinished(std::mem::take(&mut self.summary)));
        self.teller.flush();
    }

    fn is_over(&self) -> bool {
        let is_done = self.summary.list_ended && self.rounds.is_none();
        self.schedule.is_empty() && (is_done || self.summary.stop.is_some())
    }

    /// Starts the next one that may be, or does what else is next. Where nothing is, the error is when something may be,
    /// if that is a matter of time.
    fn start_next(&mut self, now: Instant) -> Result<(), Option<Instant>> {
        if self.teller.is_behind() {
            self.note_held(HeldBy::Output, now);
            return Err(None);
        }
        self.take_up_what_may(now);
        match self.schedule.next(now) {
            Next::Start(waiting) => match self.start(waiting, now) {
                None => {}
                again_at => return Err(again_at),
            },
            Next::Late(waiting) => self.settle(&waiting.request, waiting.earlier),
            // Those that were ready have turned out not to be: others may be.
            _ if self.may_take_up() => {}
            next => return Err(self.note_next(&next, now)),
        }
        Ok(())
    }

    fn note_next(&mut self, next: &Next, now: Instant) -> Option<Instant> {
        let (held_by, wake_at) = match next {
            Next::Wait(at) => (HeldBy::Rate, Some(*at)),
            Next::Full => (HeldBy::Jobs, None),
            Next::Held(wake_at) => (HeldBy::PerHost, *wake_at),
            Next::Asleep(at) if self.summary.list_ended => (HeldBy::Backoff, Some(*at)),
            Next::Asleep(at) => (HeldBy::List, Some(*at)),
            Next::Idle if self.summary.list_ended => (HeldBy::Nothing, None),
            Next::Idle | Next::Start(_) | Next::Late(_) => (HeldBy::List, None),
        };
        self.note_held(held_by, now);
        wake_at
    }

    fn note_held(&mut self, held_by: HeldBy, now: Instant) {
        let limiters: &mut Limiters = &mut self.summary.limiters;
        let lasted = now.saturating_duration_since(self.held_since);
        match self.held_by {
            HeldBy::Nothing => {}
            HeldBy::Jobs => limiters.jobs += lasted,
            HeldBy::PerHost => limiters.per_host += lasted,
            HeldBy::Rate => limiters.rate += lasted,
            HeldBy::Backoff => limiters.backoff += lasted,
            HeldBy::List => limiters.list += lasted,
            HeldBy::Output => limiters.output += lasted,
        }
        (self.held_by, self.held_since) = (held_by, now);
    }

    /// Starts one attempt: a coroutine of its own, or a thread. Says when to try again if not even one can be started.
    fn start(&mut self, waiting: Waiting, now: Instant) -> Option<Instant> {
        let (since, most) = (waiting.since, self.summary.most_in_flight);
        let task = self.prepare(waiting, now);
        if let Err((error, Task { request, slot, .. })) = task.start(&self.runtime) {
            slot.vacate();
            self.free_slots.push(slot);
            let earlier = self.take_earlier(request.subject.urlnum);
            return self.do_with_less(Waiting { request, since, earlier }, now, &error);
        }
        self.scarcity.ends();
        if self.summary.most_in_flight > most {
            self.runtime.note_threads();
        }
        None
    }

    /// Makes ready for an attempt what it needs.
    fn prepare(&mut self, waiting: Waiting, now: Instant) -> Task {
        let slot = self.free_slots.pop().unwrap_or_else(|| self.runtime.slot());
        let time_left = self.time_left(&waiting, now);
        let queue =
            if waiting.is_first() { now.saturating_duration_since(waiting.since) } else { Duration::ZERO };
        let Waiting { request, earlier, .. } = waiting;
        let attempt = u32::try_from(earlier.len()).unwrap_or(u32::MAX).saturating_add(1);
        slot.occupy(Arc::clone(&request.subject), attempt, now);
        if self.orders.starts {
            self.teller.tell(Event::Started(Arc::clone(&request.subject)));
        }
        let in_flight = u32::try_from(self.schedule.in_flight()).unwrap_or(u32::MAX);
        self.summary.most_in_flight = self.summary.most_in_flight.max(in_flight);
        if !earlier.is_empty() {
            self.earlier.insert(request.subject.urlnum, earlier);
        }
        Task { means: Arc::clone(&self.means), request, slot, started: now, queue, time_left }
    }

    fn time_left(&self, waiting: &Waiting, now: Instant) -> Option<Duration> {
        let of_rounds = self.rounds.as_ref().and_then(|rounds| rounds.time_left(now));
        [waiting.time_left(now), of_rounds].into_iter().flatten().min()
    }

    /// The end of an entry that waits, for its first slot or for another try.
    fn give_up(&mut self, waiting: Waiting, now: Instant, class: Class, message: String) {
        let phase = if waiting.is_first() { Phase::Queue } else { Phase::Backoff };
        let mut attempt = Attempt::begin(now);
        if waiting.is_first() {
            attempt.timings.queue = now.saturating_duration_since(waiting.since);
        }
        attempt.failure = Some(Failure::new(class, phase, message));
        attempt.verdicts = check::not_evaluated(&waiting.request.checks);
        let mut attempts = waiting.earlier;
        attempts.push(Box::new(attempt));
        self.settle(&waiting.request, attempts);
    }

    fn look_at_the_time(&mut self) {
        let now = Instant::now();
        self.teller.flush_when_due(now);
        let Some(at) = self.deadline_at.filter(|at| *at <= now) else { return };
        self.deadline_at = None;
        self.teller.tell(Event::Parked(self.view.parked(at)));
        self.stop(Stop::Deadline);
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Listed(entries) => self.bring(entries),
            Message::Remark(words) => self.teller.tell(Event::Warning(words)),
            Message::LeftOut(not_chosen, other_shards) => {
                (self.summary.not_chosen, self.summary.other_shards) = (not_chosen, other_shards);
            }
            Message::EndOfList(error) => self.end_intake(error),
            Message::Finished(finished) => self.take_finished(finished),
            Message::Trace(subject, trace) => self.teller.tell(Event::Trace(subject, trace)),
            Message::Stop(stop) => self.stop(stop),
            Message::Look => {}
        }
    }

    fn take_finished(&mut self, finished: Finished) {
        let Finished { request, slot, mut attempt } = finished;
        slot.vacate();
        self.free_slots.push(slot);
        self.schedule.finish(&request);
        if let Some(failure) = attempt.failure.as_mut().filter(|failure| failure.class == Class::Cancelled) {
            failure.message = self.reason();
        }
        let mut attempts = self.take_earlier(request.subject.urlnum);
        if let Some(before) = attempts.last() {
            attempt.wait_before = attempt.started.saturating_duration_since(before.ended());
        }
        attempts.push(attempt);
        self.go_on(&request, attempts);
    }

    fn take_earlier(&mut self, urlnum: u64) -> Attempts {
        // Most runs try nothing again, and a map hashes also when it is empty.
        if self.earlier.is_empty() {
            Attempts::new()
        } else {
            self.earlier.remove(&urlnum).unwrap_or_default()
        }
    }

    /// Counts an outcome and tells of it: the one place, so that there is exactly one for each entry.
    fn finish(&mut self, mut outcome: Outcome) {
        outcome.round = outcome.round.or(self.rounds.as_ref().map(Rounds::number));
        let summary = &mut self.summary;
        match outcome.kind {
            Kind::Pass => summary.passed += 1,
            Kind::Soft => summary.soft += 1,
            Kind::Cancelled => summary.cancelled += 1,
            Kind::Fail => summary.failed += 1,
        }
        let class = outcome.failure().map(|failure| failure.class);
        if outcome.kind == Kind::Fail {
            summary.failed_write += u64::from(class == Some(Class::Write));
            summary.internal += u64::from(class == Some(Class::Internal));
        }
        self.gates.add(&outcome);
        let ends_the_run = self.orders.fail_fast && outcome.kind == Kind::Fail;
        self.teller.finished(outcome);
        if ends_the_run {
            self.stop(Stop::FailFast);
        }
    }

    /// Ends the run: what waits is cancelled here, what is in flight by its own next wait. The first reason stays,
    /// but for a signal, which says more than `--fail-fast`.
    fn stop(&mut self, stop: Stop) {
        let is_first = self.summary.stop.is_none();
        if is_first || matches!(stop, Stop::Signal(_)) {
            self.summary.stop = Some(stop);
        }
        if matches!(stop, Stop::Signal(_) | Stop::Deadline) {
            self.runtime.hurry();
        }
        if !is_first {
            return;
        }
        self.credits.close();
        self.runtime.stop();
        let now = Instant::now();
        for waiting in self.schedule.drain() {
            self.give_up(waiting, now, Class::Cancelled, self.reason());
        }
        self.stop_rounds(now);
    }

    fn reason(&self) -> String {
        match self.summary.stop {
            Some(Stop::Signal(2)) => "interrupted".to_owned(),
            Some(Stop::Signal(signal)) => format!("ended by signal {signal}"),
            Some(Stop::Deadline) => {
                let limit = self.orders.deadline.unwrap_or_default().as_secs_f64();
                format!("the run's {limit} s are over (--deadline)")
            }
            Some(Stop::FailFast) => "another URL failed (--fail-fast)".to_owned(),
            Some(Stop::OutputClosed) => "standard output was closed".to_owned(),
            None => "the run was stopped".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
