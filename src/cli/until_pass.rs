//! `--until-pass D[,N]`, and what it excludes.
//!
//! Knows the option's form. Refuses to know what a round is (`schedule`).

use super::UsageError;
use super::value::{self, Limit, no_number};
use crate::config::{Config, UntilPass};

/// `--until-pass`: how long, and after a comma how often in a row.
pub(super) fn parse_until_pass(text: &str) -> Result<UntilPass, String> {
    let (limit, in_a_row) = text.split_once(',').unwrap_or((text, "1"));
    let Limit(limit) = value::parse_duration(limit)?;
    let in_a_row = in_a_row.parse().ok().filter(|n| *n > 0).ok_or_else(|| no_number(in_a_row, "1"))?;
    Ok(UntilPass { limit, in_a_row })
}

/// What cannot be meant together with it.
pub(super) fn check(config: &Config) -> Result<(), UsageError> {
    let Some(until_pass) = config.run.until_pass else { return Ok(()) };
    if config.run.fail_fast {
        let text =
            "--until-pass and --fail-fast contradict: one waits for what failed, the other ends the run";
        return Err(UsageError(text.to_owned()));
    }
    if until_pass.in_a_row > 1 && config.output.output_dir.is_some() {
        let text = "--until-pass D,N and --output-dir contradict: what passes N times would be saved N times";
        return Err(UsageError(text.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::{complaint, config};
    use super::*;

    #[test]
    fn a_time_and_how_often() {
        let seconds = |n| Some(Duration::from_secs(n));
        for (typed, limit, in_a_row) in
            [("60", seconds(60), 1), ("2m,3", seconds(120), 3), ("0", None, 1), ("0,2", None, 2)]
        {
            let until_pass = config(&format!("demo --until-pass {typed}")).run.until_pass;
            assert_eq!(until_pass, Some(UntilPass { limit, in_a_row }), "{typed}");
        }
        assert_eq!(config("demo").run.until_pass, None);
        for bad in ["", ",", "5,", "5,0", "5,x", "x", "x,1", "5,1,1", "-1"] {
            assert!(parse_until_pass(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_contradicts_is_named() {
        assert!(complaint(&["demo", "--until-pass", "5", "--fail-fast"]).contains("--fail-fast contradict"));
        assert!(
            complaint(&["demo", "--compare", "--until-pass", "5"])
                .contains("--until-pass: is about a single run")
        );
        let twice = ["demo", "--until-pass", "5,2", "--output-dir", "x"];
        assert!(complaint(&twice).contains("saved N times"));
        assert!(config("demo --until-pass 5 --output-dir x").run.until_pass.is_some());
    }
}
