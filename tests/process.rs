//! What the machine does not have: memory, threads, ports; and ends that nobody announced.
//!
//! Knows the limits of a process, and its output after a kill. Refuses to say how slow a run may be for want of something.

use std::collections::HashSet;
use std::fs;

use serde_json::Value;

use crate::support::Greenfetch;
use crate::support::expectation::parse_records;
use crate::support::namespace::in_own_network;
use crate::support::origin::Origin;
use crate::support::script::{Gate, Script, Steps as _};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Answers that wait for the gate: as many jobs are in flight as there may be.
fn gated_origin() -> (Origin, Gate) {
    let gate = Gate::new();
    let script = Script::nothing().wait_for(&gate).then(OK).then_fin();
    (Origin::start().script("/", script), gate)
}

#[test]
fn a_small_address_space_makes_a_run_slower_not_worse() {
    for mode in ["coroutines", "threads"] {
        let (origin, gate) = gated_origin();
        let running = Greenfetch::new()
            .args(["--mode", mode, "-j", "2000"])
            .list((0..2000).map(|_| origin.url("/")))
            .address_space(1 << 30)
            .spawn();
        origin.wait_for_requests("/", 50);
        gate.open();
        let finished = running.finish();
        assert_eq!(finished.status, Some(0), "{}", finished.story);
        assert_eq!(finished.stdout.lines().count(), 2000, "{}", finished.story);
        assert!(finished.stderr.contains("--jobs lowered from 2000 to "), "{}", finished.story);
        assert!(finished.stderr.contains("ulimit -v"), "{}", finished.story);
    }
}

#[test]
fn where_no_thread_can_be_had_that_is_said() {
    let origin = Origin::start().script("/", Script::ok("hello"));
    Greenfetch::new()
        .list([origin.url("/")])
        .threads(1)
        .in_every_mode()
        .stdout("")
        .stderr_has("greenfetch: cannot start ")
        .stderr_has("(ulimit -u, ulimit -v")
        .status(2);
}

#[test]
fn few_threads_make_a_run_slower_not_worse() {
    for mode in ["coroutines", "threads"] {
        let (origin, gate) = gated_origin();
        let running = Greenfetch::new()
            .args(["--mode", mode, "-j", "50"])
            .list((0..100).map(|_| origin.url("/")))
            .threads(12)
            .spawn();
        origin.wait_for_requests("/", 1);
        gate.open();
        let finished = running.finish();
        assert_eq!(finished.status, Some(0), "{}", finished.story);
        assert_eq!(finished.stdout.lines().count(), 100, "{}", finished.story);
    }
}

/// Main, signals, list, loop, and one more: the fetch, which then looks into its body by itself. Coroutines have their
/// worker besides.
#[test]
fn the_fewest_threads_that_a_run_can_have_are_enough() {
    let origin = Origin::start().script("/", Script::ok("{\"ok\": true}"));
    for (mode, fewest) in [("sync", 5), ("threads", 5), ("coroutines", 6)] {
        for n in fewest..fewest + 3 {
            Greenfetch::new()
                .args(["--mode", mode, "-m", "50"])
                .list((0..20).map(|_| format!("{} json.$.ok==true", origin.url("/"))))
                .threads(n)
                .stdout("12 bytes received from {origin}/.\n".repeat(20))
                .any_stderr()
                .status(0);
        }
    }
}

#[test]
fn one_thread_fewer_is_a_failure_of_each_url_that_says_why() {
    let origin = Origin::start().script("/", Script::ok("hello"));
    // The list's thread stays as long as its input does.
    let mut running = Greenfetch::new().operand("-").args(["--sync"]).threads(4).stdin_open().spawn();
    running.write_stdin(&format!("{}\n", origin.url("/")));
    running.wait_for_stderr("/: timeout (queue): no thread or stack for a fetch in 10 s: ");
    running.close_stdin();
    let finished = running.finish();
    assert_eq!(finished.status, Some(1), "{}", finished.story);
    assert!(!finished.stderr.contains("internal"), "{}", finished.story);
}

#[test]
fn more_descriptors_are_asked_for_where_they_may_be_had() {
    for mode in ["coroutines", "threads"] {
        let (origin, gate) = gated_origin();
        let running = Greenfetch::new()
            .args(["--mode", mode, "-j", "200"])
            .list((0..200).map(|_| origin.url("/")))
            .soft_descriptors(64)
            .spawn();
        // All at once: more than there are descriptors.
        origin.wait_for_requests("/", 200);
        gate.open();
        let finished = running.finish();
        assert_eq!(finished.status, Some(0), "{}", finished.story);
        assert_eq!(finished.stderr, "", "{}", finished.story);
    }
}

#[test]
fn few_local_ports_make_a_run_slower_not_worse() {
    for mode in ["coroutines", "threads"] {
        in_own_network(move || {
            let (origin, gate) = gated_origin();
            fs::write("/proc/sys/net/ipv4/ip_local_port_range", "50000 50019")
                .expect("the network is our own");
            let running = Greenfetch::new()
                .args(["--mode", mode, "-j", "50"])
                .list((0..100).map(|_| origin.url("/")))
                .spawn();
            origin.wait_for_requests("/", 5);
            gate.open();
            let finished = running.finish();
            assert_eq!(finished.status, Some(0), "{}", finished.story);
            assert_eq!(finished.stdout.lines().count(), 100, "{}", finished.story);
            assert!(origin.most_in_flight() <= 20, "there were more ports than that");
        });
    }
}

/// How many results are read before the signal comes: the moments of it.
const MOMENTS: [usize; 8] = [0, 1, 2, 7, 40, 150, 600, 1400];

fn interrupted_after(n_lines: usize, mode: &str, signal: i32) -> String {
    let origin = Origin::start().script("/", Script::ok("hello"));
    let mut running =
        Greenfetch::new().args(["--mode", mode, "--json"]).list((0..1500).map(|_| origin.url("/"))).spawn();
    for _ in 0..n_lines {
        running.next_stdout_line().expect("there are more results");
    }
    running.signal(signal);
    running.finish().stdout
}

#[test]
fn an_interrupt_at_any_moment_leaves_whole_lines_each_url_once() {
    for mode in ["coroutines", "threads"] {
        for n_lines in MOMENTS {
            let stdout = interrupted_after(n_lines, mode, libc::SIGINT);
            assert!(stdout.is_empty() || stdout.ends_with('\n'), "a torn line");
            let records = parse_records(&stdout);
            assert!(records.len() >= n_lines);
            let urls: HashSet<u64> = records.iter().filter_map(|record| record["urlnum"].as_u64()).collect();
            assert_eq!(urls.len(), records.len(), "a URL was told twice");
        }
    }
}

#[test]
fn a_kill_at_any_moment_leaves_whole_lines_but_the_last() {
    for mode in ["coroutines", "threads"] {
        for n_lines in MOMENTS {
            let stdout = interrupted_after(n_lines, mode, libc::SIGKILL);
            let whole = stdout.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let is_record = |line: &str| serde_json::from_str::<Value>(line).is_ok();
            assert!(whole.lines().all(is_record), "a torn line that is not the last");
            assert!(whole.lines().count() >= n_lines);
        }
    }
}
