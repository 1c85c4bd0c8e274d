//! `--live`: what the run does at this moment, above the bar, or in a line a second where there is no screen.
//!
//! Knows how much of it fits. It is asked for by whoever draws, past the loop, so that it speaks also while the worker
//! stands still. Refuses to know how the look was had.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use url::Url;

use super::figures::{count, seconds};
use super::page::Page;
use super::parked::{longest_first, phases};
use super::screen::Size;
use super::{Teller, stall};
use crate::event::{Event, Parked, ParkedTable};
use crate::sanitize::{escape, shorten};

/// Between two looks at the slots, however often what was seen is drawn: a little less than between two drawings, which
/// have a look each.
const STEP: Duration = Duration::from_millis(90);

/// The pace is that of so much time.
const PACE_OVER: Duration = Duration::from_secs(5);

/// So many of the longest are shown where the screen is high enough.
const LONGEST: usize = 8;

/// Lines of the screen that are left to results, and to the bar.
const OTHER_LINES: usize = 6;

/// So much of a URL is shown in a line without a screen.
const URL_CHARS: usize = 60;

/// So many looks without a change and one is told all the same: somebody may wonder whether it still runs.
const PATIENCE: u32 = 10;

/// What the run does now; from any thread.
pub type Look = Arc<dyn Fn() -> ParkedTable + Send + Sync>;

/// The lines above the bar.
#[derive(Clone)]
pub(super) struct Block {
    look: Look,
    jobs: u32,
    size: fn() -> Size,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    pace: Pace,
    seen: Option<Seen>,
}

/// How many were finished when, at the looks of the last seconds.
struct Pace(VecDeque<(Duration, u64)>);

impl Default for Pace {
    fn default() -> Pace {
        Pace(VecDeque::from([(Duration::ZERO, 0)]))
    }
}

impl Pace {
    /// A second, with so many finished now.
    fn per_second(&mut self, now: Duration, finished: u64) -> f64 {
        while self.0.len() > 1 && self.0.front().is_some_and(|(at, _)| *at + PACE_OVER < now) {
            self.0.pop_front();
        }
        let (then, before) = self.0.front().copied().unwrap_or_default();
        self.0.push_back((now, finished));
        finished.saturating_sub(before) as f64 / now.saturating_sub(then).as_secs_f64().max(1e-3)
    }
}

/// What was drawn last: it is put back whenever a line of output has passed by it.
struct Seen {
    /// On the bar's clock.
    at: Duration,
    size: Size,
    text: String,
}

impl Block {
    /// Asks for the screen's size at each drawing.
    pub(super) fn new(look: Look, jobs: u32, size: fn() -> Size) -> Block {
        Block { look, jobs, size, memory: Arc::default() }
    }

    /// What it looks like with so many finished, in lines that fit, without an end of line behind the last. `now` is
    /// since the run's start.
    pub(super) fn text(&self, now: Duration, finished: u64) -> String {
        let size = (self.size)();
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        match &memory.seen {
            Some(seen) if seen.size == size && now.saturating_sub(seen.at) < STEP => seen.text.clone(),
            _ => {
                let per_second = memory.pace.per_second(now, finished);
                let text = block(&(self.look)(), self.jobs, per_second, size);
                memory.seen = Some(Seen { at: now, size, text: text.clone() });
                text
            }
        }
    }
}

fn block(table: &ParkedTable, jobs: u32, per_second: f64, size: Size) -> String {
    let mut lines = vec![format!("{}, {per_second:.1} URLs/s; {}", slots(table, jobs), phases(table))];
    lines.extend(standstill(table));
    let room = size.high.saturating_sub(OTHER_LINES + lines.len()).min(LONGEST);
    lines.extend(longest_first(&table.rows).into_iter().take(room).map(row));
    // The last column is left free: some terminals go to the next line once it is written.
    let columns = size.wide.saturating_sub(1);
    let cut: Vec<_> = lines.iter().map(|line| shorten(&in_ascii(line), columns).into_owned()).collect();
    cut.join("\n")
}

/// `12/50 slots`.
fn slots(table: &ParkedTable, jobs: u32) -> String {
    format!("{}/{jobs} slots", table.rows.len())
}

fn standstill(table: &ParkedTable) -> Option<String> {
    let mut page = Page::new(false);
    stall::is(table.stall.as_ref()?, &mut page);
    Some(String::from_utf8_lossy(page.bytes()).trim_end().to_owned())
}

/// The URL comes last: it is what is cut.
fn row(parked: &Parked) -> String {
    let Parked { subject, phase, since, attempt } = parked;
    let which = if *attempt > 1 { format!("(try {attempt}) ") } else { String::new() };
    let seconds = since.as_secs_f64();
    format!("{seconds:>9.2} s  {:<8} {which}{}", phase.as_str(), as_sent(&subject.listed))
}

/// With what is not ASCII spelled as a request spells it.
fn as_sent(listed: &str) -> String {
    if listed.is_ascii() {
        return escape(listed).into_owned();
    }
    Url::parse(listed).map_or_else(|_| escape(listed).into_owned(), |url| escape(url.as_str()).into_owned())
}

/// How many columns a character takes beyond ASCII is a matter of the terminal and its fonts, and one that is taken for
/// narrower than it is moves everything below: so none is drawn.
fn in_ascii(line: &str) -> String {
    let spelled = |c: char| if c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() };
    if line.is_ascii() { line.to_owned() } else { line.chars().map(spelled).collect() }
}

/// A line on stderr for each look that has something new to say.
pub(super) struct Lines {
    jobs: u32,
    finished: u64,
    /// What was finished at the last look, and when that was.
    before: (u64, Duration),
    /// What was said last, but for the pace, and how often there was nothing new since.
    said: String,
    unchanged: u32,
}

impl Teller for Lines {
    fn tell(&mut self, event: &Event, page: &mut Page) {
        match event {
            Event::Finished(_) => self.finished += 1,
            Event::Live { table, at } => self.look(table, *at, page),
            _ => {}
        }
    }
}

impl Lines {
    /// For a run with so many slots.
    pub(super) fn new(jobs: u32) -> Lines {
        Lines { jobs, finished: 0, before: (0, Duration::ZERO), said: String::new(), unchanged: 0 }
    }

    fn look(&mut self, table: &ParkedTable, at: Duration, page: &mut Page) {
        let per_second = self.per_second(at);
        let news = format!("{} finished; {}", self.finished, phases(table));
        let is_new = news != self.said || table.stall.is_some();
        self.said = news;
        self.unchanged = if is_new { 0 } else { self.unchanged + 1 };
        if self.unchanged.is_multiple_of(PATIENCE) {
            self.line(table, per_second, page);
        }
    }

    fn per_second(&mut self, at: Duration) -> f64 {
        let (finished, then) = std::mem::replace(&mut self.before, (self.finished, at));
        let elapsed = at.saturating_sub(then).as_secs_f64().max(1e-3);
        (self.finished - finished) as f64 / elapsed
    }

    fn line(&self, table: &ParkedTable, per_second: f64, page: &mut Page) {
        let finished = count(self.finished, "URL", "URLs");
        page.say(format_args!("live: {finished} finished, {per_second:.1}/s; {}", slots(table, self.jobs)));
        if !table.is_empty() {
            page.say(format_args!("; {}", phases(table)));
        }
        if let Some(longest) = longest_first(&table.rows).first() {
            page.say(format_args!("; longest {} {} ", seconds(longest.since), longest.phase));
            page.escaped(&shorten(&longest.subject.listed, URL_CHARS));
        }
        page.push("\n");
        if let Some(standstill) = standstill(table) {
            page.push("live: ");
            page.push(&standstill);
            page.push("\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::event::{Stall, StallCause};
    use crate::outcome::Phase;
    use crate::record::samples::{passed, subject};
    use crate::report::told;

    const SCREEN: Size = Size { high: 24, wide: 80 };

    fn row(line: u32, millis: u64, url: &str) -> Parked {
        let mut subject = subject(line);
        Arc::make_mut(&mut subject).listed = url.to_owned();
        Parked { subject, phase: Phase::Wait, since: Duration::from_millis(millis), attempt: line }
    }

    fn table(urls: &[&str]) -> ParkedTable {
        let rows = (1..).zip(urls).map(|(line, url)| row(line, u64::from(line) * 100, url)).collect();
        ParkedTable { rows, queued: 7, asleep: 1, ..ParkedTable::default() }
    }

    fn stall(url: &str) -> Option<Stall> {
        let at = Some((row(1, 1, url).subject, Phase::Check));
        Some(Stall { cause: StallCause::Busy, lasted: Duration::from_millis(90), at, process: None })
    }

    #[test]
    fn the_block_says_how_many_where_and_the_longest() {
        let table = ParkedTable { stall: stall("http://b/"), ..table(&["http://a/", "http://b/"]) };
        let golden = "\
2/50 slots, 12.3 URLs/s; queue 7, wait 2, backoff 1
nobody goes on: the worker is busy for 0.090 s without a turn for others, at http://b/ (check)
     0.20 s  wait     (try 2) http://b/
     0.10 s  wait     http://a/";
        assert_eq!(block(&table, 50, 12.34, Size { wide: 100, ..SCREEN }), golden);
    }

    #[test]
    fn whatever_the_urls_are_the_block_fits_the_screen() {
        let long = format!("http://a/{}", "x".repeat(9_999));
        let urls = [
            "http://a/\x1b[2J\r\n\u{202e}\t",
            &long,
            "http://b\u{fc}cher.example/漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字",
            "no URL \u{301}\u{200d}👩‍👩‍👧",
        ];
        let urls: Vec<_> = urls.into_iter().cycle().take(40).collect();
        for (high, wide) in [(24, 80), (7, 20), (50, 200), (1, 3), (0, 0)] {
            let table = ParkedTable { stall: stall("http://漢/\x1b"), ..table(&urls) };
            let block = block(&table, 50, 0.0, Size { high, wide });
            assert!(block.split('\n').count() <= high.saturating_sub(5).max(2), "{high}: {block}");
            for line in block.split('\n') {
                assert!(line.chars().count() < wide.max(1) || wide < 2, "{wide}: {line}");
                let is_drawn = |c: char| c == ' ' || c.is_ascii_graphic() || c == '…';
                assert!(line.chars().all(is_drawn), "{line:?}");
            }
        }
        assert_eq!(as_sent("http://b\u{fc}cher.example/\u{f1}"), "http://xn--bcher-kva.example/%C3%B1");
    }

    #[test]
    fn it_is_put_back_as_it_was_and_looked_at_anew_about_ten_times_a_second() {
        let asked = Arc::new(AtomicU32::new(0));
        let by_look = Arc::clone(&asked);
        let look = Arc::new(move || {
            let queued = by_look.fetch_add(1, Ordering::Relaxed).into();
            ParkedTable { queued, ..ParkedTable::default() }
        });
        let block = Block::new(look, 50, || SCREEN);
        let drawn: Vec<_> = (0..270).map(|n| block.text(Duration::from_millis(n), 0)).collect();
        assert_eq!(asked.load(Ordering::Relaxed), 3);
        assert!(drawn[..90].iter().all(|text| *text == drawn[0]), "{}", drawn[89]);
        assert!(drawn[269].ends_with("; queue 2"), "{}", drawn[269]);
    }

    #[test]
    fn the_pace_is_that_of_the_last_seconds() {
        let mut pace = Pace::default();
        let mut at = |millis, finished| pace.per_second(Duration::from_millis(millis), finished);
        assert_eq!((at(500, 20), at(2_000, 80)), (40.0, 40.0));
        for n in 0..=100 {
            at(10_000 + n * 100, 80);
        }
        assert_eq!((at(20_000, 80), at(21_000, 90)), (0.0, 2.0));
        assert_eq!(Pace::default().per_second(Duration::ZERO, 0), 0.0);
    }

    #[test]
    fn a_line_is_told_when_there_is_something_new_and_now_and_then() {
        let look = |at| Event::Live { table: table(&["http://a/\x1b"]), at: Duration::from_secs(at) };
        let mut lines = Lines::new(50);
        let first = "live: 0 URLs finished, 0.0/s; 1/50 slots; queue 7, wait 1, backoff 1; longest 0.10 s wait http://a/\\x1b\n";
        assert_eq!(told(&mut lines, false, [look(1)]), first);
        assert_eq!(told(&mut lines, false, (1..PATIENCE).map(|n| look(1 + u64::from(n)))), "");
        assert_eq!(told(&mut lines, false, [look(11)]), first);
        let finished = (1..=3).map(|line| Event::Finished(Box::new(passed(line, 5))));
        let table = ParkedTable { stall: stall("http://b/"), ..ParkedTable::default() };
        let events = finished.chain([Event::Live { table, at: Duration::from_secs(13) }]);
        let golden = "\
live: 3 URLs finished, 1.5/s; 0/50 slots
live: nobody goes on: the worker is busy for 0.090 s without a turn for others, at http://b/ (check)
";
        assert_eq!(told(&mut lines, false, events), golden);
    }
}
