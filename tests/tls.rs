//! Certificates, handshakes and ends of TLS connections (reliability: TLS).
//!
//! Knows what is wrong with each certificate of `fixtures/certs`. Refuses to trust any root but the one it names.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::support::Greenfetch;
use crate::support::origin::{Origin, TlsOrigin};
use crate::support::script::{Script, Steps as _};
use crate::support::table::{Table, came_to};
use crate::support::wire::{Raw, Wire, certificate, server_config};

fn quickly() -> Greenfetch {
    Greenfetch::new().args(["-m", "20"]).cacert(certificate("ca")).in_every_mode()
}

const BAD: [&str; 8] = [
    "expired",
    "not-yet-valid",
    "wrong-name",
    "cn-only",
    "unknown-ca",
    "no-middle",
    "self-signed",
    "leaf-as-ca",
];

fn bad_origins() -> HashMap<&'static str, Origin> {
    BAD.into_iter().map(|name| (name, TlsOrigin::start(name).script("/", Script::ok("hello")))).collect()
}

#[test]
fn a_certificate_that_cannot_be_trusted_is_tls() {
    let origins = bad_origins();
    let good = TlsOrigin::start("localhost").script("/", Script::ok("hello"));
    let mut table = Table::new(good);
    for name in BAD {
        table = table.url(&origins[name].url("/"), "tls (tls)");
    }
    table.row("/good", Script::ok("hello"), "pass 5").run(quickly);
    assert!(
        BAD.iter().all(|name| origins[name].requests("/") == 0),
        "nothing is sent to whom one does not trust"
    );
}

#[test]
fn the_message_says_what_is_wrong_with_a_certificate() {
    let origins = bad_origins();
    let kinds = ["expired", "not-yet-valid", "wrong-name", "unknown-ca"];
    let messages: Rc<RefCell<Vec<String>>> = Rc::default();
    let seen = messages.clone();
    Greenfetch::new()
        .cacert(certificate("ca"))
        .list(kinds.iter().map(|name| origins[name].url("/")))
        .json(move |records| {
            let message = |record: &serde_json::Value| record["error"]["message"].to_string();
            seen.borrow_mut().extend(records.iter().map(message));
            assert!(records.iter().all(|record| record["tls"]["verified"] == false), "{records:?}");
        })
        .any_stderr()
        .status(1);
    let mut messages = messages.borrow().clone();
    assert!(messages[0].contains("expired"), "{messages:?}");
    messages.sort();
    messages.dedup();
    assert_eq!(messages.len(), kinds.len(), "each has words of its own: {messages:?}");
}

#[test]
fn insecure_trusts_everybody_and_says_so() {
    let origins = bad_origins();
    Greenfetch::new()
        .args(["-k"])
        .list(BAD.iter().map(|name| origins[name].url("/")))
        .in_every_mode()
        .stdout("5 bytes received from {tls}/.\n".repeat(BAD.len()))
        .stderr_has("warning")
        .status(0);
}

#[test]
fn the_very_certificate_that_cacert_names_is_good_also_as_an_authoritys_own_but_for_its_names_alone() {
    let origin = TlsOrigin::start("own-authority").script("/", Script::ok("hello"));
    let port = origin.addr().port();
    let resolve = format!("a.test:{port}:127.0.0.1");
    Greenfetch::new()
        .args(["-4", "--resolve", &resolve])
        .cacert(certificate("own-authority"))
        .list(["127.0.0.1", "localhost", "a.test"].map(|host| origin.url_as("https", host, "/")))
        .in_every_mode()
        .json(|records| {
            let came: Vec<_> = records.iter().map(came_to).collect();
            assert_eq!(came, ["pass 5", "pass 5", "tls (tls)"]);
            assert_eq!(records[0]["tls"]["verified"], true);
        })
        .stderr_has("the certificate is for another name than a.test: localhost, 127.0.0.1")
        .status(1);
    Greenfetch::new()
        .cacert(certificate("ca"))
        .list([origin.url("/")])
        .in_every_mode()
        .stdout("")
        .stderr_has("the certificate is self-signed")
        .status(1);
}

#[test]
fn names_and_addresses_of_a_certificate_are_all_good() {
    let origin = TlsOrigin::start("localhost").script("/", Script::ok("hello"));
    let port = origin.addr().port();
    let urls: Vec<String> =
        ["127.0.0.1", "localhost", "a.test"].map(|host| origin.url_as("https", host, "/")).into();
    let resolve = format!("a.test:{port}:127.0.0.1");
    Greenfetch::new()
        .args(["-4", "--resolve", &resolve])
        .cacert(certificate("ca"))
        .list(&urls)
        .in_every_mode()
        .json(|records| {
            for record in records {
                assert_eq!(record["outcome"], "pass", "{record}");
                assert_eq!(record["tls"]["verified"], true);
                assert_eq!(record["tls"]["version"], "TLSv1.3");
                assert!(record["tls"]["cipher"].is_string());
                assert!(record["time_appconnect"].as_f64() >= record["time_connect"].as_f64());
            }
        })
        .stderr("")
        .status(0);
}

#[test]
fn roots_come_from_the_environment_as_everywhere() {
    let origin = TlsOrigin::start("localhost").script("/", Script::ok("hello"));
    let run = |root: &str| {
        Greenfetch::new().env("SSL_CERT_FILE", certificate(root)).list([origin.url("/")]).in_every_mode()
    };
    run("ca").stdout("5 bytes received from {tls}/.\n").stderr("").status(0);
    run("other-ca").stdout("").stderr_has("list:1: {tls}/: tls (tls): ").status(1);
}

#[test]
fn what_is_no_handshake_is_tls() {
    // An alert: fatal, protocol_version.
    let alert = b"\x15\x03\x01\x00\x02\x02\x46";
    // A ServerHello of TLS 1.0: version, 32 random bytes, no session, a CBC suite, no compression.
    let mut tls10 = b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01".to_vec();
    tls10.extend([7; 32]);
    tls10.extend(b"\x00\x00\x2f\x00");
    let noise = vec![0xa5_u8; 4096];
    Table::new(TlsOrigin::start("localhost"))
        .row_as(
            "https",
            "/plain-http",
            "HTTP/1.1 400 Bad Request\r\n\r\n".then_fin().on_connect(),
            "tls (tls)",
        )
        .row("/noise", noise.as_slice().then_fin().on_connect(), "tls (tls)")
        .row("/alert", alert.then_fin().on_connect(), "tls (tls)")
        .row("/tls-1.0", tls10.as_slice().then_fin().on_connect(), "tls (tls)")
        .row("/fin", Script::nothing().then_fin().on_connect(), "tls (tls) | closed (tls)")
        .row("/rst", Script::nothing().then_rst().on_connect(), "tls | closed")
        .row("/half-flight-fin", Script::flight(300).then_fin().on_connect(), "tls (tls) | closed (tls)")
        .row("/good", Script::ok("hello"), "pass 5")
        .run(quickly);
}

#[test]
fn a_server_that_speaks_http_alone_is_tls_and_nothing_is_sent() {
    let origin = Origin::start().script("/", Script::ok("hello"));
    Table::new(TlsOrigin::start("localhost"))
        .url(&origin.url_as("https", "127.0.0.1", "/"), "tls (tls) | timeout (tls)")
        .run(|| Greenfetch::new().args(["-m", "0.5"]).cacert(certificate("ca")).in_every_mode());
    assert_eq!(origin.requests("/"), 0);
}

#[test]
fn http_on_a_tls_port_is_no_http() {
    let origin = TlsOrigin::start("localhost");
    Table::new(Origin::start())
        .url(&origin.url_as("http", "127.0.0.1", "/"), "protocol (receive)")
        .run(quickly);
}

#[test]
fn a_handshake_that_stops_is_a_timeout_of_tls() {
    // The start of a record of the handshake that is 16 KiB long.
    let record = b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb";
    Table::new(TlsOrigin::start("localhost"))
        .row("/never", Script::nothing().then_hang().on_connect(), "timeout (tls)")
        .row("/half", Script::flight(300).then_hang().on_connect(), "timeout (tls)")
        .row("/drip", record.drip([0; 10_000], Duration::from_millis(5)).on_connect(), "timeout (tls)")
        .row("/good", Script::ok("hello"), "pass 5")
        .run(|| Greenfetch::new().args(["-m", "1"]).cacert(certificate("ca")).in_every_mode_but_sync());
}

#[test]
fn more_certificates_than_anybody_needs_are_no_trap() {
    let many = TlsOrigin::start_with("localhost", "other-ca", 40).script("/", Script::ok("hello"));
    let too_many = TlsOrigin::start_with("localhost", "other-ca", 400).script("/", Script::ok("hello"));
    Table::new(TlsOrigin::start("expired"))
        .url(&many.url("/"), "pass 5 | tls (tls)")
        .url(&too_many.url("/"), "pass 5 | tls (tls)")
        .row("/certain-failure", Script::ok("x"), "tls (tls)")
        .run(quickly);
}

/// In TLS 1.3 the refusal comes after the client's handshake is done.
#[test]
fn a_client_certificate_that_is_demanded_and_missing_is_tls() {
    let origin = TlsOrigin::start_demanding("localhost").script("/", Script::ok("hello"));
    Table::new(Origin::start()).url(&origin.url("/"), "tls | closed").run(quickly);
    assert_eq!(origin.requests("/"), 0);
}

#[test]
fn an_end_without_close_notify_is_a_cut_unless_the_body_was_whole() {
    let cut = |script: Script| script.then_fin().without_close_notify();
    Table::new(TlsOrigin::start("localhost"))
        .row("/length", cut("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n".then("hello")), "pass 5")
        .row(
            "/chunks",
            cut("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".then("1\r\na\r\n0\r\n\r\n")),
            "pass 1",
        )
        .row("/open-cut", cut("HTTP/1.1 200 OK\r\n\r\n".then("hello")), "closed (receive)")
        .row("/open-meant", "HTTP/1.1 200 OK\r\n\r\n".then("hello").then_fin(), "pass 5")
        .row("/short", cut("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n".then("hello")), "closed (receive)")
        .row("/rst", "HTTP/1.1 200 OK\r\n\r\n".then("hello").then_rst(), "closed (receive)")
        .row("/no-answer", Script::nothing().then_fin(), "closed (wait)")
        .run(quickly);
}

/// What stands before a fault counts whether it came with it or before it.
#[test]
fn a_fault_of_tls_comes_after_what_stood_before_it() {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    for body in ["hello", "hel"] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let url = format!("https://{}/", listener.local_addr().expect("a bound listener has an address"));
        let config = server_config("localhost", Vec::new(), false, rustls::ALL_VERSIONS);
        let serve = move |stream| {
            let mut wire = Wire::accept(Raw(Arc::new(stream)), Some(&config)).expect("a handshake");
            assert!(wire.receive(&mut [0; 4096]) > 0, "a request");
            wire.send_and_spoil(&[HEAD, body.as_bytes()].concat());
            wire.hang();
        };
        thread::spawn(move || listener.incoming().flatten().for_each(serve));
        let run = quickly().list([url]);
        if body == "hello" {
            run.stdout_has("5 bytes received from ").stderr("").status(0);
        } else {
            run.stdout("").stderr_has("tls (receive): the server went on with what is no TLS").status(1);
        }
    }
}

#[test]
fn a_large_body_comes_whole_over_tls() {
    Table::new(TlsOrigin::start("localhost"))
        .row("/", Script::ok(vec![b'x'; 3 << 20]), "pass 3145728")
        .row("/open", "HTTP/1.1 200 OK\r\n\r\n".then_bytes(1 << 20).then_fin(), "pass 1048576")
        .run(quickly);
}

/// The origin trusts the tests' own authority, which has signed the certificate that is shown here.
#[test]
fn a_client_certificate_that_is_demanded_is_shown() {
    let origin = TlsOrigin::start_demanding("localhost").script("/", Script::ok("hello"));
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/certs");
    let (cert, key) = (format!("{folder}/client.pem"), format!("{folder}/client.key"));
    Table::new(Origin::start())
        .url(&origin.url("/"), "pass 5")
        .run(|| quickly().args(["-E", cert.as_str(), "--key", key.as_str()]));
    Greenfetch::new()
        .args(["--cert", cert.as_str()])
        .operand(origin.url("/"))
        .stdout("")
        .stderr_has("--key ")
        .status(2);
}

#[test]
fn the_record_says_which_certificate_was_refused_and_when_it_ends() {
    let expired = TlsOrigin::start("expired").script("/", Script::ok("hello"));
    let good = TlsOrigin::start("localhost").script("/", Script::ok("hello"));
    quickly()
        .list([expired.url("/"), good.url("/")])
        .json(|records| {
            let tls = |urlnum: u64| &records.iter().find(|record| record["urlnum"] == urlnum).unwrap()["tls"];
            assert_eq!(tls(0)["verified"], false);
            assert_eq!(tls(0)["not_after"], "2021-01-01T00:00:00.000Z");
            assert!(tls(0)["days_left"].as_i64().is_some_and(|days| days < -1000), "{}", tls(0));
            assert!(tls(0)["subject"].as_str().is_some_and(|subject| subject.contains("CN=")));
            assert_eq!(tls(1)["verified"], true);
            assert!(tls(1)["days_left"].as_i64().is_some_and(|days| days > 1000), "{}", tls(1));
            assert!(tls(1)["issuer"].as_str().is_some_and(|issuer| issuer.contains("CN=")));
        })
        .stderr_has("tls (tls): the certificate has expired")
        .status(1);
}

#[test]
fn tls_1_2_is_refused_when_asked() {
    let old = TlsOrigin::start_old("localhost").script("/", Script::ok("hello"));
    Table::new(Origin::start()).url(&old.url("/"), "pass 5").run(|| quickly().args(["--tlsv1.2"]));
    Table::new(Origin::start()).url(&old.url("/"), "tls (tls)").run(|| quickly().args(["--tlsv1.3"]));
}
