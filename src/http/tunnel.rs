//! CONNECT: a proxy is asked for a tunnel to a server (RFC 9110 §9.3.6).
//!
//! Knows the request, and how much of the answer may be read. Refuses to know what goes through the tunnel.

use std::io;

use url::Host;

use super::connection::{Connection, Deadline, Received};
use super::error;
use super::head::{self, Asked, Head};
use super::reading::MOST_INTERIM;
use crate::config::Proxy;
use crate::outcome::{Class, Failure, Phase};
use crate::runtime::{Slot, Wake};

/// Bytes of the answer that are looked at in one go; most are shorter.
const LOOK_BYTES: usize = 4 << 10;

const ASKED: Asked = Asked { is_head: false, wants_coding: false, wants_headers: false, is_connect: true };

/// A tunnel that is wanted.
pub(super) struct Tunnel<'a> {
    pub(super) proxy: &'a Proxy,
    /// The server at its end, with its port.
    pub(super) host: Host<&'a str>,
    pub(super) port: u16,
    /// What we call ourselves; may be empty.
    pub(super) user_agent: &'a str,
    pub(super) deadline: Deadline,
    pub(super) slot: &'a Slot,
    /// Is told each line that goes out (`>`) or comes (`<`).
    pub(super) log: &'a dyn Fn(char, &[u8]),
}

impl Tunnel<'_> {
    /// Has the proxy open it over a connection that is the proxy's so far. What the proxy said behind its answer is left
    /// in the connection, as the server's first bytes.
    ///
    /// # Errors
    /// `connect` for a refusal, with its status; `closed`, `protocol`, `size`, `timeout` or `cancelled`, each in the
    /// phase `connect`. A refusal's body is not read.
    pub(super) fn open(&self, connection: &mut Connection) -> Result<(), Failure> {
        let request = self.request();
        (self.log)('>', request.as_bytes());
        let sent = connection.send_all(request.as_bytes(), self.slot, self.deadline.at);
        sent.map_err(|error| self.broken(&error, "while CONNECT was sent"))?;
        for _ in 0..=MOST_INTERIM {
            let head = self.read_head(connection)?;
            if !head.is_interim() {
                return self.judge(head.status);
            }
        }
        Err(self.failure(Class::Protocol, &format!("more than {MOST_INTERIM} interim (1xx) responses")))
    }

    fn request(&self) -> String {
        let (host, port) = (&self.host, self.port);
        let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
        let authorization = self.proxy.authorization.as_ref().map(|secret| secret.expose());
        let user_agent = Some(self.user_agent).filter(|text| !text.is_empty());
        for (name, value) in [("Proxy-Authorization", authorization), ("User-Agent", user_agent)] {
            request.extend(value.into_iter().flat_map(|value| [name, ": ", value, "\r\n"]));
        }
        request + "\r\n"
    }

    /// The next head, and not a byte of what is behind it.
    fn read_head(&self, connection: &mut Connection) -> Result<Head, Failure> {
        let (mut seen, mut buffer) = (Vec::new(), vec![0; LOOK_BYTES]);
        loop {
            let before = seen.len();
            let mut looked = Ok(None);
            let received = connection.recv_up_to(&mut buffer, |shown| {
                seen.extend_from_slice(shown);
                looked = head::look(&seen, before, ASKED);
                match &looked {
                    Ok(Some(head)) => head.len - before,
                    _ => shown.len(),
                }
            });
            match received {
                Ok(Received::Bytes(_)) => {}
                Ok(Received::End) if before == 0 => {
                    return Err(self.failure(Class::Closed, "ended before it answered CONNECT"));
                }
                Ok(Received::End) => {
                    return Err(self.failure(Class::Closed, "ended inside its answer to CONNECT"));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait(connection)?,
                Err(error) => return Err(self.broken(&error, "before it answered CONNECT")),
            }
            let looked = looked.map_err(|failure| self.failure(failure.class, &failure.message));
            if looked.is_err() {
                (self.log)('<', &seen);
            }
            if let Some(head) = looked? {
                (self.log)('<', &seen[..head.len]);
                return Ok(head);
            }
        }
    }

    fn wait(&self, connection: &Connection) -> Result<(), Failure> {
        match connection.wait_readable(self.slot, self.deadline.at) {
            Wake::Woken if self.deadline.is_past() => Err(self.late()),
            Wake::Woken => Ok(()),
            Wake::Stopped => Err(error::cancelled(Phase::Connect)),
            Wake::Late => Err(self.late()),
        }
    }

    fn late(&self) -> Failure {
        let late = error::late(self.deadline.limit, Phase::Connect);
        Failure { message: format!("{}: proxy {} did not answer CONNECT", late.message, self.proxy), ..late }
    }

    fn judge(&self, status: u16) -> Result<(), Failure> {
        if (200..300).contains(&status) {
            return Ok(());
        }
        let wants = match (status, &self.proxy.authorization) {
            (407, None) => ": it wants credentials",
            (407, Some(_)) => ": it wants other credentials",
            _ => "",
        };
        let (host, port) = (&self.host, self.port);
        let message = format!("refused a tunnel to {host}:{port} with status {status}{wants}");
        Err(self.failure(Class::Connect, &message))
    }

    fn broken(&self, error: &io::Error, when: &str) -> Failure {
        match error.kind() {
            io::ErrorKind::TimedOut => self.late(),
            io::ErrorKind::Interrupted => error::cancelled(Phase::Connect),
            _ => {
                let failure = error::broken(error, Phase::Connect, when);
                self.failure(failure.class, &failure.message)
            }
        }
    }

    fn failure(&self, class: Class, message: &str) -> Failure {
        Failure::new(class, Phase::Connect, format!("proxy {}: {message}", self.proxy))
    }
}
