//! The line on stdout for each URL that passed: `N bytes received from URL.`
//!
//! Knows the words of the gevent example, which scripts match. Refuses to build a record for them: at a million URLs
//! this is what telling costs.

use super::Teller;
use super::page::Page;
use crate::event::Event;
use crate::outcome::Kind;

/// Tells what passed.
pub(super) struct Text;

impl Teller for Text {
    fn tell(&mut self, event: &Event, page: &mut Page) {
        let Event::Finished(outcome) = event else { return };
        if outcome.kind == Kind::Pass {
            page.number(outcome.last().response.size_delivered);
            page.push(" bytes received from ");
            page.escaped(&outcome.subject.listed);
            page.push(".\n");
        }
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
    fn what_failed_is_no_result_and_what_is_listed_cannot_break_a_line() {
        let failed = outcome(1, Failure::new(Class::Closed, Phase::Wait, "reset"));
        let mut odd = passed(1, 5);
        Arc::make_mut(&mut odd.subject).listed = "http://a/\r\n\x1b[2J".to_owned();
        let events =
            [Event::Started(subject(1)), Event::Finished(Box::new(failed)), Event::Finished(Box::new(odd))];
        assert_eq!(told(&mut Text, false, events), "5 bytes received from http://a/\\x0d\\x0a\\x1b[2J.\n");
    }
}
