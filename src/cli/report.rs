//! `--report KIND=FILE`.
//!
//! Knows how a report is asked for, and which kind somebody meant. Refuses to touch the file.

use std::path::PathBuf;

use strsim::levenshtein;

use super::value::shown;
use crate::config::{ReportKind, ReportTo};

/// A kind and a file, neither of them empty.
pub(super) fn parse_report(text: &str) -> Result<ReportTo, String> {
    let Some((kind, path)) = text.split_once('=') else {
        return Err(format!("'{}' has no file; write KIND=FILE, such as {}", shown(text), example(text)));
    };
    let kind = parse_kind(kind)?;
    match path {
        "" => Err(format!("the file is missing after {}=", kind.as_str())),
        "-" => Err(format!("for standard output write {}=/dev/stdout", kind.as_str())),
        path => Ok(ReportTo { kind, path: PathBuf::from(path) }),
    }
}

fn parse_kind(word: &str) -> Result<ReportKind, String> {
    if let Some(kind) = ReportKind::ALL.into_iter().find(|kind| kind.as_str() == word) {
        return Ok(kind);
    }
    let near = nearest(word).map(|kind| format!("; did you mean {}?", kind.as_str())).unwrap_or_default();
    let all = ReportKind::ALL.map(ReportKind::as_str).join(", ");
    Err(format!("there is no report '{}'{near} (there are {all})", shown(word)))
}

/// What the text would be if it were a kind alone, or, for a file alone, with a kind before it.
fn example(text: &str) -> String {
    match ReportKind::ALL.into_iter().find(|kind| kind.as_str() == text) {
        Some(kind) => format!("{text}=report.{}", kind.as_str()),
        None => "json=report.json".to_owned(),
    }
}

/// The one kind that is meant by another name or with a slip of the finger or two.
fn nearest(word: &str) -> Option<ReportKind> {
    let word = word.to_ascii_lowercase();
    let by_name = OTHER_NAMES.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind);
    let distance = |kind: &ReportKind| levenshtein(kind.as_str(), &word);
    let is_near = |kind: &ReportKind| distance(kind) <= 2.min(kind.as_str().len() / 2);
    let by_slip = || ReportKind::ALL.into_iter().min_by_key(distance).filter(is_near);
    by_name.or_else(by_slip)
}

/// What others call them.
const OTHER_NAMES: [(&str, ReportKind); 7] = [
    ("ndjson", ReportKind::Jsonl),
    ("jsonlines", ReportKind::Jsonl),
    ("xml", ReportKind::Junit),
    ("xunit", ReportKind::Junit),
    ("markdown", ReportKind::Markdown),
    ("htm", ReportKind::Html),
    ("prometheus", ReportKind::Prometheus),
];

#[cfg(test)]
mod tests {
    use super::super::testing::config;
    use super::*;

    #[test]
    fn reports_add_up_and_a_file_may_have_any_name() {
        let reports =
            config("demo --report json=a=b --report jsonl=/dev/stdout --report json=./-").output.reports;
        let paths: Vec<_> =
            reports.iter().map(|report| (report.kind, report.path.to_string_lossy())).collect();
        let expected = [
            (ReportKind::Json, "a=b".into()),
            (ReportKind::Jsonl, "/dev/stdout".into()),
            (ReportKind::Json, "./-".into()),
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn what_is_no_report_says_what_is_meant() {
        for (text, words) in [
            ("json", "write KIND=FILE, such as json=report.json"),
            ("report.json", "write KIND=FILE"),
            ("json=", "the file is missing"),
            ("jsonl=-", "write jsonl=/dev/stdout"),
            ("jsno=x", "did you mean json?"),
            ("JSONL=x", "did you mean jsonl?"),
            ("ndjson=x", "did you mean jsonl?"),
            ("jnuit=x", "did you mean junit?"),
            ("markdown=x", "did you mean md?"),
            ("pdf=x", "there is no report 'pdf' (there are json, jsonl"),
            ("\u{1b}[=x", "there is no report '\\x1b['"),
            ("=x", "there is no report ''"),
        ] {
            let complaint = parse_report(text).expect_err(text);
            assert!(complaint.contains(words), "{text}: {complaint}");
        }
    }
}
