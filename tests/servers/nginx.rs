//! nginx: keep-alive that ends, reloads and kills in the middle, limits, codings, certificates.
//!
//! Knows what nginx does with each. Refuses to know how it is started: `mod.rs`.

use serde_json::Value;

use super::*;
use crate::smoke;
use crate::support::origin::Origin;
use crate::support::script::Script;
use crate::support::table::came_to;

fn start() -> Server {
    start_before(&Origin::start())
}

/// In front of an origin, which it reaches below `/behind/`.
fn start_before(origin: &Origin) -> Server {
    // Who is not root cannot become somebody else, and is not asked to.
    let user = if sys::is_root() { "user root;" } else { "" };
    let recipe = Recipe {
        program: "nginx",
        package: "nginx-light",
        conf: include_str!("../../fixtures/servers/nginx.conf"),
        more: &[("@USER@", user.to_owned()), ("@ORIGIN@", origin.addr().to_string())],
        args: &["-e", "stderr", "-p", ".", "-c"],
    };
    recipe.start()
}

#[test]
#[ignore = "needs nginx: just servers"]
fn nginx_gives_the_same_lines_in_every_mode() {
    start().files(1).assert_pass_in_every_mode("50");
}

#[test]
#[ignore = "needs nginx: just servers"]
fn a_smoke_list_is_judged_right_of_nginx_too() {
    let origin = smoke::origin();
    let server = start_before(&origin);
    smoke::verdicts_are_right(|path| match path {
        "/tls" => server.tls_url("/smoke/text"),
        path => server.url(&format!("/smoke{path}")),
    });
}

#[test]
#[ignore = "needs nginx: just servers"]
fn connections_that_nginx_closes_after_a_hundred_requests_fail_nobody() {
    let server = start();
    for mode in ["threads", "coroutines"] {
        server.many().assert_pass(mode, "100");
    }
    server.files(3).assert_pass("sync", "1");
}

#[test]
#[ignore = "needs nginx: just servers"]
fn a_reload_in_the_middle_of_a_run_fails_nobody() {
    let server = start();
    for mode in ["threads", "coroutines"] {
        let running = server.many().run_and_after_every(700, mode, || server.signal(libc::SIGHUP));
        let finished = running.finish();
        assert_eq!(finished.status, Some(0), "{}", finished.stderr);
        assert_eq!(finished.stdout.lines().count(), MANY);
    }
    assert!(server.log().matches("reconfiguring").count() >= 10, "it did reload: {}", server.log());
}

#[test]
#[ignore = "needs nginx: just servers"]
fn a_kill_in_the_middle_of_a_run_leaves_a_record_for_each_url() {
    for mode in ["threads", "coroutines"] {
        let server = start();
        let mut killed = false;
        let running = server.many().run_and_after_every(1, mode, || {
            if !std::mem::replace(&mut killed, true) {
                server.kill_all();
            }
        });
        let finished = running.finish();
        assert_eq!(finished.status, Some(1), "{}", finished.story);
        let records = crate::support::expectation::parse_records(&finished.stdout);
        assert!(records.iter().enumerate().all(|(n, record)| record["urlnum"] == n), "one for each");
        assert_eq!(records.len(), MANY);
        let failed: Vec<&Value> = records.iter().filter(|record| record["outcome"] != "pass").collect();
        // Those whose records nobody reads are 4096 and those in flight: then nothing more is started.
        assert!(failed.len() > 100, "only {} failed", failed.len());
        for record in failed {
            let class = &record["error"]["class"];
            assert!(class == "connect" || class == "closed", "{record}");
        }
    }
}

#[test]
#[ignore = "needs nginx: just servers"]
fn a_certificate_that_nginx_demands_is_shown() {
    let server = start();
    let url = server.tls_url("/2");
    let chain = || Greenfetch::new().cacert(certificate("ca")).list([&url]).in_every_mode();
    chain()
        .args(client_certificate())
        .stdout("1460 bytes received from https://localhost:{port}/2.\n")
        .stderr("")
        .status(0);
    // nginx shakes hands all the same, and says no by a status of its own.
    chain().json(|records| assert_eq!(records[0]["response_code"], 400)).any_stderr().status(1);
}

/// 30 URLs of which nginx lets eleven pass at once.
#[test]
#[ignore = "needs nginx: just servers"]
fn limits_of_nginx_are_kept_to_by_retries_and_reported_without() {
    let server = start();
    for (path, code) in [("/429", 429), ("/503", 503)] {
        let chain = |mode: &str| {
            let urls = (0..30).map(|n| server.url(&format!("{path}?{n}")));
            Greenfetch::new().args(["--mode", mode, "-j", "30"]).list(urls)
        };
        for mode in ["coroutines", "threads"] {
            chain(mode)
                .json(move |records| {
                    let refused = records.iter().filter(|record| record["response_code"] == code);
                    assert!(refused.count() > 0, "nobody was refused");
                })
                .any_stderr()
                .status(1);
            chain(mode)
                .args(["--retry", "10"])
                .json(move |records| {
                    assert!(records.iter().all(|record| came_to(record) == "pass 1460"));
                    let again: Vec<_> = records.iter().filter(|record| record["num_retries"] != 0).collect();
                    assert!(!again.is_empty(), "nobody had to try again");
                    for record in again {
                        assert_eq!(record["attempts"][0]["response_code"], code, "{record}");
                    }
                })
                .stderr("")
                .status(0);
        }
    }
}

#[test]
#[ignore = "needs nginx: just servers"]
fn what_nginx_packs_is_the_file_again() {
    let server = start();
    for mode in ["sync", "threads", "coroutines"] {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let out = dir.path().join("out");
        Greenfetch::new()
            .args(["--mode", mode, "--compressed", "--output-dir"])
            .args([&out])
            .list([server.url("/gzip/large.bin")])
            .json(|records| {
                assert_eq!(came_to(&records[0]), format!("pass {LARGE}"));
                let on_the_wire = records[0]["size_download"].as_u64().expect("a size");
                assert!((1..LARGE as u64 / 2).contains(&on_the_wire), "{on_the_wire}");
            })
            .stderr("")
            .status(0);
        assert!(saved(&out) == bytes(LARGE), "not the file");
    }
}

#[test]
#[ignore = "needs nginx: just servers"]
fn a_large_body_is_saved_byte_by_byte() {
    let server = start();
    for mode in ["sync", "threads", "coroutines"] {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let out = dir.path().join("out");
        Greenfetch::new()
            .args(["--mode", mode, "--output-dir"])
            .args([&out])
            .list([server.url("/large.bin")])
            .stdout(format!("{LARGE} bytes received from {{origin}}/large.bin.\n"))
            .stderr("")
            .status(0);
        assert!(saved(&out) == bytes(LARGE), "not the file");
    }
}

#[test]
#[ignore = "needs nginx: just servers"]
fn answers_without_a_body_and_error_pages_are_what_they_are() {
    let origin = Origin::start().script("/", Script::ok("hello"));
    let server = start_before(&origin);
    let urls = ["/204", "/500", "/nowhere", "/moved/", "/behind/", "/2"].map(|path| server.url(path));
    let wanted = ["pass 0", "status 500", "status 404", "pass 1460", "pass 5", "pass 1460"];
    Greenfetch::new()
        .list(&urls)
        .in_every_mode()
        .json(move |records| {
            for (record, wanted) in records.iter().zip(wanted) {
                let came = match record["error"]["class"].as_str() {
                    Some("status") => format!("status {}", record["response_code"]),
                    _ => came_to(record),
                };
                assert_eq!(came, wanted, "{record}");
            }
            assert_eq!(records[2]["size_download"], 23, "the error page is counted");
        })
        .any_stderr()
        .status(1);
    assert!(origin.last_request("/").starts_with("GET / HTTP/1.0\r\n"));
    let head = || Greenfetch::new().list([server.url("/large.bin")]).in_every_mode();
    head().args(["-I"]).stdout("0 bytes received from {origin}/large.bin.\n").stderr("").status(0);
    head()
        .args(["-H", "If-None-Match: *"])
        .json(|records| {
            assert_eq!(came_to(&records[0]), "pass 0");
            assert_eq!(records[0]["response_code"], 304);
        })
        .stderr("")
        .status(0);
}
