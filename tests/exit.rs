//! Exit statuses, and what a command line must not say.
//!
//! Knows the table of `help exit-codes`. Refuses to know signals: `signals.rs`.

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::{Script, Steps as _};

fn origin() -> Origin {
    Origin::start().script("/ok", Script::ok("hello"))
}

#[test]
fn the_status_is_that_of_the_worst() {
    let origin = origin();
    let (ok, bad) = (origin.url("/ok"), origin.url("/404"));
    Greenfetch::new().list([&ok, &ok]).in_every_mode().any_stdout().stderr("").status(0);
    Greenfetch::new().list([&ok, &bad]).in_every_mode().any_stdout().any_stderr().status(1);
    Greenfetch::new().list([&bad, &ok]).in_every_mode().any_stdout().any_stderr().status(1);
    Greenfetch::new().list(["nonsense", &ok]).in_every_mode().any_stdout().any_stderr().status(1);
}

#[test]
fn help_exit_codes_is_the_table() {
    let mut chain = Greenfetch::new().args(["help", "exit-codes"]).with_summary();
    chain = chain.stdout(greenfetch::exit::TABLE).in_order();
    chain.stderr("").status(0);
}

#[test]
fn help_and_version_are_results() {
    Greenfetch::new()
        .args(["--version"])
        .with_summary()
        .stdout_has(env!("CARGO_PKG_VERSION"))
        .stderr("")
        .status(0);
    for help in ["-h", "--help", "help"] {
        Greenfetch::new().args([help]).with_summary().stdout_has("--max-time").stderr("").status(0);
    }
}

#[test]
fn a_wrong_command_line_is_two_and_fetches_nothing() {
    let origin = origin();
    let mut wrong: Vec<Vec<&str>> = vec![
        vec!["--nonsense"],
        vec!["--jbos", "3"],
        vec!["-j", "0"],
        vec!["-j", "many"],
        vec!["-j", "-1"],
        vec!["--rate", "5"],
        vec!["--rate", "5/h"],
        vec!["--mode", "fast"],
        vec!["--sync", "--mode", "threads"],
        vec!["--sync", "-j", "5"],
        vec!["-4", "-6"],
        vec!["-q", "-v"],
        vec!["-u", "name"],
        vec!["-m", "soon"],
        vec!["-m", "-1"],
        vec!["--stall", "5x"],
        vec!["--max-filesize", "big"],
        vec!["--max-redirs", "-1"],
        vec!["--resolve", "nonsense"],
        vec!["--resolve", "a.test:80:b.test"],
        vec!["--cacert", "missing.pem"],
        vec!["--color", "blue"],
    ];
    wrong.extend([vec!["-X", "get it"], vec!["-X", ""], vec!["-I", "-d", "x"], vec!["-d", "@missing"]]);
    wrong.extend([
        vec!["-H", "no colon"],
        vec!["-H", "A b: c"],
        vec!["-H", "A: b\r\nX: injected"],
        vec!["-H", ": v"],
    ]);
    for args in wrong {
        Greenfetch::new()
            .args(args)
            .operand(origin.url("/ok"))
            .with_summary()
            .stdout("")
            .stderr_has("greenfetch")
            .status(2);
    }
    assert_eq!(origin.connections(), 0);
}

#[test]
fn an_option_of_another_tool_is_answered_with_ours() {
    let origin = origin();
    for (args, word) in
        [(["-o", "file"], "-o"), (["--max-concurrent-downloads", "3"], "--jobs"), (["-K", "file"], "-K")]
    {
        Greenfetch::new().args(args).operand(origin.url("/ok")).stdout("").stderr_has(word).status(2);
    }
    assert_eq!(origin.connections(), 0);
}

#[test]
fn the_habits_of_curl_do_no_harm() {
    let origin = origin();
    for args in
        [vec!["-fsSL"], vec!["-f", "-L", "-S", "-Z", "-g"], vec!["--fail-early", "--parallel-max", "3"]]
    {
        Greenfetch::new()
            .args(args)
            .operand(origin.url("/ok"))
            .with_summary()
            .stdout("5 bytes received from {origin}/ok.\n")
            .any_stderr()
            .status(0);
    }
}

#[test]
fn a_full_disk_below_the_results_is_five() {
    let origin = origin();
    Greenfetch::new()
        .stdout_to("/dev/full")
        .list([origin.url("/ok"), origin.url("/ok")])
        .in_every_mode()
        .any_stdout()
        .stderr_has("No space left on device")
        .status(5);
    assert_eq!(origin.requests("/ok"), 6, "the others go on");
}

#[test]
fn a_failure_outranks_a_full_disk() {
    let origin = origin();
    Greenfetch::new()
        .stdout_to("/dev/full")
        .list([origin.url("/ok"), origin.url("/404")])
        .in_every_mode()
        .any_stdout()
        .stderr_has("list:2: {origin}/404: status ")
        .status(1);
}

#[test]
fn results_that_nobody_reads_end_the_run_as_sigpipe_does() {
    let origin = origin();
    for format in [&["--json"][..], &[]] {
        Greenfetch::new()
            .args(format.iter().copied())
            .stdout_unread()
            .list([origin.url("/ok"), origin.url("/ok")])
            .in_every_mode()
            .stdout("")
            .stderr("")
            .signal(libc::SIGPIPE);
    }
}

#[test]
fn a_reader_that_went_away_ends_the_run_as_sigpipe_does() {
    let origin = origin().script("/silent", Script::nothing().then_hang());
    let urls = (0..200).map(|n| origin.url(if n < 2 { "/ok" } else { "/silent" }));
    for mode in ["coroutines", "threads"] {
        let mut running =
            Greenfetch::new().args(["--mode", mode, "-j", "2"]).operand("-").stdin_open().spawn();
        running.write_stdin(&format!("{}\n", origin.url("/ok")));
        assert!(running.next_stdout_line().is_some());
        running.close_stdout();
        running.write_stdin(&urls.clone().map(|url| url + "\n").collect::<String>());
        let finished = running.finish();
        assert_eq!(
            (finished.signal, finished.stderr.as_str()),
            (Some(libc::SIGPIPE), ""),
            "{}",
            finished.story
        );
    }
}
