//! What GitHub Actions reads: annotations, outputs, and no command that came from outside.
//!
//! Knows the runner's variables. Refuses to need a runner.

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::{Script, Steps as _};

fn under_github() -> Greenfetch {
    Greenfetch::new().env("GITHUB_ACTIONS", "true")
}

fn origin() -> Origin {
    Origin::start().script("/", Script::ok("hello")).script("/404", Script::status(404))
}

const FAILURE: &str = "{origin}/404: status (check): expected a status below 400, got 404";

#[test]
fn a_failure_is_an_annotation_of_its_line_beside_its_own_line() {
    let origin = origin();
    under_github()
        .list([origin.url("/"), origin.url("/404")])
        .in_every_mode()
        .stdout("5 bytes received from {origin}/.\n")
        .stderr(format!(
            "list:2: {FAILURE} (1 try, [TIME] s)\n::error file=list,line=2,title=greenfetch::{FAILURE}\n"
        ))
        .status(1);
}

#[test]
fn without_github_or_with_ci_none_there_is_none_and_with_ci_github_there_is_one() {
    let origin = origin();
    for (variable, args, has_one) in [
        ("", &[][..], false),
        ("true", &["--ci", "none"], false),
        ("", &["--ci", "github"], true),
        ("true", &["--ci=auto"], true),
    ] {
        let chain = Greenfetch::new().env("GITHUB_ACTIONS", variable).args(args.iter().copied());
        chain
            .list([origin.url("/404")])
            .stdout("")
            .stderr_judged(move |text| assert_eq!(text.contains("::error "), has_one, "{text}"))
            .status(1);
    }
}

#[test]
fn an_error_of_the_list_is_an_annotation_of_its_line_too() {
    let wrong = |line: u32| format!("http://a.test/{line} expcet=200");
    let words = "there is no setting 'expcet': did you mean expect?";
    let annotation = |line: u32, column: usize| {
        format!("::error file=list,line={line},col={column},title=greenfetch::{words}\n")
    };
    under_github()
        .list(["http://a.test/".to_owned(), wrong(2)])
        .stdout("")
        .stderr_has(annotation(2, 17))
        .stderr_has("list:2:17: there is no setting 'expcet'\n")
        .stderr_judged(|text| {
            assert_eq!(text.lines().filter(|line| line.starts_with("::")).count(), 1, "{text}");
        })
        .status(2);
    under_github()
        .list((1..=20).map(wrong))
        .stdout("")
        .stderr_has(annotation(8, 17))
        .stderr_lacks(annotation(9, 17))
        .stderr_has("::error title=greenfetch::and 12 more errors in the list\n")
        .status(2);
    Greenfetch::new().list([wrong(1)]).stdout("").stderr_lacks("::error").status(2);
}

#[test]
fn counts_are_the_outputs_of_the_step_behind_what_stands_there() {
    let origin = origin();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("outputs");
    std::fs::write(&path, "before=1\n").expect("a file");
    under_github()
        .env("GITHUB_OUTPUT", &path)
        .list([origin.url("/"), origin.url("/404"), origin.url("/")])
        .any_stdout()
        .any_stderr()
        .status(1);
    let outputs = std::fs::read_to_string(&path).expect("a file");
    assert_eq!(outputs, "before=1\npassed=2\nfailed=1\nsoft=0\ncancelled=0\n");
}

#[test]
fn the_steps_page_has_the_failures_behind_what_stands_there_and_within_its_limit() {
    let origin = origin();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("page");
    for (before, has_table) in [("before\n".to_owned(), true), ("x".repeat(1 << 20), false)] {
        std::fs::write(&path, &before).expect("a file");
        under_github()
            .env("GITHUB_STEP_SUMMARY", &path)
            .list([origin.url("/"), origin.url("/404")])
            .any_stdout()
            .any_stderr()
            .status(1);
        let page = std::fs::read_to_string(&path).expect("a file");
        assert!(page.starts_with(&before) && page.len() <= 1 << 20, "{} bytes", page.len());
        assert_eq!(page.contains("| Line | URL | What went wrong |"), has_table);
    }
}

#[test]
fn a_page_that_cannot_be_written_is_a_warning() {
    let origin = origin();
    under_github()
        .env("GITHUB_STEP_SUMMARY", "/no/such/folder/page")
        .list([origin.url("/")])
        .in_every_mode()
        .stdout("5 bytes received from {origin}/.\n")
        .stderr("greenfetch: warning: the step summary cannot be written: No such file or directory\n")
        .status(0);
}

#[test]
fn outputs_that_cannot_be_written_are_a_warning() {
    let origin = origin();
    under_github()
        .env("GITHUB_OUTPUT", "/no/such/folder/outputs")
        .list([origin.url("/")])
        .in_every_mode()
        .stdout("5 bytes received from {origin}/.\n")
        .stderr("greenfetch: warning: cannot write the step's outputs: /no/such/folder/outputs: No such file or directory\n")
        .status(0);
}

#[test]
fn what_comes_from_outside_is_no_command_of_the_log() {
    let origin = Origin::start()
        .script("/", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: ##[error]x\r\n\r\nok".keep_alive())
        .script("/odd", "HTTP/1.1 ##[error]\r\n\r\n".then_fin());
    let url = |path: &str| origin.url(path);
    for args in [&["-vv"][..], &["--json"], &[]] {
        under_github()
            .args(args.iter().copied())
            .with_summary()
            .list([url("/?q=##[add-mask]x"), url("/odd"), "##[error]x".to_owned(), " ::error::x".to_owned()])
            .stdout_judged(harmless)
            .stderr_judged(harmless)
            .status(1);
    }
    under_github()
        .file("##[error]x", "http://a/ what=\"")
        .operand("##[error]x")
        .stdout("")
        .stderr_judged(harmless)
        .status(2);
}

/// Only our own annotations are commands.
fn harmless(text: &str) {
    for line in text.lines() {
        let command = line.trim_start();
        let is_ours = ["file=list,line=", "title=greenfetch::", r"file=##\x5berror]x,line=1,col=16,"]
            .iter()
            .any(|start| line.strip_prefix("::error ").is_some_and(|rest| rest.starts_with(start)));
        assert!(is_ours || !command.starts_with("::"), "{line}");
        assert!(!line.contains("##["), "{line}");
    }
}

#[test]
fn runs_of_a_comparison_speak_to_nobody_but_it() {
    let origin = origin();
    under_github()
        .args(["--compare=sync,coroutines", "--runs", "1"])
        .list([origin.url("/404")])
        .any_stdout()
        .stderr_judged(|text| assert!(!text.contains("::error"), "{text}"))
        .status(1);
}
