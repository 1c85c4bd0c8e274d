//! `--failed`: what did not pass, as a list to fetch again.
//!
//! Knows what a line of a list may not hold. Refuses to know settings: an entry comes as the list would have it.

use crate::record::Record;
use crate::sanitize::{escape, shorten};

/// So much of a cause stands in the comment.
const MOST_CAUSE: usize = 300;

/// An entry under a comment that says why; empty for what passed or is soft. Without the entry as a list has it, what
/// its record knows of it: method, URL, name and tags.
pub(super) fn entry(record: &Record, again: Option<&str>) -> String {
    let Some(error) = record.error.as_ref().filter(|_| record.outcome != "soft") else {
        return String::new();
    };
    let cause = record.errormsg.as_deref().unwrap_or(&error.message);
    let place = format!("{}:{}", record.source, record.line);
    let words = format!("{} ({}): {}", error.class, error.phase, shorten(cause, MOST_CAUSE));
    let entry = again.map_or_else(|| line(record), str::to_owned);
    format!("# {}: {}\n{}\n", escape(&place), escape(&words), entry.trim_end_matches('\n'))
}

/// What is no URL comes back as it was, to be the same failure again; `${` is none of a variable any more.
fn line(record: &Record) -> String {
    let mut line = match record.method.as_str() {
        "GET" => String::new(),
        method => format!("{method} "),
    };
    line.push_str(&escape(&literal(&record.url)));
    let name = record.name.iter().map(|name| ("name", name));
    for (key, value) in name.chain(record.tags.iter().map(|tag| ("tag", tag))) {
        line.push_str(&format!(" {key}=\"{}\"", escape(&quoted(&literal(value)))));
    }
    line
}

fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

/// What stands between double quotes in a list.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    text.replace('\n', "\\n").replace('\t', "\\t")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::outcome::{Class, Failure, Phase};
    use crate::record::samples::{outcome, passed, run};
    use crate::request::Method;

    fn record(message: &str) -> Record {
        let mut failed = outcome(2, Failure::new(Class::Closed, Phase::Wait, message));
        Arc::make_mut(&mut failed.subject).method = Method::HEAD;
        Record::from_outcome(&failed, &run())
    }

    #[test]
    fn a_failure_is_a_line_under_its_reason() {
        let expected = "# urls.txt:2: closed (wait): reset\nHEAD http://a.example/2\n";
        assert_eq!(entry(&record("reset"), None), expected);
        let again = "https://a/ expect=2xx\n  json={}\n";
        assert_eq!(
            entry(&record("reset"), Some(again)),
            format!("# urls.txt:2: closed (wait): reset\n{again}")
        );
    }

    #[test]
    fn a_reason_is_one_line_whatever_it_quotes() {
        let text = entry(&record(&format!("a\nhttp://evil/\r\u{2028}{}", "x".repeat(5_000))), None);
        assert_eq!(text.lines().count(), 2);
        assert!(
            text.len() < 500 && text.starts_with("# urls.txt:2: closed (wait): a\\x0ahttp://evil/"),
            "{text}"
        );
    }

    #[test]
    fn what_passed_or_is_soft_is_not_there_and_what_was_cancelled_is() {
        let mut soft = record("reset");
        soft.outcome = "soft".into();
        assert_eq!(entry(&soft, None) + &entry(&Record::from_outcome(&passed(1, 5), &run()), None), "");
        let cut = outcome(3, Failure::new(Class::Cancelled, Phase::Queue, "SIGINT"));
        assert_eq!(
            entry(&Record::from_outcome(&cut, &run()), None),
            "# urls.txt:3: cancelled (queue): SIGINT\nhttp://a.example/3\n"
        );
    }
}
