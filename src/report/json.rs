//! One JSON object a line on stdout for each entry taken up, failed and cancelled ones included.
//!
//! Knows JSON's escapes. Refuses to know the fields: they are [`Record`]'s.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::Teller;
use super::page::Page;
use crate::event::{Event, RunInfo};
use crate::record::Record;
use crate::sanitize;

/// Tells every outcome as a record.
#[derive(Default)]
pub(super) struct Json {
    run: Option<RunInfo>,
}

impl Teller for Json {
    fn tell(&mut self, event: &Event, page: &mut Page) {
        match (event, &self.run) {
            (Event::RunStarted(run), _) => self.run = Some(run.clone()),
            (Event::Finished(outcome), Some(run)) => write_line(&Record::from_outcome(outcome, run), page),
            _ => {}
        }
    }
}

fn write_line(record: &Record, page: &mut Page) {
    write_value(record, &mut *page);
    page.push("\n");
}

fn write_value(value: &impl Serialize, writer: impl Write) {
    let mut serializer = Serializer::with_formatter(writer, Escaping);
    value.serialize(&mut serializer).expect("plain data with text keys, and a page takes everything");
}

/// Plain data with text keys as JSON on one line, its end included, with the same escapes.
pub fn json_line(value: &impl Serialize) -> Vec<u8> {
    let mut line = Vec::new();
    write_value(value, &mut line);
    line.push(b'\n');
    line
}

/// Compact JSON in which no character is left that acts on a terminal. JSON itself only asks for those below 0x20
/// (RFC 8259 §7), which arrive here escaped.
struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if sanitize::is_plain(fragment.as_bytes()) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some(at) = rest.find(sanitize::is_unsafe) {
            let (clean, from_unsafe) = rest.split_at(at);
            writer.write_all(clean.as_bytes())?;
            let mut after = from_unsafe.chars();
            after.next().map_or(Ok(()), |c| write_escape(writer, c))?;
            rest = after.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// `\u001b`; beyond the first plane a surrogate pair.
fn write_escape<W: ?Sized + Write>(writer: &mut W, c: char) -> io::Result<()> {
    c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(writer, "\\u{unit:04x}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::outcome::{Class, Failure, Outcome, Phase};
    use crate::record::samples::{outcome, passed, run};
    use crate::report::told;

    fn lines(outcomes: impl IntoIterator<Item = Outcome>) -> String {
        let finished = outcomes.into_iter().map(|outcome| Event::Finished(Box::new(outcome)));
        told(&mut Json::default(), true, std::iter::once(Event::RunStarted(run())).chain(finished))
    }

    fn listed(text: &str) -> Outcome {
        let mut outcome = passed(1, 0);
        Arc::make_mut(&mut outcome.subject).listed = text.to_owned();
        outcome
    }

    #[test]
    fn every_outcome_is_a_line_whatever_it_came_to() {
        let failed = |class| outcome(2, Failure::new(class, Phase::Wait, "x"));
        let text = lines([passed(1, 5), failed(Class::Closed), failed(Class::Cancelled)]);
        let outcomes: Vec<_> = text
            .lines()
            .map(|line| serde_json::from_str::<Record>(line).unwrap().outcome.into_owned())
            .collect();
        assert_eq!(outcomes, ["pass", "fail", "cancelled"]);
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn what_acts_on_a_terminal_is_escaped_as_json_does_it() {
        let text = lines([listed("a\x1b\x7f\u{9b}\u{202e}\u{e0041}\"\\é")]);
        assert!(text.contains(r#""url":"a\u001b\u007f\u009b\u202e\udb40\udc41\"\\é""#), "{text}");
    }

    proptest! {
        #[test]
        fn no_control_character_but_the_newline_is_ever_raw(url in any::<String>(), message in any::<String>()) {
            let mut sad = outcome(1, Failure::new(Class::Protocol, Phase::Receive, message));
            Arc::make_mut(&mut sad.subject).listed = url.clone();
            let text = lines([listed(&url), sad.clone()]);
            prop_assert_eq!(text.matches('\n').count(), 2);
            prop_assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || sanitize::is_unsafe(c))));
            for (line, outcome) in text.lines().zip([listed(&url), sad]) {
                prop_assert_eq!(serde_json::from_str::<Record>(line).unwrap(), Record::from_outcome(&outcome, &run()));
            }
        }
    }
}
