//! The fault origin: raw sockets on the loopback, a thread per connection, no HTTP library.
//!
//! Knows which script a path has and counts what it saw. Refuses to be a good server.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;

use rustls::ServerConfig;

use super::PATIENCE;
use super::script::{Script, Step};
use super::wire::{Raw, Wire, chain, server_config};

/// The longest request that is read; more is a fault of the test.
const LONGEST_REQUEST: usize = 16 << 20;

/// A port of the loopback that the system chooses.
const ANY_PORT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// A server that misbehaves as it is told. It ends with the test.
pub(crate) struct Origin {
    shared: Arc<Shared>,
    addr: SocketAddr,
    scheme: &'static str,
    tls: Option<Arc<ServerConfig>>,
    listeners: Vec<Arc<TcpListener>>,
}

/// A fault origin that speaks TLS.
pub(crate) struct TlsOrigin;

impl TlsOrigin {
    /// Shows `fixtures/certs/NAME.pem`.
    pub(crate) fn start(name: &str) -> Origin {
        Origin::over(Some(server_config(name, Vec::new(), false, rustls::ALL_VERSIONS)))
    }

    /// Shows it with the certificates of another file behind it, that many times.
    pub(crate) fn start_with(name: &str, more: &str, times: usize) -> Origin {
        let behind = std::iter::repeat_with(|| chain(more)).take(times).flatten().collect();
        Origin::over(Some(server_config(name, behind, false, rustls::ALL_VERSIONS)))
    }

    /// Speaks TLS 1.2 and nothing newer.
    pub(crate) fn start_old(name: &str) -> Origin {
        Origin::over(Some(server_config(name, Vec::new(), false, &[&rustls::version::TLS12])))
    }

    /// Demands a certificate of the client.
    pub(crate) fn start_demanding(name: &str) -> Origin {
        Origin::over(Some(server_config(name, Vec::new(), true, rustls::ALL_VERSIONS)))
    }
}

impl Origin {
    /// Listens on a free port of 127.0.0.1.
    pub(crate) fn start() -> Origin {
        Origin::over(None)
    }

    /// Listens on 127.0.0.2 at the port of another: a second machine that has the same name.
    pub(crate) fn start_beside(other: &Origin) -> Origin {
        Origin::over_at(None, SocketAddr::from(([127, 0, 0, 2], other.addr.port())))
    }

    fn over(tls: Option<Arc<ServerConfig>>) -> Origin {
        Origin::over_at(tls, ANY_PORT)
    }

    fn over_at(tls: Option<Arc<ServerConfig>>, at: SocketAddr) -> Origin {
        let shared = Arc::new(Shared::default());
        let scheme = if tls.is_some() { "https" } else { "http" };
        let mut origin = Origin { shared, addr: at, scheme, tls, listeners: Vec::new() };
        origin.addr = origin.listen(at, None);
        origin
    }

    /// A listener with a thread of its own, and with a script of its own or that of the requested paths.
    fn listen(&mut self, at: SocketAddr, at_connect: Option<(String, Script)>) -> SocketAddr {
        let listener = Arc::new(TcpListener::bind(at).expect("a free port"));
        let addr = listener.local_addr().expect("a bound listener has an address");
        self.listeners.push(listener.clone());
        let (shared, tls) = (self.shared.clone(), self.tls.clone());
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let (shared, tls, at_connect) = (shared.clone(), tls.clone(), at_connect.clone());
                thread::spawn(move || serve(&shared, stream, tls.as_ref(), at_connect));
            }
        });
        addr
    }

    /// What a path does. A path that nobody spoke of is a 404.
    pub(crate) fn script(mut self, path: &str, script: Script) -> Origin {
        self.add(path, script);
        self
    }

    /// The same for an origin that is not in one's hands alone.
    pub(crate) fn add(&mut self, path: &str, script: Script) {
        if script.acts_at_connect() {
            let addr = self.listen(ANY_PORT, Some((path.to_owned(), script)));
            self.shared.lock().doors.insert(path.to_owned(), addr);
        } else {
            self.shared.lock().scripts.insert(path.to_owned(), script);
        }
    }

    /// Address and port.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        self.url_as(self.scheme, "127.0.0.1", path)
    }

    /// The URL of a path in another scheme or by another name of this machine.
    pub(crate) fn url_as(&self, scheme: &str, host: &str, path: &str) -> String {
        let port = self.shared.lock().doors.get(path).unwrap_or(&self.addr).port();
        format!("{scheme}://{host}:{port}{path}")
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.lock().n_connections
    }

    /// Requests so far for a path, or connections where its script acts before there is a request.
    pub(crate) fn requests(&self, path: &str) -> usize {
        self.shared.lock().requests.get(path).map_or(0, Vec::len)
    }

    /// The last request for a path, head and body as they came.
    pub(crate) fn last_request(&self, path: &str) -> String {
        let last = self.shared.lock().requests.get(path).and_then(|requests| requests.last().cloned());
        last.unwrap_or_else(|| panic!("{path} was never asked for"))
    }

    /// The most requests at once. A request counts until its answer begins to be written to its end, so that the
    /// number is never too high.
    pub(crate) fn most_in_flight(&self) -> usize {
        self.shared.lock().most_in_flight
    }

    /// Lets go of what it was asked: for a run so long that it would fill the memory.
    pub(crate) fn forget(&self) {
        self.shared.change(|state| {
            state.requests.clear();
            state.streams.retain(|stream| stream.strong_count() > 0);
        });
    }

    /// Waits until a path was asked for so often.
    pub(crate) fn wait_for_requests(&self, path: &str, n: usize) {
        self.shared.wait(&format!("{n} requests for {path}"), |state| {
            state.requests.get(path).is_some_and(|requests| requests.len() >= n)
        });
    }

    /// Waits until so many peers have left a connection that hung.
    pub(crate) fn wait_for_departures(&self, n: usize) {
        self.shared.wait(&format!("{n} departures"), |state| state.n_departed >= n);
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        for listener in &self.listeners {
            super::sys::stop_listening(&**listener);
        }
        for stream in self.shared.lock().streams.iter().filter_map(Weak::upgrade) {
            // One that is closed already needs no end.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    scripts: HashMap<String, Script>,
    doors: HashMap<String, SocketAddr>,
    requests: HashMap<String, Vec<String>>,
    streams: Vec<Weak<TcpStream>>,
    n_connections: usize,
    n_departed: usize,
    in_flight: usize,
    most_in_flight: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panics still drops its origin, which must not panic again.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn wait(&self, what: &str, mut is_so: impl FnMut(&State) -> bool) {
        let waited = self.changed.wait_timeout_while(self.lock(), PATIENCE, |state| !is_so(state));
        let (state, result) = waited.expect("nobody panics with it");
        let seen = state.requests.iter().map(|(path, requests)| (path.clone(), requests.len()));
        let seen: Vec<_> = seen.collect();
        drop(state);
        assert!(!result.timed_out(), "waited in vain for {what}; requests so far: {seen:?}");
    }

    /// Notes a request and says what is to be done for it.
    fn begin(&self, path: &str, request: String, script: Option<Script>) -> Vec<Step> {
        let mut state = self.lock();
        let path_alone = path.split('?').next().unwrap_or(path);
        let known = state.scripts.contains_key(path);
        let key = if known || script.is_some() { path } else { path_alone };
        let script = script.or_else(|| state.scripts.get(key).cloned());
        let requests = state.requests.entry(key.to_owned()).or_default();
        requests.push(request);
        let n = requests.len() - 1;
        state.in_flight += 1;
        state.most_in_flight = state.most_in_flight.max(state.in_flight);
        drop(state);
        self.changed.notify_all();
        script.unwrap_or_else(|| Script::status(404)).turn(n)
    }
}

/// A request in flight, until it is let go.
struct InFlight<'a>(Option<&'a Shared>);

impl InFlight<'_> {
    fn end(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.change(|state| state.in_flight -= 1);
        }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

fn serve(
    shared: &Shared,
    stream: TcpStream,
    tls: Option<&Arc<ServerConfig>>,
    at_connect: Option<(String, Script)>,
) {
    let stream = Arc::new(stream);
    // Each write of a script is a packet of its own.
    let _ = stream.set_nodelay(true);
    shared.change(|state| {
        state.n_connections += 1;
        state.streams.push(Arc::downgrade(&stream));
    });
    if let Some((path, script)) = at_connect {
        let steps = shared.begin(&path, String::new(), Some(script));
        play(shared, &mut Wire::Plain(Raw(stream)), &steps);
        return;
    }
    let Some(mut wire) = Wire::accept(Raw(stream), tls) else { return };
    let mut unread = Vec::new();
    while let Some((path, request)) = read_request(&mut wire, &mut unread) {
        let steps = shared.begin(&path, request, None);
        if !play(shared, &mut wire, &steps) {
            break;
        }
    }
}

/// Does what a script says; true when the next request may come.
fn play(shared: &Shared, wire: &mut Wire, steps: &[Step]) -> bool {
    let mut in_flight = InFlight(Some(shared));
    let stays = steps.iter().any(|step| matches!(step, Step::Hang | Step::Forever(_) | Step::Drip(..)));
    let last_write = steps.iter().rposition(|step| matches!(step, Step::Bytes(_))).filter(|_| !stays);
    for (index, step) in steps.iter().enumerate() {
        if last_write == Some(index) {
            in_flight.end();
        }
        let goes_on = match step {
            Step::Bytes(bytes) => wire.send(bytes),
            Step::Drip(bytes, every) => bytes.iter().all(|byte| {
                pause(*every);
                wire.send(&[*byte])
            }),
            Step::Forever(bytes) => {
                let block = bytes.repeat(1 + 65_536 / bytes.len().max(1));
                while wire.send(&block) {}
                false
            }
            Step::Gate(gate) => {
                gate.wait();
                true
            }
            Step::Open(gate) => {
                gate.open();
                true
            }
            Step::Flight(n_bytes) => {
                wire.flight(*n_bytes);
                true
            }
            Step::KeepAlive => return true,
            Step::Fin { close_notify } => {
                wire.fin(*close_notify);
                false
            }
            Step::Rst => {
                wire.rst();
                false
            }
            Step::Hang => {
                wire.hang();
                shared.change(|state| state.n_departed += 1);
                false
            }
        };
        if !goes_on {
            return false;
        }
    }
    in_flight.end();
    wire.fin(true);
    false
}

/// The pause of a drip: the server's slowness, which no proof rests on.
fn pause(every: std::time::Duration) {
    thread::park_timeout(every);
}

/// The path of the next request and the whole of it; `None` when no more comes.
fn read_request(wire: &mut Wire, unread: &mut Vec<u8>) -> Option<(String, String)> {
    let head = loop {
        if let Some(end) = find(unread, b"\r\n\r\n") {
            break end + 4;
        }
        more(wire, unread)?;
    };
    let text = String::from_utf8_lossy(&unread[..head]).into_owned();
    let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let whole = head + length.unwrap_or(0);
    while unread.len() < whole {
        more(wire, unread)?;
    }
    let request: Vec<u8> = unread.drain(..whole).collect();
    Some((path, String::from_utf8_lossy(&request).into_owned()))
}

fn more(wire: &mut Wire, unread: &mut Vec<u8>) -> Option<()> {
    let mut buffer = vec![0; 65_536];
    let n = wire.receive(&mut buffer);
    unread.extend_from_slice(&buffer[..n]);
    (n > 0 && unread.len() <= LONGEST_REQUEST).then_some(())
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
