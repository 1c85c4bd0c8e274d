//! Telling: events become text, on the two streams that the process was given.
//!
//! Knows who is told what and in which words. Refuses to know how a run works: it sees events, never a socket, the
//! schedule or the list. A `Teller` turns events into lines and cannot fail; a `Stream` alone writes, whole lines only.
//!
//! ```text
//!  batches of events ── pump ──┬── progress                       the bar, on the terminal itself
//!                              ├── stdout: text or json           results
//!                              ├── stderr: trace failures parked live summary
//!                              └── files: the reports, each whole or not there
//! ```

use std::io::Write;

use crate::event::Event;

mod failed;
mod failures;
mod file;
mod files;
mod figures;
mod gates;
mod github;
#[cfg(test)]
mod golden;
mod guard;
mod headline;
mod held_back;
mod html;
mod json;
mod junit;
mod markdown;
mod live;
mod measures;
mod page;
mod parked;
mod progress;
mod prometheus;
mod records;
mod rounds;
mod reports;
mod rows;
mod screen;
mod scrub;
mod sinks;
mod stall;
mod stream;
mod summary;
mod text;
pub mod timeline;
mod trace;

pub use figures::{bytes, count, seconds};
pub use file::{InPlace, as_it_is, reason};
pub use github::refused;
pub use guard::Guarded;
pub use json::json_line;
pub use live::Look;
pub use parked::parked;
pub use reports::write_again;
pub use screen::Shutter;
pub use scrub::scrubbed;
pub use sinks::{About, Sinks, pump, sinks};
pub use summary::signal_name;

use page::Page;

/// The two outputs of a process, and whether somebody sits in front of them.
pub struct Streams {
    /// Results go here, and nothing else.
    pub stdout: Box<dyn Write + Send>,
    /// Everything that is said about them.
    pub stderr: Box<dyn Write + Send>,
    /// Whether lines on stdout and the progress bar share a screen.
    pub stdout_is_terminal: bool,
    /// The same for stderr.
    pub stderr_is_terminal: bool,
}

impl Streams {
    /// The same, with lines that GitHub's log takes for text; what is told in JSON stays that.
    pub fn guarded(self, is_json: bool) -> Streams {
        Streams {
            stdout: Box::new(Guarded::new(self.stdout, is_json)),
            stderr: Box::new(Guarded::new(self.stderr, false)),
            ..self
        }
    }
}

/// Turns events into whole lines. What it says of bytes from outside is escaped.
trait Teller: Send {
    /// Adds to the page what there is to say about an event, which may be nothing.
    fn tell(&mut self, event: &Event, page: &mut Page);
}

/// What a teller says of some events, for tests.
#[cfg(test)]
fn told(teller: &mut impl Teller, color: bool, events: impl IntoIterator<Item = Event>) -> String {
    let mut page = Page::new(color);
    events.into_iter().for_each(|event| teller.tell(&event, &mut page));
    String::from_utf8(page.bytes().to_vec()).unwrap()
}
