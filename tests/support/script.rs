//! What the fault origin does with a connection, said in steps.
//!
//! Knows bytes, pauses and ends. Refuses to know HTTP beyond three canned replies, so that every fault can be said.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::PATIENCE;

/// One thing that is done to a connection.
#[derive(Clone)]
pub(crate) enum Step {
    /// Writes these bytes at once.
    Bytes(Vec<u8>),
    /// Writes these bytes one by one, with a pause before each.
    Drip(Vec<u8>, Duration),
    /// Writes these bytes again and again until the peer goes away.
    Forever(Vec<u8>),
    /// Waits until a test opens the gate.
    Gate(Gate),
    /// Opens a gate that a test waits for.
    Open(Gate),
    /// Answers a TLS handshake with so many bytes of the first flight and no more.
    Flight(usize),
    /// The next request on the same connection.
    KeepAlive,
    /// An orderly end; over TLS, with or without the `close_notify` that says it was meant.
    Fin { close_notify: bool },
    /// A reset.
    Rst,
    /// Neither a byte nor an end until the peer goes away or the test ends.
    Hang,
}

/// What is done for each request of a path: the n-th gets the n-th turn, the last one repeats.
#[derive(Clone)]
pub(crate) struct Script {
    turns: Vec<Vec<Step>>,
    at_connect: bool,
}

impl Script {
    /// A 200 with a body; the connection stays.
    pub(crate) fn ok(body: impl AsRef<[u8]>) -> Script {
        let length = body.as_ref().len();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").then(body).keep_alive()
    }

    /// A status without a body; the connection stays.
    pub(crate) fn status(code: u16) -> Script {
        format!("HTTP/1.1 {code} Status\r\nContent-Length: 0\r\n\r\n").keep_alive()
    }

    /// A redirect; the connection stays.
    pub(crate) fn redirect(code: u16, location: impl AsRef<[u8]>) -> Script {
        format!("HTTP/1.1 {code} Elsewhere\r\nContent-Length: 0\r\nLocation: ")
            .then(location)
            .then("\r\n\r\n")
            .keep_alive()
    }

    /// No step yet.
    pub(crate) fn nothing() -> Script {
        Script { turns: vec![Vec::new()], at_connect: false }
    }

    /// The n-th request gets the n-th script, the last one repeats.
    pub(crate) fn sequence(scripts: impl IntoIterator<Item = Script>) -> Script {
        let turns = scripts.into_iter().flat_map(|script| script.turns).collect();
        Script { turns, at_connect: false }
    }

    /// Acts when a connection is made, before anything was read from it, on a port of its own. Over TLS that is
    /// before the handshake.
    pub(crate) fn on_connect(mut self) -> Script {
        self.at_connect = true;
        self
    }

    /// Whether it acts before anything was read.
    pub(crate) fn acts_at_connect(&self) -> bool {
        self.at_connect
    }

    /// The steps for the n-th request, from 0.
    pub(crate) fn turn(&self, n: usize) -> Vec<Step> {
        self.turns[n.min(self.turns.len() - 1)].clone()
    }

    fn step(mut self, step: Step) -> Script {
        self.turns.last_mut().expect("a script has a turn").push(step);
        self
    }

    /// The first so many bytes of the answer to a TLS handshake.
    pub(crate) fn flight(n_bytes: usize) -> Script {
        Script::nothing().step(Step::Flight(n_bytes))
    }

    /// The orderly end of [`Steps::then_fin`], but over TLS without a `close_notify`, as after a cut.
    pub(crate) fn without_close_notify(mut self) -> Script {
        for step in self.turns.iter_mut().flatten() {
            if let Step::Fin { close_notify } = step {
                *close_notify = false;
            }
        }
        self
    }
}

/// Steps that follow: on a script, or on the bytes that it begins with.
pub(crate) trait Steps: Sized {
    /// The script so far.
    fn script(self) -> Script;

    /// Then these bytes.
    fn then(self, bytes: impl AsRef<[u8]>) -> Script {
        self.script().step(Step::Bytes(bytes.as_ref().to_vec()))
    }

    /// Then so many bytes of no meaning.
    fn then_bytes(self, n: usize) -> Script {
        self.then(vec![b'x'; n])
    }

    /// Then these bytes one by one, with a pause before each.
    fn drip(self, bytes: impl AsRef<[u8]>, every: Duration) -> Script {
        self.script().step(Step::Drip(bytes.as_ref().to_vec(), every))
    }

    /// Then these bytes until the peer goes away.
    fn then_forever(self, bytes: impl AsRef<[u8]>) -> Script {
        self.script().step(Step::Forever(bytes.as_ref().to_vec()))
    }

    /// Then nothing until the gate is open.
    fn wait_for(self, gate: &Gate) -> Script {
        self.script().step(Step::Gate(gate.clone()))
    }

    /// Then the gate is open: what came before is written.
    fn then_open(self, gate: &Gate) -> Script {
        self.script().step(Step::Open(gate.clone()))
    }

    /// Then an orderly end.
    fn then_fin(self) -> Script {
        self.script().step(Step::Fin { close_notify: true })
    }

    /// Then a reset.
    fn then_rst(self) -> Script {
        self.script().step(Step::Rst)
    }

    /// Then silence on an open connection.
    fn then_hang(self) -> Script {
        self.script().step(Step::Hang)
    }

    /// Then the next request on the same connection.
    fn keep_alive(self) -> Script {
        self.script().step(Step::KeepAlive)
    }
}

impl Steps for Script {
    fn script(self) -> Script {
        self
    }
}

impl Steps for &str {
    fn script(self) -> Script {
        Script::nothing().step(Step::Bytes(self.as_bytes().to_vec()))
    }
}

impl Steps for String {
    fn script(self) -> Script {
        self.as_str().script()
    }
}

impl Steps for &[u8] {
    fn script(self) -> Script {
        Script::nothing().step(Step::Bytes(self.to_vec()))
    }
}

impl<const N: usize> Steps for &[u8; N] {
    fn script(self) -> Script {
        self.as_slice().script()
    }
}

/// What a test holds closed until it has seen what must come before: a proof by causality needs no clock.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// A closed one.
    pub(crate) fn new() -> Gate {
        Gate::default()
    }

    /// Lets everybody through, now and later.
    pub(crate) fn open(&self) {
        *self.0.0.lock().expect("nobody panics here") = true;
        self.0.1.notify_all();
    }

    /// Waits until it is open; a test that never opens it has failed long before the limit.
    pub(crate) fn wait(&self) {
        let open = self.0.0.lock().expect("nobody panics here");
        let waited = self.0.1.wait_timeout_while(open, PATIENCE, |open| !*open);
        drop(waited.expect("nobody panics here"));
    }
}
