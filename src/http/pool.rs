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

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::config::Mode;
    use crate::http::connection::Deadline;
    use crate::http::error::Limit;
    use crate::runtime::Runtime;

    /// Connections to a socket that nobody answers at, and their pool.
    fn pooled(n: u32, since: Instant) -> (UnixListener, Pool) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let slot = Runtime::start(Mode::Threads, 1).unwrap().slot();
        let (deadline, pool) = (Deadline { at: None, limit: Limit::Total(MOST_AGE) }, Pool::new(4));
        for second in 0..n {
            let connection = Connection::open_local(&path, deadline, &slot).unwrap();
            pool.put("a", connection, since + Duration::from_secs(second.into()));
        }
        (listener, pool)
    }

    #[test]
    fn a_connection_that_was_idle_for_long_is_not_used_again() {
        let now = Instant::now();
        let (_listener, pool) = pooled(2, now);
        assert!(pool.take("b", now).is_none());
        assert!(pool.take("a", now + Duration::from_millis(4_900)).is_some(), "the younger one");
        assert!(pool.take("a", now + Duration::from_millis(4_900)).is_none(), "the older one");
    }

    #[test]
    fn a_connection_that_ended_while_it_was_idle_is_not_used_again() {
        let now = Instant::now();
        let (listener, pool) = pooled(1, now);
        drop(listener.accept().unwrap());
        assert!(pool.take("a", now).is_none());
    }

    #[test]
    fn of_too_many_the_older_half_goes() {
        let now = Instant::now();
        let (_listener, pool) = pooled(5, now);
        let later = now + Duration::from_secs(4);
        let kept = std::iter::from_fn(|| pool.take("a", later)).count();
        assert!((1..4).contains(&kept), "{kept}");
    }
}
