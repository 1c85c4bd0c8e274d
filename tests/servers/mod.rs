//! Servers that others wrote, on the loopback, as they come: nginx, Apache, `HAProxy`, squid, Python's
//! http.server.
//!
//! Knows how each is started out of a folder of its own and ended whatever happens. Refuses to run unless asked to, as
//! they have to be installed; then a missing one is a failure and no silent pass.

mod apache;
mod haproxy;
mod nginx;
mod python;
mod squid;

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::running::Running;
use crate::support::wire::certificate;
use crate::support::{Greenfetch, PATIENCE, sys};

/// Sizes around those at which something changes (nothing, one segment, one buffer, more than a buffer); the other
/// files are in between.
const EDGES: [usize; 9] = [0, 1, 1460, 4096, 65_535, 65_536, 262_143, 262_145, 1_500_000];

const FILES: usize = 200;

/// More than [`EDGES`]: a body that takes many turns.
const LARGE: usize = 20_000_000;

/// URLs of a run that takes a while.
const MANY: usize = 5000;

/// Between giving a port back and taking it again another program may be quicker.
const PORTS_TO_TRY: usize = 10;

/// Between two looks whether a server listens; no proof rests on it.
const SOON: Duration = Duration::from_millis(5);

/// A server with [`FILES`] files, ended with its value.
struct Server {
    child: Child,
    port: u16,
    /// Where it speaks TLS, if it does.
    tls: u16,
    dir: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It and all that it has started; it was not waited for, so the number is still its own.
        sys::kill_group(self.child.id(), libc::SIGKILL);
        // It is dead whatever this says.
        let _ = self.child.wait();
    }
}

/// How a server is started: what its configuration is and what is filled in beside ports and folder.
struct Recipe<'a> {
    program: &'a str,
    package: &'a str,
    conf: &'a str,
    more: &'a [(&'a str, String)],
    /// All that stands before the path of the configuration.
    args: &'a [&'a str],
}

impl Recipe<'_> {
    /// Starts it on free ports and waits until it listens.
    fn start(&self) -> Server {
        for _ in 0..PORTS_TO_TRY {
            if let Some(server) = self.try_ports(free_port(), free_port()) {
                return server;
            }
        }
        panic!("{} listened on none of {PORTS_TO_TRY} ports", self.program);
    }

    fn try_ports(&self, port: u16, tls: u16) -> Option<Server> {
        let dir = folder();
        let conf = dir.path().join("conf");
        fs::write(&conf, self.fill_in(port, tls, dir.path())).expect("a folder to write to");
        let log = fs::OpenOptions::new().create(true).append(true).open(dir.path().join("log"));
        let log = log.expect("a folder to write to");
        let start = |program: &Path| {
            let mut command = Command::new(program);
            command.args(self.args).arg(&conf).current_dir(dir.path()).process_group(0);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            command.stderr(log.try_clone().expect("a descriptor")).spawn()
        };
        // Debian keeps them where only root's PATH leads.
        let started = match start(Path::new(self.program)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                start(&Path::new("/usr/sbin").join(self.program))
            }
            started => started,
        };
        let child =
            started.unwrap_or_else(|error| panic!("apt-get install {} is needed: {error}", self.package));
        Server { child, port, tls, dir }.when_it_listens()
    }

    fn fill_in(&self, port: u16, tls: u16, dir: &Path) -> String {
        let certs = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/certs");
        let ours = [
            ("@PORT@", port.to_string()),
            ("@TLS@", tls.to_string()),
            ("@DIR@", dir.display().to_string()),
            ("@CERTS@", certs.display().to_string()),
        ];
        let all = ours.iter().chain(self.more);
        all.fold(self.conf.to_owned(), |conf, (name, value)| conf.replace(name, value))
    }
}

impl Server {
    /// `None` when it ended instead, as one does that finds its port taken.
    fn when_it_listens(mut self) -> Option<Server> {
        let began = Instant::now();
        #[expect(clippy::disallowed_methods, reason = "the test's own thread may block")]
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            if self.child.try_wait().expect("a child of ours").is_some() {
                let log = self.log();
                assert!(log.contains("in use"), "it does not start: {log}");
                return None;
            }
            assert!(began.elapsed() < PATIENCE, "it does not listen: {}", self.log());
            thread::park_timeout(SOON);
        }
        Some(self)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn tls_url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.tls)
    }

    /// Sends a signal to the process that was started.
    fn signal(&self, signal: i32) {
        sys::kill(self.child.id(), signal);
    }

    /// As the kernel does for want of memory, but to all of it.
    fn kill_all(&self) {
        sys::kill_group(self.child.id(), libc::SIGKILL);
    }

    /// Every file so often, and the lines that they must come to, sorted.
    fn files(&self, times: usize) -> Fetches {
        Fetches::of((0..FILES * times).map(|n| n % FILES), |n| self.url(&format!("/{n}")))
    }

    /// [`MANY`] URLs of the smaller files.
    fn many(&self) -> Fetches {
        Fetches::of((0..MANY).map(|n| n % 5), |n| self.url(&format!("/{n}")))
    }
}

/// What is fetched, and the lines that it must come to, sorted.
struct Fetches {
    urls: Vec<String>,
    lines: Vec<String>,
}

impl Fetches {
    fn of(files: impl Iterator<Item = usize>, url: impl Fn(usize) -> String) -> Fetches {
        let (urls, mut lines): (Vec<_>, Vec<_>) =
            files.map(|n| (url(n), format!("{} bytes received from {}.", size(n), url(n)))).unzip();
        lines.sort();
        Fetches { urls, lines }
    }

    /// Fetches them in one mode: everything passes, and the lines are these, in whatever order.
    fn assert_pass(&self, mode: &str, jobs: &str) {
        let mut args = vec!["--connect-timeout", "30s", "--mode", mode];
        if mode != "sync" {
            args.extend(["-j", jobs]);
        }
        let lines = self.lines.clone();
        Greenfetch::new()
            .args(args)
            .list(&self.urls)
            .stdout_judged(move |text| assert_lines(text, &lines))
            .stderr("")
            .status(0);
    }

    fn assert_pass_in_every_mode(&self, jobs: &str) {
        ["sync", "threads", "coroutines"].iter().for_each(|mode| self.assert_pass(mode, jobs));
    }

    /// Starts a run and does something each time that so many results are there.
    fn run_and_after_every(&self, step: usize, mode: &str, mut act: impl FnMut()) -> Running {
        let mut running = Greenfetch::new().args(["--mode", mode, "--json"]).list(&self.urls).spawn();
        for n in 1..self.urls.len() {
            let line = running.next_stdout_line();
            assert!(line.is_some(), "a record for each URL");
            if n % step == 0 {
                act();
            }
        }
        running
    }
}

/// The size of a file: the edges first, then ever larger ones.
fn size(n: usize) -> usize {
    EDGES.get(n).copied().unwrap_or(n * n * 5)
}

/// Bytes that no two places of a file have in common for long.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| ((at % 251) ^ (at / 251 % 256)) as u8).collect()
}

fn folder() -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    // Servers that are started by root become somebody else.
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("a folder of our own");
    let www = dir.path().join("www");
    fs::create_dir(&www).expect("a folder to write to");
    let write = |name: &str, bytes: &[u8]| fs::write(www.join(name), bytes).expect("a folder to write to");
    (0..FILES).for_each(|n| write(&n.to_string(), &bytes(size(n))));
    write("large.bin", &bytes(LARGE));
    fs::create_dir(www.join("gzip")).expect("a folder to write to");
    write("gzip/large.bin", &bytes(LARGE));
    write("error-page.html", b"<p>Nothing is here.</p>");
    // HAProxy wants both in one file.
    let both =
        ["pem", "key"].map(|end| fs::read(certificate("localhost").with_extension(end)).expect("a fixture"));
    fs::write(dir.path().join("localhost-with-key.pem"), both.concat()).expect("a folder to write to");
    dir
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn assert_lines(text: &str, lines: &[String]) {
    let mut printed: Vec<&str> = text.lines().collect();
    printed.sort_unstable();
    assert!(printed == lines, "{}", first_difference(&printed, lines));
}

fn first_difference(printed: &[&str], lines: &[String]) -> String {
    let at = printed.iter().zip(lines).position(|(printed, line)| printed != line);
    let at = at.unwrap_or(printed.len().min(lines.len()));
    let counts = format!("{} lines printed, {} expected", printed.len(), lines.len());
    format!("{counts}; the first difference: {:?}, expected {:?}", printed.get(at), lines.get(at))
}

/// `--cert` and `--key` of one whom the servers know.
fn client_certificate() -> [PathBuf; 4] {
    let client = certificate("client");
    ["--cert".into(), client.clone(), "--key".into(), client.with_extension("key")]
}

/// The one file of a folder, read.
fn saved(dir: &Path) -> Vec<u8> {
    let mut files = fs::read_dir(dir).expect("a folder").flatten();
    let file = files.next().expect("a file was saved");
    assert!(files.next().is_none(), "more than one file");
    fs::read(file.path()).expect("a file")
}
