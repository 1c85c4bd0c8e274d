//! clap's objections in our words: `greenfetch: --rate: '5' has no unit; write 5/s or 5/m`.
//!
//! Knows clap's errors and the way ours look. Refuses to show a byte that was typed as it is.

use std::ffi::OsStr;
use std::fmt;

use clap::builder::TypedValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::value::shown;
use super::{Command, UsageError, habits};

/// A value's parser for clap that names the option by its long name, also for what is no UTF-8.
#[derive(Clone)]
pub(super) struct Typed<T>(pub(super) fn(&str) -> Result<T, String>);

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Typed<T> {
    type Value = T;

    fn parse_ref(
        &self,
        _command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        let parsed = match value.to_str() {
            Some(text) => (self.0)(text),
            None => Err("the value is not UTF-8".to_owned()),
        };
        parsed.map_err(|why| objection(arg, &why))
    }
}

/// Travels through clap as the one kind of context that clap itself never sets.
fn objection(arg: Option<&clap::Arg>, why: &str) -> clap::Error {
    let name = arg.and_then(clap::Arg::get_long).unwrap_or_default();
    let mut error = clap::Error::new(ErrorKind::ValueValidation);
    error.insert(ContextKind::Custom, ContextValue::String(format!("--{name}: {why}")));
    error
}

/// What clap stopped for: a page that was asked for, or a complaint.
pub(super) fn stopped(error: &clap::Error) -> Result<Command, UsageError> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(Command::Print(error.to_string())),
        _ => Err(complaint(error)),
    }
}

fn complaint(error: &clap::Error) -> UsageError {
    let arg = context(error, ContextKind::InvalidArg);
    // `--json=x` and `--rate <RATE>` are both about what stands before.
    let ends: &[char] = if arg.starts_with("--") { &[' ', '='] } else { &[' '] };
    let name = arg.split(ends).next().unwrap_or_default();
    let value = shown(context(error, ContextKind::InvalidValue));
    match error.kind() {
        ErrorKind::ValueValidation => UsageError(context(error, ContextKind::Custom).to_owned()),
        ErrorKind::UnknownArgument => unknown(name, context(error, ContextKind::SuggestedArg)),
        ErrorKind::TooManyValues if name == "--json" => UsageError::option(name, habits::JSON_TAKES_NO_BODY),
        ErrorKind::TooManyValues => {
            UsageError::with_pointer(format_args!("{}: takes no value, but '{value}' was given", shown(name)))
        }
        ErrorKind::InvalidValue if value.is_empty() => {
            UsageError::with_pointer(format_args!("{}: a value is missing", shown(arg)))
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = missing(error);
            UsageError::with_pointer(format_args!("{missing} is missing, which another option belongs to"))
        }
        _ => UsageError::with_pointer(InOneLine(error)),
    }
}

/// `--cert <FILE>`.
fn missing(error: &clap::Error) -> String {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(names)) => shown(&names.join(", ")),
        _ => "an option".to_owned(),
    }
}

fn unknown(name: &str, suggested: &str) -> UsageError {
    if let Some(hint) = habits::hint(name) {
        return UsageError::with_pointer(format_args!("{name}: {hint}"));
    }
    let name = shown(name);
    match suggested {
        "" => UsageError::with_pointer(format_args!("there is no option '{name}'")),
        near => UsageError::with_pointer(format_args!("there is no option '{name}'; did you mean '{near}'?")),
    }
}

fn context(error: &clap::Error, kind: ContextKind) -> &str {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text,
        _ => "",
    }
}

/// The first line of an error that we have no words of our own for.
struct InOneLine<'a>(&'a clap::Error);

impl fmt::Display for InOneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let line = text.lines().next().unwrap_or_default();
        f.write_str(&shown(line.strip_prefix("error: ").unwrap_or(line)))
    }
}
