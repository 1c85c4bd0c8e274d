//! Faults on top of faults: a cut below a coding behind a redirect, and floods that no single rule was made for.
//!
//! Knows which of two faults is told, and that none hides the other. Refuses to prove the single ones: `framing.rs`,
//! `head.rs`, `decode.rs`, `redirect.rs`, `reuse.rs`, `tls.rs`.

use flate2::{Compression, GzBuilder};
use std::io::Write as _;

use crate::decode::{brotli, gzip, text, zlib, zstd};
use crate::support::Greenfetch;
use crate::support::origin::{Origin, TlsOrigin};
use crate::support::script::{Script, Steps as _};
use crate::support::table::Table;
use crate::support::wire::certificate;

const OK: &str = "HTTP/1.1 200 OK\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const GZIP_CHUNKED: &str = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n";

fn quickly() -> Greenfetch {
    Greenfetch::new().args(["-m", "20", "--compressed"]).in_every_mode()
}

fn one_by_one() -> Greenfetch {
    quickly().args(["-j", "1"])
}

/// A body in chunks of so many bytes, without the last one.
fn in_chunks(body: &[u8], size: usize) -> Vec<u8> {
    body.chunks(size)
        .flat_map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat())
        .collect()
}

/// The start of an answer in a coding, until its end.
fn open(coding: &str, body: impl AsRef<[u8]>) -> Script {
    format!("{OK}Content-Encoding: {coding}\r\n\r\n").then(body)
}

#[test]
fn a_cut_is_told_of_the_layer_that_was_cut() {
    let body = text(5000);
    let (gz, br, zs) = (gzip(&body), brotli(&body), zstd(&body));
    let (half, chunks) = (&gz[..gz.len() / 2], in_chunks(&gz, 100));
    let broken = [&gz[..200], b"not this", &gz[208..]].concat();
    Table::new(Origin::start())
        .row(
            "/small-chunks",
            GZIP_CHUNKED.then(in_chunks(&gz, 1)).then("0\r\n\r\n").keep_alive(),
            "pass 5000",
        )
        .row(
            "/coding-cut",
            GZIP_CHUNKED.then(in_chunks(half, 7)).then("0\r\n\r\n").keep_alive(),
            "decode (receive)",
        )
        .row("/both-cut", GZIP_CHUNKED.then(&chunks[..300]).then_fin(), "closed (receive)")
        .row("/trailer-cut", GZIP_CHUNKED.then(&chunks).then("0\r\nA: b").then_fin(), "closed (receive)")
        .row("/reset", GZIP_CHUNKED.then(&chunks).then_rst(), "closed (receive)")
        .row("/bad-chunk", GZIP_CHUNKED.then(&chunks).then("g\r\n").keep_alive(), "protocol (receive)")
        .row(
            "/broken-and-cut",
            GZIP_CHUNKED.then(in_chunks(&broken, 999)).then_fin(),
            "closed (receive) | decode (receive)",
        )
        .row("/open-gzip", open("gzip", &gz).then_fin(), "pass 5000")
        .row("/open-gzip-cut", open("gzip", half).then_fin(), "decode (receive)")
        .row("/open-gzip-reset", open("gzip", half).then_rst(), "closed (receive)")
        .row("/open-gzip-reset-behind", open("gzip", &gz).then_rst(), "closed (receive)")
        .row("/open-br-cut", open("br", &br[..br.len() - 1]).then_fin(), "decode (receive)")
        .row("/open-zstd-cut", open("zstd", &zs[..zs.len() - 1]).then_fin(), "decode (receive)")
        .row("/open-zstd-in-its-head", open("zstd", &zs[..3]).then_fin(), "decode (receive)")
        .row("/open-zlib-cut", open("deflate", &zlib(&body)[..20]).then_fin(), "decode (receive)")
        .row(
            "/404",
            "HTTP/1.1 404 N\r\nContent-Encoding: gzip\r\n\r\n".then(half).then_fin(),
            "decode (receive) | status",
        )
        .run(quickly);
}

#[test]
fn what_a_gzip_head_may_have_is_no_fault_and_what_it_may_not_is_one() {
    let named = || GzBuilder::new().filename("a b").comment("c").extra(vec![1, 2, 0, 0]).mtime(7);
    let mut writer = named().write(Vec::new(), Compression::fast());
    writer.write_all(b"hello").expect("memory takes all");
    let named = writer.finish().expect("memory takes all");
    let with = |at: usize, byte: u8| {
        let mut body = gzip(b"hello");
        body[at] = byte;
        body
    };
    Table::new(Origin::start())
        .row("/named", open("gzip", &named).then_fin(), "pass 5")
        .row("/name-without-end", open("gzip", &named[..14]).then_fin(), "decode (receive)")
        .row("/reserved-flag", open("gzip", with(3, 0xe0)).then_fin(), "decode (receive) | pass 5")
        .row("/method-7", open("gzip", with(2, 7)).then_fin(), "decode (receive)")
        .row(
            "/zeros-behind",
            open("gzip", [gzip(b"hello"), vec![0; 512]].concat()).then_fin(),
            "decode (receive) | pass 5",
        )
        .row("/zlib-as-gzip", open("gzip", zlib(b"hello")).then_fin(), "decode (receive)")
        .row("/gzip-as-deflate", open("deflate", gzip(b"hello")).then_fin(), "decode (receive)")
        .row("/br-as-zstd", open("zstd", brotli(b"hello")).then_fin(), "decode (receive)")
        .run(quickly);
}

#[test]
fn what_is_wrong_with_a_redirect_is_told_if_it_keeps_us_from_going_on() {
    let to = |headers: &str, body: &str| format!("HTTP/1.1 302 F\r\nLocation: /end\r\n{headers}\r\n{body}");
    let leads = |path: &str| Script::redirect(307, path);
    let origin = Origin::start()
        .script("/end", Script::ok("hello"))
        .script("/cut", format!("{OK}Content-Length: 9\r\n\r\nhell").then_fin())
        .script("/cut-chunk", CHUNKED.then("5\r\nhel").then_fin())
        .script("/gone", Script::nothing().then_rst())
        .script("/none", "HTTP/1.1 204 N\r\n\r\nhello".keep_alive());
    Table::new(origin)
        .row("/to-cut", leads("/cut"), "closed (receive)")
        .row("/to-cut-chunk", leads("/cut-chunk"), "closed (receive)")
        .row("/to-gone", leads("/gone"), "closed (wait) | closed (send)")
        .row("/to-none", leads("/none"), "pass 0")
        .row("/own-body-cut", to("Content-Length: 100\r\n", "abc").then_fin(), "pass 5")
        .row("/own-body-reset", to("Content-Length: 100\r\n", "abc").then_rst(), "pass 5 | closed")
        .row("/own-chunk-bad", to("Transfer-Encoding: chunked\r\n", "xyz\r\n").then_fin(), "pass 5")
        .row(
            "/own-coding-bad",
            to("Content-Encoding: gzip\r\nContent-Length: 3\r\n", "abc").keep_alive(),
            "pass 5",
        )
        .row("/own-length-bad", to("Content-Length: +5\r\n", "hello").then_fin(), "protocol (receive)")
        .row(
            "/own-lengths-differ",
            to("Content-Length: 1\r\nContent-Length: 2\r\n", "ab").then_fin(),
            "protocol (receive)",
        )
        .row("/own-body-endless", to("", "").then_forever("x"), "pass 5")
        .row(
            "/after-100",
            format!("{}{}", "HTTP/1.1 100 C\r\n\r\n".repeat(10), to("Content-Length: 0\r\n", ""))
                .keep_alive(),
            "pass 5",
        )
        .row(
            "/103-leads-nowhere",
            format!("HTTP/1.1 103 E\r\nLocation: /gone\r\n\r\n{OK}Content-Length: 2\r\n\r\nok").keep_alive(),
            "pass 2",
        )
        .row("/retry-after", to("Retry-After: 9999\r\nContent-Length: 0\r\n", "").keep_alive(), "pass 5")
        .run(quickly);
}

#[test]
fn an_end_in_the_middle_of_a_head_is_a_cut_whatever_came_before() {
    let cut = |text: &str| text.then_fin();
    Table::new(Origin::start())
        .row("/103", cut("HTTP/1.1 103 E\r\n\r\n"), "closed")
        .row("/103-then-half", cut("HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\nContent-Le"), "closed (receive)")
        .row("/100-then-reset", "HTTP/1.1 100 C\r\n\r\n".then_rst(), "closed")
        .row("/before-lf", cut("HTTP/1.1 200 OK\r"), "closed (receive)")
        .row("/one-line", cut("HTTP/1.1 200 OK\r\n"), "closed (receive)")
        .row("/before-the-last-lf", cut("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r"), "closed (receive)")
        .row("/lf-only", cut("HTTP/1.1 200 OK\nContent-Length: 2\n"), "closed (receive) | protocol (receive)")
        .row("/one-letter", cut("H"), "closed (receive) | protocol")
        .row("/blank-lines", cut("\r\n\r\n"), "closed | protocol")
        .run(quickly);
}

#[test]
fn a_flood_of_any_kind_is_bounded() {
    let bounded = "protocol (receive) | size (receive)";
    Table::new(Origin::start())
        .row("/trailers", CHUNKED.then("5\r\nhello\r\n0\r\n").then_forever("A: b\r\n"), bounded)
        .row("/one-trailer", CHUNKED.then("0\r\nA: ").then_forever("b"), bounded)
        .row("/extension", CHUNKED.then("5;").then_forever("x"), bounded)
        .row("/blanks-in-a-size", CHUNKED.then("5").then_forever(" "), bounded)
        .row("/zeros-of-a-size", CHUNKED.then_forever("0"), bounded)
        .row("/small-chunks", CHUNKED.then_forever("1\r\nx\r\n"), "size (receive)")
        .row("/100", Script::nothing().then_forever("HTTP/1.1 100 C\r\n\r\n"), bounded)
        .row(
            "/large-103",
            Script::nothing().then_forever(format!("HTTP/1.1 103 E\r\nA: {}\r\n\r\n", "x".repeat(60_000))),
            bounded,
        )
        .row("/blank-lines", Script::nothing().then_forever("\r\n"), bounded)
        .row("/line-feeds", Script::nothing().then_forever("\n"), bounded)
        .row("/folds", format!("{OK}A: b\r\n").then_forever(" c\r\n"), bounded)
        .row("/nul", Script::nothing().then_forever("\0"), bounded)
        .row("/cookies", OK.then_forever("Set-Cookie: a=b\r\n"), bounded)
        .row("/no-end-of-a-name", OK.then_forever("a"), bounded)
        .run(|| quickly().args(["--max-filesize", "1MiB"]));
}

#[test]
fn what_only_looks_like_more_leaves_the_next_url_alone() {
    let length = |n: usize, body: &str| format!("{OK}Content-Length: {n}\r\n\r\n{body}").keep_alive();
    let next = || Script::ok("next");
    Table::new(Origin::start())
        .row("/none-but-bytes", length(0, "hello"), "pass 0")
        .row("/1", next(), "pass 4")
        .row(
            "/204-chunked",
            "HTTP/1.1 204 N\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".keep_alive(),
            "pass 0",
        )
        .row("/2", next(), "pass 4")
        .row(
            "/304-unasked",
            "HTTP/1.1 304 N\r\nContent-Length: 5\r\nETag: \"x\"\r\n\r\nhello".keep_alive(),
            "pass 0",
        )
        .row("/3", next(), "pass 4")
        .row("/two-ends", CHUNKED.then("0\r\n\r\n0\r\n\r\n").keep_alive(), "pass 0")
        .row("/4", next(), "pass 4")
        .row(
            "/trailers",
            CHUNKED.then("5\r\nhello\r\n0\r\nContent-Length: 9\r\nLocation: /x\r\n\r\n").keep_alive(),
            "pass 5",
        )
        .row("/5", next(), "pass 4")
        .row("/two-answers", length(1, "aHTTP/1.1 500 E\r\nContent-Length: 0\r\n\r\n"), "pass 1")
        .row("/6", next(), "pass 4")
        .row(
            "/101-later",
            format!("HTTP/1.1 100 C\r\n\r\nHTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n{OK}\r\n").keep_alive(),
            "protocol (receive)",
        )
        .row("/7", next(), "pass 4")
        .row(
            "/close-but-open",
            format!("{OK}Connection: close\r\nContent-Length: 2\r\n\r\nok").then_hang(),
            "pass 2",
        )
        .row("/8", next(), "pass 4")
        .row(
            "/kept-1.0",
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok".keep_alive(),
            "pass 2",
        )
        .row("/9", next(), "pass 4")
        .run(one_by_one);
}

#[test]
fn a_status_that_asks_for_more_is_an_answer() {
    let answer = |status: &str, headers: &str| {
        format!("HTTP/1.1 {status} S\r\n{headers}Content-Length: 2\r\n\r\nno").keep_alive()
    };
    Table::new(Origin::start())
        .row("/206", answer("206", "Content-Range: bytes 0-1/9\r\n"), "pass 2")
        .row("/226", answer("226", ""), "pass 2")
        .row("/401", answer("401", "WWW-Authenticate: Basic\r\n"), "status (check)")
        .row("/407", answer("407", "Proxy-Authenticate: Basic\r\n"), "status (check)")
        .row("/417", answer("417", ""), "status (check)")
        .row("/421", answer("421", ""), "status (check)")
        .row("/425", answer("425", "Retry-After: 1\r\n"), "status (check)")
        .row("/426", answer("426", "Upgrade: TLS/1.0\r\nConnection: Upgrade\r\n"), "status (check)")
        .row("/511", answer("511", ""), "status (check)")
        .row(
            "/upgrade",
            format!("{OK}Upgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nok").keep_alive(),
            "pass 2",
        )
        .row("/h2-settings", "\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x20".then_fin(), "protocol (receive)")
        .row("/h2-goaway", "\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01".then_fin(), "protocol (receive)")
        .run(quickly);
}

/// Over TLS an end has three forms, at every place.
#[test]
fn an_end_of_tls_is_what_its_place_makes_of_it() {
    let body = gzip(&text(3000));
    let length = format!("{OK}Content-Length: 5\r\n\r\n");
    let script = |text: &str| text.then("");
    let places = [
        ("nothing", Script::nothing(), "closed"),
        ("interim", script("HTTP/1.1 103 E\r\n\r\n"), "closed"),
        ("head", script("HTTP/1.1 200 OK\r\nA: "), "closed (receive)"),
        ("length", length.clone().then("hel"), "closed (receive)"),
        ("chunk", CHUNKED.then("5\r\nhel"), "closed (receive)"),
        ("before-the-last-chunk", CHUNKED.then("5\r\nhello\r\n"), "closed (receive)"),
        ("coding", GZIP_CHUNKED.then(in_chunks(&body, 99)), "closed (receive)"),
        ("whole-length", length.then("hello"), "pass 5"),
        ("whole-chunks", CHUNKED.then("5\r\nhello\r\n0\r\n\r\n"), "pass 5"),
        ("redirect", script("HTTP/1.1 302 F\r\nLocation: /end\r\nContent-Length: 9\r\n\r\nabc"), "pass 5"),
    ];
    let mut table = Table::new(TlsOrigin::start("localhost").script("/end", Script::ok("hello")));
    for (name, script, wanted) in places {
        table = table
            .row(&format!("/{name}-notified"), script.clone().then_fin(), wanted)
            .row(&format!("/{name}-cut"), script.clone().then_fin().without_close_notify(), wanted)
            .row(&format!("/{name}-reset"), script.then_rst(), wanted);
    }
    table
        .row("/open-notified", format!("{OK}\r\nhello").then_fin(), "pass 5")
        .row("/open-cut", format!("{OK}\r\nhello").then_fin().without_close_notify(), "closed (receive)")
        .row("/open-gzip-notified", open("gzip", &body).then_fin(), "pass 3000")
        .row("/open-gzip-cut", open("gzip", &body).then_fin().without_close_notify(), "closed (receive)")
        .run(|| quickly().cacert(certificate("ca")));
}

/// What is sent again is sent whole.
#[test]
fn a_put_whose_connection_ends_is_sent_again_with_its_body() {
    let body = "x".repeat(100_000);
    let turns = [
        Script::ok("first"),
        Script::nothing().then_fin(),
        Script::ok("second"),
        Script::nothing().then_rst(),
        Script::ok("third!"),
    ];
    for mode in [&["--sync"][..], &["--mode", "threads"], &[]] {
        let origin = Origin::start().script("/", Script::sequence(turns.clone()));
        Greenfetch::new()
            .args(["-j", "1", "-X", "PUT", "-d", &body])
            .args(mode.iter().copied())
            .list((0..3).map(|_| origin.url("/")))
            .stdout("5 bytes received from {origin}/.\n6 bytes received from {origin}/.\n6 bytes received from {origin}/.\n")
            .stderr("")
            .status(0);
        assert!(origin.last_request("/").ends_with(&format!("\r\n\r\n{body}")));
    }
}
