//! Signals, closed pipes and few descriptors: how a run ends before its time, or does not.
//!
//! Knows the process from outside. Refuses to wait for anything but what it has seen happen.

use crate::support::Greenfetch;
use crate::support::expectation::parse_records;
use crate::support::origin::Origin;
use crate::support::running::Running;
use crate::support::script::{Gate, Script, Steps as _};
use crate::support::table::came_to;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn origin() -> Origin {
    Origin::start().script("/ok", Script::ok("hello")).script("/silent", Script::nothing().then_hang())
}

/// A run that has one result and so many URLs that wait for ever.
fn pending(origin: &Origin, n: usize, mode: &str, args: &[&str]) -> (Running, String) {
    let urls = std::iter::once(origin.url("/ok")).chain((0..n).map(|_| origin.url("/silent")));
    let jobs = (n + 1).to_string();
    let asked_before = origin.requests("/silent");
    let chain = Greenfetch::new().args(["--mode", mode, "-m", "0", "-j", &jobs]).args(args.iter().copied());
    let mut running = chain.list(urls).spawn();
    let line = running.next_stdout_line().expect("the first result");
    origin.wait_for_requests("/silent", asked_before + n);
    (running, line)
}

#[test]
fn a_signal_cancels_what_is_pending_and_keeps_what_is_done() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        for mode in ["coroutines", "threads"] {
            let origin = origin();
            let (running, line) = pending(&origin, 5, mode, &[]);
            assert_eq!(line, format!("5 bytes received from {}.", origin.url("/ok")));
            running.signal(signal);
            let finished = running.finish();
            assert_eq!(finished.signal, Some(signal), "{}", finished.story);
            let cancelled = finished.stderr.lines().filter(|line| line.contains(": cancelled (wait): "));
            assert_eq!(cancelled.count(), 5, "{}", finished.story);
            assert_eq!(finished.stdout.lines().count(), 1, "{}", finished.story);
        }
    }
}

#[test]
fn a_signal_ends_a_run_one_after_another_too() {
    let origin = origin();
    let urls = [origin.url("/ok"), origin.url("/silent"), origin.url("/silent")];
    let running = Greenfetch::new().args(["--sync", "-m", "0"]).list(urls).spawn();
    origin.wait_for_requests("/silent", 1);
    running.signal(libc::SIGINT);
    let finished = running.finish();
    assert_eq!(finished.signal, Some(libc::SIGINT), "{}", finished.story);
    assert!(finished.stderr.contains("list:2: "), "{}", finished.story);
    assert_eq!(origin.requests("/silent"), 1, "nothing is started any more");
}

#[test]
fn every_entry_taken_up_has_one_record_though_a_signal_came() {
    let origin = origin();
    let (running, _) = pending(&origin, 200, "coroutines", &["--json"]);
    running.signal(libc::SIGINT);
    let finished = running.finish();
    assert_eq!(finished.signal, Some(libc::SIGINT), "{}", finished.story);
    let records = parse_records(&finished.stdout);
    assert_eq!(records.len(), 201, "{}", finished.story);
    assert!(records.iter().enumerate().all(|(n, record)| record["urlnum"] == n));
    assert_eq!(came_to(&records[0]), "pass 5");
    assert!(records[1..].iter().all(|record| record["outcome"] == "cancelled"));
    assert!(finished.stderr.lines().count() < 60, "as many lines as one reads: {}", finished.story);
}

/// Longer than what a pipe holds, together.
const LONG: usize = 8000;

/// A run whose results nobody reads: it cannot tell all that came, and it has more to wait for.
fn unread(origin: &Origin, args: &[&str]) -> Running {
    let long = origin.url(&format!("/ok?{}", "x".repeat(LONG)));
    let urls = (0..5).map(|_| origin.url("/silent")).chain((0..40).map(|_| long.clone()));
    let chain = Greenfetch::new().args(["-m", "0", "-j", "100"]).args(args.iter().copied());
    let running = chain.list(urls).spawn();
    origin.wait_for_requests("/silent", 5);
    origin.wait_for_requests("/ok", 40);
    running
}

#[test]
fn results_that_nobody_reads_hold_no_run_that_is_to_end() {
    let origin = origin();
    let running = unread(&origin, &[]);
    running.signal(libc::SIGINT);
    running.wait_unread();
    let finished = running.finish();
    assert_eq!(finished.signal, Some(libc::SIGINT), "{}", finished.story);
    assert!(
        finished.stderr.contains("cannot write to standard output: nobody reads it"),
        "{}",
        finished.story
    );
    assert!(finished.stdout.len() < 40 * LONG, "it did not wait for its reader");

    let running = unread(&origin, &["--deadline", "1"]);
    running.wait_unread();
    assert_eq!(running.finish().status, Some(124));
}

#[test]
fn a_second_interrupt_quits_at_once() {
    let origin = origin();
    let running = unread(&origin, &[]);
    running.signal(libc::SIGINT);
    origin.wait_for_departures(5);
    running.signal(libc::SIGINT);
    running.wait_unread();
    let finished = running.finish();
    assert_eq!(finished.signal, Some(libc::SIGINT), "{}", finished.story);
    assert!(finished.stdout.len() < 40 * LONG, "it did not wait for its reader");
}

#[test]
fn usr1_tells_what_is_parked_and_the_run_goes_on() {
    for mode in ["coroutines", "threads", "sync"] {
        let gate = Gate::new();
        let origin =
            Origin::start().script("/parked", Script::nothing().wait_for(&gate).then(OK).keep_alive());
        let running = Greenfetch::new().args(["--mode", mode]).list([origin.url("/parked")]).spawn();
        origin.wait_for_requests("/parked", 1);
        running.signal(libc::SIGUSR1);
        running.wait_for_stderr(&origin.url("/parked"));
        gate.open();
        let finished = running.finish();
        assert_eq!(finished.status, Some(0), "{}", finished.story);
        // The origin may have seen the request before its sender could say that it waits.
        assert!(finished.stderr.contains("wait") || finished.stderr.contains("send"), "{}", finished.story);
        assert_eq!(finished.stdout, format!("2 bytes received from {}.\n", origin.url("/parked")));
    }
}

/// One sleeps until its next try, two are in flight: what waits is in the table, though no coroutine holds it.
#[test]
fn usr1_counts_what_sleeps_and_says_which_try_it_is() {
    for mode in ["coroutines", "threads"] {
        let origin = Origin::start()
            .script("/busy", Script::status(500))
            .script("/late", Script::sequence([Script::status(503), Script::nothing().then_hang()]))
            .script("/silent", Script::nothing().then_hang());
        let chain = Greenfetch::new().args(["--mode", mode, "-j", "3", "-m", "0", "--retry", "2"]);
        let running = chain
            .args(["--retry-delay", "0.01", "--retry-on", "503"])
            .list(["/late", "/silent"].map(|path| origin.url(path)))
            .spawn();
        origin.wait_for_requests("/late", 2);
        origin.wait_for_requests("/silent", 1);
        running.signal(libc::SIGUSR1);
        running.wait_for_stderr("/late (try 2)");
        running.signal(libc::SIGTERM);
        let finished = running.finish();
        assert!(finished.stderr.contains("greenfetch: 2 URLs unfinished: "), "{}", finished.story);

        let chain = Greenfetch::new().args(["--mode", mode, "-j", "1", "-m", "0", "--retry", "1"]);
        let running = chain
            .args(["--retry-delay", "1000", "--retry-max-time", "0", "--retry-on", "500"])
            .list(["/busy", "/silent"].map(|path| origin.url(path)))
            .spawn();
        // With one job the second starts when the first sleeps.
        origin.wait_for_requests("/silent", 2);
        running.signal(libc::SIGUSR1);
        running.wait_for_stderr("backoff 1; the next try in ");
        running.signal(libc::SIGTERM);
        let finished = running.finish();
        assert!(finished.stderr.contains("greenfetch: 2 URLs unfinished: "), "{}", finished.story);
    }
}

#[test]
fn usr1_tells_of_twenty_and_counts_the_rest() {
    let origin = origin();
    let (running, _) = pending(&origin, 50, "coroutines", &[]);
    running.signal(libc::SIGUSR1);
    running.wait_for_stderr(&origin.url("/silent"));
    running.signal(libc::SIGTERM);
    let finished = running.finish();
    // What ends a run has such a table too.
    let tables: Vec<&str> = finished.stderr.split("greenfetch: 50 URLs unfinished: ").skip(1).collect();
    assert_eq!(tables.len(), 2, "{}", finished.story);
    for table in tables {
        let told = table.lines().filter(|line| line.contains("/silent") && !line.contains("cancelled"));
        assert_eq!(told.count(), 20, "{}", finished.story);
        assert!(table.contains("and 30 more (-v shows all)"), "{}", finished.story);
    }
}

#[test]
fn few_descriptors_make_a_run_slower_not_worse() {
    for mode in ["coroutines", "threads"] {
        let origin = origin();
        Greenfetch::new()
            .args(["--mode", mode, "-j", "100"])
            .list((0..120).map(|_| origin.url("/ok")))
            .descriptors(40)
            .stdout("5 bytes received from {origin}/ok.\n".repeat(120))
            .any_stderr()
            .status(0);
        assert!(origin.most_in_flight() < 40);
    }
}

/// Each of 30 answers waits for the gate, and no more than that are ever asked for: the run does not spin, it waits.
#[test]
fn few_descriptors_and_slow_answers_still_reach_the_end() {
    let gate = Gate::new();
    let origin = Origin::start().script("/", Script::nothing().wait_for(&gate).then(OK).then_fin());
    let running =
        Greenfetch::new().args(["-j", "100"]).list((0..100).map(|_| origin.url("/"))).descriptors(40).spawn();
    origin.wait_for_requests("/", 5);
    gate.open();
    let finished = running.finish();
    assert_eq!(finished.status, Some(0), "{}", finished.story);
    assert_eq!(finished.stdout.lines().count(), 100, "{}", finished.story);
}

/// What comes while it is stopped is read when it goes on. By STOP, as a TSTP is nothing to who has no shell.
#[test]
fn a_run_that_is_stopped_for_a_while_goes_on_where_it_was() {
    for mode in ["coroutines", "threads", "sync"] {
        let (gate, written) = (Gate::new(), Gate::new());
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n".wait_for(&gate).then("ok");
        let origin = Origin::start().script("/", answer.then_open(&written).keep_alive());
        let running = Greenfetch::new().args(["--mode", mode]).list([origin.url("/")]).spawn();
        origin.wait_for_requests("/", 1);
        running.signal(libc::SIGSTOP);
        running.wait_until_stopped();
        gate.open();
        written.wait();
        running.signal(libc::SIGCONT);
        let finished = running.finish();
        assert_eq!(finished.status, Some(0), "{}", finished.story);
        assert!(finished.stdout.starts_with("2 bytes received"), "{}", finished.story);
    }
}
