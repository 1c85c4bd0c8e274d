//! `--per-host`: who waits for another request to the same host to be over (pure).
//!
//! Knows how many are in flight for each host that has a limit. Refuses to know slots and times.

use std::collections::VecDeque;
use std::sync::Arc;

use foldhash::HashMap;

use super::Waiting;
use crate::config::Concurrency;
use crate::request::Request;

/// The hosts that have a limit, and what it holds.
#[derive(Debug)]
pub(super) struct Hosts {
    limit: Option<u32>,
    binds_loopback: bool,
    hosts: HashMap<Arc<str>, Host>,
    held: usize,
}

/// A host that has a limit.
#[derive(Debug, Default)]
struct Host {
    in_flight: u32,
    held: VecDeque<Waiting>,
}

impl Hosts {
    pub(super) fn new(concurrency: &Concurrency) -> Hosts {
        Hosts {
            limit: concurrency.per_host,
            binds_loopback: concurrency.per_host_given,
            hosts: HashMap::default(),
            held: 0,
        }
    }

    /// How many are held in all.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// The limit of a request's host; `None` when there is none. The loopback is bound only by a limit that was asked
    /// for: nobody else's server is there to be spared.
    fn limit_for(&self, request: &Request) -> Option<u32> {
        self.limit.filter(|_| self.binds_loopback || !request.is_loopback)
    }

    /// Whether as many as may be are in flight for a request's host.
    pub(super) fn is_full(&self, request: &Request) -> bool {
        let in_flight = || self.hosts.get(&request.subject.host).map_or(0, |host| host.in_flight);
        self.limit_for(request).is_some_and(|limit| in_flight() >= limit)
    }

    /// Keeps one until another of its host is over.
    pub(super) fn hold(&mut self, waiting: Waiting) {
        let host = self.hosts.entry(waiting.request.subject.host.clone()).or_default();
        host.held.push_back(waiting);
        self.held += 1;
    }

    /// One is in flight.
    pub(super) fn started(&mut self, request: &Request) {
        if self.limit_for(request).is_some() {
            self.hosts.entry(request.subject.host.clone()).or_default().in_flight += 1;
        }
    }

    /// One is in flight no longer; the next one of its host, if any is held.
    pub(super) fn finished(&mut self, request: &Request) -> Option<Waiting> {
        self.limit_for(request)?;
        if let Some(host) = self.hosts.get_mut(&request.subject.host) {
            host.in_flight -= 1;
        }
        self.release(request)
    }

    /// The next one that a host's limit holds. Whoever is over or given up releases one: so long as any is held, another
    /// of the same host is in flight, ready or asleep that will release it.
    pub(super) fn release(&mut self, request: &Request) -> Option<Waiting> {
        let host = self.hosts.get_mut(&request.subject.host)?;
        let next = host.held.pop_front();
        self.held -= usize::from(next.is_some());
        if next.is_none() && host.in_flight == 0 {
            self.hosts.remove(&request.subject.host);
        }
        next
    }

    /// Gives up all that is held, in no order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Waiting> {
        self.held = 0;
        self.hosts.values_mut().flat_map(|host| host.held.drain(..))
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }
}
