//! The progress bar, on the terminal of stderr.
//!
//! Knows indicatif, and alone does. Refuses to exist when no bar is wanted: then nothing of it is built or asked.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::figures::bytes;
use super::live::{Block, Look};
use super::screen::{Screen, Shutter, size_of_stderr};
use crate::event::{Event, RunInfo};
use crate::outcome::{Kind, Outcome};
use crate::sanitize::shorten;

/// Drawings a second, at most. The bar's own thread keeps its clock running while nothing happens.
const DRAWINGS: u8 = 10;

/// The same where the reporter draws: the bar's thread does when that is held up.
const DRAWINGS_BESIDE: u8 = 1;

const BAR: &str = "{bar:24} {words}";
const SPINNER: &str = "{spinner} {words}";

/// What stands above the bar, of any number of lines; whoever draws asks for it.
const LIVE: &str = "{live}\n";

/// So many columns are the bar itself, with a blank on each side.
const BAR_COLUMNS: usize = 26;

/// The bar: finished of all, in flight, failed, bytes.
pub(super) struct Progress {
    bar: ProgressBar,
    shutter: Arc<Shutter>,
    /// Drawings of the bar's own thread, a second.
    drawings: u8,
    jobs: u32,
    words: Arc<Mutex<String>>,
    live: Option<Block>,
    in_flight: HashSet<u64>,
    finished: u64,
    failed: u64,
    bytes: u64,
}

/// What another writer to the same terminal takes the bar off the screen with.
#[derive(Clone)]
pub(super) struct Curtain(ProgressBar);

impl Curtain {
    /// Runs it while the bar is away.
    pub(super) fn aside<R>(&self, write: impl FnOnce() -> R) -> R {
        self.0.suspend(write)
    }
}

impl Progress {
    /// A bar on stderr, which has to be a terminal, for a run with so many slots. Where it is shared with results, the
    /// bar is drawn below each batch of them, and hardly by itself.
    pub(super) fn on_stderr(jobs: u32, is_shared: bool) -> Progress {
        let drawings = if is_shared { DRAWINGS_BESIDE } else { DRAWINGS };
        let shutter = Arc::default();
        let target = match Screen::of_stderr(&shutter) {
            Some(screen) => ProgressDrawTarget::term_like_with_hz(Box::new(screen), drawings),
            None => ProgressDrawTarget::hidden(),
        };
        let mut progress = Progress::on(target, jobs, drawings);
        progress.shutter = shutter;
        progress
    }

    fn on(target: ProgressDrawTarget, jobs: u32, drawings: u8) -> Progress {
        Progress {
            bar: ProgressBar::with_draw_target(None, target),
            shutter: Arc::default(),
            drawings,
            jobs,
            words: Arc::default(),
            live: None,
            in_flight: HashSet::new(),
            finished: 0,
            failed: 0,
            bytes: 0,
        }
    }

    /// Shows above the bar what the run does: to be said before it begins.
    pub(super) fn show_live(&mut self, look: Look) {
        self.live = Some(Block::new(look, self.jobs, size_of_stderr));
    }

    /// For whoever ends the process while it is drawn.
    pub(super) fn shutter(&self) -> Arc<Shutter> {
        Arc::clone(&self.shutter)
    }

    /// For whoever writes to the same terminal.
    pub(super) fn curtain(&self) -> Curtain {
        Curtain(self.bar.clone())
    }

    fn start(&self, run: &RunInfo) {
        let (template, length) = if run.entries.is_some() { (BAR, run.entries) } else { (SPINNER, None) };
        self.bar.set_style(self.style(template));
        if let Some(length) = length {
            self.bar.set_length(length);
        }
        self.bar.enable_steady_tick(Duration::from_secs(1) / u32::from(self.drawings));
    }

    /// Words of ours are keys, as indicatif draws at once when its own message is changed.
    fn style(&self, template: &str) -> ProgressStyle {
        let above = if self.live.is_some() { LIVE } else { "" };
        let style = ProgressStyle::with_template(&format!("{above}{template}"));
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let words = Arc::clone(&self.words);
        let style = style.with_key("words", move |state: &ProgressState, to: &mut dyn fmt::Write| {
            let words = words.lock().unwrap_or_else(PoisonError::into_inner);
            // It goes into a String, which takes everything.
            let _ = to.write_str(&line(state, &words));
        });
        let Some(block) = self.live.clone() else { return style };
        style.with_key("live", move |state: &ProgressState, to: &mut dyn fmt::Write| {
            let _ = to.write_str(&block.text(state.elapsed(), state.pos()));
        })
    }

    fn count(&mut self, outcome: &Outcome) {
        self.in_flight.remove(&outcome.subject.urlnum);
        self.finished += 1;
        self.failed += u64::from(outcome.kind == Kind::Fail);
        self.bytes = self.bytes.saturating_add(outcome.last().response.size_delivered);
    }

    fn words(&self) -> String {
        format!("{} in flight, {} failed, {}", self.in_flight.len(), self.failed, bytes(self.bytes))
    }
}

/// What stands beside the bar itself, as far as it fits.
fn line(state: &ProgressState, words: &str) -> String {
    let of = state.len().map_or_else(String::new, |length| format!("/{length}"));
    let line = format!("{}{of} {:#} {words}", state.pos(), HumanDuration(state.elapsed()));
    shorten(&line, size_of_stderr().wide.saturating_sub(BAR_COLUMNS)).into_owned()
}

impl Progress {
    /// Draws nothing unless the run is over.
    pub(super) fn tell(&mut self, batch: &[Event]) {
        batch.iter().for_each(|event| self.event(event));
        if !self.bar.is_finished() {
            self.bar.set_position(self.finished);
            *self.words.lock().unwrap_or_else(PoisonError::into_inner) = self.words();
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::RunStarted(run) => self.start(run),
            Event::Started(subject) => drop(self.in_flight.insert(subject.urlnum)),
            Event::Retrying { subject, .. } => drop(self.in_flight.remove(&subject.urlnum)),
            Event::Finished(outcome) => self.count(outcome),
            // Those that are to be asked again have told of no end.
            Event::Round(_) => self.in_flight.clear(),
            // Before anybody else hears of the end, so that the summary has the screen to itself.
            Event::RunFinished(_) => self.bar.finish_and_clear(),
            Event::Trace(..) | Event::Warning(_) | Event::Parked(_) | Event::Live { .. } => {}
            // Nobody writes lines where there is a bar.
            Event::Lines(_) => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        // Curtains keep the bar itself alive.
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicU64, Ordering};

    use indicatif::TermLike;

    use super::*;
    use crate::event::{ParkedTable, Summary};
    use crate::outcome::{Class, Failure, Phase};
    use crate::record::samples::{outcome, passed, run, subject};

    /// A terminal of one line and what was written above it.
    #[derive(Debug, Clone, Default)]
    struct Screen(Arc<Mutex<(Vec<String>, String)>>);

    impl Screen {
        fn line(&self) -> String {
            self.0.lock().unwrap().1.trim().to_owned()
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            100
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().1.push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            self.0.lock().unwrap().1.clear();
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn on_screen() -> (Screen, Progress) {
        let screen = Screen::default();
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        (screen, Progress::on(target, 50, DRAWINGS))
    }

    fn tell(progress: &mut Progress, events: impl IntoIterator<Item = Event>) {
        progress.tell(&events.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn the_bar_counts_what_is_in_flight_finished_and_failed() {
        let (_, mut progress) = on_screen();
        let failed = outcome(2, Failure::new(Class::Dns, Phase::Dns, "x"));
        let started = (1..=4).map(|line| Event::Started(subject(line)));
        let finished = [passed(1, 12_300), failed].map(|outcome| Event::Finished(Box::new(outcome)));
        tell(&mut progress, [Event::RunStarted(run())].into_iter().chain(started).chain(finished));
        assert_eq!(progress.words(), "2 in flight, 1 failed, 12.3 kB");
        assert_eq!((progress.bar.position(), progress.bar.length()), (2, Some(2)));
    }

    #[test]
    fn what_the_run_does_now_stands_above_the_bar_and_goes_with_it() {
        let (screen, mut progress) = on_screen();
        let asked = Arc::new(AtomicU64::new(0));
        let by_look = Arc::clone(&asked);
        progress.show_live(Arc::new(move || {
            by_look.fetch_add(1, Ordering::Relaxed);
            ParkedTable { queued: 40, ..ParkedTable::default() }
        }));
        tell(&mut progress, [Event::RunStarted(run())]);
        // Drawn by the bar's own thread, without a word from the run.
        let before = asked.load(Ordering::Relaxed);
        while asked.load(Ordering::Relaxed) == before {
            std::thread::yield_now();
        }
        progress.curtain().aside(|| assert_eq!(screen.line(), ""));
        assert!(screen.line().starts_with("0/50 slots, 0.0 URLs/s; queue 40"), "{}", screen.line());
        drop(progress);
        assert_eq!(screen.line(), "");
    }

    #[test]
    fn an_input_of_unknown_length_has_no_length() {
        let (_, mut progress) = on_screen();
        tell(&mut progress, [Event::RunStarted(RunInfo { entries: None, ..run() })]);
        assert_eq!(progress.bar.length(), None);
    }

    #[test]
    fn others_write_while_the_bar_is_off_the_screen() {
        let (screen, mut progress) = on_screen();
        tell(&mut progress, [Event::RunStarted(run()), Event::Finished(Box::new(passed(1, 5)))]);
        progress.bar.force_draw();
        assert!(screen.line().contains("1/2"), "{}", screen.line());
        progress.curtain().aside(|| assert_eq!(screen.line(), ""));
        assert!(screen.line().contains("1/2"), "{}", screen.line());
    }

    #[test]
    fn at_the_end_the_screen_is_clear_also_when_the_end_never_came() {
        for end in [Some(Event::RunFinished(Summary::default())), None] {
            let (screen, mut progress) = on_screen();
            tell(
                &mut progress,
                [Event::RunStarted(run()), Event::Started(subject(1))].into_iter().chain(end),
            );
            let curtain = progress.curtain();
            drop(progress);
            curtain.aside(|| ());
            assert_eq!(screen.line(), "");
        }
    }
}
