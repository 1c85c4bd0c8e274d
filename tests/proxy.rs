//! Proxies: what they are asked, what they may answer, and what they must never be told.
//!
//! Knows a scripted proxy, which is an origin whose paths are whole URLs, and one that really tunnels. Refuses to look a
//! name up: only a proxy is asked for names, and that shows that nobody else is.

use serde_json::Value;

use crate::support::Greenfetch;
use crate::support::listeners::{refused_addr, silent_listener};
use crate::support::origin::{Origin, TlsOrigin};
use crate::support::relay::Proxy;
use crate::support::script::{Gate, Script, Steps as _};
use crate::support::table::{Table, came_to};
use crate::support::wire::certificate;

/// `me:hunter2` as a header says it.
const BASIC: &str = "Basic bWU6aHVudGVyMg==";

fn by(proxy: impl std::fmt::Display) -> Greenfetch {
    Greenfetch::new().args(["-x".to_owned(), format!("http://{proxy}")]).args(["-m", "20"])
}

/// The origin's port, by a name that nobody but a proxy could know.
fn named(origin: &Origin, path: &str) -> String {
    origin.url_as("https", "localhost", path)
}

fn open_tunnel() -> Script {
    "HTTP/1.1 200 Connection established\r\n\r\n".then("")
}

#[test]
fn an_http_url_is_asked_of_the_proxy_as_a_whole() {
    let proxy = Origin::start().script("http://shop.test/a?b=c", Script::ok("hello"));
    let addr = proxy.addr();
    by(format_args!("me:hunter2@{addr}"))
        .list(["http://shop.test/a?b=c#d", "http://me:secret@shop.test:80/a?b=c"])
        .in_every_mode()
        .json(move |records| {
            for record in &records {
                assert_eq!(came_to(record), "pass 5", "{record}");
                assert_eq!(record["remote_ip"], "127.0.0.1");
                assert_eq!(record["remote_port"], addr.port());
                assert!(record["phases"]["dns"].is_null(), "no name was looked up: {record}");
                assert!(!record.to_string().contains("hunter2"));
            }
        })
        .stderr("")
        .status(0);
    let request = proxy.last_request("http://shop.test/a?b=c");
    assert!(request.starts_with("GET http://shop.test/a?b=c HTTP/1.1\r\n"), "{request}");
    let lower = request.to_lowercase();
    assert!(lower.contains("host: shop.test\r\n") && !lower.contains("proxy-connection"), "{request}");
    assert!(lower.contains(&format!("proxy-authorization: {}\r\n", BASIC.to_lowercase())), "{request}");
}

#[test]
fn every_method_and_body_goes_by_a_proxy() {
    let proxy = Origin::start().script("http://shop.test/", Script::ok("hello"));
    let ask = |args: &[&str]| {
        by(proxy.addr()).args(args).list(["http://shop.test/"]).any_stdout().stderr("").status(0);
        proxy.last_request("http://shop.test/")
    };
    assert!(ask(&["-d", "k=v"]).starts_with("POST http://shop.test/ HTTP/1.1\r\n"));
    assert!(ask(&["-d", "k=v"]).ends_with("\r\n\r\nk=v"));
    assert!(ask(&["-X", "PUT"]).contains("PUT http://shop.test/ "));
    assert!(ask(&["--compressed"]).to_lowercase().contains("accept-encoding: gzip"));
    assert!(ask(&["-H", "Proxy-Authorization: Basic mine"]).contains("Basic mine"));
}

#[test]
fn what_a_user_says_to_the_proxy_goes_before_its_url() {
    let proxy = Origin::start().script("http://shop.test/", Script::ok("hello"));
    by(format_args!("me:hunter2@{}", proxy.addr()))
        .args(["-H", "Proxy-Authorization: Basic mine"])
        .list(["http://shop.test/"])
        .any_stdout()
        .stderr("")
        .status(0);
    let request = proxy.last_request("http://shop.test/").to_lowercase();
    assert!(
        request.contains("basic mine") && request.matches("proxy-authorization").count() == 1,
        "{request}"
    );
}

#[test]
fn connections_to_a_proxy_serve_all_http_servers() {
    let proxy = Origin::start()
        .script("http://a.test/", Script::ok("hello"))
        .script("http://b.test:81/", Script::ok("hello"));
    by(proxy.addr())
        .args(["--sync"])
        .list(["http://a.test/", "http://b.test:81/", "http://a.test/"])
        .any_stdout()
        .stderr("")
        .status(0);
    assert_eq!((proxy.connections(), proxy.requests("http://a.test/")), (1, 2));
}

#[test]
fn https_goes_through_a_tunnel_and_its_origin_never_sees_the_proxys_credentials() {
    let origin = TlsOrigin::start("localhost").script("/", Script::ok("hello"));
    let proxy = Proxy::before(&origin);
    let addr = proxy.addr();
    by(format_args!("me:hunter2@{addr}"))
        .cacert(certificate("ca"))
        .args(["-A", "me/1"])
        .list([named(&origin, "/"), named(&origin, "/")])
        .in_every_mode()
        .json(move |records| {
            for record in &records {
                assert_eq!(came_to(record), "pass 5", "{record}");
                assert_eq!(record["remote_port"], addr.port());
                assert_eq!(record["tls"]["verified"], true);
                assert!(!record.to_string().contains("hunter2"));
            }
        })
        .stderr("")
        .status(0);
    let port = origin.addr().port();
    let expected = format!(
        "CONNECT localhost:{port} HTTP/1.1\r\nHost: localhost:{port}\r\nProxy-Authorization: {BASIC}\r\nUser-Agent: me/1\r\n\r\n"
    );
    assert!(proxy.asked().iter().all(|head| *head == expected), "{:?}", proxy.asked());
    let request = origin.last_request("/");
    assert!(
        request.starts_with("GET / HTTP/1.1\r\n") && !request.to_lowercase().contains("proxy-"),
        "{request}"
    );
}

#[test]
fn a_tunnel_is_used_again_for_its_own_server_alone() {
    let one = TlsOrigin::start("localhost").script("/", Script::ok("hello"));
    let other = TlsOrigin::start("localhost").script("/", Script::ok("hello"));
    let proxy = Proxy::before(&one);
    by(proxy.addr())
        .cacert(certificate("ca"))
        .args(["--sync"])
        .list([named(&one, "/"), named(&other, "/"), named(&one, "/"), named(&other, "/")])
        .any_stdout()
        .stderr("")
        .status(0);
    assert_eq!((proxy.asked().len(), one.connections(), other.connections()), (2, 1, 1));
}

#[test]
fn what_connect_to_moves_is_tunnelled_even_over_http() {
    let origin = Origin::start().script("/", Script::ok("hello"));
    let proxy = Proxy::before(&origin);
    by(proxy.addr())
        .args(["--connect-to", &format!("shop.test:80:backend.test:{}", origin.addr().port())])
        .list(["http://shop.test/"])
        .in_every_mode()
        .stdout("5 bytes received from http://shop.test/.\n")
        .stderr("")
        .status(0);
    assert!(proxy.asked()[0].starts_with("CONNECT backend.test:"), "{:?}", proxy.asked());
    assert!(origin.last_request("/").to_lowercase().contains("host: shop.test\r\n"));
}

#[test]
fn each_hop_chooses_its_proxy_anew() {
    let end = TlsOrigin::start("localhost")
        .script("/end", Script::ok("hello"))
        .script("/back", Script::redirect(302, "http://direct.localhost:1/"));
    let forward = Origin::start()
        .script("http://shop.test/", Script::redirect(302, named(&end, "/end")))
        .script("http://blog.test/", Script::redirect(302, named(&end, "/back")));
    let tunnels = Proxy::before(&forward);
    let run = || {
        Greenfetch::new()
            .env("http_proxy", format!("http://me:hunter2@{}", forward.addr()))
            .env("https_proxy", tunnels.addr().to_string())
            .env("no_proxy", "direct.localhost")
            .cacert(certificate("ca"))
            .args(["-m", "20"])
            .in_every_mode()
    };
    run()
        .list(["http://shop.test/"])
        .stdout("5 bytes received from http://shop.test/.\n")
        .stderr("")
        .status(0);
    assert!(tunnels.asked().iter().all(|head| head.starts_with("CONNECT localhost:")));
    assert!(!tunnels.asked()[0].contains("Proxy-Authorization"), "those of the other proxy");
    run()
        .list(["http://blog.test/"])
        .stdout("")
        .stderr_has("list:1: http://blog.test/: connect (connect): {addr} refused")
        .stderr_lacks("proxy")
        .status(1);
}

#[test]
fn a_redirect_from_http_to_https_goes_by_one_proxy_in_two_ways() {
    let end = TlsOrigin::start("localhost").script("/end", Script::ok("hello"));
    let forward = Origin::start().script("http://shop.test/", Script::redirect(302, named(&end, "/end")));
    let proxy = Proxy::before(&forward);
    by(format_args!("me:hunter2@{}", proxy.addr()))
        .cacert(certificate("ca"))
        .list(["http://shop.test/"])
        .in_every_mode()
        .stdout("5 bytes received from http://shop.test/.\n")
        .stderr("")
        .status(0);
    assert!(proxy.asked().iter().all(|head| head.to_lowercase().contains(&BASIC.to_lowercase())));
    assert!(!end.last_request("/end").to_lowercase().contains("authorization"));
}

/// One scripted answer to CONNECT each, all of them by one proxy, whose URLs differ by their ports.
#[test]
fn a_proxy_that_does_not_open_the_tunnel_is_said_by_its_kind() {
    let tail = |text: &str| format!("HTTP/1.1 {text}\r\n\r\n");
    let head = |text: &str| text.then("").then_hang();
    let rows: [(Script, &str, &str); 16] = [
        (
            tail("407 Auth").then("").keep_alive(),
            "connect (connect)",
            "with status 407: it wants credentials",
        ),
        (tail("403 No\r\nContent-Length: 9").then_hang(), "connect (connect)", "with status 403"),
        (tail("502 Bad").then_forever("x"), "connect (connect)", "with status 502"),
        (tail("302 Found\r\nLocation: http://a/").then_fin(), "connect (connect)", "with status 302"),
        (Script::nothing().then_fin(), "closed (connect)", "ended before it answered CONNECT"),
        ("HTTP/1.1 2".then_fin(), "closed (connect)", "ended inside its answer to CONNECT"),
        (Script::nothing().then_rst(), "closed (connect)", "reset before it answered CONNECT"),
        (head("SSH-2.0-OpenSSH\r\n"), "protocol (connect)", "is not HTTP/1"),
        (head("HTTP/2 200\r\n\r\n"), "protocol (connect)", "is not HTTP/1"),
        (head("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), "protocol (connect)", "header"),
        (head("HTTP/1.1 101 Switching\r\n\r\n"), "protocol (connect)", "101 Switching"),
        (head(&tail("100 Continue").repeat(40)), "protocol (connect)", "more than 32 interim"),
        (
            head(&format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(70_000))),
            "size (connect)",
            "longer than 64 KiB",
        ),
        ("HTTP/1.1 200 OK\r\n".then_forever("X: y\r\n"), "size (connect)", "longer than 64 KiB"),
        (open_tunnel().then_fin(), "tls (tls)", "closed the connection during the handshake"),
        ("HTTP/1.1 200 OK\r\n\r\nhello, this is no handshake".then_hang(), "tls (tls)", "does not speak TLS"),
    ];
    let mut proxy = Origin::start();
    let mut wanted = Vec::new();
    for (port, (script, kind, message)) in (1..).zip(rows) {
        proxy.add(&format!("shop.test:{port}"), script);
        wanted.push((format!("https://shop.test:{port}/"), kind, message));
    }
    let (urls, addr): (Vec<_>, _) = (wanted.iter().map(|(url, ..)| url.clone()).collect(), proxy.addr());
    by(addr)
        .list(&urls)
        .in_every_mode()
        .json(move |records| {
            for (record, (url, kind, message)) in records.iter().zip(&wanted) {
                let said = record["error"]["message"].as_str().unwrap_or_default();
                assert_eq!(came_to(record), *kind, "{url}: {said}");
                assert!(said.contains(message), "{url}: {said}");
                let is_proxys = record["error"]["phase"] == "connect";
                assert_eq!(said.starts_with(&format!("proxy {addr}: ")), is_proxys, "{said}");
                assert_eq!(record["remote_port"], addr.port());
            }
        })
        .any_stderr()
        .status(1);
}

#[test]
fn a_tunnel_opens_whatever_its_head_says_and_in_whatever_pieces_it_comes() {
    let origin = TlsOrigin::start("localhost").script("/", Script::ok("hello"));
    let plain = Origin::start();
    let odd = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ];
    for answer in odd {
        for in_pieces in [false, true] {
            let proxy = Proxy::answering(&plain, answer, in_pieces);
            by(proxy.addr())
                .cacert(certificate("ca"))
                .list([named(&origin, "/")])
                .in_every_mode()
                .stdout("5 bytes received from https://localhost:{port}/.\n")
                .stderr("")
                .status(0);
        }
    }
}

#[test]
fn a_silent_proxy_is_a_timeout_of_connecting_and_holds_up_nobody() {
    let silent = silent_listener();
    let addr = silent.url().replace("http://", "").replace('/', "");
    for (limit, option) in [("--connect-timeout", "--connect-timeout"), ("-m", "--max-time")] {
        Greenfetch::new()
            .args(["-x", &addr, limit, "0.3"])
            .list(["https://shop.test/"])
            .in_every_mode()
            .stdout("")
            .stderr_has("list:1: https://shop.test/: timeout (connect): ")
            .stderr_has(format!("({option}): proxy {{addr}} did not answer CONNECT"))
            .status(1);
    }
    // Causality: the proxy answers one CONNECT only when the neighbours are through.
    let gate = Gate::new();
    let proxy = Origin::start()
        .script("slow.test:443", open_tunnel().wait_for(&gate).then_fin())
        .script("held.test:443", Script::nothing().wait_for(&gate).then_fin())
        .script("http://quick.test/", Script::ok("hello"));
    let running = by(proxy.addr())
        .args(["--stall", "0"])
        .list(["https://held.test/", "https://slow.test/", "http://quick.test/"])
        .spawn();
    proxy.wait_for_requests("held.test:443", 1);
    proxy.wait_for_requests("http://quick.test/", 1);
    gate.open();
    assert_eq!(running.finish().status, Some(1));
}

#[test]
fn a_proxy_that_cannot_be_reached_is_named_with_its_address() {
    let nobody = refused_addr();
    let (ip, port) = (nobody.ip().to_string(), nobody.port());
    for url in ["http://shop.test/", "https://shop.test/"] {
        let ip = ip.clone();
        Greenfetch::new()
            .args(["-x", &nobody.to_string()])
            .list([url])
            .in_every_mode()
            .json(move |records| {
                let tried = &records[0]["error"]["tried"];
                assert_eq!(
                    *tried,
                    serde_json::json!([{"ip": ip, "port": port, "message": "refused (proxy)"}])
                );
                assert_eq!(records[0]["exitcode"], 7);
            })
            .stderr(format!("list:1: {url}: connect (connect): proxy {{addr}} refused (1 try, [TIME] s)\n"))
            .status(1);
    }
    let long_label = format!("{}.test", "a".repeat(64));
    Greenfetch::new()
        .args(["-x", &long_label])
        .list(["http://shop.test/"])
        .in_every_mode()
        .stdout("")
        .stderr_has(format!("dns (dns): proxy {long_label}:{{port}}: not a name that DNS can have"))
        .status(1);
}

#[test]
fn a_proxys_answer_in_place_of_an_http_server_is_an_answer() {
    let proxy = Origin::start()
        .script("http://a.test/", Script::status(407))
        .script("http://b.test/", Script::status(502))
        .script("http://c.test/", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello".then_fin());
    let table = Table::new(Origin::start())
        .url("http://a.test/", "status")
        .url("http://b.test/", "status")
        .url("http://c.test/", "closed (receive)");
    table.run(|| by(proxy.addr()).in_every_mode());
}

type Vars<'a> = &'a [(&'a str, &'a str)];

#[test]
fn the_environment_is_read_as_curl_reads_it() {
    let proxy = Origin::start().script("http://a.localhost:1/", Script::ok("hello"));
    let addr = proxy.addr().to_string();
    let ask = |vars: Vars, args: &[&str]| {
        let chain = vars.iter().fold(Greenfetch::new(), |chain, (name, value)| chain.env(name, *value));
        chain.args(args).list(["http://a.localhost:1/"]).in_every_mode()
    };
    let proxied: [Vars; 5] = [
        &[("http_proxy", &addr)],
        &[("all_proxy", &addr)],
        &[("ALL_PROXY", &addr), ("HTTP_PROXY", "127.0.0.1:1")],
        &[("http_proxy", &addr), ("all_proxy", "127.0.0.1:1"), ("no_proxy", "localhost:1,b.localhost")],
        &[("http_proxy", &addr), ("no_proxy", ""), ("NO_PROXY", "b.localhost")],
    ];
    for vars in proxied {
        ask(vars, &[]).stdout("5 bytes received from http://a.localhost:{port}/.\n").stderr("").status(0);
    }
    let direct: [(Vars, &[&str]); 7] = [
        (&[("HTTP_PROXY", &addr)], &[]),
        (&[("https_proxy", &addr)], &[]),
        (&[("http_proxy", &addr)], &["-x", ""]),
        (&[("http_proxy", &addr), ("no_proxy", "*")], &[]),
        (&[("http_proxy", &addr), ("NO_PROXY", "localhost")], &[]),
        (&[("http_proxy", &addr), ("no_proxy", "b")], &["--noproxy", ".a.localhost"]),
        (&[("no_proxy", "localhost")], &["-x", &addr]),
    ];
    for (vars, args) in direct {
        ask(vars, args).stdout("").stderr_has("connect (connect): {addr} refused").status(1);
    }
    ask(&[("http_proxy", &addr), ("no_proxy", "localhost")], &["--noproxy", ""])
        .any_stdout()
        .stderr("")
        .status(0);
}

#[test]
fn a_proxy_that_is_none_of_ours_is_a_usage_error_that_shows_no_password() {
    for scheme in ["socks5", "https", "ftp"] {
        let proxy = format!("{scheme}://me:hunter2@127.0.0.1:1");
        Greenfetch::new()
            .args(["-x", &proxy])
            .list(["http://a.localhost/"])
            .stdout("")
            .stderr(format!(
                "greenfetch: --proxy: a proxy by {scheme}:// is not spoken to; write http://HOST:PORT\n"
            ))
            .status(2);
        Greenfetch::new()
            .env("all_proxy", proxy)
            .list(["http://a.localhost/"])
            .stdout("")
            .stderr_has(format!("greenfetch: all_proxy: a proxy by {scheme}:// is not spoken to"))
            .stderr_lacks("hunter2")
            .status(2);
    }
}

#[test]
fn no_output_ever_shows_a_proxys_password() {
    let origin = TlsOrigin::start("localhost").script("/", Script::ok("hello"));
    let forward = Origin::start().script("http://shop.test/", Script::status(500));
    let proxy = Proxy::before(&forward);
    let is_clean =
        |text: &str| assert!(!text.contains("hunter2") && !text.contains("bWU6aHVudGVyMg"), "{text}");
    by(format_args!("me:hunter2@{}", proxy.addr()))
        .cacert(certificate("ca"))
        .args(["-vv", "--sync"])
        .operand(named(&origin, "/"))
        .operand("http://shop.test/")
        .with_summary()
        .stdout_judged(is_clean)
        .stderr_judged(is_clean)
        .stderr_has("> CONNECT localhost:{port} HTTP/1.1")
        .stderr_has("> Proxy-Authorization: ***")
        .stderr_has("< HTTP/1.1 200 Connection established")
        .stderr_has("> GET http://shop.test/ HTTP/1.1")
        .stderr_has("> proxy-authorization: ***")
        .status(1);
}

#[test]
fn the_demo_needs_no_proxy() {
    for args in [&["demo"][..], &["demo", "--compare=coroutines,coroutines", "--runs", "1"]] {
        let chain =
            Greenfetch::new().env("http_proxy", "127.0.0.1:1").env("all_proxy", "socks5://127.0.0.1:1");
        let chain = args.iter().fold(chain, |chain, arg| chain.operand(*arg));
        chain.stdout_judged(|text| assert!(!text.is_empty())).stderr_lacks("proxy").status(0);
    }
}

#[test]
fn a_comparison_goes_by_the_proxy_that_was_typed() {
    let proxy = Origin::start().script("http://shop.test/", Script::ok("hello"));
    by(proxy.addr())
        .args(["--compare=sync,threads", "--runs", "1", "--json"])
        .list(["http://shop.test/"])
        .stdout_judged(|text| assert!(serde_json::from_str::<Value>(text).is_ok(), "{text}"))
        .any_stderr()
        .status(0);
    assert!(proxy.requests("http://shop.test/") >= 2);
}
