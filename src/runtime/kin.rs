//! A process of our own and the socket between us: the one thing that it inherits.
//!
//! Knows pairs of sockets, descriptors by number, and that a process ends with the one that started it. Refuses to know
//! what is said.
#![expect(
    unsafe_code,
    reason = "what is done between fork and exec has no word in std; each call is argued where it stands"
)]

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use super::sys;

/// The number that the child finds its end under: the first behind the standard streams.
const CHILD_END: RawFd = 3;

/// Makes `close_range` leave descriptors open until another program begins (`linux/close_range.h`:
/// `CLOSE_RANGE_CLOEXEC`).
const CLOSE_AT_EXEC: libc::c_long = 4;

/// Gives a command a socket to its parent, and has the process end with the thread that starts it: for threads that
/// last as long as we do. Says which end is ours.
///
/// # Errors
/// What the system said when there is no descriptor for it.
pub fn tie(command: &mut Command) -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    let parent = std::process::id();
    let tie = move || -> io::Result<()> {
        // SAFETY: system calls that are safe between fork and exec, without pointers. `dup2` onto itself would leave
        // the flag that closes it at exec.
        unsafe {
            if theirs.as_raw_fd() == CHILD_END {
                libc::fcntl(CHILD_END, libc::F_SETFD, 0);
            } else if libc::dup2(theirs.as_raw_fd(), CHILD_END) < 0 {
                return Err(io::Error::last_os_error());
            }
            // What the shell left open for us is not for others; where the kernel is older than 5.11, it stays.
            let (first, last) = (libc::c_long::from(CHILD_END + 1), libc::c_long::from(u32::MAX));
            libc::syscall(libc::SYS_close_range, first, last, CLOSE_AT_EXEC);
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            // It may have gone before it was asked for.
            if u32::try_from(libc::getppid()).ok() != Some(parent) {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
        }
        Ok(())
    };
    // SAFETY: what runs between fork and exec allocates nothing and takes no lock.
    unsafe { command.pre_exec(tie) };
    Ok(ours)
}

/// The child's end, once a process. It goes by our name, whatever file it was started from.
///
/// # Errors
/// That there is none.
pub fn inherited() -> io::Result<UnixStream> {
    // SAFETY: asks for a flag, without pointers.
    if unsafe { libc::fcntl(CHILD_END, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the text ends in NUL and lives for ever.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"greenfetch".as_ptr()) };
    // SAFETY: it is open, and nobody else in this process has a claim on this number: it was put there for us.
    Ok(UnixStream::from(unsafe { OwnedFd::from_raw_fd(CHILD_END) }))
}

/// The reading end, for a thread that waits where others of the process must not: they share what it is like.
pub struct Ear<'a>(pub &'a UnixStream);

impl Read for Ear<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match (&mut self.0).read(into) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    sys::poll(&[(self.0.as_fd(), sys::Interest::Read)], None)?;
                }
                read => return read,
            }
        }
    }
}

/// Says something whole, or where there is no room for a first byte nothing at all: for a thread that may wait a moment.
/// Says whether it did.
///
/// # Errors
/// What the connection died of.
pub fn try_say(socket: &UnixStream, message: &[u8]) -> io::Result<bool> {
    let mut rest = message;
    while !rest.is_empty() {
        match sys::send(socket, rest) {
            Ok(count) => rest = &rest[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Err(_) if rest.len() == message.len() => return Ok(false),
            // A Unix stream takes so few bytes whole; where it does not, the rest belongs to what it has.
            Err(_) => _ = sys::poll(&[(socket.as_fd(), sys::Interest::Write)], None)?,
        }
    }
    Ok(true)
}

/// What another process of ours has had of processors so far; zero when it is no more.
pub fn cpu_time(process: u32) -> Duration {
    i32::try_from(process).map_or(Duration::ZERO, sys::process_cpu_time)
}
