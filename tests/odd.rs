//! What almost looks right: blanks, tabs, letters and signs where a careless reader takes one thing for another.
//!
//! Knows spellings. Refuses to know the faults themselves: `framing.rs`, `head.rs`, `decode.rs`, `redirect.rs`.

use std::io::Write as _;

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::{Script, Steps as _};
use crate::support::table::Table;

const FINAL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn quickly() -> Greenfetch {
    Greenfetch::new().args(["-m", "20"]).in_every_mode()
}

/// Rows that come to the same: a path is made of the number, so that what is odd about it is seen in the script alone.
fn rows(table: Table, name: &str, wanted: &'static str, scripts: impl IntoIterator<Item = Script>) -> Table {
    let numbered = scripts.into_iter().enumerate();
    numbered.fold(table, |table, (n, script)| table.row(&format!("/{name}-{n}"), script, wanted))
}

fn reply(headers: impl AsRef<[u8]>, body: &str) -> Script {
    b"HTTP/1.1 200 OK\r\n".then(headers).then("\r\n").then(body).then_fin()
}

#[test]
fn a_length_is_digits_and_blanks_may_stand_around_them() {
    let length = |value: &[u8]| reply([b"Content-Length:", value, b"\r\n"].concat(), "hello");
    let good: [&[u8]; 6] = [b"5", b"   5", b"\t5", b" 5 \t ", b" 05", b" 0000000000000000000000005"];
    let bad: [&[u8]; 18] = [
        b" 5 5",
        b" 5;",
        b" 5,",
        b" ,5",
        b" \"5\"",
        b" 5.0",
        b" 1e1",
        b" 5\t5",
        b" \xef\xbc\x95",
        b"\xc2\xa05",
        b"\x0b5",
        b" 5\0",
        b" 5\r\nContent-Length:",
        b" 5\r\nContent-Length: 05",
        b" 5\r\ncontent-length: 6",
        b" 5 bytes",
        b" - 5",
        b" 5\x0c",
    ];
    let table = rows(Table::new(Origin::start()), "good", "pass 5", good.map(length));
    rows(table, "bad", "protocol (receive)", bad.map(length)).run(quickly);
}

#[test]
fn chunked_has_one_spelling() {
    const BODY: &str = "5\r\nhello\r\n0\r\n\r\n";
    let coded = |value: &str| reply(format!("Transfer-Encoding:{value}\r\n"), BODY);
    let good = ["chunked", "\tchunked", "  ChUnKeD \t"];
    let bad = [
        " xchunked",
        " chunkedx",
        " chunked;q=1",
        " chunked,",
        " ,chunked",
        " \"chunked\"",
        "",
        " chunk ed",
        "\x0bchunked",
        " chunked\0",
        " chunked\r\nTransfer-Encoding: identity",
        " identity\r\nTransfer-Encoding: chunked",
        " chunked\r\nContent-Length: 15",
        " identity, chunked",
        " chunked, identity",
    ];
    let names = ["Transfer-Encoding : chunked", "Transfer\tEncoding: chunked", " Transfer-Encoding: chunked"];
    let named = |header: &str| reply(format!("A: b\r\n{header}\r\n"), BODY);
    let table = rows(Table::new(Origin::start()), "good", "pass 5", good.map(coded));
    let table = rows(table, "bad", "protocol (receive)", bad.map(coded));
    rows(table, "name", "protocol (receive)", names.map(named)).run(quickly);
}

#[test]
fn chunk_lines_are_read_as_they_are_written_or_not_at_all() {
    let chunks = |body: &str| reply("Transfer-Encoding: chunked\r\n", body);
    let good = [
        "5;\r\nhello\r\n0\r\n\r\n",
        "5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n",
        "0000000000000000000000005\r\nhello\r\n00000000000000000000\r\n\r\n",
        "5\r\nhello\r\n0\r\n\r\nbehind",
        "1\r\nh\r\n4\r\nello\r\n0;last\r\nA: b\r\n\r\n",
    ];
    let either = [
        "5 \r\nhello\r\n0\r\n\r\n",
        "5\t;a\r\nhello\r\n0 \r\n\r\n",
        "5\r\nhello\r\n0\r\nno trailer\r\n\r\n",
        "5\r\nhello\r\n0\r\n: b\r\n\r\n",
        "5\r\nhello\r\n0\r\n folded\r\n\r\n",
    ];
    let bad = [
        " 5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5h\r\nhello\r\n0\r\n\r\n",
        "5_0\r\nhello\r\n0\r\n\r\n",
        "5,5\r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "5\t \tx\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0 0\r\n\r\n",
        "5\0\r\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhello\r0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhell\r\n0\r\n\r\n",
        "5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n",
        "5;\0\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n-0\r\n\r\n",
        "5\r\nhello\r\n\r\n\r\n",
        "5\r\nhello\r\n0\r\nA: \0\r\n\r\n",
        "5\r\nhello\r\n0\r\nA: b\n\r\n",
        "5\r\nhello\r\n0\r\n\rx",
    ];
    let table = rows(Table::new(Origin::start()), "good", "pass 5", good.map(chunks));
    let table = rows(table, "either", "pass 5 | protocol (receive)", either.map(chunks));
    let table = rows(table, "bad", "protocol (receive)", bad.map(chunks));
    table
        .row("/largest", chunks("ffffffffffffffff\r\nhello"), "closed (receive) | protocol | size")
        .run(quickly);
}

#[test]
fn a_status_has_the_body_that_its_framing_gives_it() {
    let answer = |status: &str, headers: &str, body: &str| {
        format!("HTTP/1.1 {status} S\r\n{headers}\r\n{body}").keep_alive()
    };
    Table::new(Origin::start())
        .row("/205-body", answer("205", "Content-Length: 5\r\n", "hello"), "pass 5 | pass 0 | protocol")
        .row("/205-none", answer("205", "Content-Length: 0\r\n", ""), "pass 0")
        .row("/203", answer("203", "Content-Length: 2\r\n", "ok"), "pass 2")
        .row("/304-length", answer("304", "Content-Length: 1000\r\n", ""), "pass 0")
        .row(
            "/304-chunked",
            answer("304", "Transfer-Encoding: chunked\r\n", ""),
            "pass 0 | protocol (receive)",
        )
        .row("/200-none", answer("200", "Content-Length: 0\r\n", ""), "pass 0")
        .row("/416", answer("416", "Content-Length: 2\r\n", "no"), "status")
        .run(|| quickly().args(["-j", "1"]));
}

#[test]
fn a_status_line_has_one_form() {
    let answer =
        |line: &[u8]| Script::nothing().then(line).then("\r\nContent-Length: 2\r\n\r\nok").then_fin();
    let good: [&[u8]; 3] = [b"HTTP/1.1 200 a\tb", b"HTTP/1.1 200 \xff\xfe", b"HTTP/1.1 200 200 500"];
    let bad: [&[u8]; 21] = [
        b"HTTP/1.1\t200\tOK",
        b"HTTP/1.1  200 OK",
        b"http/1.1 200 OK",
        b"Http/1.1 200 OK",
        b"HTTP/1.2 200 OK",
        b"HTTP/1.10 200 OK",
        b"HTTP/01.1 200 OK",
        b"HTTP/1 200 OK",
        b"HTTP/1. 200 OK",
        b"HTTP/1,1 200 OK",
        b"HTTP 1.1 200 OK",
        b"HTTP/1.1200 OK",
        b" HTTP/1.1 200 OK",
        b"HTTP/1.1 200OK",
        b"HTTP/1.1 2 0 0",
        b"HTTP/1.1 +200 OK",
        b"HTTP/1.1 0200 OK",
        b"HTTP/1.1 200 O\0K",
        b"\xef\xbb\xbfHTTP/1.1 200 OK",
        b"HTTP/1.1",
        b"HTTP/1.1 0x1 OK",
    ];
    let long = ["HTTP/1.1 200 ".as_bytes(), &[b'x'; 10_000]].concat();
    let table = rows(Table::new(Origin::start()), "good", "pass 2", good.map(answer));
    let table = rows(table, "bad", "protocol (receive)", bad.map(answer));
    table.row("/long-reason", answer(&long), "pass 2").run(quickly);
}

#[test]
fn a_head_in_odd_forms_is_read_in_one_way_or_not_at_all() {
    let with =
        |headers: &[u8]| b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n".then(headers).then("\r\nok").then_fin();
    let good: [&[u8]; 5] = [b"A:b\r\n", b"A:\r\n", b"A: :\r\n", b"A: b\tc\r\n", b"X-!#$%&'*+.^_`|~: y\r\n"];
    let bad: [&[u8]; 14] = [
        b"A B: c\r\n",
        b"A\t: b\r\n",
        b"\xc3\x84: b\r\n",
        b"(A): b\r\n",
        b"A\0: b\r\n",
        b"Content-Length\0: 9\r\n",
        b"Content-Length\t: 9\r\n",
        b"Content-Length: 2\r\n Content-Length: 9\r\n",
        b"A: b\x7f\r\n",
        b"A: b\x0b\r\n",
        b"A: \x1b[31m\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"A: b\r\nContent-Length\r\n",
        b"A@b: c\r\n",
    ];
    let either: [&[u8]; 4] = [b"A: b\r\r\n", b"A: b\n", b"A: b\rContent-Length: 9\r\n", b"A: b\r\n\tc\r\n"];
    let table = rows(Table::new(Origin::start()), "good", "pass 2", good.map(with));
    let table = rows(table, "either", "pass 2 | protocol (receive)", either.map(with));
    rows(table, "bad", "protocol (receive)", bad.map(with)).run(quickly);
}

#[test]
fn an_interim_answer_has_no_body() {
    let before = |interim: &str| interim.then(FINAL).keep_alive();
    Table::new(Origin::start())
        .row("/102", before("HTTP/1.1 102 Processing\r\n\r\n"), "pass 2")
        .row("/199", before("HTTP/1.1 199 X\r\n\r\n"), "pass 2")
        .row("/length", before("HTTP/1.1 100 C\r\nContent-Length: 0\r\n\r\n"), "pass 2")
        .row("/chunked", before("HTTP/1.1 103 E\r\nTransfer-Encoding: chunked\r\n\r\n"), "pass 2")
        .row("/close", before("HTTP/1.1 103 E\r\nConnection: close\r\n\r\n"), "pass 2")
        .row("/body", before("HTTP/1.1 100 C\r\nContent-Length: 5\r\n\r\nhello"), "protocol (receive)")
        .row("/bad", before("HTTP/1.1 100 C\r\nno colon\r\n\r\n"), "protocol (receive)")
        .run(quickly);
}

#[test]
fn codings_are_a_list_of_names() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"hello").expect("memory takes all");
    let gzip = encoder.finish().expect("memory takes all");
    let coded = |value: &str| {
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Encoding:{value}\r\nContent-Length: {}\r\n\r\n", gzip.len());
        head.then(&gzip).keep_alive()
    };
    let good = [
        " gzip",
        "\tGZIP ",
        " gzip, identity",
        " identity,gzip",
        " ,gzip,",
        " x-gzip",
        " identity\r\nContent-Encoding: gzip",
    ];
    let bad = [
        " gzip;q=1",
        " gzip gzip",
        " \"gzip\"",
        " gzip, gzip",
        " gzip\r\nContent-Encoding: br",
        " utf-8",
        " none",
        " *",
    ];
    let raw = ["", " identity", " ,", " IDENTITY, identity"];
    let table = rows(Table::new(Origin::start()), "good", "pass 5", good.map(coded));
    let table = rows(table, "bad", "decode (receive)", bad.map(coded));
    let undone = if gzip.len() == 25 { "pass 25" } else { "pass" };
    rows(table, "raw", undone, raw.map(coded)).run(|| quickly().args(["--compressed"]));
}

#[test]
fn a_location_in_odd_forms_leads_to_one_place_or_nowhere() {
    let origin = Origin::start().script("/end", Script::ok("hello")).script("/gr%FCn", Script::ok("hello"));
    let addr = origin.addr();
    let to = |location: &[u8]| Script::redirect(302, location);
    let headers = |lines: &str| format!("HTTP/1.1 302 F\r\n{lines}Content-Length: 0\r\n\r\n").keep_alive();
    let with_user = format!("http://me:hunter2@{addr}/end");
    let leads: [&[u8]; 9] = [
        b"\t/end\t ",
        b"\\end",
        b"/x/..\\end",
        b"/./end",
        b"/%2e%2e/end",
        b"http:/end",
        b"end#a b",
        b"/gr\xfcn",
        b"/end#\xfc",
    ];
    let nowhere: [&[u8]; 7] = [
        b"/e\tnd",
        b"http:\\\\[::1",
        b"http://a b/",
        b"http://%00/",
        b"http://\xfc/",
        b"//",
        b"https://127.0.0.1:65536/",
    ];
    let table = rows(Table::new(origin), "leads", "pass 5", leads.map(to));
    rows(table, "nowhere", "redirect (receive)", nowhere.map(to))
        .row("/user", to(with_user.as_bytes()), "pass 5")
        .row("/same-twice", headers("Location: /end\r\nLocation: /end\r\n"), "pass 5")
        .row("/two", headers("Location: /end\r\nLocation: /other\r\n"), "redirect (receive)")
        .row("/lower-case", headers("location: /end\r\n"), "pass 5")
        .run(quickly);
}

#[test]
fn a_location_brings_no_credentials_with_it() {
    let origin = Origin::start().script("/end", Script::ok("hello"));
    let with_user = format!("http://me:hunter2@{}/end", origin.addr());
    let origin = origin.script("/user", Script::redirect(302, with_user));
    Greenfetch::new()
        .list([origin.url("/user")])
        .in_every_mode()
        .stdout("5 bytes received from {origin}/user.\n")
        .stderr("")
        .status(0);
    assert!(!origin.last_request("/end").to_lowercase().contains("authorization"));
}

#[test]
fn not_every_3xx_leads_elsewhere() {
    let origin = Origin::start().script("/end", Script::ok("hello"));
    let table = Table::new(origin);
    let others = [300, 304, 305, 306, 309, 399].map(|code| Script::redirect(code, "/end"));
    let redirects = [301, 302, 303, 307, 308].map(|code| Script::redirect(code, "/end"));
    let table = rows(table, "stays", "pass 0", others);
    rows(table, "leads", "pass 5", redirects).run(quickly);
}
