//! What a request costs, counted and never timed: instructions, system calls, memory.
//!
//! Knows valgrind and strace, and the product as it is shipped. Refuses to run unless asked to, as they have to be
//! installed and a release build has to be there; then a missing one is a failure and no silent pass. A bound is a tenth
//! above what was reached when it was set: who makes it cheaper lowers it.

use std::path::PathBuf;
use std::process::Command;

use crate::support::origin::{Origin, TlsOrigin};
use crate::support::script::Steps as _;
use crate::support::wire::certificate;

/// User instructions for a keep-alive request over http and https, all threads, from the line of the list to the line
/// on stdout (x86-64, 2026-11).
const HTTP_INSTRUCTIONS: u64 = 14_200;
const HTTPS_INSTRUCTIONS: u64 = 26_800;

/// Calls beside one send and one recv: the selector and the wake-ups of threads, of which one serves many requests
/// unless every answer comes alone, as under strace. 634 were reached with 10 jobs; how many come together is the
/// system's to say, so this bound is wide.
const OTHER_CALLS_PER_THOUSAND: u64 = 1300;

/// At the peak, for each of 10 000 URLs that are parked, and then answered, at once: bytes.
const BYTES_PARKED: u64 = 17_300;

/// Tools are slow: nothing is to be late under them.
const PATIENT: [&str; 6] = ["--connect-timeout", "0", "-m", "0", "--stall", "0"];

/// A short run and a long one: their difference is free of what starting up takes.
const SHORT: u64 = 500;
const LONG: u64 = 2500;

/// Origins over http and https that answer with 1 KiB over connections that stay, and the URL of each.
fn origins() -> [(Origin, String); 2] {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n";
    [("http", Origin::start()), ("https", TlsOrigin::start("localhost"))].map(|(scheme, origin)| {
        let origin = origin.script("/1k", head.then_bytes(1024).keep_alive());
        let url = origin.url_as(scheme, "localhost", "/1k");
        (origin, url)
    })
}

/// `target/release/greenfetch`, beside the debug build that the tests run.
pub(crate) fn release() -> PathBuf {
    let debug = PathBuf::from(env!("CARGO_BIN_EXE_greenfetch"));
    let target = debug.parent().and_then(|profile| profile.parent()).expect("target/PROFILE/greenfetch");
    let release = target.join("release/greenfetch");
    assert!(release.exists(), "{} is missing: cargo build --release", release.display());
    release
}

/// Runs the product under a tool over `urls` lines of one URL; gives the tool's standard error or its file.
pub(crate) fn under(tool: &[&str], args: &[&str], url: &str, urls: u64) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    let list = dir.path().join("list");
    let lines = format!("{url}\n").repeat(usize::try_from(urls).expect("a count"));
    std::fs::write(&list, lines).expect("a list");
    let said = dir.path().join("said");
    let run = Command::new(tool[0])
        .args(tool[1..].iter().map(|arg| arg.replace("SAID", &said.to_string_lossy())))
        .arg(release())
        .args(["-q", "-j", "10"])
        .args(args)
        .arg(&list)
        .env("SSL_CERT_FILE", certificate("ca"))
        .output()
        .unwrap_or_else(|error| panic!("{} cannot be run: {error}", tool[0]));
    let passed = run
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| line.starts_with(b"1024 bytes received"))
        .count();
    assert_eq!(passed as u64, urls, "{}", String::from_utf8_lossy(&run.stderr));
    std::fs::read_to_string(&said).expect("what the tool said")
}

/// callgrind's `summary:` or `totals:`, for one request.
fn instructions(url: &str) -> u64 {
    let tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=SAID"];
    let total = |urls| {
        let said = under(&tool, &PATIENT, url, urls);
        let line = said
            .lines()
            .find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")));
        line.and_then(|figure| figure.trim().parse::<u64>().ok()).expect("callgrind's total")
    };
    (total(LONG) - total(SHORT)) / (LONG - SHORT)
}

/// What was reached and what is allowed; panics when it is too much.
pub(crate) fn within(what: &str, reached: u64, bound: u64) -> String {
    assert!(reached <= bound, "{what}: {reached}, and the bound is {bound}");
    format!("{what}: {reached}, bound {bound}")
}

#[test]
#[ignore = "wants valgrind and a release build: bash .ci/check cost"]
fn a_request_costs_no_more_instructions_than_it_did() {
    let bounds = [HTTP_INSTRUCTIONS, HTTPS_INSTRUCTIONS];
    for ((_, url), bound) in origins().iter().zip(bounds) {
        println!("{}", within(url, instructions(url), bound));
    }
}

/// strace's table: the name of a call is the last word of its line, the number of calls the fourth.
fn calls(table: &str, wanted: impl Fn(&str) -> bool) -> u64 {
    let rows = table.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        Some((*words.last()?, words.get(3)?.parse::<u64>().ok()?))
    });
    rows.filter(|(name, _)| *name != "total" && wanted(name)).map(|(_, n)| n).sum()
}

#[test]
#[ignore = "wants strace and a release build: bash .ci/check cost"]
fn a_keep_alive_request_is_one_send_and_one_recv() {
    for url in origins().iter().map(|(_, url)| url) {
        let tables =
            [SHORT, LONG].map(|urls| under(&["strace", "-f", "-c", "-o", "SAID"], &PATIENT, url, urls));
        let more =
            |wanted: fn(&str) -> bool| calls(&tables[1], wanted).saturating_sub(calls(&tables[0], wanted));
        let n = LONG - SHORT;
        let (sent, received) = (more(|name| name == "sendto"), more(|name| name == "recvfrom"));
        assert!(sent.abs_diff(n) <= n / 100, "{sent} calls of send for {n} requests");
        assert!(received.abs_diff(n) <= n / 20, "{received} calls of recv for {n} requests");
        let others = more(|name| !matches!(name, "sendto" | "recvfrom"));
        println!("{}", within("other calls for 1000 requests", others * 1000 / n, OTHER_CALLS_PER_THOUSAND));
    }
}

#[test]
#[ignore = "wants a release build: bash .ci/check cost"]
fn ten_thousand_parked_urls_fit_their_memory() {
    let run = Command::new(release()).args(["demo", "--many", "10000"]).output().expect("the product");
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    let kilobytes =
        text.lines().find_map(|line| line.split_once(" kB of memory for each URL")?.0.parse::<f64>().ok());
    let kilobytes = kilobytes.unwrap_or_else(|| panic!("{text}"));
    println!("{}", within("bytes for each URL", (kilobytes * 1000.0) as u64, BYTES_PARKED));
}
