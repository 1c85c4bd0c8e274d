//! Connections that serve more than one request, and servers that think otherwise (reliability: reuse; RFC 9112 §9.3).
//!
//! Knows races, strays and ends between two requests. Refuses to know what makes two connections different: `terms.rs`.

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::{Gate, Script, Steps as _};
use crate::support::table::Table;

const MODES: [&[&str]; 3] = [&["--sync"], &["--mode", "threads"], &[]];

fn one_by_one() -> Greenfetch {
    Greenfetch::new().args(["-j", "1", "-m", "20"]).in_every_mode()
}

/// Every second request is answered; the others come to this end without a byte.
fn every_second(end: impl Fn(Script) -> Script) -> Script {
    let turns = (0..8).flat_map(|_| [end(Script::nothing()), Script::ok("hello")]);
    Script::sequence(turns)
}

#[test]
fn a_connection_that_ends_as_it_is_used_again_is_replaced_once() {
    Table::new(Origin::start())
        .row("/first", Script::ok("ok"), "pass 2")
        .row("/fin", every_second(Script::then_fin), "pass 5")
        .row("/rst", every_second(Script::then_rst), "pass 5")
        .row("/never", Script::nothing().then_fin(), "closed (wait)")
        .row("/last", Script::ok("ok"), "pass 2")
        .run(one_by_one);
}

#[test]
fn an_answer_that_has_begun_is_not_asked_for_again() {
    let origin = Origin::start()
        .script("/first", Script::ok("ok"))
        .script("/cut", Script::sequence(["HTTP/1.1 2".then_fin(), Script::ok("hello")]));
    Greenfetch::new()
        .args(["-j", "1"])
        .list([origin.url("/first"), origin.url("/cut")])
        .stdout("2 bytes received from {origin}/first.\n")
        .stderr_has("/cut: closed (receive): ended inside the response head")
        .status(1);
    assert_eq!(origin.requests("/cut"), 1);
}

#[test]
fn a_connection_that_ends_behind_its_answer_harms_nobody() {
    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    const CHUNKS: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    Table::new(Origin::start())
        .row("/fin", OK.then_fin(), "pass 5")
        .row("/after-fin", Script::ok("ok"), "pass 2")
        .row("/rst", OK.then_rst(), "pass 5")
        .row("/after-rst", Script::ok("ok"), "pass 2")
        .row("/chunks-fin", CHUNKS.then_fin(), "pass 5")
        .row("/after-chunks-fin", Script::ok("ok"), "pass 2")
        .row("/chunks-rst", CHUNKS.then_rst(), "pass 5")
        .row("/after-chunks-rst", Script::ok("ok"), "pass 2")
        .run(one_by_one);
}

/// The second URL is listed only when what nobody asked for has been written.
#[test]
fn what_a_server_says_unasked_answers_nobody() {
    for unasked in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray",
        "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "\r\n",
    ] {
        for mode in MODES {
            let (is_told, is_said) = (Gate::new(), Gate::new());
            let first = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".wait_for(&is_told);
            let first = first.then(unasked).then_open(&is_said).keep_alive();
            let origin = Origin::start().script("/first", first).script("/second", Script::ok("second"));
            let mut running = Greenfetch::new().args(mode.iter().copied()).stdin_open().spawn();
            running.write_stdin(&format!("{}\n", origin.url("/first")));
            assert!(running.next_stdout_line().is_some_and(|line| line.starts_with("2 bytes")));
            is_told.open();
            is_said.wait();
            running.write_stdin(&format!("{}\n", origin.url("/second")));
            let finished = running.finish();
            assert!(finished.stdout.contains("6 bytes received"), "{unasked:?}\n{}", finished.story);
            assert_eq!(finished.status, Some(0), "{}", finished.story);
        }
    }
}

#[test]
fn what_is_not_to_be_kept_is_not() {
    let with = |line: &str, headers: &str| {
        format!("{line} 200 OK\r\n{headers}Content-Length: 2\r\n\r\nok").keep_alive()
    };
    let answers = [
        ("/close", with("HTTP/1.1", "Connection: close\r\n")),
        ("/upper-case", with("HTTP/1.1", "CONNECTION: CLOSE\r\n")),
        ("/in-a-list", with("HTTP/1.1", "Connection: keep-alive, close\r\n")),
        ("/twice", with("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n")),
        ("/1.0", with("HTTP/1.0", "")),
        ("/last", Script::ok("ok")),
    ];
    let n = answers.len();
    let origin =
        answers.iter().fold(Origin::start(), |origin, (path, script)| origin.script(path, script.clone()));
    let lines: String =
        answers.iter().map(|(path, _)| format!("2 bytes received from {{origin}}{path}.\n")).collect();
    one_by_one().list(answers.iter().map(|(path, _)| origin.url(path))).stdout(lines).stderr("").status(0);
    assert_eq!(origin.connections(), 3 * n);
}
