//! Threads for what would block the worker: name look-ups, files.
//!
//! Knows how many threads there may be. Refuses to know the jobs.

use std::collections::VecDeque;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::answer::Answer;
use super::green;
use super::slot::{Slot, Wake};

use super::census::Census;

/// The most threads at once. Ten slow names must not wait for each other; beyond this they queue.
const MOST_THREADS: usize = 64;

/// Stack of such a thread: glibc's getaddrinfo keeps its packets there, 128 KiB has been seen to suffice.
const STACK_BYTES: usize = 256 << 10;

/// How long a result is waited for where no thread can be had for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long until a thread is asked for again.
const RETRY: Duration = Duration::from_millis(10);

/// A thread with nothing to do goes home after this.
const IDLE: Duration = Duration::from_secs(5);

/// Why there is no result of a job.
#[derive(Debug)]
pub enum NoResult {
    /// Nobody waits for it any more; what it comes to is dropped where it is done.
    GaveUp(Wake),
    /// There is no thread for it.
    NoThread(io::Error),
    /// It panicked.
    Panicked,
}

/// Something to do where it blocks nobody.
pub type Job = Box<dyn FnOnce() + Send>;

/// The threads. Started on demand, so that a run over addresses alone has none.
pub struct Offload {
    state: Arc<State>,
}

struct State {
    queue: Mutex<Queue>,
    bell: Condvar,
    census: Arc<Census>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

impl Offload {
    /// No threads yet.
    pub(super) fn new(census: Arc<Census>) -> Offload {
        Offload { state: Arc::new(State { queue: Mutex::default(), bell: Condvar::new(), census }) }
    }

    /// Has a job done by a thread, at once or when one is free. Where not a single one can be had, the caller does it,
    /// unless it is a coroutine: the worker waits for nobody.
    ///
    /// # Errors
    /// What the system said when not a single thread can be had and the caller is a coroutine.
    pub fn submit(&self, job: Job) -> io::Result<()> {
        self.offer(job).map_err(|(error, _)| error)
    }

    /// The same; gives the job back that nobody can do.
    fn offer(&self, job: Job) -> Result<(), (io::Error, Job)> {
        let mut queue = self.state.queue();
        queue.jobs.push_back(job);
        if queue.idle >= queue.jobs.len() || queue.threads >= MOST_THREADS {
            self.state.bell.notify_one();
            return Ok(());
        }
        match start_thread(&self.state) {
            Ok(()) => {
                queue.threads += 1;
                self.state.census.note_threads();
            }
            Err(_) if queue.threads > 0 => {}
            Err(error) => {
                let job = queue.jobs.pop_back();
                drop(queue);
                match job {
                    Some(job) if green::is_coroutine() => return Err((error, job)),
                    job => job.into_iter().for_each(do_job),
                }
            }
        }
        Ok(())
    }

    /// Has a job done while the slot is parked, and takes its result. Where not a single thread can be had, one is asked for
    /// again for a while: that of the list may be the one too many, and ends.
    ///
    /// # Errors
    /// Why there is none.
    pub fn run<T: Send + 'static>(
        &self,
        slot: &Arc<Slot>,
        until: Option<Instant>,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NoResult> {
        let answer = Arc::new(Answer::default());
        let desk = Desk { result: Arc::new(Mutex::new(None)), answer: Arc::clone(&answer) };
        let patience = Instant::now() + PATIENCE;
        let mut job: Job = Box::new(move || desk.put(job()));
        while let Err((error, again)) = self.offer(job) {
            let now = Instant::now();
            if slot.is_stopped() || now >= until.map_or(patience, |until| until.min(patience)) {
                return Err(NoResult::NoThread(error));
            }
            slot.park(Some(now + RETRY));
            job = again;
        }
        let result = answer.wait(slot, until).map_err(NoResult::GaveUp)?;
        let taken = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.ok_or(NoResult::Panicked)
    }
}

/// Where one result lies until it is taken.
type Shelf<T> = Arc<Mutex<Option<T>>>;

/// Gives the answer when the job is over, even if it panicked: whoever waits without a limit must hear of it.
struct Desk<T> {
    result: Shelf<T>,
    answer: Arc<Answer<Shelf<T>>>,
}

impl<T> Desk<T> {
    fn put(self, result: T) {
        *self.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
    }
}

impl<T> Drop for Desk<T> {
    fn drop(&mut self) {
        self.answer.give(Arc::clone(&self.result));
    }
}

fn start_thread(state: &Arc<State>) -> io::Result<()> {
    let state = Arc::clone(state);
    let builder = std::thread::Builder::new().name("offload".to_owned()).stack_size(STACK_BYTES);
    builder.spawn(move || work(&state)).map(drop)
}

fn work(state: &State) {
    while let Some(job) = state.next_job() {
        do_job(job);
    }
}

fn do_job(job: Job) {
    // A job that panics has lost its answer; whoever waits for it finds out by its deadline.
    let _ = panic::catch_unwind(AssertUnwindSafe(job));
}

impl State {
    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_job(&self) -> Option<Job> {
        let mut queue = self.queue();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            queue.idle += 1;
            let (guard, waited) = self.bell.wait_timeout(queue, IDLE).unwrap_or_else(PoisonError::into_inner);
            queue = guard;
            queue.idle -= 1;
            if waited.timed_out() && queue.jobs.is_empty() {
                queue.threads -= 1;
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn jobs_beyond_the_first_do_not_wait_for_it() {
        let offload = Offload::new(Arc::default());
        let (open, gate) = mpsc::channel::<()>();
        let (done, results) = mpsc::channel();
        offload.submit(Box::new(move || gate.recv().unwrap_or(()))).unwrap();
        for number in 0..10 {
            let done = done.clone();
            offload.submit(Box::new(move || done.send(number).unwrap())).unwrap();
        }
        let mut seen: Vec<i32> = results.iter().take(10).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
        open.send(()).unwrap();
    }

    #[test]
    fn a_result_comes_back_and_a_panic_is_told() {
        let runtime = super::super::Runtime::start(crate::config::Mode::Threads, 1).unwrap();
        let slot = runtime.slot();
        assert_eq!(runtime.offload().run(&slot, None, || 7).unwrap(), 7);
        let panicked =
            runtime.offload().run(&slot, None, || -> u8 { panic::resume_unwind(Box::new("quietly")) });
        assert!(matches!(panicked, Err(NoResult::Panicked)));
    }

    #[test]
    fn a_stop_ends_no_wait_that_is_not_to_be_stopped() {
        let runtime = super::super::Runtime::start(crate::config::Mode::Threads, 1).unwrap();
        let slot = runtime.slot();
        runtime.stop();
        let run = || runtime.offload().run(&slot, None, || 7);
        assert_eq!(slot.unstopped(run).unwrap(), 7);
        assert!(slot.is_stopped());
    }

    #[test]
    fn a_job_that_panics_takes_no_thread_with_it() {
        let offload = Offload::new(Arc::default());
        offload.submit(Box::new(|| panic::resume_unwind(Box::new("quietly")))).unwrap();
        let (done, results) = mpsc::channel();
        offload.submit(Box::new(move || done.send(1).unwrap())).unwrap();
        assert_eq!(results.recv(), Ok(1));
    }

    #[test]
    fn names_that_are_never_answered_hold_up_no_disk() {
        let runtime = super::super::Runtime::start(crate::config::Mode::Threads, 1).unwrap();
        let gate = Arc::new(std::sync::Barrier::new(MOST_THREADS + 1));
        for _ in 0..MOST_THREADS {
            let gate = Arc::clone(&gate);
            runtime.names().submit(Box::new(move || _ = gate.wait())).unwrap();
        }
        assert_eq!(runtime.offload().run(&runtime.slot(), None, || 7).unwrap(), 7);
        gate.wait();
    }
}
