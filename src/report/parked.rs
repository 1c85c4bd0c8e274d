//! What the unfinished URLs wait for, on stderr: asked for by SIGUSR1, or written when a signal or the deadline ends the
//! run.
//!
//! Knows how to order and cut the table. Refuses to know how it was gathered.

use std::collections::HashMap;

use super::Teller;
use super::figures::count;
use super::page::Page;
use super::{figures, stall};
use crate::event::{Event, Parked as Waiting, ParkedTable};
use crate::outcome::Phase;
use crate::sanitize::shorten;

/// So many of the longest are shown unless all are asked for.
const LONGEST: usize = 20;
/// So many hosts are named.
const HOSTS: usize = 10;
/// So much of a URL is shown: a row should fit a screen's width.
const URL_CHARS: usize = 120;

/// Tells what is parked where.
pub(super) struct Parked {
    /// Whether `-v` asked for every row.
    pub(super) all: bool,
}

impl Teller for Parked {
    fn tell(&mut self, event: &Event, page: &mut Page) {
        if let Event::Parked(table) = event {
            self.write(table, page);
        }
    }
}

/// The table as a run without `-v` tells it, for whoever has no sinks.
pub fn parked(table: &ParkedTable) -> Vec<u8> {
    let mut page = Page::new(false);
    Parked { all: false }.write(table, &mut page);
    page.take()
}

impl Parked {
    fn write(&self, table: &ParkedTable, page: &mut Page) {
        by_phase(table, page);
        if let Some(stall) = &table.stall {
            stall::is(stall, page);
        }
        by_host(&table.rows, page);
        self.longest(&table.rows, page);
    }

    fn longest(&self, waiting: &[Waiting], page: &mut Page) {
        let rows = longest_first(waiting);
        let shown = if self.all { rows.len() } else { LONGEST.min(rows.len()) };
        for row in &rows[..shown] {
            page.say(format_args!("{:>9.2} s  {:<8} ", row.since.as_secs_f64(), row.phase.as_str()));
            page.escaped(&shorten(&row.subject.listed, URL_CHARS));
            if row.attempt > 1 {
                page.say(format_args!(" (try {})", row.attempt));
            }
            page.push("\n");
        }
        if shown < rows.len() {
            page.say(format_args!("and {} more (-v shows all)\n", rows.len() - shown));
        }
    }
}

/// Those that wait the longest first.
pub(super) fn longest_first(waiting: &[Waiting]) -> Vec<&Waiting> {
    let mut rows: Vec<&Waiting> = waiting.iter().collect();
    rows.sort_by(|one, other| {
        other.since.cmp(&one.since).then(one.subject.urlnum.cmp(&other.subject.urlnum))
    });
    rows
}

/// `queue 40, wait 9`: how many are where, in the order of a URL's life; empty when there is none.
pub(super) fn phases(table: &ParkedTable) -> String {
    let counts = Phase::ALL.into_iter().map(|phase| (phase, in_phase(table, phase)));
    let counts = counts.filter(|(_, number)| *number > 0).map(|(phase, number)| format!("{phase} {number}"));
    counts.collect::<Vec<_>>().join(", ")
}

fn by_phase(table: &ParkedTable, page: &mut Page) {
    let unfinished = count(table.rows.len() as u64 + table.queued + table.asleep, "URL", "URLs");
    page.say(format_args!("greenfetch: {unfinished} unfinished"));
    let phases = phases(table);
    if !phases.is_empty() {
        page.say(format_args!(": {phases}"));
    }
    if let Some(next_try) = table.next_try.filter(|_| table.asleep > 0) {
        page.say(format_args!("; the next try in {}", figures::seconds(next_try)));
    }
    page.push("\n");
}

/// In flight there, or waiting for it.
fn in_phase(table: &ParkedTable, phase: Phase) -> u64 {
    let in_flight = table.rows.iter().filter(|row| row.phase == phase).count() as u64;
    let waiting = match phase {
        Phase::Queue => table.queued,
        Phase::Backoff => table.asleep,
        _ => 0,
    };
    in_flight + waiting
}

fn by_host(waiting: &[Waiting], page: &mut Page) {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    waiting.iter().for_each(|row| *counts.entry(&row.subject.host).or_default() += 1);
    let mut hosts: Vec<_> = counts.into_iter().collect();
    hosts.sort_by(|(a, many), (b, more)| more.cmp(many).then(a.cmp(b)));
    for (index, (host, number)) in hosts.iter().take(HOSTS).enumerate() {
        page.push(if index == 0 { "by host: " } else { ", " });
        page.escaped(host);
        page.say(format_args!(" {number}"));
    }
    match hosts.len() {
        0 => {}
        1..=HOSTS => page.push("\n"),
        more => page.say(format_args!(", and {}\n", count((more - HOSTS) as u64, "host more", "hosts more"))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::event::{Stall, StallCause};
    use crate::record::samples::subject;
    use crate::report::told;

    fn row(line: u32, phase: Phase, millis: u64, host: &str) -> Waiting {
        let mut subject = subject(line);
        Arc::make_mut(&mut subject).host = host.into();
        Waiting { subject, phase, since: Duration::from_millis(millis), attempt: line }
    }

    fn table(rows: Vec<Waiting>) -> Event {
        Event::Parked(ParkedTable { rows, ..ParkedTable::default() })
    }

    #[test]
    fn the_table_counts_by_phase_and_host_and_begins_with_the_longest() {
        let rows = vec![
            row(1, Phase::Wait, 1_500, "b"),
            row(2, Phase::Connect, 12_340, "a\x1b"),
            row(3, Phase::Wait, 20, "b"),
        ];
        let golden = "\
greenfetch: 3 URLs unfinished: connect 1, wait 2
by host: b 2, a\\x1b 1
    12.34 s  connect  http://a.example/2 (try 2)
     1.50 s  wait     http://a.example/1
     0.02 s  wait     http://a.example/3 (try 3)
";
        assert_eq!(told(&mut Parked { all: false }, false, [table(rows)]), golden);
    }

    #[test]
    fn what_waits_for_a_slot_or_a_try_is_counted_and_a_worker_that_stands_still_is_told() {
        let at = Some((subject(1), Phase::Check));
        let table = ParkedTable {
            rows: vec![row(1, Phase::Check, 1_500, "b")],
            queued: 40,
            asleep: 2,
            next_try: Some(Duration::from_millis(1_200)),
            stall: Some(Stall {
                cause: StallCause::Blocked,
                lasted: Duration::from_millis(1_400),
                at,
                process: None,
            }),
        };
        let golden = "\
greenfetch: 43 URLs unfinished: queue 40, check 1, backoff 2; the next try in 1.20 s
nobody goes on: the worker is blocked for 1.40 s by a call of the system, at http://a.example/1 (check)
by host: b 1
     1.50 s  check    http://a.example/1
";
        assert_eq!(told(&mut Parked { all: false }, false, [Event::Parked(table)]), golden);
    }

    #[test]
    fn of_many_the_twenty_longest_are_shown_unless_all_are_asked_for() {
        let rows: Vec<_> = (1..=50).map(|n| row(n, Phase::Wait, n.into(), &format!("h{n:02}"))).collect();
        let text = told(&mut Parked { all: false }, false, [table(rows.clone())]);
        assert_eq!(text.lines().count(), 2 + 20 + 1);
        assert!(
            text.contains("h10 1, and 40 hosts more\n") && text.ends_with("\nand 30 more (-v shows all)\n")
        );
        let all = told(&mut Parked { all: true }, false, [table(rows)]);
        assert_eq!(all.lines().count(), 2 + 50);
    }

    #[test]
    fn nothing_unfinished_is_said_too() {
        let text = told(&mut Parked { all: false }, false, [table(Vec::new())]);
        assert_eq!(text, "greenfetch: 0 URLs unfinished\n");
    }
}
