//! The list in a form that can be read again and again: what comes from standard input or a FIFO is kept in a file.
//!
//! Knows which operands can be read only once, and the file without a name that holds them. Refuses to read a line.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::config::Operand;
use crate::record::run_id;
use crate::report::reason;
use crate::sanitize::escape;

/// What standard input is called in what is said of the list.
const STDIN: &str = "-";

/// Folders of descriptors: what stands there may be a regular file, and yet be read up by the first who reads it.
const DESCRIPTORS: [&str; 4] = ["/dev/stdin", "/dev/fd", "/proc/self/fd", "/proc/thread-self/fd"];

/// The operands of every run.
#[derive(Debug)]
pub(super) struct Spool {
    /// All of them can be read again.
    operands: Vec<Operand>,
    kept: Vec<Kept>,
}

/// An operand that could be read only once. Its file lost its name as soon as it had one, so that it goes away with
/// us, however we go; a child opens it by our descriptor.
#[derive(Debug)]
struct Kept {
    path: PathBuf,
    /// As the user named it.
    name: String,
    is_stdin: bool,
    /// Held open: it is all that keeps the file.
    _file: File,
}

impl Spool {
    /// Reads to its end what can be read only once.
    pub(super) fn of(operands: &[Operand]) -> io::Result<Spool> {
        let mut spool = Spool { operands: Vec::new(), kept: Vec::new() };
        for operand in operands {
            let operand = match operand {
                Operand::Stdin => spool.keep(STDIN.to_owned(), true, io::stdin().lock())?,
                Operand::File(path) if is_read_once(path) => {
                    spool.keep(path.to_string_lossy().into_owned(), false, File::open(path)?)?
                }
                Operand::File(_) | Operand::Url(_) => operand.clone(),
            };
            spool.operands.push(operand);
        }
        Ok(spool)
    }

    fn keep(&mut self, name: String, is_stdin: bool, mut from: impl io::Read) -> io::Result<Operand> {
        let mut file = nameless()?;
        io::copy(&mut from, &mut file)?;
        file.flush()?;
        file.rewind()?;
        let path = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()));
        self.kept.push(Kept { path: path.clone(), name, is_stdin, _file: file });
        Ok(Operand::File(path))
    }

    /// The operands for whoever reads them in this process.
    pub(super) fn operands(&self) -> &[Operand] {
        &self.operands
    }

    /// The operands as a child's command line has them. Standard input stays what it is, a `-`, and is trusted as
    /// little as before.
    pub(super) fn words(&self) -> impl Iterator<Item = &std::ffi::OsStr> {
        let stdin = self.stdin();
        self.operands.iter().map(move |operand| match operand {
            Operand::Url(url) => url.as_ref(),
            Operand::File(path) if stdin == Some(path) => STDIN.as_ref(),
            Operand::File(path) => path.as_os_str(),
            Operand::Stdin => STDIN.as_ref(),
        })
    }

    /// A child's standard input: what was read from ours, from its start, or nothing.
    pub(super) fn input(&self) -> io::Result<Stdio> {
        self.stdin().map_or_else(|| Ok(Stdio::null()), |path| File::open(path).map(Stdio::from))
    }

    fn stdin(&self) -> Option<&PathBuf> {
        self.kept.iter().find(|kept| kept.is_stdin).map(|kept| &kept.path)
    }

    /// What was said of the list, with the names that the user gave it.
    pub(super) fn with_names(&self, text: &str) -> String {
        // The last one first, so that descriptor 1 is not found in 12.
        let mut kept: Vec<&Kept> = self.kept.iter().collect();
        kept.sort_by_key(|kept| std::cmp::Reverse(kept.path.as_os_str().len()));
        let mut text = text.to_owned();
        for kept in kept {
            let name = escape(&kept.name);
            text = text.replace(&*kept.path.to_string_lossy(), &name);
        }
        text
    }
}

/// Opening a FIFO empties it, and what stands behind a descriptor is somewhere in the middle.
fn is_read_once(path: &Path) -> bool {
    let is_descriptor = DESCRIPTORS.iter().any(|folder| path.starts_with(folder));
    is_descriptor || fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// A new file that only we can open, already without a name.
fn nameless() -> io::Result<File> {
    let path = std::env::temp_dir().join(format!("greenfetch-{}", run_id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

/// Why the list could not be kept, a sentence fragment.
pub(super) fn unreadable(error: &io::Error) -> String {
    format!("the list cannot be kept for several runs: {}", reason(error))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn a_file_and_a_url_stay_as_they_are() {
        let operands = [Operand::Url("http://a/".to_owned()), Operand::File("Cargo.toml".into())];
        let spool = Spool::of(&operands).unwrap();
        assert_eq!(spool.operands(), operands);
        assert_eq!(spool.words().collect::<Vec<&OsStr>>(), ["http://a/", "Cargo.toml"]);
        assert!(spool.kept.is_empty());
    }

    #[test]
    fn a_pipe_is_read_once_and_found_again_and_again() {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"http://a/\n").unwrap();
        drop(writer);
        let pipe = PathBuf::from(format!("/proc/self/fd/{}", reader.as_raw_fd()));
        let spool = Spool::of(&[Operand::File(pipe.clone())]).unwrap();
        let [Operand::File(path)] = spool.operands() else { panic!("{spool:?}") };
        for _ in 0..2 {
            assert_eq!(fs::read_to_string(path).unwrap(), "http://a/\n");
        }
        let said = format!("{}:7: no", path.display());
        assert_eq!(spool.with_names(&said), format!("{}:7: no", pipe.display()));
    }

    #[test]
    fn standard_input_stays_a_dash_for_the_child() {
        let mut spool = Spool { operands: Vec::new(), kept: Vec::new() };
        let operand = spool.keep(STDIN.to_owned(), true, &b"http://a/\n"[..]).unwrap();
        spool.operands.push(operand);
        assert_eq!(spool.words().collect::<Vec<&OsStr>>(), ["-"]);
        assert!(spool.input().is_ok());
    }
}
