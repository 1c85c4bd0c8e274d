//! `--ci`: whose log reads what is printed, and where it wants files.
//!
//! Knows GitHub's variables. Refuses to know what is written there (`report`).

use std::path::PathBuf;

use super::Environment;
use super::value::shown;
use crate::config::Github;

/// `--ci` as it was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CiChoice {
    /// GitHub where its variable says so.
    Auto,
    /// GitHub, even elsewhere.
    Github,
    /// Nobody.
    None,
}

/// `--ci`.
pub(super) fn parse_ci(text: &str) -> Result<CiChoice, String> {
    match text {
        "auto" => Ok(CiChoice::Auto),
        "github" => Ok(CiChoice::Github),
        "none" => Ok(CiChoice::None),
        _ => Err(format!("'{}' is none of auto, github, none", shown(text))),
    }
}

/// Whether GitHub's runner started us: its documentation of default variables.
pub fn is_github(env: &Environment) -> bool {
    (env.variable)("GITHUB_ACTIONS").is_some_and(|value| value == "true")
}

/// What GitHub's log wants; `None` when it is none of GitHub's.
pub(super) fn github(typed: CiChoice, env: &Environment) -> Option<Github> {
    let wanted = typed == CiChoice::Github || typed == CiChoice::Auto && is_github(env);
    let path = |name: &str| (env.variable)(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    wanted.then(|| Github {
        workspace: path("GITHUB_WORKSPACE"),
        // A process without a folder of its own has none to be relative to.
        folder: std::path::absolute(".").unwrap_or_default(),
        outputs: path("GITHUB_OUTPUT"),
        summary: path("GITHUB_STEP_SUMMARY"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{complaint, surrounded};
    use super::*;

    #[test]
    fn github_is_seen_by_its_variable_unless_the_option_knows_better() {
        let found =
            |typed, vars: &[(&str, &str)]| surrounded(false, vars, |env| github(typed, env)).is_some();
        let there: &[(&str, &str)] = &[("GITHUB_ACTIONS", "true")];
        assert!(found(CiChoice::Auto, there) && !found(CiChoice::None, there));
        assert!(!found(CiChoice::Auto, &[]) && found(CiChoice::Github, &[]));
        assert!(!found(CiChoice::Auto, &[("GITHUB_ACTIONS", "false"), ("CI", "true")]));
        assert!(complaint(&["demo", "--ci", "gitlab"]).contains("'gitlab' is none of auto, github, none"));
    }

    #[test]
    fn empty_variables_name_no_files() {
        let vars = [("GITHUB_ACTIONS", "true"), ("GITHUB_OUTPUT", ""), ("GITHUB_WORKSPACE", "/w")];
        let github = surrounded(false, &vars, |env| github(CiChoice::Auto, env)).unwrap();
        assert_eq!((github.outputs, github.workspace), (None, Some("/w".into())));
    }
}
