//! The workshop itself: the fault origin seen by a bare socket, and a chain that says too little.
//!
//! Knows the tools of the other tests. Refuses to run the product.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::support::listeners::{full_backlog, refused_addr, silent_listener};
use crate::support::origin::{Origin, TlsOrigin};
use crate::support::script::{Gate, Script, Steps as _};
use crate::support::wire::chain;
use crate::support::{Greenfetch, PATIENCE};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[expect(clippy::disallowed_methods, reason = "the test's own thread may block")]
fn connect(url: &str) -> TcpStream {
    let authority = url.split('/').nth(2).expect("a URL with a host");
    let stream = TcpStream::connect(authority).expect("an origin that listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit that is not zero");
    stream
}

fn ask(stream: &mut TcpStream, path: &str) {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").expect("an origin that reads");
}

/// What an origin says to one request until it ends the connection.
fn answer(url: &str) -> (String, io::Result<usize>) {
    let mut stream = connect(url);
    let path = format!("/{}", url.splitn(4, '/').nth(3).unwrap_or_default());
    ask(&mut stream, &path);
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes);
    (String::from_utf8_lossy(&bytes).into_owned(), end)
}

fn read_exactly(stream: &mut TcpStream, n: usize) -> String {
    let mut bytes = vec![0; n];
    stream.read_exact(&mut bytes).expect("so many bytes");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn an_origin_plays_its_scripts() {
    let gate = Gate::new();
    gate.open();
    let origin = Origin::start()
        .script("/short", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".then_bytes(999).then_fin())
        .script("/gated", "a".wait_for(&gate).then("b").then_fin())
        .script("/drip", Script::nothing().drip("abc", Duration::from_millis(1)))
        .script("/twice", Script::sequence(["1".then_fin(), "2".then_fin()]))
        .script("/early", "early".then_fin().on_connect());
    assert_eq!(answer(&origin.url("/short")).0.len(), 41 + 999);
    assert_eq!(answer(&origin.url("/gated")).0, "ab");
    assert_eq!(answer(&origin.url("/drip")).0, "abc");
    let turns: Vec<String> = (0..3).map(|_| answer(&origin.url("/twice?n")).0).collect();
    assert_eq!(turns, ["1", "2", "2"]);
    assert_eq!(answer(&origin.url("/early")).0, "early");
    assert_eq!(origin.requests("/twice"), 3);
    assert_eq!(origin.connections(), 7);
    assert!(origin.last_request("/twice").starts_with("GET /twice?n HTTP/1.1\r\nHost: a\r\n"));
}

#[test]
fn a_connection_that_is_kept_serves_the_next_request() {
    let origin = Origin::start().script("/a", Script::ok("ok")).script("/b", Script::redirect(302, "/a"));
    let mut stream = connect(&origin.url("/a"));
    ask(&mut stream, "/a");
    assert_eq!(read_exactly(&mut stream, OK.len()), OK);
    ask(&mut stream, "/unknown");
    assert!(read_exactly(&mut stream, 42).starts_with("HTTP/1.1 404 "));
    stream.write_all(b"POST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc").expect("an origin that reads");
    assert!(read_exactly(&mut stream, 13).starts_with("HTTP/1.1 302 "));
    assert!(origin.last_request("/b").ends_with("\r\n\r\nabc"));
    assert_eq!(origin.connections(), 1);
}

#[test]
fn ends_are_what_they_are_called() {
    let origin = Origin::start()
        .script("/rst", "a".then_rst())
        .script("/rst-at-once", Script::nothing().then_rst().on_connect())
        .script("/forever", "a".then_forever("b"));
    assert_eq!(answer(&origin.url("/rst")).1.expect_err("a reset").kind(), io::ErrorKind::ConnectionReset);
    let mut stream = connect(&origin.url("/rst-at-once"));
    let end = stream.read(&mut [0]).expect_err("a reset").kind();
    assert_eq!(end, io::ErrorKind::ConnectionReset);
    let mut stream = connect(&origin.url("/forever"));
    ask(&mut stream, "/forever");
    assert!(read_exactly(&mut stream, 1 << 20).ends_with("bbb"));
}

#[test]
fn those_in_flight_are_counted_and_those_who_leave_are_seen() {
    let gate = Gate::new();
    let origin = Origin::start()
        .script("/gated", Script::nothing().wait_for(&gate).then("ok").then_fin())
        .script("/hang", Script::nothing().then_hang());
    let mut streams: Vec<_> = (0..3).map(|_| connect(&origin.url("/gated"))).collect();
    streams.iter_mut().for_each(|stream| ask(stream, "/gated"));
    origin.wait_for_requests("/gated", 3);
    gate.open();
    streams.iter_mut().for_each(|stream| assert_eq!(read_exactly(stream, 2), "ok"));
    assert_eq!(origin.most_in_flight(), 3);
    let mut stream = connect(&origin.url("/hang"));
    ask(&mut stream, "/hang");
    origin.wait_for_requests("/hang", 1);
    drop(stream);
    origin.wait_for_departures(1);
    let mut stream = connect(&origin.url("/hang"));
    ask(&mut stream, "/hang");
    origin.wait_for_requests("/hang", 2);
    drop(origin);
    assert_eq!(stream.read(&mut [0]).expect("an orderly end"), 0);
}

#[test]
fn silent_ports_are_silent_each_in_its_way() {
    let refused = refused_addr();
    let connect_soon = |addr| {
        #[expect(clippy::disallowed_methods, reason = "the test's own thread may block")]
        TcpStream::connect_timeout(&addr, Duration::from_millis(100)).map_err(|error| error.kind())
    };
    assert_eq!(connect_soon(refused).err(), Some(io::ErrorKind::ConnectionRefused));
    let silent = silent_listener();
    drop(connect(&silent.url()));
    let full = full_backlog(IpAddr::V4(Ipv4Addr::LOCALHOST), 0).expect("a free port");
    assert!(full.n_queued() > 0);
    let addr = full.url().split('/').nth(2).and_then(|addr| addr.parse().ok()).expect("an address");
    assert_eq!(connect_soon(addr).err(), Some(io::ErrorKind::TimedOut));
}

/// What a TLS client reads from a path, and how the connection ended.
fn answer_over_tls(origin: &Origin, path: &str) -> io::Result<String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(chain("ca"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    let session = rustls::ClientConnection::new(Arc::new(config), name).expect("a configuration");
    let mut stream = rustls::StreamOwned::new(session, connect(&origin.url(path)));
    write!(stream, "GET {path} HTTP/1.1\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text).map(|_| text)
}

#[test]
fn a_tls_origin_says_whether_it_meant_to_end() {
    let origin = TlsOrigin::start("localhost")
        .script("/meant", "all".then_fin())
        .script("/cut", "half".then_fin().without_close_notify());
    assert_eq!(answer_over_tls(&origin, "/meant").expect("an orderly end"), "all");
    let cut = answer_over_tls(&origin, "/cut").expect_err("a cut");
    assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn each_certificate_is_bad_in_the_way_it_is_named() {
    for (name, word) in [
        ("expired", "expired"),
        ("not-yet-valid", "not valid yet"),
        ("wrong-name", "not valid for name"),
        ("cn-only", "not valid for"),
        ("unknown-ca", "UnknownIssuer"),
        ("no-middle", "UnknownIssuer"),
        ("self-signed", "UnknownIssuer"),
        ("leaf-as-ca", "certificate"),
    ] {
        let origin = TlsOrigin::start(name).script("/", "all".then_fin());
        let error = answer_over_tls(&origin, "/").expect_err(name).to_string();
        assert!(error.contains(word), "{name}: {error}");
    }
}

#[test]
fn a_first_flight_can_be_cut() {
    let origin = TlsOrigin::start("localhost")
        .script("/whole", Script::flight(usize::MAX).on_connect())
        .script("/cut", Script::flight(100).on_connect());
    let cut = answer_over_tls(&origin, "/cut").expect_err("no handshake");
    assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof, "{cut}");
    let mut stream = connect(&origin.url("/cut"));
    stream.write_all(b"no hello").expect("an origin that reads");
    assert_eq!(stream.read(&mut [0; 9]).unwrap_or(0), 0);
    assert!(answer_over_tls(&origin, "/whole").is_err());
}

#[test]
fn a_chain_that_leaves_out_a_stream_does_not_run() {
    for (chain, word) in [
        (Greenfetch::new().any_stdout(), "standard error"),
        (Greenfetch::new().any_stderr(), "standard output"),
    ] {
        let panic = catch_unwind(AssertUnwindSafe(|| chain.status(0))).expect_err("nothing was run");
        let text = panic.downcast_ref::<&str>().copied().unwrap_or_default();
        assert!(text.contains(word), "{text}");
    }
}
