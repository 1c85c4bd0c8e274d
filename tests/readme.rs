//! What README.md and ARCHITECTURE.md say is so: files, functions, options, the exit table, the list by example.
//!
//! Knows the two pages as text. Refuses to judge their prose.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use greenfetch::config::Operand;
use greenfetch::exit::TABLE;
use greenfetch::list;

const README: &str = include_str!("../README.md");
const ARCHITECTURE: &str = include_str!("../ARCHITECTURE.md");
const CONTRIBUTING: &str = include_str!("../CONTRIBUTING.md");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The page without its fenced blocks.
fn prose(page: &str) -> String {
    page.split("```").step_by(2).collect()
}

/// The texts in backticks, in order, but for those in fenced blocks.
fn spans(page: &str) -> Vec<String> {
    prose(page).split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The fenced blocks of a language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let fenced = page.split("```").skip(1).step_by(2);
    fenced.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect()
}

fn run(args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenfetch"));
    let output = command.args(args).env_clear().stdin(Stdio::null()).output().expect("greenfetch is built");
    String::from_utf8(output.stdout).expect("text")
}

/// The options in a text: words that begin with a hyphen.
fn options(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split([' ', '\n', ',', '[', ']', '=', '\'']);
    words.filter(|word| word.len() > 1 && word.starts_with('-'))
}

/// A file that a page names, below `src` or at the root; `None` for a span that is no path.
fn file(span: &str) -> Option<PathBuf> {
    let is_path = span.ends_with(".rs") || span.ends_with('/');
    let inside = root().join("src").join(span);
    is_path.then(|| if inside.exists() { inside } else { root().join(span) })
}

#[test]
fn every_file_that_the_architecture_names_is_there() {
    let missing: Vec<_> = spans(ARCHITECTURE)
        .into_iter()
        .filter(|span| file(span).is_some_and(|path| !path.exists()))
        .collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names what is not there: {missing:?}");
}

#[test]
fn every_function_that_the_architecture_names_stands_in_the_file_named_before_it() {
    let (mut here, mut text) = (String::new(), String::new());
    let mut wrong = Vec::new();
    let mut found = 0;
    for span in spans(ARCHITECTURE) {
        if let Some(path) = file(&span).filter(|path| path.is_file()) {
            text = fs::read_to_string(path).expect("UTF-8");
            here = span;
        } else if let Some(name) = span.strip_suffix("()").filter(|_| !here.is_empty()) {
            let stands = ["(", "<"].iter().any(|after| text.contains(&format!("fn {name}{after}")));
            found += 1;
            if !stands {
                wrong.push(format!("{here}: {name}()"));
            }
        }
    }
    assert!(wrong.is_empty(), "ARCHITECTURE.md names functions that are not there: {wrong:?}");
    assert!(found > 30, "only {found} functions were looked for");
}

#[test]
fn every_part_of_the_program_is_in_the_architectures_picture() {
    let picture = blocks(ARCHITECTURE, "text")[0];
    for entry in fs::read_dir(root().join("src")).expect("src").flatten() {
        let name = entry.file_name().to_string_lossy().trim_end_matches(".rs").to_owned();
        assert!(name == "lib" || picture.contains(&name), "{name} is not in the picture of ARCHITECTURE.md");
    }
}

#[test]
fn the_architecture_has_a_line_for_every_dependency_and_for_no_other() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("UTF-8");
    let tables = manifest.split("\n[").filter(|table| table.contains("dependencies]\n"));
    let lines = tables.flat_map(|table| table.lines().skip(1));
    let mut dependencies: Vec<_> =
        lines.filter_map(|line| Some(line.split_once(" = ")?.0.to_owned())).collect();
    let doors = ARCHITECTURE.split("\n## ").find(|part| part.starts_with("The doors")).expect("the doors");
    let things = doors.lines().filter_map(|row| row.strip_prefix("| `")?.split(" |").next());
    let mut named: Vec<_> =
        things.flat_map(|thing| thing.split(", ")).map(|name| name.replace('`', "")).collect();
    named.retain(|name| name != "unsafe");
    dependencies.sort();
    named.sort();
    assert_eq!(named, dependencies, "the doors of ARCHITECTURE.md, and Cargo.toml");
}

#[test]
fn the_readmes_exit_table_is_the_programs() {
    let (rows, order) = TABLE.split_once("\n\n").expect("rows, then their order");
    for row in rows.lines() {
        let (status, meaning) = row.trim_start().split_once("  ").expect("two columns");
        let row = format!("| {status} | {meaning} |");
        assert!(README.contains(&row), "README.md lacks {row}");
    }
    assert!(README.contains(order.trim_end()), "README.md lacks {order}");
}

#[test]
fn every_option_that_the_readme_names_is_in_the_help() {
    let help = run(&["--help"]);
    let known: Vec<&str> = options(&help).map(|option| option.trim_end_matches(['.', ';', ':'])).collect();
    let code = blocks(README, "sh").concat();
    let commands = code.lines().flat_map(|line| line.split(['#', '|'])).map(str::trim);
    let spans = spans(README);
    let inline = spans.iter().map(String::as_str).filter(|span| span.starts_with('-'));
    let ours = commands.filter(|command| command.starts_with("greenfetch ")).chain(inline);
    let named: Vec<&str> = ours.flat_map(options).collect();
    let unknown: Vec<_> = named.iter().filter(|option| !known.contains(option)).collect();
    assert!(unknown.is_empty(), "README.md names what --help does not: {unknown:?}");
    assert!(named.len() > 40, "only {} options were looked for", named.len());
}

#[test]
fn the_readmes_demo_is_what_the_demo_prints() {
    let without_port = |text: &str| {
        let mut lines: Vec<String> = text.lines().filter_map(bytes_and_path).collect();
        lines.sort();
        lines
    };
    let shown = without_port(blocks(README, "console")[0]);
    assert!(shown.len() > 1, "README.md shows no demo");
    assert_eq!(without_port(&run(&["demo", "-q"])), shown, "the demo, and the README's");
}

/// `4096 bytes received from http://127.0.0.1:PORT/bytes/4096.` without its port; `None` for any other line.
fn bytes_and_path(line: &str) -> Option<String> {
    let (bytes, url) = line.split_once(" bytes received from http://127.0.0.1:")?;
    Some(format!("{bytes} {}", url.trim_start_matches(|c: char| c.is_ascii_digit())))
}

#[test]
fn the_readmes_lists_are_lists() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("urls.txt");
    for (text, entries) in blocks(README, "uri-list").into_iter().zip([6, 5]) {
        fs::write(&path, text).expect("a folder to write to");
        let list = list::check(&[Operand::File(path.clone())], &list::Reading::default());
        let list = list.unwrap_or_else(|refusal| panic!("{refusal}"));
        assert_eq!(list.entries(), Some(entries), "{text}");
    }
}

#[test]
fn links_between_the_pages_lead_somewhere() {
    for page in [README, ARCHITECTURE, CONTRIBUTING] {
        let links = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            assert!(root().join(link).exists(), "a link leads to {link}, which is not there");
        }
    }
}
