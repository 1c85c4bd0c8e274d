//! `greenfetch demo`: works offline, right after the install.
//!
//! Knows that it is a run like any other, on an origin of its own. Refuses to know what that origin serves.

use crate::prefork::is_there;
use crate::support::Greenfetch;
use crate::support::sys;

/// The text with every number in place of which there is an `N`.
fn without_numbers(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_digit() || c == '.';
    let words =
        text.split_inclusive([' ', '\n']).map(|word| match word.strip_prefix(|c: char| c.is_ascii_digit()) {
            Some(rest) => format!("N{}", rest.trim_start_matches(is_part)),
            None => word.to_owned(),
        });
    words.collect()
}

#[test]
fn the_demo_needs_nothing_and_passes() {
    Greenfetch::new()
        .args(["demo"])
        .in_every_mode()
        .stdout_judged(|text| {
            assert!(text.lines().count() > 1, "{text}");
            assert!(text.lines().all(|line| line.contains(" bytes received from http://")), "{text}");
        })
        .stderr("")
        .status(0);
}

#[test]
fn the_demo_takes_the_options_of_a_run() {
    Greenfetch::new()
        .args(["demo", "-j", "2"])
        .json(|records| {
            assert!(!records.is_empty());
            assert!(records.iter().all(|record| record["outcome"] == "pass"), "{records:?}");
            assert!(records.iter().all(|record| record["remote_ip"] == "127.0.0.1"), "{records:?}");
        })
        .stderr("")
        .status(0);
    Greenfetch::new().args(["demo", "--nonsense"]).stdout("").stderr_has("--nonsense").status(2);
}

#[test]
fn a_file_called_demo_is_a_file() {
    Greenfetch::new().file("demo", "# nothing\n").operand("./demo").stdout("").any_stderr().status(3);
}

/// The origin answers none before it has all, so the run's end is the proof that they were parked at once.
#[test]
fn many_urls_are_in_flight_at_once_on_a_few_threads() {
    Greenfetch::new()
        .args(["demo", "--many", "200"])
        .with_summary()
        .stdout_judged(|text| {
            let expected = "\
N URLs in flight at once: the origin answered none of them before it had them all.
N worker, N threads in the whole process, N s from the first start to the last answer.
N kB of memory for each URL: N MB at the peak, N MB before.
";
            assert_eq!(without_numbers(text), expected, "{text}");
            let figure = |before: &str| -> u32 {
                let number = text.split(before).next().and_then(|text| text.rsplit([' ', '\n']).next());
                number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{before}: {text}"))
            };
            assert_eq!((figure(" URLs in flight"), figure(" worker")), (200, 1), "{text}");
            assert!((2..=16).contains(&figure(" threads")), "{text}");
        })
        .stderr("")
        .status(0);
}

/// The origin stands still, so that they wait for ever.
#[test]
fn what_many_urls_wait_for_is_told_and_an_interrupt_ends_them_all() {
    let running = Greenfetch::new().args(["demo", "--many", "5000"]).with_summary().spawn();
    running.wait_for_thread("signals");
    let origin = running.children();
    origin.iter().for_each(|origin| sys::stop(*origin));
    running.signal(libc::SIGUSR1);
    running.wait_for_stderr(" unfinished");
    running.signal(libc::SIGINT);
    let finished = running.finish();
    assert_eq!((finished.signal, &*finished.stdout), (Some(libc::SIGINT), ""), "{}", finished.story);
    let last = finished.stderr.lines().last().expect("a line");
    let words = "greenfetch: demo --many: stopped by SIGINT: 0 of 5000 passed, at most ";
    assert!(last.starts_with(words), "{}", finished.story);
    assert!(!origin.into_iter().any(is_there), "{}", finished.story);
}

#[test]
fn more_than_the_machine_has_is_refused_before_anything_starts() {
    Greenfetch::new()
        .args(["demo", "--many", "100"])
        .with_summary()
        .descriptors(64)
        .stdout("")
        .stderr("greenfetch: demo --many: 46 are the most here: the limit of open descriptors is 64 (ulimit -n)\n")
        .status(2);
    Greenfetch::new()
        .args(["demo", "--many", "46"])
        .with_summary()
        .descriptors(64)
        .stdout_has("46 URLs in flight at once: ")
        .stderr("")
        .status(0);
}

/// The order of ends is the proof: who shares the worker with a blocking call cannot end before it does.
#[test]
fn a_call_that_blocks_holds_up_everybody_and_a_wait_that_parks_nobody() {
    Greenfetch::new()
        .args(["demo", "--block"])
        .with_summary()
        .stdout_judged(|text| {
            let expected = "\
N fetches of /delay/100 and a coroutine that waits N s, all on one worker.
It parks, as all that is patched does: N of N fetches end before it does, the longest takes N s.
It blocks, as std::thread::sleep does: N of N fetches end before it does, the longest takes N s.
A run would say so: its watcher saw the worker blocked for N s.
";
            assert_eq!(without_numbers(text), expected, "{text}");
            let lines: Vec<&str> = text.lines().collect();
            // Five, but on a machine that forgets the origin for longer than the wait.
            assert!(!lines[1].contains(": 0 of 5 fetches"), "{text}");
            assert!(lines[2].contains(": 0 of 5 fetches"), "{text}");
        })
        .stderr("")
        .status(0);
}

#[test]
fn what_the_demo_shows_takes_no_option_of_a_run() {
    for (words, sentence) in [
        (["--many", "--json"], "--many: only shows; --json belongs to a run"),
        (["--block", "--sync"], "--block: only shows; --sync belongs to a run"),
    ] {
        Greenfetch::new()
            .args(["demo"])
            .args(words)
            .with_summary()
            .stdout("")
            .stderr(format!("greenfetch: {sentence}\n"))
            .status(2);
    }
}
