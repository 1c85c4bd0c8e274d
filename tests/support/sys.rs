//! The few calls to the system that std has no word for; the only `unsafe` of the tests.
//!
//! Knows libc. Refuses to know what a test wants with it.

#![expect(
    unsafe_code,
    reason = "signals, SO_LINGER, a backlog of none and a FIFO: std has no safe form of them"
)]

use std::ffi::CString;
use std::io;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Sends a signal to a child that was not waited for yet, so that the number cannot be somebody else's.
pub(crate) fn kill(pid: u32, signal: i32) {
    let pid = libc::pid_t::try_from(pid).expect("a pid fits");
    // SAFETY: no memory is passed.
    let result = unsafe { libc::kill(pid, signal) };
    assert_eq!(result, 0, "kill {pid} {signal}: {}", io::Error::last_os_error());
}

/// Waits until a child has ended and leaves it to be waited for: its number stays its own.
pub(crate) fn wait_without_reaping(pid: u32) {
    // SAFETY: siginfo_t is plain data, for which zeros are a value.
    let mut info = unsafe { std::mem::zeroed::<libc::siginfo_t>() };
    // SAFETY: `info` outlives the call.
    let wait = || unsafe { libc::waitid(libc::P_PID, pid, &raw mut info, libc::WEXITED | libc::WNOWAIT) };
    let mut wait = wait;
    while wait() != 0 {
        let error = io::Error::last_os_error();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted, "waitid {pid}: {error}");
    }
}

/// Makes the next close of a connection a reset: linger, for no time.
pub(crate) fn linger_none(stream: &TcpStream) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let size = libc::socklen_t::try_from(size_of::<libc::linger>()).expect("a linger is small");
    // SAFETY: the pointer and the size are those of `linger`, which outlives the call.
    let result = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size,
        )
    };
    assert_eq!(result, 0, "SO_LINGER: {}", io::Error::last_os_error());
}

/// Makes the queue of a listener as short as the system lets it be.
pub(crate) fn shrink_backlog(listener: &impl AsRawFd) {
    // SAFETY: no memory is passed.
    let result = unsafe { libc::listen(listener.as_raw_fd(), 0) };
    assert_eq!(result, 0, "listen: {}", io::Error::last_os_error());
}

/// Ends an accept that another thread waits in.
pub(crate) fn stop_listening(listener: &impl AsRawFd) {
    // SAFETY: no memory is passed.
    unsafe { libc::shutdown(listener.as_raw_fd(), libc::SHUT_RDWR) };
}

/// Makes a FIFO.
pub(crate) fn make_fifo(path: &Path) {
    let name = CString::new(path.as_os_str().as_bytes()).expect("a path without NUL");
    // SAFETY: `name` ends with NUL and outlives the call.
    let result = unsafe { libc::mkfifo(name.as_ptr(), 0o600) };
    assert_eq!(result, 0, "mkfifo: {}", io::Error::last_os_error());
}
