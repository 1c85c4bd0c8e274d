//! The progress bar, on the terminal of stderr.
//!
//! Knows indicatif, and alone does. Refuses to exist when no bar is wanted: then nothing of it is built or asked.

use std::collections::HashSet;
use std::io;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::figures::bytes;
use crate::event::{Event, RunInfo, Sink};
use crate::outcome::{Kind, Outcome};

/// Drawings a second, at most. The bar's own thread keeps its clock running while nothing happens.
const DRAWINGS: u8 = 10;

const BAR: &str = "{bar:24} {pos}/{len} {elapsed} {wide_msg}";
const SPINNER: &str = "{spinner} {pos} {elapsed} {wide_msg}";

/// The bar: finished of all, in flight, failed, bytes.
pub(super) struct Progress {
    bar: ProgressBar,
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
    /// A bar on stderr, which has to be a terminal.
    pub(super) fn on_stderr() -> Progress {
        Progress::on(ProgressDrawTarget::stderr_with_hz(DRAWINGS))
    }

    fn on(target: ProgressDrawTarget) -> Progress {
        let bar = ProgressBar::with_draw_target(None, target);
        Progress { bar, in_flight: HashSet::new(), finished: 0, failed: 0, bytes: 0 }
    }

    /// For whoever writes to the same terminal.
    pub(super) fn curtain(&self) -> Curtain {
        Curtain(self.bar.clone())
    }

    fn start(&self, run: &RunInfo) {
        let (template, length) = if run.entries.is_some() { (BAR, run.entries) } else { (SPINNER, None) };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar.set_style(style);
        if let Some(length) = length {
            self.bar.set_length(length);
        }
        self.bar.enable_steady_tick(Duration::from_secs(1) / u32::from(DRAWINGS));
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

impl Sink for Progress {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::RunStarted(run) => self.start(run),
            Event::Started(subject) => drop(self.in_flight.insert(subject.urlnum)),
            Event::Retrying { subject, .. } => drop(self.in_flight.remove(&subject.urlnum)),
            Event::Finished(outcome) => self.count(outcome),
            // Those that are to be asked again have told of no end.
            Event::Round(_) => self.in_flight.clear(),
            // Before anybody else hears of the end, so that the summary has the screen to itself.
            Event::RunFinished(_) => self.bar.finish_and_clear(),
            Event::Trace(..) | Event::Warning(_) | Event::Parked(_) => {}
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.bar.is_finished() {
            self.bar.set_position(self.finished);
            self.bar.set_message(self.words());
        }
        Ok(())
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
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;
    use crate::event::Summary;
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
        (screen, Progress::on(target))
    }

    fn tell(progress: &mut Progress, events: impl IntoIterator<Item = Event>) {
        events.into_iter().for_each(|event| progress.event(&event).unwrap());
        progress.flush().unwrap();
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
