//! Connections that do not come, end early, or take their time (reliability: connection and timing).
//!
//! Knows faults below HTTP. Refuses to know what a head may say: `head.rs`, `framing.rs`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::support::Greenfetch;
use crate::support::listeners::{full_backlog, refused_addr, silent_listener};
use crate::support::origin::Origin;
use crate::support::script::{Gate, Script, Steps as _};
use crate::support::table::Table;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
const NO_LENGTH: &str = "HTTP/1.1 200 OK\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

fn quickly() -> Greenfetch {
    Greenfetch::new().args(["-m", "20"]).in_every_mode()
}

#[test]
fn a_connection_that_ends_early_is_closed_not_passed() {
    Table::new(Origin::start())
        .url(&format!("http://{}/", refused_addr()), "connect (connect)")
        .row("/fin", Script::nothing().then_fin(), "closed (wait)")
        .row("/rst", Script::nothing().then_rst(), "closed (wait) | closed (send)")
        .row("/fin-at-once", Script::nothing().then_fin().on_connect(), "closed (wait) | closed (send)")
        .row("/rst-at-once", Script::nothing().then_rst().on_connect(), "closed | connect (connect)")
        .row("/rst-in-status", "HTTP/1.1 20".then_rst(), "closed (receive)")
        .row("/rst-in-head", "HTTP/1.1 200 OK\r\nContent-Le".then_rst(), "closed (receive)")
        .row("/fin-in-status", "HTTP/1.1 20".then_fin(), "closed (receive) | protocol (receive)")
        .row(
            "/fin-in-head",
            "HTTP/1.1 200 OK\r\nContent-Le".then_fin(),
            "closed (receive) | protocol (receive)",
        )
        .row("/rst-in-body", HEAD.then_bytes(10).then_rst(), "closed (receive)")
        .row("/rst-in-open-body", NO_LENGTH.then_bytes(10).then_rst(), "closed (receive)")
        .row("/rst-in-chunk", CHUNKED.then("a\r\nabc").then_rst(), "closed (receive)")
        .row("/ok", Script::ok("hello"), "pass 5")
        .run(quickly);
}

#[test]
fn an_answer_that_comes_before_the_request_was_read_is_an_answer() {
    let answer = || "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    Table::new(Origin::start()).row("/early", answer().then_fin().on_connect(), "pass 2").run(quickly);
}

/// A second is the shortest limit that a busy machine does not break by itself.
#[test]
fn silence_is_a_timeout_of_the_phase_it_fell_in() {
    let silent = silent_listener();
    Table::new(Origin::start())
        .url(&silent.url(), "timeout (wait)")
        .row("/accepted", Script::nothing().then_hang().on_connect(), "timeout (wait)")
        .row("/no-answer", Script::nothing().then_hang(), "timeout (wait)")
        .row("/in-status", "HTTP/1.1 2".then_hang(), "timeout (receive)")
        .row("/in-head", "HTTP/1.1 200 OK\r\nContent-".then_hang(), "timeout (receive)")
        .row("/in-body", HEAD.then_bytes(10).then_hang(), "timeout (receive)")
        .row("/in-open-body", NO_LENGTH.then_bytes(10).then_hang(), "timeout (receive)")
        .row("/in-chunk-size", CHUNKED.then("a").then_hang(), "timeout (receive)")
        .row("/in-chunk", CHUNKED.then("a\r\nabc").then_hang(), "timeout (receive)")
        .row("/before-last-chunk", CHUNKED.then("3\r\nabc\r\n").then_hang(), "timeout (receive)")
        .row("/ok", Script::ok("hello"), "pass 5")
        .run(|| Greenfetch::new().args(["-m", "1", "--stall", "0"]).in_every_mode_but_sync());
}

#[test]
fn silence_is_a_timeout_one_url_after_another_too() {
    Table::new(Origin::start())
        .row("/no-answer", Script::nothing().then_hang(), "timeout (wait)")
        .row("/ok", Script::ok("hello"), "pass 5")
        .run_by_one_process(|| Greenfetch::new().args(["--sync", "-m", "0.5"]));
}

#[test]
fn a_syn_without_an_answer_is_a_timeout_of_the_connect() {
    let full = full_backlog(IpAddr::V4(Ipv4Addr::LOCALHOST), 0).expect("a free port");
    for limit in ["--connect-timeout", "-m"] {
        Table::new(Origin::start())
            .url(&full.url(), "timeout (connect)")
            .row("/ok", Script::ok("hello"), "pass 5")
            .run(|| Greenfetch::new().args([limit, "0.5"]).in_every_mode());
    }
}

#[test]
fn a_drip_does_not_outlive_the_total_limit() {
    let drip = |text: &str| Script::nothing().drip(text, Duration::from_millis(40));
    let slowly = "x".repeat(500);
    Table::new(Origin::start())
        .row("/status", drip(&format!("HTTP/1.1 200 {slowly}")), "timeout (receive)")
        .row(
            "/header",
            "HTTP/1.1 200 OK\r\nA: ".drip(&slowly, Duration::from_millis(40)),
            "timeout (receive)",
        )
        .row("/body", HEAD.drip(&slowly, Duration::from_millis(40)), "timeout (receive)")
        .row("/open-body", NO_LENGTH.drip(&slowly, Duration::from_millis(40)), "timeout (receive)")
        .row(
            "/chunks",
            CHUNKED.drip("1\r\na\r\n".repeat(100), Duration::from_millis(40)),
            "timeout (receive)",
        )
        .run(|| Greenfetch::new().args(["-m", "1"]).in_every_mode_but_sync());
}

#[test]
fn slow_but_finite_is_no_fault() {
    let slow =
        "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n".drip("y".repeat(20), Duration::from_millis(20));
    Table::new(Origin::start())
        .row("/slow", slow.keep_alive(), "pass 20")
        .run(|| Greenfetch::new().args(["-m", "20", "--stall", "5"]).in_every_mode());
}

#[test]
fn one_total_limit_holds_over_all_hops() {
    let gate = Gate::new();
    // The end of each head takes about 0.4 s.
    let hop = |to: &str| {
        let head = format!("Location: {to}\r\nContent-Length: 0\r\n\r\n");
        "HTTP/1.1 302 Found\r\n".drip(&head, Duration::from_millis(10)).keep_alive()
    };
    let origin = Origin::start()
        .script("/1", hop("/2"))
        .script("/2", hop("/3"))
        .script("/3", hop("/4"))
        .script("/4", hop("/5"))
        .script("/5", Script::nothing().wait_for(&gate).keep_alive());
    Table::new(origin)
        .row("/0", Script::redirect(302, "/1"), "timeout")
        .run(|| Greenfetch::new().args(["-m", "1"]).in_every_mode_but_sync());
    gate.open();
}

/// The neighbours finish while the silent one is silent: it is let go only when they have.
#[test]
fn a_silent_url_does_not_hold_up_its_neighbours() {
    for mode in ["coroutines", "threads"] {
        let gate = Gate::new();
        let origin = Origin::start()
            .script("/silent", Script::nothing().wait_for(&gate).then(OK).keep_alive())
            .script("/quick", Script::ok("hello"));
        let urls = std::iter::once(origin.url("/silent")).chain((0..20).map(|_| origin.url("/quick")));
        let mut running = Greenfetch::new().args(["--mode", mode]).list(urls).spawn();
        for _ in 0..20 {
            let line = running.next_stdout_line().expect("a neighbour's line");
            assert_eq!(line, format!("5 bytes received from {}.", origin.url("/quick")));
        }
        gate.open();
        let finished = running.finish();
        assert_eq!(finished.status, Some(0), "{}", finished.story);
        assert!(finished.stdout.ends_with(&format!("2 bytes received from {}.\n", origin.url("/silent"))));
    }
}

#[test]
fn a_dead_first_address_costs_the_url_nothing() {
    let origin = Origin::start().script("/", Script::ok("hello"));
    let port = origin.addr().port();
    // Refused at first; then, where the machine has IPv6, without an answer.
    for silent in [false, true] {
        let _deaf = silent.then(|| full_backlog(IpAddr::V6(Ipv6Addr::LOCALHOST), port));
        let rule = format!("two.test:{port}:[::1],127.0.0.1");
        Greenfetch::new()
            .args(["-m", "20", "--resolve", &rule])
            .list([format!("http://two.test:{port}/")])
            .in_every_mode()
            .json(|records| {
                assert_eq!(records[0]["outcome"], "pass", "{}", records[0]);
                assert_eq!(records[0]["remote_ip"], "127.0.0.1");
            })
            .stderr("")
            .status(0);
    }
}

#[test]
fn the_addresses_tried_in_vain_are_named() {
    let port = refused_addr().port();
    Greenfetch::new()
        .args(["--resolve".to_owned(), format!("two.test:{port}:127.0.0.1,127.0.0.2")])
        .list([format!("http://two.test:{port}/")])
        .in_every_mode()
        .json(move |records| {
            let tried = records[0]["error"]["tried"].as_array().expect("a list");
            let mut ips: Vec<_> =
                tried.iter().map(|tried| tried["ip"].as_str().unwrap_or_default()).collect();
            ips.sort_unstable();
            assert_eq!(ips, ["127.0.0.1", "127.0.0.2"]);
            assert!(tried.iter().all(|tried| tried["port"] == port));
            assert!(tried.iter().all(|tried| tried["message"] == "refused"));
        })
        .stderr_has("list:1: http://two.test:{port}/: connect (connect): ")
        .status(1);
}
