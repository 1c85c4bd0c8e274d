//! `--curl`: the command below a failure line, and that curl, where there is one, meets the same.
//!
//! Knows one failing origin. Refuses to know curl's options: that is the room's.

use std::process::Command;

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::Script;

#[test]
fn a_failure_is_a_command_too_and_a_pass_is_none() {
    let origin = Origin::start().script("/", Script::ok("hello")).script("/404", Script::status(404));
    Greenfetch::new()
        .args(["--curl", "-H", "X-A: b c", "-u", "me:hunter2", "-A", "x", "-m", "7", "--connect-timeout", "0"])
        .list([origin.url("/"), origin.url("/404?a=[1]&b='"), "mailto:nobody".to_owned()])
        .in_every_mode()
        .stdout("5 bytes received from {origin}/.\n")
        .stderr_has("got 404 (1 try, [TIME] s)\n  curl -H 'X-A: b c' -H 'Authorization: ***' -A x -m 7 -L --max-redirs 10 -g '{origin}/404?")
        .stderr_lacks("hunter2")
        .stderr_judged(|text| assert_eq!(text.matches("curl ").count(), 1, "{text}"))
        .status(1);
}

#[test]
fn curl_asks_for_the_same() {
    let origin = Origin::start().script("/404", Script::status(404));
    let chain = Greenfetch::new().args(["--curl", "-X", "PUT", "-H", "X-A: it's"]);
    let finished = chain.list([origin.url("/404?a=[1]&b='")]).spawn().finish();
    let line =
        finished.stderr.lines().find(|line| line.trim_start().starts_with("curl ")).expect("a command");
    let ours = origin.last_request("/404");
    let Ok(curl) = Command::new("bash").args(["-c", &format!("{line} -sS -o /dev/null")]).output() else {
        return;
    };
    if curl.status.success() {
        let mut theirs: Vec<String> = origin.last_request("/404").lines().map(str::to_lowercase).collect();
        let mut ours: Vec<String> = ours.lines().map(str::to_lowercase).collect();
        // What each says by itself.
        for head in [&mut ours, &mut theirs] {
            head.retain(|line| !line.starts_with("accept") && !line.starts_with("content-length"));
            head.sort();
        }
        assert_eq!(theirs, ours, "{line}");
    }
}
