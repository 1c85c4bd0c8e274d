//! One test for each fault that was found, named by what holds since.
//!
//! Knows what once went wrong. Refuses to know what was always right.

use crate::support::Greenfetch;
use crate::support::listeners::refused_addr;
use crate::support::origin::Origin;
use crate::support::script::{Gate, Script, Steps as _};

/// ureq asked without end for a body that was promised and not there; no limit and no signal could end it.
#[test]
fn a_length_that_is_not_the_bodys_is_refused() {
    for header in ["Content-Length: 5", "transfer-encoding: chunked", "Expect: 100-continue", "TE;"] {
        Greenfetch::new()
            .args(["-H", header])
            .operand("http://127.0.0.1:1/")
            .stdout("")
            .stderr_has("is written by greenfetch itself")
            .status(2);
    }
}

/// They went out in chunks of nothing, whose end a server that knows no chunks took for the next request.
#[test]
fn a_method_that_may_have_a_body_says_when_it_has_none() {
    for method in ["POST", "PUT", "PATCH"] {
        let origin = Origin::start().script("/", Script::ok("hello"));
        Greenfetch::new()
            .args(["-X", method])
            .list([origin.url("/")])
            .in_every_mode()
            .stdout("5 bytes received from {origin}/.\n")
            .stderr("")
            .status(0);
        let request = origin.last_request("/").to_lowercase();
        assert!(request.contains("content-length: 0\r\n"), "{request}");
        assert!(!request.contains("transfer-encoding"), "{request}");
    }
}

/// The server may just be closing a connection that was used before; a POST is not sent twice to find out.
#[test]
fn what_may_not_be_sent_twice_gets_a_connection_of_its_own() {
    let origin = Origin::start().script("/", Script::ok("hello").keep_alive());
    Greenfetch::new()
        .args(["-d", "x"])
        .list((0..3).map(|_| origin.url("/")))
        .in_every_mode()
        .stdout("5 bytes received from {origin}/.\n".repeat(3))
        .stderr("")
        .status(0);
    assert_eq!(origin.connections(), 9);
}

/// `--stall` and the time to the first byte began with the early hints.
#[test]
fn an_interim_response_does_not_begin_the_response() {
    let gate = Gate::new();
    let answer = "HTTP/1.1 103 Early Hints\r\n\r\n"
        .wait_for(&gate)
        .then("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let origin = Origin::start().script("/slow", answer).script("/other", Script::ok("ok"));
    let mut running = Greenfetch::new()
        .args(["-j", "1", "--stall", "100ms", "--rate", "4/s"])
        .list([origin.url("/slow")])
        .spawn();
    origin.wait_for_requests("/slow", 1);
    // Longer than the stall: this run of another URL is not let go before 250 ms are over.
    Greenfetch::new()
        .args(["--sync", "--rate", "4/s"])
        .list([origin.url("/other"), origin.url("/other")])
        .stdout("2 bytes received from {origin}/other.\n".repeat(2))
        .stderr("")
        .status(0);
    gate.open();
    assert!(running.next_stdout_line().is_some_and(|line| line.starts_with("2 bytes received")));
    let finished = running.finish();
    assert_eq!(finished.status, Some(0), "{}", finished.story);
}

/// A password in Location was shown.
#[test]
fn a_password_in_a_location_is_masked_too() {
    let origin = Origin::start().script("/", Script::redirect(302, "ftp://me:hunter2@elsewhere/"));
    Greenfetch::new()
        .args(["-vv"])
        .list([origin.url("/")])
        .with_summary()
        .in_every_mode()
        .stdout("")
        .stderr_has("redirect (receive)")
        .stderr_lacks("hunter2")
        .status(1);
}

/// A CONNECT went out, and the 200 of a proxy passed with 0 bytes.
#[test]
fn connect_is_no_method_of_a_fetch() {
    Greenfetch::new()
        .args(["-X", "CONNECT"])
        .operand("http://127.0.0.1:1/")
        .stdout("")
        .stderr_has("CONNECT asks a proxy for a tunnel")
        .status(2);
}

/// Version and bytes of the redirect stood in the record of a target that never answered.
#[test]
fn a_hop_that_does_not_answer_has_nothing_of_the_hop_before() {
    let dead = format!("http://{}/", refused_addr());
    let head = format!("HTTP/1.1 302 Found\r\nLocation: {dead}\r\nContent-Type: text/plain\r\n");
    let answer = head + "Content-Length: 5\r\n\r\nmoved";
    let origin = Origin::start().script("/", answer.keep_alive());
    Greenfetch::new()
        .list([origin.url("/")])
        .in_every_mode()
        .json(|records| {
            let record = &records[0];
            assert_eq!(record["error"]["class"], "connect", "{record}");
            assert_eq!(record["size_download"], 0, "{record}");
            for field in ["response_code", "http_version", "content_type"] {
                assert!(record[field].is_null(), "{field}: {record}");
            }
        })
        .any_stderr()
        .status(1);
}

/// Without a status, and asked for a second time, when head and fault came in one piece.
#[test]
fn a_fault_behind_a_good_head_does_not_take_the_status_away() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let gate = Gate::new();
    gate.open();
    let origin = Origin::start()
        .script("/first", Script::ok("ok"))
        .script("/one-piece", format!("{HEAD}5\r\nhello\r\nxyz").then_fin())
        .script("/pieces", HEAD.wait_for(&gate).then("5\r\nhello\r\nxyz").then_fin());
    let urls = ["/first", "/one-piece", "/first", "/pieces"].map(|path| origin.url(path));
    Greenfetch::new()
        .args(["-j", "1"])
        .list(urls)
        .in_every_mode()
        .json(|records| {
            for record in [&records[1], &records[3]] {
                assert_eq!(record["error"]["class"], "protocol", "{record}");
                assert_eq!(record["response_code"], 200, "{record}");
                assert_eq!(record["size_download"], 5, "{record}");
            }
        })
        .any_stderr()
        .status(1);
    assert_eq!((origin.requests("/one-piece"), origin.requests("/pieces")), (3, 3));
}
