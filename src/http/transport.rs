//! The monkey patch: ureq's `Connector` and `Transport` over a wire that parks in place of blocking.
//!
//! ureq runs here as gevent runs urllib: an ordinary blocking client that does not know that its reads switch to
//! another coroutine.
//!
//! Knows ureq's traits and how a wire gets to ureq and back. Refuses to look at bytes (`wire`, `reading`).

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use super::head::Head;
use super::reading::Reading;
use super::wire::Wire;
use crate::outcome::Phase;

/// ureq's end of a wire. When ureq lets go of it, for whatever reason, the wire is home again.
pub(super) struct Patched {
    wire: Option<Box<Wire>>,
    home: Home,
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

impl fmt::Debug for Patched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.wire)
    }
}

impl Drop for Patched {
    fn drop(&mut self) {
        at(&self.home).wire = self.wire.take();
    }
}

impl Patched {
    fn wire(&mut self) -> &mut Wire {
        self.wire.as_mut().expect("the wire goes home only when ureq lets go")
    }
}

impl Transport for Patched {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.wire().buffers
    }

    fn transmit_output(&mut self, amount: usize, _timeout: NextTimeout) -> Result<(), ureq::Error> {
        let wire = self.wire();
        wire.send(amount).map_err(|failure| wire.fail(failure))
    }

    fn await_input(&mut self, _timeout: NextTimeout) -> Result<bool, ureq::Error> {
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

    /// ureq asks when it would put the connection into its pool. The answer is no, so that it lets go of it; ours is
    /// told that it asked.
    fn is_open(&mut self) -> bool {
        self.wire().asked_open = true;
        false
    }

    fn is_tls(&self) -> bool {
        self.wire.as_ref().is_some_and(|wire| wire.connection.is_tls())
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
    NEXT.set(Some(Patched { wire: Some(wire), home: Arc::clone(home) }));
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
