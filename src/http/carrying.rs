//! Some of a body on its way from its socket into its file, on the disk's thread alone: then its bytes stay in the cache
//! of one processor, and are copied once less than where the worker receives them.
//!
//! Knows how much is moved at a time, how long more is waited for, and how far a job has come. Refuses to know framing
//! (`reading`), files (`save`) and what an end means.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::outcome::{Failure, Phase};
use crate::runtime::{Slot, Socket};

/// Less than this is received by the worker, as for so little no thread is worth waking. It is below one segment of the
/// loopback, which has just under 64 KiB and is often all that is there when a wait ends.
pub(super) const LEAST_BYTES: usize = 32 << 10;

/// So much is received before it is written: what one and the other touch has to fit into a processor's own cache.
/// By 1 MiB 2 GiB took twice as long as by this; 64 to 256 KiB did not differ by more than one run from the next
/// (2026-11).
pub(super) const BLOCK_BYTES: usize = 128 << 10;

/// A job moves so much at most: the disk's threads are for all, and whoever stops the run waits for what is begun.
pub(super) const MOST_BYTES: usize = 8 << 20;

/// After a receive that brought `LEAST_BYTES` or more, the next bytes are waited for so long before the job is over.
const PATIENCE: Duration = Duration::from_millis(1);

/// Why a job went no further.
#[derive(Debug)]
pub(super) enum End {
    /// It has moved as much as it was to, or as it had time for.
    Enough,
    /// Nothing more is there to receive: wait for it.
    Empty,
    /// The other end's FIN.
    Fin,
    /// The connection died of this.
    Broken(io::Error),
}

/// What came of a job.
pub(super) struct Carried {
    /// Bytes that were received, also of those that could not be written.
    pub(super) received: usize,
    /// Why it ended, or why the file could not be written.
    pub(super) end: Result<End, Failure>,
}

/// How far a job has come, also for one that gives up waiting for it. Where the URL is said to be follows it: whoever
/// looks what a run is parked on has to see a disk that hangs.
pub(super) struct Course {
    slot: Arc<Slot>,
    /// When the attempt is over; `None` = no limit.
    until: Option<Instant>,
    state: Mutex<State>,
}

#[derive(Clone, Copy)]
struct State {
    so_far: SoFar,
    /// When it began to wait for the disk; `None` while it receives.
    writing_since: Option<Instant>,
    is_left: bool,
}

/// What of a job is done.
#[derive(Clone, Copy)]
pub(super) struct SoFar {
    /// Bytes that were received.
    pub(super) received: usize,
    /// How long the disk was waited for, its thread included.
    pub(super) writing: Duration,
    /// `Receive` or `Write`.
    pub(super) phase: Phase,
}

impl Course {
    /// A job that waits for a thread of the disk's. It ends by itself at `until`, between two blocks; `None` is no limit.
    pub(super) fn begin(slot: &Arc<Slot>, until: Option<Instant>, now: Instant) -> Arc<Course> {
        let so_far = SoFar { received: 0, writing: Duration::ZERO, phase: Phase::Write };
        let state = State { so_far, writing_since: Some(now), is_left: false };
        Arc::new(Course { slot: Arc::clone(slot), until, state: Mutex::new(state) })
    }

    /// Does what waits for the disk.
    pub(super) fn write<T>(&self, write: impl FnOnce() -> T) -> T {
        self.enter(Phase::Write);
        let written = write();
        self.enter(Phase::Receive);
        written
    }

    fn enter(&self, phase: Phase) {
        let (now, mut state) = (Instant::now(), self.state());
        state.close(now);
        state.writing_since = (phase == Phase::Write).then_some(now);
        state.so_far.phase = phase;
        // Under the lock: the slot of one that was left may be another's.
        if !state.is_left {
            self.slot.relay(phase, now);
        }
    }

    fn note_received(&self, bytes: usize) {
        self.state().so_far.received += bytes;
    }

    fn is_over(&self) -> bool {
        self.until.is_some_and(|until| until <= Instant::now()) || self.state().is_left
    }

    /// Nobody waits for the job any more: it ends soon if it has not ended. Says how far it came.
    pub(super) fn leave(&self) -> SoFar {
        let mut state = self.state();
        state.close(Instant::now());
        state.is_left = true;
        state.so_far
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn close(&mut self, now: Instant) {
        let waited = self.writing_since.take().map(|since| now.saturating_duration_since(since));
        self.so_far.writing += waited.unwrap_or_default();
    }
}

/// Moves at most so many bytes, buffer by buffer. On a thread that may block.
///
/// # Errors
/// What `write` said.
pub(super) fn carry<E>(
    socket: &Socket,
    most: usize,
    buffer: &mut [u8],
    course: &Course,
    mut write: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<End, E> {
    let mut left = most;
    while left > 0 && !course.is_over() {
        let room = left.min(buffer.len());
        let (count, end) = fill(socket, &mut buffer[..room]);
        course.note_received(count);
        left -= count;
        if count > 0 {
            course.write(|| write(&buffer[..count]))?;
        }
        if let Some(end) = end {
            return Ok(end);
        }
    }
    Ok(End::Enough)
}

/// Receives until the buffer is full, or nothing more comes soon; says how much, and in the second case why.
fn fill(socket: &Socket, buffer: &mut [u8]) -> (usize, Option<End>) {
    let (mut filled, mut last) = (0, LEAST_BYTES);
    while filled < buffer.len() {
        match socket.recv(&mut buffer[filled..]) {
            Ok(0) => return (filled, Some(End::Fin)),
            Ok(count) => (filled, last) = (filled + count, count),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                return (filled, Some(End::Broken(error)));
            }
            Err(_) if last >= LEAST_BYTES && socket.is_readable_within(PATIENCE) => last = 0,
            Err(_) => return (filled, Some(End::Empty)),
        }
    }
    (filled, None)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;
    use crate::config::Mode;
    use crate::runtime::Runtime;

    /// A socket, its other end, and a job that has not begun.
    fn pair() -> (Socket, UnixStream, Arc<Course>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let socket = Socket::connect_local(&path).unwrap();
        let slot = Runtime::start(Mode::Threads, 1).unwrap().slot();
        (socket, listener.accept().unwrap().0, Course::begin(&slot, None, Instant::now()))
    }

    /// Carries with a small buffer into a vector.
    fn carried(socket: &Socket, course: &Course, most: usize) -> (End, Vec<u8>) {
        let mut file = Vec::new();
        let end = carry(socket, most, &mut [0; 100], course, |block| {
            file.extend_from_slice(block);
            Ok::<_, io::Error>(())
        });
        (end.unwrap(), file)
    }

    #[test]
    fn so_much_is_moved_and_what_is_behind_it_stays() {
        let (socket, mut other, course) = pair();
        other.write_all(&[7; 1000]).unwrap();
        let (end, file) = carried(&socket, &course, 950);
        assert!(matches!(end, End::Enough) && file == [7; 950]);
        assert_eq!((socket.waiting(), course.leave().received), (50, 950));
    }

    #[test]
    fn what_has_come_is_written_before_the_job_ends() {
        let (socket, mut other, course) = pair();
        other.write_all(&[7; 150]).unwrap();
        let (end, file) = carried(&socket, &course, 950);
        assert!(matches!(end, End::Empty) && file == [7; 150], "{end:?}");
        other.write_all(&[8; 150]).unwrap();
        drop(other);
        let (end, file) = carried(&socket, &course, 950);
        assert!(matches!(end, End::Fin) && file == [8; 150], "{end:?}");
    }

    #[test]
    fn what_could_not_be_written_has_been_received() {
        let (socket, mut other, course) = pair();
        other.write_all(&[7; 300]).unwrap();
        let mut n_blocks = 0;
        let write = |_: &[u8]| {
            n_blocks += 1;
            if n_blocks < 2 { Ok(()) } else { Err("full") }
        };
        assert_eq!(carry(&socket, 950, &mut [0; 100], &course, write).unwrap_err(), "full");
        assert_eq!(course.leave().received, 200);
    }

    #[test]
    fn a_job_that_was_left_takes_no_more_and_moves_nobody_elses_phase() {
        let (socket, mut other, course) = pair();
        other.write_all(&[7; 300]).unwrap();
        let so_far = course.leave();
        assert_eq!((so_far.received, so_far.phase), (0, Phase::Write));
        let phase = course.slot.phase();
        assert!(carried(&socket, &course, 950).1.is_empty());
        course.write(|| ());
        assert_eq!((socket.waiting(), course.slot.phase()), (300, phase));
    }

    #[test]
    fn a_job_ends_with_the_time_of_its_attempt() {
        let (socket, mut other, course) = pair();
        other.write_all(&[7; 300]).unwrap();
        let now = Instant::now();
        let late = Course::begin(&course.slot, Some(now), now);
        let (end, file) = carried(&socket, &late, 950);
        assert!(matches!(end, End::Enough) && file.is_empty(), "{end:?}");
    }

    #[test]
    fn where_a_job_is_can_be_seen_while_it_lasts() {
        let (socket, mut other, course) = pair();
        other.write_all(&[7; 100]).unwrap();
        let end = carry(&socket, 100, &mut [0; 100], &course, |_| {
            assert_eq!(course.slot.phase(), Phase::Write);
            Ok::<_, io::Error>(())
        });
        assert!(matches!(end, Ok(End::Enough)));
        assert_eq!(course.slot.phase(), Phase::Receive);
        let so_far = course.leave();
        assert!(so_far.writing > Duration::ZERO && so_far.phase == Phase::Receive);
        drop(socket);
        assert!(matches!(other.read(&mut [0]), Ok(0)));
    }
}
