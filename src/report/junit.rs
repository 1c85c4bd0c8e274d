//! `JUnit` XML, as GitLab, GitHub's actions and Jenkins take it.
//!
//! Knows their limits, and which outcome is what there. Refuses to know how XML is escaped: that is quick-junit's.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestRerun, TestSuite, XmlString};

use super::figures::count;
use super::headline::words;
use super::rows::{Row, RowFailure, Whole};
use crate::outcome::Kind;
use crate::record::CheckRecord;
use crate::sanitize::escape;

/// GitLab takes a file up to 30 MB and 500 000 cases (docs.gitlab.com, "Unit test reports", 2026-11).
const MOST_BYTES: usize = 28_000_000;
/// What a case takes besides its texts, in bytes.
const CASE_BYTES: usize = 220;

/// One suite for each list, one case for each URL; and one of the gates on the run, where there are any: a run that they
/// fail is not to look green.
pub(super) fn write(whole: Whole<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut report = Report::new("greenfetch");
    report.set_time(duration(whole.summary.wall));
    let mut room = MOST_BYTES;
    // What did not pass must have room before what passed.
    let (passed, rest): (Vec<&Row>, Vec<&Row>) = whole.rows.iter().partition(|row| row.kind == Kind::Pass);
    let mut kept: Vec<&Row> = rest.into_iter().chain(passed).filter(|row| fits(row, &mut room)).collect();
    kept.sort_by_key(|row| row.urlnum);
    for (source, rows) in by_source(&kept) {
        report.add_test_suite(suite(source, &rows, whole));
    }
    if !whole.summary.gates.is_empty() {
        report.add_test_suite(gates(&whole.summary.gates));
    }
    report.serialize(out).map_err(io::Error::other)
}

/// Whether there is room for one more, which is taken. From the first on that has none, no more is left.
fn fits(row: &Row, room: &mut usize) -> bool {
    let failure = row.failure.as_ref().map_or(0, |failure| 3 * escaped_bytes(&failure.cause));
    let earlier = row.earlier.len() * CASE_BYTES;
    let place = 2 * row.source.len() + row.host.len();
    let bytes = CASE_BYTES + place + 2 * escaped_bytes(&row.title()) + failure + earlier;
    *room = room.checked_sub(bytes).unwrap_or_default();
    *room > 0
}

/// How long a text gets at most where each of XML's special characters is an entity.
fn escaped_bytes(text: &str) -> usize {
    let special = |byte: u8| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'' | 0..0x20 | 0x7f..);
    text.bytes().map(|byte| if special(byte) { 8 } else { 1 }).sum()
}

/// Suites in the order in which their lists were given.
fn by_source<'a>(rows: &[&'a Row]) -> Vec<(&'a str, Vec<&'a Row>)> {
    let mut suites: Vec<(&str, Vec<&Row>)> = Vec::new();
    for row in rows {
        match suites.iter_mut().find(|(source, _)| *source == &*row.source) {
            Some((_, rows)) => rows.push(row),
            None => suites.push((&row.source, vec![row])),
        }
    }
    suites
}

fn suite(source: &str, rows: &[&Row], whole: Whole<'_>) -> TestSuite {
    let file = relative(source, whole.run.directory.as_deref());
    let mut suite = TestSuite::new(text(file));
    suite.set_time(rows.iter().map(|row| duration(row.time_total)).sum());
    suite.extra.insert("timestamp".into(), whole.run.started_at.as_str().into());
    let titles: Vec<String> = rows.iter().map(|row| row.title()).collect();
    let mut seen: HashMap<&str, u32> = HashMap::new();
    titles.iter().for_each(|title| *seen.entry(title).or_default() += 1);
    for (row, title) in rows.iter().zip(&titles) {
        suite.add_test_case(case(row, title, file, seen[title.as_str()] > 1));
    }
    let all = whole.rows.iter().filter(|row| &*row.source == source).count();
    if all > rows.len() {
        let left_out = all - rows.len();
        suite.set_system_out(format!("{left_out} more are left out: the file would be too large for GitLab"));
    }
    suite
}

fn gates(gates: &[CheckRecord]) -> TestSuite {
    let mut suite = TestSuite::new("slo");
    for gate in gates {
        let missed = |kind| {
            let (mut status, words) = (TestCaseStatus::non_success(kind), text(&words(gate)));
            status.set_type("slo").set_message(words.clone()).set_description(words);
            status
        };
        let status = match gate.pass {
            Some(true) => TestCaseStatus::success(),
            Some(false) => missed(NonSuccessKind::Failure),
            None => missed(NonSuccessKind::Error),
        };
        let mut case = TestCase::new(text(&gate.check), status);
        case.set_classname("slo");
        suite.add_test_case(case);
    }
    suite
}

/// Readers of reports look for a file from the folder on that the run was started in.
fn relative<'a>(source: &'a str, directory: Option<&str>) -> &'a str {
    let below = directory.and_then(|directory| source.strip_prefix(directory)?.strip_prefix('/'));
    let relative = below.unwrap_or(source);
    relative.strip_prefix("./").unwrap_or(relative)
}

fn case(row: &Row, title: &str, file: &str, is_doubled: bool) -> TestCase {
    let name = if is_doubled { format!("{title} (line {})", row.line) } else { title.to_owned() };
    let mut case = TestCase::new(text(&name), status(row));
    if !row.host.is_empty() {
        case.set_classname(text(&row.host.replace('.', "_")));
    }
    case.set_time(duration(row.time_total));
    if row.file().is_some() {
        case.extra.insert("file".into(), text(file));
    }
    case.extra.insert("line".into(), row.line.to_string().into());
    if let (Kind::Soft, Some(failure)) = (row.kind, &row.failure) {
        case.set_system_out(text(&format!("soft failure: {}", failure.words())));
    }
    case
}

fn status(row: &Row) -> TestCaseStatus {
    let Some(failure) = row.failure.as_ref().filter(|_| row.kind != Kind::Soft) else {
        let mut passed = TestCaseStatus::success();
        passed.add_reruns(
            row.earlier.iter().map(|try_| rerun(try_.class.as_deref(), try_.response_code, try_.time_total)),
        );
        return passed;
    };
    let mut status = match row.kind {
        Kind::Cancelled if row.tries == 0 => TestCaseStatus::skipped(),
        _ => TestCaseStatus::non_success(non_success(&failure.class)),
    };
    status.set_type(text(&failure.class)).set_message(text(&failure.words()));
    status.set_description(text(&body(row, failure)));
    status
}

/// A judgement is a failure, what kept from judging is an error.
fn non_success(class: &str) -> NonSuccessKind {
    match class {
        "status" | "check" => NonSuccessKind::Failure,
        _ => NonSuccessKind::Error,
    }
}

/// What the terminal would say: GitLab shows the body alone.
fn body(row: &Row, failure: &RowFailure) -> String {
    let tries = count(row.tries as u64, "try", "tries");
    format!(
        "{}: {} {}: {} ({tries}, {:.2} s)",
        row.place(),
        row.method,
        row.url,
        failure.words(),
        row.time_total
    )
}

/// A try before the one that passed.
fn rerun(class: Option<&str>, response_code: Option<u16>, seconds: f64) -> TestRerun {
    let class = class.unwrap_or("cancelled");
    let seen = response_code.map_or_else(String::new, |code| format!(", status {code}"));
    let words = format!("an earlier try failed: {class}{seen}");
    let mut rerun = TestRerun::new(NonSuccessKind::Failure);
    rerun
        .set_type(text(class))
        .set_message(text(&words))
        .set_description(format!("{words} ({seconds:.2} s)"));
    rerun
}

/// Escaped for people, and without the two characters that XML has not and `escape` leaves (XML 1.0 §2.2).
fn text(raw: &str) -> XmlString {
    let escaped = escape(raw);
    let has_none = |c: char| matches!(c, '\u{fffe}' | '\u{ffff}');
    match escaped {
        Cow::Borrowed(clean) if !clean.contains(has_none) => XmlString::new(clean),
        escaped => XmlString::new(escaped.replace(has_none, "\u{fffd}")),
    }
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::rows::samples::{HOSTILE, Sample};
    use super::*;
    use crate::report::golden;

    fn xml(sample: &Sample) -> String {
        let mut out = Vec::new();
        write(sample.whole(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn one_of_everything_is_the_golden_file() {
        golden::is("junit.xml", &xml(&Sample::rich()));
    }

    #[test]
    fn each_outcome_is_its_element() {
        let text = xml(&Sample::rich());
        for (element, n) in [
            ("<testcase ", 10),
            ("<failure ", 1),
            ("<error ", 3),
            ("<skipped ", 1),
            ("<flakyFailure ", 1),
            ("<system-out>soft failure: ", 1),
        ] {
            assert_eq!(text.matches(element).count(), n, "{element} in {text}");
        }
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{ffff}', '\0']), "{text}");
    }

    /// A name of characters that are odd somewhere, another one for each number.
    fn hostile_name(n: u32) -> Box<str> {
        let odd = |at: u32| char::from_u32((n * 131 + at * 7_919) % 0x11_0000).unwrap_or('\u{fffe}');
        let odd: String = (0..20).map(odd).collect();
        format!("{HOSTILE}{}{odd}", char::from_u32(n % 256).unwrap_or_default()).into()
    }

    #[test]
    fn a_thousand_hostile_names_are_characters_that_xml_has() {
        let mut sample = Sample::long(1_000);
        for (n, row) in (0..).zip(&mut sample.rows) {
            row.name = Some(hostile_name(n));
        }
        let text = xml(&sample);
        let is_xml = |c: char| matches!(c, '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(text.chars().all(is_xml), "{:?}", text.chars().find(|c| !is_xml(*c)));
        assert_eq!(text.matches("<testcase ").count(), 1_000);
    }

    #[test]
    #[ignore = "needs xmllint: just formats"]
    fn an_outside_tool_finds_that_it_keeps_to_the_schema_of_jenkins() {
        let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/junit.xsd");
        let dir = tempfile::tempdir().unwrap();
        let mut sample = Sample::long(1_000);
        for (n, row) in (0..).zip(&mut sample.rows) {
            row.name = Some(hostile_name(n));
        }
        sample.rows.extend(Sample::rich().rows);
        for (name, sample) in
            [("long", sample), ("rich", Sample::rich()), ("none", Sample::long(0)), ("gated", gated())]
        {
            let path = dir.path().join(name);
            std::fs::write(&path, xml(&sample)).unwrap();
            let linted = std::process::Command::new("xmllint")
                .args(["--noout", "--schema", schema])
                .arg(&path)
                .output()
                .unwrap();
            assert!(linted.status.success(), "{name}: {}", String::from_utf8_lossy(&linted.stderr));
        }
    }

    fn gated() -> Sample {
        let gate = |check: &str, pass: Option<bool>| CheckRecord {
            check: check.to_owned(),
            expected: Some("below 0.5 s".to_owned()),
            actual: pass.map(|_| "0.81 s".to_owned()),
            pass,
        };
        let mut sample = Sample::long(1);
        sample.summary.gates =
            vec![gate("p95<500ms", Some(false)), gate("p50<1s", Some(true)), gate("ttfb.p99<1s", None)];
        sample
    }

    #[test]
    fn a_gate_is_a_case_of_its_own_and_red_where_it_did_not_hold() {
        assert!(!xml(&Sample::long(1)).contains("slo"));
        let text = xml(&gated());
        let suite = r#"<testsuite name="slo" tests="3" skipped="0" errors="1" failures="1">"#;
        assert!(text.contains(suite), "{text}");
        assert!(text.contains("expected below 0.5 s, got 0.81 s</failure>"), "{text}");
        assert!(text.contains("but nothing was measured</error>"), "{text}");
    }

    #[test]
    fn doubled_names_are_told_apart_by_their_lines() {
        let mut sample = Sample::long(3);
        for row in &mut sample.rows[..2] {
            row.name = Some(HOSTILE.into());
        }
        let text = xml(&sample);
        assert!(
            text.contains("(line 1)\"") && text.contains("(line 2)\"") && !text.contains("(line 3)"),
            "{text}"
        );
    }

    #[test]
    fn a_file_is_named_from_where_the_run_was_started() {
        for (source, directory, expected) in [
            ("./urls.txt", None, "urls.txt"),
            ("/home/me/a/urls.txt", Some("/home/me"), "a/urls.txt"),
            ("/home/men/urls.txt", Some("/home/me"), "/home/men/urls.txt"),
            ("urls.txt", Some("/"), "urls.txt"),
        ] {
            assert_eq!(relative(source, directory), expected);
        }
    }

    #[test]
    fn what_did_not_pass_has_room_before_what_passed_and_the_rest_is_counted() {
        let mut sample = Sample::long(40_000);
        for row in &mut sample.rows {
            row.url = "http://a.example/&".repeat(60).into();
        }
        let last = Sample::rich();
        sample.rows.extend(last.rows);
        let text = xml(&sample);
        assert!(text.len() < 30_000_000, "{}", text.len());
        assert_eq!(text.matches("<error ").count(), 3);
        assert!(text.contains(" more are left out"));
    }
}
