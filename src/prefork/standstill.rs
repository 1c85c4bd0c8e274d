//! That a worker of a process stands still, said while it does: past that worker, which can say nothing meanwhile.
//!
//! Knows that two threads speak over one socket, and keeps each message whole. Refuses to notice a standstill, and to
//! word it: the watcher and the sinks are the same as with one process.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::wire::{self, Garbled, Report};
use crate::event::{Stall, StallCause};
use crate::outcome::Phase;
use crate::request::Subject;
use crate::runtime::{Socket, kin};

/// Said again when it has lasted longer by this part of itself: fifty messages in the first second.
const PART: u32 = 16;

/// The end of the socket that speaks. The root says most; the watcher has its word between two messages.
pub(super) struct Mouth {
    socket: Arc<UnixStream>,
    /// Whether somebody is in the middle of a message, or the first one is not said yet.
    is_taken: Mutex<bool>,
}

impl Mouth {
    /// Of a process that has yet to say whether it is ready.
    pub(super) fn new(socket: Arc<UnixStream>) -> Arc<Mouth> {
        Arc::new(Mouth { socket, is_taken: Mutex::new(true) })
    }

    /// That has been said.
    pub(super) fn open(&self) {
        *self.is_taken() = false;
    }

    /// As [`Socket::send`], for the root: whole messages, in as many calls as it takes.
    ///
    /// # Errors
    /// What the connection died of, and that it has to wait.
    pub(super) fn send(&self, socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
        let mut is_taken = self.is_taken();
        let count = socket.send(bytes)?;
        *is_taken = count < bytes.len();
        Ok(count)
    }

    /// For another thread: whether it was said.
    fn interject(&self, message: &[u8]) -> bool {
        let is_taken = self.is_taken();
        // A parent that is gone is noticed by the main thread.
        !*is_taken && kin::try_say(&self.socket, message).unwrap_or(true)
    }

    fn is_taken(&self) -> MutexGuard<'_, bool> {
        self.is_taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the parent what the watcher notices.
pub(super) fn teller(mouth: Arc<Mouth>) -> impl FnMut(Option<&Stall>) + Send {
    let (mut told, mut message) = (None, Vec::new());
    move |stall| {
        let lasted = stall.map(|stall| stall.lasted);
        if is_news(told, lasted) {
            message.clear();
            wire::write(&Report::Stall(stall.map(StallWire::of)), &mut message);
            if mouth.interject(&message) {
                told = lasted;
            }
        }
    }
}

/// Says that this process is there, past a worker that may be busy.
pub(super) fn answer_hail(mouth: &Mouth) {
    let mut message = Vec::new();
    wire::write(&Report::Here, &mut message);
    // Where the root is in the middle of a message, that says as much.
    let _ = mouth.interject(&message);
}

/// Whether it began, ended, is another one, or has grown since it was told.
fn is_news(told: Option<Duration>, lasted: Option<Duration>) -> bool {
    match (told, lasted) {
        (Some(told), Some(lasted)) => lasted < told || lasted >= told + told / PART,
        (told, lasted) => told.is_some() != lasted.is_some(),
    }
}

/// A standstill: its cause, how long it has lasted, and where, by the number of an entry and of a phase.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StallWire {
    cause: u8,
    lasted: Duration,
    at: Option<(u64, u8)>,
}

/// The causes by their numbers.
const CAUSES: [StallCause; 3] = [StallCause::Busy, StallCause::Blocked, StallCause::Starved];

impl StallWire {
    fn of(stall: &Stall) -> StallWire {
        let at = stall.at.as_ref().map(|(subject, phase)| (subject.urlnum, *phase as u8));
        StallWire { cause: stall.cause as u8, lasted: stall.lasted, at }
    }

    /// With the entry of that number as the run knows it; `None` for one that is done.
    pub(super) fn read(self, entry: impl FnOnce(u64) -> Option<Arc<Subject>>) -> Result<Stall, Garbled> {
        let cause = CAUSES.get(usize::from(self.cause)).copied().ok_or(Garbled)?;
        let place = self.at.map(|(urlnum, phase)| Ok((urlnum, wire::phase(phase)?))).transpose()?;
        let at = place.and_then(|(urlnum, phase): (u64, Phase)| Some((entry(urlnum)?, phase)));
        Ok(Stall { cause, lasted: self.lasted, at, process: None })
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;
    use std::sync::mpsc;
    use std::time::Instant;

    use super::*;
    use crate::config::Mode;
    use crate::record::samples::subject;
    use crate::runtime::Runtime;

    /// The next message, as a run reads it.
    fn next(parent: &mut BufReader<UnixStream>) -> Option<Stall> {
        let mut message = Vec::new();
        assert!(wire::read(parent, &mut message).unwrap());
        let Ok(Report::Stall(stall)) = wire::parse(&message) else { panic!("{message:?}") };
        stall.map(|stall| stall.read(|urlnum| (urlnum == 6).then(|| subject(7))).unwrap())
    }

    #[test]
    fn a_worker_that_is_blocked_is_told_of_meanwhile_and_once_it_goes_on() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let runtime = Runtime::start(Mode::Coroutines, 2).unwrap();
        let mouth = Mouth::new(Arc::new(theirs));
        mouth.open();
        runtime.watch_worker_and_tell(teller(mouth)).unwrap();
        let (end, until) = mpsc::channel::<()>();
        let (spawner, slot) = (runtime.clone(), runtime.slot());
        let fetch = move || {
            slot.occupy(subject(7), 1, Instant::now());
            slot.enter(Phase::Check, Instant::now());
            until.recv().unwrap();
            slot.vacate();
        };
        runtime.start_root(move || spawner.spawn(fetch).unwrap()).unwrap();
        let mut parent = BufReader::new(ours);
        let first = std::iter::from_fn(|| Some(next(&mut parent)))
            .flatten()
            .find(|stall| stall.cause == StallCause::Blocked)
            .unwrap();
        assert_eq!(first.at.map(|(subject, phase)| (subject.urlnum, phase)), Some((6, Phase::Check)));
        let longer = next(&mut parent).unwrap();
        assert!(longer.lasted > first.lasted, "{longer:?}");
        end.send(()).unwrap();
        while next(&mut parent).is_some() {}
    }

    #[test]
    fn it_is_told_as_it_begins_grows_and_ends() {
        let millis = |millis: u64| (millis > 0).then(|| Duration::from_millis(millis));
        for (told, lasted, news) in [
            (0, 0, false),
            (0, 50, true),
            (50, 0, true),
            (50, 53, false),
            (50, 54, true),
            (1_000, 1_062, false),
            (1_000, 1_063, true),
            (1_000, 60, true),
        ] {
            assert_eq!(is_news(millis(told), millis(lasted)), news, "{told} {lasted}");
        }
    }

    #[test]
    fn nobody_speaks_before_the_first_message_or_in_the_middle_of_one() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mouth = Mouth::new(Arc::new(theirs.try_clone().unwrap()));
        assert!(!mouth.interject(b"early"));
        mouth.open();
        assert!(mouth.interject(b"said"));
        let socket = Socket::adopt(theirs.try_clone().unwrap().into()).unwrap();
        let large = vec![0; 4 << 20];
        let count = mouth.send(&socket, &large).unwrap();
        assert!(count < large.len() && !mouth.interject(b"amid"));
        let mut left = &large[count..];
        let reader = std::thread::spawn(move || io::copy(&mut { ours }, &mut io::sink()).unwrap());
        while !left.is_empty() {
            match mouth.send(&socket, left) {
                Ok(count) => left = &left[count..],
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
        while !mouth.interject(b"said") {}
        drop((mouth, socket, theirs));
        assert_eq!(reader.join().unwrap(), u64::try_from(large.len()).unwrap() + 8);
    }

    #[test]
    fn causes_and_places_come_as_they_went() {
        for (number, cause) in (0..).zip(CAUSES) {
            assert_eq!(cause as u8, number);
            let lasted = Duration::from_millis(70);
            let sent = Stall { cause, lasted, at: Some((subject(7), Phase::Receive)), process: None };
            assert_eq!(StallWire::of(&sent).read(|_| Some(subject(7))).unwrap(), sent);
            assert_eq!(StallWire::of(&sent).read(|_| None).unwrap().at, None);
        }
        let odd = StallWire { cause: 9, lasted: Duration::ZERO, at: None };
        assert!(odd.read(|_| None).is_err());
    }
}
