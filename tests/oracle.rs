//! Another client as a judge: ureq as it comes, on its own sockets, over answers that are well formed.
//!
//! Knows what both must agree on: the status, the bytes, and where a redirect led. Refuses to hold what ureq is too
//! lenient or too strict about against anybody: faults are not in here.

use std::path::Path;

use serde_json::Value;

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::{Script, Steps as _};

/// The answers, each under its path.
fn corpus() -> Vec<(String, Script)> {
    let named = |(name, script): (&str, Script)| (format!("/{name}"), script);
    [lengths(), chunks(), without_length(), interim(), statuses(), heads(), redirects()]
        .into_iter()
        .flatten()
        .map(named)
        .collect()
}

fn lengths() -> Vec<(&'static str, Script)> {
    let of = |n: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {n}\r\n\r\n").then_bytes(n).keep_alive();
    let in_parts = |n: usize| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 3 * n);
        head.then_bytes(n).then_bytes(n).then_bytes(n).keep_alive()
    };
    vec![
        ("length-0", of(0)),
        ("length-1", of(1)),
        ("length-1460", of(1460)),
        ("length-65535", of(65_535)),
        ("length-65536", of(65_536)),
        ("length-300000", of(300_000)),
        ("in-parts", in_parts(1000)),
        ("in-large-parts", in_parts(100_000)),
        ("closed-behind", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok".then_fin()),
        ("length-early", "HTTP/1.1 200 OK\r\ncontent-LENGTH:   2  \r\n\r\nok".keep_alive()),
    ]
}

fn chunks() -> Vec<(&'static str, Script)> {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let of = |chunks: &str| HEAD.then(chunks).keep_alive();
    let large = HEAD.then("186a0\r\n").then_bytes(100_000).then("\r\n1\r\nx\r\n0\r\n\r\n").keep_alive();
    vec![
        ("chunk", of("5\r\nhello\r\n0\r\n\r\n")),
        ("chunks", of("1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n")),
        ("no-chunk", of("0\r\n\r\n")),
        ("upper-case", of("A\r\n0123456789\r\n0\r\n\r\n")),
        ("leading-zeros", of("0005\r\nhello\r\n0\r\n\r\n")),
        ("extension", of("5;a=b\r\nhello\r\n0\r\n\r\n")),
        ("large-chunks", large),
        ("byte-by-byte", HEAD.drip("5\r\nhello\r\n0\r\n\r\n", std::time::Duration::ZERO).keep_alive()),
    ]
}

fn without_length() -> Vec<(&'static str, Script)> {
    vec![
        ("until-the-end", "HTTP/1.1 200 OK\r\n\r\nall of it".then_fin()),
        ("until-the-end-large", "HTTP/1.1 200 OK\r\n\r\n".then_bytes(200_000).then_fin()),
        ("until-the-end-empty", "HTTP/1.1 200 OK\r\n\r\n".then_fin()),
        ("http-1.0", "HTTP/1.0 200 OK\r\n\r\nold".then_fin()),
        ("http-1.0-length", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold".then_fin()),
    ]
}

fn interim() -> Vec<(&'static str, Script)> {
    let before = |interim: &str| interim.then("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").keep_alive();
    vec![
        ("continue", before("HTTP/1.1 100 Continue\r\n\r\n")),
        ("early-hints", before("HTTP/1.1 103 Early Hints\r\n\r\n")),
    ]
}

fn statuses() -> Vec<(&'static str, Script)> {
    let of = |code: u16| format!("HTTP/1.1 {code} S\r\nContent-Length: 4\r\n\r\nbody").keep_alive();
    vec![
        ("201", of(201)),
        ("202", of(202)),
        ("206", of(206)),
        ("299", of(299)),
        ("400", of(400)),
        ("404", of(404)),
        ("418", of(418)),
        ("451", of(451)),
        ("500", of(500)),
        ("503", of(503)),
        ("599", of(599)),
        ("204", "HTTP/1.1 204 No Content\r\n\r\n".keep_alive()),
        ("304", "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n".keep_alive()),
    ]
}

fn heads() -> Vec<(&'static str, Script)> {
    let many: String = (0..90).map(|n| format!("X-{n}: {n}\r\n")).collect();
    let long = "c".repeat(30_000);
    let of = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nok").keep_alive();
    vec![
        ("many-fields", of(&many)),
        ("a-long-field", of(&format!("Set-Cookie: {long}\r\n"))),
        ("an-empty-field", of("X-Empty:\r\n")),
        ("no-reason", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok".keep_alive()),
        ("a-long-reason", "HTTP/1.1 200 All is well: it is!\r\nContent-Length: 2\r\n\r\nok".keep_alive()),
    ]
}

/// Not those that ureq reads otherwise than RFC 3986: dots, a query alone, nothing at all (`redirect.rs` has them).
fn redirects() -> Vec<(&'static str, Script)> {
    vec![
        ("301", Script::redirect(301, "/chunk")),
        ("302", Script::redirect(302, "/length-1460")),
        ("303", Script::redirect(303, "/until-the-end")),
        ("307", Script::redirect(307, "/404")),
        ("308", Script::redirect(308, "/204")),
        ("twice", Script::redirect(302, "/301")),
        ("three-times", Script::redirect(302, "/twice")),
        ("relative", Script::redirect(302, "chunk")),
        ("with-a-query", Script::redirect(302, "/chunk?a=b&c=d")),
    ]
}

/// What ureq makes of a URL: status, body, final URL.
struct Verdict {
    code: u16,
    body: Vec<u8>,
    url: String,
}

fn ask_ureq(method: &str, url: &str) -> Verdict {
    use ureq::ResponseExt as _;
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = if method == "HEAD" { agent.head(url) } else { agent.get(url) };
    let mut response = request.call().unwrap_or_else(|error| panic!("ureq on {method} {url}: {error}"));
    Verdict {
        code: response.status().as_u16(),
        url: response.get_uri().to_string(),
        body: response.body_mut().read_to_vec().unwrap_or_else(|error| panic!("ureq on {url}: {error}")),
    }
}

fn assert_same(method: &str, record: &Value, verdict: &Verdict, out: &Path) {
    assert_eq!(record["response_code"], verdict.code, "{record}");
    assert_eq!(record["url_effective"], verdict.url, "{record}");
    assert_eq!(record["size_delivered"], verdict.body.len(), "{record}");
    assert_eq!(record["outcome"] == "pass", verdict.code < 400, "{record}");
    if verdict.code < 400 && method == "GET" {
        let name = record["filename_effective"].as_str().expect("it was saved");
        assert!(std::fs::read(out.join(name)).expect("a file") == verdict.body, "{record}");
    }
}

#[test]
fn what_ureq_makes_of_a_sound_answer_to_get_so_does_greenfetch() {
    let mut origin = Origin::start();
    for (path, script) in corpus() {
        origin.add(&path, script);
    }
    let urls: Vec<String> = corpus().iter().map(|(path, _)| origin.url(path)).collect();
    let verdicts: Vec<Verdict> = urls.iter().map(|url| ask_ureq("GET", url)).collect();
    let verdicts = std::rc::Rc::new(verdicts);
    for mode in ["sync", "threads", "coroutines"] {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (out, verdicts) = (dir.path().join("out"), verdicts.clone());
        Greenfetch::new()
            .args(["--mode", mode, "--output-dir"])
            .args([&out])
            .list(&urls)
            .json(move |records| {
                assert_eq!(records.len(), verdicts.len());
                let pairs = records.iter().zip(verdicts.iter());
                pairs.for_each(|(record, verdict)| assert_same("GET", record, verdict, &out));
            })
            .any_stderr()
            .status(1);
    }
}

#[test]
fn what_ureq_makes_of_a_sound_answer_to_head_so_does_greenfetch() {
    let head_alone = |code: u16, fields: &str| format!("HTTP/1.1 {code} S\r\n{fields}\r\n").keep_alive();
    let mut origin = Origin::start();
    let answers = [
        ("/length", head_alone(200, "Content-Length: 1000\r\n")),
        ("/chunked", head_alone(200, "Transfer-Encoding: chunked\r\n")),
        ("/none", head_alone(200, "")),
        ("/204", head_alone(204, "")),
        ("/304", head_alone(304, "Content-Length: 7\r\n")),
        ("/404", head_alone(404, "Content-Length: 7\r\n")),
        ("/302", Script::redirect(302, "/length")),
        ("/307", Script::redirect(307, "/chunked")),
    ];
    for (path, script) in &answers {
        origin.add(path, script.clone());
    }
    let urls: Vec<String> = answers.iter().map(|(path, _)| origin.url(path)).collect();
    let verdicts: Vec<Verdict> = urls.iter().map(|url| ask_ureq("HEAD", url)).collect();
    Greenfetch::new()
        .args(["-I"])
        .list(&urls)
        .in_every_mode()
        .json(move |records| {
            assert_eq!(records.len(), verdicts.len());
            let pairs = records.iter().zip(&verdicts);
            pairs.for_each(|(record, verdict)| assert_same("HEAD", record, verdict, Path::new("")));
        })
        .any_stderr()
        .status(1);
}
