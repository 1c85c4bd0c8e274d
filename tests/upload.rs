//! Bodies on their way to servers that say something before they have read them.
//!
//! Knows a body that no buffer of the system holds. Refuses to know how it is read from a file: `settings.rs`.

use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::{Gate, Steps as _};
use crate::support::table::came_to;
use crate::support::wire::{Raw, Wire, certificate, server_config};

/// More than sockets on both sides take before somebody reads.
const LARGE: usize = 16 << 20;

const MODES: [&[&str]; 3] = [&["--sync"], &["--mode", "threads"], &[]];

/// Below the patience of a gate: who is not heard is late.
fn putting() -> Greenfetch {
    Greenfetch::new().args(["-X", "PUT", "-d", "@body", "-m", "15"]).file("body", vec![b'x'; LARGE])
}

/// A server that reads a head and so much behind it before it says this, and so much after it before its last word.
fn server(before: usize, said: &'static [u8], after: usize, last: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let addr = listener.local_addr().expect("a bound listener has an address");
    let serve = move |mut stream: TcpStream| {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a head");
            head.extend(byte);
        }
        // Who leaves is seen by what becomes of its request.
        let _ = Read::take(&stream, before as u64).read_to_end(&mut Vec::new());
        let _ = stream.write_all(said);
        let _ = Read::take(&stream, after as u64).read_to_end(&mut Vec::new());
        let _ = stream.write_all(last);
    };
    thread::spawn(move || listener.incoming().flatten().for_each(serve));
    addr
}

#[test]
fn a_refusal_is_read_though_the_body_was_not_sent_to_its_end() {
    const REFUSAL: &str = "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig";
    for mode in MODES {
        let gate = Gate::new();
        let script = |said: &str| said.then("").wait_for(&gate).on_connect();
        let origin = Origin::start()
            .script("/413", script(REFUSAL))
            .script("/100-then-413", script(&format!("HTTP/1.1 100 Continue\r\n\r\n{REFUSAL}")))
            .script(
                "/401",
                script("HTTP/1.1 401 U\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
            );
        let urls = ["/413", "/100-then-413", "/401"].map(|path| origin.url(path));
        putting()
            .args(mode.iter().copied())
            .list(urls)
            .json(|records| {
                for (record, status) in records.iter().zip([413, 413, 401]) {
                    assert_eq!(came_to(record), "status (check)", "{record}");
                    assert_eq!(record["response_code"], status, "{record}");
                    assert!(
                        record["size_upload"].as_u64().is_some_and(|size| size < LARGE as u64),
                        "{record}"
                    );
                }
            })
            .any_stderr()
            .status(1);
        gate.open();
    }
}

/// The origin of the tests reads requests to their ends, so this one does by itself what is asked of it.
#[test]
fn a_refusal_is_read_over_tls_too() {
    for (mode, holds) in MODES.into_iter().flat_map(|mode| [(mode, true), (mode, false)]) {
        let gate = Gate::new();
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let url = format!("https://{}/", listener.local_addr().expect("a bound listener has an address"));
        let config = server_config("localhost", Vec::new(), false, rustls::ALL_VERSIONS);
        let closed = gate.clone();
        thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a connection");
            // A reset takes with it what waits for an acknowledgement of the tickets.
            stream.set_nodelay(true).expect("a socket");
            let mut wire = Wire::accept(Raw(Arc::new(stream)), Some(&config)).expect("a handshake");
            assert!(wire.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"));
            // Else it goes away with most of the request unread, which is a reset.
            if holds {
                closed.wait();
            }
        });
        putting()
            .cacert(certificate("ca"))
            .args(mode.iter().copied())
            .list([url])
            .stdout("")
            .stderr_has("status (check): expected a status below 400, got 413")
            .status(1);
        gate.open();
    }
}

#[test]
fn what_is_no_refusal_does_not_end_the_sending() {
    const LAST: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nthanks";
    const SAID: [&[u8]; 3] =
        [b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 P\r\n\r\nHTTP/1.1 103 E\r\nA: b\r\n\r\n"];
    // One that answers while it still reads wants the rest, too.
    const EARLY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n";
    for mode in MODES {
        let mut addrs = vec![server(1000, EARLY, LARGE - 1000, b"thanks")];
        for said in SAID {
            addrs.extend([server(0, said, LARGE, LAST), server(LARGE / 2, said, LARGE / 2, LAST)]);
        }
        putting()
            .args(mode.iter().copied())
            .list(addrs.iter().map(|addr| format!("http://{addr}/")))
            .json(|records| {
                for record in &records {
                    assert_eq!(came_to(record), "pass 6", "{record}");
                    assert_eq!(record["size_upload"], LARGE, "{record}");
                }
            })
            .stderr("")
            .status(0);
    }
}

#[test]
fn what_was_never_sent_is_not_counted_as_sent() {
    const LAST: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nthanks";
    for mode in MODES {
        // They end the connection while the body is on its way.
        let urls =
            [server(1000, b"", 0, LAST), server(1000, b"", 0, b"")].map(|addr| format!("http://{addr}/"));
        putting()
            .args(mode.iter().copied())
            .list(urls)
            .json(|records| {
                let outcomes = [came_to(&records[0]), came_to(&records[1])];
                assert_eq!(outcomes, ["pass 6", "closed (send)"], "{records:?}");
                for record in &records {
                    let sent = record["size_upload"].as_u64();
                    assert!(sent.is_some_and(|sent| (1000..LARGE as u64).contains(&sent)), "{record}");
                }
            })
            .any_stderr()
            .status(1);
    }
}
