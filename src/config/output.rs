//! Who is told what of a run, and in which form.
//!
//! Knows the values of the options for output. Refuses to know how anything is written.

use std::path::PathBuf;

/// How much is said on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verbosity {
    /// `-qq`: nothing but the exit status, stdout included.
    Silent,
    /// `-q`: no summary and no bar.
    Quiet,
    /// Failures, warnings, summary.
    #[default]
    Normal,
    /// `-v`: starts, redirects and retries too.
    Verbose,
    /// `-vv`: the wire too.
    Wire,
}

/// What a report looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// One JSON document: the run, its results, the summary.
    Json,
    /// The same as lines.
    Jsonl,
    /// `JUnit` XML.
    Junit,
    /// Markdown: failures, then the table.
    Markdown,
    /// One HTML file.
    Html,
    /// Prometheus's text format.
    Prometheus,
}

impl ReportKind {
    /// All of them, in the order of the help.
    pub const ALL: [ReportKind; 6] = [
        ReportKind::Json,
        ReportKind::Jsonl,
        ReportKind::Junit,
        ReportKind::Markdown,
        ReportKind::Html,
        ReportKind::Prometheus,
    ];

    /// The word of `--report`.
    pub fn as_str(self) -> &'static str {
        match self {
            ReportKind::Json => "json",
            ReportKind::Jsonl => "jsonl",
            ReportKind::Junit => "junit",
            ReportKind::Markdown => "md",
            ReportKind::Html => "html",
            ReportKind::Prometheus => "prom",
        }
    }
}

/// `--report KIND=FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportTo {
    /// What is written.
    pub kind: ReportKind,
    /// Where.
    pub path: PathBuf,
}

/// `--timeline`: a picture of when each URL was where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimelineTo {
    /// A file that is only the picture.
    Svg(PathBuf),
    /// A page with a search.
    Html(PathBuf),
    /// `-`: lines of text on stdout, on stderr with `--json`.
    Terminal,
}

impl TimelineTo {
    /// The file; `None` for the terminal.
    pub fn path(&self) -> Option<&std::path::Path> {
        match self {
            TimelineTo::Svg(path) | TimelineTo::Html(path) => Some(path),
            TimelineTo::Terminal => None,
        }
    }
}

/// Who is told what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// `--json`: records on stdout in place of the lines.
    pub json: bool,
    /// `--headers`: the headers of responses are in the records.
    pub headers: bool,
    /// `--report`, in the order given.
    pub reports: Vec<ReportTo>,
    /// `--failed`: what did not pass, as a list; `None` writes none.
    pub failed: Option<PathBuf>,
    /// `--timeline`, in the order given.
    pub timelines: Vec<TimelineTo>,
    /// `--ascii`: what is drawn on a terminal is drawn with letters.
    pub ascii: bool,
    /// Columns of the terminal: `COLUMNS`, or what it says itself; `None` when neither does.
    pub columns: Option<usize>,
    /// `-q`, `-v`.
    pub verbosity: Verbosity,
    /// Whether stderr gets colour: `--color`, `NO_COLOR`, `CLICOLOR_FORCE` and the terminal, resolved.
    pub color: bool,
    /// `--output-dir`: where bodies are saved; `None` counts and discards them.
    pub output_dir: Option<PathBuf>,
    /// Whether the process measures itself, for the comparison that started it: [`super::MEASURES_VARIABLE`].
    pub measures: bool,
    /// `--curl`: each failing request is told as a curl command too.
    pub curl: bool,
    /// `--ci`: GitHub Actions reads what is printed; `None` elsewhere. Defaults to what the environment says.
    pub github: Option<Github>,
    /// Whether the bar is drawn: stderr is a terminal, not CI, no `-q`, no `--no-progress-meter`.
    pub progress: bool,
    /// `--live`, without `-q`: above the bar, where that is drawn; else in lines.
    pub live: bool,
}

impl Output {
    /// Descriptors that each job has open: its connection, and a file where bodies are saved.
    pub fn descriptors_each(&self) -> u64 {
        if self.output_dir.is_some() { 2 } else { 1 }
    }

    /// Whether of what passed nobody at the shell is told more than its line.
    pub fn is_brief(&self) -> bool {
        let is_watched = self.verbosity >= Verbosity::Verbose || self.live || self.progress;
        !(is_watched || self.json || self.github.is_some())
    }

    /// Whether somebody will ask for what takes time to find out of each URL: our end of a connection, what a certificate
    /// says.
    pub fn wants_details(&self) -> bool {
        self.json || !self.reports.is_empty()
    }
}

/// What GitHub Actions says of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Github {
    /// `GITHUB_WORKSPACE`: the repository's folder; `None` when it is not known.
    pub workspace: Option<PathBuf>,
    /// Where the process runs, absolute: what the names of lists are relative to.
    pub folder: PathBuf,
    /// `GITHUB_OUTPUT`: the file that the step's outputs are appended to; `None` writes none.
    pub outputs: Option<PathBuf>,
    /// `GITHUB_STEP_SUMMARY`: the file that the step's page is appended to; `None` writes none.
    pub summary: Option<PathBuf>,
}
