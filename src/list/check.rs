//! The first reading: everything that is wrong with a run's inputs, found before anything is fetched.
//!
//! Knows errors, and counts what is right. Refuses to keep an entry: memory does not follow the list's length.

use std::sync::Arc;

use super::audience::{At, Audience, Closed, Found, Halt, Rejected};
use super::grammar::Fault;
use super::input::Input;
use super::setting::Setting;
use super::source::List;
use super::walk::{Scope, Walker};
use super::{FileError, ListError, Reading, Refusal, http_url};
use crate::config::Operand;

/// More errors than anybody reads; the rest is counted.
const ERRORS_SHOWN: usize = 100;

/// Reads through every input that can be read twice. FIFOs, devices and standard input are left for `List::start`.
///
/// # Errors
/// Every file that cannot be a list and every line that is wrong, of all inputs at once: exit 2.
pub fn check(operands: &[Operand], reading: &Reading) -> Result<List, Refusal> {
    let mut census = Census::default();
    let mut walker = Walker::new(reading);
    let defaults = match &reading.defaults {
        Some(text) => walker.command_line(text, &mut census),
        None => Arc::default(),
    };
    let mut inputs = Vec::new();
    for (index, operand) in operands.iter().enumerate() {
        let position = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let before = census.entries;
        let read = Input::new(operand, position).and_then(|input| {
            let scope = Scope::of(&input, reading, &defaults);
            census.input(&mut walker, &input, scope)?;
            Ok(input)
        });
        match read {
            Ok(input) => {
                inputs.push(input);
                census.of_each.push(census.entries - before);
            }
            Err(error) => census.refusal.files.push(error),
        }
    }
    census.verdict(List::of(inputs, reading, defaults))
}

#[derive(Default)]
struct Census {
    entries: u64,
    /// The same of each input; of streams none.
    of_each: Vec<u64>,
    has_streams: bool,
    hosts: Hosts,
    refusal: Refusal,
}

impl Census {
    fn input(&mut self, walker: &mut Walker<'_>, input: &Input, mut scope: Scope) -> Result<(), FileError> {
        let read = match input {
            Input::Url { url, location } => {
                let at = At { source: &location.source, line: location.line };
                walker.operand(url, at, &scope, self).map_err(Halt::from)
            }
            Input::File { .. } => walker.input(input, &mut scope, self),
            Input::Stream { .. } => {
                self.has_streams = true;
                Ok(())
            }
        };
        match read {
            Err(Halt::Broken(error)) => Err(error),
            Ok(()) | Err(Halt::Closed) => Ok(()),
        }
    }

    fn verdict(self, list: List) -> Result<List, Refusal> {
        if !self.refusal.files.is_empty() || self.refusal.errors.count() > 0 {
            return Err(self.refusal);
        }
        let entries = (!self.has_streams).then_some(self.entries);
        Ok(list.counted(entries, self.of_each, self.hosts.several))
    }
}

impl Audience for Census {
    fn entry(&mut self, found: Found<'_>) {
        self.entries += 1;
        match found.base.filter(|_| !http_url::is_http(&found.text)) {
            None => self.hosts.note(&found.text),
            Some(base) => {
                if let Ok(url) = http_url::join(&base.url, &found.text) {
                    self.hosts.note(url.as_str());
                }
            }
        }
    }

    fn more(&mut self, _: Vec<Setting>) {}

    fn settle(&mut self) -> Result<(), Closed> {
        Ok(())
    }

    fn rejected(&mut self, _: Rejected<'_>) -> Result<(), Closed> {
        self.entries += 1;
        Ok(())
    }

    fn fault(&mut self, at: At<'_>, fault: &Fault<'_>) -> Result<(), Closed> {
        let errors = &mut self.refusal.errors;
        if errors.errors.len() < ERRORS_SHOWN {
            errors.errors.push(ListError::new(at.location(), fault));
        } else {
            errors.more += 1;
        }
        Ok(())
    }

    /// The second reading says it.
    fn warn(&mut self, _: String) {}

    fn about_to_read(&mut self) -> Result<(), Closed> {
        Ok(())
    }
}

/// Whether there is more than one host: the first is kept, and how the one seen last was written, as parsing a million
/// URLs of one host a second time costs most of this reading.
#[derive(Default)]
struct Hosts {
    first: Option<String>,
    /// Scheme and authority; `None` before the first.
    last: Option<Box<str>>,
    several: bool,
}

impl Hosts {
    fn note(&mut self, word: &str) {
        if self.several || self.last.as_ref().is_some_and(|last| http_url::path_behind(word, last).is_some())
        {
            return;
        }
        let Ok(url) = http_url::parse(word) else { return };
        let host = url.host_str().unwrap_or_default();
        let first = self.first.get_or_insert_with(|| host.to_owned());
        self.several = first != host;
        self.last = http_url::before_path(word).map(Into::into);
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
        check(operands, &Reading::default()).expect_err("a refusal").to_string()
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
            assert_eq!(
                check(std::slice::from_ref(&operand), &Reading::default()).unwrap().entries(),
                entries,
                "{operand:?}"
            );
        }
    }

    #[test]
    fn every_file_and_line_that_is_wrong_is_told_at_once() {
        let told =
            refused(&[fixture("utf16.txt"), fixture("errors.txt"), fixture("nul.txt"), url("https://a/ b")]);
        for expected in [
            "greenfetch: fixtures/lists/utf16.txt is UTF-16 text: save it as UTF-8\n",
            "greenfetch: fixtures/lists/nul.txt is no text, its first line has a NUL",
            "fixtures/lists/errors.txt:2:23: a word that is no setting\n",
            "fixtures/lists/errors.txt:4:1: a word before the URL that is no method\n",
            "fixtures/lists/errors.txt:5:22: TAB-separated mirrors",
            "fixtures/lists/errors.txt:7:8: body= is neither: data= is the body that is sent",
            "fixtures/lists/errors.txt:8:22: there is no setting 'expct'\n",
            "^^^^^ did you mean expect?\n",
            "fixtures/lists/errors.txt:8:41: 'soon' is no duration; write 5",
            "<args>:4:11: a blank in a URL\n",
            "greenfetch: 7 errors in the list: nothing was fetched",
        ] {
            assert!(told.contains(expected), "{expected}\n{told}");
        }
    }

    #[test]
    fn errors_without_end_are_counted_and_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list");
        fs::write(&path, "https://a/ b\n".repeat(1234)).unwrap();
        let refusal = check(&[Operand::File(path)], &Reading::default()).expect_err("a refusal");
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
            assert_eq!(check(&operands, &Reading::default()).unwrap().several_hosts(), several, "{urls:?}");
        }
    }
}
