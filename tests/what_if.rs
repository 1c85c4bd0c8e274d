//! `--what-if`: the run's own times, replayed with other numbers of jobs.
//!
//! Knows what is asked and where the answer stands. Refuses to check forecasts against a clock: the schedule's replay is
//! tested where it is.

use std::time::Duration;

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::{Script, Steps as _};

/// Long enough for the processor to be idle meanwhile.
fn slow() -> Origin {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    Origin::start().script("/slow", Script::nothing().then(head).drip("hello", Duration::from_millis(40)))
}

#[test]
fn a_run_says_what_it_would_take_with_other_jobs() {
    for mode in ["coroutines", "threads"] {
        let origin = slow();
        let finished = Greenfetch::new()
            .args(["--mode", mode, "-j", "2", "--json", "--what-if", "8,1,2"])
            .list((0..4).map(|_| origin.url("/slow")))
            .spawn()
            .finish();
        assert_eq!(finished.status, Some(0), "{}", finished.story);
        assert_eq!(finished.stdout.lines().count(), 4, "results alone: {}", finished.story);
        let (_, told) = finished.stderr.split_once("what if --jobs had been another").expect("an answer");
        let jobs: Vec<&str> =
            told.lines().filter_map(|line| line.split_once(" jobs ")).map(|(n, _)| n.trim()).collect();
        assert_eq!(jobs[..3], ["1", "2", "8"], "{}", finished.story);
        assert!(
            told.lines().nth(2).is_some_and(|line| line.ends_with("as in this run")),
            "{}",
            finished.story
        );
        assert!(told.contains("this run replayed with its 2 jobs: "), "{}", finished.story);
    }
}

#[test]
fn a_run_without_a_url_of_its_own_says_nothing_can_be_replayed() {
    let finished = Greenfetch::new().args(["--what-if", "1,2"]).list(["mailto:nobody"]).spawn().finish();
    assert_eq!((finished.status, finished.stdout.as_str()), (Some(1), ""), "{}", finished.story);
    let told = "greenfetch: --what-if: no URL had its turn, so there is nothing to replay\n";
    assert!(finished.stderr.ends_with(told), "{}", finished.story);
}

#[test]
fn numbers_of_jobs_are_whole_and_at_least_one() {
    for (typed, why) in [("0", "at least 1"), ("1,x", "'x'"), ("", "''"), ("1,,2", "''")] {
        let finished = Greenfetch::new().args(["--what-if", typed, "http://127.0.0.1:1/"]).spawn().finish();
        assert_eq!(finished.status, Some(2), "{}", finished.story);
        assert!(finished.stderr.contains("--what-if") && finished.stderr.contains(why), "{}", finished.story);
    }
}

#[test]
fn a_run_that_is_over_is_replayed_with_the_limits_it_had() {
    let origin = slow();
    let dir = tempfile::tempdir().unwrap();
    let results = dir.path().join("results.jsonl");
    let report = format!("jsonl={}", results.display());
    let args = ["--mode", "threads", "-j", "2", "--per-host", "2", "--report", &report, "--what-if", "1,2,8"];
    let run = Greenfetch::new().args(args).list((0..4).map(|_| origin.url("/slow"))).spawn().finish();
    assert_eq!(run.status, Some(0), "{}", run.story);
    let (_, told) = run.stderr.split_once("what if").expect("an answer");

    let from = |text: &str| {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("results");
        std::fs::write(&file, text).unwrap();
        let args = ["--what-if", "1,2,8", "--from", file.to_str().unwrap()];
        Greenfetch::new().with_summary().args(args).spawn().finish()
    };
    let recorded = std::fs::read_to_string(&results).unwrap();
    let replayed = from(&recorded);
    let expected = (Some(0), format!("what if{told}"), "");
    assert_eq!((replayed.status, replayed.stdout, &*replayed.stderr), expected, "{}", replayed.story);

    let bound = recorded.replace("\"cpu\":", "\"cpu\":9");
    let bound = from(&bound);
    assert_eq!((bound.status, &*bound.stdout), (Some(2), ""), "{}", bound.story);
    assert!(bound.stderr.contains("bound by the processor"), "{}", bound.story);

    let among = recorded.replace("\"cpu\":", "\"cpu\":9").replace("\"processes\":1", "\"processes\":1000000");
    let among = from(&among);
    assert_eq!(among.status, Some(0), "each process has a processor: {}", among.story);

    let bare: String = recorded.lines().filter(|line| line.contains("\"result\"")).collect();
    let bare = from(&bare);
    assert_eq!(bare.status, Some(2), "{}", bare.story);
    assert!(bare.stderr.contains("do not say how many jobs"), "{}", bare.story);

    let (cut, _) = recorded.split_once("{\"type\":\"summary\"").unwrap();
    let cut = from(cut);
    assert_eq!(cut.status, Some(0), "{}", cut.story);
    assert!(cut.stderr.contains("the run was cut"), "{}", cut.story);
    assert!(cut.stdout.contains("whether the processor was the bound is not known"), "{}", cut.story);
}
