//! What is tried again, how often and after how long, and what is told of it.
//!
//! Knows an origin that gets better, or does not. Refuses to measure: a wait is a few milliseconds, or longer than the
//! test.

use serde_json::Value;

use crate::support::Greenfetch;
use crate::support::listeners::refused_addr;
use crate::support::origin::Origin;
use crate::support::script::{Script, Steps as _};
use crate::support::table::came_to;

const MODES: [&str; 3] = ["sync", "threads", "coroutines"];

/// So many tries after the first, a millisecond apart.
fn retrying<'a>(mode: &'a str, retries: &'a str) -> Greenfetch {
    Greenfetch::new().args(["--mode", mode, "--retry", retries, "--retry-delay", "1ms"])
}

fn busy(status: u16, retry_after: &str) -> Script {
    let head = format!("HTTP/1.1 {status} Busy\r\nRetry-After: {retry_after}\r\nContent-Length: 0\r\n\r\n");
    head.keep_alive()
}

/// These fields of all attempts, one after the other.
fn of_attempts(record: &Value, field: &str) -> Vec<Value> {
    let attempts = record["attempts"].as_array().expect("an array");
    attempts.iter().map(|attempt| attempt[field].clone()).collect()
}

#[test]
fn a_flaky_url_passes_and_every_try_is_in_its_record() {
    for mode in MODES {
        let flaky = [Script::status(503), "HTTP/1.1 200 OK\r\n".then_fin(), Script::ok("hello")];
        let origin = Origin::start().script("/flaky", Script::sequence(flaky));
        retrying(mode, "5")
            .list([origin.url("/flaky")])
            .json(|records| {
                let record = &records[0];
                assert_eq!(came_to(record), "pass 5");
                assert_eq!((&record["num_retries"], &record["response_code"]), (&2.into(), &200.into()));
                assert_eq!(of_attempts(record, "outcome"), ["fail", "fail", "pass"]);
                assert_eq!(of_attempts(record, "class"), ["status".into(), "closed".into(), Value::Null]);
                assert_eq!(of_attempts(record, "response_code"), [503.into(), Value::Null, 200.into()]);
                let seconds = |field| of_attempts(record, field).into_iter().map(|s| s.as_f64().expect("s"));
                let waits: Vec<f64> = seconds("wait").collect();
                assert!(waits[0] == 0.0 && waits[1] >= 0.001 && waits[2] >= 0.001, "{waits:?}");
                let backoff = record["phases"]["backoff"].as_f64().expect("seconds in back-off");
                assert!((waits.iter().sum::<f64>() - backoff).abs() < 1e-5, "{record}");
                let total = record["time_total"].as_f64().expect("seconds in all");
                assert!((seconds("time_total").sum::<f64>() + backoff - total).abs() < 1e-5, "{record}");
            })
            .stderr("")
            .status(0);
        assert_eq!(origin.requests("/flaky"), 3, "{mode}");
    }
}

#[test]
fn nothing_of_a_cut_body_is_left_in_the_count() {
    for mode in MODES {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
        let turns = [head.then_bytes(99_999).then_rst(), head.then_bytes(100_000).keep_alive()];
        let origin = Origin::start().script("/cut", Script::sequence(turns));
        retrying(mode, "1")
            .list([origin.url("/cut")])
            .stdout("100000 bytes received from {origin}/cut.\n")
            .stderr("")
            .status(0);
        assert_eq!(origin.requests("/cut"), 2);
    }
}

/// The cut body is long enough to have been on the disk.
#[test]
fn nothing_of_a_cut_body_is_left_in_the_file() {
    for mode in MODES {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n";
        let turns = [head.then_bytes(299_999).then_rst(), head.then(vec![b'y'; 300_000]).keep_alive()];
        let origin = Origin::start().script("/cut", Script::sequence(turns));
        retrying(mode, "1")
            .args(["--output-dir"])
            .args([dir.path()])
            .list([origin.url("/cut")])
            .stdout("300000 bytes received from {origin}/cut.\n")
            .stderr("")
            .status(0);
        let entries = std::fs::read_dir(dir.path()).expect("a folder").flatten();
        let files: Vec<_> = entries.map(|entry| std::fs::read(entry.path()).expect("a file")).collect();
        assert!(files == [vec![b'y'; 300_000]], "{mode}: {} files", files.len());
    }
}

#[test]
fn a_url_that_never_passes_fails_once_with_the_number_of_its_tries() {
    for mode in MODES {
        let origin = Origin::start().script("/500", Script::status(500));
        retrying(mode, "2")
            .list([origin.url("/500")])
            .stdout("")
            .stderr("list:1: {origin}/500: status (check): expected a status below 400, got 500 (3 tries, [TIME] s)\n")
            .status(1);
        assert_eq!(origin.requests("/500"), 3, "{mode}");
    }
}

#[test]
fn without_retry_every_url_is_tried_once() {
    let origin = Origin::start().script("/", Script::sequence([busy(503, "0"), Script::ok("hello")]));
    Greenfetch::new()
        .args(["--retry-delay", "1ms"])
        .list([origin.url("/")])
        .stdout("")
        .stderr_has("(1 try, ")
        .status(1);
    assert_eq!(origin.requests("/"), 1);
}

/// The second answer would pass.
#[test]
fn a_404_and_a_method_that_is_not_idempotent_are_never_tried_again() {
    for (args, status, tries) in [
        (&[][..], 404, 1),
        (&["-d", "a=b"], 503, 1),
        (&["-X", "PATCH"], 503, 1),
        (&["-X", "PUT", "-d", "a=b"], 503, 2),
        (&["-X", "DELETE"], 503, 2),
        (&["--retry-on", "404,closed"], 404, 2),
        (&["--retry-on", "timeout"], 503, 1),
    ] {
        let origin =
            Origin::start().script("/", Script::sequence([Script::status(status), Script::ok("hello")]));
        let (text, end) = if tries == 2 { ("5 bytes received from {origin}/.\n", 0) } else { ("", 1) };
        retrying("coroutines", "3")
            .args(args.iter().copied())
            .list([origin.url("/")])
            .stdout(text)
            .any_stderr()
            .status(end);
        assert_eq!(origin.requests("/"), tries, "{args:?}");
    }
}

#[test]
fn a_retry_after_that_asks_for_nothing_leaves_us_our_own_delay() {
    for asked in ["0", "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "-1", "soon", ""] {
        for status in [429, 503] {
            let turns = [busy(status, asked), Script::ok("hello")];
            let origin = Origin::start().script("/", Script::sequence(turns));
            retrying("coroutines", "1")
                .list([origin.url("/")])
                .stdout("5 bytes received from {origin}/.\n")
                .stderr("")
                .status(0);
        }
    }
}

#[test]
fn a_retry_after_past_the_limit_ends_the_url_at_once_with_its_status() {
    for asked in ["3600", "Fri, 31 Dec 9999 23:59:59 GMT", "99999999999999999999999999999999999999999999"] {
        for mode in MODES {
            let origin =
                Origin::start().script("/", Script::sequence([busy(503, asked), Script::ok("hello")]));
            retrying(mode, "3")
                .list([origin.url("/")])
                .stdout("")
                .stderr(format!(
                    "list:1: {{origin}}/: status (check): expected a status below 400, got 503; Retry-After: {asked} is longer \
                     than may be waited (--retry-max-time) (1 try, [TIME] s)\n"
                ))
                .status(1);
            assert_eq!(origin.requests("/"), 1, "{asked}");
        }
    }
}

#[test]
fn a_retry_after_within_the_limit_is_kept_to() {
    let origin = Origin::start().script("/", Script::sequence([busy(429, "1"), Script::ok("hello")]));
    retrying("coroutines", "1")
        .list([origin.url("/")])
        .json(|records| {
            let wait = records[0]["attempts"][1]["wait"].as_f64();
            assert!(wait >= Some(1.0), "{wait:?}");
        })
        .stderr("")
        .status(0);
}

#[test]
fn what_is_silent_or_refused_is_tried_again() {
    for mode in MODES {
        let turns = [Script::nothing().then_hang(), Script::ok("hello")];
        let origin = Origin::start().script("/late", Script::sequence(turns));
        let refused = format!("http://{}/", refused_addr());
        retrying(mode, "1")
            .args(["-m", "0.5", "-j", "1"])
            .list([origin.url("/late"), refused])
            .json(|records| {
                assert_eq!(came_to(&records[0]), "pass 5");
                assert_eq!(of_attempts(&records[0], "class"), ["timeout".into(), Value::Null]);
                assert_eq!(of_attempts(&records[1], "class"), ["connect", "connect"]);
            })
            .stderr_has("refused (2 tries, ")
            .status(1);
    }
}

#[test]
fn a_redirect_is_followed_anew_by_every_try() {
    let origin = Origin::start()
        .script("/from", Script::redirect(302, "/to"))
        .script("/to", Script::sequence([Script::status(502), Script::ok("hello")]));
    retrying("coroutines", "1")
        .list([origin.url("/from")])
        .json(|records| {
            assert_eq!(came_to(&records[0]), "pass 5");
            assert_eq!(records[0]["num_redirects"], 1);
        })
        .stderr("")
        .status(0);
    assert_eq!((origin.requests("/from"), origin.requests("/to")), (2, 2));
}

#[test]
fn verbose_says_what_is_tried_again_and_why() {
    let origin = Origin::start().script("/", Script::sequence([Script::status(503), Script::ok("hello")]));
    retrying("coroutines", "1")
        .args(["-v"])
        .with_summary()
        .list([origin.url("/")])
        .in_order()
        .stdout("5 bytes received from {origin}/.\n")
        .stderr(
            "GET: {origin}/\n{origin}/: status (check): expected a status below 400, got 503; again in [TIME] s\nGET: {origin}/\n\
             1 passed; 5 bytes in [TIME] s\n",
        )
        .status(0);
}

/// A minute is the wait of all URLs of the busy host, so that nothing but the other one's is left to do.
#[test]
fn a_busy_host_is_left_alone_by_all_its_urls_and_others_go_on() {
    for mode in MODES {
        let origin = Origin::start()
            .script("/busy", busy(429, "60"))
            .script("/same", Script::ok("hello"))
            .script("/other", Script::ok("hello"));
        let url = |host, path| origin.url_as("http", host, path);
        let urls = [url("a.localhost", "/busy"), url("a.localhost", "/same"), url("b.localhost", "/other")];
        let chain = retrying(mode, "3").args(["-j", "1", "--retry-max-time", "0"]);
        let mut running = chain.list(urls).spawn();
        let line = running.next_stdout_line().expect("the other host's");
        assert!(line.ends_with("/other."), "{line}");
        running.signal(libc::SIGINT);
        let finished = running.finish();
        assert_eq!(finished.signal, Some(libc::SIGINT), "{}", finished.story);
        assert!(
            finished.stderr.contains("/busy: cancelled (backoff): interrupted (1 try, "),
            "{}",
            finished.story
        );
        assert!(finished.stderr.contains("/same: cancelled (queue): interrupted"), "{}", finished.story);
        assert_eq!((origin.requests("/busy"), origin.requests("/same")), (1, 0), "{mode}");
    }
}

#[test]
fn the_deadline_ends_a_back_off_too() {
    let origin = Origin::start().script("/", Script::status(503));
    Greenfetch::new()
        .args(["--retry", "1", "--retry-delay", "60", "--retry-max-time", "0", "--deadline", "0.5"])
        .list([origin.url("/")])
        .in_every_mode()
        .json(|records| {
            let record = &records[0];
            assert_eq!(came_to(record), "cancelled (backoff)");
            assert_eq!((&record["num_retries"], &record["response_code"]), (&0.into(), &Value::Null));
            assert_eq!(of_attempts(record, "class"), ["status"]);
            assert!(record["phases"]["backoff"].as_f64() > Some(0.0), "{record}");
        })
        .stderr_has("{origin}/: cancelled (backoff): ")
        .status(124);
}

#[test]
fn all_tries_together_have_one_limit() {
    let origin = Origin::start().script("/", Script::nothing().then_hang());
    Greenfetch::new()
        .args(["--retry", "9", "--retry-delay", "1ms", "--retry-max-time", "0.5"])
        .list([origin.url("/")])
        .in_every_mode()
        .stdout("")
        .stderr(
            "list:1: {origin}/: timeout (wait): the [TIME] s for all tries are over (--retry-max-time) (1 try, [TIME] s)\n",
        )
        .status(1);
}

/// Many fail at once and many times; each passes in the end, and no more are in flight than may be.
#[test]
fn the_limits_hold_for_tries_as_for_urls() {
    for mode in MODES {
        let path = |n: usize| format!("/{n}");
        let flaky = || Script::sequence([Script::status(500), Script::status(502), Script::ok("hello")]);
        let origin = (0..40).fold(Origin::start(), |origin, n| origin.script(&path(n), flaky()));
        let jobs = if mode == "sync" { 1 } else { 6 };
        retrying(mode, "2")
            .args(["-j", &jobs.to_string(), "--per-host", "3"])
            .list((0..40).map(|n| origin.url(&path(n))))
            .stdout((0..40).map(|n| format!("5 bytes received from {{origin}}/{n}.\n")).collect::<String>())
            .stderr("")
            .status(0);
        assert!(origin.most_in_flight() <= 3, "{mode}: {}", origin.most_in_flight());
        assert!((0..40).all(|n| origin.requests(&path(n)) == 3), "{mode}");
    }
}
