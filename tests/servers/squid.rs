//! squid as a proxy: absolute form, tunnels, credentials, refusals.
//!
//! Knows what squid says to each. Refuses to know how it is started: `mod.rs`.

use super::*;
use crate::support::listeners::refused_addr;
use crate::support::origin::{Origin, TlsOrigin};
use crate::support::script::Script;

/// `me:secret`, as `openssl passwd -1` writes it.
const USERS: &str = "me:$1$greenfet$lBthfYDKHQT2uxQUHdXq6.\n";

/// A proxy that lets nobody tunnel to one port, and to another only those whom it knows.
fn start(forbidden: u16, guarded: u16) -> Server {
    let recipe = Recipe {
        program: "squid",
        package: "squid",
        conf: include_str!("../../fixtures/servers/squid.conf"),
        more: &[("@FORBIDDEN@", forbidden.to_string()), ("@GUARDED@", guarded.to_string())],
        args: &["-N", "-d", "1", "-f"],
    };
    let server = recipe.start();
    fs::write(server.dir.path().join("users"), USERS).expect("a folder to write to");
    server
}

/// A port that is none of those in use.
const NONE: u16 = 1;

#[test]
#[ignore = "needs squid: just servers"]
fn many_urls_go_through_squid_by_absolute_form_and_by_tunnel() {
    let plain = Origin::start().script("/", Script::ok("hello"));
    let tls = TlsOrigin::start("localhost").script("/", Script::ok("hello"));
    let squid = start(NONE, NONE);
    for mode in ["sync", "threads", "coroutines"] {
        let n = if mode == "sync" { 200 } else { 2000 };
        let urls = (0..n).map(|n| {
            let url = if n % 2 == 0 { plain.url("/") } else { tls.url_as("https", "localhost", "/") };
            format!("{url}?{n}")
        });
        Greenfetch::new()
            .cacert(certificate("ca"))
            .args(["--mode", mode, "-x", &squid.url("")])
            .list(urls)
            .stdout_judged(move |text| assert_eq!(text.lines().count(), n))
            .stderr("")
            .status(0);
    }
    assert!(plain.last_request("/").to_lowercase().contains("\r\nvia: "), "it went round the proxy");
}

#[test]
#[ignore = "needs squid: just servers"]
fn a_tunnel_that_squid_refuses_is_connect_with_its_status() {
    let tls = TlsOrigin::start("localhost").script("/", Script::ok("hello"));
    let squid = start(tls.addr().port(), NONE);
    let nobody = refused_addr();
    Greenfetch::new()
        .cacert(certificate("ca"))
        .args(["-x", &squid.url("")])
        .list([
            tls.url_as("https", "localhost", "/"),
            format!("https://{nobody}/"),
            format!("http://{nobody}/"),
        ])
        .in_every_mode()
        .json(|records| {
            for (record, code) in records.iter().zip(["403", "503"]) {
                assert_eq!(record["error"]["class"], "connect", "{record}");
                let message = record["error"]["message"].as_str().expect("a message");
                assert!(message.contains(code), "{message}");
            }
            // Over plain http the refusal is the answer.
            assert_eq!(records[2]["error"]["class"], "status");
            assert_eq!(records[2]["response_code"], 503);
        })
        .any_stderr()
        .status(1);
}

#[test]
#[ignore = "needs squid: just servers"]
fn squid_lets_through_whom_it_knows() {
    let tls = TlsOrigin::start("localhost").script("/", Script::ok("hello"));
    let squid = start(NONE, tls.addr().port());
    let known = format!("http://me:secret@127.0.0.1:{}", squid.port);
    let unknown = format!("http://me:wrong@127.0.0.1:{}", squid.port);
    let chain = |proxy: &str| {
        let url = tls.url_as("https", "localhost", "/");
        Greenfetch::new().cacert(certificate("ca")).args(["-x", proxy]).list([url]).in_every_mode()
    };
    chain(&known).stdout("5 bytes received from https://localhost:{port}/.\n").stderr("").status(0);
    for proxy in [unknown, squid.url("")] {
        chain(&proxy)
            .stdout("")
            .stderr_has("connect (connect): ")
            .stderr_has("407")
            .stderr_lacks("wrong")
            .status(1);
    }
}
