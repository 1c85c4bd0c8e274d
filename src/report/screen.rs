//! The terminal of stderr, as the bar draws on it.
//!
//! Knows its size, where the cursor is left, and when nobody may draw any more. Refuses to know what is drawn.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use console::{Term, is_dumb};
use indicatif::TermLike;

/// A terminal whose cursor rests at the beginning of the last line that was drawn.
///
/// indicatif fills its lines up and leaves the cursor behind the last column. What the terminal itself writes there, such
/// as the `^C` of an interrupt, begins a new line, and the bar is then taken off one line too low (indicatif 0.18).
#[derive(Debug)]
pub(super) struct Screen(Term, Arc<Shutter>);

/// Comes down before a process ends that is in the middle of things: the bar's own thread would draw it once more on the
/// line that has been cleared for the shell.
#[derive(Debug, Default)]
pub struct Shutter {
    is_down: AtomicBool,
    is_drawing: AtomicBool,
}

/// Between two looks whether somebody still draws, and how many there are at most: a terminal that takes nothing is
/// waited for a tenth of a second.
const STEP: Duration = Duration::from_millis(2);
const MOST_STEPS: u32 = 50;

impl Shutter {
    /// Nobody draws from now on; who does is waited for, but not for ever.
    pub fn lower(&self) {
        // In this order: whoever begins after it sees it, and who has begun before is seen.
        self.is_down.store(true, Ordering::SeqCst);
        for _ in 0..MOST_STEPS {
            if !self.is_drawing.load(Ordering::SeqCst) {
                break;
            }
            thread::park_timeout(STEP);
        }
    }

    /// Draws, unless it is down. One at a time, as the bar sees to.
    fn draw(&self, draw: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        self.is_drawing.store(true, Ordering::SeqCst);
        let drawn = if self.is_down.load(Ordering::SeqCst) { Ok(()) } else { draw() };
        self.is_drawing.store(false, Ordering::SeqCst);
        drawn
    }
}

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
    pub(super) fn of_stderr(shutter: &Arc<Shutter>) -> Option<Screen> {
        let term = Term::buffered_stderr();
        (term.is_term() && !is_dumb()).then(|| Screen(term, Arc::clone(shutter)))
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
        self.1.draw(|| self.0.flush())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn nobody_draws_once_it_is_down() {
        let shutter = Shutter::default();
        let mut drawn = 0;
        let mut draw = || {
            shutter.draw(|| {
                drawn += 1;
                Ok(())
            })
        };
        draw().unwrap();
        shutter.lower();
        draw().unwrap();
        assert_eq!(drawn, 1);
    }

    #[test]
    fn who_draws_already_is_waited_for() {
        let shutter = Arc::new(Shutter::default());
        let (begun, has_begun) = mpsc::channel();
        let for_thread = Arc::clone(&shutter);
        let drawer = thread::spawn(move || {
            let mut is_over = false;
            for_thread
                .draw(|| {
                    begun.send(()).unwrap();
                    while !for_thread.is_down.load(Ordering::SeqCst) {
                        thread::yield_now();
                    }
                    is_over = true;
                    Ok(())
                })
                .unwrap();
            is_over
        });
        has_begun.recv().unwrap();
        shutter.lower();
        assert!(drawer.join().unwrap() && !shutter.is_drawing.load(Ordering::SeqCst));
    }

    /// Else this would never end.
    #[test]
    fn a_terminal_that_takes_nothing_is_not_waited_for_for_ever() {
        let shutter = Shutter::default();
        let lowered = || {
            shutter.lower();
            Ok(())
        };
        shutter.draw(lowered).unwrap();
    }
}
