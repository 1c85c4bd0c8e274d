//! A long run over good and bad: what it holds at the end is what it held when it was warm.
//!
//! Knows a process by its descriptors, threads and memory, at moments when it has nothing to do. Refuses to run unless
//! asked to, as it takes minutes: `SOAK_SECONDS` of them, in each mode, at the same time.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::listeners::refused_addr;
use crate::support::origin::{Origin, TlsOrigin};
use crate::support::script::{Script, Steps as _};
use crate::support::wire::certificate;

/// How long, unless `SOAK_SECONDS` says otherwise.
const USUAL_SECONDS: u64 = 600;

/// It is looked at so often; the first time it is warm.
const LOOKS: u32 = 5;

/// Between two looks; no proof rests on it.
const SOON: Duration = Duration::from_millis(20);

/// What was written last may take so long to its end: a pipe full of URLs, some of which take all the time they have.
const DRAIN: Duration = Duration::from_secs(120);

/// So long it is looked at when it has nothing to do; the least of what is seen counts.
const CALM: Duration = Duration::from_secs(1);

/// All limits of time: what is silent takes all of it, and nothing else may come near it on a machine that is busy with other things.
const MAX_TIME: &str = "30";

/// As many connections may be idle as there were jobs, and the run itself has a few descriptors.
const MOST_DESCRIPTORS: usize = 100 + 30;

/// A thread that is about to end.
const THREADS_MORE: usize = 2;

/// The allocator's own ways, in KiB.
const MEMORY_MORE: usize = 4096;

/// The origins, and what each URL must come to.
struct World {
    plain: Origin,
    tls: Origin,
    expired: Origin,
    rows: Vec<(String, &'static str)>,
}

impl World {
    fn new() -> World {
        const HEAD: &str = "HTTP/1.1 200 OK\r\n";
        let long = || "Content-Length: 1000\r\n\r\n";
        let rows = [
            ("/small", Script::ok("hello"), "pass"),
            ("/large", Script::ok(vec![b'x'; 300_000]), "pass"),
            (
                "/chunked",
                HEAD.then("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n").keep_alive(),
                "pass",
            ),
            ("/until-the-end", HEAD.then("\r\nall").then_fin(), "pass"),
            ("/close", HEAD.then("Connection: close\r\nContent-Length: 2\r\n\r\nok").then_fin(), "pass"),
            ("/moved", Script::redirect(302, "/small"), "pass"),
            ("/around", Script::redirect(302, "/around"), "redirect"),
            ("/404", Script::status(404), "status"),
            ("/500", Script::status(500), "status"),
            ("/short", HEAD.then(long()).then_bytes(999).then_fin(), "closed"),
            ("/reset", HEAD.then(long()).then_bytes(10).then_rst(), "closed"),
            ("/nothing", Script::nothing().then_fin(), "closed"),
            ("/noise", "SSH-2.0-noise\r\n\r\n".then_fin(), "protocol"),
            (
                "/two-lengths",
                HEAD.then("Content-Length: 1\r\nContent-Length: 2\r\n\r\nab").then_fin(),
                "protocol",
            ),
            ("/endless", HEAD.then("\r\n").then_forever("x"), "size"),
            (
                "/not-gzip",
                HEAD.then("Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nno").keep_alive(),
                "decode",
            ),
            ("/silent", Script::nothing().then_hang(), "timeout"),
        ];
        let (mut plain, mut expected) = (Origin::start(), Vec::new());
        for (path, script, wanted) in rows {
            plain.add(path, script);
            expected.push((plain.url(path), wanted));
        }
        let tls = TlsOrigin::start("localhost").script("/small", Script::ok("hello"));
        let expired = TlsOrigin::start("expired").script("/small", Script::ok("hello"));
        expected.push((tls.url("/small"), "pass"));
        expected.push((expired.url("/small"), "tls"));
        expected.push((format!("http://{}/", refused_addr()), "connect"));
        expected.push(("no-url".to_owned(), "url"));
        // The good ones again and again, so that most are.
        let good: Vec<_> = expected.iter().filter(|(_, wanted)| *wanted == "pass").cloned().collect();
        (0..6).for_each(|_| expected.extend(good.iter().cloned()));
        World { plain, tls, expired, rows: expected }
    }

    /// The origins keep what they were asked; here nobody wants to know.
    fn forget(&self) {
        [&self.plain, &self.tls, &self.expired].iter().for_each(|origin| origin.forget());
    }
}

/// What a process holds.
#[derive(Debug, Clone, Copy)]
struct Held {
    descriptors: usize,
    threads: usize,
    memory_kib: usize,
}

impl Held {
    fn by(pid: u32) -> Held {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a process has it");
            line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
        };
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs").count();
        Held { descriptors, threads: number("Threads:"), memory_kib: number("VmRSS:") }
    }

    fn least(self, other: Held) -> Held {
        Held {
            descriptors: self.descriptors.min(other.descriptors),
            threads: self.threads.min(other.threads),
            memory_kib: self.memory_kib.min(other.memory_kib),
        }
    }
}

/// A run whose input stays open.
struct Soak {
    child: Child,
    stdin: Option<ChildStdin>,
    reader: Option<JoinHandle<()>>,
    written: u64,
    read: Arc<AtomicU64>,
    world: Arc<World>,
}

impl Drop for Soak {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Soak {
    fn start(mode: &str, world: &Arc<World>) -> Soak {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenfetch"));
        command.env_clear().args(["--mode", mode, "-q", "--json", "--compressed", "-j", "100"]);
        command.args(["-m", MAX_TIME, "--connect-timeout", MAX_TIME, "--stall", MAX_TIME]);
        command.args([
            "--max-filesize",
            "1MiB",
            "--retry",
            "1",
            "--retry-delay",
            "0.05",
            "--retry-on",
            "closed",
        ]);
        command.arg("--cacert").arg(certificate("ca")).arg("-");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("greenfetch is built");
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().expect("a pipe"));
        let read = Arc::new(AtomicU64::new(0));
        let (theirs, for_reader) = (read.clone(), world.clone());
        let reader = Some(thread::spawn(move || judge(stdout, &for_reader, &theirs)));
        Soak { child, stdin, reader, written: 0, read, world: world.clone() }
    }

    /// Feeds it for so long, then lets it come to an end with what it has.
    fn feed(&mut self, time: Duration) -> Held {
        let stop = AtomicBool::new(false);
        let stdin = self.stdin.as_mut().expect("it is still fed");
        let (world, written) = (&self.world, &mut self.written);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let lines: String = world.rows.iter().map(|(url, _)| format!("{url}\n")).collect();
                    stdin.write_all(lines.as_bytes()).expect("it still reads");
                    *written += world.rows.len() as u64;
                    world.forget();
                }
            });
            let began = Instant::now();
            while began.elapsed() < time {
                thread::park_timeout(SOON);
            }
            stop.store(true, Ordering::Relaxed);
        });
        self.calm_down()
    }

    fn calm_down(&self) -> Held {
        let began = Instant::now();
        while self.read.load(Ordering::Relaxed) < self.written {
            assert!(began.elapsed() < DRAIN, "records are missing");
            thread::park_timeout(SOON);
        }
        let calm = Instant::now();
        let mut held = Held::by(self.child.id());
        while calm.elapsed() < CALM {
            thread::park_timeout(SOON);
            held = held.least(Held::by(self.child.id()));
        }
        held
    }

    fn finish(mut self) -> u64 {
        self.stdin = None;
        self.reader.take().expect("it was not joined").join().expect("every record was as expected");
        assert_eq!(self.child.wait().expect("a child of ours").code(), Some(1));
        assert_eq!(self.read.load(Ordering::Relaxed), self.written, "a record for each line");
        self.written
    }
}

/// Each record says what its row must come to, in whatever order they come.
fn judge(stdout: ChildStdout, world: &World, read: &AtomicU64) {
    for line in BufReader::new(stdout).lines() {
        let record: Value = serde_json::from_str(&line.expect("text")).expect("a whole record");
        let n = usize::try_from(record["urlnum"].as_u64().expect("a number")).expect("a row");
        let wanted = world.rows[n % world.rows.len()].1;
        let class = record["error"]["class"].as_str().unwrap_or("pass");
        assert_eq!(class, wanted, "{record}");
        read.fetch_add(1, Ordering::Relaxed);
    }
}

fn soak(mode: &str, time: Duration) {
    let mut soak = Soak::start(mode, &Arc::new(World::new()));
    let looks: Vec<Held> = (0..LOOKS).map(|_| soak.feed(time / LOOKS)).collect();
    let n = soak.finish();
    // Past the capture of the output: it is what one runs this for.
    let said = looks.iter().map(|held| format!("    {held:?}\n")).collect::<String>();
    write!(io::stderr(), "{mode}: {n} URLs in {} s\n{said}", time.as_secs()).expect("a stream to write to");
    let (warm, end) = (looks[0], looks[looks.len() - 1]);
    assert!(end.descriptors <= MOST_DESCRIPTORS);
    assert!(end.threads <= warm.threads + THREADS_MORE);
    assert!(end.memory_kib <= warm.memory_kib + warm.memory_kib / 10 + MEMORY_MORE);
}

#[test]
#[ignore = "takes ten minutes: just soak"]
fn a_long_run_holds_no_more_at_its_end_than_when_it_was_warm() {
    let seconds = std::env::var("SOAK_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(USUAL_SECONDS));
    let both = ["coroutines", "threads"].map(|mode| thread::spawn(move || soak(mode, time)));
    let ended: Vec<_> = both.into_iter().map(JoinHandle::join).collect();
    assert!(ended.iter().all(Result::is_ok), "one of the modes failed, as said above");
}
