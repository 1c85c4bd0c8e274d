//! A connection: plain or TLS, from the first address tried to the last byte.
//!
//! Knows connecting, the handshake, bytes, and whether an end was in good order. Refuses to know HTTP.

use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection};

use super::error::{self, Limit};
use super::{certificate, tls};
use crate::outcome::{Class, Failure, Phase};
use crate::response::TlsFacts;
use crate::runtime::{ConnectError, Slot, Socket, Wake, deep, is_exhaustion};

/// The next address begins so long after the one before (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);

/// How long to wait before asking a machine again that has run out of descriptors or ports.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// What reading brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    /// So many bytes, at least one.
    Bytes(usize),
    /// The other end is done, in good order: FIN, and with TLS a `close_notify` before it.
    End,
}

/// A connection that stands.
pub(super) struct Connection {
    socket: Arc<Socket>,
    tls: Option<Box<Session>>,
    /// `None` for a Unix socket.
    pub(super) remote: Option<SocketAddr>,
    /// Requests that were sent over it before.
    pub(super) used: u32,
    /// The last read brought less than it asked for, so nothing was left behind.
    is_drained: bool,
}

/// The TLS side. Nothing here waits, so all of it goes deep.
struct Session {
    rustls: ClientConnection,
    verified: bool,
    /// The certificates that were refused.
    refused: Vec<CertificateDer<'static>>,
    is_drained: bool,
    /// What ended TLS behind bytes that are to be read first.
    fault: Option<io::Error>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connection({:?})", self.remote)
    }
}

/// The limits that hold while connecting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    /// `None` = no limit.
    pub(super) at: Option<Instant>,
    /// Which option set it.
    pub(super) limit: Limit,
}

impl Deadline {
    pub(super) fn is_past(self) -> bool {
        is_past(self.at)
    }

    /// The earlier of two limits that begin now or began before.
    pub(super) fn earlier(self, other: Deadline) -> Deadline {
        match (self.at, other.at) {
            (Some(mine), Some(theirs)) if theirs < mine => other,
            (None, Some(_)) => other,
            _ => self,
        }
    }
}

impl Connection {
    /// Connects to the first address that answers. When the machine has run out of descriptors or ports, `relieve` is
    /// called and it is tried again until the deadline: slower, not failed.
    ///
    /// # Errors
    /// What each address said: `error::no_connection` makes a failure of it.
    pub(super) fn open(
        addrs: &[SocketAddr],
        deadline: Deadline,
        slot: &Slot,
        mut relieve: impl FnMut(),
    ) -> Result<Connection, ConnectError> {
        loop {
            match Socket::connect_any(addrs, STAGGER, slot, deadline.at) {
                Ok((socket, remote)) => return Ok(Connection::new(socket, Some(remote))),
                Err(error) if error.exhausted.is_some() && !is_past(deadline.at) && !slot.is_stopped() => {
                    relieve();
                    slot.park(Some(Instant::now() + EXHAUSTED));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Connects to a Unix socket. While its queue is full it is tried again, as `open` does.
    ///
    /// # Errors
    /// `connect`, `timeout` or `cancelled`.
    pub(super) fn open_local(path: &Path, deadline: Deadline, slot: &Slot) -> Result<Connection, Failure> {
        loop {
            match Socket::connect_local(path) {
                Ok(socket) => return Ok(Connection::new(socket, None)),
                Err(_) if slot.is_stopped() => return Err(error::cancelled(Phase::Connect)),
                Err(error) if !is_exhaustion(&error) => return Err(error::no_local(path, &error)),
                Err(_) if is_past(deadline.at) => return Err(error::late(deadline.limit, Phase::Connect)),
                Err(_) => _ = slot.park(Some(Instant::now() + EXHAUSTED)),
            }
        }
    }

    fn new(socket: Socket, remote: Option<SocketAddr>) -> Connection {
        Connection { socket: Arc::new(socket), tls: None, remote, used: 0, is_drained: true }
    }

    /// Puts TLS over it. The client's last message of the handshake stays here and leaves with the request.
    ///
    /// # Errors
    /// `tls`, `timeout` or `cancelled`; the facts are what was known then.
    pub(super) fn secure(
        &mut self,
        config: Arc<ClientConfig>,
        host: &str,
        deadline: Deadline,
        slot: &Slot,
        verifies: bool,
    ) -> Result<(), Failure> {
        let name = tls::server_name(host)?;
        let session = deep(|| Session::begin(config, name));
        let session = session.map_err(|error| error::tls_failure(&error, &[], Phase::Tls))?;
        // Small writes must not wait for each other's acknowledgement; a failure costs only speed.
        let _ = self.socket.set_nodelay();
        let session = self.tls.insert(session);
        while session.rustls.is_handshaking() {
            let step = deep(|| session.handshake_step(&self.socket));
            let wake = match step {
                Ok(Step::Moved) => continue,
                Ok(Step::WaitReadable) => self.socket.wait_readable(slot, deadline.at),
                Ok(Step::WaitWritable) => self.socket.wait_writable(slot, deadline.at),
                Err(error) => {
                    // An alert that says why we give up; whether it arrives is the server's business.
                    let _ = session.flush(&self.socket);
                    return Err(handshake_failure(&error, &session.refused));
                }
            };
            match wake {
                Wake::Woken if is_past(deadline.at) => return Err(error::late(deadline.limit, Phase::Tls)),
                Wake::Woken => {}
                Wake::Late => return Err(error::late(deadline.limit, Phase::Tls)),
                Wake::Stopped => return Err(error::cancelled(Phase::Tls)),
            }
        }
        session.verified = verifies;
        Ok(())
    }

    /// Takes bytes that have arrived.
    ///
    /// # Errors
    /// `WouldBlock` when none have; `UnexpectedEof` for an end without `close_notify`; what the connection died of; a
    /// rustls error inside an `io::Error`.
    pub(super) fn recv(&mut self, buf: &mut [u8]) -> io::Result<Received> {
        let count = match &mut self.tls {
            None => self.socket.recv(buf)?,
            Some(session) => deep(|| session.recv(&self.socket, buf))?,
        };
        self.is_drained = count < buf.len();
        Ok(if count == 0 { Received::End } else { Received::Bytes(count) })
    }

    /// Takes bytes up to where `end` says that enough have come, and leaves those behind it. Plain connections only.
    ///
    /// # Errors
    /// As `recv`.
    pub(super) fn recv_up_to(
        &mut self,
        buf: &mut [u8],
        end: impl FnOnce(&[u8]) -> usize,
    ) -> io::Result<Received> {
        let shown = self.socket.peek(buf)?;
        let wanted = end(&buf[..shown]).min(shown);
        if shown == 0 { Ok(Received::End) } else { self.recv(&mut buf[..wanted]) }
    }

    /// Whether the kernel can throw bytes away that nobody looks at: not those of TLS, and it knows how for TCP alone.
    pub(super) fn can_discard(&self) -> bool {
        self.tls.is_none() && self.remote.is_some()
    }

    /// The socket for somebody else to receive from while nobody does so here; `None` where its bytes are those of TLS.
    pub(super) fn share(&self) -> Option<Arc<Socket>> {
        self.tls.is_none().then(|| Arc::clone(&self.socket))
    }

    /// How many bytes have arrived that nobody has received.
    pub(super) fn waiting(&self) -> usize {
        self.socket.waiting()
    }

    /// Throws away bytes that have arrived, at most so many; only where that can be done.
    ///
    /// # Errors
    /// As `recv`.
    pub(super) fn discard(&mut self, most: usize) -> io::Result<Received> {
        let count = self.socket.discard(most)?;
        self.is_drained = count < most;
        Ok(if count == 0 { Received::End } else { Received::Bytes(count) })
    }

    /// Sends all of it, waiting for room.
    ///
    /// # Errors
    /// What the connection died of; `TimedOut` when it is late; `Interrupted` when the run is stopped.
    pub(super) fn send_all(
        &mut self,
        mut bytes: &[u8],
        slot: &Slot,
        until: Option<Instant>,
    ) -> io::Result<()> {
        while let Err(error) = self.send_some(&mut bytes) {
            if error.kind() != io::ErrorKind::WouldBlock {
                return Err(error);
            }
            self.wait_for_room(slot, until, false)?;
        }
        Ok(())
    }

    /// Waits for room to send; if somebody `listens`, also for something to receive.
    ///
    /// # Errors
    /// `TimedOut` when it is late; `Interrupted` when the run is stopped.
    pub(super) fn wait_for_room(&self, slot: &Slot, until: Option<Instant>, listens: bool) -> io::Result<()> {
        let (socket, late) = (&self.socket, io::ErrorKind::TimedOut);
        match if listens { socket.wait_either(slot, until) } else { socket.wait_writable(slot, until) } {
            Wake::Woken if is_past(until) => Err(late.into()),
            Wake::Woken => Ok(()),
            Wake::Late => Err(late.into()),
            Wake::Stopped => Err(io::ErrorKind::Interrupted.into()),
        }
    }

    /// Sends until there is no room or nothing left.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room, or what the connection died of.
    pub(super) fn send_some(&mut self, bytes: &mut &[u8]) -> io::Result<()> {
        match &mut self.tls {
            None => {
                while !bytes.is_empty() {
                    let sent = self.socket.send(bytes)?;
                    *bytes = &bytes[sent..];
                }
                Ok(())
            }
            Some(session) => deep(|| session.send_some(&self.socket, bytes)),
        }
    }

    pub(super) fn wait_readable(&self, slot: &Slot, until: Option<Instant>) -> Wake {
        self.socket.wait_readable(slot, until)
    }

    /// Whether reading may bring something without waiting: rustls has already decrypted it, or has found a fault.
    pub(super) fn has_decrypted(&mut self) -> bool {
        self.tls.as_mut().is_some_and(|session| {
            let has_fault = session.fault.is_some();
            has_fault
                || session.rustls.process_new_packets().is_ok_and(|state| state.plaintext_bytes_to_read() > 0)
        })
    }

    /// Whether everything that had come was read. The selector tells only of what comes after that, so a connection
    /// that is not drained could hide bytes from `is_quiet`.
    pub(super) fn is_drained(&mut self) -> bool {
        self.is_drained && !self.has_decrypted() && self.tls.as_ref().is_none_or(|session| session.is_drained)
    }

    /// Whether nothing has come, not even an end. TLS tickets that came late count as something: such a connection is
    /// not used again, which costs a handshake and never a wrong answer.
    pub(super) fn is_quiet(&self) -> bool {
        self.socket.is_quiet()
    }

    pub(super) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    pub(super) fn local_addr(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()
    }

    /// What is known of TLS; `None` on a plain connection. Reading certificates takes longer than a request, so it is
    /// only to be asked for those who will be told.
    pub(super) fn tls_facts(&self) -> Option<Box<TlsFacts>> {
        let session = self.tls.as_ref()?;
        let version = session.rustls.protocol_version().map(|version| match version {
            rustls::ProtocolVersion::TLSv1_2 => "TLSv1.2".to_owned(),
            rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
            other => format!("{other:?}"),
        });
        let cipher = session.rustls.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
        let mut facts = TlsFacts { version, cipher, verified: session.verified, ..TlsFacts::default() };
        let shown = session.rustls.peer_certificates().unwrap_or(&session.refused);
        certificate::note(shown, &mut facts);
        Some(Box::new(facts))
    }
}

enum Step {
    Moved,
    WaitReadable,
    WaitWritable,
}

impl Session {
    /// rustls makes it on the stack and hands it over, 2 KiB each time: apart from those who wait.
    #[inline(never)]
    fn begin(config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Box<Session>, rustls::Error> {
        let rustls = ClientConnection::new(config, name)?;
        Ok(Box::new(Session { rustls, verified: false, refused: Vec::new(), is_drained: true, fault: None }))
    }

    fn handshake_step(&mut self, socket: &Socket) -> io::Result<Step> {
        match self.flush(socket) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Step::WaitWritable),
            // The server's reason may have arrived before the reset: read it.
            Err(error) if !is_end(&error) => return Err(error),
            _ => {}
        }
        match self.read_records(socket) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(Step::Moved),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Step::WaitReadable),
            Err(error) => Err(error),
        }
    }

    /// Moves what has arrived into rustls; 0 is the end of the connection.
    fn read_records(&mut self, socket: &Socket) -> io::Result<usize> {
        let count = self.rustls.read_tls(&mut Wire { socket, is_drained: &mut self.is_drained })?;
        if let Err(error) = self.rustls.process_new_packets() {
            self.refused = tls::take_refused();
            return Err(tls::as_io(error));
        }
        Ok(count)
    }

    fn recv(&mut self, socket: &Socket, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.rustls.reader().read(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
            if let Err(error) = self.read_records(socket) {
                return self.last_words(buf, error);
            }
            // Answers to key updates and the like; when there is no room they leave with the next request. Where nobody
            // takes them any more, what has come is read all the same, and then the end is.
            match self.flush(socket) {
                Err(error) if !is_end(&error) && error.kind() != io::ErrorKind::WouldBlock => {
                    return Err(error);
                }
                _ => {}
            }
        }
    }

    /// What stood whole before the fault that ended TLS, as it would have been read had it come by itself. The fault is
    /// kept for who reads on.
    fn last_words(&mut self, buf: &mut [u8], error: io::Error) -> io::Result<usize> {
        if tls::fault(&error).is_none() {
            return Err(error);
        }
        match self.rustls.reader().read(buf) {
            Ok(count @ 1..) => {
                self.fault = Some(error);
                Ok(count)
            }
            _ => Err(error),
        }
    }

    fn send_some(&mut self, socket: &Socket, bytes: &mut &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let taken = self.rustls.writer().write(bytes)?;
            *bytes = &bytes[taken..];
            self.flush(socket)?;
        }
        self.flush(socket)
    }

    /// Sends what rustls wants sent; it keeps what there is no room for.
    fn flush(&mut self, socket: &Socket) -> io::Result<()> {
        while self.rustls.wants_write() {
            self.rustls.write_tls(&mut Wire { socket, is_drained: &mut self.is_drained })?;
        }
        Ok(())
    }
}

/// Whether the other side takes nothing any more.
fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// The socket as rustls reads from it and writes to it.
struct Wire<'s> {
    socket: &'s Socket,
    is_drained: &'s mut bool,
}

impl Read for Wire<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.socket.recv(buf)?;
        *self.is_drained = count < buf.len();
        Ok(count)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.socket.send(buf)
    }

    /// One piece of several records, such as the last ones of a handshake, as small ones would wait for each other.
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        if let [one] = bufs {
            return self.socket.send(one);
        }
        let mut piece = Vec::new();
        bufs.iter().for_each(|buf| piece.extend_from_slice(buf));
        self.socket.send(&piece)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn handshake_failure(error: &io::Error, refused: &[CertificateDer<'_>]) -> Failure {
    if let Some(tls) = tls::fault(error) {
        return error::tls_failure(tls, refused, Phase::Tls);
    }
    let how = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the server closed the connection during the handshake".to_owned(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "the server reset the connection during the handshake".to_owned()
        }
        _ => error::system_word(error),
    };
    Failure::new(Class::Tls, Phase::Tls, how)
}

fn is_past(until: Option<Instant>) -> bool {
    until.is_some_and(|until| until <= Instant::now())
}
