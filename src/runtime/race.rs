//! Connecting to one of several addresses: the first that stands wins (RFC 8305 §5).
//!
//! Knows who begins when, and how several are waited for at once. Refuses to know what is said over the winner.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use super::slot::{Slot, Wake};
use super::socket::{Socket, is_exhaustion};
use super::sys::{self, Interest};
use super::watched::Watched;

/// Why no address could be connected to.
#[derive(Debug)]
pub struct ConnectError {
    /// Each address that was tried in vain and what it said; those without an answer say `TimedOut`.
    pub tried: Vec<(SocketAddr, io::Error)>,
    /// `Woken` when all have failed, `Late` or `Stopped` when waiting ended.
    pub wake: Wake,
    /// Set when the machine ran out of descriptors, ports or memory: try again later.
    pub exhausted: Option<io::Error>,
}

/// Several connects under way, of which the first to stand wins.
pub(super) struct Race {
    pending: Vec<(SocketAddr, OwnedFd)>,
    tried: Vec<(SocketAddr, io::Error)>,
    stagger: Duration,
}

impl Race {
    /// Nobody has started. `stagger` is how long one has the field for itself.
    pub(super) fn new(stagger: Duration) -> Race {
        Race { pending: Vec::new(), tried: Vec::new(), stagger }
    }

    /// Connects until one stands, or all have failed, or it is late.
    pub(super) fn run(
        mut self,
        addrs: &[SocketAddr],
        slot: &Slot,
        until: Option<Instant>,
    ) -> Result<(Socket, SocketAddr), ConnectError> {
        let mut left = addrs.iter().copied();
        let mut next_at = Instant::now();
        loop {
            if self.pending.is_empty() || next_at <= Instant::now() {
                match left.next() {
                    Some(addr) => {
                        if let Err(error) = self.begin(addr) {
                            return Err(self.give_up(Wake::Woken, Some(error)));
                        }
                        next_at = Instant::now() + self.stagger;
                    }
                    None if self.pending.is_empty() => return Err(self.give_up(Wake::Woken, None)),
                    None => {}
                }
            }
            let stop_waiting = if left.len() > 0 { earlier(until, next_at) } else { until };
            let failed = self.tried.len();
            match self.wait(slot, stop_waiting) {
                Ok(Some(winner)) => return Ok(winner),
                // One that has failed makes room for the next at once.
                Ok(None) if self.tried.len() > failed => next_at = Instant::now(),
                Ok(None) => {}
                Err(wake) => return Err(self.give_up(wake, None)),
            }
            if until.is_some_and(|until| until <= Instant::now()) {
                return Err(self.give_up(Wake::Late, None));
            }
        }
    }

    /// Begins to connect to an address; one that fails at once is done with.
    ///
    /// # Errors
    /// What the machine has run out of.
    fn begin(&mut self, addr: SocketAddr) -> io::Result<()> {
        let begun = sys::tcp_socket(addr).and_then(|fd| match sys::connect(&fd, addr) {
            Err(error) if !is_under_way(&error) => Err(error),
            _ => Ok(fd),
        });
        match begun {
            Ok(fd) => self.pending.push((addr, fd)),
            Err(error) if is_exhaustion(&error) => return Err(error),
            Err(error) => self.tried.push((addr, error)),
        }
        Ok(())
    }

    /// Waits until one of the pending has come to something: a winner, or one fewer pending.
    fn wait(&mut self, slot: &Slot, until: Option<Instant>) -> Result<Option<(Socket, SocketAddr)>, Wake> {
        match self.pending.len() {
            0 => Ok(None),
            1 => self.wait_for_one(slot, until),
            _ => self.wait_for_several(slot, until),
        }
    }

    /// The usual case: one address under way, and its own descriptor is waited for.
    fn wait_for_one(
        &mut self,
        slot: &Slot,
        until: Option<Instant>,
    ) -> Result<Option<(Socket, SocketAddr)>, Wake> {
        let (addr, fd) = self.pending.pop().expect("one is pending");
        let watched = match Watched::new(fd) {
            Ok(watched) => watched,
            Err(error) => {
                self.tried.push((addr, error));
                return Ok(None);
            }
        };
        match watched.wait(slot, Interest::Write, until) {
            (Wake::Woken, flags) => Ok(self.settle(addr, watched, flags)),
            (wake, _) => {
                // Taken from under the selector's eye again, so that it can be waited for among others.
                self.pending.push((addr, watched.into_fd()));
                if wake == Wake::Stopped { Err(wake) } else { Ok(None) }
            }
        }
    }

    fn settle(&mut self, addr: SocketAddr, watched: Watched, flags: usize) -> Option<(Socket, SocketAddr)> {
        match sys::take_error(watched.fd()) {
            Ok(()) => Some((Socket::new(watched, flags), addr)),
            // Only a connection that stood can be reset: what comes next finds it ended.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                Some((Socket::new(watched, flags), addr))
            }
            Err(error) => {
                self.tried.push((addr, error));
                None
            }
        }
    }

    /// Several at once: a coroutine parks on one descriptor, so they are put into an epoll set that is one.
    fn wait_for_several(
        &mut self,
        slot: &Slot,
        until: Option<Instant>,
    ) -> Result<Option<(Socket, SocketAddr)>, Wake> {
        let Ok(set) = self.gather() else { return Err(Wake::Late) };
        let (wake, _) = set.wait(slot, Interest::Read, until);
        for (_, fd) in &self.pending {
            let _ = sys::epoll_remove(set.fd(), fd);
        }
        match wake {
            Wake::Stopped => return Err(Wake::Stopped),
            Wake::Late => return Ok(None),
            Wake::Woken => {}
        }
        let watched: Vec<_> = self.pending.iter().map(|(_, fd)| (fd.as_fd(), Interest::Write)).collect();
        let ready = sys::poll(&watched, Some(Instant::now())).unwrap_or_default();
        let Some(index) = ready.iter().position(|ready| *ready) else { return Ok(None) };
        let (addr, fd) = self.pending.remove(index);
        match Watched::new(fd) {
            // The selector tells anew of a descriptor that it is shown for the first time.
            Ok(watched) => Ok(self.settle(addr, watched, 0)),
            Err(error) => {
                self.tried.push((addr, error));
                Ok(None)
            }
        }
    }

    fn gather(&self) -> io::Result<Watched> {
        let set = sys::epoll()?;
        for (_, fd) in &self.pending {
            sys::epoll_add_write(&set, fd)?;
        }
        Watched::new(set)
    }

    fn give_up(mut self, wake: Wake, exhausted: Option<io::Error>) -> ConnectError {
        let unanswered = self.pending.drain(..).map(|(addr, _)| (addr, io::ErrorKind::TimedOut.into()));
        self.tried.extend(unanswered);
        ConnectError { tried: self.tried, wake, exhausted }
    }
}

/// Whether a connect goes on by itself: one that was interrupted does too (POSIX, connect), and must not be begun anew.
fn is_under_way(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR))
}

fn earlier(until: Option<Instant>, other: Instant) -> Option<Instant> {
    Some(until.map_or(other, |until| until.min(other)))
}
