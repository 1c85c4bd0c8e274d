//! When what happened in one attempt: phases entered, marks passed.
//!
//! Knows the clock and the words of `Timings`. Refuses to know what takes the time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::outcome::Phase;
use crate::response::Timings;
use crate::runtime::Slot;

/// Runs from the moment an attempt has its slot to its end, without a gap: the phases add up to the whole.
#[derive(Clone)]
pub(super) struct Stopwatch {
    slot: Arc<Slot>,
    started: Instant,
    /// The phase that runs since `since`; the first one runs from the start.
    phase: Option<Phase>,
    since: Instant,
    timings: Timings,
}

impl Stopwatch {
    pub(super) fn start(slot: Arc<Slot>, now: Instant) -> Stopwatch {
        Stopwatch { slot, started: now, phase: None, since: now, timings: Timings::default() }
    }

    /// Enters a phase and leaves the one before.
    pub(super) fn enter(&mut self, phase: Phase) -> Instant {
        let now = Instant::now();
        self.close(now);
        self.phase = Some(phase);
        self.slot.enter(phase, now);
        now
    }

    fn close(&mut self, now: Instant) {
        if let Some(phase) = self.phase {
            self.timings.phases.add(phase, now.saturating_duration_since(self.since));
            self.since = now;
        }
    }

    /// When the attempt had its slot.
    pub(super) fn started(&self) -> Instant {
        self.started
    }

    /// When the latest phase began: a time that is near enough and costs no look at the clock.
    pub(super) fn latest(&self) -> Instant {
        self.since
    }

    /// How long the first byte of the last answer took, from the moment the attempt had its slot; zero without one.
    pub(super) fn ttfb(&self) -> Duration {
        self.timings.starttransfer.unwrap_or_default()
    }

    /// Where the attempt is.
    pub(super) fn phase(&self) -> Phase {
        self.phase.unwrap_or(Phase::Queue)
    }

    fn offset(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.started)
    }

    /// A redirect is followed: the marks of the hop before are no longer those of the last.
    pub(super) fn begin_hop(&mut self) {
        let redirect = self.offset(Instant::now());
        let (phases, queue) = (self.timings.phases, self.timings.queue);
        self.timings = Timings { phases, queue, redirect, ..Timings::default() };
    }

    /// The name is resolved, and connecting begins.
    pub(super) fn resolved(&mut self) {
        let now = self.enter(Phase::Connect);
        self.timings.namelookup = Some(self.offset(now));
    }

    /// The connection stands.
    pub(super) fn connected(&mut self, next: Phase) {
        let now = self.enter(next);
        self.timings.connect = Some(self.offset(now));
    }

    /// The TLS handshake is done.
    pub(super) fn secured(&mut self) {
        let now = self.enter(Phase::Send);
        self.timings.appconnect = Some(self.offset(now));
    }

    /// The request is about to be sent. Marks that were skipped, as on a connection used again, carry the one before.
    pub(super) fn sending(&mut self, is_tls: bool) {
        let now = if self.phase == Some(Phase::Send) { self.since } else { self.enter(Phase::Send) };
        let timings = &mut self.timings;
        let at = now.saturating_duration_since(self.started);
        let lookup = *timings.namelookup.get_or_insert(at);
        let connect = *timings.connect.get_or_insert(lookup);
        if is_tls {
            timings.appconnect.get_or_insert(connect);
        }
        timings.pretransfer = Some(at);
    }

    /// The first byte of the response is here.
    pub(super) fn answered(&mut self) {
        let now = self.enter(Phase::Receive);
        self.timings.starttransfer = Some(self.offset(now));
    }

    /// Part of the phase that runs was another one's.
    pub(super) fn concede(&mut self, phase: Phase, duration: Duration) {
        if duration > Duration::ZERO {
            self.timings.phases.add(phase, duration);
            self.since += duration;
        }
    }

    /// The attempt is over.
    pub(super) fn stop(mut self) -> Timings {
        let now = Instant::now();
        self.close(now);
        self.timings.total = self.offset(now);
        self.timings
    }
}
