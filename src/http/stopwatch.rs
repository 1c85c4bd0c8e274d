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
    /// The same in the slot's nanoseconds: what lies between two of them is a subtraction.
    zero: u64,
    /// The phase that runs since `since`; the first one runs from the start.
    phase: Option<Phase>,
    since: u64,
    /// `since` as a moment.
    latest: Instant,
    /// When the clock was looked at since then.
    glance: Option<Instant>,
    timings: Timings,
}

impl Stopwatch {
    pub(super) fn start(slot: Arc<Slot>, now: Instant) -> Stopwatch {
        let zero = slot.nanos(now);
        let timings = Timings::default();
        Stopwatch { slot, started: now, zero, phase: None, since: zero, latest: now, glance: None, timings }
    }

    /// Enters a phase and leaves the one before.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.pass(phase);
    }

    /// The same, and when it was.
    fn pass(&mut self, phase: Phase) -> u64 {
        let now = Instant::now();
        let nanos = self.slot.enter(phase, now);
        self.close(nanos);
        (self.phase, self.latest, self.glance) = (Some(phase), now, None);
        nanos
    }

    fn close(&mut self, nanos: u64) {
        if let Some(phase) = self.phase {
            self.timings.phases.add(phase, Duration::from_nanos(nanos.saturating_sub(self.since)));
            self.since = nanos;
        }
    }

    /// Where the attempt runs.
    pub(super) fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// Reads what another one says that went on from this one.
    pub(super) fn catch_up(&mut self, other: &Stopwatch) {
        let Stopwatch { slot: _, started: _, zero: _, phase, since, latest, glance, ref timings } = *other;
        (self.phase, self.since, self.latest, self.glance) = (phase, since, latest, glance);
        self.timings.clone_from(timings);
    }

    /// When the attempt had its slot.
    pub(super) fn started(&self) -> Instant {
        self.started
    }

    /// When the latest phase began: a time that is near enough and costs no look at the clock.
    pub(super) fn latest(&self) -> Instant {
        self.latest
    }

    /// Looks at the clock. If no phase begins after it, this is when the attempt was over.
    pub(super) fn glance(&mut self) -> Instant {
        *self.glance.insert(Instant::now())
    }

    /// How long the first byte of the last answer took, from the moment the attempt had its slot; zero without one.
    pub(super) fn ttfb(&self) -> Duration {
        self.timings.starttransfer.unwrap_or_default()
    }

    /// Where the attempt is.
    pub(super) fn phase(&self) -> Phase {
        self.phase.unwrap_or(Phase::Queue)
    }

    fn offset(&self, nanos: u64) -> Duration {
        Duration::from_nanos(nanos.saturating_sub(self.zero))
    }

    /// A redirect is followed: the marks of the hop before are no longer those of the last.
    pub(super) fn begin_hop(&mut self) {
        let redirect = self.started.elapsed();
        let (phases, queue) = (self.timings.phases, self.timings.queue);
        self.timings = Timings { phases, queue, redirect, ..Timings::default() };
    }

    /// The name is resolved, and connecting begins.
    pub(super) fn resolved(&mut self) {
        let at = self.pass(Phase::Connect);
        self.timings.namelookup = Some(self.offset(at));
    }

    /// The connection stands.
    pub(super) fn connected(&mut self, next: Phase) {
        let at = self.pass(next);
        self.timings.connect = Some(self.offset(at));
    }

    /// The TLS handshake is done.
    pub(super) fn secured(&mut self) {
        let at = self.pass(Phase::Send);
        self.timings.appconnect = Some(self.offset(at));
    }

    /// The request is about to be sent. Marks that were skipped, as on a connection used again, carry the one before.
    pub(super) fn sending(&mut self, is_tls: bool) {
        let at = if self.phase == Some(Phase::Send) { self.since } else { self.pass(Phase::Send) };
        let at = self.offset(at);
        let timings = &mut self.timings;
        let lookup = *timings.namelookup.get_or_insert(at);
        let connect = *timings.connect.get_or_insert(lookup);
        if is_tls {
            timings.appconnect.get_or_insert(connect);
        }
        timings.pretransfer = Some(at);
    }

    /// The first byte of the response is here.
    pub(super) fn answered(&mut self) {
        let at = self.pass(Phase::Receive);
        self.timings.starttransfer = Some(self.offset(at));
    }

    /// Part of the phase that runs was another one's.
    pub(super) fn concede(&mut self, phase: Phase, duration: Duration) {
        if duration > Duration::ZERO {
            self.timings.phases.add(phase, duration);
            self.since += u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        }
    }

    /// The attempt is over.
    pub(super) fn stop(mut self) -> Timings {
        let now = self.slot.nanos(self.glance.unwrap_or_else(Instant::now));
        self.close(now);
        self.timings.total = self.offset(now);
        self.timings
    }
}
