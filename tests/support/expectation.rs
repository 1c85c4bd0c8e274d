//! What a test expects of a stream, and whether it came.
//!
//! Knows texts, whose lines may come in any order where several things run at once. Refuses to know processes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use serde_json::Value;

/// A judgement by the test itself, which panics when it does not like the text.
type Judge = Box<dyn Fn(&str)>;

/// A judgement without a panic: `None`, or what is wrong.
type Check = Box<dyn Fn(&str) -> Option<String>>;

/// One expectation of a stream.
pub(crate) enum Expectation {
    /// These lines; in list order only where one thing happens after another.
    Text(String),
    /// This somewhere.
    Has(String),
    /// This nowhere.
    Lacks(String),
    /// What the test says.
    Judged(Judge),
    /// What the test says without a panic: `None`, or what is wrong.
    Checked(Check),
    /// Anything: said on purpose.
    Any,
}

impl Expectation {
    /// The records of `--json`, in the order of the list.
    pub(crate) fn records(judge: impl Fn(Vec<Value>) + 'static) -> Expectation {
        Expectation::Judged(Box::new(move |text| {
            let records = parse_records(text);
            assert!(!records.is_empty(), "no record at all");
            judge(records);
        }))
    }

    /// Whether it wants the stream as it came, with its times and ports.
    pub(crate) fn wants_it_raw(&self) -> bool {
        matches!(self, Expectation::Judged(_) | Expectation::Checked(_))
    }

    /// `None` when the text is as expected, else what is wrong with it.
    pub(crate) fn complaint(&self, text: &str, in_order: bool) -> Option<String> {
        match self {
            Expectation::Text(wanted) if in_order => (text != wanted).then(|| format!("expected\n{wanted}")),
            Expectation::Text(wanted) => {
                let is_so = sorted(text) == sorted(wanted) && text.ends_with('\n') == wanted.ends_with('\n');
                (!is_so).then(|| format!("expected, in any order,\n{wanted}"))
            }
            Expectation::Has(wanted) => {
                (!text.contains(wanted)).then(|| format!("expected somewhere {wanted:?}"))
            }
            Expectation::Lacks(wanted) => {
                text.contains(wanted).then(|| format!("expected nowhere {wanted:?}"))
            }
            Expectation::Judged(judge) => {
                catch_unwind(AssertUnwindSafe(|| judge(text))).err().map(|panic| reason(panic.as_ref()))
            }
            Expectation::Checked(check) => check(text),
            Expectation::Any => None,
        }
    }
}

/// Reads records, each on a whole line, and puts them in the order of the list.
pub(crate) fn parse_records(text: &str) -> Vec<Value> {
    let parse = |line: &str| -> Value {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in the record {line}"))
    };
    let mut records: Vec<Value> = text.lines().map(parse).collect();
    records.sort_by_key(|record| record["urlnum"].as_u64());
    records
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

fn reason(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
}

/// What is true of every stream of every run: no control character but the line's end, whole lines, and no panic.
pub(crate) fn blemish(text: &str, coloured: bool) -> Option<String> {
    let is_raw = |c: &char| c.is_control() && *c != '\n' && !(coloured && *c == '\x1b');
    if let Some(raw) = text.chars().find(is_raw) {
        return Some(format!("the raw control character {raw:?}"));
    }
    if text.contains("panicked at") || text.contains("stack backtrace") {
        return Some("a panic".to_owned());
    }
    (!text.is_empty() && !text.ends_with('\n')).then(|| "a line without its end".to_owned())
}

/// Replaces what differs from run to run: times, ports, the directory.
pub(crate) fn settle(text: &str, dir: &Path) -> String {
    let mut text = text.replace(&*dir.to_string_lossy(), "{dir}");
    for (prefix, whole) in [
        ("http://127.0.0.1:", "{origin}"),
        ("https://127.0.0.1:", "{tls}"),
        ("127.0.0.1:", "{addr}"),
        ("localhost:", "localhost:{port}"),
        (".test:", ".test:{port}"),
        ("[::1]:", "[::1]:{port}"),
    ] {
        text = replace_number(&text, prefix, whole);
    }
    replace_times(&text)
}

/// Replaces a prefix and the digits after it.
fn replace_number(text: &str, prefix: &str, whole: &str) -> String {
    let mut parts = text.split(prefix);
    let mut settled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        settled.push_str(if rest.len() < part.len() { whole } else { prefix });
        settled.push_str(rest);
    }
    settled
}

/// `0.01 s` and `1.203 s` are `[TIME] s`.
fn replace_times(text: &str) -> String {
    let mut settled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let number = &rest[start..];
        let end = number.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(number.len());
        let after = &number[end..];
        let is_time = number[..end].contains('.')
            && after.starts_with(" s")
            && !after[2..].starts_with(|c: char| c.is_alphanumeric());
        settled.push_str(&rest[..start]);
        settled.push_str(if is_time { "[TIME]" } else { &number[..end] });
        rest = after;
    }
    settled.push_str(rest);
    settled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_settled() {
        for (text, settled) in [
            (
                "list:1: http://127.0.0.1:4711/a: x (1 try, 0.01 s)\n",
                "list:1: {origin}/a: x (1 try, [TIME] s)\n",
            ),
            ("https://127.0.0.1:1/ 127.0.0.1:2 refused", "{tls}/ {addr} refused"),
            (
                "http://a.localhost:80/ [::1]:80 1.203 s, 2 s",
                "http://a.localhost:{port}/ [::1]:{port} [TIME] s, 2 s",
            ),
            ("1.5 seconds, 12 bytes, 127.0.0.1: none", "1.5 seconds, 12 bytes, 127.0.0.1: none"),
            ("/tmp/x/list", "{dir}/list"),
            ("", ""),
        ] {
            assert_eq!(settle(text, Path::new("/tmp/x")), settled);
        }
    }

    #[test]
    fn lines_may_come_in_any_order_but_none_may_be_lost() {
        let wanted = Expectation::Text("a\nb\nb\n".to_owned());
        assert!(wanted.complaint("b\na\nb\n", false).is_none());
        for text in ["a\nb\n", "a\na\nb\n", "a\nb\nb", ""] {
            assert!(wanted.complaint(text, false).is_some(), "{text:?}");
        }
        assert!(wanted.complaint("b\na\nb\n", true).is_some());
    }

    #[test]
    fn a_judge_is_heard() {
        let judge = Expectation::records(|records| assert_eq!(records[0]["line"], 1, "line one"));
        assert!(judge.complaint("{\"urlnum\":0,\"line\":1}\n", true).is_none());
        let complaint = judge.complaint("", true);
        assert!(complaint.is_some_and(|text| text.contains("no record")));
        assert!(judge.complaint("{\"line\":2}\n", true).is_some());
    }

    #[test]
    fn a_blemish_is_seen_in_any_stream() {
        for clean in ["", "a\n", "ä…\n"] {
            assert_eq!(blemish(clean, false), None);
        }
        for bad in ["a\x1b[0m\n", "\x07\n", "\u{9b}\n", "torn", "thread 'x' panicked at src\n"] {
            assert!(blemish(bad, false).is_some(), "{bad:?}");
        }
        assert_eq!(blemish("\x1b[31mred\x1b[0m\n", true), None);
    }
}
