//! The few calls to the system that std has no word for; the only `unsafe` of the tests.
//!
//! Knows libc. Refuses to know what a test wants with it.

#![expect(
    unsafe_code,
    reason = "signals, SO_LINGER, backlogs, terminals, a FIFO, namespaces, ptrace: std has no safe form of them"
)]

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Sends a signal to a child that was not waited for yet, so that the number cannot be somebody else's.
pub(crate) fn kill(pid: u32, signal: i32) {
    let pid = libc::pid_t::try_from(pid).expect("a pid fits");
    // SAFETY: no memory is passed.
    let result = unsafe { libc::kill(pid, signal) };
    assert_eq!(result, 0, "kill {pid} {signal}: {}", io::Error::last_os_error());
}

/// Has a process stand still, and waits until all of its threads do: on another processor they go on for a moment.
pub(crate) fn stop(pid: u32) {
    kill(pid, libc::SIGSTOP);
    let is_stopped = |task: fs::DirEntry| state(&task.path()).is_none_or(|state| state == 'T');
    while !fs::read_dir(format!("/proc/{pid}/task")).expect("it is there").flatten().all(is_stopped) {
        std::thread::yield_now();
    }
}

/// Sends a signal to a process that may have ended, which is no fault here.
pub(crate) fn kill_if_there(pid: u32, signal: i32) {
    let pid = libc::pid_t::try_from(pid).expect("a pid fits");
    // SAFETY: no memory is passed.
    unsafe { libc::kill(pid, signal) };
}

/// Sends a signal to a child that leads a group of its own, and to the group.
pub(crate) fn kill_group(pid: u32, signal: i32) {
    let pid = libc::pid_t::try_from(pid).expect("a pid fits");
    // SAFETY: no memory is passed. All of them may have ended, which is no fault here.
    unsafe { libc::kill(-pid, signal) };
}

/// Waits until a child has ended and leaves it to be waited for: its number stays its own.
pub(crate) fn wait_without_reaping(pid: u32) {
    wait_for(pid, libc::WEXITED);
}

/// Waits until a signal has stopped a child.
pub(crate) fn wait_for_stop(pid: u32) {
    wait_for(pid, libc::WSTOPPED);
}

fn wait_for(pid: u32, what: libc::c_int) {
    // SAFETY: siginfo_t is plain data, for which zeros are a value.
    let mut info = unsafe { std::mem::zeroed::<libc::siginfo_t>() };
    // SAFETY: `info` outlives the call.
    let wait = || unsafe { libc::waitid(libc::P_PID, pid, &raw mut info, what | libc::WNOWAIT) };
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
    set_backlog(listener, 0);
}

/// Makes it as long.
pub(crate) fn widen_backlog(listener: &impl AsRawFd) {
    set_backlog(listener, libc::c_int::MAX);
}

fn set_backlog(listener: &impl AsRawFd, backlog: libc::c_int) {
    // SAFETY: no memory is passed.
    let result = unsafe { libc::listen(listener.as_raw_fd(), backlog) };
    assert_eq!(result, 0, "listen: {}", io::Error::last_os_error());
}

/// Lets this process have as many open files as it may.
pub(crate) fn raise_descriptors() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is what both calls take, and outlives them.
    let raised = unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit)
    };
    assert_eq!(raised, 0, "RLIMIT_NOFILE: {}", io::Error::last_os_error());
}

/// Threads of a child that do not go on before this is dropped, by the thread that made it.
pub(crate) struct Held(Vec<libc::pid_t>);

impl Held {
    /// All of a process but its main thread and those of these names.
    pub(crate) fn threads(pid: u32, names: &[&str]) -> Held {
        let tasks = format!("/proc/{pid}/task");
        let mut held = Held(Vec::new());
        for task in fs::read_dir(tasks).expect("it runs").flatten() {
            let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            let thread = task.file_name().to_string_lossy().parse::<u32>().expect("a number");
            if thread != pid && !names.contains(&name.trim_end()) {
                // One that waits for something has no lock that others need.
                while !waits(&task.path()) {
                    std::thread::yield_now();
                }
                held.hold(libc::pid_t::try_from(thread).expect("a number of a thread fits"));
            }
        }
        held
    }

    fn hold(&mut self, thread: libc::pid_t) {
        let nothing = std::ptr::null_mut::<libc::c_void>();
        // SAFETY: neither request takes an address, and waitpid none for the status.
        let stopped = unsafe {
            libc::ptrace(libc::PTRACE_SEIZE, thread, nothing, nothing) == 0
                && libc::ptrace(libc::PTRACE_INTERRUPT, thread, nothing, nothing) == 0
                && libc::waitpid(thread, std::ptr::null_mut(), libc::__WALL) == thread
        };
        assert!(stopped, "ptrace {thread}: {}", io::Error::last_os_error());
        self.0.push(thread);
    }
}

/// By the letter behind the thread's name (proc(5)). One that has ended waits for nothing any more.
fn waits(task: &Path) -> bool {
    state(task).is_none_or(|state| state == 'S')
}

/// Whether a thread runs or waits, by its letter (proc(5)); `None` of one that has ended.
fn state(task: &Path) -> Option<char> {
    let stat = fs::read_to_string(task.join("stat")).unwrap_or_default();
    stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next())
}

impl Drop for Held {
    fn drop(&mut self) {
        for thread in &self.0 {
            let nothing = std::ptr::null_mut::<libc::c_void>();
            // SAFETY: the request takes no address, and waitpid none for the status. Who has been killed meanwhile is
            // waited for by us, or its process would never be gone.
            unsafe {
                if libc::ptrace(libc::PTRACE_DETACH, *thread, nothing, nothing) != 0 {
                    libc::waitpid(*thread, std::ptr::null_mut(), libc::__WALL);
                }
            }
        }
    }
}

/// Ends an accept that another thread waits in.
pub(crate) fn stop_listening(listener: &impl AsRawFd) {
    // SAFETY: no memory is passed.
    unsafe { libc::shutdown(listener.as_raw_fd(), libc::SHUT_RDWR) };
}

/// Whether the tests may do anything.
pub(crate) fn is_root() -> bool {
    // SAFETY: no memory is passed.
    unsafe { libc::geteuid() == 0 }
}

/// A terminal of so many lines and columns: the end that a person sits at, and that which programs have.
pub(crate) fn open_terminal(lines: u16, columns: u16) -> (File, OwnedFd) {
    let size = libc::winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let (mut ours, mut theirs) = (-1, -1);
    // SAFETY: the pointers are to locals that outlive the call; name and settings may be null.
    check(unsafe {
        libc::openpty(&raw mut ours, &raw mut theirs, std::ptr::null_mut(), std::ptr::null(), &raw const size)
    })
    .expect("a terminal");
    // SAFETY: both were opened just now, and nobody else has them.
    unsafe { (File::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) }
}

/// Makes a FIFO.
pub(crate) fn make_fifo(path: &Path) {
    let name = CString::new(path.as_os_str().as_bytes()).expect("a path without NUL");
    // SAFETY: `name` ends with NUL and outlives the call.
    let result = unsafe { libc::mkfifo(name.as_ptr(), 0o600) };
    assert_eq!(result, 0, "mkfifo: {}", io::Error::last_os_error());
}

/// Gives the calling thread a network of its own, of which only the loopback is up, mounts that nobody else sees, and a
/// host name without a domain in which names would be looked for.
pub(crate) fn leave_for_own_network() -> io::Result<()> {
    // SAFETY: no memory is passed; it concerns the calling thread alone, and what that starts.
    check(unsafe { libc::unshare(libc::CLONE_NEWNET | libc::CLONE_NEWNS | libc::CLONE_NEWUTS) })?;
    let name = c"test";
    // SAFETY: so many bytes are there.
    check(unsafe { libc::sethostname(name.as_ptr(), name.count_bytes()) })?;
    let flags = libc::MS_REC | libc::MS_PRIVATE;
    // SAFETY: a path that ends with NUL; the other strings may be null where only flags change.
    let mounted =
        unsafe { libc::mount(std::ptr::null(), c"/".as_ptr(), std::ptr::null(), flags, std::ptr::null()) };
    check(mounted)?;
    raise_loopback()
}

/// `ip link set lo up`.
fn raise_loopback() -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    // SAFETY: ifreq is plain data, for which zeros are a value.
    let mut request = unsafe { std::mem::zeroed::<libc::ifreq>() };
    for (to, from) in request.ifr_name.iter_mut().zip(c"lo".to_bytes()) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP).expect("a flag fits");
    // SAFETY: the request is what this call takes, and outlives it.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) })
}

/// Makes one file be seen in place of another.
pub(crate) fn bind_mount(from: &Path, to: &Path) -> io::Result<()> {
    let [from, to] = [from, to].map(|path| CString::new(path.as_os_str().as_bytes()).expect("no NUL"));
    // SAFETY: both paths end with NUL and outlive the call; the other two may be null for a bind.
    check(unsafe {
        libc::mount(from.as_ptr(), to.as_ptr(), std::ptr::null(), libc::MS_BIND, std::ptr::null())
    })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
