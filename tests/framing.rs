//! Where a body ends, and what does not say so (reliability: framing; RFC 9112 §6).
//!
//! Knows lengths, chunks and statuses without a body. Refuses to know the rest of a head: `head.rs`.

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::{Script, Steps as _};
use crate::support::table::Table;

fn quickly() -> Greenfetch {
    Greenfetch::new().args(["-m", "20"]).in_every_mode()
}

/// A 200 with these header lines and this body, and the end of the connection.
fn reply(headers: &str, body: &str) -> Script {
    format!("HTTP/1.1 200 OK\r\n{headers}\r\n").then(body).then_fin()
}

fn length(value: &str) -> Script {
    reply(&format!("Content-Length: {value}\r\n"), "hello")
}

fn coded(value: &str) -> Script {
    reply(&format!("Transfer-Encoding: {value}\r\n"), "5\r\nhello\r\n0\r\n\r\n")
}

fn chunks(body: &str) -> Script {
    reply("Transfer-Encoding: chunked\r\n", body)
}

#[test]
fn a_truncated_body_is_closed_not_passed() {
    let origin = Origin::start()
        .script("/short", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".then_bytes(999).then_fin());
    Greenfetch::new()
        .list([origin.url("/short")])
        .in_every_mode()
        .stdout("")
        .stderr("list:1: {origin}/short: closed (receive): ended after 999 of 1000 bytes (1 try, [TIME] s)\n")
        .status(1);
}

#[test]
fn a_content_length_is_one_number_or_the_answer_is_no_http() {
    Table::new(Origin::start())
        .row("/exact", length("5"), "pass 5")
        .row("/more-than-it-says", reply("Content-Length: 5\r\n", "hello, and more"), "pass 5")
        .row("/twice", reply("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), "pass 5 | protocol")
        .row("/list", length("5, 5"), "pass 5 | protocol")
        .row(
            "/two-different",
            reply("Content-Length: 5\r\nContent-Length: 3\r\n", "hello"),
            "protocol (receive)",
        )
        .row("/list-different", length("5, 3"), "protocol (receive)")
        .row("/plus", length("+5"), "protocol (receive)")
        .row("/hex", length("0x5"), "protocol (receive)")
        .row("/letters-after", length("5abc"), "protocol (receive)")
        .row("/empty", length(""), "protocol (receive)")
        .row("/minus", length("-5"), "protocol (receive)")
        .row("/words", length("five"), "protocol (receive)")
        .row("/largest", length("9223372036854775807"), "size | closed (receive)")
        .row("/26-digits", length("10000000000000000000000000"), "size | closed | protocol")
        .run(quickly);
}

#[test]
fn a_coding_that_is_not_chunked_at_last_is_never_guessed() {
    let both = reply("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n");
    let old = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let two = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    Table::new(Origin::start())
        .row("/chunked", coded("chunked"), "pass 5")
        .row("/upper", coded("CHUNKED"), "pass 5")
        .row("/with-length", both, "pass 5 | protocol")
        .row("/unknown", coded("dance"), "protocol (receive)")
        .row("/gzip", coded("gzip"), "protocol (receive)")
        .row("/gzip-chunked", coded("gzip, chunked"), "protocol | decode")
        .row("/chunked-gzip", coded("chunked, gzip"), "protocol (receive)")
        .row("/identity", coded("identity"), "protocol (receive)")
        .row("/listed-twice", coded("chunked, chunked"), "protocol (receive)")
        .row("/given-twice", reply(two, "5\r\nhello\r\n0\r\n\r\n"), "pass 5 | protocol")
        .row("/in-1.0", old.then_fin(), "pass 5 | protocol")
        .run(quickly);
}

#[test]
fn a_chunk_says_its_size_and_keeps_to_it() {
    Table::new(Origin::start())
        .row("/no-hex", chunks("xyz\r\nhello\r\n0\r\n\r\n"), "protocol (receive)")
        .row("/minus", chunks("-5\r\nhello\r\n0\r\n\r\n"), "protocol (receive)")
        .row("/over-64-bit", chunks("fffffffffffffffff1\r\nhello\r\n0\r\n\r\n"), "protocol (receive)")
        .row("/absent", chunks("\r\nhello\r\n0\r\n\r\n"), "protocol (receive)")
        .row("/2-gib-then-cut", chunks("80000000\r\nhello"), "closed (receive) | size (receive)")
        .row("/no-crlf-after", chunks("5\r\nhelloworld\r\n0\r\n\r\n"), "protocol (receive)")
        .row("/cut-before-last", chunks("5\r\nhello\r\n"), "closed (receive)")
        .row("/cut-in-size", chunks("5\r\nhello\r\n1"), "closed (receive)")
        .row("/cut-in-data", chunks("5\r\nhel"), "closed (receive)")
        .row("/cut-after-data", chunks("5\r\nhello"), "closed (receive)")
        .row("/cut-in-the-end", chunks("5\r\nhello\r\n0\r\n"), "pass 5 | closed (receive)")
        .run(quickly);
}

#[test]
fn what_chunks_may_carry_besides_data_is_ignored() {
    let extension = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(8 << 20));
    let trailers = format!("5\r\nhello\r\n0\r\n{}\r\n", "A: b\r\n".repeat((8 << 20) / 6));
    Table::new(Origin::start())
        .row("/extension", chunks("5;a=b;c=\"d\"\r\nhello\r\n0;e\r\n\r\n"), "pass 5")
        .row("/trailers", chunks("5\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\n"), "pass 5")
        .row("/zeros", chunks("0000005\r\nhello\r\n0000\r\n\r\n"), "pass 5")
        .row("/upper-case", chunks(&format!("A\r\n{}\r\n0\r\n\r\n", "x".repeat(10))), "pass 10")
        .row("/8-mb-of-extension", chunks(&extension), "pass 5 | protocol | size")
        .row("/8-mb-of-trailers", chunks(&trailers), "pass 5 | protocol | size")
        .row("/bare-lf", chunks("5\nhello\n0\n\n"), "pass 5 | protocol | closed")
        .row("/certain-failure", chunks("nonsense"), "protocol (receive)")
        .run(quickly);
}

#[test]
fn without_a_length_the_body_ends_with_the_connection() {
    Table::new(Origin::start())
        .row("/1.1", "HTTP/1.1 200 OK\r\n\r\nhello".then_fin(), "pass 5")
        .row("/1.0", "HTTP/1.0 200 OK\r\n\r\nhello".then_fin(), "pass 5")
        .row("/nothing", "HTTP/1.0 200 OK\r\n\r\n".then_fin(), "pass 0")
        .run(quickly);
}

/// The connections stay open: whoever waits for a body here waits for the limit.
#[test]
fn a_status_without_a_body_is_not_waited_on() {
    Table::new(Origin::start())
        .row("/204", "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".then_hang(), "pass 0")
        .row("/204-body", "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\nhello".then_hang(), "pass 0")
        .row(
            "/204-length",
            "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nConnection: close\r\n\r\n".then_hang(),
            "pass 0",
        )
        .row(
            "/204-chunked",
            "HTTP/1.1 204 N\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".then_hang(),
            "pass 0 | protocol",
        )
        .row(
            "/304",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nConnection: close\r\n\r\n".then_hang(),
            "pass 0",
        )
        .row("/304-body", "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\nhello".then_hang(), "pass 0")
        .row("/refused", Script::status(500), "status")
        .run(quickly);
}

#[test]
fn a_head_has_no_body_whatever_it_says() {
    Table::new(Origin::start())
        .row(
            "/length",
            "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\nConnection: close\r\n\r\n".then_hang(),
            "pass 0",
        )
        .row(
            "/body",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello".then_hang(),
            "pass 0",
        )
        .row(
            "/chunked",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".then_hang(),
            "pass 0",
        )
        .row("/no-length", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".then_hang(), "pass 0")
        .run(|| quickly().args(["-I"]));
}

/// One URL after another on one origin, so that a careless client would use the connection again.
#[test]
fn bytes_left_over_never_answer_the_next_url() {
    const STRAY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray";
    let left = |head: &str| format!("{head}{STRAY}").keep_alive();
    Table::new(Origin::start())
        .row("/extra", left("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"), "pass 1")
        .row("/after-extra", Script::ok("ok"), "pass 2")
        .row("/204", left("HTTP/1.1 204 No Content\r\n\r\n"), "pass 0")
        .row("/after-204", Script::ok("ok"), "pass 2")
        .row("/304", left("HTTP/1.1 304 Not Modified\r\n\r\n"), "pass 0")
        .row("/after-304", Script::ok("ok"), "pass 2")
        .row(
            "/chunks",
            left("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"),
            "pass 1",
        )
        .row("/after-chunks", Script::ok("ok"), "pass 2")
        .row("/404", left("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "status")
        .row("/after-404", Script::ok("ok"), "pass 2")
        .run(|| Greenfetch::new().args(["-j", "1", "-m", "20"]).in_every_mode());
}

/// 3 MiB: long enough that the kernel throws most of it away.
const LONG: usize = 3_145_728;

fn long(sent: usize) -> Script {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {LONG}\r\n\r\n").then_bytes(sent)
}

#[test]
fn a_long_body_that_nobody_looks_at_is_held_to_its_length() {
    Table::new(Origin::start())
        .row("/exact", long(LONG).then_fin(), "pass 3145728")
        .row("/one-less", long(LONG - 1).then_fin(), "closed (receive)")
        .row("/half", long(LONG / 2).then_fin(), "closed (receive)")
        .row("/reset", long(LONG / 2).then_rst(), "closed (receive)")
        .run(quickly);
}

#[test]
fn what_stands_behind_a_long_body_is_never_taken_for_the_next_answer() {
    // In one write with the end of the body: what comes later than the next request is nobody's to see.
    let end = "x".repeat(100) + "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    let origin = Origin::start().script("/more", long(LONG - 100).then(end));
    let url = origin.url("/more");
    let line = format!("{LONG} bytes received from {{origin}}/more.\n");
    Greenfetch::new()
        .args(["-j", "1"])
        .list([url.clone(), url])
        .in_every_mode()
        .stdout(line.repeat(2))
        .stderr("")
        .status(0);
}
