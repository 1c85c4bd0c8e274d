//! The one socket of both worlds: in a coroutine it parks, in a thread it blocks, and it knows itself which.
//!
//! Knows connecting (RFC 8305), bytes and readiness. Refuses to know TLS, HTTP and names.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::is_readable_within;
use super::race::{ConnectError, Race};
use super::slot::{Slot, Wake};
use super::sys::{self, Interest};
use super::watched::Watched;

/// What epoll says of a descriptor whose other end is done, or that is broken.
const ENDED: usize = (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as usize;

/// What it says of one that has something to read, an end included.
const READABLE: usize = libc::EPOLLIN as usize | ENDED;

/// A connected stream that never blocks by itself: `recv` and `send` say `WouldBlock`, `wait_…` waits.
///
/// Any thread may receive and send, and be the one that drops it: may takes what the selector had of it over a queue.
/// Only the task that it was made for may wait.
pub struct Socket {
    watched: Watched,
    /// The wait for the connect or for room saw that there is something to read. The selector does not tell it twice.
    saw_readable: AtomicBool,
    /// A wait saw that the other end is done, perhaps together with its last bytes. That is not told twice either.
    saw_end: AtomicBool,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Socket({})", self.fd().as_raw_fd())
    }
}

impl Socket {
    /// Connects to the first address that answers: the next one begins when one has failed, or `stagger` after the one
    /// before, while that goes on (RFC 8305 §5).
    ///
    /// # Errors
    /// What each address said when none answered before `until`.
    pub fn connect_any(
        addrs: &[SocketAddr],
        stagger: Duration,
        slot: &Slot,
        until: Option<Instant>,
    ) -> Result<(Socket, SocketAddr), ConnectError> {
        Race::new(stagger).run(addrs, slot, until)
    }

    /// Connects to a Unix socket, without a wait.
    ///
    /// # Errors
    /// What the system said; one that `is_exhaustion` knows, as of a queue that is full, may pass.
    pub fn connect_local(path: &Path) -> io::Result<Socket> {
        let fd = sys::local_socket()?;
        retry_interrupted(|| sys::connect_local(&fd, path))?;
        Ok(Socket::new(Watched::new(fd)?, 0))
    }

    /// One end of a pair, as `kin` makes it; to be called where it will be waited for: in a coroutine or a thread.
    ///
    /// # Errors
    /// What the system said.
    pub fn adopt(end: OwnedFd) -> io::Result<Socket> {
        Ok(Socket::new(Watched::new(end)?, READABLE & !ENDED))
    }

    pub(super) fn new(watched: Watched, flags: usize) -> Socket {
        let socket =
            Socket { watched, saw_readable: AtomicBool::new(false), saw_end: AtomicBool::new(false) };
        socket.note(flags);
        socket
    }

    /// Remembers what a wait for something else saw by the way.
    fn note(&self, flags: usize) {
        if flags & READABLE != 0 {
            self.saw_readable.store(true, Ordering::Relaxed);
        }
        if flags & ENDED != 0 {
            self.saw_end.store(true, Ordering::Relaxed);
        }
    }

    fn fd(&self) -> &OwnedFd {
        self.watched.fd()
    }

    /// Takes what has arrived; 0 is the other end's FIN.
    ///
    /// # Errors
    /// `WouldBlock` when nothing has, or what the connection died of.
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        retry_interrupted(|| sys::recv(self.fd(), buf, false))
    }

    /// Shows what has arrived and leaves it to the next `recv`; 0 is the other end's FIN.
    ///
    /// # Errors
    /// As `recv`.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        let count = retry_interrupted(|| sys::recv(self.fd(), buf, true))?;
        // The selector does not tell of it again.
        self.saw_readable.store(true, Ordering::Relaxed);
        Ok(count)
    }

    /// Throws away bytes that have arrived, at most so many, without a copy; 0 is the other end's FIN. For TCP alone.
    ///
    /// # Errors
    /// `WouldBlock` when none have: wait, and try again.
    pub fn discard(&self, most: usize) -> io::Result<usize> {
        retry_interrupted(|| sys::discard(self.fd(), most))
    }

    /// How many bytes have arrived that nobody has received; 0 where the system does not say. An end is none.
    pub fn waiting(&self) -> usize {
        sys::waiting(self.fd()).unwrap_or(0)
    }

    /// Whether there is something to `recv`, its end included, before so much time is over. For threads that may wait,
    /// while nobody else waits for it.
    pub fn is_readable_within(&self, patience: Duration) -> bool {
        is_readable_within(self.fd().as_fd(), patience)
    }

    /// Sends what there is room for.
    ///
    /// # Errors
    /// `WouldBlock` when there is none, or what the connection died of.
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        retry_interrupted(|| sys::send(self.fd(), bytes))
    }

    /// Waits for something to `recv`. `Woken` may be spurious.
    pub fn wait_readable(&self, slot: &Slot, until: Option<Instant>) -> Wake {
        if self.saw_readable.swap(false, Ordering::Relaxed) || self.saw_end.load(Ordering::Relaxed) {
            return if slot.is_stopped() { Wake::Stopped } else { Wake::Woken };
        }
        let (wake, flags) = self.watched.wait(slot, Interest::Read, until);
        if flags & ENDED != 0 {
            self.saw_end.store(true, Ordering::Relaxed);
        }
        wake
    }

    /// Waits for room to `send`. `Woken` may be spurious.
    pub fn wait_writable(&self, slot: &Slot, until: Option<Instant>) -> Wake {
        self.wait_noting(slot, Interest::Write, until)
    }

    /// Waits for room to `send`, or something to `recv`. `Woken` may be spurious.
    pub fn wait_either(&self, slot: &Slot, until: Option<Instant>) -> Wake {
        self.wait_noting(slot, Interest::Both, until)
    }

    fn wait_noting(&self, slot: &Slot, interest: Interest, until: Option<Instant>) -> Wake {
        let (wake, flags) = self.watched.wait(slot, interest, until);
        self.note(flags);
        wake
    }

    /// Whether nothing has arrived, not even an end: the state in which an idle connection may be used again. In a
    /// coroutine the selector's flags answer for free unless something happened; else it takes a system call.
    pub fn is_quiet(&self) -> bool {
        if let Watched::Coroutine(watching) = &self.watched {
            let flags = watching.take_flags();
            if self.saw_end.load(Ordering::Relaxed) {
                return false;
            }
            if flags == 0 && !self.saw_readable.load(Ordering::Relaxed) {
                return true;
            }
        }
        let mut byte = [0_u8; 1];
        matches!(sys::recv(self.fd(), &mut byte, true), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Our end.
    ///
    /// # Errors
    /// What the system said.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        sys::local_addr(self.fd())
    }

    /// Sends small writes at once.
    ///
    /// # Errors
    /// What the system said.
    pub fn set_nodelay(&self) -> io::Result<()> {
        sys::set_nodelay(self.fd())
    }

    /// Makes closing answer with a reset in place of a FIN.
    ///
    /// # Errors
    /// What the system said.
    pub fn set_reset_on_close(&self) -> io::Result<()> {
        sys::set_reset_on_close(self.fd())
    }
}

fn retry_interrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Whether an error says that the machine has run out of something that comes back.
pub fn is_exhaustion(error: &io::Error) -> bool {
    const CODES: [i32; 6] =
        [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM, libc::EADDRNOTAVAIL, libc::EAGAIN];
    error.raw_os_error().is_some_and(|code| CODES.contains(&code))
}

/// A socket that takes connections.
pub struct Listener {
    watched: Watched,
}

impl Listener {
    /// Listens at an address; port 0 takes a free one. To be called where `accept` will be: in a coroutine or a thread.
    ///
    /// # Errors
    /// What the system said.
    pub fn bind(addr: SocketAddr, backlog: i32) -> io::Result<Listener> {
        Ok(Listener { watched: Watched::new(sys::listen(addr, backlog)?)? })
    }

    /// The address that it listens at.
    ///
    /// # Errors
    /// What the system said.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        sys::local_addr(self.watched.fd())
    }

    /// The next connection; waits for one. `Ok(None)` when the run is stopped.
    ///
    /// # Errors
    /// What the system said, such as "too many open files": wait before asking again.
    pub fn accept(&self, slot: &Slot) -> io::Result<Option<Socket>> {
        loop {
            match retry_interrupted(|| sys::accept(self.watched.fd())) {
                Ok(fd) => return Ok(Some(Socket::new(Watched::new(fd)?, 0))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
            if self.watched.wait(slot, Interest::Read, None).0 == Wake::Stopped {
                return Ok(None);
            }
        }
    }
}
