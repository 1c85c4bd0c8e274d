//! The page of faults is true: each test that it names is there.
//!
//! Knows `docs/faults.md` as text. Refuses to run what it names: that is done by whoever runs all tests.

use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../docs/faults.md");

/// The cells of a row of a table, but for the line below its head.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inside = line.strip_prefix("| ")?.strip_suffix(" |")?;
    Some(inside.split(" | ").collect())
}

/// What is wrong with a row; `None` when its test is there.
fn complaint(line: &str) -> Option<String> {
    let cells = cells(line)?;
    let named = cells.last()?.trim_matches('`');
    let Some((file, test)) = named.split_once("::") else { return Some(format!("no test in {line}")) };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(file).with_extension("rs");
    let text = fs::read_to_string(path).unwrap_or_default();
    let is_there = text.split("#[test]\n").skip(1).any(|rest| {
        let function = rest.find("fn ").map(|at| &rest[at + 3..]);
        function.is_some_and(|function| function.starts_with(&format!("{test}(")))
    });
    (cells.len() != 3 || !is_there).then(|| format!("{named} is no test, or the row has no three cells"))
}

#[test]
fn every_test_that_the_page_of_faults_names_is_there() {
    let rows: Vec<_> =
        PAGE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| fault |")).collect();
    let wrong: Vec<_> = rows.iter().filter_map(|line| complaint(line)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let said = format!("that there are {} rows.", rows.len());
    assert!(PAGE.contains(&said), "the page has to say {said:?}");
}

#[test]
fn a_row_whose_test_is_gone_is_seen() {
    assert_eq!(complaint("| a | b | `faults::a_row_whose_test_is_gone_is_seen` |"), None);
    for row in ["| a | b | `faults::no_such_test` |", "| a | b | nothing |", "| a | `tls::PAGE` |"] {
        assert!(complaint(row).is_some(), "{row}");
    }
}
