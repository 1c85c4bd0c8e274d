//! A body on its way to a server that may have heard enough of it.
//!
//! Knows when what a server says meanwhile ends the sending. Refuses to judge it: what was heard is read as the answer.

use std::io;
use std::time::Instant;

use super::buffers::Lender;
use super::connection::{Connection, Received};
use crate::runtime::Slot;

/// More is not heard before the body is sent.
const MOST_EARLY: usize = 64 << 10;

/// `HTTP/1.1 413`: what says what a head is.
const STATUS_END: usize = 12;

/// What a server said before its request was sent to the end.
#[derive(Default)]
pub(super) struct Early {
    /// For the reader of the answer.
    pub(super) bytes: Vec<u8>,
    /// An answer that begins with 3, 4 or 5: nobody wants the rest of the body (curl stops there too).
    pub(super) is_refusal: bool,
    /// Nothing more is listened to.
    is_deaf: bool,
}

/// What the bytes so far are.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    /// Nothing, or interim (1xx) answers, which a server may send unasked.
    NoAnswer,
    /// One that may want the rest: a 2xx, or what is no HTTP.
    Answer,
    Refusal,
}

fn heard(mut bytes: &[u8]) -> Heard {
    while bytes.len() >= STATUS_END {
        match bytes[STATUS_END - 3] {
            _ if !bytes.starts_with(b"HTTP/1.") => return Heard::Answer,
            b'1' => match bytes.windows(4).position(|end| end == b"\r\n\r\n") {
                Some(end) => bytes = &bytes[end + 4..],
                None => return Heard::NoAnswer,
            },
            b'3'..=b'5' => return Heard::Refusal,
            _ => return Heard::Answer,
        }
    }
    Heard::NoAnswer
}

impl Early {
    /// Takes what has come.
    fn listen(&mut self, connection: &mut Connection, lender: &Lender) -> io::Result<()> {
        while !self.is_deaf && !self.is_refusal {
            let mut buffer = lender.lend();
            let received = connection.recv(&mut buffer[..MOST_EARLY]);
            if let Ok(Received::Bytes(count)) = received {
                self.bytes.extend_from_slice(&buffer[..count]);
            }
            lender.take_back(buffer);
            match received {
                Ok(Received::Bytes(_)) => {}
                // It comes again when the answer is read.
                Ok(Received::End) => self.is_deaf = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
            self.is_refusal = heard(&self.bytes) == Heard::Refusal;
            self.is_deaf |= heard(&self.bytes) == Heard::Answer || self.bytes.len() >= MOST_EARLY;
        }
        Ok(())
    }
}

/// What sending needs.
pub(super) struct Sending<'a> {
    pub(super) connection: &'a mut Connection,
    pub(super) early: &'a mut Early,
    pub(super) lender: &'a Lender,
    pub(super) slot: &'a Slot,
    /// `None` = no limit.
    pub(super) until: Option<Instant>,
}

impl Sending<'_> {
    /// Sends all of it, waiting for room, unless it is refused. What is left in `bytes` was not sent, whatever came of it.
    ///
    /// # Errors
    /// As `Connection::send_all`.
    pub(super) fn send(self, bytes: &mut &[u8]) -> io::Result<()> {
        while let Err(error) = self.connection.send_some(bytes) {
            if error.kind() != io::ErrorKind::WouldBlock {
                return Err(error);
            }
            self.early.listen(self.connection, self.lender)?;
            if self.early.is_refusal {
                return Ok(());
            }
            self.connection.wait_for_room(self.slot, self.until, !self.early.is_deaf)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_that_refuses_ends_the_sending() {
        const INTERIM: &str = "HTTP/1.1 100 Continue\r\n\r\n";
        for (said, wanted) in [
            ("", Heard::NoAnswer),
            ("HTTP/1.1 41", Heard::NoAnswer),
            ("HTTP/1.1 413", Heard::Refusal),
            ("HTTP/1.0 302 Found\r\n", Heard::Refusal),
            ("HTTP/1.1 500 Oops\r\n\r\n", Heard::Refusal),
            ("HTTP/1.1 200 OK\r\n\r\n", Heard::Answer),
            ("HTTP/1.1 100 Continue\r\nA: b", Heard::NoAnswer),
            (INTERIM, Heard::NoAnswer),
            (&INTERIM.repeat(3), Heard::NoAnswer),
            (&format!("{INTERIM}HTTP/1.1 413"), Heard::Refusal),
            (&format!("{INTERIM}HTTP/1.1 201 C"), Heard::Answer),
            ("noise, and more noise", Heard::Answer),
        ] {
            assert_eq!(heard(said.as_bytes()), wanted, "{said:?}");
        }
    }
}
