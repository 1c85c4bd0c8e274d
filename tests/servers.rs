//! Servers that others wrote: nginx and Python's http.server, on the loopback, as they come.
//!
//! Knows how each is started on a free port and ended. Refuses to run unless asked to, as both have to be installed;
//! then a missing one is a failure and no silent pass.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use tempfile::TempDir;

const NGINX_CONF: &str = include_str!("../fixtures/servers/nginx.conf");

/// Sizes around those at which something changes (nothing, one segment, one buffer, more than a buffer); the other
/// files are in between.
const EDGES: [usize; 9] = [0, 1, 1460, 4096, 65_535, 65_536, 262_143, 262_145, 1_500_000];

const FILES: usize = 200;

/// Between giving a port back and taking it again another program may be quicker.
const PORTS_TO_TRY: usize = 10;

const SYNC: &[&str] = &["--sync"];
const MODES: [&[&str]; 3] = [SYNC, &["--mode", "threads"], &[]];

/// A server with [`FILES`] files, ended with its value.
struct Server {
    child: Child,
    port: u16,
    _dir: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then the test that used it says so.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn nginx() -> Server {
        for _ in 0..PORTS_TO_TRY {
            let dir = folder();
            let port = free_port();
            let conf = dir.path().join("nginx.conf");
            fs::write(&conf, NGINX_CONF.replace("@PORT@", &port.to_string())).expect("a folder to write to");
            let mut child = start_nginx(dir.path(), &conf);
            let stderr = child.stderr.take().expect("a pipe");
            let server = Server { child, port, _dir: dir };
            if wait_for(stderr, "event method").is_some() {
                return server;
            }
        }
        panic!("nginx listened on none of {PORTS_TO_TRY} ports; nginx -t may say why");
    }

    fn python() -> Server {
        let dir = folder();
        let www = dir.path().join("www");
        let mut command = Command::new("python3");
        command.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"]).arg(www);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("python3 is needed: apt-get install python3");
        let stdout = child.stdout.take().expect("a pipe");
        let line = wait_for(stdout, " port ").expect("a line that says where it listens");
        let port = line.split(" port ").nth(1).and_then(|rest| rest.split(' ').next());
        let port = port.and_then(|port| port.parse().ok()).expect("a port");
        Server { child, port, _dir: dir }
    }

    /// The URLs, each as often as is asked, and the lines that they must come to, sorted.
    fn list(&self, times: usize) -> (String, Vec<String>) {
        let urls = (0..FILES * times).map(|n| (n, format!("http://127.0.0.1:{}/{}", self.port, n % FILES)));
        let line = |(n, url): (usize, String)| {
            (format!("{url}\n"), format!("{} bytes received from {url}.", size(n % FILES)))
        };
        let (list, mut lines): (String, Vec<String>) = urls.map(line).unzip();
        lines.sort();
        (list, lines)
    }
}

/// The size of a file: the edges first, then ever larger ones.
fn size(n: usize) -> usize {
    EDGES.get(n).copied().unwrap_or(n * n * 5)
}

fn folder() -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let www = dir.path().join("www");
    fs::create_dir(&www).expect("a folder to write to");
    for n in 0..FILES {
        let bytes: Vec<u8> = (0..size(n)).map(|at| (at % 251) as u8).collect();
        fs::write(www.join(n.to_string()), bytes).expect("a folder to write to");
    }
    dir
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn start_nginx(dir: &Path, conf: &Path) -> Child {
    let start = |program: &str| {
        let mut command = Command::new(program);
        command.arg("-p").arg(dir).arg("-c").arg(conf).args(["-e", "stderr"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
    };
    // Debian keeps it where only root's PATH leads.
    match start("nginx") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => start("/usr/sbin/nginx"),
        started => started,
    }
    .expect("nginx is needed: apt-get install nginx-light")
}

/// Reads lines up to one that has this in it; `None` is the end before. What follows is read and thrown away, so that
/// the server never waits for us.
fn wait_for(from: impl Read + Send + 'static, words: &str) -> Option<String> {
    let mut lines = BufReader::new(from);
    let found = lines.by_ref().lines().map_while(Result::ok).find(|line| line.contains(words));
    thread::spawn(move || io::copy(&mut lines, &mut io::sink()));
    found
}

/// Runs greenfetch over a list: everything passes, and the lines are these, in whatever order.
fn assert_fetches(mode: &[&str], jobs: &str, list: &str, lines: &[String]) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::write(dir.path().join("list"), list).expect("a folder to write to");
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenfetch"));
    command.current_dir(dir.path()).env_clear().args(["-q", "--connect-timeout", "30s", "list"]).args(mode);
    if mode != SYNC {
        command.args(["-j", jobs]);
    }
    let output = command.stdin(Stdio::null()).output().expect("greenfetch is built");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{mode:?}");
    assert_eq!(output.status.code(), Some(0), "{mode:?}");
    let stdout = String::from_utf8(output.stdout).expect("lines are text");
    let mut printed: Vec<&str> = stdout.lines().collect();
    printed.sort_unstable();
    assert!(printed == lines, "{mode:?}: {}", first_difference(&printed, lines));
}

fn first_difference(printed: &[&str], lines: &[String]) -> String {
    let at = printed.iter().zip(lines).position(|(printed, line)| printed != line);
    let at = at.unwrap_or(printed.len().min(lines.len()));
    let counts = format!("{} lines printed, {} expected", printed.len(), lines.len());
    format!("{counts}; the first difference: {:?}, expected {:?}", printed.get(at), lines.get(at))
}

#[test]
#[ignore = "needs nginx: just servers"]
fn nginx_gives_the_same_lines_in_every_mode() {
    let server = Server::nginx();
    let (list, lines) = server.list(1);
    for mode in MODES {
        assert_fetches(mode, "50", &list, &lines);
    }
}

#[test]
#[ignore = "needs nginx: just servers"]
fn connections_that_nginx_closes_after_a_hundred_requests_fail_nobody() {
    let server = Server::nginx();
    let (list, lines) = server.list(15);
    for mode in MODES {
        assert_fetches(mode, "100", &list, &lines);
    }
}

#[test]
#[ignore = "needs python3: just servers"]
fn pythons_server_which_closes_after_each_answer_gives_the_same_lines_in_every_mode() {
    let server = Server::python();
    let (list, lines) = server.list(1);
    for mode in MODES {
        // Its backlog is 5: a connection that finds it full is tried again by the system a second or three later.
        assert_fetches(mode, "6", &list, &lines);
    }
}
