//! The calls of the system as they may be: interrupted, with nothing there, a byte at a time. The same must come of it.
//!
//! Knows how to put `support/faulty_calls.c` between greenfetch and libc. Refuses to know what the right outcomes are:
//! it compares.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::LazyLock;

use serde_json::Value;

use crate::modes::settled;
use crate::support::Greenfetch;
use crate::support::listeners::refused_addr;
use crate::support::origin::{Origin, TlsOrigin};
use crate::support::preload::Preload;
use crate::support::script::{Script, Steps as _};
use crate::support::wire::certificate;

/// Made once.
static FAULTY: LazyLock<Preload> = LazyLock::new(|| Preload::make("faulty_calls"));

/// So many calls are spoilt at least in a run over the corpus, or nothing is proven.
const MANY: u32 = 100;

/// What decides which call is spoilt, and how: each in turn, and three that leave it to chance.
const SEEDS: [&str; 4] = ["0", "1", "2", "3"];

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).and_then(|()| encoder.finish()).expect("memory takes all")
}

/// Good and bad, each with one outcome whatever the pieces are that it comes in.
fn corpus() -> Vec<(&'static str, Script)> {
    let words: Vec<u8> = (0..3000_u32).flat_map(|n| (n * n % 977).to_string().into_bytes()).collect();
    let coded = gzip(&words);
    let labelled = |body: &[u8]| {
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
        head.then(body).keep_alive()
    };
    let many: String = (0..60).map(|n| format!("X-{n}: {n}\r\n")).collect();
    vec![
        ("/ok", Script::ok("hello")),
        ("/empty", Script::ok("")),
        ("/large", Script::ok(&words)),
        ("/chunks", CHUNKED.then("5\r\nhello\r\n1;x\r\n!\r\n0\r\nA: b\r\n\r\n").keep_alive()),
        ("/open", "HTTP/1.1 200 OK\r\n\r\nto the end".then_fin()),
        ("/old", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold".then_fin()),
        (
            "/hints",
            "HTTP/1.1 103 E\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".keep_alive(),
        ),
        ("/many", format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 2\r\n\r\nok").keep_alive()),
        ("/204", "HTTP/1.1 204 N\r\n\r\n".keep_alive()),
        ("/304", "HTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\n".keep_alive()),
        ("/404", Script::status(404)),
        ("/503", Script::status(503)),
        ("/moved", Script::redirect(301, "/large")),
        ("/loop", Script::redirect(302, "/loop")),
        ("/nowhere", Script::redirect(302, "ftp://a/")),
        ("/gzip", labelled(&coded)),
        ("/gzip-cut", labelled(&coded[..coded.len() - 20])),
        ("/behind", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok, and more".keep_alive()),
        ("/after-behind", Script::ok("ok")),
        ("/no-byte", Script::nothing().then_fin()),
        ("/cut-head", "HTTP/1.1 200 OK\r\nContent-Le".then_fin()),
        ("/cut-length", HEAD.then_bytes(10).then_fin()),
        ("/cut-chunk", CHUNKED.then("a\r\nabc").then_fin()),
        ("/reset", HEAD.then_bytes(10).then_rst()),
        ("/reset-open", "HTTP/1.1 200 OK\r\n\r\nto the".then_rst()),
        ("/bad-chunk", CHUNKED.then("5\r\nhello\r\nxyz").then_fin()),
        ("/bad-length", "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello".then_fin()),
        ("/bad-status", "HTTP/1.1 20 X\r\n\r\n".then_fin()),
        ("/two-lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello".then_fin()),
    ]
}

/// What a report says but for times and names of this run.
fn said_by(kind: &str, text: &str) -> Vec<String> {
    let lines = text.lines();
    let parsed = |line: &str| -> Value { serde_json::from_str(line).expect("JSON") };
    let results = |all: Vec<Value>| all.into_iter().map(|record| settled(record).to_string()).collect();
    match kind {
        "json" => results(parsed(text)["results"].as_array().expect("results").clone()),
        "jsonl" => results(lines.map(parsed).filter(|line| line["type"] == "result").collect()),
        "junit" => lines.filter_map(|line| line.split_once(" time=")).map(|cut| cut.0.to_owned()).collect(),
        "prom" => lines.filter_map(|line| line.rsplit_once(' ')).map(|cut| cut.0.to_owned()).collect(),
        "failed" => lines.filter(|line| !line.starts_with('#')).map(str::to_owned).collect(),
        "md" => lines.filter_map(|line| line.rsplit_once(" | ")).map(|cut| cut.0.to_owned()).collect(),
        // Its picture has as many lines as its scale has ticks.
        _ => vec![text.matches("<tr").count().to_string(), lines.last().expect("a line").to_owned()],
    }
}

fn with_corpus(origin: Origin) -> (Origin, Vec<String>) {
    let corpus = corpus();
    let origin = corpus.iter().fold(origin, |origin, (path, script)| origin.script(path, script.clone()));
    let urls = corpus.iter().map(|(path, _)| origin.url(path)).collect();
    (origin, urls)
}

/// A run over these URLs, by itself or through faulty calls.
fn chain(urls: &[String], faults: Option<(&Path, &str)>) -> Greenfetch {
    let chain = Greenfetch::new().args(["-m", "50", "--headers"]).cacert(certificate("ca")).list(urls);
    match faults {
        None => chain,
        Some((file, seed)) => {
            chain.env("LD_PRELOAD", FAULTY.path()).env("FAULTS_FILE", file).env("FAULTS_SEED", seed)
        }
    }
}

/// How many calls were spoilt in the run that is over, which says so once. Which those are is decided by the numbers of
/// descriptors too, so that a short run may have been spared.
fn n_faults(file: &Path) -> u32 {
    let said = std::fs::read_to_string(file).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    std::fs::write(file, "").expect("a temporary file");
    said
}

/// The records of runs in every mode, by themselves and through faulty calls of each seed; they are all the same,
/// and more than `least` calls were spoilt in all.
fn compare(urls: &[String], args: &[&str], least: u32) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let n_spoilt: Rc<Cell<u32>> = Rc::default();
    let first: Rc<RefCell<Option<Vec<Value>>>> = Rc::default();
    for seed in std::iter::once(None).chain(SEEDS.map(Some)) {
        let (seen, spoilt, told) = (first.clone(), n_spoilt.clone(), file.path().to_owned());
        let judge = move |records: Vec<Value>| {
            let records: Vec<Value> = records.into_iter().map(settled).collect();
            let mut first = seen.borrow_mut();
            let first = first.get_or_insert_with(|| records.clone());
            for (one, other) in first.iter().zip(&records) {
                assert_eq!(one, other, "seed {seed:?}");
            }
            assert_eq!(first.len(), records.len(), "seed {seed:?}");
            spoilt.set(spoilt.get() + if seed.is_some() { n_faults(&told) } else { 0 });
        };
        let chain = chain(urls, seed.map(|seed| (file.path(), seed)));
        chain.args(args.iter().copied()).in_every_mode().json(judge).any_stderr().status(1);
    }
    assert!(n_spoilt.get() > least, "{} calls were spoilt", n_spoilt.get());
}

#[test]
fn faulty_calls_change_no_record() {
    let (_origin, mut urls) = with_corpus(Origin::start());
    urls.push(format!("http://{}/", refused_addr()));
    compare(&urls, &[], MANY);
}

#[test]
fn faulty_calls_change_no_record_of_coded_bodies() {
    let (_origin, urls) = with_corpus(Origin::start());
    compare(&urls, &["--compressed"], MANY);
}

#[test]
fn faulty_calls_change_no_record_over_tls() {
    let (_origin, mut urls) = with_corpus(TlsOrigin::start("localhost"));
    let expired = TlsOrigin::start("expired");
    urls.push(expired.url("/"));
    compare(&urls, &[], MANY);
}

/// A body of the request arrives whole, over plain connections and TLS.
#[test]
fn faulty_calls_change_no_byte_that_is_sent() {
    let body: String = (0..4_000).map(|n| n.to_string()).collect();
    for origin in [Origin::start(), TlsOrigin::start("localhost")] {
        let origin = origin.script("/put", Script::ok("thanks")).script("/404", Script::status(404));
        compare(&[origin.url("/put"), origin.url("/404")], &["-X", "PUT", "-d", &body], 10);
        for request in [origin.last_request("/put"), origin.last_request("/404")] {
            assert!(request.ends_with(&format!("\r\n\r\n{body}")), "{} bytes came", request.len());
        }
    }
}

/// Standard output, and every report that is a file.
#[test]
fn faulty_calls_change_no_line_and_no_report() {
    const KINDS: [&str; 7] = ["json", "jsonl", "junit", "md", "html", "prom", "failed"];
    let (_origin, urls) = with_corpus(Origin::start());
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let run = |seed: Option<&'static str>| {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let option = |kind: &&str| match *kind {
            "failed" => ["--failed".to_owned(), at(kind)],
            kind => ["--report".to_owned(), format!("{kind}={}", at(kind))],
        };
        let chain = chain(&urls, seed.map(|seed| (file.path(), seed))).args(["--sync"]);
        let finished = chain.args(KINDS.iter().flat_map(option)).spawn().finish();
        assert_eq!(finished.status, Some(1), "{}", finished.story);
        assert!(seed.is_none() || n_faults(file.path()) > MANY, "seed {seed:?}");
        let written = KINDS.map(|kind| said_by(kind, &std::fs::read_to_string(at(kind)).expect("a report")));
        let without_time = |line: &str| line.rsplit_once(" (").map_or(line, |cut| cut.0).to_owned();
        let stderr: Vec<String> = finished.stderr.lines().map(without_time).collect();
        (finished.stdout.clone(), stderr, written)
    };
    let alone = run(None);
    assert!(alone.2.iter().all(|said| said.len() > 1));
    for seed in SEEDS {
        let faulty = run(Some(seed));
        assert_eq!((&alone.0, &alone.1), (&faulty.0, &faulty.1), "seed {seed}");
        for (kind, (one, other)) in KINDS.iter().zip(alone.2.iter().zip(&faulty.2)) {
            assert_eq!(one, other, "{kind}, seed {seed}");
        }
    }
}

/// A list that comes in pieces through a pipe.
#[test]
fn faulty_calls_change_no_line_of_standard_input() {
    let origin = Origin::start().script("/ok", Script::ok("hello"));
    let list: String = (0..60).map(|n| format!("{} name=ünïcode-{n}\n", origin.url("/ok"))).collect();
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    for seed in SEEDS {
        Greenfetch::new()
            .env("LD_PRELOAD", FAULTY.path())
            .env("FAULTS_FILE", file.path())
            .env("FAULTS_SEED", seed)
            .stdin(&list)
            .in_every_mode()
            .json(|records| {
                assert_eq!(records.len(), 60);
                for (n, record) in records.iter().enumerate() {
                    assert_eq!(record["name"], format!("ünïcode-{n}"));
                    assert_eq!(record["outcome"], "pass");
                }
            })
            .stderr("")
            .status(0);
        assert!(n_faults(file.path()) > MANY, "seed {seed}");
    }
}

#[test]
fn faulty_calls_change_no_saved_body() {
    let (_origin, urls) = with_corpus(Origin::start());
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let saved = |mode: &[&str], seed| {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let out = folder.path().join("out").to_string_lossy().into_owned();
        let chain = chain(&urls, seed).args(mode.iter().copied()).args(["--output-dir", &out]);
        chain.any_stdout().any_stderr().status(1);
        let files = std::fs::read_dir(&out).expect("a folder").flatten();
        let read =
            |path: PathBuf| (path.file_name().map(ToOwned::to_owned), std::fs::read(path).expect("a file"));
        files.map(|file| read(file.path())).collect::<BTreeMap<_, _>>()
    };
    let alone = saved(&[], None);
    assert!(alone.len() > 10);
    for seed in SEEDS {
        for mode in [&["--sync"][..], &["--mode", "threads"], &[]] {
            assert!(saved(mode, Some((file.path(), seed))) == alone, "{mode:?}, seed {seed}");
            assert!(n_faults(file.path()) > MANY, "{mode:?}, seed {seed}");
        }
    }
}

/// A body that is long enough for the disk's thread to receive it by itself. Not with the seed that spoils every call in
/// turn: by single bytes it would take as long as all other tests.
#[test]
fn faulty_calls_change_no_large_saved_body() {
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| u8::try_from(n % 251).expect("below 256")).collect();
    let half = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let half = half.then(&body[..body.len() / 2]).then_fin();
    let origin = Origin::start().script("/whole", Script::ok(&body)).script("/half", half);
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    for seed in &SEEDS[1..] {
        for mode in [&["--sync"][..], &["--mode", "threads"], &[]] {
            let folder = tempfile::tempdir().expect("a temporary directory");
            chain(&[origin.url("/whole"), origin.url("/half")], Some((file.path(), *seed)))
                .args(mode.iter().copied())
                .args(["--output-dir"])
                .args([folder.path()])
                .stdout("3000000 bytes received from {origin}/whole.\n")
                .stderr_has("{origin}/half: closed (receive): ended after 1500000 of 3000000 bytes (")
                .status(1);
            let files = std::fs::read_dir(folder.path()).expect("a folder").flatten();
            let saved: Vec<_> = files.map(|file| std::fs::read(file.path()).expect("a file")).collect();
            assert!(saved == [body.as_slice()], "{mode:?}, seed {seed}");
            assert!(n_faults(file.path()) > 10, "{mode:?}, seed {seed}");
        }
    }
}
