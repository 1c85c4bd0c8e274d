//! A text becomes entries.
//!
//! Knows what may stand in a list, where it stands and what is wrong with it. Refuses to know what a run makes of an
//! entry (`plan`), and how many it wants at a time: it is told, in credits.

mod again;
mod aria2;
mod audience;
mod body;
mod check;
mod credits;
mod diagnostic;
mod grammar;
mod http_url;
mod include;
mod input;
mod lines;
mod path;
mod plain;
mod reader;
mod secrets;
mod setting;
mod source;
mod variables;
mod walk;
mod words;

use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use url::Url;

use crate::request::{Location, Method};

pub use check::check;
pub use credits::Credits;
pub use plain::{PlainLine, PlainLines};
pub use setting::{Setting, Term, Written};
pub use source::{List, Plan, Together};
pub use variables::{LookUp, Variables};

/// The page that `greenfetch help grammar` prints.
pub const GRAMMAR: &str = include_str!("grammar.txt");

/// How lists are read, besides what stands in them.
#[derive(Debug, Clone)]
pub struct Reading {
    /// `--base`: where relative lines count from; `None` takes no relative lines before `@base`.
    pub base: Option<Url>,
    /// `--defaults`: settings as if `@defaults` stood first.
    pub defaults: Option<String>,
    /// `--trust-stdin`: a list from standard input may do what one in a file may.
    pub trust_stdin: bool,
    /// Whether entries are to say how they are written as lists of their own.
    pub wants_again: bool,
    /// What `${NAME}` is.
    pub variables: Variables,
    /// Whether there is something to read, or soon will be. While there is not, an entry of a stream is taken up without
    /// waiting for the line after it.
    pub is_ready: fn(BorrowedFd<'_>) -> bool,
}

impl Default for Reading {
    fn default() -> Reading {
        Reading {
            base: None,
            defaults: None,
            trust_stdin: false,
            wants_again: false,
            variables: Variables::default(),
            is_ready: |_| false,
        }
    }
}

/// What one line asks for, or what was there in place of a URL.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it stands.
    pub location: Location,
    /// The method before the URL; `None` leaves it to the command line.
    pub method: Option<Method>,
    /// The URL as it was written; for a line without one, its first word. Raw: may hold a password and control characters.
    pub text: String,
    /// The URL, or why this entry can only fail: a fragment for the failure's message.
    pub url: Result<Url, String>,
    /// What else the entry says; shared by neighbours that say the same.
    pub settings: Arc<[Setting]>,
    /// What `@defaults` or `--defaults` say of it; shared by all below them.
    pub defaults: Arc<[Setting]>,
    /// The entry as a list of its own, `${…}` unexpanded; `None` unless that was wanted, and for what is no URL.
    pub again: Option<Box<str>>,
}

/// Why an entry is not taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// `--only`, `--skip` or `--tag`.
    ByChoice,
    /// It belongs to another shard.
    ByShard,
}

/// How many entries were not taken up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOuts {
    /// By `--only`, `--skip` or `--tag`.
    pub by_choice: u64,
    /// By `--shard`, of those that were chosen.
    pub by_shard: u64,
}

/// A place in a list that is wrong: nothing is fetched before it is put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListError {
    /// The line.
    pub location: Location,
    /// In characters of the line, from 1.
    pub column: usize,
    /// What a terminal shows of the line: passwords masked, control characters escaped, shortened around the span.
    pub line_text: String,
    /// What to underline, in columns of `line_text` from 0; never empty.
    pub span: Range<usize>,
    /// What is wrong: a fragment.
    pub message: String,
    /// What to write in its place; `None` when the message says it all.
    pub hint: Option<String>,
}

/// All that is wrong with the lists of a run; its text is a page for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListErrors {
    /// In the order of the input, the first hundred at most.
    pub errors: Vec<ListError>,
    /// How many there are besides.
    pub more: u64,
}

impl ListErrors {
    /// How many there are in all.
    pub fn count(&self) -> u64 {
        self.errors.len() as u64 + self.more
    }
}

/// Why a file cannot be a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// The system does not let us read it: missing, not ours, broken in the middle.
    #[error("cannot read {name}: {cause}")]
    Unreadable {
        /// The file as the user named it.
        name: String,
        /// What the system says.
        cause: String,
    },
    /// It is a directory.
    #[error("cannot read {name}: it is a directory")]
    Directory {
        /// The file as the user named it.
        name: String,
    },
    /// It begins with the byte order mark of another encoding.
    #[error("{name} is {encoding} text: save it as UTF-8")]
    Encoding {
        /// The file as the user named it.
        name: String,
        /// UTF-16 or UTF-32.
        encoding: &'static str,
    },
    /// Its first line has a NUL: a binary file, or UTF-16 without a mark. Said once, in place of a failure a line.
    #[error("{name} is no text, its first line has a NUL: if it is a list, save it as UTF-8")]
    Binary {
        /// The file as the user named it.
        name: String,
    },
}

/// Why nothing is fetched at all: exit 2. Its text is the whole message, ready for stderr, without the last newline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The files that cannot be lists.
    pub files: Vec<FileError>,
    /// The lines that are wrong.
    pub errors: ListErrors,
}

/// What the reading thread hands over. `L` is what an entry was made into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery<L> {
    /// The next entries in order, at least one and never more than there were credits for.
    Listed(Vec<L>),
    /// Something to be said of the list, once.
    Warning(String),
    /// Everything was read; the last delivery, and missing only when the credits were closed before.
    End {
        /// What went wrong on the way, a sentence fragment: exit 2. `None` when nothing did.
        error: Option<String>,
        /// How many entries were not taken up.
        left_out: LeftOuts,
    },
}
