//! The rounds of `--until-pass`, a line each on stderr: how many do not pass yet, and why.
//!
//! Knows the words. Refuses to name URLs: those that never pass have their failure lines at the end.

use super::Teller;
use super::figures::seconds;
use super::page::Page;
use crate::event::{Event, Round};

/// Tells each round that left something.
pub(super) struct Rounds;

impl Teller for Rounds {
    fn tell(&mut self, event: &Event, page: &mut Page) {
        if let Event::Round(round) = event {
            line(round, page);
        }
    }
}

/// `round 3: 12 of 40 not passing yet (status 10, connect 2); again in 0.40 s`.
fn line(round: &Round, page: &mut Page) {
    page.say(format_args!("round {}: {} of {} not passing yet (", round.number, round.open, round.entries));
    for (index, (class, count)) in round.failing.iter().enumerate() {
        page.push(if index == 0 { "" } else { ", " });
        page.say(format_args!("{class} {count}"));
    }
    let failing: u64 = round.failing.iter().map(|(_, count)| count).sum();
    let passing = round.open.saturating_sub(failing);
    if passing > 0 {
        page.push(if failing == 0 { "" } else { "; " });
        page.say(format_args!("{passing} passed, but not {} times in a row", round.in_a_row));
    }
    page.say(format_args!("); again in {}\n", seconds(round.wait)));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::outcome::Class;
    use crate::report::told;

    #[test]
    fn a_round_says_how_many_do_not_pass_yet_and_why() {
        let round = |open, failing| Round {
            number: 3,
            open,
            entries: 40,
            failing,
            in_a_row: 5,
            wait: Duration::from_millis(400),
        };
        for (round, text) in [
            (
                round(12, vec![(Class::Status, 10), (Class::Connect, 2)]),
                "12 of 40 not passing yet (status 10, connect 2)",
            ),
            (round(3, vec![]), "3 of 40 not passing yet (3 passed, but not 5 times in a row)"),
            (
                round(3, vec![(Class::Tls, 2)]),
                "3 of 40 not passing yet (tls 2; 1 passed, but not 5 times in a row)",
            ),
        ] {
            let said = told(&mut Rounds, false, [Event::Round(round)]);
            assert_eq!(said, format!("round 3: {text}; again in 0.40 s\n"));
        }
    }
}
