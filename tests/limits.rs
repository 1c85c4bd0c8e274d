//! How many at once, how long, how much: limits are kept exactly.
//!
//! Knows what the origin saw of a run. Refuses to measure time, but for the time that a limit itself says.

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::{Gate, Script, Steps as _};
use crate::support::table::{Table, came_to};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Answers wait until as many are in flight as may be; then all go on.
fn most_in_flight(args: &[&str], n_urls: usize, expected: usize, mode: &str) {
    let gate = Gate::new();
    let origin = Origin::start().script("/", Script::nothing().wait_for(&gate).then(OK).keep_alive());
    let chain = Greenfetch::new().args(["--mode", mode]).args(args.iter().copied());
    let running = chain.list((0..n_urls).map(|_| origin.url("/"))).spawn();
    origin.wait_for_requests("/", expected);
    gate.open();
    let finished = running.finish();
    assert_eq!(finished.status, Some(0), "{}", finished.story);
    assert_eq!(finished.stdout.lines().count(), n_urls, "{}", finished.story);
    assert_eq!(origin.most_in_flight(), expected, "{mode} {args:?}");
}

#[test]
fn never_more_in_flight_than_jobs() {
    for mode in ["coroutines", "threads"] {
        most_in_flight(&["-j", "3"], 12, 3, mode);
        most_in_flight(&["-j", "1"], 3, 1, mode);
        most_in_flight(&["-j", "60"], 60, 60, mode);
    }
    most_in_flight(&[], 3, 1, "sync");
}

#[test]
fn the_loopback_has_no_limit_per_host_unless_one_is_given() {
    for mode in ["coroutines", "threads"] {
        most_in_flight(&["-j", "20"], 20, 20, mode);
        most_in_flight(&["-j", "20", "--per-host", "2"], 8, 2, mode);
        most_in_flight(&["-j", "20", "--per-host", "0"], 20, 20, mode);
    }
}

#[test]
fn a_name_that_is_not_the_loopback_has_ten_at_once() {
    for mode in ["coroutines", "threads"] {
        let gate = Gate::new();
        let origin = Origin::start().script("/", Script::nothing().wait_for(&gate).then(OK).keep_alive());
        let port = origin.addr().port();
        let url = |host: &str| origin.url_as("http", host, "/");
        let urls = (0..15).map(|_| url("a.test")).chain((0..3).map(|_| url("b.test")));
        let rule = format!("*:{port}:127.0.0.1");
        let running = Greenfetch::new().args(["--mode", mode, "--resolve", &rule]).list(urls).spawn();
        // The three of another host are not held up by the five that wait for theirs.
        origin.wait_for_requests("/", 13);
        gate.open();
        let finished = running.finish();
        assert_eq!(finished.stdout.lines().count(), 18, "{}", finished.story);
        assert_eq!(origin.most_in_flight(), 13);
    }
}

#[test]
fn starts_are_paced() {
    let origin = Origin::start().script("/", Script::ok("hello"));
    Greenfetch::new()
        .args(["--rate", "20/s"])
        .list((0..4).map(|_| origin.url("/")))
        .in_every_mode()
        .json(|records| {
            let mut starts: Vec<f64> =
                records.iter().filter_map(|record| record["t_start"].as_f64()).collect();
            starts.sort_by(f64::total_cmp);
            // Counted from the first: a start that comes late is not what the next one is spaced from. What the first
            // is late by itself (a thread's start on a busy machine) is allowed for.
            let due = |n: usize| starts[0] + 0.05 * f64::from(u8::try_from(n).unwrap()) - 0.03;
            assert!((0..4).all(|n| starts[n] >= due(n)), "{starts:?}");
            assert_eq!(starts.len(), 4);
        })
        .stderr("")
        .status(0);
}

#[test]
fn a_body_may_be_as_long_as_the_limit_and_no_longer() {
    let length =
        |n: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {n}\r\n\r\n").then_bytes(n).keep_alive();
    let open = |n: usize| "HTTP/1.1 200 OK\r\n\r\n".then_bytes(n).then_fin();
    let chunk = |n: usize| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        format!("{head}{n:x}\r\n").then_bytes(n).then("\r\n0\r\n\r\n").keep_alive()
    };
    Table::new(Origin::start())
        .row("/exact", length(1024), "pass 1024")
        .row("/one-more", length(1025), "size (receive)")
        .row("/open-exact", open(1024), "pass 1024")
        .row("/open-one-more", open(1025), "size (receive)")
        .row("/chunk-exact", chunk(1024), "pass 1024")
        .row("/chunk-one-more", chunk(1025), "size (receive)")
        .row("/endless", "HTTP/1.1 200 OK\r\n\r\n".then_forever("x"), "size (receive)")
        .row("/declared", "HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n".then_hang(), "size (receive)")
        .row("/next", Script::ok("hello"), "pass 5")
        .run(|| Greenfetch::new().args(["--max-filesize", "1KiB", "-m", "20"]).in_every_mode());
}

#[test]
fn a_limit_of_none_is_none() {
    Table::new(Origin::start())
        .row("/large", Script::ok(vec![b'x'; 5 << 20]), "pass 5242880")
        .run(|| Greenfetch::new().args(["--max-filesize", "0", "-m", "0", "--stall", "0"]).in_every_mode());
}

#[test]
fn a_body_that_stalls_is_a_timeout_long_before_the_total_limit() {
    Table::new(Origin::start())
        .row("/stalled", "HTTP/1.1 200 OK\r\n\r\nsome".then_hang(), "timeout (receive)")
        .row("/ok", Script::ok("hello"), "pass 5")
        .run(|| Greenfetch::new().args(["--stall", "0.5", "-m", "0"]).in_every_mode());
}

/// Before the response has begun there is nothing that could stall: the gate opens after a neighbour has stalled.
#[test]
fn a_server_that_thinks_is_not_stalled() {
    let gate = Gate::new();
    let origin = Origin::start()
        .script("/thinks", Script::nothing().wait_for(&gate).then(OK).keep_alive())
        .script("/stalls", "HTTP/1.1 200 OK\r\n\r\nsome".then_hang());
    let running = Greenfetch::new()
        .args(["--stall", "0.3", "--json"])
        .list([origin.url("/thinks"), origin.url("/stalls")])
        .spawn();
    running.wait_for_stderr("timeout (receive)");
    gate.open();
    let finished = running.finish();
    assert_eq!(finished.status, Some(1), "{}", finished.story);
    assert!(finished.stdout.contains("\"outcome\":\"pass\""), "{}", finished.story);
}

#[test]
fn the_deadline_ends_the_run_and_names_what_was_pending() {
    let origin = Origin::start()
        .script("/quick", Script::ok("hello"))
        .script("/silent", Script::nothing().then_hang());
    Greenfetch::new()
        .args(["--deadline", "1"])
        .list([origin.url("/quick"), origin.url("/silent"), origin.url("/silent")])
        .in_every_mode()
        .json(|records| {
            assert_eq!(came_to(&records[0]), "pass 5");
            assert!(records.len() >= 2);
            for record in &records[1..] {
                assert_eq!(record["outcome"], "cancelled", "{record}");
                assert_eq!(record["error"]["class"], "cancelled");
            }
            assert_eq!(records[1]["error"]["phase"], "wait");
        })
        .stderr_has("{origin}/silent: cancelled (wait): ")
        .status(124);
}

#[test]
fn fail_fast_cancels_the_rest() {
    let origin = Origin::start().script("/silent", Script::nothing().then_hang());
    let silent = || (0..5).map(|_| origin.url("/silent"));
    Greenfetch::new()
        .args(["--fail-fast", "-j", "10"])
        .list(std::iter::once(origin.url("/404")).chain(silent()))
        .in_every_mode_but_sync()
        .json(|records| {
            assert_eq!(records[0]["error"]["class"], "status");
            assert!(records[1..].iter().all(|record| record["outcome"] == "cancelled"), "{records:?}");
        })
        .stderr_has("list:1: {origin}/404: status ")
        .status(1);
}

#[test]
fn without_fail_fast_every_url_has_its_turn() {
    Table::new(Origin::start())
        .row("/500", Script::status(500), "status")
        .row("/ok", Script::ok("hello"), "pass 5")
        .row("/404", Script::status(404), "status")
        .run(|| Greenfetch::new().args(["-j", "1"]).in_every_mode());
}
