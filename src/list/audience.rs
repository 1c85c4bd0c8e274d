//! Who is told what a list has in it: both readings.
//!
//! Knows the events of a reading in their order. Refuses to know what is done about them.

use std::borrow::Cow;
use std::sync::Arc;

use super::FileError;
use super::grammar::Fault;
use super::setting::Setting;
use super::walk::Base;
use crate::request::{Location, Method};

/// Nothing is wanted any more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closed;

/// Why an input is not read to its end.
pub(super) enum Halt {
    Closed,
    Broken(FileError),
}

impl From<Closed> for Halt {
    fn from(Closed: Closed) -> Halt {
        Halt::Closed
    }
}

impl From<FileError> for Halt {
    fn from(error: FileError) -> Halt {
        Halt::Broken(error)
    }
}

/// A line of a source.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) source: &'a Arc<str>,
    pub(super) line: u32,
}

impl At<'_> {
    pub(super) fn location(self) -> Location {
        Location { source: Arc::clone(self.source), line: self.line }
    }
}

/// An entry's first line.
pub(super) struct Found<'a> {
    pub(super) at: At<'a>,
    pub(super) method: Option<Method>,
    /// The URL as it is written.
    pub(super) word: &'a str,
    /// The same with variables put in.
    pub(super) text: Cow<'a, str>,
    pub(super) base: Option<&'a Base>,
    /// Of this line alone.
    pub(super) settings: &'a Arc<[Setting]>,
    pub(super) defaults: &'a Arc<[Setting]>,
}

/// A line without a URL.
pub(super) struct Rejected<'a> {
    pub(super) at: At<'a>,
    /// Its first word.
    pub(super) text: Cow<'a, str>,
    /// The message of its failure.
    pub(super) reason: String,
    /// Of this line alone; none where they are not all right.
    pub(super) settings: Arc<[Setting]>,
    pub(super) defaults: Arc<[Setting]>,
}

/// Who is told what a list has in it.
pub(super) trait Audience {
    /// An entry begins; what was wrong with its own line comes after it.
    fn entry(&mut self, found: Found<'_>);
    /// More settings of the entry that began last.
    fn more(&mut self, settings: Vec<Setting>);
    /// The entry that began last has all its settings, if there is one that was not settled yet.
    fn settle(&mut self) -> Result<(), Closed>;
    /// A line without a URL.
    fn rejected(&mut self, rejected: Rejected<'_>) -> Result<(), Closed>;
    /// Something is wrong: with the entry that began last, unless that is settled, else with the line.
    fn fault(&mut self, at: At<'_>, fault: &Fault<'_>) -> Result<(), Closed>;
    /// A sentence for the person at the shell.
    fn warn(&mut self, words: String);
    /// What comes next may have to be waited for.
    fn about_to_read(&mut self) -> Result<(), Closed>;
}
