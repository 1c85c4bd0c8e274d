//! `--timeline FILE.svg|FILE.html|-`.
//!
//! Knows the forms by the names of their files. Refuses to touch the file.

use std::path::{Path, PathBuf};

use super::value::shown;
use crate::config::TimelineTo;

/// The form is the file's ending; a hyphen is the terminal.
pub(super) fn parse_timeline(text: &str) -> Result<TimelineTo, String> {
    if text == "-" {
        return Ok(TimelineTo::Terminal);
    }
    let path = PathBuf::from(text);
    match ending(&path).as_deref() {
        Some("svg") => Ok(TimelineTo::Svg(path)),
        Some("html" | "htm") => Ok(TimelineTo::Html(path)),
        _ => Err(format!("'{}' is no picture; write FILE.svg, FILE.html or - for the terminal", shown(text))),
    }
}

fn ending(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{complaint, config};
    use super::*;

    #[test]
    fn the_ending_says_the_form() {
        let timelines = config("demo --timeline a/b.svg --timeline T.HTML --timeline -").output.timelines;
        let expected =
            [TimelineTo::Svg("a/b.svg".into()), TimelineTo::Html("T.HTML".into()), TimelineTo::Terminal];
        assert_eq!(timelines, expected);
    }

    #[test]
    fn what_is_no_picture_is_refused_with_what_is() {
        for typed in ["t.png", "svg", ".svg", ""] {
            let why = parse_timeline(typed).unwrap_err();
            assert!(why.contains("FILE.svg, FILE.html or -"), "{why}");
        }
        let why = complaint(&["http://a/", "--ascii"]);
        assert!(why.contains("--timeline"), "{why}");
    }
}
