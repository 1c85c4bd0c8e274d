//! The one to four lines at the end, on stderr: how it went, how much concurrency gave, and what limited it. A fifth
//! one where the worker stood still.
//!
//! Knows which figures are worth a line. Counts come from the loop that owns them; times are gathered here, in bounded
//! memory. Refuses to judge: the exit status is `exit`'s.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Teller;
use super::figures::{bytes, seconds};
use super::held_back::{Speed, held_back};
use super::page::Page;
use super::stall;
use crate::config::Concurrency;
use crate::event::{Event, Stop, Summary as Counts};
use crate::outcome::{Kind, Outcome};
use crate::record::{time_total, tries};
use crate::request::Subject;
use crate::sanitize::{escape, shorten};
use crate::stats::{Durations, Slowest, ceiling, speed_up};

/// So many of the slowest are named.
const SLOWEST: usize = 3;
/// So much of their URLs is shown: three fit a line of a wide terminal.
const URL_CHARS: usize = 60;

/// Tells the end, and gathers times for it.
pub(super) struct Summary {
    limits: Concurrency,
    gathered: Gathered,
}

/// The times of a run, for all who are told how an entry ended.
#[derive(Clone, Default)]
pub(super) struct Gathered(Arc<Mutex<Times>>);

struct Times {
    /// Last attempts, failures included: what percentiles judge.
    last: Durations,
    /// From the first slot to the end, waits between attempts included: what one after another would take.
    whole: Durations,
    slowest: Slowest<Arc<Subject>>,
    bytes: u64,
    /// Some were asked in several rounds, of which only the last is known here: no sum says anything.
    has_rounds: bool,
}

impl Default for Times {
    fn default() -> Times {
        Times {
            last: Durations::default(),
            whole: Durations::default(),
            slowest: Slowest::new(SLOWEST),
            bytes: 0,
            has_rounds: false,
        }
    }
}

impl Gathered {
    /// What was cancelled or never tried took no time of its own that would say anything.
    pub(super) fn add(&self, outcome: &Outcome) {
        let mut times = self.times();
        let last = outcome.last();
        times.has_rounds |= outcome.round > Some(1);
        times.bytes = times.bytes.saturating_add(last.response.size_delivered);
        if outcome.kind == Kind::Cancelled || tries(outcome) == 0 {
            return;
        }
        let whole = time_total(outcome);
        times.last.add(last.timings.total);
        times.whole.add(whole);
        times.slowest.offer(whole, || outcome.subject.clone());
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Summary {
    /// Of what is gathered; the limits are only named.
    pub(super) fn new(limits: &Concurrency, gathered: Gathered) -> Summary {
        Summary { limits: limits.clone(), gathered }
    }
}

impl Teller for Summary {
    fn tell(&mut self, event: &Event, page: &mut Page) {
        match event {
            Event::Finished(outcome) => self.gathered.add(outcome),
            Event::RunFinished(counts) => self.write(counts, page),
            _ => {}
        }
    }
}

impl Summary {
    fn write(&self, counts: &Counts, page: &mut Page) {
        let mut times = self.gathered.times();
        write_counts(counts, times.bytes, page);
        self.write_times_of_several(counts, &mut times, page);
        if let Some(stall) = &counts.stall {
            stall::was(stall, page);
        }
    }

    fn write_times_of_several(&self, counts: &Counts, times: &mut Times, page: &mut Page) {
        // Of one URL the first line says it all.
        if times.whole.count() < 2 || times.whole.sum().is_zero() {
            return;
        }
        if times.has_rounds {
            times.write(page);
            return;
        }
        times.write_speed(counts.wall, page);
        times.write(page);
        let (sum, slowest) = (times.whole.sum(), times.whole.max());
        let speed = Speed { reached: speed_up(sum, counts.wall), most: ceiling(sum, slowest) };
        if let Some(reason) = held_back(counts, &self.limits, speed) {
            page.say(format_args!("{reason}\n"));
        }
    }
}

impl Times {
    /// `sum of times 48.10 s: 40.1 times faster than one after another; ceiling 43.0 (the slowest URL takes 1.12 s)`.
    fn write_speed(&self, wall: Duration, page: &mut Page) {
        page.say(format_args!("sum of times {}: ", seconds(self.whole.sum())));
        match speed_up(self.whole.sum(), wall) {
            // Less than this is noise, and --sync.
            Some(times) if times >= 1.05 => {
                page.say(format_args!("{times:.1} times faster than one after another"));
            }
            _ => page.push("no faster than one after another"),
        }
        let slowest = self.whole.max();
        if let Some(most) = ceiling(self.whole.sum(), slowest) {
            page.say(format_args!("; ceiling {most:.1} (the slowest URL takes {})", seconds(slowest)));
        }
        page.push("\n");
    }

    /// `p50 0.21 s, p95 0.80 s, p99 1.10 s; slowest: 1.12 s URL, 1.10 s URL, 0.98 s URL`.
    fn write(&mut self, page: &mut Page) {
        for (percent, before) in [(50, "p50 "), (95, ", p95 "), (99, ", p99 ")] {
            page.push(before);
            page.push(&self.last.percentile(percent).map_or_else(String::new, seconds));
        }
        for (index, (duration, subject)) in self.slowest.iter().enumerate() {
            page.push(if index == 0 { "; slowest: " } else { ", " });
            let url = escape(&subject.listed);
            page.say(format_args!("{} {}", seconds(*duration), shorten(&url, URL_CHARS)));
        }
        page.push("\n");
    }
}

/// `198 passed, 2 failed; 12.3 MB in 1.20 s`.
fn write_counts(counts: &Counts, received: u64, page: &mut Page) {
    page.say(format_args!("{} passed", counts.passed));
    if counts.failed > 0 {
        page.push(", ");
        page.red(&format!("{} failed", counts.failed));
    }
    for (number, word) in [(counts.soft, "soft"), (counts.cancelled, "cancelled")] {
        if number > 0 {
            page.push(", ");
            page.yellow(&format!("{number} {word}"));
        }
    }
    page.say(format_args!("; {} in {}", bytes(received), seconds(counts.wall)));
    write_end(counts, page);
    page.push("\n");
}

/// Why the run ended before its list did.
fn write_end(counts: &Counts, page: &mut Page) {
    match counts.stop {
        Some(Stop::Deadline) => page.push("; stopped by --deadline"),
        Some(Stop::FailFast) => page.push("; stopped by --fail-fast"),
        Some(Stop::Signal(number)) => page.say(format_args!("; stopped by {}", signal_name(number))),
        Some(Stop::OutputClosed) | None => {}
    }
    if !counts.list_ended {
        page.push("; the rest of the list was not read");
    }
}

/// The three that end a run have the same number on every Unix (POSIX, `kill`).
pub fn signal_name(number: i32) -> String {
    match number {
        1 => "SIGHUP".to_owned(),
        2 => "SIGINT".to_owned(),
        15 => "SIGTERM".to_owned(),
        other => format!("signal {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Mode;
    use crate::event::{Limiters, Stall, StallCause};
    use crate::outcome::{Class, Failure, Phase};
    use crate::record::samples::{at, attempt, passed, subject};
    use crate::report::told;

    fn limits() -> Concurrency {
        Concurrency {
            jobs: 50,
            per_host: Some(10),
            per_host_given: false,
            start_interval: None,
            processes: 1,
            mode: Mode::Coroutines,
        }
    }

    fn took(line: u32, millis: u64, bytes: u64) -> Event {
        let mut attempt = attempt(at(0), millis);
        attempt.response.size_delivered = bytes;
        Event::Finished(Box::new(Outcome::new(subject(line), vec![attempt])))
    }

    fn counts(passed: u64, wall: u64) -> Counts {
        let wall = Duration::from_millis(wall);
        Counts { taken_up: passed, passed, list_ended: true, wall, ..Counts::default() }
    }

    fn summary(events: impl IntoIterator<Item = Event>, counts: Counts) -> String {
        let end = Event::RunFinished(counts);
        told(&mut Summary::new(&limits(), Gathered::default()), false, events.into_iter().chain([end]))
    }

    #[test]
    fn after_several_rounds_nothing_is_said_of_speed() {
        let later = |line| match took(line, 500, 5) {
            Event::Finished(outcome) => Event::Finished(Box::new(Outcome { round: Some(2), ..*outcome })),
            event => event,
        };
        let text = summary([took(1, 400, 5), later(2)], counts(2, 9_000));
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.lines().nth(1).is_some_and(|line| line.starts_with("p50 ")), "{text}");
    }

    #[test]
    fn four_lines_say_how_it_went_what_it_gave_and_what_limited_it() {
        let events = (1..=100).map(|line| took(line, u64::from(line) * 10, 123_456));
        let limiters = Limiters { per_host: Duration::from_millis(400), ..Limiters::default() };
        let counts = Counts { passed: 98, failed: 2, soft: 1, limiters, ..counts(0, 1_204) };
        let golden = "\
98 passed, 2 failed, 1 soft; 12.3 MB in 1.20 s
sum of times 50.50 s: 41.9 times faster than one after another; ceiling 50.5 (the slowest URL takes 1.00 s)
p50 0.50 s, p95 0.95 s, p99 0.99 s; slowest: 1.00 s http://a.example/100, 0.99 s http://a.example/99, 0.98 s http://a.example/98
held back by --per-host 10 for 0.40 s
";
        assert_eq!(summary(events, counts), golden);
    }

    #[test]
    fn a_worker_that_stood_still_is_told_of_one_url_too() {
        let lasted = Duration::from_millis(480);
        let stall =
            Stall { cause: StallCause::Blocked, lasted, at: Some((subject(1), Phase::Check)), process: None };
        let text = summary([took(1, 600, 7)], Counts { stall: Some(Box::new(stall)), ..counts(1, 600) });
        let expected = "\
1 passed; 7 bytes in 0.60 s
the worker was blocked for 0.48 s by a call of the system, at http://a.example/1 (check)
";
        assert_eq!(text, expected);
    }

    #[test]
    fn of_one_url_or_none_the_first_line_says_it_all() {
        assert_eq!(summary([took(1, 120, 12_300)], counts(1, 121)), "1 passed; 12.3 kB in 0.12 s\n");
        assert_eq!(summary([], counts(0, 0)), "0 passed; 0 bytes in 0.00 s\n");
    }

    #[test]
    fn a_run_one_after_another_claims_no_speed() {
        let text = summary([took(1, 500, 1), took(2, 500, 1)], counts(2, 1_001));
        assert!(
            text.contains("sum of times 1.00 s: no faster than one after another; ceiling 2.0"),
            "{text}"
        );
    }

    #[test]
    fn what_ended_the_run_and_what_was_not_read_is_said() {
        for (stop, words) in [
            (None, ""),
            (Some(Stop::Deadline), "; stopped by --deadline"),
            (Some(Stop::FailFast), "; stopped by --fail-fast"),
            (Some(Stop::Signal(2)), "; stopped by SIGINT"),
            (Some(Stop::Signal(15)), "; stopped by SIGTERM"),
        ] {
            let counts = Counts { stop, cancelled: 3, list_ended: false, ..counts(1, 100) };
            let expected = format!(
                "1 passed, 3 cancelled; 7 bytes in 0.10 s{words}; the rest of the list was not read\n"
            );
            assert_eq!(summary([took(1, 100, 7)], counts), expected);
        }
    }

    #[test]
    fn what_was_cancelled_or_never_tried_has_no_part_in_the_times() {
        let failure = |class, phase| Failure::new(class, phase, "x");
        let unlisted =
            Outcome::without_a_slot(subject(1), failure(Class::Url, Phase::Queue), Duration::ZERO, at(0));
        let mut cut = attempt(at(0), 9_000);
        cut.failure = Some(failure(Class::Cancelled, Phase::Wait));
        let cut = Outcome::new(subject(2), vec![cut]);
        let finished = [unlisted, cut].map(|outcome| Event::Finished(Box::new(outcome)));
        let text = summary(finished.into_iter().chain([took(3, 10, 1), took(4, 20, 1)]), counts(2, 30));
        assert!(text.contains("slowest: 0.020 s http://a.example/4, 0.010 s http://a.example/3\n"), "{text}");
    }

    #[test]
    fn waits_between_attempts_count_for_the_sum_and_not_for_percentiles() {
        let retried = Outcome::new(subject(1), vec![attempt(at(0), 100), attempt(at(900), 100)]);
        let text = summary([Event::Finished(Box::new(retried)), took(2, 100, 1)], counts(2, 1_000));
        assert!(text.contains("sum of times 1.10 s: 1.1 times"), "{text}");
        assert!(text.contains("p50 0.10 s, p95 0.10 s, p99 0.10 s; slowest: 1.00 s"), "{text}");
    }

    #[test]
    fn urls_are_escaped_and_cut_and_colours_are_only_added() {
        let mut odd = passed(1, 0);
        Arc::make_mut(&mut odd.subject).listed = format!("http://a/\x1b{}", "x".repeat(60_000));
        let events = [Event::Finished(Box::new(odd)), took(2, 10, 1)];
        let end = Event::RunFinished(Counts { failed: 1, ..counts(1, 250) });
        let text =
            told(&mut Summary::new(&limits(), Gathered::default()), true, events.into_iter().chain([end]));
        assert!(
            text.starts_with("1 passed, \x1b[31m1 failed\x1b[0m; ") && text.contains(" http://a/\\x1bxxx")
        );
        assert!(text.len() < 500, "{text}");
    }
}
