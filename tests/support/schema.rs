//! The schema that `greenfetch help schema` prints, held against every record that a test sees.
//!
//! Knows a validator. Refuses to know the fields.

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
    schemas.validate(value, *index).err().map(|error| format!("{error:#}\nin {value}"))
}

/// Panics for a line of a stream that is no record though it says so.
pub(crate) fn judge(stream: &str) {
    for line in stream.lines().filter(|line| line.starts_with("{\"type\":\"result\"")) {
        // A test may have stopped reading in the middle of one.
        let Ok(value) = serde_json::from_str(line) else { continue };
        if let Some(complaint) = complaint(&value) {
            panic!("a record that is none by `greenfetch help schema`: {complaint}");
        }
    }
}
