//! All sinks of a run, and the pump that feeds them.
//!
//! Knows which teller speaks on which stream, and what it means when a stream can no longer be written. Refuses to know
//! what tellers say.

use std::io;

use super::failures::Failures;
use super::file::{InPlace, reason};
use super::gates::Gates;
use super::github::{Annotations, StepOutputs};
use super::guard::Shared;
use super::json::Json;
use super::live::{Lines, Look};
use super::measures::ProcessMeasures;
use super::page::Page;
use super::parked::Parked;
use super::progress::{Curtain, Progress};
use super::reports::Reports;
use super::rounds::Rounds;
use super::screen::Shutter;
use super::stream::Stream;
use super::summary::{Gathered, Summary as SummaryLines};
use super::text::{Copyist, Text};
use super::trace::Trace;
use super::{Streams, Teller};
use crate::config::{Concurrency, Config, Output, Verbosity};
use crate::event::{Event, RunInfo, Scribe, Sink, Stop, Summary};
use crate::exit::Told;
use crate::sanitize::escape;

/// Everybody who is told.
#[derive(Default)]
pub struct Sinks {
    progress: Option<Progress>,
    /// Where results and the bar share a screen: it is taken off once a batch, for both streams.
    curtain: Option<Curtain>,
    stdout: Option<Stream>,
    stderr: Option<Stream>,
    /// GitHub's commands: the same output as `stderr`, whose lines cannot be any.
    commands: Option<Stream>,
    /// Who listens besides; they write nothing.
    listeners: Vec<Box<dyn Sink>>,
    reports: Option<Reports>,
    /// Results go to more than standard output: its end is not that of the run.
    outlives_stdout: bool,
    /// Standard output is for records alone.
    has_records: bool,
    /// Where of what passed nobody wants more than its line.
    copyist: Option<Copyist>,
    told: Told,
}

/// What a run is, for those who tell of it.
pub struct About<'a> {
    /// What was asked for.
    pub config: &'a Config,
    /// What of it the system allows.
    pub limits: &'a Concurrency,
    /// The run itself.
    pub info: &'a RunInfo,
    /// The folder that it was started in, when that is known.
    pub directory: Option<String>,
}

/// The sinks that the command line asks for; with `-qq` reports alone.
///
/// # Errors
/// A sentence for exit 2, when a report cannot be begun.
pub fn sinks(about: &About<'_>, mut streams: Streams, in_place: InPlace<'_>) -> Result<Sinks, String> {
    let (output, limits) = (&about.config.output, about.limits);
    let reports = Reports::begin(about, in_place)?;
    let outlives_stdout =
        output.output_dir.is_some() || reports.as_ref().is_some_and(Reports::outlive_stdout);
    if output.verbosity == Verbosity::Silent {
        return Ok(Sinks { reports, outlives_stdout, ..Sinks::default() });
    }
    let commands = output.github.as_ref().map(|github| {
        let shared = Shared::new(std::mem::replace(&mut streams.stderr, Box::new(io::sink())));
        streams.stderr = Box::new(shared.clone());
        let tellers: Vec<Box<dyn Teller>> = vec![Box::new(Annotations::new(github.clone()))];
        Stream::new(Box::new(shared), tellers, Page::new(false), None)
    });
    let streams = if commands.is_some() { streams.guarded(output.json) } else { streams };
    let is_shared = streams.stdout_is_terminal;
    let progress = output.progress.then(|| Progress::on_stderr(limits.jobs, is_shared));
    let curtain = progress.as_ref().map(Progress::curtain);
    let (both, remarks) = if is_shared { (curtain, None) } else { (None, curtain) };
    let stdout = Stream::new(streams.stdout, result_tellers(output), Page::new(false), None);
    let times = (output.verbosity >= Verbosity::Normal).then(Gathered::default);
    let copyist = (output.is_brief() && reports.is_none()).then(|| Copyist::new(times.clone()));
    let tellers = remark_tellers(output, limits, times);
    let stderr = Stream::new(streams.stderr, tellers, Page::new(output.color), remarks);
    Ok(Sinks {
        progress,
        curtain: both,
        stdout: Some(stdout),
        stderr: Some(stderr),
        commands,
        reports,
        outlives_stdout,
        has_records: output.json,
        copyist,
        ..Sinks::default()
    })
}

fn result_tellers(output: &Output) -> Vec<Box<dyn Teller>> {
    let mut tellers: Vec<Box<dyn Teller>> =
        if output.json { vec![Box::new(Json::default())] } else { vec![Box::new(Text)] };
    if output.measures {
        tellers.push(Box::new(ProcessMeasures));
    }
    tellers
}

/// In the order in which they speak of the same event: at the end the failures that are left, the
/// gates, then the summary.
fn remark_tellers(output: &Output, limits: &Concurrency, times: Option<Gathered>) -> Vec<Box<dyn Teller>> {
    let is_verbose = output.verbosity >= Verbosity::Verbose;
    let mut tellers: Vec<Box<dyn Teller>> = Vec::new();
    if is_verbose {
        tellers.push(Box::new(Trace { wire: output.verbosity >= Verbosity::Wire }));
    }
    tellers.push(Box::new(Rounds));
    tellers.push(Box::new(Failures::default()));
    tellers.push(Box::new(Parked { all: is_verbose }));
    if output.live && !output.progress {
        tellers.push(Box::new(Lines::new(limits.jobs)));
    }
    let outputs = output.github.as_ref().and_then(|github| github.outputs.clone());
    if let Some(path) = outputs {
        tellers.push(Box::new(StepOutputs(path)));
    }
    tellers.push(Box::new(Gates { all: output.verbosity >= Verbosity::Normal }));
    if let Some(times) = times {
        tellers.push(Box::new(SummaryLines::new(limits, times)));
    }
    tellers
}

/// Tells every event to every sink until the run has finished. Writes after each batch: larger batches make fewer
/// writes. `stop` is called, once, when standard output's reader went away. Returns the counts of the run and what the
/// sinks came to.
pub fn pump(
    batches: impl Iterator<Item = Vec<Event>>,
    sinks: &mut Sinks,
    mut stop: impl FnMut(Stop),
) -> (Summary, Told) {
    for batch in batches {
        let was_closed = sinks.told.output_closed;
        let finished = sinks.tell(&batch);
        if sinks.told.output_closed && !was_closed {
            stop(Stop::OutputClosed);
        }
        if let Some(summary) = finished {
            return (summary, sinks.told);
        }
    }
    (sinks.cut_short(), sinks.told)
}

impl Sinks {
    /// Somebody else is told what happens.
    pub fn add_listener(&mut self, listener: Box<dyn Sink>) {
        self.listeners.push(listener);
    }

    /// Who is to write of what passed in place of an event for each; `None` when somebody here wants to know more.
    pub fn scribe(&mut self) -> Option<Box<dyn Scribe>> {
        let copyist = self.copyist.take().filter(|_| self.listeners.is_empty())?;
        Some(Box::new(copyist))
    }

    /// Above the bar, where there is one, what the run does at each moment; to be said before it begins.
    pub fn show_live(&mut self, look: Look) {
        if let Some(progress) = &mut self.progress {
            progress.show_live(look);
        }
    }

    /// For whoever ends the process while the bar is drawn; `None` where there is none.
    pub fn shutter(&self) -> Option<std::sync::Arc<Shutter>> {
        self.progress.as_ref().map(Progress::shutter)
    }

    /// Whether results and the bar share a screen: then each batch draws the bar, an empty one too.
    pub fn share_a_screen(&self) -> bool {
        self.curtain.is_some()
    }

    /// Something to be said after the run, in whole lines on standard error; with `-qq` nothing is.
    pub fn say(&mut self, lines: &str) {
        if self.stderr.as_mut().is_some_and(|stderr| stderr.say(lines).flush().is_err()) {
            self.stderr = None;
        }
    }

    /// A batch, and the run's counts when it was the last one. In the order that keeps a terminal readable: the bar
    /// away, results, remarks.
    fn tell(&mut self, batch: &[Event]) -> Option<Summary> {
        if let Some(progress) = &mut self.progress {
            progress.tell(batch);
        }
        let finished = match self.curtain.clone() {
            Some(curtain) => curtain.aside(|| self.tell_others(batch)),
            None => self.tell_others(batch),
        };
        if self.told.output_closed {
            self.progress = None;
        }
        finished
    }

    fn tell_others(&mut self, batch: &[Event]) -> Option<Summary> {
        for event in batch {
            self.each(|sink| sink.event(event));
            self.report(|reports| reports.event(event));
        }
        // Mostly the last event, but a signal may have asked for the parked table since.
        let finished = batch.iter().rev().find_map(|event| match event {
            Event::RunFinished(summary) => Some(summary.clone()),
            _ => None,
        });
        self.each(|sink| sink.flush());
        let told = self.told;
        self.report(|reports| match &finished {
            Some(summary) => reports.end(summary, told),
            None => reports.flush(),
        });
        if finished.is_some() {
            self.draw();
        }
        finished
    }

    /// The pictures, once all is known that they show.
    fn draw(&mut self) {
        let Some(drawn) = self.reports.as_mut().and_then(Reports::draw) else { return };
        for words in drawn.complaints {
            self.told.write_failed = true;
            self.say(&format!("greenfetch: {}\n", escape(&words)));
        }
        let Some(text) = drawn.text else { return };
        // Among records it would be no record.
        let stream = if self.has_records { &mut self.stderr } else { &mut self.stdout };
        if let Some(Err(error)) = stream.as_mut().map(|stream| stream.say(&text).flush()) {
            self.lose_stdout(&error);
        }
    }

    /// What the reports complain of is said once each, and the run goes on.
    fn report(&mut self, tell: impl FnOnce(&mut Reports)) {
        let Some(reports) = &mut self.reports else { return };
        tell(reports);
        let warnings = reports.warnings();
        for words in reports.complaints() {
            self.told.write_failed = true;
            self.say(&format!("greenfetch: {}\n", escape(&words)));
        }
        for words in warnings {
            self.say(&format!("greenfetch: warning: {}\n", escape(&words)));
        }
    }

    fn each(&mut self, mut tell: impl FnMut(&mut dyn Sink) -> io::Result<()>) {
        if let Some(Err(error)) = self.stdout.as_mut().map(|sink| tell(sink)) {
            self.lose_stdout(&error);
        }
        for listener in &mut self.listeners {
            // There is nothing that they could fail at.
            let _ = tell(&mut **listener);
        }
        if let Some(Err(_)) = self.stderr.as_mut().map(|sink| tell(sink)) {
            // Nobody is left to be told that.
            self.stderr = None;
        }
        if let Some(Err(_)) = self.commands.as_mut().map(|sink| tell(sink)) {
            self.commands = None;
        }
    }

    /// A reader that went away ends the run as quietly as SIGPIPE would; anything else is said once, and the run goes on.
    fn lose_stdout(&mut self, error: &io::Error) {
        if error.kind() == io::ErrorKind::BrokenPipe && self.outlives_stdout {
            self.stdout = None;
            return;
        }
        if error.kind() == io::ErrorKind::BrokenPipe {
            // The bar may be aside at this moment: it goes when it is back.
            let progress = self.progress.take();
            *self = Sinks { progress, told: Told { output_closed: true, ..self.told }, ..Sinks::default() };
            return;
        }
        self.stdout = None;
        self.told.write_failed = true;
        if let Some(stderr) = &mut self.stderr {
            stderr.note(&format!("cannot write to standard output: {}", reason(error)));
        }
    }

    /// Events ended without the last one: the loop died, which is a bug and counts as one.
    fn cut_short(&mut self) -> Summary {
        self.progress = None;
        self.report(|reports| reports.cut());
        if let Some(stderr) = &mut self.stderr {
            stderr.note("the run ended without an end, which is a bug");
            let _ = stderr.flush();
        }
        Summary { internal: 1, ..Summary::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::config::Mode;
    use crate::outcome::{Class, Failure, Phase};
    use crate::record::samples::{outcome, passed, run, subject};

    /// What was written, a text for each write; and the error that the next write meets.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<(Vec<String>, Option<io::ErrorKind>)>>);

    impl Paper {
        fn torn(kind: io::ErrorKind) -> Paper {
            let paper = Paper::default();
            paper.0.lock().unwrap().1 = Some(kind);
            paper
        }

        fn writes(&self) -> Vec<String> {
            self.0.lock().unwrap().0.clone()
        }

        fn text(&self) -> String {
            self.writes().concat()
        }
    }

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut paper = self.0.lock().unwrap();
            if let Some(kind) = paper.1 {
                return Err(kind.into());
            }
            paper.0.push(String::from_utf8(bytes.to_vec()).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Heard {
        stdout: Paper,
        stderr: Paper,
        stops: Vec<Stop>,
        summary: Summary,
        told: Told,
    }

    fn output(verbosity: Verbosity) -> Output {
        Output { verbosity, ..Output::default() }
    }

    fn hear(output: &Output, papers: (Paper, Paper), batches: Vec<Vec<Event>>) -> Heard {
        let (stdout, stderr) = papers;
        let streams = Streams {
            stdout: Box::new(stdout.clone()),
            stderr: Box::new(stderr.clone()),
            stdout_is_terminal: false,
            stderr_is_terminal: false,
        };
        let limits = Concurrency {
            jobs: 1,
            per_host: None,
            per_host_given: false,
            start_interval: None,
            processes: 1,
            mode: Mode::Threads,
        };
        let config = Config { output: output.clone(), ..Config::default() };
        let about = About { config: &config, limits: &limits, info: &run(), directory: None };
        let mut stops = Vec::new();
        let in_place = |_: &Path| Err(io::ErrorKind::Unsupported.into());
        let mut sinks = sinks(&about, streams, &in_place).unwrap();
        let (summary, told) = pump(batches.into_iter(), &mut sinks, |stop| stops.push(stop));
        Heard { stdout, stderr, stops, summary, told }
    }

    fn pass(line: u32) -> Event {
        Event::Finished(Box::new(passed(line, 5)))
    }

    fn fail(line: u32) -> Event {
        Event::Finished(Box::new(outcome(line, Failure::new(Class::Closed, Phase::Wait, "reset"))))
    }

    fn end() -> Event {
        Event::RunFinished(Summary { taken_up: 7, passed: 7, list_ended: true, ..Summary::default() })
    }

    fn a_run() -> Vec<Vec<Event>> {
        vec![
            vec![Event::RunStarted(run()), Event::Started(subject(1)), pass(1)],
            vec![fail(2), pass(3), end()],
        ]
    }

    const FAILURE: &str = "urls.txt:2: http://a.example/2: closed (wait): reset (1 try, 0.01 s)\n";

    #[test]
    fn results_go_to_stdout_remarks_to_stderr_and_a_batch_is_one_write() {
        let heard = hear(&output(Verbosity::Quiet), Default::default(), a_run());
        let lines = [1, 3].map(|n| format!("5 bytes received from http://a.example/{n}.\n"));
        assert_eq!(heard.stdout.writes(), lines);
        assert_eq!(heard.stderr.text(), FAILURE);
        assert_eq!((heard.summary.passed, heard.told, heard.stops), (7, Told::default(), vec![]));
    }

    #[test]
    fn each_verbosity_says_more_than_the_one_below() {
        let text = |verbosity| hear(&output(verbosity), Default::default(), a_run()).stderr.text();
        assert_eq!(text(Verbosity::Silent), "");
        let normal = text(Verbosity::Normal);
        assert!(normal.starts_with(FAILURE) && normal.contains("7 passed; 10 bytes in "), "{normal}");
        assert_eq!(text(Verbosity::Verbose), format!("GET: http://a.example/1\n{normal}"));
        assert_eq!(text(Verbosity::Wire), text(Verbosity::Verbose));
    }

    #[test]
    fn silent_says_nothing_on_stdout_either_and_still_counts() {
        for json in [false, true] {
            let heard = hear(&Output { json, ..output(Verbosity::Silent) }, Default::default(), a_run());
            assert_eq!((heard.stdout.text(), heard.summary.passed), (String::new(), 7));
        }
    }

    #[test]
    fn with_json_failures_are_on_both_streams() {
        let heard = hear(&Output { json: true, ..output(Verbosity::Quiet) }, Default::default(), a_run());
        assert_eq!(heard.stdout.text().lines().count(), 3);
        assert_eq!(heard.stderr.text(), FAILURE);
    }

    #[test]
    fn a_reader_that_went_away_stops_the_run_once_and_quietly() {
        let papers = (Paper::torn(io::ErrorKind::BrokenPipe), Paper::default());
        let heard = hear(&output(Verbosity::Verbose), papers, a_run());
        assert_eq!(heard.stops, [Stop::OutputClosed]);
        assert_eq!(heard.told, Told { output_closed: true, write_failed: false });
        assert_eq!(heard.stderr.text(), "");
        assert_eq!(heard.summary.passed, 7);
    }

    #[test]
    fn a_full_disk_is_said_once_and_the_run_goes_on() {
        let papers = (Paper::torn(io::ErrorKind::StorageFull), Paper::default());
        let heard = hear(&output(Verbosity::Quiet), papers, a_run());
        assert_eq!((heard.stops, heard.told), (vec![], Told { output_closed: false, write_failed: true }));
        let said = format!("greenfetch: cannot write to standard output: no storage space\n{FAILURE}");
        assert_eq!(heard.stderr.text(), said);
    }

    #[test]
    fn nobody_minds_when_stderr_is_gone() {
        let papers = (Paper::default(), Paper::torn(io::ErrorKind::BrokenPipe));
        let heard = hear(&output(Verbosity::Normal), papers, a_run());
        assert_eq!(heard.stdout.writes().len(), 2);
        assert_eq!((heard.stops, heard.told), (vec![], Told::default()));
    }

    #[test]
    fn thousands_of_lines_are_few_writes_and_each_ends_with_a_line() {
        let batch: Vec<_> = (1..=5_000).map(pass).chain([end()]).collect();
        let writes = hear(&output(Verbosity::Quiet), Default::default(), vec![batch]).stdout.writes();
        assert!(writes.len() <= 4 && writes.iter().all(|write| write.ends_with(".\n")), "{}", writes.len());
        assert_eq!(writes.concat().lines().count(), 5_000);
    }

    #[test]
    fn a_run_without_an_end_is_a_bug_and_says_so() {
        let heard = hear(&output(Verbosity::Normal), Default::default(), vec![vec![pass(1)]]);
        assert_eq!(heard.summary.internal, 1);
        assert_eq!(heard.stderr.text(), "greenfetch: the run ended without an end, which is a bug\n");
    }
}
