//! What runs in a slot: an attempt, whatever becomes of it, and those that follow.
//!
//! Knows how an attempt is begun, bounded and survived. Refuses to know what is next (`desk`).

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Message;
use super::desk::Desk;
use crate::check;
use crate::event::Trace;
use crate::http::{Fetch, Tracer};
use crate::outcome::{Attempt, Class, Failure};
use crate::request::Request;
use crate::runtime::{Runtime, Sender, Slot};

/// So many attempts are made one after another, and then others have a turn: they may be of a kind that never waits.
const MOST_IN_A_ROW: u32 = 64;

/// What all attempts of a run are made with.
pub(super) struct Means {
    pub(super) fetch: Arc<dyn Fetch>,
    pub(super) sender: Sender<Message>,
    /// What happens on the way is told.
    pub(super) verbose: bool,
    /// Where the loop's state lies while the loop waits.
    pub(super) desk: Desk,
}

/// An attempt that is to be made in a slot.
#[derive(Clone)]
pub(super) struct Task {
    pub(super) means: Arc<Means>,
    pub(super) request: Arc<Request>,
    pub(super) slot: Arc<Slot>,
    /// When it had its slot.
    pub(super) started: Instant,
    /// How long it waited for it.
    pub(super) queue: Duration,
    /// What is left of the time for all tries; `None` is no limit.
    pub(super) time_left: Option<Duration>,
}

/// An attempt that is over.
pub struct Finished {
    pub(super) request: Arc<Request>,
    pub(super) slot: Arc<Slot>,
    pub(super) attempt: Box<Attempt>,
}

impl Task {
    /// Has a coroutine or a thread run it.
    ///
    /// # Errors
    /// What the system said when there is none, and the task.
    pub(super) fn start(self, runtime: &Runtime) -> Result<(), (io::Error, Task)> {
        let Err(task) = runtime.hand_over(self, Task::run) else { return Ok(()) };
        let again = task.clone();
        runtime.spawn(|| task.run()).map_err(|error| (error, again))
    }

    /// Makes the attempt, and then those that come next.
    pub(super) fn run(self) {
        let (means, mut next) = (Arc::clone(&self.means), Some(self));
        for in_a_row in 1.. {
            let Some(finished) = next.map(Task::attempt) else { return };
            if in_a_row == MOST_IN_A_ROW {
                return means.sender.send(Message::Finished(finished));
            }
            next = means.settle(finished);
        }
    }

    fn attempt(self) -> Finished {
        let bounded = self.bounded();
        let request = bounded.as_ref().unwrap_or(&self.request);
        let mut attempt = survive(&*self.means.fetch, request, &self.slot, self.tracer(), self.started);
        attempt.timings.queue = self.queue;
        if attempt.verdicts.is_empty() {
            attempt.verdicts = check::not_evaluated(&request.checks);
        }
        if let Some(bounded) = bounded {
            name_limit(&mut attempt, bounded.limits.max_time, &self.request);
        }
        Finished { request: self.request, slot: self.slot, attempt }
    }

    /// The request with no more time than is left for all its tries; `None` where that is no less than it has.
    fn bounded(&self) -> Option<Request> {
        let left = self.time_left?;
        if self.request.limits.max_time.is_some_and(|max_time| max_time <= left) {
            return None;
        }
        let mut request = Request::clone(&self.request);
        request.limits.max_time = Some(left);
        Some(request)
    }

    fn tracer(&self) -> Tracer {
        if !self.means.verbose {
            return None;
        }
        let (subject, sender) = (Arc::clone(&self.request.subject), self.means.sender.clone());
        let tracer = move |trace| sender.send(Message::Trace(Arc::clone(&subject), trace));
        Some(Arc::new(tracer) as Arc<dyn Fn(Trace) + Send + Sync>)
    }
}

/// It was not `--max-time` that was over.
fn name_limit(attempt: &mut Attempt, left: Option<Duration>, request: &Request) {
    let is_over = left.is_some_and(|left| attempt.timings.total >= left);
    if let Some(failure) =
        attempt.failure.as_mut().filter(|failure| is_over && failure.class == Class::Timeout)
    {
        let limit = request.time_for_all_tries().unwrap_or_default().as_secs_f64();
        failure.message = format!("the {limit} s for all tries are over (--retry-max-time)");
    }
}

/// Makes an attempt that had its slot at this time. A bug in one fetch is one failed URL; the others go on.
pub fn survive(
    fetch: &dyn Fetch,
    request: &Request,
    slot: &Arc<Slot>,
    tracer: Tracer,
    started: Instant,
) -> Box<Attempt> {
    let fetched = panic::catch_unwind(AssertUnwindSafe(|| fetch.fetch(request, slot, tracer)));
    fetched.unwrap_or_else(|panic| crashed(started, slot, panic.as_ref()))
}

#[cold]
#[inline(never)]
fn crashed(started: Instant, slot: &Slot, panic: &(dyn std::any::Any + Send)) -> Box<Attempt> {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    let failure = Failure::new(Class::Internal, slot.phase(), format!("a bug in greenfetch: {text}"));
    let mut attempt = Attempt::begin_boxed(started);
    attempt.timings.total = started.elapsed();
    attempt.failure = Some(failure);
    attempt
}
