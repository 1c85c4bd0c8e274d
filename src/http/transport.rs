//! The monkey patch: ureq's `Connector` and `Transport` over a wire that parks in place of blocking.
//!
//! ureq runs here as gevent runs urllib: an ordinary blocking client that does not know that its reads switch to
//! another coroutine.
//!
//! Knows ureq's traits and how a wire gets to ureq and back. Refuses to look at bytes (`wire`, `reading`).

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ureq::http::{self, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use super::buffers::{Lender, WireBuffers};
use super::head::Head;
use super::reading::Reading;
use super::wire::Wire;
use crate::outcome::Phase;

/// ureq's end of a wire. When ureq lets go of it, for whatever reason, the wire is home again.
pub(super) struct Lent {
    wire: Option<Box<Wire>>,
    home: Home,
}

/// What ureq takes for a connection.
#[derive(Debug)]
pub(super) enum Patched {
    /// A wire.
    Lent(Lent),
    /// A sheet of paper: what ureq writes is kept, and there is never an answer.
    Paper(Paper),
}

/// Where a request is written down.
pub(super) struct Paper {
    buffers: WireBuffers,
    written: Arc<Mutex<Vec<u8>>>,
}

impl fmt::Debug for Paper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Paper")
    }
}

/// Where a wire comes back to, and where the head is known while ureq still holds the wire.
pub(super) type Home = Arc<Mutex<AtHome>>;

/// What lies at home.
#[derive(Default)]
pub(super) struct AtHome {
    wire: Option<Box<Wire>>,
    head: Option<Head>,
    /// The whole body came with the head.
    is_whole: bool,
}

fn at(home: &Home) -> std::sync::MutexGuard<'_, AtHome> {
    home.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a wire that has come home.
pub(super) fn take_home(home: &Home) -> Option<Box<Wire>> {
    at(home).wire.take()
}

/// Takes the head of the answer.
pub(super) fn take_head(home: &Home) -> Option<Head> {
    at(home).head.take()
}

/// Whether the whole body came with the head, so that reading it waits for nothing.
pub(super) fn is_whole(home: &Home) -> bool {
    at(home).is_whole
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.wire)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        at(&self.home).wire = self.wire.take();
    }
}

impl Lent {
    fn wire(&mut self) -> &mut Wire {
        self.wire.as_mut().expect("the wire goes home only when ureq lets go")
    }
}

impl Lent {
    fn await_input(&mut self) -> Result<bool, ureq::Error> {
        let wire = self.wire();
        if !matches!(wire.reading, Reading::Head) {
            return wire.read_body().map_err(|failure| wire.fail(failure));
        }
        if !wire.is_answered && wire.phase() != Phase::Wait {
            wire.watch.enter(Phase::Wait);
        }
        wire.read_head().map_err(|failure| wire.fail(failure))?;
        let (head, is_whole) = (wire.head.take(), matches!(wire.reading, Reading::Done));
        let mut home = at(&self.home);
        (home.head, home.is_whole) = (head, is_whole);
        Ok(true)
    }
}

impl Transport for Patched {
    fn buffers(&mut self) -> &mut dyn Buffers {
        match self {
            Patched::Lent(lent) => &mut lent.wire().buffers,
            Patched::Paper(paper) => &mut paper.buffers,
        }
    }

    fn transmit_output(&mut self, amount: usize, _timeout: NextTimeout) -> Result<(), ureq::Error> {
        match self {
            Patched::Lent(lent) => {
                let wire = lent.wire();
                wire.send(amount).map_err(|failure| wire.fail(failure))
            }
            Patched::Paper(paper) => {
                if amount == 0 {
                    // A body that was promised and is not there would be asked for without end.
                    return Err(ureq::Error::ConnectionFailed);
                }
                let mut written = paper.written.lock().unwrap_or_else(PoisonError::into_inner);
                written.extend_from_slice(paper.buffers.sent(amount));
                Ok(())
            }
        }
    }

    fn await_input(&mut self, _timeout: NextTimeout) -> Result<bool, ureq::Error> {
        match self {
            Patched::Lent(lent) => lent.await_input(),
            Patched::Paper(_) => Err(ureq::Error::ConnectionFailed),
        }
    }

    /// ureq asks when it would put the connection into its pool. The answer is no, so that it lets go of it; ours is
    /// told that it asked.
    fn is_open(&mut self) -> bool {
        if let Patched::Lent(lent) = self {
            lent.wire().stays = true;
        }
        false
    }

    fn is_tls(&self) -> bool {
        match self {
            Patched::Lent(lent) => lent.wire.as_ref().is_some_and(|wire| wire.connection.is_tls()),
            // Paper burns nobody: ureq asks so as not to send over a plain connection what was meant for TLS.
            Patched::Paper(_) => true,
        }
    }
}

thread_local! {
    /// The wire for the call of ureq's that is about to begin. Put here and taken by `HandOver::connect` without a wait
    /// between, so no other coroutine of the thread can see it.
    static NEXT: RefCell<Option<Patched>> = const { RefCell::new(None) };
}

/// Gives ureq's next call on this thread its wire. A head that has been read already is at home from the start.
pub(super) fn hand_over(mut wire: Box<Wire>, home: &Home) {
    if let Some(head) = wire.head.take() {
        let mut home = at(home);
        (home.head, home.is_whole) = (Some(head), matches!(wire.reading, Reading::Done));
    }
    NEXT.set(Some(Patched::Lent(Lent { wire: Some(wire), home: Arc::clone(home) })));
}

/// Has ureq write a request without a body down, and nothing else. Nothing is waited for.
pub(super) fn compose(agent: &ureq::Agent, request: http::Request<()>, lender: Lender) -> Vec<u8> {
    let written = Arc::new(Mutex::new(Vec::new()));
    let paper = Paper { buffers: WireBuffers::new(lender), written: Arc::clone(&written) };
    NEXT.set(Some(Patched::Paper(paper)));
    // It fails, as paper does not answer.
    let _ = agent.run(request);
    take_back();
    std::mem::take(&mut *written.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Sends a wire home that ureq did not take.
pub(super) fn take_back() {
    drop(NEXT.take());
}

/// ureq's connector: the connection stands already.
#[derive(Debug)]
pub(super) struct HandOver;

impl Connector for HandOver {
    type Out = Patched;

    fn connect(
        &self,
        _details: &ConnectionDetails<'_>,
        _chained: Option<()>,
    ) -> Result<Option<Patched>, ureq::Error> {
        Ok(NEXT.take())
    }
}

/// ureq's resolver: nobody asks it anything.
#[derive(Debug)]
pub(super) struct Nobody;

impl Resolver for Nobody {
    fn resolve(
        &self,
        _uri: &Uri,
        _config: &ureq::config::Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}
