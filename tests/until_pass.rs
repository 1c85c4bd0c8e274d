//! What failed is asked again in rounds: who is asked, what is told of it when, and how it ends.
//!
//! Knows an origin that comes up, or does not. Refuses to measure: a rest is some milliseconds, and what must come first
//! is waited for.

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::{Gate, Script, Steps as _};
use crate::support::table::came_to;

const MODES: [&str; 3] = ["sync", "threads", "coroutines"];

fn waiting(mode: &str, until_pass: &str) -> Greenfetch {
    Greenfetch::new().args(["--mode", mode, "--until-pass", until_pass].map(str::to_owned))
}

/// So many times busy, then well.
fn coming_up(busy: usize) -> Script {
    let turns = (0..busy).map(|_| Script::status(503)).chain([Script::ok("hello")]);
    Script::sequence(turns)
}

#[test]
fn what_failed_is_asked_until_it_passes_and_what_passed_is_not() {
    for mode in MODES {
        let origin = Origin::start()
            .script("/a", coming_up(3))
            .script("/b", Script::ok("hello"))
            .script("/c", coming_up(1));
        waiting(mode, "60")
            .list(["/a", "/b", "/c"].map(|path| origin.url(path)))
            .stdout(
                ["a", "b", "c"].map(|path| format!("5 bytes received from {{origin}}/{path}.\n")).concat(),
            )
            .stderr(
                "round 1: 2 of 3 not passing yet (status 2); again in [TIME] s\n\
                 round 2: 1 of 3 not passing yet (status 1); again in [TIME] s\n\
                 round 3: 1 of 3 not passing yet (status 1); again in [TIME] s\n",
            )
            .status(0);
        assert_eq!(["/a", "/b", "/c"].map(|path| origin.requests(path)), [4, 1, 2], "{mode}");
    }
}

/// The second answer is held back until the other's line was read.
#[test]
fn what_passes_is_told_at_once() {
    for mode in MODES {
        let gate = Gate::new();
        let late = Script::nothing().wait_for(&gate).then("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        let origin = Origin::start()
            .script("/late", Script::sequence([Script::status(503), late.keep_alive()]))
            .script("/", Script::ok("hello"));
        let mut running = waiting(mode, "60").list([origin.url("/late"), origin.url("/")]).spawn();
        assert_eq!(running.next_stdout_line(), Some(format!("5 bytes received from {}.", origin.url("/"))));
        gate.open();
        let finished = running.finish();
        assert!(finished.stdout.ends_with("/late.\n"), "{}", finished.story);
        assert_eq!(finished.status, Some(0), "{}", finished.story);
    }
}

#[test]
fn what_failed_once_has_to_pass_so_often_in_a_row() {
    for mode in MODES {
        let turns = [503, 200, 503, 200, 200].map(|status| match status {
            200 => Script::ok("hello"),
            status => Script::status(status),
        });
        let origin =
            Origin::start().script("/shaky", Script::sequence(turns)).script("/", Script::ok("hello"));
        waiting(mode, "60,2")
            .list([origin.url("/shaky"), origin.url("/")])
            .json(|records| {
                let rounds = records.iter().map(|record| (came_to(record), record["round"].clone()));
                let expected = [("pass 5".to_owned(), 5.into()), ("pass 5".to_owned(), 1.into())];
                assert_eq!(rounds.collect::<Vec<_>>(), expected);
                assert_eq!(records[0]["attempts"].as_array().map(Vec::len), Some(1), "those of its round");
            })
            .stderr_has("round 2: 1 of 2 not passing yet (1 passed, but not 2 times in a row); again in ")
            .status(0);
        assert_eq!((origin.requests("/shaky"), origin.requests("/")), (5, 1), "{mode}");
    }
}

#[test]
fn when_the_time_is_over_what_was_last_seen_is_told() {
    let origin = Origin::start()
        .script("/", Script::sequence([Script::status(502), Script::status(503)]))
        .script("/ok", Script::ok("hello"));
    Greenfetch::new()
        .args(["--until-pass", "0.7"])
        .list([origin.url("/"), origin.url("/ok")])
        .in_every_mode()
        .stdout("5 bytes received from {origin}/ok.\n")
        .stderr_has("greenfetch: warning: --until-pass: [TIME] s are over, and after ")
        .stderr_has("rounds 1 of 2 do not pass\nlist:1: {origin}/: status (check): expected a status below 400, got 503 (1 try, [TIME] s, round ")
        .status(1);
}

/// Without a limit of its own an attempt is cut by the end of the waiting, which says nothing about its URL.
#[test]
fn an_attempt_that_the_end_cuts_short_is_not_what_was_last_seen() {
    for mode in MODES {
        let turns = [Script::status(503), Script::nothing().then_hang()];
        let origin = Origin::start().script("/", Script::sequence(turns));
        waiting(mode, "0.5")
            .args(["-m", "0"])
            .list([origin.url("/")])
            .stdout("")
            .stderr(
                "round 1: 1 of 1 not passing yet (status 1); again in [TIME] s\n\
                 greenfetch: warning: --until-pass: [TIME] s are over, and after 2 rounds 1 of 1 do not pass\n\
                 list:1: {origin}/: status (check): expected a status below 400, got 503 (1 try, [TIME] s, round 1)\n",
            )
            .status(1);
        assert_eq!(origin.requests("/"), 2, "{mode}");
    }
}

#[test]
fn what_can_never_pass_ends_the_waiting() {
    for mode in MODES {
        let origin = Origin::start().script("/", coming_up(1));
        let post = format!("POST {}", origin.url("/"));
        waiting(mode, "60")
            .list([post])
            .stdout("")
            .stderr_has("--until-pass: no further round, as list:1 failed and may not be sent again: POST is not idempotent\n")
            .status(1);
        assert_eq!(origin.requests("/"), 1, "{mode}");
        waiting(mode, "60")
            .list([origin.url("/"), "mailto:nobody".to_owned()])
            .stdout("5 bytes received from {origin}/.\n")
            .stderr_has("list:2: mailto:nobody: url (queue): ")
            .status(1);
        let origin = Origin::start().script("/", coming_up(1));
        waiting(mode, "60")
            .list([origin.url("/"), "mailto:nobody".to_owned()])
            .stdout("")
            .stderr_has("--until-pass: no further round, as list:2 can never pass (url)\nlist:1: ")
            .status(1);
        assert_eq!(origin.requests("/"), 1, "{mode}");
    }
}

#[test]
fn retries_are_within_a_round() {
    for mode in MODES {
        let origin = Origin::start().script("/", coming_up(3));
        waiting(mode, "60")
            .args(["--retry", "1", "--retry-delay", "1ms"])
            .list([origin.url("/")])
            .json(|records| {
                let record = &records[0];
                assert_eq!((came_to(record), &record["round"]), ("pass 5".to_owned(), &2.into()));
                assert_eq!(record["num_retries"], 1);
            })
            .stderr("round 1: 1 of 1 not passing yet (status 1); again in [TIME] s\n")
            .status(0);
        assert_eq!(origin.requests("/"), 4, "{mode}");
    }
}

/// One at a time: one has answered twice, one hangs, one is behind it.
#[test]
fn an_interrupt_names_what_was_last_seen_wherever_it_finds_them() {
    for mode in MODES {
        let turns = [Script::status(503), Script::nothing().then_hang()];
        let origin =
            Origin::start().script("/hangs", Script::sequence(turns)).script("/500", Script::status(500));
        let list = ["/500", "/hangs", "/500"].map(|path| origin.url(path));
        let running = waiting(mode, "60").args(["-m", "0", "-j", "1"]).list(list).spawn();
        origin.wait_for_requests("/hangs", 2);
        running.signal(libc::SIGINT);
        let finished = running.finish();
        assert_eq!(finished.signal, Some(libc::SIGINT), "{}", finished.story);
        for (path, seen) in [
            ("500: cancelled (backoff)", "round 2: status (check): expected a status below 400, got 500"),
            ("hangs: cancelled (wait)", "round 1: status (check): expected a status below 400, got 503"),
            ("500: cancelled (queue)", "round 1: status (check): expected a status below 400, got 500"),
        ] {
            let line = format!("/{path}: interrupted; last seen in {seen} (");
            assert!(finished.stderr.contains(&line), "{line}\n{}", finished.story);
        }
    }
}

/// The second line shows that the first was answered, and that nobody has asked it again.
#[test]
fn rounds_begin_when_the_list_has_ended() {
    let origin = Origin::start().script("/late", coming_up(1)).script("/", Script::ok("hello"));
    let mut running = waiting("sync", "60").stdin_open().spawn();
    running.write_stdin(&format!("{}\n{}\n", origin.url("/late"), origin.url("/")));
    assert!(running.next_stdout_line().is_some_and(|line| line.ends_with("/.")));
    assert_eq!(origin.requests("/late"), 1);
    running.close_stdin();
    let finished = running.finish();
    assert_eq!((finished.status, origin.requests("/late")), (Some(0), 2), "{}", finished.story);
}

#[test]
fn the_deadline_of_the_run_comes_before_the_end_of_the_waiting() {
    let origin = Origin::start().script("/", Script::status(503));
    Greenfetch::new()
        .args(["--until-pass", "0", "--deadline", "0.4"])
        .list([origin.url("/")])
        .in_every_mode()
        .json(|records| {
            assert_eq!(records.len(), 1);
            assert!(came_to(&records[0]).starts_with("cancelled"), "{}", records[0]);
        })
        .stderr_has("; last seen in round ")
        .status(124);
}

#[test]
fn who_rests_between_rounds_is_unfinished() {
    for mode in MODES {
        let origin = Origin::start().script("/busy", Script::status(503));
        let running = waiting(mode, "0").list([origin.url("/busy")]).spawn();
        running.wait_for_stderr("round 3: ");
        running.signal(libc::SIGUSR1);
        running.wait_for_stderr("greenfetch: 1 URL unfinished: backoff 1; the next try in ");
        running.signal(libc::SIGINT);
        let finished = running.finish();
        assert_eq!(finished.signal, Some(libc::SIGINT), "{}", finished.story);
    }
}
