//! Idle connections, and when one may be used again.
//!
//! Knows keys, ages and numbers. Refuses to know what was said over a connection: who puts one back vouches that it is
//! clean.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use foldhash::HashMap;

use super::connection::Connection;

/// Below the 5 s after which common servers close an idle connection (Node and Apache), so that few requests meet
/// one that is just going away.
const MOST_AGE: Duration = Duration::from_secs(4);

/// Keys without an idle connection that are remembered, so that one goes back without an allocation.
const MOST_EMPTY: usize = 1024;

/// The pool of a run. The key has everything that makes two connections differ (`route`).
pub(super) struct Pool {
    idle: Mutex<Idle>,
    most: usize,
}

#[derive(Default)]
struct Idle {
    /// Last in, first out: the warmest is used first and the others grow old.
    by_key: HashMap<Box<str>, Vec<Kept>>,
    count: usize,
}

struct Kept {
    connection: Connection,
    since: Instant,
}

impl Pool {
    pub(super) fn new(most: usize) -> Pool {
        Pool { idle: Mutex::default(), most }
    }

    /// A connection of this key over which nothing has come since it was put back.
    pub(super) fn take(&self, key: &str, now: Instant) -> Option<Connection> {
        loop {
            let kept = self.pop(key)?;
            if now.saturating_duration_since(kept.since) < MOST_AGE && kept.connection.is_quiet() {
                return Some(kept.connection);
            }
        }
    }

    fn pop(&self, key: &str) -> Option<Kept> {
        let mut idle = self.idle();
        let kept = idle.by_key.get_mut(key)?.pop()?;
        idle.count -= 1;
        Some(kept)
    }

    /// Keeps a connection. When there are too many, the older half goes.
    pub(super) fn put(&self, key: &str, connection: Connection, now: Instant) {
        let mut idle = self.idle();
        if idle.count >= self.most {
            idle.evict();
        }
        // Keys whose connections are all in use keep their place for a while, and not for ever.
        if idle.by_key.len() > MOST_EMPTY + idle.count {
            idle.by_key.retain(|_, list| !list.is_empty());
        }
        let kept = Kept { connection, since: now };
        match idle.by_key.get_mut(key) {
            Some(list) => list.push(kept),
            None => drop(idle.by_key.insert(key.into(), vec![kept])),
        }
        idle.count += 1;
    }

    /// Closes all: the machine has run out of descriptors.
    pub(super) fn clear(&self) {
        *self.idle() = Idle::default();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn evict(&mut self) {
        let mut ages: Vec<Instant> = self.by_key.values().flatten().map(|kept| kept.since).collect();
        let half = ages.len() / 2;
        if ages.is_empty() {
            return;
        }
        let (_, median, _) = ages.select_nth_unstable(half);
        let median = *median;
        self.by_key.retain(|_, list| {
            list.retain(|kept| kept.since > median);
            !list.is_empty()
        });
        self.count = self.by_key.values().map(Vec::len).sum();
    }
}
