//! `HAProxy` in front of an origin: few connections behind it, short limits, answers of its own.
//!
//! Knows which of them leads to which status. Refuses to know how it is started: `mod.rs`.

use serde_json::Value;

use super::*;
use crate::support::listeners::refused_addr;
use crate::support::origin::Origin;
use crate::support::script::{Gate, Script, Steps as _};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn start_before(origin: &Origin) -> Server {
    start_before_port(origin.addr().port())
}

fn start_before_port(port: u16) -> Server {
    let nobody = refused_addr().port().to_string();
    let recipe = Recipe {
        program: "haproxy",
        package: "haproxy",
        conf: include_str!("../../fixtures/servers/haproxy.cfg"),
        more: &[("@ORIGIN@", format!("127.0.0.1:{port}")), ("@NOBODY@", nobody)],
        args: &["-db", "-f"],
    };
    recipe.start()
}

fn codes(records: &[Value]) -> Vec<&Value> {
    records.iter().map(|record| &record["response_code"]).collect()
}

#[test]
#[ignore = "needs HAProxy: just servers"]
fn who_has_to_queue_at_haproxy_passes_when_it_is_his_turn() {
    let gate = Gate::new();
    let origin = Origin::start().script("/", Script::nothing().wait_for(&gate).then(OK).keep_alive());
    let server = start_before(&origin);
    for mode in ["coroutines", "threads"] {
        let urls = (0..200).map(|n| server.url(&format!("/?{n}")));
        let running = Greenfetch::new().args(["--mode", mode, "-j", "100"]).list(urls).spawn();
        origin.wait_for_requests("/", 2);
        gate.open();
        let finished = running.finish();
        assert_eq!(finished.status, Some(0), "{}", finished.story);
        assert_eq!(finished.stdout.lines().count(), 200, "{}", finished.story);
    }
    assert!(origin.most_in_flight() <= 2, "HAProxy let more through than it was told to");
}

/// The gate opens when all that had to queue too long have been told so.
#[test]
#[ignore = "needs HAProxy: just servers"]
fn who_queues_too_long_is_told_503_by_haproxy() {
    for mode in ["coroutines", "threads"] {
        let gate = Gate::new();
        let origin =
            Origin::start().script("/impatient", Script::nothing().wait_for(&gate).then(OK).keep_alive());
        let server = start_before(&origin);
        let urls = (0..10).map(|n| server.url(&format!("/impatient?{n}")));
        let mut running = Greenfetch::new().args(["--mode", mode, "--json", "-j", "10"]).list(urls).spawn();
        for _ in 0..8 {
            let line = running.next_stdout_line().expect("a record");
            let record: Value = serde_json::from_str(&line).expect("a record");
            assert_eq!(
                (&record["error"]["class"], &record["response_code"]),
                (&"status".into(), &503.into())
            );
        }
        gate.open();
        let finished = running.finish();
        assert_eq!(finished.status, Some(1), "{}", finished.story);
        let passed = finished.stdout.lines().filter(|line| line.contains("\"outcome\":\"pass\""));
        assert_eq!(passed.count(), 2, "{}", finished.story);
    }
}

#[test]
#[ignore = "needs HAProxy: just servers"]
fn haproxy_answers_in_place_of_an_origin_that_does_not() {
    let origin = Origin::start().script("/hurried", Script::nothing().then_hang());
    let server = start_before(&origin);
    Greenfetch::new()
        .list(["/hurried", "/dead", "/deny"].map(|path| server.url(path)))
        .in_every_mode()
        .json(|records| {
            assert!(records.iter().all(|record| record["error"]["class"] == "status"), "{records:?}");
            assert_eq!(codes(&records), [504, 503, 429]);
        })
        .any_stderr()
        .status(1);
}

/// Whoever wants to use a connection again finds it closed, or closing.
#[test]
#[ignore = "needs HAProxy: just servers"]
fn connections_that_haproxy_does_not_keep_fail_nobody() {
    let origin = Origin::start().script("/", Script::ok("hello"));
    let server = start_before(&origin);
    for mode in ["coroutines", "threads", "sync"] {
        for scheme in ["http", "https"] {
            let url = if scheme == "http" { server.url("/") } else { server.tls_url("/") };
            let n = if mode == "sync" { 300 } else { 2000 };
            Greenfetch::new()
                .cacert(certificate("ca"))
                .args(["--mode", mode])
                .list((0..n).map(|n| format!("{url}?{n}")))
                .stdout_judged(move |text| assert_eq!(text.lines().count(), n))
                .stderr("")
                .status(0);
        }
    }
}

#[test]
#[ignore = "needs HAProxy and python3: just servers"]
fn an_origin_of_http_1_0_behind_haproxy_gives_the_same_lines_in_every_mode() {
    let python = python::start();
    start_before_port(python.port).files(1).assert_pass_in_every_mode("50");
}
