//! What reads results in place of a run: `report RESULTS…`, `diff OLD NEW` and `--what-if JOBS --from RESULTS`.
//!
//! Knows which options mean something where nothing is fetched. Refuses to read a result.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory};

use super::args::Args;
use super::operands::shown_path;
use super::resolve::resolve;
use super::{Command, Environment, UsageError};
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

/// `--what-if JOBS --from RESULTS`: what to replay.
pub(super) fn what_if(args: Args, from: PathBuf, matches: &ArgMatches) -> Result<Command, UsageError> {
    refuse_foreign(matches, &["what_if", "from"], "means nothing with --from, which makes no run")?;
    if let Some(operand) = args.operands.first() {
        let operand = shown_path(operand);
        return Err(UsageError::option("--from", format_args!("makes no run; leave '{operand}' out")));
    }
    let jobs = args.run.what_if.map(|what_if| what_if.0).unwrap_or_default();
    Ok(Command::WhatIf(jobs, result(from.into())))
}

fn results(typed: Vec<OsString>) -> Vec<Operand> {
    typed.into_iter().map(result).collect()
}

fn result(typed: OsString) -> Operand {
    if typed == "-" { Operand::Stdin } else { Operand::File(typed.into()) }
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
    fn a_run_that_is_over_is_replayed_and_no_other_is_made() {
        let words = ["--what-if", "5,1", "--from", "r.jsonl"];
        assert!(
            matches!(typed(&words), Ok(Command::WhatIf(jobs, from)) if jobs == [1, 5] && from == Operand::File("r.jsonl".into()))
        );
        let what_if = |more: &str| complaint(&["--what-if", "5,1", "--from", "r", more]);
        assert!(what_if("http://a/").contains("--from: makes no run; leave 'http://a/' out"));
        assert!(what_if("demo").contains("leave 'demo' out"));
        assert!(what_if("--json").contains("--json: means nothing with --from"));
        assert!(complaint(&["--from", "r"]).contains("--what-if"));
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
