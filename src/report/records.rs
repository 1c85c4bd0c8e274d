//! The records of a run as a report: one JSON document, or a line each.
//!
//! Knows what stands between records. Refuses to know their fields, and to keep one: both kinds are written as results
//! come.

use std::io::{self, Write};

use super::json::json_line;
use crate::record::{Record, RunRecord, SummaryRecord};

/// `{"run": …, "results": […], "summary": …}`, results a line each, in the order in which they came.
#[derive(Default)]
pub(super) struct Document {
    has_results: bool,
}

impl Document {
    pub(super) fn begin(&self, run: &RunRecord, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"{\"run\":")?;
        out.write_all(json_line(run).trim_ascii_end())?;
        out.write_all(b",\n\"results\":[")
    }

    pub(super) fn result(&mut self, record: &Record, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(if self.has_results { b",\n" } else { b"\n" })?;
        self.has_results = true;
        out.write_all(json_line(record).trim_ascii_end())
    }

    pub(super) fn end(&self, summary: &SummaryRecord, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"\n],\n\"summary\":")?;
        out.write_all(json_line(summary).trim_ascii_end())?;
        out.write_all(b"}\n")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::config::Config;
    use crate::event::Summary;
    use crate::exit::ExitStatus;
    use crate::record::Tally;
    use crate::record::samples::{passed, run};

    fn document(n: u32) -> Value {
        let mut text = Vec::new();
        let mut document = Document::default();
        let config = Config::default();
        document.begin(&RunRecord::new(&run(), &config, &config.concurrency, None), &mut text).unwrap();
        for line in 1..=n {
            document.result(&Record::from_outcome(&passed(line, 5), &run()), &mut text).unwrap();
        }
        let id = run().run_id.as_str().into();
        let summary = SummaryRecord::new(&id, &Summary::default(), &mut Tally::default(), ExitStatus::Pass);
        document.end(&summary, &mut text).unwrap();
        assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 4 + n as usize);
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn the_document_is_json_with_any_number_of_results() {
        for n in [0, 1, 3] {
            let document = document(n);
            let lines: Vec<_> =
                document["results"].as_array().unwrap().iter().map(|r| r["line"].as_u64()).collect();
            assert_eq!(lines, (1..=u64::from(n)).map(Some).collect::<Vec<_>>());
            assert_eq!(
                (&document["run"]["type"], &document["summary"]["type"]),
                (&"run".into(), &"summary".into())
            );
        }
    }
}
