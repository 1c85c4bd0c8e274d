//! What a person at the shell reads: lines, failures, the summary, and how much of it.
//!
//! Knows the forms that the contract gives. Refuses to know the sentences inside them.

use crate::support::Greenfetch;
use crate::support::listeners::refused_addr;
use crate::support::origin::Origin;
use crate::support::script::{Script, Steps as _};

fn origin() -> Origin {
    Origin::start()
        .script("/ok", Script::ok("hello"))
        .script("/large", Script::ok(vec![b'x'; 12_345]))
        .script("/moved", Script::redirect(302, "/ok"))
        .script("/short", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello".then_fin())
}

#[test]
fn a_pass_is_a_line_on_stdout_and_a_failure_one_on_stderr() {
    let origin = origin();
    let refused = format!("http://{}/", refused_addr());
    Greenfetch::new()
        .list([origin.url("/ok"), refused, origin.url("/large"), origin.url("/404"), origin.url("/short")])
        .in_every_mode()
        .stdout("5 bytes received from {origin}/ok.\n12345 bytes received from {origin}/large.\n")
        .stderr_judged(|text| {
            let lines: Vec<_> = text.lines().collect();
            assert_eq!(lines.len(), 3, "{text}");
            for (n, class) in [(2, "connect (connect)"), (4, "status ("), (5, "closed (receive)")] {
                let start = format!("list:{n}: http://127.0.0.1:");
                let line = lines.iter().find(|line| line.starts_with(&start)).expect(class);
                assert!(line.contains(&format!(": {class}")), "{line}");
                assert!(line.contains(" (1 try, ") && line.ends_with(" s)"), "{line}");
            }
        })
        .stderr_has("list:2: {origin}/: connect (connect): {addr} refused (1 try, [TIME] s)")
        .status(1);
}

#[test]
fn one_after_another_lines_stand_in_the_order_of_the_list() {
    let origin = origin();
    Greenfetch::new()
        .args(["--sync"])
        .list([origin.url("/large"), origin.url("/ok"), origin.url("/large")])
        .in_order()
        .stdout("12345 bytes received from {origin}/large.\n5 bytes received from {origin}/ok.\n12345 bytes received from {origin}/large.\n")
        .stderr("")
        .status(0);
}

#[test]
fn a_failed_status_names_what_was_expected_and_what_came() {
    let origin = origin();
    Greenfetch::new()
        .operand(origin.url("/404"))
        .in_every_mode()
        .stdout("")
        .stderr_has("<args>:1: {origin}/404: status (")
        .stderr_has("404")
        .status(1);
}

#[test]
fn the_summary_is_one_to_four_lines_and_quiet_has_none() {
    let origin = origin();
    for urls in [vec!["/ok"], vec!["/ok", "/large", "/moved", "/ok"]] {
        let n = urls.len();
        Greenfetch::new()
            .list(urls.iter().map(|path| origin.url(path)))
            .with_summary()
            .in_every_mode()
            .any_stdout()
            .stderr_has(format!("{n} passed"))
            .stderr_judged(|text| assert!((1..=4).contains(&text.lines().count()), "{text}"))
            .status(0);
        Greenfetch::new().list(urls.iter().map(|path| origin.url(path))).any_stdout().stderr("").status(0);
    }
    Greenfetch::new()
        .list([origin.url("/ok"), origin.url("/404")])
        .with_summary()
        .any_stdout()
        .stderr_has("1 passed")
        .stderr_has("1 failed")
        .status(1);
}

#[test]
fn silence_is_nothing_but_the_status() {
    let origin = origin();
    for format in [&["-qq"][..], &["-qq", "--json"]] {
        Greenfetch::new()
            .args(format.iter().copied())
            .list([origin.url("/ok"), origin.url("/404"), "nonsense".to_owned()])
            .with_summary()
            .in_every_mode()
            .stdout("")
            .stderr("")
            .status(1);
    }
}

#[test]
fn verbose_says_what_starts_and_where_it_is_sent() {
    let origin = origin();
    Greenfetch::new()
        .args(["-v"])
        .list([origin.url("/moved"), format!("HEAD {}", origin.url("/ok"))])
        .with_summary()
        .in_every_mode()
        .any_stdout()
        .stderr_has("GET: {origin}/moved\n")
        .stderr_has("HEAD: {origin}/ok\n")
        .stderr_has("302")
        .status(0);
}

#[test]
fn colour_is_for_terminals_or_on_demand_and_never_on_stdout() {
    let origin = origin();
    let urls = || [origin.url("/ok"), origin.url("/404")];
    let has_colour = |text: &str| assert!(text.contains("\x1b["), "{text:?}");
    Greenfetch::new()
        .args(["--color", "always"])
        .list(urls())
        .coloured()
        .stdout("5 bytes received from {origin}/ok.\n")
        .stderr_judged(has_colour)
        .status(1);
    Greenfetch::new()
        .env("CLICOLOR_FORCE", "1")
        .list(urls())
        .coloured()
        .any_stdout()
        .stderr_judged(has_colour)
        .status(1);
    for (args, name) in [(&["--color", "never"][..], "CLICOLOR_FORCE"), (&[], "NO_COLOR"), (&[], "UNUSED")] {
        Greenfetch::new()
            .args(args.iter().copied())
            .env(name, "1")
            .list(urls())
            .any_stdout()
            .stderr_lacks("\x1b")
            .status(1);
    }
}

#[test]
fn there_is_no_bar_in_a_pipe() {
    let origin = origin();
    for args in [&["--no-progress-meter"][..], &[]] {
        Greenfetch::new()
            .args(args.iter().copied())
            .list([origin.url("/ok")])
            .with_summary()
            .any_stdout()
            .stderr_lacks("\r")
            .stderr_has("1 passed")
            .status(0);
    }
}

/// That nothing is printed raw is watched by every run; here the list itself is hostile.
#[test]
fn bytes_of_the_list_reach_the_terminal_escaped() {
    let origin = origin();
    Greenfetch::new()
        .list_text(b"http://127.0.0.1/\x1b]0;owned\x07\n\xc2\x9b31m\nhttp://me:hunter2@[::1/\n")
        .in_every_mode()
        .stdout("")
        .stderr_has("\\x1b]0;owned")
        .stderr_lacks("hunter2")
        .status(1);
    Greenfetch::new()
        .args(["-A", "x\x1b[31m"])
        .operand(origin.url("/ok"))
        .any_stdout()
        .any_stderr()
        .status(2);
}
