//! `--compare`: the list in several modes, each run a process of its own.
//!
//! Knows the shape of the table and the document, and what has to be so however fast the machine is. Refuses to expect
//! a time.

use std::sync::Arc;

use serde_json::Value;

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::{Script, Steps as _};

/// Milliseconds that the demo origin waits before each answer.
const WAIT_MS: u64 = 30;

fn document(text: &str) -> Value {
    assert_eq!(text.lines().count(), 1, "one document: {text}");
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// An origin whose answers each take a while of their own, so that the order of modes is a matter of cause.
fn slow_origin() -> (Arc<Origin>, Vec<String>) {
    let every = std::time::Duration::from_millis(WAIT_MS);
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n";
    let origin = (0..10).fold(Origin::start(), |origin, n| {
        origin.script(&format!("/{n}"), head.script().drip("ok", every).then_fin())
    });
    let urls = (0..10).map(|n| origin.url(&format!("/{n}"))).collect();
    (Arc::new(origin), urls)
}

#[test]
fn waits_that_overlap_are_shorter_than_waits_in_a_row() {
    let (origin, urls) = slow_origin();
    Greenfetch::new()
        .args(["--compare", "--runs", "2", "--json"])
        .list(&urls)
        .stdout_judged(|text| {
            let document = document(text);
            let wall = |n: usize| document["modes"][n]["wall"]["mean"].as_f64().expect("a number");
            assert!(wall(0) > wall(1) && wall(0) > wall(2), "{text}");
            let ceiling = document["ceiling"]["times_faster"].as_f64().expect("a number");
            assert!(ceiling > 1.0 && ceiling <= 10.0, "{text}");
        })
        .stderr("")
        .status(0);
    assert_eq!(origin.requests("/0"), 7, "two runs in three modes, and one that does not count");
}

#[test]
fn the_document_has_every_raw_run() {
    let (_origin, urls) = slow_origin();
    Greenfetch::new()
        .args(["--compare=threads,coroutines", "--runs=3", "--json", "-j", "5"])
        .list(&urls)
        .stdout_judged(|text| {
            let document = document(text);
            assert_eq!(
                (&document["type"], &document["urls"], &document["runs"]),
                (&"comparison".into(), &10.into(), &3.into())
            );
            for (n, mode) in ["threads", "coroutines"].into_iter().enumerate() {
                let of_mode = &document["modes"][n];
                assert_eq!(of_mode["mode"], mode);
                let runs = of_mode["runs"].as_array().expect("a list");
                assert_eq!(runs.len(), 3, "{text}");
                for run in runs {
                    judge_run(run);
                }
            }
            let threads = |n: usize| document["modes"][n]["peak_threads"].as_u64().expect("a number");
            assert!(threads(0) > 5, "a thread for each URL in flight, beside the first one: {text}");
            assert!(threads(1) < threads(0), "{text}");
            assert_eq!(document["pairs"].as_array().map(Vec::len), Some(1));
            assert!(document["ceiling"].is_null(), "there is none without sync");
        })
        .stderr("")
        .status(0);
}

fn judge_run(run: &Value) {
    assert_eq!((&run["exit_status"], &run["passed"], &run["failed"]), (&0.into(), &10.into(), &0.into()));
    assert_eq!((&run["most_in_flight"], &run["size_delivered"]), (&5.into(), &20.into()));
    for figure in ["wall", "user", "system", "sum_of_times", "slowest"] {
        assert!(run[figure].as_f64().is_some_and(|seconds| seconds >= 0.0), "{figure}: {run}");
    }
    for figure in ["peak_threads", "peak_memory", "memory_before", "voluntary_switches"] {
        assert!(run[figure].as_u64().is_some_and(|number| number > 0), "{figure}: {run}");
    }
    assert!(run["wall"].as_f64() >= run["slowest"].as_f64(), "{run}");
}

#[test]
fn the_table_takes_the_place_of_the_lines() {
    let (_origin, urls) = slow_origin();
    Greenfetch::new()
        .args(["--compare", "--runs", "2"])
        .list(&urls)
        .with_summary()
        .stdout_judged(|text| {
            assert!(text.starts_with("10 URLs, 2 runs in each mode"), "{text}");
            let header = text.lines().nth(2).unwrap_or_default();
            assert_eq!(header.split_whitespace().collect::<Vec<_>>(), ["sync", "threads", "coroutines"]);
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
            assert!(!text.contains("bytes received"), "{text}");
        })
        .stderr("")
        .status(0);
}

#[test]
fn a_list_from_standard_input_is_the_same_for_every_run() {
    let origin = Origin::start().script("/a", Script::ok("a"));
    let url = origin.url("/a");
    for operands in [&[][..], &["-"], &["/dev/stdin"]] {
        let before = origin.requests("/a");
        let mut chain = Greenfetch::new().args(["--compare=sync,coroutines", "--runs", "2", "--json"]);
        for operand in operands {
            chain = chain.operand(*operand);
        }
        chain
            .stdin(format!("{url}\n{url}\n"))
            .stdout_judged(|text| assert_eq!(document(text)["urls"], 2))
            .stderr("")
            .status(0);
        assert_eq!(origin.requests("/a") - before, 2 * 5, "{operands:?}");
    }
}

#[test]
fn a_failure_is_told_once_and_by_the_name_that_the_list_has() {
    let origin = Origin::start().script("/ok", Script::ok("ok")).script("/503", Script::status(503));
    let list = format!("{}\n{}\n", origin.url("/ok"), origin.url("/503"));
    let failure = |name: &str| format!("{name}:2: {{origin}}/503: status (");
    for (operand, name) in [("list", "list"), ("-", "-"), ("/dev/stdin", "/dev/stdin")] {
        let expected = failure(name).replace("{origin}", origin.url("").trim_end_matches('/'));
        Greenfetch::new()
            .args(["--compare=sync,threads", "--runs", "2"])
            .file("list", &list)
            .operand(operand)
            .stdin(&list)
            .stdout_has("URLs not passed                        1                   1")
            .stderr_judged(move |text| {
                assert!(text.starts_with(&expected) && text.lines().count() == 1, "{expected}: {text}");
            })
            .status(1);
    }
}

#[test]
fn the_exit_status_is_the_worst_of_all_runs() {
    // The warm-up and the first run pass, the second one does not.
    let origin = Origin::start().script(
        "/",
        Script::sequence([Script::ok("a"), Script::ok("a"), Script::status(500), Script::ok("a")]),
    );
    Greenfetch::new()
        .args(["--compare=sync,threads", "--runs", "1", "--json"])
        .list([origin.url("/")])
        .stdout_judged(|text| {
            let document = document(text);
            let statuses = [0, 1].map(|n: usize| document["modes"][n]["runs"][0]["exit_status"].clone());
            assert_eq!(statuses, [Value::from(0), Value::from(1)]);
        })
        .stderr_has("status (")
        .status(1);
}

#[test]
fn what_was_cut_short_is_not_compared() {
    let origin =
        Origin::start().script("/hang", Script::nothing().then_hang()).script("/ok", Script::ok("ok"));
    Greenfetch::new()
        .args(["--compare=sync,threads", "--runs", "2", "--deadline", "100ms"])
        .list([origin.url("/ok"), origin.url("/hang"), origin.url("/ok")])
        .stdout_has("did not come to the end of the list")
        .any_stderr()
        .status(124);
}

#[test]
fn what_must_not_be_sent_twice_is_refused_before_anything_is_sent() {
    let origin = Origin::start().script("/", Script::ok("ok"));
    let url = origin.url("/");
    let refused = || Greenfetch::new().args(["--compare"]).stdout("");
    refused()
        .args(["-d", "x"])
        .list([&url])
        .stderr_has("--compare: sends everything several times")
        .status(2);
    refused()
        .list([url.clone(), format!("POST {url}")])
        .stderr("greenfetch: list:2: --compare sends everything several times, which POST does not bear: not idempotent\n")
        .status(2);
    refused().stdin(format!("{url}\nPATCH {url}\n")).stderr_has("greenfetch: -:2: --compare").status(2);
    refused().args(["--mode", "sync"]).list([&url]).stderr_has("--mode: one mode is no comparison").status(2);
    assert_eq!(origin.connections(), 0);
}

#[test]
fn a_list_that_is_wrong_or_empty_is_no_comparison() {
    Greenfetch::new()
        .args(["--compare"])
        .list_text("http://127.0.0.1:1/ b\n")
        .stdout("")
        .stderr_has("list:1")
        .status(2);
    Greenfetch::new()
        .args(["--compare"])
        .stdin("http://127.0.0.1:1/ b\n")
        .stdout("")
        .stderr_has("-:1")
        .status(2);
    let nothing = "greenfetch: warning: nothing to fetch: the list is empty\n";
    Greenfetch::new().args(["--compare"]).list_text("# nothing\n").stdout("").stderr(nothing).status(3);
    Greenfetch::new().args(["--compare", "--allow-empty"]).list_text("").stdout("").stderr("").status(0);
}

#[test]
fn a_signal_ends_the_run_under_way_and_the_comparison() {
    let origin = Origin::start().script("/hang", Script::nothing().then_hang());
    let running = Greenfetch::new().args(["--compare"]).list([origin.url("/hang")]).spawn();
    origin.wait_for_requests("/hang", 1);
    running.signal(15);
    let finished = running.finish();
    assert_eq!((finished.status, finished.signal), (None, Some(15)), "{}", finished.stderr);
    assert_eq!(finished.stdout, "");
    assert!(finished.stderr.contains("was stopped before its end"), "{}", finished.stderr);
    origin.wait_for_departures(1);
}

#[test]
fn the_demos_comparison_teaches_in_three_sentences() {
    Greenfetch::new()
        .args(["demo", "--compare", "--runs", "1"])
        .stdout_has("20 URLs, 1 run in each mode")
        .stdout_has("One URL after another took ")
        .stdout_has("With up to 20 of them in flight the waits overlap: ")
        .stdout_has("For that threads took ")
        .stderr("")
        .status(0);
}
