//! A name server that answers as it is told, over UDP and TCP (RFC 1035), in a network of its own.
//!
//! Knows a reply for each name and counts what it was asked. Refuses to be a good server.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tempfile::TempDir;

use super::namespace::replace_file;
use super::script::Gate;
use super::{PATIENCE, sys};

/// Where name servers listen.
const PORT: u16 = 53;

/// Types of a question.
const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

/// Flags of an answer: it is one, recursion was wanted and is there.
const ANSWER: u16 = 0x8180;
const TRUNCATED: u16 = 0x0200;

/// Answers hold for a minute; the resolver under test does not see it.
const TIME_TO_LIVE: u32 = 60;

/// What is said of a name.
#[derive(Clone)]
pub(crate) enum Reply {
    /// These addresses, each to the question for its family; none is "no data".
    Addrs(Vec<IpAddr>),
    /// A response code: 2 is SERVFAIL, 3 NXDOMAIN, 5 REFUSED.
    Code(u16),
    /// Another name, of which nothing is said.
    Alias(&'static str),
    /// Nothing.
    Silence,
    /// The head of an answer, and bytes of no meaning behind it.
    Noise,
    /// Over UDP only that there is more; over TCP this.
    Truncated(Box<Reply>),
    /// This when the gate is open.
    Gated(Gate, Box<Reply>),
    /// These addresses to the question for IPv4, and nothing to the other one.
    Ipv4Alone(Vec<IpAddr>),
    /// The first to the first question of each type, then the second.
    Then(Box<Reply>, Box<Reply>),
}

impl Reply {
    /// These addresses.
    pub(crate) fn addrs(text: &str) -> Reply {
        Reply::Addrs(text.split_whitespace().map(|ip| ip.parse().expect("an address")).collect())
    }
}

/// A name server on the loopback, to which the system's resolver is led. It ends with the test.
pub(crate) struct NameServer {
    shared: Arc<Shared>,
    tcp: Arc<TcpListener>,
    _files: TempDir,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    replies: HashMap<String, Reply>,
    asked: HashMap<(String, u16), usize>,
    over_tcp: usize,
}

impl NameServer {
    /// Starts it in the network of the calling thread, which must be the test's own and have none yet.
    pub(crate) fn start(replies: impl IntoIterator<Item = (String, Reply)>) -> NameServer {
        let files = tempfile::tempdir().expect("a temporary folder");
        replace_file("/etc/resolv.conf", "nameserver 127.0.0.1\n", files.path());
        replace_file("/etc/nsswitch.conf", "hosts: dns\n", files.path());
        let state = State { replies: replies.into_iter().collect(), ..State::default() };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, PORT)).expect("a network of one's own");
        let tcp = Arc::new(TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).expect("a network of one's own"));
        let (for_udp, for_tcp, listener) = (shared.clone(), shared.clone(), tcp.clone());
        thread::spawn(move || serve_udp(&for_udp, &udp));
        thread::spawn(move || serve_tcp(&for_tcp, &listener));
        NameServer { shared, tcp, _files: files }
    }

    /// How often the addresses of a name were asked for: of IPv4, of IPv6.
    pub(crate) fn asked(&self, name: &str) -> (usize, usize) {
        let state = self.shared.lock();
        let of = |kind| state.asked.get(&(name.to_owned(), kind)).copied().unwrap_or(0);
        (of(A), of(AAAA))
    }

    /// How many questions there were in all.
    pub(crate) fn asked_in_all(&self) -> usize {
        self.shared.lock().asked.values().sum()
    }

    /// How many of them came over TCP.
    pub(crate) fn asked_over_tcp(&self) -> usize {
        self.shared.lock().over_tcp
    }

    /// Waits until each of these names was asked for.
    pub(crate) fn wait_for(&self, names: &[String]) {
        let is_missing = |state: &State, name: &String| !state.asked.contains_key(&(name.clone(), A));
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), PATIENCE, |state| {
            names.iter().any(|name| is_missing(state, name))
        });
        let (state, result) = waited.expect("nobody panics with it");
        let asked = state.asked.keys().cloned().collect::<Vec<_>>();
        drop(state);
        assert!(!result.timed_out(), "waited in vain for {names:?}; asked for so far: {asked:?}");
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        // The other one waits in a network that nobody can reach any more.
        sys::stop_listening(&self.tcp);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a question, and says what the answer is to be.
    fn note(&self, question: &Question, over_tcp: bool) -> Reply {
        let mut state = self.lock();
        state.over_tcp += usize::from(over_tcp);
        let asked = state.asked.entry((question.name.clone(), question.kind)).or_default();
        *asked += 1;
        let is_first = *asked == 1;
        let reply = state.replies.get(&question.name).cloned().unwrap_or(Reply::Code(3));
        drop(state);
        self.changed.notify_all();
        match reply {
            Reply::Then(first, _) if is_first => *first,
            Reply::Then(_, second) => *second,
            reply => reply,
        }
    }
}

fn serve_udp(shared: &Arc<Shared>, socket: &UdpSocket) {
    let mut packet = [0; 4096];
    while let Ok((n, from)) = socket.recv_from(&mut packet) {
        let Some(question) = Question::read(&packet[..n]) else { continue };
        let reply = shared.note(&question, false);
        let socket = socket.try_clone().expect("a descriptor");
        // A gated answer must not hold up the next question.
        thread::spawn(move || send_udp(&socket, from, &question, reply));
    }
}

fn send_udp(socket: &UdpSocket, to: SocketAddr, question: &Question, reply: Reply) {
    if let Some(answer) = question.answer(reply, false) {
        // Who asked may have gone.
        let _ = socket.send_to(&answer, to);
    }
}

fn serve_tcp(shared: &Arc<Shared>, listener: &TcpListener) {
    while let Ok((mut stream, _)) = listener.accept() {
        let shared = shared.clone();
        thread::spawn(move || {
            let mut length = [0; 2];
            while stream.read_exact(&mut length).is_ok() {
                let mut packet = vec![0; usize::from(u16::from_be_bytes(length))];
                let read = stream.read_exact(&mut packet).ok();
                let Some(question) = read.and_then(|()| Question::read(&packet)) else { return };
                let reply = shared.note(&question, true);
                let Some(answer) = question.answer(reply, true) else { return };
                let length = u16::try_from(answer.len()).expect("short answers").to_be_bytes();
                if stream.write_all(&[length.as_slice(), &answer].concat()).is_err() {
                    return;
                }
            }
        });
    }
}

/// The one question of a packet.
struct Question {
    id: [u8; 2],
    /// As it was put: name, type, class.
    bytes: Vec<u8>,
    name: String,
    kind: u16,
}

impl Question {
    fn read(packet: &[u8]) -> Option<Question> {
        const HEAD: usize = 12;
        let mut at = HEAD;
        let mut labels = Vec::new();
        while *packet.get(at)? > 0 {
            let end = at + 1 + usize::from(packet[at]);
            labels.push(String::from_utf8_lossy(packet.get(at + 1..end)?).into_owned());
            at = end;
        }
        let kind = packet.get(at + 1..at + 3)?;
        Some(Question {
            id: [packet[0], packet[1]],
            bytes: packet.get(HEAD..at + 5)?.to_vec(),
            name: labels.join("."),
            kind: u16::from_be_bytes([kind[0], kind[1]]),
        })
    }

    /// The packet that answers it; `None` is silence.
    fn answer(&self, reply: Reply, over_tcp: bool) -> Option<Vec<u8>> {
        match reply {
            Reply::Silence => None,
            Reply::Ipv4Alone(_) if self.kind != A => None,
            Reply::Code(code) => Some(self.packet(ANSWER | code, &[])),
            Reply::Addrs(ips) | Reply::Ipv4Alone(ips) => Some(self.packet(ANSWER, &self.addresses(&ips))),
            Reply::Alias(name) => Some(self.packet(ANSWER, &[record(CNAME, &labels(name))])),
            Reply::Noise => {
                let mut packet = self.packet(ANSWER, &[]);
                packet[6] = 0xff;
                packet.extend([0xc3; 40]);
                Some(packet)
            }
            Reply::Truncated(reply) if over_tcp => self.answer(*reply, true),
            Reply::Truncated(_) => Some(self.packet(ANSWER | TRUNCATED, &[])),
            Reply::Gated(gate, reply) => {
                gate.wait();
                self.answer(*reply, over_tcp)
            }
            Reply::Then(first, _) => self.answer(*first, over_tcp),
        }
    }

    fn addresses(&self, ips: &[IpAddr]) -> Vec<Vec<u8>> {
        let of_kind = ips.iter().filter_map(|ip| match (ip, self.kind) {
            (IpAddr::V4(ip), A) => Some(record(A, &ip.octets())),
            (IpAddr::V6(ip), AAAA) => Some(record(AAAA, &ip.octets())),
            _ => None,
        });
        of_kind.collect()
    }

    fn packet(&self, flags: u16, records: &[Vec<u8>]) -> Vec<u8> {
        let n_records = u16::try_from(records.len()).expect("a few").to_be_bytes();
        let head = [&self.id[..], &flags.to_be_bytes(), &[0, 1], &n_records, &[0; 4]].concat();
        [head, self.bytes.clone(), records.concat()].concat()
    }
}

/// A record of the name that was asked for.
fn record(kind: u16, content: &[u8]) -> Vec<u8> {
    const NAME_OF_THE_QUESTION: [u8; 2] = [0xc0, 0x0c];
    const INTERNET: u16 = 1;
    let length = u16::try_from(content.len()).expect("a short record");
    let parts: [&[u8]; 6] = [
        &NAME_OF_THE_QUESTION,
        &kind.to_be_bytes(),
        &INTERNET.to_be_bytes(),
        &TIME_TO_LIVE.to_be_bytes(),
        &length.to_be_bytes(),
        content,
    ];
    parts.concat()
}

fn labels(name: &str) -> Vec<u8> {
    let label = |label: &str| [&[u8::try_from(label.len()).expect("a label")], label.as_bytes()].concat();
    let mut bytes: Vec<u8> = name.split('.').flat_map(label).collect();
    bytes.push(0);
    bytes
}
