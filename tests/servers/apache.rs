//! Apache: keep-alive that ends by count and by time, a certificate demanded in the handshake, packed answers.
//!
//! Knows what Apache does with each. Refuses to know how it is started: `mod.rs`.

use super::*;
use crate::support::table::came_to;

/// Where Debian keeps what Apache is made of.
const MODULES: &str = "/usr/lib/apache2/modules";

fn start() -> Server {
    let recipe = Recipe {
        program: "apache2",
        package: "apache2-bin",
        conf: include_str!("../../fixtures/servers/apache.conf"),
        more: &[("@MODULES@", MODULES.to_owned())],
        args: &["-D", "FOREGROUND", "-f"],
    };
    recipe.start()
}

#[test]
#[ignore = "needs Apache: just servers"]
fn apache_gives_the_same_lines_in_every_mode() {
    start().files(1).assert_pass_in_every_mode("50");
}

#[test]
#[ignore = "needs Apache: just servers"]
fn connections_that_apache_closes_after_a_hundred_requests_fail_nobody() {
    let server = start();
    for mode in ["threads", "coroutines"] {
        server.many().assert_pass(mode, "100");
    }
    server.files(3).assert_pass("sync", "1");
}

#[test]
#[ignore = "needs Apache: just servers"]
fn a_graceful_restart_of_apache_in_the_middle_of_a_run_fails_nobody() {
    let server = start();
    for mode in ["threads", "coroutines"] {
        let running = server.many().run_and_after_every(1500, mode, || server.signal(libc::SIGUSR1));
        let finished = running.finish();
        assert_eq!(finished.status, Some(0), "{}", finished.stderr);
        assert_eq!(finished.stdout.lines().count(), MANY);
    }
    assert!(server.log().contains("Doing graceful restart"), "{}", server.log());
}

/// Apache refuses after the handshake has been made for the client (TLS 1.3): the refusal is not a mere end.
#[test]
#[ignore = "needs Apache: just servers"]
fn a_certificate_that_apache_demands_is_shown() {
    let server = start();
    let url = server.tls_url("/2");
    let chain = || Greenfetch::new().cacert(certificate("ca")).list([&url]).in_every_mode();
    chain()
        .args(client_certificate())
        .stdout("1460 bytes received from https://localhost:{port}/2.\n")
        .stderr("")
        .status(0);
    chain().json(|records| assert_eq!(records[0]["error"]["class"], "tls")).any_stderr().status(1);
}

#[test]
#[ignore = "needs Apache: just servers"]
fn what_apache_packs_is_the_file_again() {
    let server = start();
    for path in ["/gzip/large.bin", "/large.bin"] {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let out = dir.path().join("out");
        Greenfetch::new()
            .args(["--compressed", "--output-dir"])
            .args([&out])
            .list([server.url(path)])
            .json(move |records| {
                assert_eq!(came_to(&records[0]), format!("pass {LARGE}"));
                let on_the_wire = records[0]["size_download"].as_u64().expect("a size");
                assert_eq!(on_the_wire < LARGE as u64, path == "/gzip/large.bin");
            })
            .stderr("")
            .status(0);
        assert!(saved(&out) == bytes(LARGE), "not the file");
    }
}

#[test]
#[ignore = "needs Apache: just servers"]
fn answers_without_a_body_and_error_pages_are_what_they_are() {
    let server = start();
    let file = || Greenfetch::new().list([server.url("/large.bin")]).in_every_mode();
    file().args(["-I"]).stdout("0 bytes received from {origin}/large.bin.\n").stderr("").status(0);
    file()
        .args(["-H", "If-None-Match: *"])
        .json(|records| assert_eq!(records[0]["response_code"], 304))
        .stderr("")
        .status(0);
    Greenfetch::new()
        .list([server.url("/nowhere")])
        .in_every_mode()
        .json(|records| assert_eq!(records[0]["size_download"], 23, "the error page is counted"))
        .stderr_has("list:1: {origin}/nowhere: status (check): expected a status below 400, got 404")
        .status(1);
}
