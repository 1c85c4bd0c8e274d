//! `--compare`: which options every run takes again, and which mean nothing in a comparison.
//!
//! Knows the options by name. Refuses to know how runs are compared.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, CommandFactory};

use super::UsageError;
use super::args::Args;
use crate::config::{Comparison, Config, Mode};

/// Runs in each mode unless `--runs` says otherwise.
const RUNS: u32 = 3;

/// The groups whose options are about one run's results or its course: such an option is refused unless it is known to
/// mean something here.
const ABOUT_ONE_RUN: [&str; 2] = ["Run", "Output"];

/// Options of these groups that every run takes all the same.
const TAKEN_BY_EVERY_RUN: [&str; 8] =
    ["allow_empty", "base", "defaults", "trust_stdin", "only", "skip", "tag", "shard"];

/// The comparison's own: each run gets what it decides.
const OURS: [&str; 10] =
    ["compare", "runs", "jobs", "json", "quiet", "color", "ci", "no_progress_meter", "timeline", "ascii"];

/// Options elsewhere that contradict it.
const REFUSED: [(&str, &str); 3] = [
    ("processes", "measures what one process does in each mode, and sync has no use for more"),
    ("mode", "one mode is no comparison; name the modes with --compare=MODES"),
    ("sync", "one mode is no comparison; name the modes with --compare=MODES"),
];

/// A comparison that was typed, but for what a run needs to know.
pub(super) struct Wanted {
    modes: Vec<Mode>,
    runs: u32,
    passed_on: Vec<OsString>,
}

/// What was typed of a comparison; `None` without `--compare`.
pub(super) fn wanted(args: &Args, matches: &ArgMatches) -> Result<Option<Wanted>, UsageError> {
    let Some(modes) = &args.concurrency.compare else {
        return match args.concurrency.runs {
            Some(_) => Err(UsageError::option("--runs", "belongs to --compare")),
            None => Ok(None),
        };
    };
    let runs = args.concurrency.runs.unwrap_or(RUNS);
    Ok(Some(Wanted { modes: modes.0.clone(), runs, passed_on: passed_on(matches)? }))
}

impl Wanted {
    /// With what every run is like, which must bear being sent several times.
    pub(super) fn of(self, config: Config) -> Result<Comparison, UsageError> {
        let method = &config.request.method;
        if !method.is_idempotent() {
            let why = format!("sends everything several times, which {method} does not bear: not idempotent");
            return Err(UsageError::option("--compare", why));
        }
        Ok(Comparison { config, modes: self.modes, runs: self.runs, passed_on: self.passed_on })
    }
}

/// The options that were typed, in a form that can be typed again.
fn passed_on(matches: &ArgMatches) -> Result<Vec<OsString>, UsageError> {
    let command = Args::command();
    let mut passed_on = Vec::new();
    for arg in command.get_opts().filter(|arg| !arg.is_hide_set()) {
        let id = arg.get_id().as_str();
        if matches.value_source(id) != Some(ValueSource::CommandLine) || OURS.contains(&id) {
            continue;
        }
        refuse_what_means_nothing(arg)?;
        let option = format!("--{}", arg.get_long().unwrap_or_default());
        if !arg.get_action().takes_values() {
            passed_on.push(option.into());
            continue;
        }
        for value in matches.get_raw(id).into_iter().flatten() {
            refuse_what_is_read_once(&option, value)?;
            passed_on.push([OsStr::new(&option), OsStr::new("="), value].into_iter().collect());
        }
    }
    Ok(passed_on)
}

fn refuse_what_means_nothing(arg: &Arg) -> Result<(), UsageError> {
    let id = arg.get_id().as_str();
    let is_about_one_run = arg.get_help_heading().is_some_and(|heading| ABOUT_ONE_RUN.contains(&heading));
    let why = match REFUSED.iter().find(|(refused, _)| *refused == id) {
        Some((_, why)) => why,
        None if is_about_one_run && !TAKEN_BY_EVERY_RUN.contains(&id) => {
            "is about a single run and means nothing with --compare"
        }
        None => return Ok(()),
    };
    Err(UsageError::option(&format!("--{}", arg.get_long().unwrap_or_default()), why))
}

/// What a shell's `<(…)` names has been read to its end by now, and would be empty for the runs.
fn refuse_what_is_read_once(option: &str, value: &OsStr) -> Result<(), UsageError> {
    let text = value.to_string_lossy();
    let path = match option {
        "--cacert" | "--cert" | "--key" => Some(&*text),
        "--header" | "--data" => text.strip_prefix('@'),
        _ => None,
    };
    match path.map(Path::new) {
        Some(path) if path.exists() && !path.is_file() => Err(UsageError::option(
            option,
            "is read by every run of --compare, so it has to be a regular file",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{complaint, typed};
    use super::super::{Command, DemoCommand};
    use super::*;

    fn comparison(words: &[&str]) -> Comparison {
        match typed(words) {
            Ok(Command::Compare(comparison) | Command::Demo(DemoCommand::Compare(comparison))) => *comparison,
            other => panic!("{words:?}: {other:?}"),
        }
    }

    fn passed(words: &[&str]) -> Vec<String> {
        let passed_on = comparison(words).passed_on;
        let (last, typed) = passed_on.split_last().unwrap();
        assert_eq!(last, "--proxy=", "the demo goes by none");
        typed.iter().map(|word| word.clone().into_string().unwrap()).collect()
    }

    #[test]
    fn nothing_typed_is_three_runs_in_each_of_three_modes() {
        let found = comparison(&["--compare", "http://a/"]);
        assert_eq!((found.modes, found.runs), (vec![Mode::Sync, Mode::Threads, Mode::Coroutines], 3));
        assert_eq!(found.config.operands.len(), 1, "the operand is no mode");
    }

    #[test]
    fn modes_are_taken_in_order_and_one_may_come_twice() {
        let found = comparison(&["demo", "--compare=coroutines,coroutines,sync", "--runs", "100"]);
        assert_eq!((found.modes, found.runs), (vec![Mode::Coroutines, Mode::Coroutines, Mode::Sync], 100));
    }

    #[test]
    fn every_run_takes_the_options_again() {
        assert_eq!(passed(&["demo", "--compare", "-q", "--json", "-j", "7", "--color=never"]), [""; 0]);
        let words = [
            "demo",
            "--compare",
            "-m5",
            "-H",
            "A: 1",
            "-HB: 2",
            "-4",
            "--rate",
            "5/s",
            "--allow-empty",
            "-I",
        ];
        let expected = [
            "--rate=5/s",
            "--header=A: 1",
            "--header=B: 2",
            "--head",
            "--ipv4",
            "--max-time=5",
            "--allow-empty",
        ];
        assert_eq!(passed(&words), expected);
        // Typed again, they mean the same.
        let again: Vec<String> =
            ["demo".to_owned(), "--compare".to_owned()].into_iter().chain(passed(&words)).collect();
        let (first, second) = (comparison(&words), typed(&again));
        let Ok(Command::Demo(DemoCommand::Compare(second))) = second else { panic!("{second:?}") };
        assert_eq!(
            (first.config.request, first.config.limits),
            (second.config.request, second.config.limits)
        );
    }

    #[test]
    fn what_means_nothing_in_a_comparison_is_refused() {
        for (words, expected) in [
            (&["--mode", "sync"][..], "--mode: one mode is no comparison"),
            (&["--sync"], "--sync: one mode is no comparison"),
            (&["--fail-fast"], "--fail-fast: is about a single run"),
            (&["-v"], "--verbose: is about a single run"),
            (&["-d", "x"], "--compare: sends everything several times, which POST does not bear"),
            (&["-X", "PATCH"], "--compare: sends everything several times, which PATCH does not bear"),
            (&["--runs", "0"], "--runs: '0' is no whole number from 1 to 100"),
            (&["--runs", "101"], "--runs: '101' is no whole number"),
            (&["--compare=sync"], "--compare: 'sync' alone is compared to nothing"),
            (&["--compare=sync,tasks"], "--compare: 'tasks'"),
            (&["--compare="], "--compare: "),
            (&["--compare=sync,sync,sync,sync,sync,sync,sync"], "--compare: 7 modes are too many"),
            (&["-H", "@/dev/null"], "--header: is read by every run"),
            (&["--cacert", "/dev/null"], "--cacert: is read by every run"),
        ] {
            let words: Vec<&str> = ["demo", "--compare"].iter().chain(words).copied().collect();
            let text = complaint(&words);
            assert!(text.starts_with(&format!("greenfetch: {expected}")), "{words:?}: {text}");
        }
        assert_eq!(complaint(&["demo", "--runs", "3"]), "greenfetch: --runs: belongs to --compare");
        assert_eq!(passed(&["demo", "--compare", "-d", "x", "-X", "PUT"]), ["--request=PUT", "--data=x"]);
    }
}
