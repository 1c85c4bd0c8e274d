//! An origin that answers nobody before it is told to, and thousands at once then.
//!
//! Knows connections by the order in which they came, on one thread. Refuses to look at what is asked.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use super::{PATIENCE, sys};

/// So many requests, each on a connection of its own.
pub(crate) struct Crowd {
    addr: SocketAddr,
    all_wait: Receiver<()>,
    let_go: Sender<()>,
}

impl Crowd {
    /// Takes `n` connections on a free port of 127.0.0.1.
    pub(crate) fn start(n: usize) -> Crowd {
        sys::raise_descriptors();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        sys::widen_backlog(&listener);
        let addr = listener.local_addr().expect("a listener has an address");
        let (asked, all_wait) = mpsc::channel();
        let (let_go, is_open) = mpsc::channel::<()>();
        thread::spawn(move || {
            let taken: Vec<TcpStream> = listener.incoming().flatten().take(n).collect();
            taken.iter().for_each(read_head);
            // A test that has failed wants no answers.
            if asked.send(()).is_ok() && is_open.recv().is_ok() {
                taken.iter().for_each(answer);
            }
        });
        Crowd { addr, all_wait, let_go }
    }

    /// What to ask for.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.addr)
    }

    /// Waits until all have asked.
    pub(crate) fn wait_for_all(&self) {
        self.all_wait.recv_timeout(2 * PATIENCE).expect("so many come");
    }

    /// Answers all of them.
    pub(crate) fn let_go(&self) {
        self.let_go.send(()).expect("they wait");
    }
}

fn read_head(mut connection: &TcpStream) {
    let (mut head, mut piece) = (Vec::new(), [0; 1024]);
    while !head.ends_with(b"\r\n\r\n") {
        let n = connection.read(&mut piece).expect("a request comes whole");
        assert!(n > 0, "a request was broken off");
        head.extend_from_slice(&piece[..n]);
    }
}

/// Who has gone meanwhile needs none.
fn answer(mut connection: &TcpStream) {
    let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
}
