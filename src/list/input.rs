//! One operand of a run as an input: a URL, a file that can be read twice, or a stream that cannot.
//!
//! Knows how inputs are told apart and opened, and which bytes are no list at all. Refuses to know what its lines mean.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::FileError;
use super::lines::{Lines, RawLine};
use crate::config::Operand;
use crate::request::Location;

/// The name of standard input in locations.
const STDIN: &str = "-";
/// Names of standard input in the file system: opened again, a file behind them would be read from its start, and a
/// socket not at all.
const STDIN_PATHS: [&str; 3] = ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"];

/// Something to read entries from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    /// A URL of the command line.
    Url { url: String, location: Location },
    /// A regular file.
    File { path: PathBuf, name: Arc<str> },
    /// A FIFO, a device or standard input (`None`), read as it comes.
    Stream { path: Option<PathBuf>, name: Arc<str> },
}

impl Input {
    /// Tells by the file system what an operand is; never opens it, as that alone disturbs a FIFO's writer.
    pub(super) fn new(operand: &Operand, position: u32) -> Result<Input, FileError> {
        match operand {
            Operand::Url(url) => {
                let location = Location { source: "<args>".into(), line: position };
                Ok(Input::Url { url: url.clone(), location })
            }
            Operand::Stdin => Ok(Input::Stream { path: None, name: STDIN.into() }),
            Operand::File(path) => Input::from_path(path),
        }
    }

    fn from_path(path: &Path) -> Result<Input, FileError> {
        let name: Arc<str> = path.to_string_lossy().into();
        if STDIN_PATHS.iter().any(|stdin| path == Path::new(stdin)) {
            return Ok(Input::Stream { path: None, name });
        }
        let kind = fs::metadata(path).map_err(|error| unreadable(&name, &error))?.file_type();
        if kind.is_dir() {
            return Err(FileError::Directory { name: name.to_string() });
        }
        let path = path.to_owned();
        if kind.is_file() {
            Ok(Input::File { path, name })
        } else {
            Ok(Input::Stream { path: Some(path), name })
        }
    }

    /// As locations have it.
    pub(super) fn name(&self) -> Arc<str> {
        match self {
            Input::Url { location, .. } => Arc::clone(&location.source),
            Input::File { name, .. } | Input::Stream { name, .. } => Arc::clone(name),
        }
    }

    /// As sentences have it.
    pub(super) fn called(&self) -> String {
        let name = self.name();
        if &*name == STDIN { "standard input".to_owned() } else { name.to_string() }
    }

    /// Opens a file or stream from its start; a FIFO waits for its writer.
    pub(super) fn open(&self) -> Result<Text, FileError> {
        let name = self.called();
        let cannot = |error: io::Error| unreadable(&name, &error);
        let mut text = match self {
            Input::File { path, .. } => {
                return Ok(Text::new(name.clone(), Box::new(File::open(path).map_err(cannot)?)));
            }
            Input::Url { .. } => return Ok(Text::new(name, Box::new(io::empty()))),
            Input::Stream { path: Some(path), .. } => {
                let file = File::open(path).map_err(cannot)?;
                let descriptor = file.as_fd().try_clone_to_owned();
                Text { descriptor: descriptor.ok(), ..Text::new(name, Box::new(file)) }
            }
            Input::Stream { path: None, .. } => {
                // A read into a large buffer leaves nothing in the small one of std's, so the descriptor tells the truth.
                let descriptor = io::stdin().as_fd().try_clone_to_owned();
                Text { descriptor: descriptor.ok(), ..Text::new(name, Box::new(io::stdin())) }
            }
        };
        text.may_wait = true;
        Ok(text)
    }
}

/// An input that was opened: its lines, and why it cannot be a list.
pub(super) struct Text {
    name: String,
    reader: Box<dyn Read>,
    lines: Lines,
    /// A read may wait for whoever writes.
    may_wait: bool,
    /// What a stream comes from, to ask whether a read would wait.
    descriptor: Option<OwnedFd>,
}

impl Text {
    pub(super) fn new(name: String, reader: Box<dyn Read>) -> Text {
        Text { name, reader, lines: Lines::new(), may_wait: false, descriptor: None }
    }

    /// Whether a read may wait for whoever writes.
    pub(super) fn may_wait(&self) -> bool {
        self.may_wait
    }

    /// Whether a read would bring something at once, or soon.
    pub(super) fn is_ready(&self, is_ready: fn(BorrowedFd<'_>) -> bool) -> bool {
        self.descriptor.as_ref().is_some_and(|descriptor| is_ready(descriptor.as_fd()))
    }

    /// Whether what was read ends amid an indented line, whose rest is then on its way.
    pub(super) fn is_amid_settings(&self) -> bool {
        self.lines.unfinished().first().is_some_and(|byte| matches!(byte, b' ' | b'\t'))
    }

    /// The number of the last line that was read.
    pub(super) fn lines_read(&self) -> u32 {
        self.lines.number()
    }

    /// Reads once; false at the end.
    pub(super) fn fill(&mut self) -> Result<bool, FileError> {
        self.lines.fill(&mut *self.reader).map_err(|error| unreadable(&self.name, &error))
    }

    /// The next line of what was read. The first one decides whether this is text: a binary file or UTF-16 is one error
    /// and not a failed record a line.
    pub(super) fn next(&mut self) -> Result<Option<RawLine<'_>>, FileError> {
        let Some(line) = self.lines.next() else { return Ok(None) };
        if line.number == 1 {
            refuse_binary(&self.name, line.bytes)?;
        }
        Ok(Some(line))
    }
}

fn refuse_binary(name: &str, first: &[u8]) -> Result<(), FileError> {
    // UTF-16LE's mark begins UTF-32LE's: the longer ones are looked for first.
    let marks: [(&[u8], &str); 4] = [
        (b"\xff\xfe\0\0", "UTF-32"),
        (b"\0\0\xfe\xff", "UTF-32"),
        (b"\xff\xfe", "UTF-16"),
        (b"\xfe\xff", "UTF-16"),
    ];
    if let Some((_, encoding)) = marks.iter().find(|(mark, _)| first.starts_with(mark)) {
        return Err(FileError::Encoding { name: name.to_owned(), encoding });
    }
    if first.contains(&0) {
        return Err(FileError::Binary { name: name.to_owned() });
    }
    Ok(())
}

fn unreadable(name: &str, error: &io::Error) -> FileError {
    FileError::Unreadable { name: name.to_owned(), cause: words(error) }
}

/// What the system says. "No such file or directory (os error 2)": the number helps nobody who has the words.
pub(super) fn words(error: &io::Error) -> String {
    let cause = error.to_string();
    cause.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_error(bytes: &'static [u8]) -> Option<String> {
        let mut text = Text::new("list".to_owned(), Box::new(bytes));
        while text.fill().unwrap() {
            while let Some(line) = text.next().map_err(|error| error.to_string()).transpose() {
                if let Err(error) = line {
                    return Some(error);
                }
            }
        }
        text.next().err().map(|error| error.to_string())
    }

    #[test]
    fn text_is_taken_and_binary_after_the_first_line_is_the_lines_own_fault() {
        for bytes in
            [&b""[..], b"https://a/\n", b"\xef\xbb\xbfhttps://a/", b"\xff\n", b"a\n\0\n", b"a\n\xff\xfe"]
        {
            assert_eq!(first_error(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn other_encodings_and_binary_files_are_one_error() {
        let encoded = |encoding| Some(format!("list is {encoding} text: save it as UTF-8"));
        for (bytes, expected) in [
            (&b"\xff\xfeh\0t\0"[..], encoded("UTF-16")),
            (b"\xfe\xff\0h\0t", encoded("UTF-16")),
            (b"\xff\xfe", encoded("UTF-16")),
            (b"\xff\xfe\0\0h\0\0\0", encoded("UTF-32")),
            (b"\0\0\xfe\xff\0\0\0h", encoded("UTF-32")),
        ] {
            assert_eq!(first_error(bytes), expected, "{bytes:?}");
        }
        let binary = "list is no text, its first line has a NUL: if it is a list, save it as UTF-8";
        for bytes in [&b"h\0t\0\n\0"[..], b"# \0", b"\x7fELF\0"] {
            assert_eq!(first_error(bytes).as_deref(), Some(binary), "{bytes:?}");
        }
    }

    #[test]
    fn an_operand_is_told_apart_by_what_it_is() {
        let file = |path: &str| Input::new(&Operand::File(path.into()), 1);
        assert!(matches!(file("Cargo.toml"), Ok(Input::File { .. })));
        assert!(matches!(file("/dev/null"), Ok(Input::Stream { path: Some(_), .. })));
        assert_eq!(file("/dev/stdin"), Ok(Input::Stream { path: None, name: "/dev/stdin".into() }));
        let called = Input::new(&Operand::Stdin, 1).map(|input| (input.name(), input.called()));
        assert_eq!(called, Ok(("-".into(), "standard input".to_owned())));
        for (path, expected) in [
            ("src", "cannot read src: it is a directory"),
            ("no/such.txt", "cannot read no/such.txt: No such file or directory"),
        ] {
            assert_eq!(file(path).map_err(|error| error.to_string()), Err(expected.to_owned()));
        }
    }
}
