//! What a response head may say, and what a client must survive of it (reliability: head and status line).
//!
//! Knows status lines and header fields. Refuses to know bodies: `framing.rs`.

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::{Script, Steps as _};
use crate::support::table::Table;

fn quickly() -> Greenfetch {
    Greenfetch::new().args(["-m", "20"]).in_every_mode()
}

/// A 200 of two bytes with these header lines besides.
fn with(headers: impl AsRef<[u8]>) -> Script {
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n".then(headers).then("\r\nok").keep_alive()
}

/// An answer of two bytes after this status line.
fn status_line(line: impl AsRef<[u8]>) -> Script {
    b"".then(line).then("\r\nContent-Length: 2\r\n\r\nok").then_fin()
}

#[test]
fn a_head_is_read_within_bounds() {
    let many = |n: usize| (0..n).map(|i| format!("H{i}: {i}\r\n")).collect::<String>();
    let long = |name: &str, n: usize| format!("{name}: {}\r\n", "x".repeat(n));
    Table::new(Origin::start())
        .row("/100-headers", with(many(100)), "pass 2")
        .row("/32-kb-cookie", with(long("Set-Cookie", 32_000)), "pass 2")
        .row("/300-headers", with(many(300)), "pass 2 | protocol (receive) | size (receive)")
        .row("/10000-headers", with(many(10_000)), "protocol (receive) | size (receive)")
        .row("/1-mb-line", with(long("A", 1 << 20)), "protocol (receive) | size (receive)")
        .row(
            "/endless-headers",
            "HTTP/1.1 200 OK\r\n".then_forever("A: b\r\n"),
            "protocol (receive) | size (receive)",
        )
        .row(
            "/endless-line",
            "HTTP/1.1 200 OK\r\nA: ".then_forever("b"),
            "protocol (receive) | size (receive)",
        )
        .row("/endless-reason", "HTTP/1.1 200 ".then_forever("b"), "protocol (receive) | size (receive)")
        .run(quickly);
}

#[test]
fn a_header_that_is_none_is_never_taken_for_another() {
    Table::new(Origin::start())
        .row("/obs-fold", with("A: b\r\n c\r\n"), "pass 2 | protocol (receive)")
        .row("/first-folded", "HTTP/1.1 200 OK\r\n A: b\r\n\r\nok".then_fin(), "pass 2 | protocol (receive)")
        .row("/space-before-colon", with("A : b\r\n"), "pass 2 | protocol (receive)")
        .row("/no-colon", with("nonsense\r\n"), "pass 2 | protocol (receive)")
        .row("/no-name", with(": b\r\n"), "pass 2 | protocol (receive)")
        .row("/nul", with("A: b\0c\r\n"), "protocol (receive)")
        .row("/bare-cr", with("A: b\rc\r\n"), "pass 2 | protocol (receive)")
        .row("/lf-only", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok".then_fin(), "pass 2 | protocol (receive)")
        .row("/space-in-length", with("Content-Length : 9\r\n"), "protocol (receive)")
        .row("/fold-in-length", with("Content-Length:\r\n 9\r\n"), "protocol (receive)")
        .row("/high-bytes", with(b"A: \xff\xfe\r\n"), "pass 2")
        .row("/high-bytes-in-reason", status_line(b"HTTP/1.1 200 \xc3\xa4\xff"), "pass 2")
        .row("/utf-8", with("A: grün\r\n"), "pass 2")
        .run(quickly);
}

/// That no control character is ever printed raw is watched by every run of every test; here is what would.
#[test]
fn control_characters_of_a_server_never_reach_the_terminal() {
    let nasty = "\x1b]0;owned\x07\x1b[31m";
    Table::new(Origin::start())
        .row("/reason", status_line(format!("HTTP/1.1 500 {nasty}")), "status | protocol (receive)")
        .row("/header", with(format!("A: {nasty}\r\n")), "pass 2 | protocol (receive)")
        .row("/type", with(format!("Content-Type: text/{nasty}\r\n")), "pass 2 | protocol (receive)")
        .row("/location", Script::redirect(302, format!("ftp://{nasty}/")), "redirect | protocol (receive)")
        .row("/c1", with(b"Content-Type: text/\xc2\x9b31m\r\n"), "pass 2 | protocol (receive)")
        .row("/noise", nasty.then_fin(), "protocol")
        .row(
            "/chunk",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".then(nasty).then_fin(),
            "protocol | closed",
        )
        .run(quickly);
}

#[test]
fn the_wire_log_escapes_and_masks_too() {
    let origin = Origin::start().script("/", with("A: \u{9b}31m\r\nSet-Cookie: id=hunter2\r\n"));
    Greenfetch::new()
        .args(["-vv", "-u", "me:hunter2", "-H", "Cookie: id=hunter2"])
        .list([origin.url("/")])
        .with_summary()
        .in_every_mode()
        .any_stdout()
        .stderr_has("> GET / HTTP/1.1")
        .stderr_has("< HTTP/1.1 200 OK")
        .stderr_lacks("hunter2")
        .stderr_lacks("bWU6aHVudGVyMg")
        .status(0);
    assert!(origin.last_request("/").contains("bWU6aHVudGVyMg=="), "it is sent all the same");
}

#[test]
fn a_status_of_three_digits_is_one_and_nothing_else_is() {
    Table::new(Origin::start())
        .row("/200", status_line("HTTP/1.1 200 OK"), "pass 2")
        .row("/no-reason", status_line("HTTP/1.1 200"), "pass 2")
        .row("/empty-reason", status_line("HTTP/1.1 200 "), "pass 2")
        .row("/1.0", status_line("HTTP/1.0 200 OK"), "pass 2")
        .row("/400", status_line("HTTP/1.1 400 Bad Request"), "status")
        .row("/599", status_line("HTTP/1.1 599 X"), "status")
        .row("/600", status_line("HTTP/1.1 600 X"), "status | protocol")
        .row("/999", status_line("HTTP/1.1 999 X"), "status | protocol")
        .row("/000", status_line("HTTP/1.1 000 X"), "protocol (receive)")
        .row("/099", status_line("HTTP/1.1 099 X"), "protocol (receive)")
        .row("/20", status_line("HTTP/1.1 20 X"), "protocol (receive)")
        .row("/2000", status_line("HTTP/1.1 2000 X"), "protocol (receive)")
        .row("/minus", status_line("HTTP/1.1 -20 X"), "protocol (receive)")
        .row("/abc", status_line("HTTP/1.1 abc X"), "protocol (receive)")
        .run(quickly);
}

#[test]
fn what_is_no_http_is_protocol() {
    Table::new(Origin::start())
        .row("/2", status_line("HTTP/2 200 OK"), "protocol (receive)")
        .row("/2.0", status_line("HTTP/2.0 200 OK"), "protocol (receive)")
        .row("/9.9", status_line("HTTP/9.9 200 OK"), "protocol (receive)")
        .row("/icy", status_line("ICY 200 OK"), "protocol (receive)")
        .row(
            "/ssh",
            "SSH-2.0-OpenSSH_9.2\r\n".then_fin().on_connect(),
            "protocol (receive) | protocol (wait)",
        )
        .row("/words", "hello world, this is no answer\r\n\r\n".then_fin(), "protocol (receive)")
        .row("/html", "<html><body>0.9</body></html>".then_fin(), "protocol (receive)")
        .row("/nuls", "\0\0\0\0\0\0\0\0\r\n\r\n".then_fin(), "protocol (receive)")
        .row("/one-byte", "H".then_fin(), "protocol (receive) | closed (receive)")
        .row("/high", [0xff_u8; 64].as_slice().then_fin(), "protocol (receive)")
        .row(
            "/endless-noise",
            Script::nothing().then_forever([0xa5_u8; 64]),
            "protocol (receive) | size (receive)",
        )
        .row("/blank-line-first", status_line("\r\nHTTP/1.1 200 OK"), "pass 2 | protocol (receive)")
        .run(quickly);
}

#[test]
fn interim_answers_are_passed_over_but_not_for_ever() {
    const FINAL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    Table::new(Origin::start())
        .row("/100", go_on.then(FINAL).keep_alive(), "pass 2")
        .row("/103", hints.then(FINAL).keep_alive(), "pass 2")
        .row("/100-with-header", "HTTP/1.1 100 Continue\r\nA: b\r\n\r\n".then(FINAL).keep_alive(), "pass 2")
        .row("/10", hints.repeat(10).then(FINAL).keep_alive(), "pass 2")
        .row("/20", hints.repeat(20).then(FINAL).keep_alive(), "pass 2")
        .row(
            "/100-then-404",
            go_on.then("HTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n").keep_alive(),
            "status",
        )
        .row("/endless", Script::nothing().then_forever(hints), "protocol (receive) | size (receive)")
        .row("/only-100", go_on.then_fin(), "closed (receive) | closed (wait)")
        .row("/101", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n".then_hang(), "protocol (receive)")
        .run(quickly);
}
