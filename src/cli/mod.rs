//! What was typed becomes a [`Command`]: the vocabulary of this room, and its door.
//!
//! Knows clap, curl's habits and the process's environment as it is told. Refuses to know what a run does with a
//! [`Config`], and writes nothing anywhere: an answer or a complaint is a text for the caller to put out.

mod address;
mod args;
mod ci;
mod command;
mod compare;
mod complaint;
mod habits;
mod operands;
mod proxy;
mod report;
mod request;
mod resolve;
mod results;
mod retry;
mod slo;
#[cfg(test)]
mod testing;
mod timeline;
mod until_pass;
mod value;

use std::ffi::OsString;
use std::net::SocketAddr;

use crate::config::{Comparison, Config, Operand};

pub use args::help_text;
pub use ci::is_github;
pub use command::parse;

/// What the process was asked to do.
#[derive(Debug)]
pub enum Command {
    /// Fetch what the operands name.
    Fetch(Box<Config>),
    /// Fetch it several times in several modes, and say which is faster.
    Compare(Box<Comparison>),
    /// `report …`: tell of runs that are over; the operands are their results.
    Report(Box<Config>),
    /// `--what-if JOBS,… --from RESULTS`: the numbers of jobs, and the run that is replayed.
    WhatIf(Vec<u32>, Operand),
    /// `diff OLD NEW`: what became of each URL from one run that is over to another; the operands are the two.
    Diff(Box<Config>),
    /// `demo …`: the same on a loopback origin of our own.
    Demo(DemoCommand),
    /// `help TOPIC`.
    Help(HelpTopic),
    /// The text that `-h`, `--help`, `help` or `--version` asked for: for standard output, exit 0.
    Print(String),
}

/// What `demo` was asked to do.
#[derive(Debug)]
pub enum DemoCommand {
    /// Fetch the demo's own list with these options; the operands are empty.
    Fetch(Box<Config>),
    /// Compare the modes on a list of the demo's own; the operands are empty.
    Compare(Box<Comparison>),
    /// `--many [N]`: show so many URLs parked at once. Defaults to 10 000.
    Many(u32),
    /// `--block`: show what one blocking call does to the others.
    Block,
    /// `--serve [ADDR]`: only be the origin. Defaults to 127.0.0.1, at a port that the system chooses (0).
    Serve(SocketAddr),
}

/// What there is help about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelpTopic {
    /// `help exit-codes`: [`crate::exit::TABLE`].
    ExitCodes,
    /// `help grammar`: [`crate::list::GRAMMAR`].
    Grammar,
    /// `help schema`: [`crate::record::SCHEMA`].
    Schema,
}

/// What surrounds the process, as far as a command line depends on it: a value, so that tests can make one up.
pub struct Environment<'a> {
    /// Looks up an environment variable; `None` when it is not set.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// Whether standard input is a terminal.
    pub stdin_is_terminal: bool,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub stderr_is_terminal: bool,
    /// Columns of the terminal; `None` without one, or when it does not say.
    pub columns: Option<usize>,
}

/// A command line that cannot be meant: exit 2, and nothing was fetched.
///
/// Its `Display` is the whole message for standard error, `greenfetch: ` first, without a final newline. Control
/// characters of what was typed are escaped, secrets are not quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("greenfetch: {0}")]
pub struct UsageError(String);

impl UsageError {
    /// A complaint about one option, which is named first.
    fn option(name: &str, why: impl std::fmt::Display) -> UsageError {
        UsageError(format!("{name}: {why}"))
    }

    /// A complaint after which the list of options is a help.
    fn with_pointer(text: impl std::fmt::Display) -> UsageError {
        UsageError(format!("{text}\n'greenfetch --help' lists every option."))
    }
}
