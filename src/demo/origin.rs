//! The demo's origin: a socket that listens and a coroutine for each connection, on our own runtime.
//!
//! Knows accepting, the number of connections and when to end. Refuses to know what is said on a connection.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::gate::Gates;
use super::script::Tally;
use super::{CHILD_VARIABLE, connection};
use crate::config::Mode;
use crate::runtime::{Listener, Runtime, Slot, Socket, Wake, limits};

/// Connections that wait to be accepted, where the system allows as many (`net.core.somaxconn`). With the 500 of the
/// gevent tutorials' servers, 10 000 clients that came at once overran the queue seven times, with this once (debug
/// build, 2 cores, 2026-11), and each time one of them waited a second to send its SYN again.
const BACKLOG: i32 = 4096;

/// Connections at once, unless the machine allows fewer; the next ones wait. Room for all that one address of a client
/// has ports for, usually 28 232.
const MOST_CONNECTIONS: u32 = 30_000;

/// How long nothing is accepted after the machine has run out of something.
const SHORTAGE: Duration = Duration::from_millis(50);

/// So many connections are started before those that are there get a turn.
const STARTS_PER_TURN: u32 = 64;

/// Starts the origin at an address, tells where it listens (port 0 takes a free one) and blocks the calling thread.
/// As our own child it returns when its standard input ends, which is when the parent does; else it never returns.
///
/// # Errors
/// What the system said when it cannot listen there.
pub fn serve(addr: SocketAddr, announce: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let lifeline = std::env::var_os(CHILD_VARIABLE).map(|_| io::stdin());
    serve_while(addr, announce, lifeline)
}

/// Serves until the lifeline ends; `None` never ends.
fn serve_while(
    addr: SocketAddr,
    announce: impl FnOnce(SocketAddr),
    lifeline: Option<impl Read>,
) -> io::Result<()> {
    let origin = Origin::start(addr)?;
    announce(origin.addr());
    match lifeline {
        Some(mut lifeline) => io::copy(&mut lifeline, &mut io::sink()).map(drop),
        None => loop {
            thread::park();
        },
    }
}

/// An origin that listens. Dropping it ends its connections.
pub struct Origin {
    addr: SocketAddr,
    runtime: Runtime,
}

impl Origin {
    /// Starts an origin and waits until it listens. Its coroutines share the worker with all others of the process.
    ///
    /// # Errors
    /// What the system said when it cannot listen there.
    pub fn start(addr: SocketAddr) -> io::Result<Origin> {
        let (most, _) = limits::jobs_allowed(Mode::Coroutines, MOST_CONNECTIONS, 1);
        Origin::start_with(addr, most)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    fn start_with(addr: SocketAddr, most: u32) -> io::Result<Origin> {
        let runtime = Runtime::start(Mode::Coroutines, most)?;
        let hall = Arc::new(Hall {
            runtime: runtime.clone(),
            door: runtime.slot(),
            places: Mutex::new(Places { free: Vec::new(), left_to_make: most }),
            tally: Mutex::default(),
            gates: Gates::default(),
        });
        let (bound, listening) = mpsc::channel();
        runtime.start_root(move || open(&hall, addr, &bound))?;
        let ended = |_| io::Error::other("the demo origin ended before it listened");
        let addr = listening.recv().map_err(ended)??;
        Ok(Origin { addr, runtime })
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.runtime.stop();
    }
}

/// What the connections have in common.
struct Hall {
    runtime: Runtime,
    /// The accepting coroutine's slot.
    door: Arc<Slot>,
    places: Mutex<Places>,
    tally: Mutex<Tally>,
    gates: Gates,
}

struct Places {
    free: Vec<Arc<Slot>>,
    left_to_make: u32,
}

/// A connection's right to be: a slot that goes back when the connection has ended, by a panic too.
struct Place {
    hall: Arc<Hall>,
    slot: Arc<Slot>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.hall.places();
        let was_full = places.free.is_empty() && places.left_to_make == 0;
        places.free.push(Arc::clone(&self.slot));
        drop(places);
        if was_full {
            self.hall.door.wake();
        }
    }
}

impl Hall {
    fn places(&self) -> std::sync::MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A slot that is free, or a new one; `None` when all are taken.
    fn take_slot(&self) -> Option<Arc<Slot>> {
        let mut places = self.places();
        if let Some(slot) = places.free.pop() {
            return Some(slot);
        }
        places.left_to_make = places.left_to_make.checked_sub(1)?;
        Some(self.runtime.slot())
    }

    /// Waits for a place; `None` when the run is stopped.
    fn wait_for_place(self: &Arc<Hall>) -> Option<Place> {
        loop {
            if let Some(slot) = self.take_slot() {
                return Some(Place { hall: Arc::clone(self), slot });
            }
            if self.door.park(None) == Wake::Stopped {
                return None;
            }
        }
    }

    /// Lets a shortage pass: connections that end give back what is missing. Says whether the run goes on.
    fn waits_out_shortage(&self) -> bool {
        let until = Instant::now() + SHORTAGE;
        loop {
            match self.door.park(Some(until)) {
                Wake::Woken => {}
                wake => return wake == Wake::Late,
            }
        }
    }
}

/// The root coroutine: listens, says so, and accepts until the run is stopped.
fn open(hall: &Arc<Hall>, addr: SocketAddr, bound: &mpsc::Sender<io::Result<SocketAddr>>) {
    let listening = Listener::bind(addr, BACKLOG).and_then(|listener| Ok((listener.local_addr()?, listener)));
    match listening {
        Ok((addr, listener)) => {
            let _ = bound.send(Ok(addr));
            accept_all(hall, &listener);
        }
        Err(error) => drop(bound.send(Err(error))),
    }
}

fn accept_all(hall: &Arc<Hall>, listener: &Listener) {
    let mut started = 0_u32;
    while let Some(place) = hall.wait_for_place() {
        let begun = match listener.accept(&hall.door) {
            Ok(Some(socket)) => start(hall, socket, place),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        if begun.is_err() && !hall.waits_out_shortage() {
            return;
        }
        started = started.wrapping_add(1);
        if started.is_multiple_of(STARTS_PER_TURN) {
            hall.door.yield_through_selector();
        }
    }
}

/// Starts a connection's coroutine.
fn start(hall: &Hall, socket: Socket, place: Place) -> io::Result<()> {
    hall.runtime.spawn(move || {
        // The place is given back after the descriptor: only then is there room for another.
        let place = place;
        connection::serve(socket, &place.slot, &place.hall.tally, &place.hall.gates);
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpStream;

    use super::super::LOOPBACK;
    use super::*;

    /// A client that reads by hand, so that it sees what a library would hide.
    struct Client(TcpStream);

    impl Client {
        #[expect(clippy::disallowed_methods, reason = "a test's thread may block")]
        fn connect(addr: SocketAddr) -> Client {
            let stream = TcpStream::connect(addr).unwrap();
            // Only a test that fails gets there.
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            Client(stream)
        }

        fn send(&mut self, bytes: &str) -> &mut Client {
            self.0.write_all(bytes.as_bytes()).unwrap();
            self
        }

        fn get(&mut self, target: &str) -> &mut Client {
            self.send(&format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"))
        }

        /// Head and body of the next answer, which must have a length.
        fn answer(&mut self) -> (String, Vec<u8>) {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                self.0.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            let head = String::from_utf8(head).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            self.0.read_exact(&mut body).unwrap();
            (head, body)
        }

        fn body(&mut self) -> String {
            String::from_utf8(self.answer().1).unwrap()
        }

        fn status(&mut self) -> String {
            self.answer().0[9..12].to_owned()
        }

        /// Everything until the end, and how that was.
        fn rest(&mut self) -> (Vec<u8>, io::Result<usize>) {
            let mut all = Vec::new();
            let end = self.0.read_to_end(&mut all);
            (all, end)
        }

        fn has_nothing_to_read(&mut self) -> bool {
            self.0.set_nonblocking(true).unwrap();
            let nothing =
                matches!(self.0.read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
            self.0.set_nonblocking(false).unwrap();
            nothing
        }
    }

    fn origin() -> Origin {
        Origin::start(LOOPBACK).unwrap()
    }

    #[test]
    fn requests_on_one_connection_are_answered_in_order_also_when_they_come_at_once() {
        let origin = origin();
        let mut client = Client::connect(origin.addr());
        assert_eq!(client.get("/delay/1").body(), "waited 1 ms\n");
        assert!(client.get("/").body().starts_with("The demo origin"));
        client
            .get("/delay/20")
            .get("/bytes/3")
            .get("/status/204")
            .get("/redirect/2")
            .get("/drip?bytes=4&ms=8");
        assert_eq!(client.body(), "waited 20 ms\n");
        assert_eq!(client.body(), "012");
        assert_eq!(client.status(), "204");
        assert!(client.answer().0.contains("\r\nLocation: 1\r\n"));
        assert_eq!(client.body(), "0123");
        client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        assert!(client.answer().0.contains("\r\nConnection: close\r\n"));
        assert_eq!(client.rest().1.unwrap(), 0);
    }

    #[test]
    fn a_thousand_requests_at_once_get_a_thousand_answers() {
        let origin = origin();
        let mut client = Client::connect(origin.addr());
        client.send(&"GET /bytes/1 HTTP/1.1\r\nHost: h\r\n\r\n".repeat(1000));
        assert!((0..1000).all(|_| client.body() == "0"));
    }

    #[test]
    fn a_large_body_comes_whole_and_a_head_alone_without_it() {
        let origin = origin();
        let mut client = Client::connect(origin.addr());
        let body = client.get("/bytes/5000000").answer().1;
        assert_eq!(body.len(), 5_000_000);
        assert!(body.chunks(16).all(|line| line == b"0123456789abcde\n"));
        client.send("HEAD /bytes/5000000 HTTP/1.0\r\n\r\n");
        let (rest, end) = client.rest();
        assert!(end.is_ok());
        assert!(
            String::from_utf8(rest)
                .unwrap()
                .ends_with("Content-Length: 5000000\r\nConnection: close\r\n\r\n")
        );
    }

    #[test]
    fn a_body_is_sent_back_however_it_is_framed() {
        let origin = origin();
        let mut client = Client::connect(origin.addr());
        let head = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: a/b\r\n";
        client.send(&format!("{head}Content-Length: 5\r\n\r\nhello"));
        let (answer, body) = client.answer();
        assert!(answer.contains("\r\nContent-Type: a/b\r\n"));
        assert_eq!(body, b"hello");
        client.send(&format!(
            "{head}Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nT: 1\r\n\r\n"
        ));
        assert_eq!(client.body(), "hello");
        client.send(&format!("{head}Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
        assert_eq!(client.answer().0, "HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(client.send("ok").body(), "ok");
        assert_eq!(client.get("/headers").body(), "Host: h\r\n");
    }

    #[test]
    fn what_is_malformed_or_too_large_is_refused_and_the_connection_ends() {
        let origin = origin();
        let chunked = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        for (bytes, status) in [
            ("hello\r\n\r\n".to_owned(), "400"),
            ("GET / HTTP/1.1\n".to_owned(), "400"),
            (format!("{chunked}x\r\n"), "400"),
            (format!("{chunked}1\r\nab\r\n"), "400"),
            (format!("{chunked}{}", "0".repeat(9000)), "400"),
            (format!("{chunked}{}", "1;x\r\na\r\n".repeat(300_000)), "413"),
            (format!("{chunked}fffffff\r\n"), "413"),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n".to_owned(), "413"),
            (format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(17_000)), "431"),
        ] {
            let mut client = Client::connect(origin.addr());
            assert_eq!(client.send(&bytes).status(), status, "{:?}", &bytes[..bytes.len().min(80)]);
        }
        assert_eq!(Client::connect(origin.addr()).get("/bytes/x").get("/").status(), "400");
    }

    #[test]
    fn a_reset_is_a_reset_and_a_cut_is_an_end() {
        let origin = origin();
        let (_, end) = Client::connect(origin.addr()).get("/reset").rest();
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let (bytes, end) = Client::connect(origin.addr()).get("/cut").rest();
        assert!(end.is_ok());
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        assert_eq!(bytes.len() - head, 999);
    }

    #[test]
    fn whoever_waits_holds_up_nobody_else() {
        let origin = origin();
        let mut hanging = Client::connect(origin.addr());
        hanging.get("/hang").get("/");
        let mut slow = Client::connect(origin.addr());
        slow.get("/delay/60000");
        let mut greedy = Client::connect(origin.addr());
        greedy.get("/bytes/1073741824");
        for _ in 0..3 {
            assert_eq!(Client::connect(origin.addr()).get("/bytes/2").body(), "01");
        }
        assert!(hanging.has_nothing_to_read() && slow.has_nothing_to_read());
        drop(origin);
        assert_eq!(hanging.rest().1.unwrap(), 0, "when the run ends, so does the hanging");
        assert_eq!(slow.rest().1.unwrap(), 0);
    }

    #[test]
    fn a_gate_opens_for_all_when_the_last_one_has_come() {
        let origin = origin();
        let mut early: Vec<_> = (0..2).map(|_| Client::connect(origin.addr())).collect();
        for client in &mut early {
            client.get("/gate/3");
        }
        let mut other = Client::connect(origin.addr());
        assert_eq!(other.get("/gate/1").body(), "1 were here at once\n");
        assert!(early.iter_mut().all(Client::has_nothing_to_read));
        assert_eq!(other.get("/gate/3").body(), "3 were here at once\n");
        assert!(early.iter_mut().all(|client| client.body() == "3 were here at once\n"));
    }

    #[test]
    fn one_connection_too_many_waits_until_another_has_ended() {
        let origin = Origin::start_with(LOOPBACK, 2).unwrap();
        let mut first = Client::connect(origin.addr());
        let mut second = Client::connect(origin.addr());
        assert_eq!(first.get("/bytes/1").body(), "0");
        assert_eq!(second.get("/bytes/1").body(), "0");
        let mut third = Client::connect(origin.addr());
        third.get("/bytes/3");
        assert_eq!(second.get("/bytes/2").body(), "01");
        assert!(third.has_nothing_to_read());
        drop(first);
        assert_eq!(third.body(), "012");
    }

    #[test]
    fn flaky_paths_count_over_all_connections() {
        let origin = origin();
        let statuses: Vec<_> =
            (0..3).map(|_| Client::connect(origin.addr()).get("/flaky/2").status()).collect();
        assert_eq!(statuses, ["503", "503", "200"]);
    }

    #[test]
    fn serving_ends_with_the_lifeline_and_an_address_in_use_is_an_error() {
        let (reader, writer) = io::pipe().unwrap();
        let mut announced = None;
        let announce = |addr| {
            assert_eq!(Client::connect(addr).get("/bytes/1").body(), "0");
            announced = Some(addr);
            drop(writer);
        };
        serve_while(LOOPBACK, announce, Some(reader)).unwrap();
        assert!(announced.is_some_and(|addr| addr.ip().is_loopback()));

        let origin = origin();
        let taken = serve_while(origin.addr(), |_| unreachable!(), Some(io::empty()));
        assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
