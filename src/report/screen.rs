//! The terminal of stderr, as the bar draws on it.
//!
//! Knows its size, and where the cursor is left. Refuses to know what is drawn.

use std::io;

use console::{Term, is_dumb};
use indicatif::TermLike;

/// A terminal whose cursor rests at the beginning of the last line that was drawn.
///
/// indicatif fills its lines up and leaves the cursor behind the last column. What the terminal itself writes there, such
/// as the `^C` of an interrupt, begins a new line, and the bar is then taken off one line too low (indicatif 0.18).
#[derive(Debug)]
pub(super) struct Screen(Term);

/// A terminal's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    /// Lines.
    pub(super) high: usize,
    /// Columns.
    pub(super) wide: usize,
}

impl Screen {
    /// That of stderr; `None` where it is no terminal, or none that one can draw on.
    pub(super) fn of_stderr() -> Option<Screen> {
        let term = Term::buffered_stderr();
        (term.is_term() && !is_dumb()).then_some(Screen(term))
    }
}

/// That of the terminal of stderr now; 24 lines of 80 columns where it does not say.
pub(super) fn size_of_stderr() -> Size {
    let (high, wide) = Term::stderr().size();
    Size { high: high.into(), wide: wide.into() }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.0.size().1
    }
    fn height(&self) -> u16 {
        self.0.size().0
    }
    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }
    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }
    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }
    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }
    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }
    /// Called after each drawing.
    fn flush(&self) -> io::Result<()> {
        self.0.write_str("\r")?;
        self.0.flush()
    }
}
