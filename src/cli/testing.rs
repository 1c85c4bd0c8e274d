//! Command lines and surroundings made up for this room's tests.
//!
//! Knows how to type. Refuses to look at the real environment.

use std::ffi::OsString;

use super::{Command, DemoCommand, Environment, UsageError, parse};
use crate::config::Config;

/// A process whose three streams are terminals or none of them, with these variables alone.
pub(super) fn surrounded<R>(terminal: bool, vars: &[(&str, &str)], act: impl FnOnce(&Environment) -> R) -> R {
    let variable = |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
    act(&Environment {
        variable: &variable,
        stdin_is_terminal: terminal,
        stdout_is_terminal: terminal,
        stderr_is_terminal: terminal,
        columns: None,
    })
}

/// What words after the program's name are, with no terminal around.
pub(super) fn typed<W: Into<OsString> + Clone>(words: &[W]) -> Result<Command, UsageError> {
    let argv = words.iter().cloned().map(Into::into);
    surrounded(false, &[], |env| parse(std::iter::once(OsString::from("greenfetch")).chain(argv), env))
}

/// The configuration that words separated by blanks give, with or without `demo` before them.
pub(super) fn config(line: &str) -> Config {
    let words: Vec<&str> = line.split_whitespace().collect();
    match typed(&words) {
        Ok(Command::Fetch(config) | Command::Demo(DemoCommand::Fetch(config))) => *config,
        other => panic!("{line}: {other:?}"),
    }
}

/// What is said to words that cannot be meant.
pub(super) fn complaint<W: Into<OsString> + Clone + std::fmt::Debug>(words: &[W]) -> String {
    match typed(words) {
        Err(error) => error.to_string(),
        Ok(command) => panic!("{words:?} was taken: {command:?}"),
    }
}
