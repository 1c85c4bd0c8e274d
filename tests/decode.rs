//! Content codings: what `--compressed` asks for, what is undone, and what is no body at all.
//!
//! Knows encoders. Refuses to know how greenfetch decodes.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::{Gate, Script, Steps as _};
use crate::support::table::{Table, came_to};

/// Why an encoder cannot fail.
const MEMORY: &str = "memory can be written to";

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect(MEMORY);
    encoder.finish().expect(MEMORY)
}

pub(crate) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect(MEMORY);
    encoder.finish().expect(MEMORY)
}

fn raw_deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect(MEMORY);
    encoder.finish().expect(MEMORY)
}

pub(crate) fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    let params = brotli::enc::BrotliEncoderParams { quality: 5, ..Default::default() };
    brotli::BrotliCompress(&mut &bytes[..], &mut coded, &params).expect(MEMORY);
    coded
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

/// Text that is neither all the same nor noise.
pub(crate) fn text(n_bytes: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"etaoin shrdlu\n.,"[(state >> 28) as usize]
    };
    (0..n_bytes).map(|_| letter()).collect()
}

fn head(coding: &str, length: usize) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n\r\n")
}

/// A body with its coding, of known length, over a connection that stays.
fn coded(coding: &str, body: impl AsRef<[u8]>) -> Script {
    head(coding, body.as_ref().len()).then(body).keep_alive()
}

/// The same in chunks, the last of which is there or not.
fn chunked(coding: &str, body: &[u8], is_whole: bool) -> Script {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nTransfer-Encoding: chunked\r\n\r\n");
    let size = format!("{:x}\r\n", body.len());
    let script = head.then(size).then(body).then("\r\n");
    if is_whole { script.then("0\r\n\r\n").keep_alive() } else { script.then_fin() }
}

fn compressed() -> Greenfetch {
    Greenfetch::new().args(["--compressed", "-m", "20"]).in_every_mode()
}

fn cut(bytes: &[u8], by: usize) -> &[u8] {
    &bytes[..bytes.len() - by]
}

/// One byte is another one, counted from the end.
fn spoilt(mut bytes: Vec<u8>, from_end: usize) -> Vec<u8> {
    let at = bytes.len() - from_end;
    bytes[at] ^= 0x55;
    bytes
}

#[test]
fn every_coding_is_undone() {
    let text = text(300_000);
    Table::new(Origin::start())
        .row("/gzip", coded("gzip", gzip(&text)), "pass 300000")
        .row("/x-gzip", coded("X-GZip", gzip(&text)), "pass 300000")
        .row("/zlib", coded("deflate", zlib(&text)), "pass 300000")
        .row("/raw", coded("Deflate", raw_deflate(&text)), "pass 300000")
        .row("/br", coded("br", brotli(&text)), "pass 300000")
        .row("/zstd", coded("ZSTD", zstd(&text)), "pass 300000")
        .row("/identity", coded("identity", &text), "pass 300000")
        .row("/plain", Script::ok(&text), "pass 300000")
        .row("/chunked", chunked("gzip", &gzip(&text), true), "pass 300000")
        .row(
            "/open",
            "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n".then(brotli(&text)).then_fin(),
            "pass 300000",
        )
        .row("/again", coded("gzip", gzip(b"hello")), "pass 5")
        .run(compressed);
}

#[test]
fn streams_follow_one_another_where_the_coding_says_so() {
    let members = [gzip(b"hello "), gzip(b""), gzip(b"world")].concat();
    let skipped = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    let frames = [zstd(b"hello "), skipped, zstd(b"world")].concat();
    Table::new(Origin::start())
        .row("/members", coded("gzip", members), "pass 11")
        .row("/frames", coded("zstd", frames), "pass 11")
        .row("/no-bytes", coded("gzip", ""), "pass 0")
        .row(
            "/no-chunk",
            "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                .keep_alive(),
            "pass 0",
        )
        .row("/no-frame", coded("zstd", ""), "pass 0")
        .row("/no-content", "HTTP/1.1 204 No\r\nContent-Encoding: gzip\r\n\r\n".keep_alive(), "pass 0")
        .row("/same", "HTTP/1.1 304 Same\r\nContent-Encoding: rot13\r\n\r\n".keep_alive(), "pass 0")
        .run(compressed);
}

#[test]
fn a_head_has_no_body_to_decode() {
    Table::new(Origin::start())
        .row(
            "/",
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 99\r\n\r\n".keep_alive(),
            "pass 0",
        )
        .run(|| compressed().args(["-I"]));
}

#[test]
fn what_is_cut_spoilt_or_no_such_coding_is_a_failure() {
    let text = text(50_000);
    let gz = gzip(&text);
    let br = brotli(&text);
    Table::new(Origin::start())
        .row("/gzip-cut", coded("gzip", cut(&gz, 40)), "decode (receive)")
        .row("/gzip-no-trailer", coded("gzip", cut(&gz, 8)), "decode (receive)")
        .row("/gzip-one-byte", coded("gzip", b"\x1f"), "decode (receive)")
        .row("/gzip-checksum", coded("gzip", spoilt(gz.clone(), 8)), "decode (receive)")
        .row("/gzip-length", coded("gzip", spoilt(gz.clone(), 1)), "decode (receive)")
        .row("/gzip-not", coded("gzip", "hello, this is plain text"), "decode (receive)")
        .row("/gzip-behind", coded("gzip", [gz.as_slice(), b"behind"].concat()), "decode (receive)")
        .row("/gzip-second-cut", coded("gzip", [gz.as_slice(), cut(&gz, 9)].concat()), "decode (receive)")
        .row("/zlib-cut", coded("deflate", cut(&zlib(&text), 3)), "decode (receive)")
        .row("/zlib-checksum", coded("deflate", spoilt(zlib(&text), 1)), "decode (receive)")
        .row("/raw-cut", coded("deflate", cut(&raw_deflate(&text), 3)), "decode (receive)")
        .row("/deflate-not", coded("deflate", "\u{7f}\u{7f}\u{7f}\u{7f}"), "decode (receive)")
        .row("/br-cut", coded("br", cut(&br, 3)), "decode (receive)")
        .row("/br-not", coded("br", "hello, this is plain text"), "decode (receive)")
        .row("/br-behind", coded("br", [br.as_slice(), b"behind"].concat()), "decode (receive)")
        .row("/zstd-cut", coded("zstd", cut(&zstd(&text), 5)), "decode (receive)")
        .row("/zstd-not", coded("zstd", "hello, this is plain text"), "decode (receive)")
        .row("/zstd-behind", coded("zstd", [zstd(&text).as_slice(), b"behind"].concat()), "decode (receive)")
        .row("/zstd-checksum", coded("zstd", spoilt(zstd(&text), 1)), "decode (receive)")
        .row("/unknown", coded("rot13", "uryyb"), "decode (receive)")
        .row("/compress", coded("compress", "hello"), "decode (receive)")
        .row("/next", coded("gzip", gzip(b"hello")), "pass 5")
        .run(compressed);
}

#[test]
fn a_window_that_http_does_not_know_is_refused() {
    let frame = |window: u8| [b"\x28\xb5\x2f\xfd\x00".as_slice(), &[window], b"\x01\0\0"].concat();
    // The "large window" of brotli: 30 bits, then an empty last block.
    let large = b"\x11\xde".as_slice();
    Table::new(Origin::start())
        .row("/zstd-8MiB", coded("zstd", frame(13 << 3)), "pass 0")
        .row("/zstd-16MiB", coded("zstd", frame(14 << 3)), "decode (receive)")
        .row("/zstd-2TiB", coded("zstd", frame(0xff)), "decode (receive)")
        .row("/br-large", coded("br", large), "decode (receive)")
        .run(compressed);
}

#[test]
fn the_framing_is_read_to_its_end_and_its_cut_is_told_first() {
    let gz = gzip(&text(50_000));
    let short = |body: &[u8], more: usize| head("gzip", body.len() + more).then(body).then_fin();
    Table::new(Origin::start())
        .row("/length-in-gzip", short(cut(&gz, 40), 40), "closed (receive)")
        .row("/length-behind-gzip", short(&gz, 1), "closed (receive)")
        .row("/chunk-in-gzip", chunked("gzip", cut(&gz, 40), false), "closed (receive)")
        .row("/chunk-behind-gzip", chunked("gzip", &gz, false), "closed (receive)")
        .row("/chunk-behind-br", chunked("br", &brotli(b"hello"), false), "closed (receive)")
        .row("/chunk-behind-zstd", chunked("zstd", &zstd(b"hello"), false), "closed (receive)")
        .row("/length-in-zstd", head("zstd", 99).then(cut(&zstd(b"hello"), 2)).then_fin(), "closed (receive)")
        .run(compressed);
}

#[test]
fn codings_on_top_of_each_other_are_undone_up_to_five() {
    let times = |n: usize| (0..n).fold(b"hello".to_vec(), |body, _| gzip(&body));
    let mixed = zstd(&brotli(&gzip(&zlib(b"hello"))));
    let two_lines = "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Encoding: gzip\r\n";
    let body = gzip(&brotli(b"hello"));
    let two_lines = format!("{two_lines}Content-Length: {}\r\n\r\n", body.len()).then(body).keep_alive();
    Table::new(Origin::start())
        .row("/2", coded("gzip, gzip", times(2)), "pass 5")
        .row("/5", coded(&["gzip"; 5].join(", "), times(5)), "pass 5")
        .row("/6", coded(&["gzip"; 6].join(", "), times(6)), "decode (receive)")
        .row("/20", coded(&["gzip"; 20].join(","), times(20)), "decode (receive)")
        .row("/mixed", coded("deflate, gzip, br, zstd", mixed), "pass 5")
        .row("/two-lines", two_lines, "pass 5")
        .row("/inner-cut", coded("gzip, gzip", gzip(cut(&gzip(b"hello"), 3))), "decode (receive)")
        .row("/inner-unknown", coded("rot13, gzip", gzip(b"uryyb")), "decode (receive)")
        .run(compressed);
}

#[test]
fn the_failure_names_what_is_wrong() {
    let origin = Origin::start()
        .script("/unknown", coded("rot13", "uryyb"))
        .script("/cut", coded("gzip", cut(&gzip(b"hello"), 2)));
    compressed()
        .list([origin.url("/unknown"), origin.url("/cut")])
        .stdout("")
        .stderr_has("list:1: {origin}/unknown: decode (receive): the content coding \"rot13\" is not known (")
        .stderr_has("list:2: {origin}/cut: decode (receive): the gzip data ended before it was complete (")
        .status(1);
}

#[test]
fn codings_are_asked_for_only_when_they_are_wanted() {
    let body = gzip(&text(10_000));
    let length = body.len();
    let origin = Origin::start().script("/", coded("gzip", body));
    let said = |origin: &Origin| {
        let request = origin.last_request("/").to_ascii_lowercase();
        request.lines().find(|line| line.starts_with("accept-encoding")).map(str::to_owned)
    };
    // Twice, so that the second request is one that was not written anew.
    let twice = || Greenfetch::new().list([origin.url("/"), origin.url("/")]).args(["-j", "1"]);
    twice().stdout(format!("{length} bytes received from {{origin}}/.\n").repeat(2)).stderr("").status(0);
    assert_eq!(said(&origin), None);
    let decoded = "10000 bytes received from {origin}/.\n".repeat(2);
    twice().args(["--compressed"]).stdout(&decoded).stderr("").status(0);
    assert_eq!(said(&origin).as_deref(), Some("accept-encoding: gzip, deflate, br, zstd"));
    let one = ["--compressed", "-H", "Accept-Encoding: br"];
    twice().args(one).stdout(&decoded).stderr("").status(0);
    assert_eq!(said(&origin).as_deref(), Some("accept-encoding: br"));
    twice().args(["--compressed", "-H", "Accept-Encoding:"]).stdout(&decoded).stderr("").status(0);
    assert_eq!(said(&origin), None);
}

#[test]
fn the_record_has_what_came_and_what_came_of_it() {
    let body = gzip(&text(10_000));
    let length = body.len();
    let origin = Origin::start().script("/", coded("gzip", body));
    compressed()
        .list([origin.url("/")])
        .json(move |records| {
            assert_eq!(
                (records[0]["size_download"].as_u64(), came_to(&records[0])),
                (Some(length as u64), "pass 10000".to_owned())
            );
        })
        .stderr("")
        .status(0);
}

#[test]
fn the_limit_counts_what_was_decoded() {
    let body = vec![b'x'; 1 << 20];
    Table::new(Origin::start())
        .row("/gzip", coded("gzip", gzip(&body)), "size (receive)")
        .row("/br", coded("br", brotli(&body)), "size (receive)")
        .row("/zstd", coded("zstd", zstd(&body)), "size (receive)")
        .row("/exact", coded("gzip", gzip(&body[..65_536])), "pass 65536")
        .row("/one-more", coded("gzip", gzip(&body[..65_537])), "size (receive)")
        // Longer on the wire than the limit, and no longer than it when decoded.
        .row("/members", coded("gzip", gzip(b"").repeat(5000)), "pass 0")
        .run(|| compressed().args(["--max-filesize", "64KiB"]));
}

/// What gzip makes of some bytes and others behind them, and what of each further time that the others follow: the
/// window before them is the same every time.
fn repeated(first: &[u8], again: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(first).expect(MEMORY);
    encoder.write_all(again).expect(MEMORY);
    encoder.flush().expect(MEMORY);
    let begun = encoder.get_ref().len();
    encoder.write_all(again).expect(MEMORY);
    encoder.flush().expect(MEMORY);
    let mut coded = encoder.get_ref().clone();
    let further = coded.split_off(begun);
    (coded, further)
}

/// A terabyte of zeros in a few packets: decoding it takes longer than any test may. The neighbours pass all the same,
/// though their answers come only once it is under way.
#[test]
fn neighbours_of_a_bomb_do_not_wait_for_it() {
    let (first, again) = repeated(b"", &vec![0; 16 << 20]);
    let (first, again) = repeated(&first, &again.repeat(64));
    let body = gzip(&[first, again.repeat(1000)].concat());
    assert!(body.len() < 64 << 10, "{} bytes are more than one turn of the wire's own", body.len());
    for mode in ["coroutines", "threads"] {
        let gate = Gate::new();
        let bomb = head("gzip, gzip, gzip", body.len()).then(&body).keep_alive();
        let answer =
            Script::nothing().wait_for(&gate).then(head("gzip", 25)).then(gzip(b"hello")).keep_alive();
        let origin = Origin::start().script("/bomb", bomb).script("/next", answer);
        let urls = std::iter::once(origin.url("/bomb")).chain((0..20).map(|_| origin.url("/next")));
        let args = ["--compressed", "--mode", mode, "--max-filesize", "0", "-m", "0", "-j", "30"];
        let mut running = Greenfetch::new().args(args).list(urls).spawn();
        origin.wait_for_requests("/bomb", 1);
        origin.wait_for_requests("/next", 20);
        gate.open();
        for _ in 0..20 {
            let line = running.next_stdout_line();
            assert!(line.is_some_and(|line| line.starts_with("5 bytes received from ")), "{mode}");
        }
        running.signal(libc::SIGINT);
        let finished = running.finish();
        assert_eq!(finished.signal, Some(libc::SIGINT), "{}", finished.story);
        assert!(finished.stderr.contains("/bomb: cancelled (receive)"), "{}", finished.story);
    }
}

#[test]
fn a_bomb_leaves_memory_flat() {
    const BYTES: usize = 128 << 20;
    let zeros = vec![0; BYTES];
    let scripts =
        [("/gz", "gzip", gzip(&zeros)), ("/br", "br", brotli(&zeros)), ("/zst", "zstd", zstd(&zeros))];
    let origin = scripts.into_iter().fold(Origin::start(), |origin, (path, coding, body)| {
        assert!(body.len() < BYTES / 100, "{coding} makes no bomb of it");
        origin.script(path, coded(coding, body))
    });
    let args = ["--compressed", "--max-filesize", "0", "-m", "0"];
    // Its standard input stays open, so that it still runs when it is measured.
    let mut running = Greenfetch::new().args(args).operand("-").stdin_open().spawn();
    for path in ["/gz", "/br", "/zst"] {
        running.write_stdin(&format!("{}\n", origin.url(path)));
        let line = running.next_stdout_line();
        assert_eq!(line, Some(format!("{BYTES} bytes received from {}.", origin.url(path))));
    }
    let peak = running.peak_memory_kib();
    assert!(peak < 64 << 10, "{peak} KiB");
    running.close_stdin();
    assert_eq!(running.finish().status, Some(0));
}
