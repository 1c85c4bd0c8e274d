//! The schema that `greenfetch help schema` prints, held against every record and document that a test sees.
//!
//! Knows a validator. Refuses to know the fields.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

const ID: &str = "urn:greenfetch:record:1";

/// Compiled once: there are thousands of records.
static SCHEMA: LazyLock<(Schemas, SchemaIndex)> = LazyLock::new(|| {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenfetch"));
    let output = command.args(["help", "schema"]).output().expect("greenfetch is built");
    let schema: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    // Dates too are looked at.
    compiler.enable_format_assertions();
    compiler.add_resource(ID, schema).expect("its own name");
    let index = compiler.compile(ID, &mut schemas).unwrap_or_else(|error| panic!("{error:#}"));
    (schemas, index)
});

/// What is wrong with a value that should be a record; `None` when nothing is.
pub(crate) fn complaint(value: &Value) -> Option<String> {
    let (schemas, index) = &*SCHEMA;
    schemas.validate(value, *index).err().map(|error| format!("{error:#}"))
}

/// Panics for a line of a stream or report that is no record though it says so.
pub(crate) fn judge(text: &str) {
    const TYPES: [&str; 5] = ["run", "result", "summary", "comparison", "diff"];
    let is_ours = |line: &&str| {
        let word = line.strip_prefix("{\"type\":\"").and_then(|rest| rest.split('"').next());
        word.is_some_and(|word| TYPES.contains(&word))
    };
    for line in text.lines().filter(is_ours) {
        // A test may have stopped reading in the middle of one.
        let Ok(value) = serde_json::from_str(line) else { continue };
        judge_value(&value);
    }
}

/// Panics for a record of a report that is none; one that is not there, or no regular file, has none.
pub(crate) fn judge_report(path: &Path) {
    let is_file = path.metadata().is_ok_and(|metadata| metadata.is_file());
    let Some(text) = is_file.then(|| std::fs::read_to_string(path).ok()).flatten() else { return };
    judge(&text);
    if let Ok(Value::Object(document)) = serde_json::from_str(&text)
        && let (Some(run), Some(Value::Array(results)), Some(summary)) =
            (document.get("run"), document.get("results"), document.get("summary"))
    {
        [run, summary].into_iter().chain(results).for_each(judge_value);
    }
}

fn judge_value(value: &Value) {
    if let Some(complaint) = complaint(value) {
        panic!("a record that is none by `greenfetch help schema`: {complaint}\nin {value}");
    }
}
