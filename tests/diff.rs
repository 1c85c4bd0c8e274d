//! `greenfetch diff`: what became of each URL from one run to another.
//!
//! Knows results as files. Refuses to wait for anything to be slow: times are planted into what a run has written.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::Greenfetch;
use crate::support::expectation::parse_records;
use crate::support::origin::Origin;
use crate::support::running::Finished;
use crate::support::script::{Script, Steps as _};

/// The jsonl report of a run of these paths, as lines of JSON.
fn results(origin: &Origin, paths: &[&str]) -> Vec<Value> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = dir.path().join("results");
    let run = Greenfetch::new()
        .args(["--report".to_owned(), format!("jsonl={}", file.display())])
        .list(paths.iter().map(|path| origin.url(path)))
        .spawn()
        .finish();
    assert!(matches!(run.status, Some(0 | 1)), "{}", run.story);
    parse_records(&fs::read_to_string(file).expect("a report"))
}

fn text(records: &[Value]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

/// Both results are compared, in a folder in which they are `old` and `new`.
fn compared(args: &[&str], old: &str, new: &str) -> Finished {
    let diff = Greenfetch::new().file("old", old).file("new", new).with_summary().args(args.iter().copied());
    diff.args(["diff", "old", "new"]).spawn().finish()
}

/// Every result takes a tenth of a second, so that what this machine did meanwhile is no difference.
fn steadied(mut records: Vec<Value>) -> Vec<Value> {
    for record in records.iter_mut().filter(|record| record["type"] == "result") {
        record["time_total"] = 0.1.into();
        for phase in ["dns", "connect", "send", "receive"] {
            record["phases"][phase] = Value::Null;
        }
        record["phases"]["wait"] = 0.1.into();
    }
    records
}

fn find<'a>(records: &'a mut [Value], path: &str) -> &'a mut Value {
    let is_it = |record: &&mut Value| record["url"].as_str().is_some_and(|url| url.ends_with(path));
    records.iter_mut().find(is_it).expect("a record of that path")
}

#[test]
fn regressions_and_improvements_are_told_a_line_each_and_a_regression_is_exit_4() {
    let cut = || Script::nothing().then("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort").then_fin();
    let origin = Origin::start()
        .script("/same", Script::ok("hello"))
        .script("/breaks", Script::sequence([Script::ok("hello"), Script::status(500)]))
        .script("/heals", Script::sequence([cut(), Script::ok("hello")]))
        .script("/grows", Script::sequence([Script::ok("hello"), Script::ok("hello, world")]))
        .script("/slow", Script::ok("hello"));
    let old = steadied(results(&origin, &["/same", "/breaks", "/heals", "/grows", "/slow", "/same?gone"]));
    let mut new =
        steadied(results(&origin, &["/slow", "/grows", "/heals", "/breaks", "/same", "/same?here"]));
    let slow = find(&mut new, "/slow");
    (slow["time_total"], slow["phases"]["wait"]) = (0.5.into(), 0.5.into());

    let told = compared(&[], &text(&old), &text(&new));
    assert_eq!(told.status, Some(4), "{}", told.story);
    let expected = format!(
        "newly failing: list:4: {o}/breaks: status (check): expected a status below 400, got 500\n\
         slower: list:1: {o}/slow: 0.10 s → 0.50 s (5.0 times slower)\n\
         fixed: list:3: {o}/heals: was closed (receive): ended after 5 of 9 bytes\n\
         changed: list:2: {o}/grows: 5 bytes → 12 bytes\n\
         removed: list:6: {o}/same?gone\n\
         added: list:6: {o}/same?here\n",
        o = origin.url("").trim_end_matches('/')
    );
    assert_eq!(told.stdout.replace(", without connecting", ""), expected, "{}", told.story);
    let summary = "5 URLs compared: 1 newly failing, 1 slower, 1 fixed, 1 changed, 1 removed, 1 added; worse than before\n";
    assert_eq!(told.stderr, summary, "{}", told.story);

    let back = compared(&["-qq"], &text(&new), &text(&old));
    assert_eq!(
        (back.status, back.stdout.as_str(), back.stderr.as_str()),
        (Some(4), "", ""),
        "{}",
        back.story
    );
}

/// A SYN that is lost is sent again after a second (RFC 6298, 2).
#[test]
fn a_packet_lost_while_one_of_several_connected_to_a_host_makes_no_url_slower() {
    let origin = Origin::start().script("/ok", Script::ok("hello"));
    let connected = |mut records: Vec<Value>, seconds: [f64; 3]| {
        let results = records.iter_mut().filter(|record| record["type"] == "result");
        for (record, connect) in results.zip(seconds) {
            (record["num_connects"], record["phases"]["connect"]) = (1.into(), connect.into());
            record["time_total"] = (0.1 + connect).into();
        }
        text(&records)
    };
    let results = steadied(results(&origin, &["/ok?1", "/ok?2", "/ok?3"]));
    let old = connected(results.clone(), [0.02, 0.03, 0.02]);
    let told = compared(&[], &old, &connected(results.clone(), [0.02, 0.02, 1.02]));
    let expected = (Some(0), "", "3 URLs compared: no difference\n");
    assert_eq!((told.status, told.stdout.as_str(), told.stderr.as_str()), expected, "{}", told.story);
    // A host that all of them wait for is another matter.
    let told = compared(&[], &old, &connected(results, [1.02, 1.03, 1.02]));
    assert_eq!((told.status, told.stdout.lines().count()), (Some(4), 3), "{}", told.story);
}

#[test]
fn two_equal_runs_differ_in_nothing() {
    let origin = Origin::start().script("/ok", Script::ok("hello"));
    let paths: Vec<String> = (0..20).map(|n| format!("/ok?{}", n % 7)).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let [old, new] = [(); 2].map(|()| text(&steadied(results(&origin, &paths))));
    let told = compared(&[], &old, &new);
    let expected = (Some(0), "", "20 URLs compared: no difference\n");
    assert_eq!((told.status, told.stdout.as_str(), told.stderr.as_str()), expected, "{}", told.story);
}

#[test]
fn the_document_has_both_sides_of_what_changed() {
    let origin =
        Origin::start().script("/breaks", Script::sequence([Script::ok("hello"), Script::status(503)]));
    let (old, new) = (text(&results(&origin, &["/breaks"])), text(&results(&origin, &["/breaks"])));
    let told = compared(&["--json", "-q"], &old, &new);
    assert_eq!((told.status, told.stderr.as_str()), (Some(4), ""), "{}", told.story);
    let document: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!((&document["type"], &document["compared"]), (&"diff".into(), &1.into()));
    assert_eq!((&document["regression"], &document["old"]["whole"]), (&true.into(), &true.into()));
    let difference = &document["differences"][0];
    assert_eq!(difference["changes"], serde_json::json!(["newly_failing", "status"]));
    let codes = ["old", "new"].map(|side| difference[side]["response_code"].as_u64());
    assert_eq!(codes, [Some(200), Some(503)]);
    assert_eq!(difference["new"]["error"]["class"], "status");
}

#[test]
fn a_run_that_was_cut_and_shards_that_do_not_match_are_said() {
    let origin = Origin::start().script("/ok", Script::ok("hello"));
    let mut records = results(&origin, &["/ok", "/ok?2"]);
    let whole = text(&records);
    records.retain(|record| record["type"] != "summary");
    records.pop();
    let cut = compared(&[], &whole, &text(&records));
    assert_eq!(cut.status, Some(0), "{}", cut.story);
    let warning = "greenfetch: warning: new: the run was cut, its results have no summary\n";
    assert!(cut.stderr.starts_with(warning) && cut.stdout.starts_with("removed: "), "{}", cut.story);

    records[0]["shard"] = "1/2".into();
    let shard = compared(&[], &whole, &text(&records));
    let warning = "old is the whole list, new is shard 1/2";
    assert!(shard.stderr.contains(warning), "{}", shard.story);

    let nothing = compared(&[], &whole, &text(&[]));
    assert!(nothing.stderr.contains("so nothing was compared"), "{}", nothing.story);
}

#[test]
fn results_that_cannot_be_read_are_exit_2() {
    let junk = compared(&[], "http://a/\n", "");
    assert_eq!((junk.status, junk.stdout.as_str()), (Some(2), ""), "{}", junk.story);
    assert!(junk.stderr.starts_with("greenfetch: diff: old:1: no record of greenfetch"), "{}", junk.story);
    assert!(!Path::new("/nowhere").exists());
    let missing = Greenfetch::new().args(["diff", "/nowhere", "/nowhere"]).spawn().finish();
    assert_eq!(missing.status, Some(2), "{}", missing.story);
    assert!(missing.stderr.contains("cannot read /nowhere"), "{}", missing.story);
}

#[test]
fn nothing_that_a_server_says_is_a_command_of_a_log_or_a_terminal() {
    let origin = Origin::start().script("/x", Script::sequence([Script::ok("hello"), Script::status(500)]));
    let (old, mut new) = (results(&origin, &["/x"]), results(&origin, &["/x"]));
    find(&mut new, "/x")["errormsg"] = "\u{1b}[2J ##[error]x\n::error::y \u{202e}".into();
    for args in [&[][..], &["--json"]] {
        let diff =
            Greenfetch::new().file("old", text(&old)).file("new", text(&new)).args(args.iter().copied());
        let told = diff.args(["diff", "old", "new"]).env("GITHUB_ACTIONS", "true").spawn().finish();
        assert_eq!((told.status, told.stdout.lines().count()), (Some(4), 1), "{}", told.story);
        let acts = ["\u{1b}", "\u{202e}", "##["].into_iter().find(|acts| told.stdout.contains(acts));
        assert_eq!(acts, None, "{}", told.story);
    }
}
