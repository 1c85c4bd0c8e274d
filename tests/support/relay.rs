//! What stands between greenfetch and an origin and passes bytes on: a Unix socket, and a proxy that really tunnels.
//!
//! Knows CONNECT, and that every name is the loopback. Refuses to look a name up, and to understand what it passes on.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use super::origin::Origin;
use super::sys;

/// A Unix socket before an origin.
pub(crate) struct LocalDoor(Arc<UnixListener>);

impl LocalDoor {
    /// Makes the socket, which must not be there.
    pub(crate) fn open(path: &Path, origin: &Origin) -> LocalDoor {
        let listener = Arc::new(UnixListener::bind(path).expect("a path for a socket"));
        let (theirs, addr) = (listener.clone(), origin.addr());
        thread::spawn(move || {
            while let Ok((stream, _)) = theirs.accept() {
                relay(Arc::new(stream), &[], addr);
            }
        });
        LocalDoor(listener)
    }
}

impl Drop for LocalDoor {
    fn drop(&mut self) {
        sys::stop_listening(&*self.0);
    }
}

/// A proxy. CONNECT opens a tunnel to the port asked for, on the loopback whatever the host; everything else goes to an
/// origin as it came, whose scripts have whole URLs for paths.
pub(crate) struct Proxy {
    listener: Arc<TcpListener>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1.
    pub(crate) fn before(origin: &Origin) -> Proxy {
        Proxy::answering(origin, "HTTP/1.1 200 Connection established\r\n\r\n", false)
    }

    /// The same with an answer of its own to CONNECT, at once or byte by byte.
    pub(crate) fn answering(origin: &Origin, answer: &'static str, in_pieces: bool) -> Proxy {
        let listener = Arc::new(TcpListener::bind(("127.0.0.1", 0)).expect("a free port"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (theirs, noted, others) = (listener.clone(), asked.clone(), origin.addr());
        thread::spawn(move || {
            while let Ok((stream, _)) = theirs.accept() {
                let noted = noted.clone();
                thread::spawn(move || serve(Arc::new(stream), &noted, others, (answer, in_pieces)));
            }
        });
        Proxy { listener, asked }
    }

    /// Address and port.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.listener.local_addr().expect("a bound listener has an address")
    }

    /// The head of every connection's first request, in the order in which they came.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics with it").clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        sys::stop_listening(&*self.listener);
    }
}

fn serve(
    stream: Arc<TcpStream>,
    noted: &Mutex<Vec<String>>,
    others: SocketAddr,
    (answer, in_pieces): (&str, bool),
) {
    let Some(head) = read_head(&stream) else { return };
    noted.lock().expect("nobody panics with it").push(head.clone());
    let Some(target) = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()) else {
        relay(stream, head.as_bytes(), others);
        return;
    };
    let port = target.rsplit(':').next().and_then(|port| port.parse().ok()).expect("CONNECT names a port");
    // Each write is a packet of its own.
    let _ = stream.set_nodelay(true);
    for piece in answer.as_bytes().chunks(if in_pieces { 1 } else { answer.len() }) {
        // A peer that has left is seen by the relay.
        let _ = (&*stream).write_all(piece);
    }
    relay(stream, &[], SocketAddr::from(([127, 0, 0, 1], port)));
}

/// Byte by byte, so that what stands behind the head stays for the tunnel.
fn read_head(mut stream: &TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// Either kind of stream, shared by the threads that read and write it.
trait Stream: Send + Sync + 'static {
    fn reader(&self) -> impl Read + '_;
    fn writer(&self) -> impl Write + '_;
    fn end_writing(&self);
}

impl Stream for TcpStream {
    fn reader(&self) -> impl Read + '_ {
        self
    }

    fn writer(&self) -> impl Write + '_ {
        self
    }

    fn end_writing(&self) {
        // It may be closed already.
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Stream for UnixStream {
    fn reader(&self) -> impl Read + '_ {
        self
    }

    fn writer(&self) -> impl Write + '_ {
        self
    }

    fn end_writing(&self) {
        // As above.
        let _ = self.shutdown(Shutdown::Write);
    }
}

/// Passes bytes both ways until both ends are done, on threads of its own.
#[expect(clippy::disallowed_methods, reason = "the workshop's own threads may block")]
fn relay<S: Stream>(client: Arc<S>, begun: &[u8], to: SocketAddr) {
    // Nobody there: the client sees the end.
    let Ok(server) = TcpStream::connect(to) else { return };
    let server = Arc::new(server);
    // A server that has left is seen by its reader.
    let _ = (&*server).write_all(begun);
    let (their_client, their_server) = (client.clone(), server.clone());
    thread::spawn(move || pass_on(&*their_client, &*their_server));
    thread::spawn(move || pass_on(&*server, &*client));
}

fn pass_on(from: &impl Stream, to: &impl Stream) {
    // However it ends, the other side is told.
    let _ = std::io::copy(&mut from.reader(), &mut to.writer());
    to.end_writing();
}
