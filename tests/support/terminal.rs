//! A greenfetch at a terminal: what stands on the screen, and keys.
//!
//! Knows the screen as a terminal shows it, cell by cell. Refuses to know how it came about.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use tempfile::TempDir;

use super::{PATIENCE, sys};

/// What Ctrl-C sends: the terminal makes a signal of it, and shows `^C`.
pub(crate) const CTRL_C: &[u8] = b"\x03";

/// A process with a terminal of its own. It is killed when it is dropped.
pub(crate) struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Screen>,
    reader: Option<JoinHandle<()>>,
    command: String,
    _dir: TempDir,
}

/// What a process left behind on its terminal.
#[derive(Debug)]
pub(crate) struct Left {
    /// The lines of the screen, each with its end, without blanks at it and empty ones below.
    pub(crate) screen: String,
    /// The exit status; `None` when a signal ended it.
    pub(crate) status: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
}

struct Screen {
    parser: Mutex<vt100::Parser>,
    changed: Condvar,
}

impl Screen {
    /// The lines as they stand there, each with its end, without empty ones below. (What a program makes the terminal wrap
    /// would be one line of its `contents`.)
    fn text(parser: &vt100::Parser) -> String {
        let (_, columns) = parser.screen().size();
        let lines: Vec<String> = parser.screen().rows(0, columns.into()).collect();
        let text: String = lines.iter().map(|line| format!("{}\n", line.trim_end())).collect();
        format!("{}\n", text.trim_end())
    }

    fn parser(&self) -> MutexGuard<'_, vt100::Parser> {
        self.parser.lock().expect("nobody panics with it")
    }

    /// Until nobody has the terminal any more.
    fn show(&self, mut terminal: File) {
        let mut buffer = [0; 8192];
        while let Ok(n @ 1..) = terminal.read(&mut buffer) {
            self.parser().process(&buffer[..n]);
            self.changed.notify_all();
        }
    }
}

impl Terminal {
    /// Starts a command whose streams are a terminal of this size, lines first.
    pub(super) fn start(command: &Command, said: String, dir: TempDir, size: (u16, u16)) -> Terminal {
        let (keyboard, theirs) = sys::open_terminal(size.0, size.1);
        let mut session = Command::new("setsid");
        session.arg("--ctty").arg(command.get_program()).args(command.get_args());
        session.current_dir(dir.path()).env_clear().env("TERM", "xterm");
        session.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        for stream in [Command::stdin, Command::stdout, Command::stderr] {
            stream(&mut session, theirs.try_clone().expect("a descriptor"));
        }
        let child = session.spawn().unwrap_or_else(|error| panic!("{said}: {error}"));
        let [lines, columns] =
            [size.0, size.1].map(|n| NonZero::new(n).expect("a screen has lines and columns"));
        let parser = Mutex::new(vt100::Parser::new(lines, columns, 0));
        let screen = Arc::new(Screen { parser, changed: Condvar::new() });
        let (shown, terminal) = (Arc::clone(&screen), keyboard.try_clone().expect("a descriptor"));
        let reader = Some(thread::spawn(move || shown.show(terminal)));
        Terminal { child, keyboard, screen, reader, command: said, _dir: dir }
    }

    /// Waits until the screen is as it should be; returns what stands on it then.
    pub(crate) fn wait_for(&self, is_so: impl Fn(&str) -> bool) -> String {
        let is_not_yet = |parser: &mut vt100::Parser| !is_so(&Screen::text(parser));
        let waited = self.screen.changed.wait_timeout_while(self.screen.parser(), PATIENCE, is_not_yet);
        let (parser, timeout) = waited.expect("nobody panics with it");
        let text = Screen::text(&parser);
        drop(parser);
        assert!(!timeout.timed_out(), "{}: the screen never was so:\n{text}", self.command);
        text
    }

    /// Types at the keyboard.
    pub(crate) fn press(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).expect("a terminal takes keys");
    }

    /// Lets none of its threads go on, but for the main one and those of these names.
    pub(crate) fn hold_threads_but(&self, names: &[&str]) -> sys::Held {
        sys::Held::threads(self.child.id(), names)
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Left {
        let status = self.child.wait().expect("it was not waited for yet");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("a thread that only reads");
        }
        let screen = Screen::text(&self.screen.parser());
        Left { screen, status: status.code(), signal: status.signal() }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
