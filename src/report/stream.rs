//! One of the two outputs: its tellers, and the page that they fill and it writes.
//!
//! Knows when to write and that only whole lines leave. Refuses to know what a failure of it means: `sinks` does.

use std::io::{self, Write};
use std::time::Duration;

use super::Teller;
use super::page::Page;
use super::progress::Curtain;
use crate::event::{Event, Sink};

/// A sink of one or more tellers, which speak in their order.
pub(super) struct Stream {
    out: Box<dyn Write + Send>,
    tellers: Vec<Box<dyn Teller>>,
    page: Page,
    curtain: Option<Curtain>,
}

impl Stream {
    /// Writes there what the tellers say; with a curtain, only while the bar is off the screen.
    pub(super) fn new(
        out: Box<dyn Write + Send>,
        tellers: Vec<Box<dyn Teller>>,
        page: Page,
        curtain: Option<Curtain>,
    ) -> Stream {
        Stream { out, tellers, page, curtain }
    }

    /// A line of the reporter's own.
    pub(super) fn note(&mut self, words: &str) {
        self.page.push("greenfetch: ");
        self.page.escaped(words);
        self.page.push("\n");
    }

    /// Lines that somebody else has composed.
    pub(super) fn say(&mut self, lines: &str) -> &mut Stream {
        for line in lines.lines() {
            self.page.escaped(line);
            self.page.push("\n");
        }
        self
    }

    fn write_out(&mut self) -> io::Result<()> {
        let Stream { out, page, curtain, .. } = self;
        let mut write = || write_patiently(out, page.bytes());
        let written = match curtain {
            Some(curtain) => curtain.aside(write),
            None => write(),
        };
        page.clear();
        written
    }
}

/// Writes all of it. A pipe that somebody has made non-blocking says that it is full; it is asked again.
pub(super) fn write_patiently(out: &mut dyn Write, mut bytes: &[u8]) -> io::Result<()> {
    const PATIENCE: Duration = Duration::from_millis(2);
    loop {
        let written = if bytes.is_empty() { out.flush().map(|()| 0) } else { out.write(bytes) };
        match written {
            Ok(_) if bytes.is_empty() => return Ok(()),
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::park_timeout(PATIENCE),
            Err(error) => return Err(error),
        }
    }
}

impl Sink for Stream {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        for teller in &mut self.tellers {
            teller.tell(event, &mut self.page);
        }
        // A batch of long records must not gather without end.
        if self.page.is_full() { self.write_out() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.page.bytes().is_empty() { Ok(()) } else { self.write_out() }
    }
}
