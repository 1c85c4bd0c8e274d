//! Ports that do not answer, each in its own way.
//!
//! Knows what the kernel does with a connection that nobody takes. Refuses to take one.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::sys;

/// A listener that is kept but never asked for its connections.
pub(crate) struct Deaf {
    listener: TcpListener,
    /// What fills the queue, if anything does.
    queued: Vec<TcpStream>,
}

impl Deaf {
    /// The URL of its root.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.listener.local_addr().expect("a bound listener has an address"))
    }

    /// How many connections of our own are held in its queue.
    pub(crate) fn n_queued(&self) -> usize {
        self.queued.len()
    }
}

/// A port of 127.0.0.1 that refuses for as long as the tests run: it is the near end of a connection of ours, so nobody
/// else comes to listen there.
pub(crate) fn refused_addr() -> SocketAddr {
    let far = silent_listener();
    let near = connect(&far).expect("the queue is empty");
    let addr = near.local_addr().expect("a connection has two ends");
    std::mem::forget((far, near));
    addr
}

/// Connections stand, by the kernel's word alone: nobody reads or answers.
pub(crate) fn silent_listener() -> Deaf {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    Deaf { listener, queued: Vec::new() }
}

/// Connections never stand: the queue is full, and a SYN gets no answer. `None` where the address cannot be bound,
/// as `::1` on a machine without IPv6.
pub(crate) fn full_backlog(ip: IpAddr, port: u16) -> Option<Deaf> {
    let listener = TcpListener::bind((ip, port)).ok()?;
    sys::shrink_backlog(&listener);
    let mut deaf = Deaf { listener, queued: Vec::new() };
    // The kernel takes one or two more than the backlog says; a connect that it leaves without an answer says "full".
    while let Some(stream) = connect(&deaf) {
        deaf.queued.push(stream);
        assert!(deaf.queued.len() < 64, "the queue does not fill");
    }
    Some(deaf)
}

#[expect(clippy::disallowed_methods, reason = "the test's own thread may block")]
fn connect(deaf: &Deaf) -> Option<TcpStream> {
    let addr = deaf.listener.local_addr().expect("a bound listener has an address");
    TcpStream::connect_timeout(&addr, Duration::from_millis(50)).ok()
}
