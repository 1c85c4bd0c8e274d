//! A stream of the process whose reader may stop reading: writing to it waits, and gives up when the run is to be over.
//!
//! Knows pipes, terminals and one bell. Refuses to know what is written, and to lose a byte before the bell rings.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Shared;
use super::sys::{self, Interest};

/// So much is written at once, as more could block although there is room: POSIX promises that so many bytes go into a
/// pipe whole (`PIPE_BUF` on Linux).
const PIECE: usize = 4096;

/// How long a reader that takes nothing is waited for once the run is to be over.
const PATIENCE: Duration = Duration::from_secs(1);

/// Writes to a stream in pieces that do not block for ever.
pub struct Outlet {
    stream: File,
    /// A file never blocks for a reader.
    has_reader: bool,
    shared: Arc<Shared>,
}

impl Outlet {
    pub(super) fn new(stream: impl AsFd, shared: Arc<Shared>) -> io::Result<Outlet> {
        let stream = File::from(stream.as_fd().try_clone_to_owned()?);
        let kind = stream.metadata()?.file_type();
        let has_reader = kind.is_fifo() || kind.is_socket() || stream.is_terminal();
        Ok(Outlet { stream, has_reader, shared })
    }

    /// Waits for room, for as long as the run may last and a little longer.
    fn wait_for_room(&self) -> io::Result<()> {
        let mut gives_up_at = None;
        loop {
            let watched =
                [(self.stream.as_fd(), Interest::Write), (self.shared.hurry_bell(), Interest::Read)];
            let until_it_rings = if gives_up_at.is_none() { 2 } else { 1 };
            let ready = sys::poll(&watched[..until_it_rings], gives_up_at)?;
            if ready[0] {
                return Ok(());
            }
            match gives_up_at {
                None if ready[1] => gives_up_at = Some(Instant::now() + PATIENCE),
                Some(at) if at <= Instant::now() => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "nobody reads it"));
                }
                _ => {}
            }
        }
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.has_reader {
            return self.stream.write(bytes);
        }
        self.wait_for_room()?;
        self.stream.write(&bytes[..bytes.len().min(PIECE)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
