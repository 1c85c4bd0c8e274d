//! The first reading: everything that is wrong with a run's inputs, found before anything is fetched.
//!
//! Knows errors, and counts what is right. Refuses to keep an entry: memory does not follow the list's length.

use super::grammar::{self, Fault, Line};
use super::input::Input;
use super::source::List;
use super::{FileError, ListError, Refusal, http_url};
use crate::config::Operand;
use crate::request::Location;

/// More errors than anybody reads; the rest is counted.
const ERRORS_SHOWN: usize = 100;

/// Reads through every input that can be read twice. FIFOs, devices and standard input are left for `List::start`.
///
/// # Errors
/// Every file that cannot be a list and every line that is wrong, of all inputs at once: exit 2.
pub fn check(operands: &[Operand]) -> Result<List, Refusal> {
    let mut census = Census::default();
    for (index, operand) in operands.iter().enumerate() {
        let position = u32::try_from(index + 1).unwrap_or(u32::MAX);
        if let Err(error) = census.operand(operand, position) {
            census.refusal.files.push(error);
        }
    }
    census.verdict()
}

#[derive(Default)]
struct Census {
    inputs: Vec<Input>,
    entries: u64,
    has_streams: bool,
    hosts: Hosts,
    refusal: Refusal,
}

impl Census {
    fn operand(&mut self, operand: &Operand, position: u32) -> Result<(), FileError> {
        let input = Input::new(operand, position)?;
        match &input {
            Input::Url { url, location } => self.line(&grammar::parse_operand(url), || location.clone()),
            Input::File { .. } => self.file(&input)?,
            Input::Stream { .. } => self.has_streams = true,
        }
        self.inputs.push(input);
        Ok(())
    }

    fn file(&mut self, input: &Input) -> Result<(), FileError> {
        let source = input.name();
        let mut text = input.open()?;
        loop {
            let more = text.fill()?;
            while let Some(raw) = text.next()? {
                self.line(&grammar::parse(&raw), || Location { source: source.clone(), line: raw.number });
            }
            if !more {
                return Ok(());
            }
        }
    }

    fn line(&mut self, line: &Line<'_>, location: impl FnOnce() -> Location) {
        match line {
            Line::Blank => {}
            Line::Entry { word, .. } => {
                self.entries += 1;
                self.hosts.note(word);
            }
            Line::Rejected { .. } => self.entries += 1,
            Line::Error(fault) => self.fault(fault, location),
        }
    }

    fn fault(&mut self, fault: &Fault<'_>, location: impl FnOnce() -> Location) {
        let errors = &mut self.refusal.errors;
        if errors.errors.len() < ERRORS_SHOWN {
            errors.errors.push(ListError::new(location(), fault));
        } else {
            errors.more += 1;
        }
    }

    fn verdict(self) -> Result<List, Refusal> {
        if !self.refusal.files.is_empty() || self.refusal.errors.count() > 0 {
            return Err(self.refusal);
        }
        let entries = (!self.has_streams).then_some(self.entries);
        Ok(List::new(self.inputs, entries, self.hosts.several))
    }
}

/// Whether there is more than one host: the first is kept, and the spelling seen last, as parsing a million URLs of one
/// host a second time costs most of this reading.
#[derive(Default)]
struct Hosts {
    first: Option<String>,
    spelling: String,
    several: bool,
}

impl Hosts {
    fn note(&mut self, word: &str) {
        let spelling = http_url::authority(word);
        if self.several || self.spelling == spelling {
            return;
        }
        let Ok(url) = http_url::parse(word) else { return };
        let host = url.host_str().unwrap_or_default();
        let first = self.first.get_or_insert_with(|| host.to_owned());
        self.several = first != host;
        spelling.clone_into(&mut self.spelling);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    fn fixture(name: &str) -> Operand {
        Operand::File(PathBuf::from("fixtures/lists").join(name))
    }

    fn url(text: &str) -> Operand {
        Operand::Url(text.to_owned())
    }

    fn refused(operands: &[Operand]) -> String {
        check(operands).expect_err("a refusal").to_string()
    }

    #[test]
    fn good_lists_are_counted() {
        for (operand, entries) in [
            (fixture("bom-crlf.txt"), Some(3)),
            (fixture("no-final-newline.txt"), Some(2)),
            (fixture("comments.txt"), Some(4)),
            (fixture("empty.txt"), Some(0)),
            (fixture("words.txt"), Some(6)),
            (url("https://a/"), Some(1)),
            (url("ftp://a/"), Some(1)),
            (Operand::Stdin, None),
            (Operand::File("/dev/null".into()), None),
        ] {
            assert_eq!(check(std::slice::from_ref(&operand)).unwrap().entries(), entries, "{operand:?}");
        }
    }

    #[test]
    fn every_file_and_line_that_is_wrong_is_told_at_once() {
        let told =
            refused(&[fixture("utf16.txt"), fixture("errors.txt"), fixture("nul.txt"), url("https://a/ b")]);
        for expected in [
            "greenfetch: fixtures/lists/utf16.txt is UTF-16 text: save it as UTF-8\n",
            "greenfetch: fixtures/lists/nul.txt is no text, its first line has a NUL",
            "fixtures/lists/errors.txt:2:23: a word after the URL\n",
            "fixtures/lists/errors.txt:4:1: a word before the URL that is no method\n",
            "fixtures/lists/errors.txt:5:22: TAB-separated mirrors",
            "fixtures/lists/errors.txt:6:1: @defaults is not in this version\n",
            "<args>:4:11: a blank in a URL\n",
            "greenfetch: 5 errors in the list: nothing was fetched",
        ] {
            assert!(told.contains(expected), "{expected}\n{told}");
        }
    }

    #[test]
    fn errors_without_end_are_counted_and_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list");
        fs::write(&path, "https://a/ b\n".repeat(1234)).unwrap();
        let refusal = check(&[Operand::File(path)]).expect_err("a refusal");
        assert_eq!((refusal.errors.errors.len(), refusal.errors.count()), (ERRORS_SHOWN, 1234));
    }

    #[test]
    fn several_hosts_are_told_from_one() {
        for (urls, several) in [
            (&[][..], false),
            (
                &["https://a/", "https://A/x", "http://a:80/", "https://u@a/", "example.com", "https://a:x/"],
                false,
            ),
            (&["https://a/", "https://a/", "https://b/"], true),
        ] {
            let operands: Vec<Operand> = urls.iter().map(|text| url(text)).collect();
            assert_eq!(check(&operands).unwrap().several_hosts(), several, "{urls:?}");
        }
    }
}
