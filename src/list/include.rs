//! `@include`: which file is meant, and whether it may be read.
//!
//! Knows the chain of files that led here. Refuses to let it become a circle, to leave the folder of the file that
//! includes, by `..` or by a link, and to go on for ever.

use std::fs;
use std::path::{Path, PathBuf};

use super::input::{Input, words};
use super::walk::folder;
use crate::request::Location;

/// So many files may be in each other.
const MOST_DEEP: usize = 32;

/// So many are read for one list: files that include each other twice would else be read for years.
const MOST_IN_ALL: u32 = 10_000;

/// The files that are being read, the outermost first.
#[derive(Default)]
pub(super) struct Chain {
    files: Vec<Link>,
    in_all: u32,
}

struct Link {
    /// Without links.
    real: PathBuf,
    /// As the user, or the file before it, names it.
    named: PathBuf,
}

impl Chain {
    /// That of a list: nothing is included yet.
    pub(super) fn from(input: &Input) -> Chain {
        let files = match input {
            Input::File { path, .. } => {
                let real = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
                vec![Link { real, named: path.clone() }]
            }
            Input::Url { .. } | Input::Stream { .. } => Vec::new(),
        };
        Chain { files, in_all: 0 }
    }

    /// The file that a line names. A list from standard input has no folder: with `--trust-stdin` names count from where
    /// greenfetch runs.
    ///
    /// # Errors
    /// A sentence for the line.
    pub(super) fn enter(&mut self, word: &str, at: &Location, is_trusted: bool) -> Result<Input, String> {
        if !is_trusted {
            return Err("a list from standard input may not include files: give --trust-stdin if you know who wrote it".to_owned());
        }
        let (folder, n_files) = (self.folder(), self.files.len());
        let named = if folder == Path::new(".") { PathBuf::from(word) } else { folder.join(word) };
        if Path::new(word).is_absolute() {
            return Err("a path that is not relative to its list".to_owned());
        }
        let cannot = |error: &std::io::Error| format!("cannot read {}: {}", named.display(), words(error));
        let real = fs::canonicalize(&named).map_err(|error| cannot(&error))?;
        let below = fs::canonicalize(&folder).map_err(|error| cannot(&error))?;
        if !real.starts_with(&below) {
            return Err(format!("{} is not below the folder of its list", named.display()));
        }
        if self.files.iter().any(|link| link.real == real) {
            return Err(format!("a circle: {}", self.chain(&named, at)));
        }
        if !real.is_file() {
            return Err(format!("{} is no regular file", named.display()));
        }
        if n_files >= MOST_DEEP {
            return Err(format!("more than {MOST_DEEP} files in each other"));
        }
        if self.in_all >= MOST_IN_ALL {
            return Err(format!("more than {MOST_IN_ALL} files included"));
        }
        self.in_all += 1;
        self.files.push(Link { real: real.clone(), named: named.clone() });
        Ok(Input::File { path: real, name: named.to_string_lossy().into() })
    }

    /// The file that was entered last is at its end.
    pub(super) fn leave(&mut self) {
        self.files.pop();
    }

    fn folder(&self) -> PathBuf {
        self.files.last().map_or_else(|| PathBuf::from("."), |link| folder(&link.named))
    }

    /// `a.txt includes b.txt includes a.txt`.
    fn chain(&self, last: &Path, at: &Location) -> String {
        let mut names: Vec<String> = self.files.iter().map(|link| link.named.display().to_string()).collect();
        if names.is_empty() {
            names.push(at.source.to_string());
        }
        names.push(last.display().to_string());
        names.join(" includes ")
    }
}
