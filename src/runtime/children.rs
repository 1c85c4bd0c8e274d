//! Processes of our own: started, ended by a signal, and reaped together with what they used.
//!
//! Knows `wait4` and who may be killed when. Refuses to know what a child is for.
#![expect(
    unsafe_code,
    reason = "kill, waitid and wait4 have no word in std; each call is argued where it stands"
)]

use std::io;
use std::mem;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{self, ChildStderr, ChildStdout, Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A process that was started and has to be waited for.
pub struct Child {
    process: process::Child,
    leash: Arc<Leash>,
    started: Instant,
}

/// What a process used from its start to its end.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// How it ended.
    pub status: ExitStatus,
    /// From just before it was started until it was seen to have ended.
    pub wall: Duration,
    /// On processors, in its own code.
    pub user: Duration,
    /// On processors, in the kernel on its behalf.
    pub system: Duration,
    /// Bytes resident at most; begins with what its parent held when it forked.
    pub peak_memory: u64,
    /// How often it gave the processor away to wait.
    pub voluntary_switches: u64,
    /// How often the processor was taken from it.
    pub involuntary_switches: u64,
}

/// Ends the child that is under way, from any thread, and lets no other one start.
#[derive(Debug, Default)]
pub struct Leash(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    /// Set while a child can be sent signals: from its start until just before it is reaped.
    pid: Option<libc::pid_t>,
    pulled: Option<i32>,
}

impl Leash {
    /// Sends the child a signal, if there is one, and remembers it.
    pub fn pull(&self, signal: i32) {
        let mut held = self.held();
        held.pulled.get_or_insert(signal);
        if let Some(pid) = held.pid {
            // SAFETY: no pointers. The process is not reaped while we hold the lock, so the number is still its own.
            let _ = unsafe { libc::kill(pid, signal) };
        }
    }

    /// The signal that was sent first; `None` as long as nobody pulled.
    pub fn pulled(&self) -> Option<i32> {
        self.held().pulled
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Child {
    /// Starts a process, in a group of its own: a terminal's Ctrl-C is ours to pass on.
    ///
    /// # Errors
    /// What the system said, or that the leash was pulled before.
    pub fn start(mut command: Command, leash: &Arc<Leash>) -> io::Result<Child> {
        let mut held = leash.held();
        if held.pulled.is_some() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let started = Instant::now();
        let process = command.process_group(0).spawn()?;
        held.pid = libc::pid_t::try_from(process.id()).ok();
        Ok(Child { process, leash: Arc::clone(leash), started })
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its standard output, once, when it was piped.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.process.stdout.take()
    }

    /// Its standard error, once, when it was piped.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.process.stderr.take()
    }

    /// Waits for its end. First without reaping, so that whoever pulls the leash meanwhile finds it.
    ///
    /// # Errors
    /// What the system said.
    pub fn wait(self) -> io::Result<Usage> {
        let id = self.process.id();
        until_done(|| {
            // SAFETY: all-zero bytes are a valid `siginfo_t`, and the pointer is to a local.
            unsafe {
                let mut unused: libc::siginfo_t = mem::zeroed();
                libc::waitid(libc::P_PID, id, &raw mut unused, libc::WEXITED | libc::WNOWAIT)
            }
        })?;
        let wall = self.started.elapsed();
        let mut held = self.leash.held();
        held.pid = None;
        let pid = libc::pid_t::try_from(id).map_err(io::Error::other)?;
        let mut status = 0;
        // SAFETY: all-zero bytes are a valid `rusage`.
        let mut usage: libc::rusage = unsafe { mem::zeroed() };
        until_done(|| {
            // SAFETY: both pointers are to locals of the types that are asked for.
            unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) }
        })?;
        Ok(Usage {
            status: ExitStatus::from_raw(status),
            wall,
            user: duration(usage.ru_utime),
            system: duration(usage.ru_stime),
            peak_memory: count(usage.ru_maxrss) << 10,
            voluntary_switches: count(usage.ru_nvcsw),
            involuntary_switches: count(usage.ru_nivcsw),
        })
    }
}

/// Again when a signal came between.
fn until_done(mut call: impl FnMut() -> libc::c_int) -> io::Result<()> {
    while call() < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(())
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}

fn count(number: libc::c_long) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::Stdio;

    use super::*;

    fn shell(script: &str, leash: &Arc<Leash>) -> io::Result<Child> {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        Child::start(command, leash)
    }

    #[test]
    fn a_child_is_reaped_with_what_it_used() {
        let child =
            shell("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 7", &Arc::default()).unwrap();
        let usage = child.wait().unwrap();
        assert_eq!(usage.status.code(), Some(7));
        assert!(usage.user + usage.system > Duration::ZERO && usage.wall > Duration::ZERO, "{usage:?}");
        assert!(usage.peak_memory > 100 << 10, "{usage:?}");
    }

    #[test]
    fn a_pulled_leash_ends_the_child_and_lets_no_other_start() {
        let leash = Arc::new(Leash::default());
        let mut child = shell("echo ready; exec cat", &leash).unwrap();
        let mut ready = [0; 6];
        child.take_stdout().unwrap().read_exact(&mut ready).unwrap();
        leash.pull(libc::SIGTERM);
        leash.pull(libc::SIGINT);
        let usage = child.wait();
        assert_eq!(usage.unwrap().status.signal(), Some(libc::SIGTERM));
        assert_eq!(leash.pulled(), Some(libc::SIGTERM));
        let error = shell("exit 0", &leash).map(drop).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    }
}
