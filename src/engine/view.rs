//! A run as it looks from outside: what is in flight, what waits, and whether anybody goes on at all.
//!
//! Knows the slots, which fetches write, and the counts that the loop leaves here at each turn; so it speaks also while
//! the worker stands still. Refuses to ask the loop for anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::event::{Event, ParkedTable};
use crate::runtime::Runtime;
use crate::schedule::Backlog;

/// For whoever wants to see the run. Cheap to clone.
#[derive(Clone)]
pub struct View {
    runtime: Runtime,
    board: Arc<Board>,
}

/// What the loop said last.
struct Board {
    /// The zero of `wakes_at`.
    began: Instant,
    queued: AtomicU64,
    asleep: AtomicU64,
    /// Nanoseconds; 0 is never.
    wakes_at: AtomicU64,
}

impl View {
    pub(super) fn new(runtime: Runtime, began: Instant) -> View {
        let zero = || AtomicU64::new(0);
        View { runtime, board: Arc::new(Board { began, queued: zero(), asleep: zero(), wakes_at: zero() }) }
    }

    /// The loop says what waits. A store each, as this comes at every turn of it.
    pub(super) fn post(&self, backlog: &Backlog) {
        let board = &self.board;
        let wakes_at = backlog.wakes_at.map_or(0, |at| nanos(at.saturating_duration_since(board.began)));
        board.queued.store(number(backlog.queued), Ordering::Relaxed);
        board.asleep.store(number(backlog.asleep), Ordering::Relaxed);
        board.wakes_at.store(wakes_at, Ordering::Relaxed);
    }

    /// What every unfinished URL waits for. From any thread, also while the worker is blocked.
    pub fn parked(&self, now: Instant) -> ParkedTable {
        let board = &self.board;
        let wakes_at = board.wakes_at.load(Ordering::Relaxed);
        let wakes_at = (wakes_at > 0).then(|| board.began + Duration::from_nanos(wakes_at));
        ParkedTable {
            rows: self.runtime.parked(now),
            queued: board.queued.load(Ordering::Relaxed),
            asleep: board.asleep.load(Ordering::Relaxed),
            next_try: wakes_at.map(|at| at.saturating_duration_since(now)),
            stall: self.runtime.stall(),
        }
    }

    /// The same as something to tell.
    pub fn live(&self, now: Instant) -> Event {
        Event::Live { table: self.parked(now), at: now.saturating_duration_since(self.board.began) }
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// At least 1.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX).max(1)
}
