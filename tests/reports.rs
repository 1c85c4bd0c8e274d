//! Reports as files: what is in them, and when they are there.
//!
//! Knows files from outside. Refuses to know how one is written.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::{Gate, Script, Steps as _};

const MODES: [&str; 3] = ["sync", "threads", "coroutines"];

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn origin() -> Origin {
    Origin::start().script("/ok", Script::ok("hello")).script("/silent", Script::nothing().then_hang())
}

/// `--report KIND=FILE`, the file in this folder.
fn report(kind: &str, dir: &Path) -> [String; 2] {
    ["--report".to_owned(), format!("{kind}={}", dir.join(kind).display())]
}

fn read(dir: &Path, kind: &str) -> String {
    fs::read_to_string(dir.join(kind)).unwrap_or_else(|error| panic!("{kind}: {error}"))
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a folder").flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn json_and_jsonl_hold_the_run_its_results_and_the_summary() {
    let origin = origin();
    for mode in MODES {
        let dir = folder();
        Greenfetch::new()
            .args(["--mode", mode])
            .args(report("json", dir.path()))
            .args(report("jsonl", dir.path()))
            .list([origin.url("/ok"), origin.url("/404"), origin.url("/ok")])
            .stdout("5 bytes received from {origin}/ok.\n5 bytes received from {origin}/ok.\n")
            .stderr_has("status")
            .status(1);
        let lines = lines(&read(dir.path(), "jsonl"));
        let document: Value = serde_json::from_str(&read(dir.path(), "json")).expect("one document");
        let [run, results @ .., summary] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(results.len(), 3);
        assert_eq!((&document["run"], &document["summary"]), (run, summary));
        assert_eq!(document["results"].as_array().map(Vec::as_slice), Some(results));
        for (field, value) in [("type", Value::from("run")), ("mode", mode.into()), ("entries", 3.into())] {
            assert_eq!(run[field], value, "{field} of {run}");
        }
        assert_eq!(run["sources"], serde_json::json!(["list"]));
        for (field, value) in
            [("results", 3), ("passed", 2), ("failed", 1), ("exit_status", 1), ("size_delivered", 10)]
        {
            assert_eq!(summary[field], value, "{field} of {summary}");
        }
        assert!(lines.iter().all(|line| line["run_id"] == run["run_id"]), "{lines:?}");
        assert_eq!(names(dir.path()), ["json", "jsonl"]);
    }
}

#[test]
fn what_cannot_be_begun_is_told_before_anything_is_fetched() {
    let origin = origin();
    let dir = folder();
    let at = |path: &str| dir.path().join(path).to_string_lossy().into_owned();
    let (folder, same) = (at(""), at("same"));
    for (reports, words) in [
        (vec!["json=/dev/null/x".to_owned()], "--report json=/dev/null/x: "),
        (vec![format!("jsonl={}", at("ok")), format!("json={folder}")], "is a directory"),
        (vec![format!("jsonl={same}"), format!("json={same}")], "is written to the same file"),
    ] {
        let options = reports.iter().flat_map(|report| ["--report".to_owned(), report.clone()]);
        Greenfetch::new()
            .args(options)
            .list([origin.url("/ok")])
            .in_every_mode()
            .stdout("")
            .stderr_has(words)
            .status(2);
    }
    assert_eq!(origin.requests("/ok"), 0);
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn what_cannot_be_finished_is_exit_5_and_the_others_are_written() {
    let origin = origin();
    for mode in MODES {
        let dir = folder();
        Greenfetch::new()
            .args(["--mode", mode, "--report", "jsonl=/dev/full"])
            .args(report("json", dir.path()))
            .list([origin.url("/ok")])
            .stdout("5 bytes received from {origin}/ok.\n")
            .stderr("greenfetch: cannot write --report jsonl=/dev/full: No space left on device\n")
            .status(5);
        assert!(read(dir.path(), "json").ends_with("}\n"));
    }
}

#[test]
fn a_report_that_was_cut_leaves_what_was_there_before() {
    let origin = origin();
    let dir = folder();
    fs::write(dir.path().join("jsonl"), "of yesterday").unwrap();
    Greenfetch::new()
        .largest_file(8)
        .args(report("jsonl", dir.path()))
        .list((0..20).map(|_| origin.url("/ok")))
        .any_stdout()
        .stderr_has("cannot write --report jsonl=")
        .status(5);
    assert_eq!(
        (read(dir.path(), "jsonl").as_str(), names(dir.path())),
        ("of yesterday", vec!["jsonl".to_owned()])
    );
}

#[test]
fn with_a_report_the_run_goes_on_when_nobody_reads_standard_output() {
    let origin = origin();
    for mode in MODES {
        let dir = folder();
        Greenfetch::new()
            .args(["--mode", mode])
            .args(report("jsonl", dir.path()))
            .stdout_unread()
            .list((0..20).map(|_| origin.url("/ok")))
            .any_stdout()
            .stderr("")
            .status(0);
        assert_eq!(lines(&read(dir.path(), "jsonl")).len(), 22);
    }
}

#[test]
fn a_silent_run_is_reported_too() {
    let origin = origin();
    let dir = folder();
    Greenfetch::new()
        .args(["-qq"])
        .args(report("jsonl", dir.path()))
        .list([origin.url("/ok"), origin.url("/404")])
        .in_every_mode()
        .stdout("")
        .stderr("")
        .status(1);
    assert_eq!(lines(&read(dir.path(), "jsonl")).len(), 4);
}

#[test]
fn a_run_that_is_cut_short_is_reported() {
    for mode in ["threads", "coroutines"] {
        let origin = origin();
        let dir = folder();
        let mut running = Greenfetch::new()
            .args(["--mode", mode, "-m", "0", "-j", "3"])
            .args(report("jsonl", dir.path()))
            .list(["/ok", "/silent", "/silent"].map(|path| origin.url(path)))
            .spawn();
        running.next_stdout_line().expect("the first result");
        origin.wait_for_requests("/silent", 2);
        running.signal(libc::SIGINT);
        let finished = running.finish();
        assert_eq!(finished.signal, Some(libc::SIGINT), "{}", finished.story);
        let lines = lines(&read(dir.path(), "jsonl"));
        let summary = lines.last().expect("a summary");
        for (field, value) in
            [("cancelled", Value::from(2)), ("stop", "SIGINT".into()), ("exit_status", 130.into())]
        {
            assert_eq!(summary[field], value, "{field} of {summary}");
        }
    }
}

#[test]
fn a_deadline_and_a_failure_that_ends_the_run_are_reported() {
    let origin = origin();
    for (args, stop, status) in
        [(["--deadline", "0.3"], "deadline", 124), (["--fail-fast", "-j2"], "fail-fast", 1)]
    {
        let dir = folder();
        Greenfetch::new()
            .args(["-m", "0"])
            .args(args)
            .args(report("json", dir.path()))
            .list([origin.url("/silent"), origin.url("/404")])
            .stdout("")
            .any_stderr()
            .status(status);
        let document: Value = serde_json::from_str(&read(dir.path(), "json")).expect("one document");
        assert_eq!(
            (&document["summary"]["stop"], &document["summary"]["results"]),
            (&Value::from(stop), &Value::from(2))
        );
    }
}

#[test]
fn standard_output_is_written_in_place() {
    let origin = origin();
    Greenfetch::new()
        .args(["-qq", "--report", "jsonl=/dev/stdout"])
        .list([origin.url("/ok")])
        .in_every_mode()
        .stdout_judged(|text| assert_eq!(lines(text).len(), 3))
        .stderr("")
        .status(0);
    let dir = folder();
    let path = dir.path().join("both");
    Greenfetch::new()
        .args(["--report", "jsonl=/dev/stdout"])
        .stdout_to(&path)
        .list([origin.url("/ok")])
        .any_stdout()
        .stderr("")
        .status(0);
    let text = fs::read_to_string(path).unwrap();
    assert_eq!((text.lines().count(), text.matches(" bytes received").count()), (4, 1), "{text}");
}

#[test]
fn a_reader_of_a_pipe_has_each_result_as_it_comes() {
    let gate = Gate::new();
    let origin = origin().script(
        "/late",
        Script::nothing()
            .wait_for(&gate)
            .then("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
            .keep_alive(),
    );
    let dir = folder();
    let fifo = dir.path().join("jsonl");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo").success());
    let running = Greenfetch::new()
        .args(report("jsonl", dir.path()))
        .list([origin.url("/ok"), origin.url("/late")])
        .spawn();
    let mut lines = BufReader::new(fs::File::open(&fifo).unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().is_some_and(|line| line.contains("\"type\":\"run\"")));
    assert!(lines.next().is_some_and(|line| line.contains("/ok\"")));
    gate.open();
    assert_eq!(lines.count(), 2);
    let finished = running.finish();
    assert_eq!(finished.status, Some(0), "{}", finished.story);
    assert!(!fifo.is_file());
}

#[test]
fn every_kind_is_written_from_one_run() {
    let origin = origin();
    for mode in MODES {
        let dir = folder();
        let kinds = ["json", "jsonl", "junit", "md", "html", "prom"];
        Greenfetch::new()
            .args(["--mode", mode])
            .args(kinds.iter().flat_map(|kind| report(kind, dir.path())))
            .list([origin.url("/ok"), origin.url("/404"), "<script>@team|`".to_owned()])
            .any_stdout()
            .any_stderr()
            .status(1);
        for (kind, parts) in [
            ("junit", ["<testcase name=\"GET http", "<failure ", "<error ", "file=\"list\" line=\"3\""]),
            ("md", ["### greenfetch: 2 of 3 URLs failed", "404", "&#60;script", "pass"]),
            ("html", ["<!doctype html>", "<tr class=\"fail\">", "&lt;script&gt;@team|`", "✓ pass"]),
            ("prom", ["probe_success{target=\"http", "} 404\n", "} 200\n", "line=\"list:3\"} 0\n"]),
        ] {
            let text = read(dir.path(), kind);
            for part in parts {
                assert!(text.contains(part), "{kind} lacks {part}: {text}");
            }
        }
        assert_eq!(names(dir.path()).len(), kinds.len());
    }
}

#[test]
fn what_failed_can_be_fetched_again_and_is_empty_when_nothing_does() {
    let dir = folder();
    let failed = dir.path().join("failed");
    let option = ["--failed".to_owned(), failed.to_string_lossy().into_owned()];
    let origin = Origin::start()
        .script("/ok", Script::ok("hello"))
        .script("/twice", Script::sequence([Script::status(500), Script::status(500), Script::ok("up")]));
    let first = Greenfetch::new().args(option.clone()).list([origin.url("/ok"), origin.url("/twice")]);
    first.any_stdout().any_stderr().status(1);
    let text = fs::read_to_string(&failed).unwrap();
    let expected = format!("{}\n", origin.url("/twice"));
    assert!(text.starts_with("# list:2: status (") && text.ends_with(&expected), "{text}");
    assert_eq!(text.lines().count(), 2);
    let again = |status| {
        Greenfetch::new().args(option.clone()).operand(&failed).any_stdout().any_stderr().status(status);
        fs::read_to_string(&failed).unwrap()
    };
    assert!(again(1).contains(":2: status ("));
    assert_eq!(again(0), "");
}
