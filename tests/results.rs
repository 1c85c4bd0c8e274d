//! `greenfetch report`: what a run wrote of itself is written again from its results.
//!
//! Knows files and what they say. Refuses to fetch but to have something to tell of.

use std::fs;
use std::path::Path;

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::script::{Script, Steps as _};

fn origin() -> Origin {
    let cut = Script::nothing().then("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort").then_fin();
    Origin::start().script("/ok", Script::ok("hello")).script("/cut", cut)
}

/// `--report KIND=FILE` for each.
fn reports(dir: &Path, kinds: &[&str]) -> Vec<String> {
    kinds
        .iter()
        .flat_map(|kind| ["--report".to_owned(), format!("{kind}={}", dir.join(kind).display())])
        .collect()
}

#[test]
fn a_report_from_results_is_that_of_the_run_itself() {
    const KINDS: [&str; 6] = ["json", "jsonl", "junit", "md", "html", "prom"];
    let origin = origin();
    let [first, again, lines] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let run = Greenfetch::new()
        .args(reports(first.path(), &KINDS))
        .list(["/ok", "/cut", "/ok?2"].map(|path| origin.url(path)))
        .spawn()
        .finish();
    assert_eq!(run.status, Some(1), "{}", run.story);
    for (source, dir) in [("jsonl", &again), ("json", &lines)] {
        let results = first.path().join(source);
        let told = Greenfetch::new()
            .args(["report", results.to_str().unwrap()])
            .args(reports(dir.path(), &KINDS))
            .spawn()
            .finish();
        assert_eq!(
            (told.status, told.stderr.as_str(), told.stdout.as_str()),
            (Some(0), "", ""),
            "{}",
            told.story
        );
        for kind in ["junit", "md", "html", "prom"] {
            let [ours, theirs] = [&first, dir].map(|dir| fs::read_to_string(dir.path().join(kind)).unwrap());
            assert_eq!(ours, theirs, "{kind} from {source}");
        }
    }
}

#[test]
fn bare_records_are_results_too_and_what_is_wrong_with_several_is_said() {
    let origin = origin();
    let run = Greenfetch::new()
        .args(["--json"])
        .list(["/ok", "/cut"].map(|path| origin.url(path)))
        .spawn()
        .finish();
    let dir = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| dir.path().join(name));
    fs::write(&one, &run.stdout).unwrap();
    fs::write(&two, format!("{}{{\"type\":\"resu", run.stdout)).unwrap();
    let junit = dir.path().join("junit");
    let told = Greenfetch::new()
        .args(["report", one.to_str().unwrap(), two.to_str().unwrap()])
        .args(["--report".to_owned(), format!("junit={}", junit.display())])
        .spawn()
        .finish();
    assert_eq!(told.status, Some(0), "{}", told.story);
    for expected in ["two:3: the last line is torn", " stand in several of these results"] {
        assert!(told.stderr.contains(expected), "{expected}: {}", told.story);
    }
    let junit = fs::read_to_string(junit).unwrap();
    assert_eq!((junit.matches("<testcase").count(), junit.matches("<error").count()), (4, 2), "{junit}");
}

#[test]
fn what_cannot_be_read_or_meant_is_exit_2() {
    let dir = tempfile::tempdir().unwrap();
    let junk = dir.path().join("junk");
    fs::write(&junk, "http://a/\n").unwrap();
    let junk = junk.to_str().unwrap();
    for (args, why) in [
        (vec!["report"], "name the results"),
        (vec!["report", junk], "say what to write"),
        (vec!["report", junk, "--json"], "junk:1: no record of greenfetch"),
        (vec!["report", "/nowhere", "--json"], "cannot read /nowhere"),
        (vec!["report", "/", "--json"], "cannot read /"),
        (vec!["report", junk, "--json", "-j", "3"], "belongs to a run"),
    ] {
        let told = Greenfetch::new().args(args.iter().copied()).spawn().finish();
        assert_eq!((told.status, told.stdout.as_str()), (Some(2), ""), "{}", told.story);
        assert!(told.stderr.contains(why), "{why}: {}", told.story);
    }
}

#[test]
fn shards_make_a_whole_and_one_that_is_missing_is_said() {
    let origin = origin();
    let dir = tempfile::tempdir().unwrap();
    let urls: Vec<String> = (0..12).map(|n| origin.url(&format!("/ok?{n}"))).collect();
    let shards = ["1/2", "2/2"].map(|shard| {
        let results = dir.path().join(shard.replace('/', "-"));
        let report = format!("jsonl={}", results.display());
        let run =
            Greenfetch::new().args(["--shard", shard, "--report", &report]).list(&urls).spawn().finish();
        assert_eq!(run.status, Some(0), "{}", run.story);
        results.to_str().unwrap().to_owned()
    });
    let told = Greenfetch::new().args(["report", "--json"]).args(&shards).spawn().finish();
    assert_eq!((told.status, told.stderr.as_str()), (Some(0), ""), "{}", told.story);
    let records = crate::support::expectation::parse_records(&told.stdout);
    let listed: Vec<_> = records.iter().map(|record| record["url"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, urls, "all of them, in the order of the list");
    let half = Greenfetch::new().args(["report", "--json", &shards[0]]).spawn().finish();
    assert!(half.stderr.contains("shard 2/2 are missing"), "{}", half.story);
}

#[test]
fn what_failed_comes_back_from_results_as_far_as_they_know_it() {
    let (origin, dir) = (origin(), tempfile::tempdir().unwrap());
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let cut = origin.url("/cut");
    let again = |list: String| {
        let run = Greenfetch::new()
            .args(["--report".to_owned(), format!("json={}", path("results"))])
            .args(["--failed", &path("own")])
            .list_text(&list)
            .spawn()
            .finish();
        assert_eq!(run.status, Some(1), "{}", run.story);
        Greenfetch::new().args(["report", &path("results"), "--failed", &path("told")]).spawn().finish()
    };

    let known =
        again(format!("{cut} name=\"a \\\"b\\\" $${{c}}\" tag=\"x\" tag=\"y\"\nHEAD {cut}?$${{NAME}}\n"));
    assert_eq!((known.status, known.stderr.as_str()), (Some(0), ""), "{}", known.story);
    let [own, told] = ["own", "told"].map(|name| fs::read_to_string(path(name)).unwrap());
    assert_eq!(own, told);

    let poorer = again(format!("{cut}\n{} body*=other\nPOST {cut} data=x\n", origin.url("/ok")));
    let words =
        "greenfetch: warning: --failed: results have no checks, headers and bodies to send, which 2 of these";
    assert!(poorer.stderr.starts_with(words), "{}", poorer.story);
    assert_eq!(poorer.status, Some(0), "{}", poorer.story);
}
