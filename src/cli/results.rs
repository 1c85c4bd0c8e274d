//! The commands that read results: `report RESULTS…` and `diff OLD NEW`.
//!
//! Knows which options mean something where nothing is fetched. Refuses to read a result.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory};

use super::args::Args;
use super::resolve::resolve;
use super::{Environment, UsageError};
use crate::config::{Config, Operand};

/// Options that say where results are told; all others are about a run.
const OF_REPORT: [&str; 9] =
    ["report", "failed", "timeline", "ascii", "json", "quiet", "verbose", "color", "no_progress_meter"];

/// Options that say how much is told of a difference.
const OF_DIFF: [&str; 2] = ["json", "quiet"];

/// `report RESULTS…`: what to write of runs that are over.
pub(super) fn report(mut args: Args, matches: &ArgMatches, env: &Environment) -> Result<Config, UsageError> {
    refuse_foreign(matches, &OF_REPORT, "belongs to a run; report only tells of runs that are over")?;
    let results = results(args.operands.split_off(1));
    if results.is_empty() {
        return Err(UsageError(
            "report: name the results to read: json or jsonl reports, or the lines of --json".to_owned(),
        ));
    }
    let config = resolve(args, results, env)?;
    let output = &config.output;
    if output.reports.is_empty() && output.timelines.is_empty() && output.failed.is_none() && !output.json {
        return Err(UsageError(
            "report: say what to write: --report KIND=FILE, --timeline FILE, --failed FILE or --json"
                .to_owned(),
        ));
    }
    Ok(config)
}

/// `diff OLD NEW`: which two runs to compare.
pub(super) fn diff(mut args: Args, matches: &ArgMatches, env: &Environment) -> Result<Config, UsageError> {
    refuse_foreign(matches, &OF_DIFF, "means nothing to diff, which only compares two runs that are over")?;
    let results = results(args.operands.split_off(1));
    match &results[..] {
        [Operand::Stdin, Operand::Stdin] => {
            Err(UsageError("diff: standard input can be read only once".to_owned()))
        }
        [_, _] => resolve(args, results, env),
        _ => Err(UsageError(
            "diff: name two results, OLD and NEW: json or jsonl reports, or the lines of --json; shards are put \
             together by report RESULTS... --report jsonl=FILE"
                .to_owned(),
        )),
    }
}

fn results(typed: Vec<OsString>) -> Vec<Operand> {
    let operand = |typed: OsString| if typed == "-" { Operand::Stdin } else { Operand::File(typed.into()) };
    typed.into_iter().map(operand).collect()
}

/// An option that could not be heeded would only seem to do something.
fn refuse_foreign(matches: &ArgMatches, ours: &[&str], why: &str) -> Result<(), UsageError> {
    let command = Args::command();
    let foreign = |arg: &&clap::Arg| {
        let id = arg.get_id().as_str();
        matches.value_source(id) == Some(ValueSource::CommandLine) && !ours.contains(&id)
    };
    match command.get_opts().filter(|arg| !arg.is_hide_set()).find(foreign) {
        Some(arg) => {
            let name = format!("--{}", arg.get_long().unwrap_or_default());
            Err(UsageError::option(&name, why))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::super::testing::{complaint, typed};
    use super::*;

    #[test]
    fn two_results_are_compared_no_more_and_no_less() {
        let expected = [Operand::File("old.jsonl".into()), Operand::Stdin];
        for words in [&["diff", "old.jsonl", "-"][..], &["--json", "-q", "diff", "old.jsonl", "-"]] {
            assert!(matches!(typed(words), Ok(Command::Diff(config)) if config.operands == expected));
        }
        for words in [&["diff"][..], &["diff", "a"], &["diff", "a", "b", "c"]] {
            assert!(complaint(words).contains("diff: name two results, OLD and NEW"));
        }
        assert!(complaint(&["diff", "-", "-"]).contains("only once"));
    }

    #[test]
    fn an_option_of_a_run_is_refused() {
        for (words, option) in [
            (["diff", "a", "b", "--report=md=x"], "--report"),
            (["diff", "a", "b", "-j3"], "--jobs"),
            (["diff", "a", "b", "-v"], "--verbose"),
            (["report", "a", "--json", "--retry=1"], "--retry"),
        ] {
            assert!(complaint(&words).starts_with(&format!("greenfetch: {option}: ")), "{words:?}");
        }
    }
}
