//! A table of faults: path, script, what must come of it. The whole table is one list.
//!
//! Knows how rows are judged against the records, the failure lines and the text. Refuses to know any fault.

use serde_json::Value;

use super::Greenfetch;
use super::expectation::{Expectation, parse_records};
use super::origin::Origin;
use super::script::Script;

/// Rows against one origin.
///
/// What is wanted of a row is said in words, with ` | ` between what is as good: `pass 5` (so many bytes), `pass`,
/// `closed (receive)`, `closed`.
#[must_use = "nothing runs before .run(…)"]
pub(crate) struct Table {
    origin: Origin,
    rows: Vec<Row>,
}

#[derive(Clone)]
struct Row {
    url: String,
    wanted: &'static str,
}

impl Table {
    /// No row yet.
    pub(crate) fn new(origin: Origin) -> Table {
        Table { origin, rows: Vec::new() }
    }

    /// A path of the origin.
    pub(crate) fn row(mut self, path: &str, script: Script, wanted: &'static str) -> Table {
        self.origin.add(path, script);
        let url = self.origin.url(path);
        self.url(&url, wanted)
    }

    /// A URL of something else.
    pub(crate) fn url(mut self, url: &str, wanted: &'static str) -> Table {
        self.rows.push(Row { url: url.to_owned(), wanted });
        self
    }

    /// A path of the origin by another scheme.
    pub(crate) fn row_as(mut self, scheme: &str, path: &str, script: Script, wanted: &'static str) -> Table {
        self.origin.add(path, script);
        let url = self.origin.url_as(scheme, "127.0.0.1", path);
        self.url(&url, wanted)
    }

    /// Runs the table as the chain says: with `--json` in all its modes, then over two processes, then as text.
    pub(crate) fn run(self, chain: impl Fn() -> Greenfetch) {
        self.run_records(chain());
        let mut processes = chain().args(["--processes", "2"]);
        processes.modes = vec![super::COROUTINES];
        self.run_records(processes);
        self.run_text(chain());
    }

    /// The same without a second process.
    pub(crate) fn run_by_one_process(self, chain: impl Fn() -> Greenfetch) {
        self.run_records(chain());
        self.run_text(chain());
    }

    fn run_records(&self, chain: Greenfetch) {
        let mut records = chain.args(["--json"]).list(self.rows.iter().map(|row| &row.url));
        records.stdout.push(self.check(judge_records));
        records.stderr.push(self.check(judge_lines));
        records.status(self.status());
    }

    fn run_text(&self, chain: Greenfetch) {
        let mut text = chain.list(self.rows.iter().map(|row| &row.url));
        text.modes.drain(..text.modes.len() - 1);
        text.stdout.push(self.check(judge_text));
        text.stderr.push(self.check(judge_lines));
        text.status(self.status());
    }

    fn status(&self) -> i32 {
        let is_definite = self.rows.iter().any(Row::must_fail) || self.rows.iter().all(Row::must_pass);
        assert!(is_definite, "the status is open: let one row fail for certain");
        i32::from(!self.rows.iter().all(Row::must_pass))
    }

    fn check(&self, judge: fn(&[Row], &str) -> Vec<String>) -> Expectation {
        let rows = self.rows.clone();
        Expectation::Checked(Box::new(move |text| complaint(&judge(&rows, text))))
    }
}

impl Row {
    fn alternatives(&self) -> impl Iterator<Item = &'static str> {
        self.wanted.split(" | ")
    }

    fn must_pass(&self) -> bool {
        self.alternatives().all(|wanted| wanted.starts_with("pass"))
    }

    fn must_fail(&self) -> bool {
        self.alternatives().all(|wanted| !wanted.starts_with("pass"))
    }

    /// Whether `pass 5` or `closed (receive)` is what was wanted.
    fn allows(&self, actual: &str) -> bool {
        let first = actual.split(' ').next();
        self.alternatives().any(|wanted| wanted == actual || Some(wanted) == first)
    }
}

/// What came of a URL, in the words of a table.
pub(crate) fn came_to(record: &Value) -> String {
    if record["outcome"] == "pass" {
        return format!("pass {}", record["size_delivered"]);
    }
    let word = |key: &str| record["error"][key].as_str().unwrap_or("?").to_owned();
    format!("{} ({})", word("class"), word("phase"))
}

fn judge_records(rows: &[Row], text: &str) -> Vec<String> {
    let records = parse_records(text);
    if records.len() != rows.len() {
        return vec![format!("{} records for {} rows", records.len(), rows.len())];
    }
    let wrong = rows.iter().zip(&records).filter_map(|(row, record)| {
        let actual = came_to(record);
        let message = record["error"]["message"].as_str().unwrap_or_default();
        let complaint = format!("{}\n    wanted {}, came to {actual}: {message}", row.url, row.wanted);
        (!row.allows(&actual)).then_some(complaint)
    });
    wrong.collect()
}

/// Each failure has one line on stderr, of the form that the contract gives.
fn judge_lines(rows: &[Row], text: &str) -> Vec<String> {
    let wrong = rows.iter().enumerate().filter_map(|(index, row)| {
        let start = format!("list:{}: {}: ", index + 1, row.url);
        let lines: Vec<_> = text.lines().filter_map(|line| line.strip_prefix(&start)).collect();
        let is_right = match lines.as_slice() {
            [] => !row.must_fail(),
            [line] => line.split_once(": ").is_some_and(|(head, _)| row.allows(head)),
            _ => false,
        };
        (!is_right).then(|| format!("{start}\n    wanted {}, got {lines:?}", row.wanted))
    });
    wrong.collect()
}

/// Each pass has one line on stdout, as the contract gives it; a failure has none.
fn judge_text(rows: &[Row], text: &str) -> Vec<String> {
    let wrong = rows.iter().filter_map(|row| {
        let end = format!(" bytes received from {}.", row.url);
        let lines: Vec<_> = text.lines().filter_map(|line| line.strip_suffix(&end)).collect();
        let is_right = match lines.as_slice() {
            [] => !row.must_pass(),
            [n] => row.allows(&format!("pass {n}")),
            _ => false,
        };
        (!is_right).then(|| format!("{}\n    wanted {}, got {lines:?}", row.url, row.wanted))
    });
    wrong.collect()
}

fn complaint(wrong: &[String]) -> Option<String> {
    (!wrong.is_empty()).then(|| format!("{} rows are wrong:\n{}", wrong.len(), wrong.join("\n")))
}
