//! Descriptors that are waited for: by a coroutine under the selector's eye, by a thread with a call that blocks.
//!
//! Knows registering, waiting and the order of letting go. Refuses to know what a descriptor is.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::Instant;

use may::io::{CoIo, WaitIo};

use super::green;
use super::slot::{Parking, Slot, Wake};
use super::sys::{self, Interest};

/// The bit that may sets when somebody called a waker; the others are epoll's.
const WAKER_BIT: usize = 0x8000_0000;

/// A descriptor, and by whom it is waited for.
pub(super) enum Watched {
    Coroutine(Watching),
    Thread(OwnedFd),
}

/// A descriptor under the selector's eye, until this is dropped.
///
/// May's own pair of both closes the descriptor before it takes it from the selector. Where another process has it too at
/// that moment, as every child has between fork and exec, the kernel keeps the entry, and the next event of that
/// connection leads to memory that was given back (seen as a crash of the tests, which start children, 2026-11). So may is given the number alone, and what
/// is dropped first stands first.
pub(super) struct Watching {
    io: CoIo<Number>,
    fd: OwnedFd,
}

/// The number of a descriptor that somebody else closes.
struct Number(RawFd);

impl AsRawFd for Number {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

impl Watching {
    /// Puts a descriptor under the selector's eye.
    pub(super) fn begin(fd: OwnedFd) -> io::Result<Watching> {
        let io = CoIo::new(Number(fd.as_raw_fd())).map_err(io::Error::from)?;
        Ok(Watching { io, fd })
    }

    fn end(self) -> OwnedFd {
        let Watching { io, fd } = self;
        drop(io);
        fd
    }

    /// Parks the coroutine until something happens to it: one that no slot knows.
    pub(super) fn wait(&self) {
        self.io.wait_io();
    }

    /// What the selector has seen since it was last asked, or waited for.
    pub(super) fn take_flags(&self) -> usize {
        #[expect(deprecated, reason = "it is the only word of may's for 'has anything happened since'")]
        self.io.reset_io()
    }
}

impl Watched {
    pub(super) fn new(fd: OwnedFd) -> io::Result<Watched> {
        if green::is_coroutine() {
            Watching::begin(fd).map(Watched::Coroutine)
        } else {
            Ok(Watched::Thread(fd))
        }
    }

    pub(super) fn fd(&self) -> &OwnedFd {
        match self {
            Watched::Coroutine(watching) => &watching.fd,
            Watched::Thread(fd) => fd,
        }
    }

    /// Takes it from under the selector's eye again.
    pub(super) fn into_fd(self) -> OwnedFd {
        match self {
            Watched::Coroutine(watching) => watching.end(),
            Watched::Thread(fd) => fd,
        }
    }

    /// Waits until the descriptor may be ready. With `Woken` come the selector's flags, 0 in a thread, where the next
    /// wait asks anew anyway.
    pub(super) fn wait(&self, slot: &Slot, interest: Interest, until: Option<Instant>) -> (Wake, usize) {
        match self {
            Watched::Coroutine(watching) => wait_parked(&watching.io, slot, until),
            Watched::Thread(fd) => (wait_blocked(fd, slot, interest, until), 0),
        }
    }
}

/// Parks the coroutine until the selector saw something happen to the descriptor. Edge-triggered, so whatever happened
/// since the last wait ends this one at once, and callers must take all there is before they wait again.
fn wait_parked(io: &CoIo<Number>, slot: &Slot, until: Option<Instant>) -> (Wake, usize) {
    slot.shared.assert_on_worker();
    *slot.parking() = Parking::Descriptor(io.waker());
    slot.shared.expect_wake_at(slot.index, until);
    let wake = loop {
        if slot.is_stopped() {
            break (Wake::Stopped, 0);
        }
        slot.shared.end_turn();
        let flags = io.wait_io() & !WAKER_BIT;
        slot.shared.begin_turn(slot.index);
        if flags != 0 {
            break (Wake::Woken, flags);
        }
        if until.is_some_and(|until| until <= Instant::now()) {
            break (Wake::Late, 0);
        }
    };
    // What would wake it stays there: to be woken by it once more is spurious.
    slot.shared.expect_wake_at(slot.index, None);
    wake
}

/// Blocks the thread until the descriptor is ready or the run is stopped.
fn wait_blocked(fd: &OwnedFd, slot: &Slot, interest: Interest, until: Option<Instant>) -> Wake {
    loop {
        if slot.is_stopped() {
            return Wake::Stopped;
        }
        let watched = [(fd.as_fd(), interest), (slot.shared.stop_bell(), Interest::Read)];
        // Who does not heed a stop must not be woken by it again and again.
        let watched = if slot.heeds_stop() { &watched[..] } else { &watched[..1] };
        match sys::poll(watched, until) {
            Ok(ready) if ready[0] => return Wake::Woken,
            // `poll` has no memory for its table or the like: the caller's own call will say what is wrong.
            Err(_) => return Wake::Woken,
            Ok(_) => {}
        }
        if until.is_some_and(|until| until <= Instant::now()) {
            return Wake::Late;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::MetadataExt as _;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::config::Mode;
    use crate::runtime::Runtime;

    /// Whether a selector of this process has an entry for it, whatever its number (proc(5), `/proc/pid/fdinfo`).
    fn is_watched(inode: u64) -> bool {
        let entry = format!("ino:{inode:x} ");
        let selectors = fs::read_dir("/proc/self/fdinfo").unwrap().flatten();
        selectors
            .filter_map(|selector| fs::read_to_string(selector.path()).ok())
            .any(|text| text.contains(&entry))
    }

    #[test]
    fn what_others_have_open_too_is_watched_no_longer_than_it_is_ours() {
        let _selector = Runtime::start(Mode::Coroutines, 1).unwrap();
        let (ours, _other) = UnixStream::pair().unwrap();
        let as_in_a_child = ours.try_clone().unwrap();
        let file = fs::metadata(format!("/proc/self/fd/{}", as_in_a_child.as_raw_fd())).unwrap();
        let watching = Watching::begin(OwnedFd::from(ours)).unwrap();
        assert!(is_watched(file.ino()));
        drop(watching);
        assert!(!is_watched(file.ino()));
    }
}
