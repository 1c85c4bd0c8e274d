//! The line on stdout for each URL that passed: `N bytes received from URL.`
//!
//! Knows the words of the gevent example, which scripts match. Refuses to build a record for them: at a million URLs
//! this is what telling costs.

use super::Teller;
use super::page::Page;
use super::summary::Gathered;
use crate::event::{Event, Lines, Scribe};
use crate::outcome::{Kind, Outcome};

/// Lines that are written before somebody takes them: those of ten milliseconds, at the best.
const MOST_LINES: usize = 1024;

/// Tells what passed.
pub(super) struct Text;

impl Teller for Text {
    fn tell(&mut self, event: &Event, page: &mut Page) {
        match event {
            Event::Finished(outcome) if outcome.kind == Kind::Pass => line(outcome, page),
            Event::Lines(lines) => page.lines(&lines.text),
            _ => {}
        }
    }
}

fn line(outcome: &Outcome, page: &mut Page) {
    page.number(outcome.last().response.size_delivered);
    page.push(" bytes received from ");
    page.escaped(&outcome.subject.listed);
    page.push(".\n");
}

/// The same lines where the outcomes come to be. What failed is no matter of a line: it becomes an event.
pub(super) struct Copyist {
    page: Page,
    entries: usize,
    /// For the summary, where there is one.
    times: Option<Gathered>,
}

impl Copyist {
    /// One who has written nothing yet.
    pub(super) fn new(times: Option<Gathered>) -> Copyist {
        Copyist { page: Page::new(false), entries: 0, times }
    }
}

impl Scribe for Copyist {
    fn tell(&mut self, outcome: &Outcome) -> bool {
        if outcome.kind != Kind::Pass {
            return false;
        }
        line(outcome, &mut self.page);
        self.entries += 1;
        if let Some(times) = &self.times {
            times.add(outcome);
        }
        true
    }

    fn is_empty(&self) -> bool {
        self.entries == 0
    }

    fn is_full(&self) -> bool {
        self.entries >= MOST_LINES || self.page.is_full()
    }

    fn take(&mut self) -> Lines {
        Lines { text: self.page.take(), entries: std::mem::take(&mut self.entries) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::outcome::{Class, Failure, Phase};
    use crate::record::samples::{outcome, passed, subject};
    use crate::report::told;

    #[test]
    fn what_passed_is_one_line_with_its_bytes() {
        let events = [(1, 0), (2, 1234)].map(|(line, bytes)| Event::Finished(Box::new(passed(line, bytes))));
        assert_eq!(
            told(&mut Text, true, events),
            "0 bytes received from http://a.example/1.\n1234 bytes received from http://a.example/2.\n"
        );
    }

    #[test]
    fn what_is_written_at_once_reads_as_what_is_told_later() {
        let mut odd = passed(7, 3);
        Arc::make_mut(&mut odd.subject).listed = "http://a/\x1b[2J".to_owned();
        let mut copyist = Copyist::new(None);
        assert!(copyist.tell(&passed(1, 12)) && copyist.tell(&odd));
        assert!(!copyist.tell(&outcome(2, Failure::new(Class::Closed, Phase::Wait, "reset"))));
        let lines = copyist.take();
        assert_eq!((lines.entries, copyist.is_empty()), (2, true));
        let later = [passed(1, 12), odd].map(|outcome| Event::Finished(Box::new(outcome)));
        let at_once = told(&mut Text, false, [Event::Lines(lines)]);
        assert_eq!(at_once, told(&mut Text, false, later));
        assert_eq!(at_once.lines().count(), 2);
    }

    #[test]
    fn what_failed_is_no_result_and_what_is_listed_cannot_break_a_line() {
        let failed = outcome(1, Failure::new(Class::Closed, Phase::Wait, "reset"));
        let mut odd = passed(1, 5);
        Arc::make_mut(&mut odd.subject).listed = "http://a/\r\n\x1b[2J".to_owned();
        let events =
            [Event::Started(subject(1)), Event::Finished(Box::new(failed)), Event::Finished(Box::new(odd))];
        assert_eq!(told(&mut Text, false, events), "5 bytes received from http://a/\\x0d\\x0a\\x1b[2J.\n");
    }
}
