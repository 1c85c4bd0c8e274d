//! The line of each kind of failure, whole: where, what, in which phase, why, and the option that changes it.
//!
//! Knows an origin for each. Names are asked of a name server of the test's own. Refuses to know how each came about.

use std::net::{IpAddr, Ipv4Addr};

use crate::support::Greenfetch;
use crate::support::listeners::{full_backlog, refused_addr};
use crate::support::name_server::{NameServer, Reply};
use crate::support::namespace::in_own_network;
use crate::support::origin::{Origin, TlsOrigin};
use crate::support::script::{Script, Steps as _};
use crate::support::wire::certificate;

/// What is answered, and the line that follows the URL.
type Row = (Script, &'static [&'static str], &'static str);

const OK: &str = "HTTP/1.1 200 OK\r\n";

#[test]
fn each_kind_of_failure_has_a_line_that_one_can_act_on() {
    let length = |n: usize| format!("{OK}Content-Length: {n}\r\n\r\n");
    let rows: [Row; 12] = [
        (Script::status(404), &[], "status (check): expected a status below 400, got 404"),
        (length(100).then_bytes(10).then_rst(), &[], "closed (receive): reset after 10 of 100 bytes"),
        (Script::nothing().then_rst(), &[], "closed (wait): reset before any byte of the response"),
        (Script::nothing().then_fin(), &[], "closed (wait): ended before any byte of the response"),
        (
            Script::nothing().then_hang(),
            &["-m", "0.3"],
            "timeout (wait): not done after [TIME] s (--max-time)",
        ),
        (
            length(100).then_bytes(10).then_hang(),
            &["--stall", "0.3"],
            "timeout (receive): no byte for [TIME] s (--stall)",
        ),
        (
            length(100).then_bytes(10).then_hang(),
            &["-m", "0.3"],
            "timeout (receive): not done after [TIME] s (--max-time)",
        ),
        (
            Script::ok("x".repeat(2000)),
            &["--max-filesize", "1KiB"],
            "size (receive): a body of 2000 bytes is over the limit of 1024 bytes (--max-filesize)",
        ),
        (
            format!("{OK}Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nfour").keep_alive(),
            &["--compressed"],
            "decode (receive): the body is not valid gzip: incorrect header check",
        ),
        (
            Script::redirect(302, "file:///etc/passwd"),
            &[],
            "redirect (receive): to file: only http and https are followed: file:///etc/passwd",
        ),
        (
            Script::redirect(302, "/"),
            &["--max-redirs", "2"],
            "redirect (receive): a redirect loop: more than 2 redirects (--max-redirs)",
        ),
        (
            "SSH-2.0-OpenSSH_9.2\r\n".then_fin(),
            &[],
            "protocol (receive): the answer is not HTTP/1: it begins with \"SSH-2.0-OpenSSH_\"",
        ),
    ];
    for (script, args, line) in rows {
        let origin = Origin::start().script("/", script);
        Greenfetch::new()
            .args(args.iter().copied())
            .list([origin.url("/")])
            .in_every_mode()
            .stdout("")
            .stderr(format!("list:1: {{origin}}/: {line} (1 try, [TIME] s)\n"))
            .status(1);
    }
}

/// What was expected and what came, cut to what a line has room for.
#[test]
fn a_check_that_does_not_hold_says_what_was_expected_and_what_came() {
    let page = format!("<html><title>Down\tfor maintenance</title>{}", "é".repeat(4000));
    let origin = Origin::start().script("/", Script::ok(page)).script("/ok", Script::ok("ok\u{202e}\x1b[2J"));
    Greenfetch::new()
        .list([
            format!("{} body*=Welcome", origin.url("/")),
            format!("{} body!~=ok|OK bytes<5", origin.url("/ok")),
            format!("{} header.x-build json.$.ok==true", origin.url("/ok")),
        ])
        .in_every_mode()
        .stdout("")
        .stderr(
            "list:1: {origin}/: check (check): expected a body with \"Welcome\", got \"<html><title>Down\\tfor \
             maintenance</title>ééééééééééééééééééé\"… (8041 bytes) (1 try, [TIME] s)\n\
             list:2: {origin}/ok: check (check): expected a body that does not match /ok|OK/, got \
             \"ok\\u{202e}\\u{1b}[2J\"; 1 more check failed: bytes<5 (1 try, [TIME] s)\n\
             list:3: {origin}/ok: check (check): expected a header x-build, got none; 1 more check failed: \
             json.$.ok==true (1 try, [TIME] s)\n",
        )
        .status(1);
}

#[test]
fn what_never_connected_names_the_address_and_what_is_no_url_says_what_to_write() {
    let refused = format!("http://{}/", refused_addr());
    for (listed, line) in [
        (&*refused, "{origin}/: connect (connect): {addr} refused (1 try, [TIME] s)"),
        (
            "example.com/",
            "example.com/: url (queue): not an http or https URL: write https://example.com/ (0 tries, [TIME] s)",
        ),
        (
            "ftp://example.com/",
            "ftp://example.com/: url (queue): scheme ftp is not fetched: http and https only (0 tries, [TIME] s)",
        ),
    ] {
        Greenfetch::new()
            .list([listed])
            .in_every_mode()
            .stdout("")
            .stderr(format!("list:1: {line}\n"))
            .status(1);
    }
}

#[test]
fn a_connection_that_never_stands_says_which_limit_it_met_and_where() {
    let full = full_backlog(IpAddr::V4(Ipv4Addr::LOCALHOST), 0).expect("a free port");
    for (option, words) in [
        ("--connect-timeout", "not connected after [TIME] s (--connect-timeout)"),
        ("-m", "not done after [TIME] s (--max-time)"),
    ] {
        Greenfetch::new()
            .args([option, "0.3"])
            .list([full.url()])
            .in_every_mode()
            .stdout("")
            .stderr(format!(
                "list:1: {{origin}}/: timeout (connect): {words}: {{addr}} no answer (1 try, [TIME] s)\n"
            ))
            .status(1);
    }
}

#[test]
fn an_answer_that_is_none_says_what_it_looks_like() {
    for (bytes, words) in [
        ("\x15\x03\x01\0\x02\x02\x46", "the answer is TLS and not HTTP/1: then write https://"),
        ("HTTP/1.1 200 \x1b[31mOK\r\n\r\n", "the reason in the status line has a control byte"),
        ("HTTP/1.1 20 OK\r\n\r\n", "the status line has no three-digit status"),
    ] {
        let origin = Origin::start().script("/", bytes.then_fin());
        Greenfetch::new()
            .list([origin.url("/")])
            .in_every_mode()
            .stdout("")
            .stderr(format!("list:1: {{origin}}/: protocol (receive): {words} (1 try, [TIME] s)\n"))
            .status(1);
    }
}

#[test]
fn a_certificate_that_is_not_trusted_says_which_and_why() {
    for (name, words) in [
        ("expired", "the certificate has expired, on 2021-01-01 00:00 UTC"),
        ("not-yet-valid", "the certificate is not valid yet, only from 2119-01-01 00:00 UTC"),
        ("wrong-name", "the certificate is for another name than 127.0.0.1: elsewhere.test, 127.0.0.2"),
        (
            "unknown-ca",
            "the certificate is signed by CN=greenfetch unknown CA, which is not trusted: an unknown root (--cacert \
             FILE), or the server leaves out an intermediate",
        ),
        ("self-signed", "the certificate is self-signed, which nobody trusts (--cacert FILE names roots)"),
        (
            "own-authority",
            "the certificate is self-signed, and an authority's own (CA:TRUE) and not a server's",
        ),
        ("leaf-as-ca", "the certificate is signed by one that is a server's own and not an authority's"),
    ] {
        let origin = TlsOrigin::start(name).script("/", Script::ok("hello"));
        Greenfetch::new()
            .cacert(certificate("ca"))
            .list([origin.url("/")])
            .in_every_mode()
            .stdout("")
            .stderr(format!("list:1: {{tls}}/: tls (tls): {words} (1 try, [TIME] s)\n"))
            .status(1);
    }
}

#[test]
fn a_handshake_without_an_answer_is_told_by_its_phase() {
    let origin = TlsOrigin::start("localhost").script("/", Script::nothing().then_hang().on_connect());
    for (option, words) in [
        ("--connect-timeout", "not connected after [TIME] s (--connect-timeout)"),
        ("-m", "not done after [TIME] s (--max-time)"),
    ] {
        Greenfetch::new()
            .cacert(certificate("ca"))
            .args([option, "0.3"])
            .list([origin.url("/")])
            .in_every_mode()
            .stdout("")
            .stderr(format!("list:1: {{tls}}/: timeout (tls): {words} (1 try, [TIME] s)\n"))
            .status(1);
    }
}

#[test]
fn a_name_without_an_address_says_what_the_name_server_said() {
    in_own_network(|| {
        let replies = [
            ("nx.test", Reply::Code(3)),
            ("servfail.test", Reply::Code(2)),
            ("nodata.test", Reply::addrs("")),
            ("silent.test", Reply::Silence),
        ];
        let _server = NameServer::start(replies.map(|(name, reply)| (name.to_owned(), reply)));
        for (name, words) in [
            ("nx", "dns (dns): name or service not known"),
            ("servfail", "dns (dns): temporary failure in name resolution"),
            ("nodata", "dns (dns): it has no address"),
            ("silent", "timeout (dns): not done after [TIME] s (--max-time)"),
        ] {
            Greenfetch::new()
                .args(["-m", "2.5"])
                .list([format!("http://{name}.test/")])
                .in_every_mode()
                .stdout("")
                .stderr(format!("list:1: http://{name}.test/: {words} (1 try, [TIME] s)\n"))
                .status(1);
        }
    });
}

#[test]
fn an_answer_behind_redirects_says_whose_it_was() {
    let origin = Origin::start()
        .script("/from", Script::redirect(302, "/to?x=1"))
        .script("/to?x=1", Script::status(503));
    Greenfetch::new()
        .args(["--retry", "2", "--retry-delay", "1ms"])
        .list([origin.url("/from")])
        .in_every_mode()
        .stdout("")
        .stderr(
            "list:1: {origin}/from: status (check): expected a status below 400, got 503, redirected to {origin}/to?x=1 \
             (3 tries, [TIME] s)\n",
        )
        .status(1);
}

#[test]
fn reports_and_annotations_say_whose_answer_it_was_too() {
    let origin =
        Origin::start().script("/from", Script::redirect(302, "/to")).script("/to", Script::status(503));
    let dir = tempfile::tempdir().unwrap();
    let reports = ["junit", "html"].map(|kind| dir.path().join(kind));
    let asked =
        reports.iter().zip(["junit", "html"]).map(|(path, kind)| format!("{kind}={}", path.display()));
    let run = Greenfetch::new()
        .args(["--ci".to_owned(), "github".to_owned()])
        .args(asked.flat_map(|report| ["--report".to_owned(), report]))
        .list([origin.url("/from")])
        .spawn()
        .finish();
    let led_to = format!("got 503, redirected to {}", origin.url("/to"));
    let annotation = run.stderr.lines().find(|line| line.starts_with("::error ")).unwrap_or_default();
    assert!(annotation.ends_with(&led_to), "{}", run.story);
    for path in reports {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(&led_to), "{}: {text}", path.display());
    }
}
