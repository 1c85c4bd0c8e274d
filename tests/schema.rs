//! What `greenfetch help schema` prints, and that it tells records from what is none.
//!
//! Knows one record. Refuses to list the fields: a test of the room does.

use serde_json::{Value, json};

use crate::support::Greenfetch;
use crate::support::origin::Origin;
use crate::support::schema::complaint;
use crate::support::script::Script;

/// What is done to a record.
type Change = fn(&mut Value);

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
            for (name, change) in changes {
                let mut changed = record.clone();
                change(&mut changed);
                let complaint = complaint(&changed).unwrap_or_else(|| panic!("{name} may be anything"));
                assert!(complaint.contains(name), "{name}: {complaint}");
            }
            let mut later = record.clone();
            later["new_field"] = json!(1);
            assert_eq!(complaint(&later), None, "fields may be added");
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
