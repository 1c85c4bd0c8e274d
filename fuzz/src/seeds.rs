//! Where inputs begin: what is right and what has gone wrong before, for each target, and the words of its grammar.
//!
//! Knows examples. Refuses to know what they should come to.

use std::io::Write as _;

pub const LINE_WORDS: &[&str] = &[
    "http://",
    "https://",
    "HTTP://",
    "GET ",
    "POST ",
    " # ",
    "#",
    "@defaults ",
    "@base ",
    "@include ",
    "expect=",
    "==",
    "!=",
    "~=",
    "!~=",
    "*=",
    "<=",
    ">=",
    "header=",
    "json.$.",
    "name=",
    "tag=",
    "max-time=",
    "soft",
    "\n  ",
    "\r\n",
    "\t",
    "${",
    "$${",
    "}",
    "\"",
    "'",
    "\\",
    "user:pass@",
    "[::1]",
    ":65536",
    "%2f",
    "\u{feff}",
    "\u{e4}",
    "\u{202e}",
    "\0",
];

pub const LOCATION_WORDS: &[&str] = &[
    "http:",
    "https:",
    "file:",
    "javascript:",
    "//",
    "/",
    "\\",
    "?",
    "#",
    "@",
    "user:pass@",
    "[::1]",
    "[",
    "]",
    ":0",
    ":65536",
    "..",
    "%2e",
    "%00",
    "%",
    "\t",
    " ",
    "\r\n",
    "\u{e4}",
    "xn--",
    "\u{ff0f}",
    "127.1",
    "0x7f",
    "\u{ad}",
];

pub const DATE_WORDS: &[&str] = &[
    "Sun, ",
    "Sunday, ",
    "GMT",
    "UTC",
    "06 Nov 1994",
    "06-Nov-94",
    "08:49:37",
    "29 Feb",
    "31 Dec",
    "60",
    "9999",
    "0000",
    "-",
    "+",
    " ",
    ",",
    "99999999999999999999",
];

pub const HTTP_WORDS: &[&str] = &[
    "HTTP/1.1 ",
    "HTTP/1.0 ",
    "200",
    "204",
    "304",
    "302",
    "301",
    "100 Continue",
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    "\t",
    " ",
    "\0",
    ":",
    "Content-Length: ",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "chunked",
    ", ",
    "gzip",
    "Content-Encoding: ",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "keep-alive",
    "Location: /\r\n",
    "Location: ",
    "Retry-After: 5\r\n",
    "0\r\n\r\n",
    "5\r\nhello\r\n",
    "+",
    "-",
    "0x",
    ";",
    "18446744073709551616",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "X: y\r\n",
    "\r\n y",
];

pub const CHUNK_WORDS: &[&str] = &[
    "0\r\n\r\n",
    "\r\n",
    "\n",
    "\r",
    ";",
    ";a=b",
    "5\r\nhello\r\n",
    "0",
    "00000000000000000",
    "ffffffffffffffff",
    "80000000",
    "A: b\r\n",
    " ",
    "\t",
    "\0",
    "-",
    "0x",
];

pub const CODING_WORDS: &[&str] = &[
    "gzip",
    "x-gzip",
    "deflate",
    "br",
    "zstd",
    "identity",
    ",",
    "\n",
    "\u{1f}\u{8b}\u{8}",
    "\0\0\0\0",
    "\u{7f}",
];

fn owned(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

pub fn lines() -> Vec<Vec<u8>> {
    let mut all = owned(&[
        "http://a.test/\nhttps://b.test/x?y=1#z\n",
        "\u{feff}GET http://a.test/ # a comment\r\n\r\n# one\n\tHEAD https://a.test:8443/%20\n",
        "a.test/\nmailto:a@b\nhttp://\nhttp://a:99999/\nhttp://[::1/\n",
        "http://a.test/ expect=200 bytes>=500 name=home\n  header=A: b\n",
        "@defaults max-time=5s tag=smoke\nPOST https://a.test/login expect=2xx json.$.ok==true soft\n  json={\"a\":\"b\"}\n",
        "@base http://a.test/dir/\n@include other\nx.html tls-days>=21 ttfb<=300ms\n",
        "http://user:pass@a.test/ body~='a \\d+' header.location~=/new !header.x\n",
        "http://127.0.0.1#@evil/\nhttp://a\\b/\nhttp://a%2fb/\nhttp://user;x@host/\n",
        "http://${HOST}/ $${ name=\"a \\\" b\" body*='x'\n",
        "http://b\u{fc}cher.test/\nhttp://a..b/\nhttp://a.test./\n",
    ]);
    all.push(b"http://a.test/\xff\nh\0ttp://a\n\x1b[31m\n".to_vec());
    all
}

pub fn locations() -> Vec<Vec<u8>> {
    let mut all = owned(&[
        "/x",
        "x",
        "../../x",
        "?x=1",
        "#top",
        "//b.test/x",
        "HTTP://B.test:80/",
        "https://b.test",
        "/a b",
        "/\u{e4}",
        " /x\t",
        "",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://[::1]:8080/",
        "http://[::1/",
        "http://a.test:99999/",
        "http:///x",
        "http:x",
        "/a\r\nX: y",
        "/a\x1b",
        "http://user:secret@b.test/x",
        "\\\\b.test\\x",
        "http://b.test\\@c.test/",
        "http://127.1/",
        "http://0x7f000001/",
        "http://b\u{fc}cher.test/",
        "/%00%zz",
        "/a?b|c^d`e{f}",
    ]);
    all.push(b"/\xe4\xff?\xfc#\xf6".to_vec());
    all.push(b"http://\xe4.test/".to_vec());
    all
}

pub fn retry_afters() -> Vec<Vec<u8>> {
    owned(&[
        "120",
        "0",
        "31536001",
        "18446744073709551616",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Fri, 31 Dec 9999 23:59:60 GMT",
        "Tue, 29 Feb 2000 00:00:00 GMT",
        "-1",
        "soon",
        "1.5",
        "",
    ])
}

pub fn chunks() -> Vec<Vec<u8>> {
    let texts = [
        "5\r\nhello\r\n0\r\n\r\n",
        "1\r\na\r\n2\r\nbc\r\n0;x\r\nA: b\r\n\r\nrest",
        "0000005;a=\"b\"\r\nhello\r\n000\r\n\r\n",
        "5 \t;x\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n",
        "ffffffffffffffff\r\nx",
        "-5\r\n",
        "5\nhello\n0\n\n",
        "5\r\nhelloworld\r\n0\r\n\r\n",
        "A\r\n0123456789\r\n0\r\n",
        "\r\n",
        "0\r\n\r\n\r\n",
        "00000000000000000000001\r\na\r\n0\r\n\r\n",
    ];
    let with_size = |(n, text): (usize, &&str)| [&[n as u8][..], text.as_bytes()].concat();
    texts.iter().enumerate().map(with_size).collect()
}

pub fn codings() -> Vec<Vec<u8>> {
    let text = b"hello, hello, hello and so on, hello".repeat(20);
    let gzip = gzip(&text);
    let members = [gzip.clone(), gzip.clone()].concat();
    let coded = [
        ("gzip", gzip.clone()),
        ("x-gzip, identity", members),
        ("deflate", deflate(&text)),
        ("deflate", zlib(&text)),
        ("br", brotli(&text)),
        ("zstd", zstd(&text)),
        ("zstd", [zstd(&text), vec![0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2], zstd(b"x")].concat()),
        ("gzip, br", brotli(&gzip)),
        ("zstd,gzip", self::gzip(&zstd(&text))),
        ("gzip", [gzip, b"rest".to_vec()].concat()),
        ("identity", text.clone()),
        ("gzip", Vec::new()),
        ("gzip", self::gzip(&vec![0; 300_000])),
    ];
    coded.map(|(names, body)| [names.as_bytes(), b"\n", &body].concat()).into()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).and_then(|()| encoder.finish()).expect("memory takes all")
}

fn deflate(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).and_then(|()| encoder.finish()).expect("memory takes all")
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).and_then(|()| encoder.finish()).expect("memory takes all")
}

fn brotli(text: &[u8]) -> Vec<u8> {
    let (mut coded, params) = (Vec::new(), brotli::enc::BrotliEncoderParams::default());
    brotli::BrotliCompress(&mut &text[..], &mut coded, &params).expect("memory takes all");
    coded
}

fn zstd(text: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
}

/// Each behind every value of the byte that says how it is read.
pub fn flagged(answers: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let flags = [0, 1, 0b110, 0b1_0111, 0b1110_0000, 0b1110_0001];
    let with = |answer: Vec<u8>| flags.map(|flags| [&[flags][..], &answer].concat());
    answers.into_iter().flat_map(with).collect()
}

/// Answers of servers, good and bad.
pub fn answers() -> Vec<Vec<u8>> {
    let with = |headers: &str, body: &str| format!("HTTP/1.1 200 OK\r\n{headers}\r\n{body}").into_bytes();
    let mut all = owned(&[
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone",
        "HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 301 Moved\r\nLocation: https://b.test/\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 300 Choose\r\nLocation: /x\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\n\r\nold",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "\r\nHTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 999 Whatever\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 000 X\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n",
        "<html>",
        "",
    ]);
    all.extend([
        with("Content-Length: 5\r\n", "hello"),
        with("Content-Length: 5\r\nConnection: close\r\n", "hello"),
        with("Content-Length: 5\r\nConnection: keep-alive\r\n", "hello, and more"),
        with("Content-Length: 1000\r\n", &"x".repeat(999)),
        with("Content-Length: 600\r\n", &"x".repeat(600)),
        with("Content-Length: 601\r\n", &"x".repeat(601)),
        with("", "until the end"),
        with("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
        with("Transfer-Encoding: chunked\r\n", "5;x\r\nhello\r\n1\r\n"),
        with("Transfer-Encoding: gzip, chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
        with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
        with("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
        with("Content-Length: +5\r\n", "hello"),
        with("Content-Length: 5, 5\r\n", "hello"),
        with("Content-Length :5\r\n", "hello"),
        with("Content-Length:\t5 \t\r\n", "hello"),
        with("A: b\r\n c\r\nContent-Length: 2\r\n", "ok"),
        with("Content-Type: text/html; charset=x\r\nX: \u{e4}\r\nContent-Length: 2\r\n", "ok"),
        with("Content-Encoding: identity\r\nContent-Length: 2\r\n", "ok"),
        with("Content-Encoding: gzip\r\nContent-Length: 0\r\n", ""),
        with("Content-Encoding: rot13\r\nContent-Length: 2\r\n", "ok"),
        with(&format!("A: {}\r\n", "b".repeat(70_000)), "x"),
        with(&"X: y\r\n".repeat(140), "x"),
    ]);
    let coded = gzip(b"hello, hello, hello");
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", coded.len());
    all.push([head.as_bytes(), &coded].concat());
    all
}
