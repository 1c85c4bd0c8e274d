//! What `greenfetch help schema` prints, and that it tells records from what is none.
//!
//! Knows one record of each kind. Refuses to list the fields: a test of the room does.

use serde_json::{Value, json};

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::schema::complaint;
use crate::support::script::Script;

/// What is done to a record.
type Change = fn(&mut Value);

/// Makes each change by itself, and expects a complaint that names it.
fn assert_refused(whole: &Value, changes: &[(&str, Change)]) {
    for (name, change) in changes {
        let mut changed = whole.clone();
        change(&mut changed);
        let complaint = complaint(&changed).unwrap_or_else(|| panic!("{name} may be anything"));
        assert!(complaint.contains(name), "{name}: {complaint}");
    }
}

#[test]
fn a_record_is_one_and_what_is_changed_is_none() {
    let origin = Origin::start().script("/", Script::ok("hello"));
    Greenfetch::new()
        .list([origin.url("/")])
        .json(|records| {
            let record = &records[0];
            assert_eq!(complaint(record), None);
            let changes: [(&str, Change); 9] = [
                ("schema_version", |record| record["schema_version"] = json!(2)),
                ("type", |record| record["type"] = json!("summary")),
                ("outcome", |record| record["outcome"] = json!("passed")),
                ("error", |record| record["outcome"] = json!("fail")),
                ("time_total", |record| record["time_total"] = json!("1 s")),
                ("line", |record| record["line"] = json!(0)),
                ("started_at", |record| record["started_at"] = json!("yesterday")),
                ("attempts", |record| record["attempts"][0]["class"] = json!("odd")),
                ("round", |record| drop(record.as_object_mut().expect("an object").remove("round"))),
            ];
            assert_refused(record, &changes);
            let mut later = record.clone();
            later["new_field"] = json!(1);
            assert_eq!(complaint(&later), None, "fields may be added");
        })
        .stderr("")
        .status(0);
}

#[test]
fn the_run_and_its_summary_are_records_too() {
    let origin = Origin::start().script("/", Script::ok("hello"));
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("lines");
    let run = Greenfetch::new()
        .args(["--slo", "p95<60s", "--shard", "1/1", "--report"])
        .args([format!("jsonl={}", report.display())])
        .list([origin.url("/")])
        .spawn()
        .finish();
    assert_eq!(run.status, Some(0), "{}", run.story);
    let text = std::fs::read_to_string(&report).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| &line["type"]).collect::<Vec<_>>(), ["run", "result", "summary"]);
    assert!(lines.iter().all(|line| complaint(line).is_none()), "{lines:?}");
    assert_eq!(lines[0]["processes"], 1);
    let changes: [(usize, &str, Change); 9] = [
        (0, "processes", |run| run["processes"] = json!(0)),
        (0, "mode", |run| run["mode"] = json!("fibres")),
        (0, "max_redirs", |run| run["limits"]["max_redirs"] = json!(-1)),
        (0, "shard", |run| run["shard"] = json!("0/3")),
        (0, "sources", |run| drop(run.as_object_mut().expect("an object").remove("sources"))),
        (2, "passed", |summary| summary["passed"] = json!("all")),
        (2, "pass", |summary| summary["gates"][0]["pass"] = json!("yes")),
        (2, "backoff", |summary| summary["limiters"]["backoff"] = json!(null)),
        (2, "type", |summary| summary["type"] = json!("end")),
    ];
    for (line, name, change) in changes {
        let mut changed = lines[line].clone();
        change(&mut changed);
        let complaint = complaint(&changed).unwrap_or_else(|| panic!("{name} may be anything"));
        assert!(complaint.contains(name), "{name}: {complaint}");
    }
}

#[test]
fn a_comparison_is_described_by_it_too() {
    let origin = Origin::start().script("/", Script::ok("hello"));
    Greenfetch::new()
        .args(["--compare=sync,threads", "--runs", "2", "--json"])
        .list([origin.url("/")])
        .stdout_judged(|text| {
            let document: Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(complaint(&document), None);
            let changes: [(&str, Change); 6] = [
                ("urls", |document| document["urls"] = json!(-1)),
                ("mode", |document| document["modes"][0]["mode"] = json!("fibres")),
                ("stddev", |document| document["modes"][1]["wall"]["stddev"] = json!("none")),
                ("exit_status", |document| document["modes"][0]["runs"][1]["exit_status"] = json!(256)),
                ("p", |document| document["pairs"][0]["p"] = json!(2)),
                ("ceiling", |document| drop(document.as_object_mut().expect("an object").remove("ceiling"))),
            ];
            assert_refused(&document, &changes);
        })
        .stderr("")
        .status(0);
}

#[test]
fn it_is_printed_and_says_its_version() {
    Greenfetch::new()
        .args(["help", "schema"])
        .stdout_judged(|text| {
            let schema: Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
            assert_eq!(schema["$id"], "urn:greenfetch:record:1");
        })
        .stderr("")
        .status(0);
}
