//! The workshop of the product tests: the chain that runs greenfetch, and what it runs against.
//!
//! Knows how a run is set up and judged, in every mode. Refuses to know the product but through its process.

pub(crate) mod crowd;
pub(crate) mod engine;
pub(crate) mod expectation;
pub(crate) mod listeners;
pub(crate) mod name_server;
pub(crate) mod namespace;
pub(crate) mod origin;
pub(crate) mod preload;
pub(crate) mod relay;
pub(crate) mod running;
pub(crate) mod schema;
pub(crate) mod script;
pub(crate) mod sys;
pub(crate) mod table;
pub(crate) mod terminal;
mod trial;
pub(crate) mod wire;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use expectation::{Expectation, blemish, settle};
use running::{Finished, Running};
use terminal::Terminal;

/// After this a run is killed.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// After this whoever waits for something to be seen has waited in vain; shorter, so that it is told what was missed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The options that choose a mode; the default is none.
type Mode = &'static [&'static str];

const SYNC: Mode = &["--sync"];
const THREADS: Mode = &["--mode", "threads"];
const COROUTINES: Mode = &[];

/// What standard input is.
enum Input {
    Nothing,
    Bytes(Vec<u8>),
    Open,
}

/// What standard output is.
enum Output {
    Heard,
    File(PathBuf),
    Unread,
}

/// A run of greenfetch and what is expected of it: both streams *and* the status, or it does not run.
///
/// It runs in a directory of its own with no environment but PATH, without the summary unless
/// [`Greenfetch::with_summary`] asks for it, and on the list file `list`.
#[must_use = "nothing runs before .status(n), .signal(n) or .spawn()"]
pub(crate) struct Greenfetch {
    args: Vec<OsString>,
    operands: Vec<OsString>,
    files: Vec<(String, Vec<u8>)>,
    env: Vec<(String, OsString)>,
    input: Input,
    output: Output,
    n_descriptors: Option<u32>,
    n_soft_descriptors: Option<u32>,
    largest_file: Option<u32>,
    address_space: Option<u64>,
    n_threads: Option<u32>,
    modes: Vec<Mode>,
    is_quiet: bool,
    is_coloured: bool,
    is_ordered: bool,
    stdout: Vec<Expectation>,
    stderr: Vec<Expectation>,
}

impl Greenfetch {
    /// A run of nothing yet.
    pub(crate) fn new() -> Greenfetch {
        Greenfetch {
            args: Vec::new(),
            operands: Vec::new(),
            files: Vec::new(),
            env: Vec::new(),
            input: Input::Nothing,
            output: Output::Heard,
            n_descriptors: None,
            n_soft_descriptors: None,
            largest_file: None,
            address_space: None,
            n_threads: None,
            modes: vec![COROUTINES],
            is_quiet: true,
            is_coloured: false,
            is_ordered: false,
            stdout: Vec::new(),
            stderr: Vec::new(),
        }
    }

    /// A list file of these lines, named `list`.
    pub(crate) fn list<T: AsRef<str>>(self, urls: impl IntoIterator<Item = T>) -> Greenfetch {
        let text: String = urls.into_iter().map(|url| format!("{}\n", url.as_ref())).collect();
        self.list_text(text)
    }

    /// A list file of these bytes, named `list`.
    pub(crate) fn list_text(self, text: impl AsRef<[u8]>) -> Greenfetch {
        self.file("list", text).operand("list")
    }

    /// Options, before everything else.
    pub(crate) fn args<T: Into<OsString>>(mut self, args: impl IntoIterator<Item = T>) -> Greenfetch {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// An operand, after all options.
    pub(crate) fn operand(mut self, operand: impl Into<OsString>) -> Greenfetch {
        self.operands.push(operand.into());
        self
    }

    /// Bytes on standard input, and its end.
    pub(crate) fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Greenfetch {
        self.input = Input::Bytes(bytes.as_ref().to_vec());
        self
    }

    /// A standard input that the test writes to as it likes.
    pub(crate) fn stdin_open(mut self) -> Greenfetch {
        self.input = Input::Open;
        self
    }

    /// A variable of the environment.
    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Greenfetch {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// A file beside the list.
    pub(crate) fn file(mut self, name: &str, bytes: impl AsRef<[u8]>) -> Greenfetch {
        self.files.push((name.to_owned(), bytes.as_ref().to_vec()));
        self
    }

    /// `--cacert`.
    pub(crate) fn cacert(self, path: impl Into<PathBuf>) -> Greenfetch {
        self.args([OsString::from("--cacert"), path.into().into()])
    }

    /// A standard output that is this file.
    pub(crate) fn stdout_to(mut self, path: impl Into<PathBuf>) -> Greenfetch {
        self.output = Output::File(path.into());
        self
    }

    /// A standard output that is a pipe whose reader has left.
    pub(crate) fn stdout_unread(mut self) -> Greenfetch {
        self.output = Output::Unread;
        self
    }

    /// No more open files than this.
    pub(crate) fn descriptors(mut self, n: u32) -> Greenfetch {
        self.n_descriptors = Some(n);
        self
    }

    /// No more open files than this unless it asks for more.
    pub(crate) fn soft_descriptors(mut self, n: u32) -> Greenfetch {
        self.n_soft_descriptors = Some(n);
        self
    }

    /// No file longer than so many blocks of 512 bytes, and no signal that says so: what a full disk looks like.
    pub(crate) fn largest_file(mut self, n_blocks: u32) -> Greenfetch {
        self.largest_file = Some(n_blocks);
        self
    }

    /// No more address space than so many bytes.
    pub(crate) fn address_space(mut self, bytes: u64) -> Greenfetch {
        self.address_space = Some(bytes);
        self
    }

    /// No more threads than this in all, as a user who is not root.
    pub(crate) fn threads(mut self, n: u32) -> Greenfetch {
        self.n_threads = Some(n);
        self
    }

    /// Sync, threads and coroutines, one after another: the same text, the same status.
    pub(crate) fn in_every_mode(mut self) -> Greenfetch {
        self.modes = vec![SYNC, THREADS, COROUTINES];
        self
    }

    /// Threads and coroutines, where one URL after another would take too long or never end.
    pub(crate) fn in_every_mode_but_sync(mut self) -> Greenfetch {
        self.modes = vec![THREADS, COROUTINES];
        self
    }

    /// Lets it print its summary, which `-q` otherwise turns off.
    pub(crate) fn with_summary(mut self) -> Greenfetch {
        self.is_quiet = false;
        self
    }

    /// Lets the streams have colour.
    pub(crate) fn coloured(mut self) -> Greenfetch {
        self.is_coloured = true;
        self
    }

    /// Compares texts in order: for one job, or one line.
    pub(crate) fn in_order(mut self) -> Greenfetch {
        self.is_ordered = true;
        self
    }

    /// The whole of standard output.
    pub(crate) fn stdout(mut self, text: impl Into<String>) -> Greenfetch {
        self.stdout.push(Expectation::Text(text.into()));
        self
    }

    /// A part of standard output.
    pub(crate) fn stdout_has(mut self, fragment: impl Into<String>) -> Greenfetch {
        self.stdout.push(Expectation::Has(fragment.into()));
        self
    }

    /// What the test says of standard output, as it came, by its panics.
    pub(crate) fn stdout_judged(mut self, judge: impl Fn(&str) + 'static) -> Greenfetch {
        self.stdout.push(Expectation::Judged(Box::new(judge)));
        self
    }

    /// `--json`, and what the test says of the records, in the order of the list.
    pub(crate) fn json(mut self, judge: impl Fn(Vec<Value>) + 'static) -> Greenfetch {
        self.stdout.push(Expectation::records(judge));
        self.args(["--json"])
    }

    /// Anything on standard output.
    pub(crate) fn any_stdout(mut self) -> Greenfetch {
        self.stdout.push(Expectation::Any);
        self
    }

    /// The whole of standard error.
    pub(crate) fn stderr(mut self, text: impl Into<String>) -> Greenfetch {
        self.stderr.push(Expectation::Text(text.into()));
        self
    }

    /// A part of standard error.
    pub(crate) fn stderr_has(mut self, fragment: impl Into<String>) -> Greenfetch {
        self.stderr.push(Expectation::Has(fragment.into()));
        self
    }

    /// What standard error must not have.
    pub(crate) fn stderr_lacks(mut self, fragment: impl Into<String>) -> Greenfetch {
        self.stderr.push(Expectation::Lacks(fragment.into()));
        self
    }

    /// What the test says of standard error, as it came, by its panics.
    pub(crate) fn stderr_judged(mut self, judge: impl Fn(&str) + 'static) -> Greenfetch {
        self.stderr.push(Expectation::Judged(Box::new(judge)));
        self
    }

    /// Anything on standard error.
    pub(crate) fn any_stderr(mut self) -> Greenfetch {
        self.stderr.push(Expectation::Any);
        self
    }

    /// Runs it and expects this exit status.
    pub(crate) fn status(self, status: i32) {
        self.run((Some(status), None));
    }

    /// Runs it and expects that it dies of this signal.
    pub(crate) fn signal(self, signal: i32) {
        self.run((None, Some(signal)));
    }

    fn run(self, end: (Option<i32>, Option<i32>)) {
        assert!(
            !self.stdout.is_empty(),
            "nothing is said of standard output: .any_stdout() says it on purpose"
        );
        assert!(
            !self.stderr.is_empty(),
            "nothing is said of standard error: .any_stderr() says it on purpose"
        );
        for mode in &self.modes {
            let running = self.start(mode);
            let dir = running.dir().to_owned();
            self.judge(&running.finish(), end, &dir);
        }
    }

    /// Starts it, in the first of its modes, and leaves it to the test.
    pub(crate) fn spawn(self) -> Running {
        self.start(self.modes[0])
    }

    /// The same at a terminal of so many lines and columns, for its input and both outputs.
    pub(crate) fn spawn_at_terminal(self, lines: u16, columns: u16) -> Terminal {
        let (command, said, dir) = self.prepare(self.modes[0]);
        Terminal::start(&command, said, dir, (lines, columns))
    }
}
