//! A greenfetch that runs: what it prints, as it comes, and how it ends.
//!
//! Knows processes, pipes and a limit after which it kills. Refuses to judge.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

use tempfile::TempDir;

use super::{LIMIT, schema, sys};

/// A process under test. It is killed when it is dropped or takes too long.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
    seen: Vec<u8>,
    stderr: Arc<Heard>,
    threads: Vec<JoinHandle<()>>,
    watchdog: Option<Sender<()>>,
    late: Arc<AtomicBool>,
    command: String,
    dir: TempDir,
    ended: bool,
}

/// What came of a process.
pub(crate) struct Finished {
    /// Everything on standard output, as it came.
    pub(crate) stdout: String,
    /// Everything on standard error, as it came.
    pub(crate) stderr: String,
    /// The exit status; `None` when a signal ended it.
    pub(crate) status: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    /// The whole story, for the message of a test that fails.
    pub(crate) story: String,
}

/// What was read so far of a stream, and whether more may come.
#[derive(Default)]
struct Heard {
    text: Mutex<(Vec<u8>, bool)>,
    changed: Condvar,
}

impl Heard {
    fn listen(&self, mut stream: impl Read) {
        let mut buffer = [0; 8192];
        loop {
            let n = stream.read(&mut buffer).unwrap_or(0);
            let mut text = self.text.lock().expect("nobody panics with it");
            text.0.extend_from_slice(&buffer[..n]);
            text.1 = n == 0;
            self.changed.notify_all();
            if n == 0 {
                return;
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().expect("nobody panics with it").0).into_owned()
    }
}

impl Running {
    /// Starts a command whose streams are pipes where it is to be heard. `stdin` is written by a thread of its own;
    /// `None` leaves it to [`Running::write_stdin`].
    pub(crate) fn start(mut command: Command, said: String, stdin: Option<Vec<u8>>, dir: TempDir) -> Running {
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{said}: {error}"));
        let stderr = Arc::new(Heard::default());
        let stream = child.stderr.take().expect("stderr is a pipe");
        let ears = stderr.clone();
        let mut threads = vec![thread::spawn(move || ears.listen(stream))];
        let mut pipe = child.stdin.take();
        if let Some(bytes) = stdin {
            let mut pipe = pipe.take().expect("stdin is a pipe");
            // A process that does not read its input to the end is no fault here.
            threads.push(thread::spawn(move || drop(pipe.write_all(&bytes))));
        }
        let late = Arc::new(AtomicBool::new(false));
        let watchdog = watch(child.id(), late.clone());
        Running {
            stdin: pipe,
            stdout: child.stdout.take().map(BufReader::new),
            seen: Vec::new(),
            stderr,
            threads,
            watchdog: Some(watchdog),
            late,
            command: said,
            dir,
            ended: false,
            child,
        }
    }

    /// The next line of standard output, without its end; `None` when no more comes.
    pub(crate) fn next_stdout_line(&mut self) -> Option<String> {
        let from = self.seen.len();
        let stdout = self.stdout.as_mut().expect("standard output is still open");
        stdout.read_until(b'\n', &mut self.seen).expect("a pipe can be read");
        let line = String::from_utf8_lossy(&self.seen[from..]).into_owned();
        (!line.is_empty()).then(|| line.trim_end_matches('\n').to_owned())
    }

    /// Goes away as a reader of its results, as `head` does.
    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Writes to its input, which was left open.
    pub(crate) fn write_stdin(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("standard input was left open");
        stdin.write_all(text.as_bytes()).expect("it still reads");
        stdin.flush().expect("it still reads");
    }

    /// The end of its input.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Where it runs.
    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// The most memory that it has had so far, in KiB; it must still run.
    pub(crate) fn peak_memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = peak.and_then(|peak| peak.split_whitespace().next()).expect("a process has memory");
        number.parse().expect("a number")
    }

    /// What the kernel says of its memory: `/proc/PID/smaps`.
    pub(crate) fn smaps(&self) -> String {
        std::fs::read_to_string(format!("/proc/{}/smaps", self.child.id())).expect("it still runs")
    }

    /// The processes that it has started, and that have not ended.
    pub(crate) fn children(&self) -> Vec<u32> {
        let parent = self.child.id().to_string();
        let is_child = |process: &u32| {
            let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            // Behind the name, which may have anything in it: its state and its parent (proc(5)).
            let mut words = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
            words.next() != Some("Z") && words.next() == Some(&parent)
        };
        let names = std::fs::read_dir("/proc").expect("a list of processes").flatten();
        let processes = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let mut children: Vec<u32> = processes.filter(is_child).collect();
        children.sort_unstable();
        children
    }

    /// Whether it has said this on standard error so far.
    pub(crate) fn has_said(&self, fragment: &str) -> bool {
        self.stderr.text().contains(fragment)
    }

    /// Whether nothing more comes on standard error: it has ended.
    pub(crate) fn is_silent(&self) -> bool {
        self.stderr.text.lock().expect("nobody panics with it").1
    }

    /// Waits until it has said this so often on standard error.
    pub(crate) fn wait_for_stderr_times(&self, fragment: &str, times: usize) {
        let text = self.stderr.text.lock().expect("nobody panics with it");
        let is_rare = |text: &mut (Vec<u8>, bool)| {
            !text.1 && String::from_utf8_lossy(&text.0).matches(fragment).count() < times
        };
        drop(self.stderr.changed.wait_while(text, is_rare).expect("nobody panics with it"));
        assert!(self.stderr.text().matches(fragment).count() >= times, "{}", self.story("not waited for"));
    }

    /// Waits until it has a thread of this name.
    pub(crate) fn wait_for_thread(&self, name: &str) {
        let tasks = format!("/proc/{}/task", self.child.id());
        let is_it = |task: std::fs::DirEntry| {
            std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim_end() == name)
        };
        while !std::fs::read_dir(&tasks).expect("it runs").flatten().any(is_it) {
            assert!(!self.is_silent(), "{}", self.story("it never had the thread"));
            thread::yield_now();
        }
    }

    /// Lets none of its threads go on, but for the main one and those of these names.
    pub(crate) fn hold_threads_but(&self, names: &[&str]) -> sys::Held {
        sys::Held::threads(self.child.id(), names)
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: i32) {
        sys::kill(self.child.id(), signal);
    }

    /// Waits until it has said this on standard error.
    pub(crate) fn wait_for_stderr(&self, fragment: &str) {
        let text = self.stderr.text.lock().expect("nobody panics with it");
        let is_silent =
            |text: &mut (Vec<u8>, bool)| !text.1 && !String::from_utf8_lossy(&text.0).contains(fragment);
        let text = self.stderr.changed.wait_while(text, is_silent).expect("nobody panics with it");
        let found = String::from_utf8_lossy(&text.0).contains(fragment);
        drop(text);
        assert!(found, "{fragment:?} was never said\n{}", self.story("not waited for"));
    }

    /// Waits until a signal has stopped it.
    pub(crate) fn wait_until_stopped(&self) {
        sys::wait_for_stop(self.child.id());
    }

    /// Waits for its end without reading what it still has to say.
    pub(crate) fn wait_unread(&self) {
        sys::wait_without_reaping(self.child.id());
    }

    /// Reads both streams to their ends and waits for the process.
    pub(crate) fn finish(mut self) -> Finished {
        use std::os::unix::process::ExitStatusExt as _;
        self.stdin = None;
        if let Some(stdout) = &mut self.stdout {
            stdout.read_to_end(&mut self.seen).expect("a pipe can be read");
        }
        sys::wait_without_reaping(self.child.id());
        self.watchdog = None;
        let status = self.child.wait().expect("it was not waited for yet");
        self.ended = true;
        for thread in self.threads.drain(..) {
            thread.join().expect("a thread that only reads or writes");
        }
        let story = self.story(&status.to_string());
        assert!(!self.late.load(Ordering::SeqCst), "no end after {LIMIT:?}\n{story}");
        let stdout = String::from_utf8_lossy(&self.seen).into_owned();
        schema::judge(&stdout);
        self.reports().for_each(|path| schema::judge_report(&path));
        Finished { stdout, stderr: self.stderr.text(), status: status.code(), signal: status.signal(), story }
    }

    /// The reports of records that it was asked for.
    fn reports(&self) -> impl Iterator<Item = PathBuf> {
        let words = self.command.split(' ').filter_map(|word| word.split_once('='));
        let files = words.filter(|(kind, _)| matches!(*kind, "json" | "jsonl"));
        files.map(|(_, file)| self.dir.path().join(file))
    }

    fn story(&self, end: &str) -> String {
        let mut files: Vec<_> = std::fs::read_dir(self.dir.path()).into_iter().flatten().flatten().collect();
        files.sort_by_key(std::fs::DirEntry::file_name);
        let listing = files.iter().map(|file| {
            let size = file.metadata().map_or(0, |metadata| metadata.len());
            format!("{size:>8} {}\n", file.file_name().to_string_lossy())
        });
        format!(
            "── command ──\n{}\n── stdout ──\n{}── stderr ──\n{}── end ──\n{end}\n── directory ──\n{}",
            self.command,
            shorten(&String::from_utf8_lossy(&self.seen)),
            shorten(&self.stderr.text()),
            listing.collect::<String>(),
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.watchdog = None;
        if !self.ended {
            // It may have ended by itself.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Kills the process when the limit is over and nobody has hung up.
fn watch(pid: u32, late: Arc<AtomicBool>) -> Sender<()> {
    let (watchdog, hung_up) = mpsc::channel::<()>();
    thread::spawn(move || {
        if hung_up.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            late.store(true, Ordering::SeqCst);
            sys::kill(pid, libc::SIGKILL);
        }
    });
    watchdog
}

/// A stream that a person can read to its end.
fn shorten(text: &str) -> String {
    const MOST: usize = 20_000;
    if text.len() <= MOST {
        return text.to_owned();
    }
    let cut = text.floor_char_boundary(MOST);
    format!("{}\n… and {} bytes more\n", &text[..cut], text.len() - cut)
}
