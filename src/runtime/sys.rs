//! The system calls that std has no word for, each behind a safe function.
//!
//! Knows libc. Refuses to know tasks, slots and why anybody calls.
#![expect(unsafe_code, reason = "libc is called here and nowhere else; each call is argued where it stands")]

use std::ffi::CString;
use std::io;
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// What a descriptor is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    /// Bytes, or an end.
    Read,
    /// Room, or the end of a connect.
    Write,
    /// Either of them.
    Both,
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn check_len(result: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

fn own(fd: libc::c_int) -> io::Result<OwnedFd> {
    let fd = check(fd)?;
    // SAFETY: the call that returned it has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A TCP socket that does not block.
pub(super) fn tcp_socket(addr: SocketAddr) -> io::Result<OwnedFd> {
    let domain = if addr.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: no pointers.
    own(unsafe { libc::socket(domain, kind, 0) })
}

/// Begins to connect; `EINPROGRESS` is the usual answer.
pub(super) fn connect(fd: &OwnedFd, addr: SocketAddr) -> io::Result<()> {
    let (storage, len) = to_storage(addr);
    // SAFETY: `storage` lives through the call and holds at least `len` bytes of an address.
    check(unsafe { libc::connect(fd.as_raw_fd(), (&raw const storage).cast(), len) }).map(drop)
}

/// A Unix stream socket that does not block.
pub(super) fn local_socket() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: no pointers.
    own(unsafe { libc::socket(libc::AF_UNIX, kind, 0) })
}

/// Connects to a Unix socket, at once or not at all: `EAGAIN` when its queue is full.
pub(super) fn connect_local(fd: &OwnedFd, path: &Path) -> io::Result<()> {
    // SAFETY: all-zero bytes are a valid `sockaddr_un`.
    let mut address: libc::sockaddr_un = unsafe { mem::zeroed() };
    address.sun_family = libc::sa_family_t::try_from(libc::AF_UNIX).expect("AF_UNIX is 1");
    let bytes = path.as_os_str().as_bytes();
    // The last byte stays zero.
    if bytes.len() >= address.sun_path.len() {
        return Err(io::Error::other("the path is too long"));
    }
    for (place, byte) in address.sun_path.iter_mut().zip(bytes) {
        *place = byte.cast_signed();
    }
    let len = socklen(size_of::<libc::sockaddr_un>());
    // SAFETY: `address` lives through the call and has `len` bytes.
    check(unsafe { libc::connect(fd.as_raw_fd(), (&raw const address).cast(), len) }).map(drop)
}

/// What became of a connect or of the connection since: `SO_ERROR`.
pub(super) fn take_error(fd: &OwnedFd) -> io::Result<()> {
    let mut code: libc::c_int = 0;
    let mut len = socklen(size_of::<libc::c_int>());
    // SAFETY: both pointers are to locals of the sizes that are named.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ERROR,
            (&raw mut code).cast(),
            &raw mut len,
        )
    };
    check(result)?;
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}

/// `setsockopt` with a whole number.
fn set_option(fd: &OwnedFd, level: libc::c_int, name: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let len = socklen(size_of::<libc::c_int>());
    // SAFETY: the pointer is to a local of the size that is named.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const value).cast(), len) }).map(drop)
}

/// Sends small writes at once: `TCP_NODELAY`.
pub(super) fn set_nodelay(fd: &OwnedFd) -> io::Result<()> {
    set_option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)
}

/// Closing answers with a reset: `SO_LINGER` of zero seconds.
pub(super) fn set_reset_on_close(fd: &OwnedFd) -> io::Result<()> {
    let value = libc::linger { l_onoff: 1, l_linger: 0 };
    let len = socklen(size_of::<libc::linger>());
    // SAFETY: the pointer is to a local of the size that is named.
    let result = unsafe {
        libc::setsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, (&raw const value).cast(), len)
    };
    check(result).map(drop)
}

/// A listening socket that does not block.
pub(super) fn listen(addr: SocketAddr, backlog: i32) -> io::Result<OwnedFd> {
    let fd = tcp_socket(addr)?;
    set_option(&fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    let (storage, len) = to_storage(addr);
    // SAFETY: `storage` lives through the call and holds at least `len` bytes of an address.
    check(unsafe { libc::bind(fd.as_raw_fd(), (&raw const storage).cast(), len) })?;
    // SAFETY: no pointers.
    check(unsafe { libc::listen(fd.as_raw_fd(), backlog) })?;
    Ok(fd)
}

/// The next connection of a listening socket, as one that does not block.
pub(super) fn accept(fd: &OwnedFd) -> io::Result<OwnedFd> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: null pointers say that the peer's address is not wanted.
    own(unsafe { libc::accept4(fd.as_raw_fd(), std::ptr::null_mut(), std::ptr::null_mut(), flags) })
}

/// Bytes that have arrived; 0 is the other end's FIN.
pub(super) fn recv(fd: &OwnedFd, buf: &mut [u8], peek: bool) -> io::Result<usize> {
    let flags = if peek { libc::MSG_PEEK | libc::MSG_DONTWAIT } else { 0 };
    // SAFETY: the pointer and length are those of a slice that is borrowed through the call.
    check_len(unsafe { libc::recv(fd.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len(), flags) })
}

/// How many bytes have arrived that nobody has received (tcp(7), `SIOCINQ`).
pub(super) fn waiting(fd: &OwnedFd) -> io::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: the pointer is to a local of the type that this request fills.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONREAD, &raw mut count) })?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Has the kernel throw away bytes that have arrived, `most` at most; 0 is the other end's FIN. For TCP alone (tcp(7),
/// `MSG_TRUNC`): other streams would be read into the buffer that is none.
pub(super) fn discard(fd: &OwnedFd, most: usize) -> io::Result<usize> {
    // SAFETY: with this flag nothing is written to the buffer of a TCP socket.
    check_len(unsafe { libc::recv(fd.as_raw_fd(), std::ptr::null_mut(), most, libc::MSG_TRUNC) })
}

/// Sends what there is room for; a closed connection is an error and no signal.
pub(super) fn send(fd: &impl AsRawFd, bytes: &[u8]) -> io::Result<usize> {
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    // SAFETY: the pointer and length are those of a slice that is borrowed through the call.
    check_len(unsafe { libc::send(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags) })
}

/// Our end of a socket.
pub(super) fn local_addr(fd: &OwnedFd) -> io::Result<SocketAddr> {
    name_of(|storage, len| {
        // SAFETY: `name_of` hands out pointers to its own locals.
        unsafe { libc::getsockname(fd.as_raw_fd(), storage, len) }
    })
}

fn name_of(
    call: impl FnOnce(*mut libc::sockaddr, *mut libc::socklen_t) -> libc::c_int,
) -> io::Result<SocketAddr> {
    // SAFETY: all-zero bytes are a valid `sockaddr_storage`.
    let mut storage: libc::sockaddr_storage = unsafe { mem::zeroed() };
    let mut len = socklen(size_of::<libc::sockaddr_storage>());
    check(call((&raw mut storage).cast(), &raw mut len))?;
    from_storage(&storage)
}

fn socklen(size: usize) -> libc::socklen_t {
    libc::socklen_t::try_from(size).expect("the size of an address or option is small")
}

fn to_storage(addr: SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: all-zero bytes are a valid `sockaddr_storage`.
    let mut storage: libc::sockaddr_storage = unsafe { mem::zeroed() };
    let len = match addr {
        SocketAddr::V4(v4) => {
            let value = libc::sockaddr_in {
                sin_family: libc::sa_family_t::try_from(libc::AF_INET).expect("AF_INET is 2"),
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                sin_zero: [0; 8],
            };
            // SAFETY: `sockaddr_storage` is made to hold and be aligned for every kind of address.
            unsafe { (&raw mut storage).cast::<libc::sockaddr_in>().write(value) };
            size_of::<libc::sockaddr_in>()
        }
        SocketAddr::V6(v6) => {
            let value = libc::sockaddr_in6 {
                sin6_family: libc::sa_family_t::try_from(libc::AF_INET6).expect("AF_INET6 is 10"),
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
            // SAFETY: as above.
            unsafe { (&raw mut storage).cast::<libc::sockaddr_in6>().write(value) };
            size_of::<libc::sockaddr_in6>()
        }
    };
    (storage, socklen(len))
}

fn from_storage(storage: &libc::sockaddr_storage) -> io::Result<SocketAddr> {
    match libc::c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the kernel has said that this is an IPv4 address, and the storage is large enough for one.
            let v4 = unsafe { (&raw const *storage).cast::<libc::sockaddr_in>().read() };
            let ip = Ipv4Addr::from(v4.sin_addr.s_addr.to_ne_bytes());
            Ok(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: the same for IPv6.
            let v6 = unsafe { (&raw const *storage).cast::<libc::sockaddr_in6>().read() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Ok(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), v6.sin6_flowinfo, v6.sin6_scope_id).into())
        }
        _ => Err(io::Error::other("neither IPv4 nor IPv6")),
    }
}

/// A counter that can be waited for.
pub(super) fn eventfd() -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    own(unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) })
}

/// A timer that can be waited for, on the clock that nobody sets.
pub(super) fn timerfd() -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    own(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) })
}

/// Arms a timer for a time from now; at least a nanosecond, as zero would disarm it.
pub(super) fn arm(timer: RawFd, after: Duration) -> io::Result<()> {
    let after = after.max(Duration::from_nanos(1));
    let value = libc::timespec {
        tv_sec: libc::time_t::try_from(after.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: after.subsec_nanos().into(),
    };
    let zero = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let spec = libc::itimerspec { it_interval: zero, it_value: value };
    // SAFETY: `spec` lives through the call; a null pointer says that the old setting is not wanted.
    check(unsafe { libc::timerfd_settime(timer, 0, &raw const spec, std::ptr::null_mut()) }).map(drop)
}

/// Adds one to an eventfd.
pub(super) fn notify(fd: RawFd) {
    let one = 1_u64.to_ne_bytes();
    // SAFETY: eight bytes of a local. It can only fail when the counter is full, and then it is readable anyway.
    let _ = unsafe { libc::write(fd, one.as_ptr().cast(), one.len()) };
}

/// Empties an eventfd or timerfd.
pub(super) fn drain(fd: RawFd) {
    let mut count = [0_u8; 8];
    // SAFETY: eight bytes of a local. Nothing to read is fine.
    let _ = unsafe { libc::read(fd, count.as_mut_ptr().cast(), count.len()) };
}

/// An epoll set of its own, itself a descriptor that can be waited for.
pub(super) fn epoll() -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    own(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })
}

/// Adds a descriptor to an epoll set, for room to write. Closing the descriptor takes it out again.
pub(super) fn epoll_add_write(set: &OwnedFd, fd: &OwnedFd) -> io::Result<()> {
    let events = u32::try_from(libc::EPOLLOUT).expect("a small flag");
    let mut event = libc::epoll_event { events, u64: 0 };
    // SAFETY: `event` lives through the call.
    let result =
        unsafe { libc::epoll_ctl(set.as_raw_fd(), libc::EPOLL_CTL_ADD, fd.as_raw_fd(), &raw mut event) };
    check(result).map(drop)
}

/// Takes a descriptor out of an epoll set.
pub(super) fn epoll_remove(set: &OwnedFd, fd: &OwnedFd) -> io::Result<()> {
    let mut unused = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: `unused` lives through the call.
    let result =
        unsafe { libc::epoll_ctl(set.as_raw_fd(), libc::EPOLL_CTL_DEL, fd.as_raw_fd(), &raw mut unused) };
    check(result).map(drop)
}

/// Blocks the thread until one of the descriptors is ready or it is late; says which are ready.
pub(super) fn poll(fds: &[(BorrowedFd<'_>, Interest)], until: Option<Instant>) -> io::Result<Vec<bool>> {
    let mut entries: Vec<libc::pollfd> = fds
        .iter()
        .map(|(fd, interest)| libc::pollfd {
            fd: fd.as_raw_fd(),
            events: match interest {
                Interest::Read => libc::POLLIN | libc::POLLRDHUP,
                Interest::Write => libc::POLLOUT,
                Interest::Both => libc::POLLIN | libc::POLLRDHUP | libc::POLLOUT,
            },
            revents: 0,
        })
        .collect();
    let timeout = poll_timeout(until);
    let count = libc::nfds_t::try_from(entries.len()).expect("few descriptors");
    // SAFETY: pointer and count are those of a vector that lives through the call.
    match check(unsafe { libc::poll(entries.as_mut_ptr(), count, timeout) }) {
        Ok(_) => Ok(entries.iter().map(|entry| entry.revents != 0).collect()),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(vec![false; fds.len()]),
        Err(error) => Err(error),
    }
}

/// Milliseconds for `poll`, rounded up so that nobody wakes early and spins.
fn poll_timeout(until: Option<Instant>) -> libc::c_int {
    let Some(until) = until else { return -1 };
    let left = until.saturating_duration_since(Instant::now());
    libc::c_int::try_from(left.as_micros().div_ceil(1000)).unwrap_or(libc::c_int::MAX)
}

/// What the process has had of processors so far, in its own code and in the kernel on its behalf.
pub(super) fn cpu_time() -> Duration {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// What another process has had of processors so far, all its threads together; zero when there is no such process.
pub(super) fn process_cpu_time(process: i32) -> Duration {
    /// The clock of one process by its number, as glibc makes it of `clock_getcpuclockid` (linux/posix-timers.h:
    /// `CPUCLOCK_SCHED`).
    const OF_A_PROCESS: libc::clockid_t = 2;
    clock(!process << 3 | OF_A_PROCESS)
}

/// Since some moment that is the same for all processes of a machine: what `Instant` counts from too.
pub(super) fn monotonic_time() -> Duration {
    clock(libc::CLOCK_MONOTONIC)
}

/// Zero for a clock that is not there.
fn clock(clock: libc::clockid_t) -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local. A clock that does not exist is refused.
    let _ = unsafe { libc::clock_gettime(clock, &raw mut now) };
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// What a thread of this process has had of a processor; zero when there is no such thread.
pub(super) fn thread_cpu_time(thread: i32) -> Duration {
    /// The clock of one thread by its number, as glibc makes it of `pthread_getcpuclockid` (linux/posix-timers.h:
    /// `CPUCLOCK_PERTHREAD_MASK` and `CPUCLOCK_SCHED`).
    const OF_A_THREAD: libc::clockid_t = 4 | 2;
    clock(!thread << 3 | OF_A_THREAD)
}

/// The width of a terminal; `None` for what is none, or does not know.
pub(super) fn columns(fd: BorrowedFd<'_>) -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the pointer is to a local of the type that this request fills.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) }).ok()?;
    (size.ws_col > 0).then(|| size.ws_col.into())
}

/// A limit of this process: `RLIMIT_NOFILE` and friends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// Open descriptors.
    Descriptors,
    /// Processes and threads of this user.
    Threads,
    /// Bytes of address space.
    AddressSpace,
}

impl Limit {
    fn resource(self) -> libc::__rlimit_resource_t {
        match self {
            Limit::Descriptors => libc::RLIMIT_NOFILE,
            Limit::Threads => libc::RLIMIT_NPROC,
            Limit::AddressSpace => libc::RLIMIT_AS,
        }
    }
}

/// The soft and the hard value of a limit; `u64::MAX` is none.
pub(super) fn limit(which: Limit) -> io::Result<(u64, u64)> {
    let mut value = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a local.
    check(unsafe { libc::getrlimit(which.resource(), &raw mut value) })?;
    Ok((value.rlim_cur, value.rlim_max))
}

/// Sets the soft value of a limit.
pub(super) fn set_soft_limit(which: Limit, soft: u64) -> io::Result<()> {
    let (_, hard) = limit(which)?;
    let value = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: the pointer is to a local.
    check(unsafe { libc::setrlimit(which.resource(), &raw const value) }).map(drop)
}

/// Lets the C library's allocator have no more arenas than this. Left alone it makes eight for each processor, as threads
/// ask for them.
pub(super) fn limit_arenas(most: libc::c_int) {
    // SAFETY: no pointers. Where it is refused, things stay as they are.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, most) };
}

/// `renameat2` with `RENAME_NOREPLACE`; a kernel or file system that has it not says `InvalidInput` or `Unsupported`.
pub(super) fn rename_without_replacing(from: &Path, to: &Path) -> io::Result<()> {
    let (from, to) = (CString::new(from.as_os_str().as_bytes())?, CString::new(to.as_os_str().as_bytes())?);
    // The system call and not the C library's function, which came later than the oldest ones in use.
    // SAFETY: both names end in NUL and live through the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_renameat2,
            libc::AT_FDCWD,
            from.as_ptr(),
            libc::AT_FDCWD,
            to.as_ptr(),
            libc::RENAME_NOREPLACE,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The number of the calling thread, as `/proc` shows it.
pub(super) fn thread_id() -> i32 {
    // SAFETY: no pointers, cannot fail.
    unsafe { libc::gettid() }
}

/// Whether a signal is ignored, as its parent may have left it.
pub(super) fn is_ignored(signal: i32) -> bool {
    // SAFETY: all-zero bytes are a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: a null pointer asks without changing; the other is to a local.
    let result = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    result == 0 && action.sa_sigaction == libc::SIG_IGN
}
