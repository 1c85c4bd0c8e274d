//! GitHub Actions: failures become annotations of the list's own lines, counts become the step's outputs.
//!
//! Knows the runner's commands and how the toolkit escapes them (actions/toolkit, `command.ts`). Refuses to let anything
//! else become one: that is `guard`'s.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};

use super::Teller;
use super::failures::led_to;
use super::file::reason;
use super::page::Page;
use crate::config::Github;
use crate::event::{Event, Summary};
use crate::outcome::{Failure, Kind, Outcome};
use crate::record::cause;
use crate::request::Location;
use crate::sanitize::{escape, shorten};

/// So many errors, and so many warnings, get an annotation of their own: GitHub shows ten of each in a step, and one
/// counts the rest.
const MOST: u64 = 8;

/// So much of a cause is shown: it may quote what a server sent.
const CAUSE_CHARS: usize = 1000;

/// Tells failures as the runner's commands.
pub(super) struct Annotations {
    github: Github,
    errors: u64,
    warnings: u64,
}

impl Annotations {
    /// None yet.
    pub(super) fn new(github: Github) -> Annotations {
        Annotations { github, errors: 0, warnings: 0 }
    }

    fn finished(&mut self, outcome: &Outcome, page: &mut Page) {
        let (count, command) = match outcome.kind {
            Kind::Fail => (&mut self.errors, "error"),
            Kind::Soft => (&mut self.warnings, "warning"),
            Kind::Pass | Kind::Cancelled => return,
        };
        *count += 1;
        if let Some(failure) = outcome.failure().filter(|_| *count <= MOST) {
            let place = place(&outcome.subject.location, &self.github);
            annotate(command, &place, &words(outcome, failure), page);
        }
    }

    /// What has no annotation of its own.
    fn rest(&self, summary: &Summary, page: &mut Page) {
        for (count, command, word) in
            [(self.errors, "error", "failed"), (self.warnings, "warning", "failed softly")]
        {
            if let Some(more) = count.checked_sub(MOST).filter(|more| *more > 0) {
                annotate(command, "", &format!("and {more} more {word}"), page);
            }
        }
        if summary.cancelled > 0 {
            annotate("error", "", &format!("{} cancelled", summary.cancelled), page);
        }
        for gate in summary.gates.iter().filter(|gate| gate.pass != Some(true)) {
            let actual = gate.actual.as_deref().unwrap_or("nothing");
            let text = format!("slo {} missed: expected {}, got {actual}", gate.check, gate.expected);
            annotate("error", "", &text, page);
        }
        let error = summary.list_error.as_deref().and_then(|error| error.lines().next());
        error.into_iter().for_each(|error| annotate("error", "", error, page));
    }
}

impl Teller for Annotations {
    fn tell(&mut self, event: &Event, page: &mut Page) {
        match event {
            Event::Finished(outcome) => self.finished(outcome, page),
            Event::RunFinished(summary) => self.rest(summary, page),
            _ => {}
        }
    }
}

/// What is wrong with a list: its places with the column and the words, or the words alone, and how many there are in
/// all. For a run that is refused before anything else is told.
pub fn refused<'e>(
    wrong: impl Iterator<Item = (Option<(&'e Location, usize)>, String)>,
    count: u64,
    github: &Github,
    stderr: &mut dyn io::Write,
) -> io::Result<()> {
    let mut page = Page::new(false);
    for (at, words) in wrong.take(usize::try_from(MOST).unwrap_or(usize::MAX)) {
        let place = at.map(|(location, column)| format!("{}col={column},", place(location, github)));
        let place = place.filter(|place| place.starts_with("file=")).unwrap_or_default();
        annotate("error", &place, &shorten(&words, CAUSE_CHARS), &mut page);
    }
    if let Some(more) = count.checked_sub(MOST).filter(|more| *more > 0) {
        annotate("error", "", &format!("and {more} more errors in the list"), &mut page);
    }
    stderr.write_all(page.bytes())
}

/// `file=urls.txt,line=7,`; nothing for what stands in no file.
fn place(location: &Location, github: &Github) -> String {
    if matches!(&*location.source, "<args>" | "<--defaults>" | "-") {
        return String::new();
    }
    let file = in_workspace(&location.source, github);
    format!("file={},line={},", property(&escape(&file)), location.line)
}

/// `::error file=urls.txt,line=7,title=greenfetch::words`.
fn annotate(command: &str, place: &str, words: &str, page: &mut Page) {
    let line = format!("::{command} {place}title=greenfetch::{}\n", message(&escape(words)));
    // What begins a command of the older form, which may stand anywhere.
    page.push(&line.replace("##[", "##\\x5b"));
}

fn words(outcome: &Outcome, failure: &Failure) -> String {
    let why = cause(failure);
    let why = shorten(&why, CAUSE_CHARS);
    let led_to = led_to(outcome, failure).map(|url| format!(", redirected to {url}")).unwrap_or_default();
    format!("{}: {} ({}): {why}{led_to}", outcome.subject.listed, failure.class, failure.phase)
}

/// `escapeData` of the toolkit; `%` first.
fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// `escapeProperty` of the toolkit.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

/// The file as the repository names it; as the user did where it is outside.
fn in_workspace(source: &str, github: &Github) -> String {
    let path = normal(&github.folder.join(source));
    let inside = github.workspace.as_deref().and_then(|workspace| path.strip_prefix(normal(workspace)).ok());
    inside.map_or_else(|| source.to_owned(), |path| path.to_string_lossy().into_owned())
}

/// Without `.` and `..`, by the text alone: the runner does not follow links either.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => _ = normal.pop(),
            component => normal.push(component),
        }
    }
    normal
}

/// Writes the counts where the step's outputs are read. What cannot be written is a warning: the run went as it went.
pub(super) struct StepOutputs(pub(super) PathBuf);

impl StepOutputs {
    fn append(&self, summary: &Summary) -> io::Result<()> {
        let Summary { passed, failed, soft, cancelled, .. } = summary;
        let text = format!("passed={passed}\nfailed={failed}\nsoft={soft}\ncancelled={cancelled}\n");
        let mut file = OpenOptions::new().append(true).create(true).open(&self.0)?;
        file.write_all(text.as_bytes())
    }
}

impl Teller for StepOutputs {
    fn tell(&mut self, event: &Event, page: &mut Page) {
        let Event::RunFinished(summary) = event else { return };
        if let Err(error) = self.append(summary) {
            page.push("greenfetch: ");
            page.yellow("warning: ");
            page.push("cannot write the step's outputs: ");
            page.escaped(&self.0.to_string_lossy());
            page.say(format_args!(": {}\n", reason(&error)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::check::Verdict;
    use crate::outcome::{Class, Phase};
    use crate::record::samples::{outcome, passed};
    use crate::report::told;

    fn github(folder: &str) -> Github {
        Github { workspace: Some("/w/repo".into()), folder: folder.into(), outputs: None, summary: None }
    }

    fn failed(line: u32, kind: Kind) -> Event {
        let mut failed = outcome(line, Failure::new(Class::Status, Phase::Check, "50% off\n::error::x"));
        failed.kind = kind;
        Event::Finished(Box::new(failed))
    }

    #[test]
    fn a_failure_is_an_error_of_its_line_and_a_soft_one_a_warning() {
        let events = [
            failed(7, Kind::Fail),
            failed(8, Kind::Soft),
            failed(9, Kind::Cancelled),
            Event::Finished(Box::new(passed(1, 1))),
        ];
        let text = told(&mut Annotations::new(github("/w/repo/smoke")), true, events);
        let words = "status (check): 50%25 off\\x0a::error::x\n";
        let expected = format!(
            "::error file=smoke/urls.txt,line=7,title=greenfetch::http://a.example/7: {words}\
             ::warning file=smoke/urls.txt,line=8,title=greenfetch::http://a.example/8: {words}"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn eight_are_told_and_one_counts_the_rest() {
        let end = |summary| [Event::RunFinished(summary)];
        let events =
            (1..=20).map(|line| failed(line, Kind::Fail)).chain((1..=9).map(|line| failed(line, Kind::Soft)));
        let gate = Verdict { check: "p95<1s".into(), expected: "below 1 s".into(), actual: None, pass: None };
        let summary = Summary { cancelled: 3, gates: vec![gate], ..Summary::default() };
        let text = told(&mut Annotations::new(github("/w/repo")), false, events.chain(end(summary)));
        assert_eq!(text.lines().filter(|line| line.starts_with("::error file=")).count(), 8);
        let rest = "\
::error title=greenfetch::and 12 more failed
::warning title=greenfetch::and 1 more failed softly
::error title=greenfetch::3 cancelled
::error title=greenfetch::slo p95<1s missed: expected below 1 s, got nothing
";
        assert!(text.ends_with(rest), "{text}");
        let exactly = (1..=8).map(|line| failed(line, Kind::Fail)).chain(end(Summary::default()));
        assert_eq!(told(&mut Annotations::new(github("/w/repo")), false, exactly).lines().count(), 8);
    }

    #[test]
    fn files_are_those_of_the_repository() {
        for (folder, source, expected) in [
            ("/w/repo", "urls.txt", "urls.txt"),
            ("/w/repo/a", "../b/./urls.txt", "b/urls.txt"),
            ("/w/repo", "/w/repo/x/urls.txt", "x/urls.txt"),
            ("/w/repo", "/etc/urls.txt", "/etc/urls.txt"),
            ("/w/repository", "urls.txt", "urls.txt"),
        ] {
            assert_eq!(in_workspace(source, &github(folder)), expected, "{folder} {source}");
        }
        let nowhere = Github { workspace: None, ..github("/x") };
        assert_eq!(in_workspace("a/urls.txt", &nowhere), "a/urls.txt");
    }

    #[test]
    fn a_name_cannot_end_its_property_and_what_stands_in_no_file_names_none() {
        let mut odd = outcome(1, Failure::new(Class::Url, Phase::Queue, "x"));
        Arc::make_mut(&mut odd.subject).location.source = "a,line=9::b%\n.txt".into();
        let text =
            told(&mut Annotations::new(github("/w/repo")), false, [Event::Finished(Box::new(odd.clone()))]);
        assert!(
            text.starts_with("::error file=a%2Cline=9%3A%3Ab%25\\x0a.txt,line=1,title=greenfetch::"),
            "{text}"
        );
        for source in ["<args>", "-"] {
            Arc::make_mut(&mut odd.subject).location.source = source.into();
            let text = told(
                &mut Annotations::new(github("/w/repo")),
                false,
                [Event::Finished(Box::new(odd.clone()))],
            );
            assert!(text.starts_with("::error title=greenfetch::http"), "{text}");
        }
    }
}
