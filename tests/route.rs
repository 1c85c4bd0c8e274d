//! Where connections are made: `--connect-to`, `--unix-socket`.
//!
//! Knows origins that stand elsewhere than their URLs say. Refuses to look a name up.

use std::os::unix::net::{UnixListener, UnixStream};

use crate::support::Greenfetch;
use crate::support::listeners::refused_addr;
use crate::support::origin::{Origin, TlsOrigin};
use crate::support::relay::LocalDoor;
use crate::support::script::Script;
use crate::support::sys;
use crate::support::table::came_to;
use crate::support::wire::certificate;

fn origin() -> Origin {
    Origin::start().script("/", Script::ok("hello"))
}

#[test]
fn a_connection_goes_where_it_is_sent_and_the_request_stays_that_of_the_url() {
    let (one, other) = (origin(), origin());
    let (one_port, other_port) = (one.addr().port(), other.addr().port());
    let rules = [format!("shop.test:80:127.0.0.1:{one_port}"), format!("::localhost:{other_port}")];
    Greenfetch::new()
        .args(rules.iter().flat_map(|rule| ["--connect-to", rule]))
        .list(["http://shop.test/", "http://shop.test:81/", "http://blog.test/"])
        .in_every_mode()
        .json(move |records| {
            let port = |n: usize| records[n]["remote_port"].as_u64();
            assert!(records.iter().all(|record| came_to(record) == "pass 5"), "{records:?}");
            assert_eq!(port(0), Some(one_port.into()));
            assert_eq!((port(1), port(2)), (Some(other_port.into()), Some(other_port.into())));
            assert_eq!(records[0]["url_effective"], "http://shop.test/");
        })
        .stderr("")
        .status(0);
    assert!(one.last_request("/").to_lowercase().contains("host: shop.test\r\n"));
    assert_eq!((one.requests("/"), other.requests("/")), (3, 6));
}

#[test]
fn a_certificate_is_that_of_the_url_wherever_it_is_shown() {
    let origin = TlsOrigin::start("localhost").script("/", Script::ok("hello"));
    let port = origin.addr().port();
    let ask = |url: &str, rule: String| {
        let chain = Greenfetch::new().cacert(certificate("ca")).args(["--connect-to".to_owned(), rule]);
        chain.list([url]).in_every_mode()
    };
    ask("https://localhost/", format!("localhost:443:127.0.0.1:{port}"))
        .stdout("5 bytes received from https://localhost/.\n")
        .stderr("")
        .status(0);
    ask("https://other.test/", format!("::localhost:{port}"))
        .stdout("")
        .stderr(
            "list:1: https://other.test/: tls (tls): the certificate is for another name than other.test: localhost, a.test, \
             127.0.0.1, ::1 (1 try, [TIME] s)\n",
        )
        .status(1);
}

#[test]
fn a_name_that_is_connected_to_instead_may_be_resolved_too() {
    let origin = origin();
    let port = origin.addr().port();
    Greenfetch::new()
        .args(["--connect-to", &format!("shop.test:80:backend.test:{port}")])
        .args(["--resolve", &format!("backend.test:{port}:127.0.0.1")])
        .list(["http://shop.test/"])
        .in_every_mode()
        .stdout("5 bytes received from http://shop.test/.\n")
        .stderr("")
        .status(0);
}

#[test]
fn a_refusal_names_the_place_that_was_connected_to() {
    let nobody = refused_addr();
    Greenfetch::new()
        .args(["--connect-to", &format!("::{nobody}")])
        .list(["http://shop.test/"])
        .in_every_mode()
        .stdout("")
        .stderr("list:1: http://shop.test/: connect (connect): {addr} refused (1 try, [TIME] s)\n")
        .status(1);
}

#[test]
fn all_connections_go_to_a_unix_socket() {
    let dir = tempfile::tempdir().unwrap();
    let (path, tls_path) = (dir.path().join("plain"), dir.path().join("tls"));
    let origin = origin().script("/back", Script::redirect(302, "http://blog.test:81/"));
    let tls = TlsOrigin::start("localhost").script("/", Script::ok("hello"));
    let _doors = [LocalDoor::open(&path, &origin), LocalDoor::open(&tls_path, &tls)];
    Greenfetch::new()
        .args(["--unix-socket".into(), path.into_os_string()])
        .list(["http://shop.test/", "http://127.0.0.1:1/", "http://shop.test/back"])
        .in_every_mode()
        .json(|records| {
            for record in &records {
                assert_eq!(came_to(record), "pass 5", "{record}");
                assert!(record["remote_ip"].is_null() && record["remote_port"].is_null());
                assert!(record["local_ip"].is_null() && record["local_port"].is_null());
            }
        })
        .stderr("")
        .status(0);
    assert!(origin.last_request("/back").to_lowercase().contains("host: shop.test\r\n"));
    Greenfetch::new()
        .cacert(certificate("ca"))
        .args(["--unix-socket".into(), tls_path.into_os_string()])
        .list(["https://localhost/"])
        .in_every_mode()
        .stdout("5 bytes received from https://localhost/.\n")
        .stderr("")
        .status(0);
}

#[test]
fn a_unix_socket_that_is_not_there_or_not_heard_is_connect() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock\x1bet");
    let ask = || {
        let chain = Greenfetch::new().args(["--unix-socket".into(), path.clone().into_os_string()]);
        chain.list(["http://shop.test/"]).in_every_mode()
    };
    let line = "list:1: http://shop.test/: connect (connect): the socket ";
    ask().stdout("").stderr_has(line).stderr_has("sock\\x1bet: no such file or directory (").status(1);
    drop(UnixListener::bind(&path).unwrap());
    ask().stdout("").stderr_has(line).stderr_has("sock\\x1bet: refused (").status(1);
}

#[test]
fn a_unix_socket_with_a_full_queue_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    // A queue without room takes one all the same.
    sys::shrink_backlog(&listener);
    let _queued = UnixStream::connect(&path).unwrap();
    Greenfetch::new()
        .args(["--unix-socket".into(), path.into_os_string()])
        .args(["--connect-timeout", "0.2"])
        .list(["http://shop.test/"])
        .in_every_mode()
        .stdout("")
        .stderr_has("timeout (connect): not connected after [TIME] s (--connect-timeout)")
        .status(1);
}
