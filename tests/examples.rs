//! The programs of the tutorials: each says what its tutorial says, and leads to the place that it names.
//!
//! Knows their binaries, which `cargo test` builds, and the pages that point at the code. Refuses to know how they work.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::PATIENCE;
use crate::support::running::{Finished, Running};

const ALL: [&str; 7] = [
    "greenlet_switch",
    "sleep_order",
    "sync_vs_async",
    "urlopen",
    "placeholder",
    "echo_server",
    "state_machine",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// An example as `cargo run --example` starts it, but from elsewhere and without an environment.
fn command(name: &str, args: &[&str], dir: &Path) -> Command {
    let binary = Path::new(env!("CARGO_BIN_EXE_greenfetch")).with_file_name("examples").join(name);
    assert!(binary.exists(), "{} is missing: cargo build --examples", binary.display());
    let mut command = Command::new(binary);
    command.args(args).current_dir(dir).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(name: &str, args: &[&str]) -> Finished {
    let dir = TempDir::new().expect("a directory of its own");
    let command = command(name, args, dir.path());
    Running::start(command, format!("{name} {}", args.join(" ")), None, dir).finish()
}

/// What an example says that succeeds and has nothing to complain of.
fn output(name: &str, args: &[&str]) -> String {
    let finished = run(name, args);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{}", finished.story);
    finished.stdout
}

/// `12.34 s` becomes `[TIME]`, and an address of the loopback `{origin}`.
fn redact(text: &str) -> String {
    let is_figure = |c: char| c.is_ascii_digit() || c == '.';
    let mut lines = Vec::new();
    for line in text.lines() {
        let line = match line.rsplit_once(": ") {
            Some((what, time)) if time.strip_suffix(" s").is_some_and(|time| time.chars().all(is_figure)) => {
                format!("{what}: [TIME]")
            }
            _ => line.to_owned(),
        };
        let port = |rest: &str| rest.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned();
        let mut parts = line.split("127.0.0.1:");
        let first = parts.next().unwrap_or_default().to_owned();
        lines.push(parts.fold(first, |line, rest| line + "{origin}" + &port(rest)));
    }
    lines.join("\n")
}

fn sorted<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut lines: Vec<_> = lines.collect();
    lines.sort_unstable();
    lines
}

#[test]
fn tasks_that_switch_by_hand_print_in_the_order_of_their_switches() {
    assert_eq!(output("greenlet_switch", &[]), "12\n56\n34\n1\n2\n3\n4\n5\n6\n");
}

#[test]
fn a_switch_can_be_measured() {
    let text = output("greenlet_switch", &["2000"]);
    let words: Vec<_> = text.lines().map(|line| line.split(": ").next().unwrap_or_default()).collect();
    assert_eq!(words, ["to another stack and back", "to another thread and back"]);
    let figure = |line: &str| line.rsplit_once(": ")?.1.strip_suffix(" ns")?.parse::<f64>().ok();
    assert!(text.lines().all(|line| figure(line).is_some_and(|figure| figure > 0.0)), "{text}");
}

#[test]
fn who_sleeps_least_is_back_first() {
    assert_eq!(output("sleep_order", &[]), "1\n2\n3\n6\n5\n4\n");
}

#[test]
fn waits_one_after_another_add_up_and_together_do_not() {
    let text = output("sync_vs_async", &[]);
    let redacted = redact(&text);
    let lines: Vec<_> = redacted.lines().collect();
    let done: Vec<_> = (1..=10).map(|number| format!("Task {number} done")).collect();
    assert_eq!(lines.len(), 22, "{text}");
    assert_eq!(lines[..10], done);
    assert_eq!(sorted(lines[10..20].iter().copied()), sorted(done.iter().map(String::as_str)), "{text}");
    assert_eq!(lines[20..], ["one after another: [TIME]", "together: [TIME]"]);
    let second = |line: &str| line.rsplit_once(": ")?.1.strip_suffix(" s")?.parse::<f64>().ok();
    let times: Vec<_> = text.lines().filter_map(second).collect();
    assert!(times[0] >= 5.0 && times[1] < times[0] / 2.0, "{text}");
}

#[test]
fn three_urls_are_all_asked_before_the_first_has_answered() {
    let text = redact(&output("urlopen", &[]));
    let lines: Vec<_> = text.lines().collect();
    let url = |size, delay| format!("http://{{origin}}/bytes/{size}?delay={delay}");
    let urls = [url(30_000, 300), url(2000, 200), url(100, 100)];
    assert_eq!(lines[..3], urls.each_ref().map(|url| format!("GET: {url}")));
    let received = [30_000, 2000, 100].map(|size| format!("{size} bytes received from "));
    let received: Vec<_> = received.iter().zip(&urls).map(|(words, url)| format!("{words}{url}.")).collect();
    assert_eq!(sorted(lines[3..].iter().copied()), sorted(received.iter().map(String::as_str)));
}

#[test]
fn a_placeholder_is_filled_with_what_a_call_returns() {
    assert_eq!(
        output("placeholder", &[]),
        "synchronous: 5000 bytes\nasynchronous: not yet\nasynchronous: 5000 bytes\n"
    );
}

#[test]
fn a_parser_is_the_same_with_a_stack_and_with_states() {
    let text = output("state_machine", &[]);
    assert!(text.lines().all(|line| line.ends_with(", the same")), "{text}");
    assert_eq!(text.lines().filter(|line| line.contains(": \"hello\" after ")).count(), 2, "{text}");
    assert_eq!(text.lines().count(), 8, "{text}");
}

#[test]
fn an_echo_server_sends_back_what_was_sent_whatever_port_it_gets() {
    let lines = "one thread\nmany sockets\na stack for each\n";
    assert_eq!(output("echo_server", &["0"]), lines);
    let squatter = Server::start(&["--serve"]);
    assert_eq!(output("echo_server", &[]), lines, "8001 or a free one: {}", squatter.addr);
    let taken = run("echo_server", &[squatter.addr.rsplit(':').next().expect("a port")]);
    assert_eq!((taken.status, taken.stdout.as_str()), (Some(1), ""), "{}", taken.story);
    assert!(taken.stderr.contains("AddrInUse"), "{}", taken.story);
}

#[test]
fn an_echo_server_serves_one_client_while_another_is_silent() {
    let server = Server::start(&["--serve", "0"]);
    let silent = server.connect();
    for text in ["first", "second"] {
        let mut client = server.connect();
        client.write_all(text.as_bytes()).expect("it reads");
        client.shutdown(Shutdown::Write).expect("it stands");
        let mut echo = String::new();
        client.read_to_string(&mut echo).expect("it answers");
        assert_eq!(echo, text);
    }
    drop(silent);
}

/// An echo server that stays up until it is dropped.
struct Server {
    child: Child,
    addr: String,
    _dir: TempDir,
}

impl Server {
    fn start(args: &[&str]) -> Server {
        let dir = TempDir::new().expect("a directory of its own");
        let mut child = command("echo_server", args, dir.path()).spawn().expect("it starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("it says where it listens");
        Server { child, addr: line.trim_end().to_owned(), _dir: dir }
    }

    #[expect(clippy::disallowed_methods, reason = "the test's own thread may block")]
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.addr).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit that is not zero");
        stream
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a file has a word as a word.
fn names(file: &Path, word: &str) -> bool {
    let text = fs::read_to_string(file).unwrap_or_default();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.split(|c| !is_word(c)).any(|found| found == word)
}

/// The places ``src/FILE `word` `` of a head comment.
fn places_in_head(text: &str) -> Vec<(PathBuf, Option<String>)> {
    let head: String = text.lines().map_while(|line| line.strip_prefix("//!")).collect();
    let places = head.split("src/").skip(1).map(|rest| {
        let end = rest.find(".rs").expect("a file of Rust") + 3;
        let word = rest[end..].strip_prefix(" `").and_then(|word| word.split('`').next());
        (root().join("src").join(&rest[..end]), word.map(str::to_owned))
    });
    places.collect()
}

/// The relative links of a page in docs/, with the word when the link is one: ``[`park`](../src/runtime/slot.rs)``.
fn links(text: &str) -> Vec<(PathBuf, Option<String>)> {
    let mut links = Vec::new();
    for (at, _) in text.match_indices("](") {
        let target = text[at + 2..].split([')', '#']).next().unwrap_or_default();
        let label = text[..at].rsplit('[').next().unwrap_or_default();
        let word = label.strip_prefix('`').and_then(|label| label.strip_suffix('`'));
        let word = word.filter(|word| word.chars().all(|c| c.is_alphanumeric() || c == '_'));
        if !target.contains("://") {
            let is_code = Path::new(target).extension().is_some_and(|extension| extension == "rs");
            links.push((root().join("docs").join(target), word.filter(|_| is_code).map(str::to_owned)));
        }
    }
    links
}

#[test]
fn what_examples_and_pages_point_at_is_there() {
    let page = "docs/how-it-works.md";
    let text = fs::read_to_string(root().join(page)).expect("a page");
    let mut places: Vec<_> = links(&text).into_iter().map(|place| (page.to_owned(), place)).collect();
    for name in ALL {
        let file = format!("examples/{name}.rs");
        assert!(text.contains(&format!("(../{file})")), "{page} does not point at {file}");
        let found = places_in_head(&fs::read_to_string(root().join(&file)).expect("an example"));
        assert!(!found.is_empty(), "{file} does not say where its idea is used");
        places.extend(found.into_iter().map(|place| (file.clone(), place)));
    }
    for (from, (path, word)) in places {
        assert!(path.exists(), "{from}: there is no {}", path.display());
        let is_there = word.as_deref().is_none_or(|word| names(&path, word));
        assert!(is_there, "{from}: {} has no {}", path.display(), word.unwrap_or_default());
    }
}

#[test]
fn every_example_is_run_here() {
    let files = fs::read_dir(root().join("examples")).expect("a folder").flatten();
    let mut found: Vec<_> = files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
    found.sort();
    let mut all = ALL.map(|name| format!("{name}.rs"));
    all.sort();
    assert_eq!(found, all);
}
