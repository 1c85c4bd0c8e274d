//! What stands between greenfetch and an origin and passes bytes on: a Unix socket.
//!
//! Knows streams. Refuses to understand what it passes on.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
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
