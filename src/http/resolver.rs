//! Names: which addresses a host has, asked where it blocks nobody.
//!
//! Knows literals, the loopback's names, `--resolve`, the cache and the merging of look-ups. Refuses to connect.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use url::Host;

use crate::config::Family;
use crate::outcome::{Class, Failure, Phase};
use crate::request::{Resolve, is_loopback_host};
use crate::runtime::{self, Answer, Runtime, Slot, Wake};

/// How long an answer holds. The system does not tell its own time to live, and a deploy switches addresses.
const FRESH: Duration = Duration::from_secs(60);

/// How long a failure holds: long enough for a thousand URLs that stand together on a dead name, and so short that the
/// tries of `--retry`, which begins at half a second and doubles, do not all hear the same answer.
const FRESH_FAILURE: Duration = Duration::from_millis(500);

/// An answer that takes longer may be waiting for one family alone: some name servers, and what stands before them, say
/// nothing to the question for IPv6 (RFC 4074 §4.1), for which the system waits 15 s. IPv4 is then asked for by itself.
const SUSPICIOUS: Duration = Duration::from_secs(1);

/// Of the threads that ask, so many may do that, or names that nobody answers at all would take twice as many.
const MOST_ASKING_AGAIN: usize = 8;

/// Names kept; beyond this the cache starts anew.
const MOST_NAMES: usize = 10_000;

type Addrs = Result<Arc<[IpAddr]>, String>;

/// The resolver of a run.
pub(super) struct Resolver {
    runtime: Runtime,
    family: Family,
    names: Mutex<HashMap<Box<str>, Arc<LookUp>>>,
    again: Arc<Again>,
}

/// One look-up, under way or done.
#[derive(Default)]
struct LookUp {
    answer: Answer<(Addrs, Instant)>,
    is_asked_again: AtomicBool,
}

/// Where a host is.
pub(super) enum Resolution {
    /// Known without asking.
    Known(Vec<SocketAddr>),
    /// It takes a look-up: `Resolver::look_up`.
    Unknown,
}

impl Resolver {
    pub(super) fn new(family: Family, runtime: &Runtime) -> Resolver {
        Resolver { runtime: runtime.clone(), family, names: Mutex::default(), again: Arc::default() }
    }

    /// What can be said without asking anybody: an address as it stands, `overrides`, the loopback's names.
    ///
    /// # Errors
    /// `dns` when it is no name, or `-4` or `-6` leaves nothing.
    pub(super) fn known(
        &self,
        host: &Host<&str>,
        port: u16,
        overrides: &[Resolve],
    ) -> Result<Resolution, Failure> {
        let ips = match host {
            Host::Ipv4(ip) => vec![IpAddr::V4(*ip)],
            Host::Ipv6(ip) => vec![IpAddr::V6(*ip)],
            Host::Domain(name) => match overridden(overrides, name, port) {
                Some(ips) => ips.to_vec(),
                None if !is_dns_name(name) => return Err(dns("not a name that DNS can have".to_owned())),
                // RFC 6761 §6.3. IPv4 first: that is where servers on one's own machine mostly listen.
                None if is_loopback_host(name) => {
                    vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
                }
                None => return Ok(Resolution::Unknown),
            },
        };
        self.usable(&ips, port).map(Resolution::Known)
    }

    /// Asks the system, on another thread. One look-up for a name at a time; all who ask meanwhile share it.
    ///
    /// # Errors
    /// `dns`, or why waiting ended.
    pub(super) fn look_up(
        &self,
        name: &str,
        port: u16,
        slot: &Arc<Slot>,
        until: Option<Instant>,
    ) -> Result<Result<Vec<SocketAddr>, Failure>, Wake> {
        let look_up = self.shared_look_up(name);
        let soon = Instant::now() + SUSPICIOUS;
        let mut waited = look_up.answer.wait(slot, Some(until.map_or(soon, |until| until.min(soon))));
        if matches!(waited, Err(Wake::Late)) && until.is_none_or(|until| until > soon) {
            self.ask_again(name, &look_up);
            waited = look_up.answer.wait(slot, until);
        }
        let (addrs, _) = waited?;
        Ok(addrs.map_err(dns).and_then(|ips| self.usable(&ips, port)))
    }

    fn shared_look_up(&self, name: &str) -> Arc<LookUp> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(look_up) = names.get(name).filter(|look_up| look_up.is_fresh()) {
            return Arc::clone(look_up);
        }
        if names.len() >= MOST_NAMES {
            names.clear();
        }
        let look_up = Arc::new(LookUp::default());
        names.insert(name.into(), Arc::clone(&look_up));
        drop(names);
        self.ask(name.to_owned(), &look_up);
        look_up
    }

    fn ask(&self, name: String, look_up: &Arc<LookUp>) {
        let theirs = Arc::clone(look_up);
        let family = self.family;
        let job = move || {
            let addrs = ask_system(&name, family);
            theirs.answer.give((addrs, Instant::now()));
        };
        if let Err(error) = self.runtime.names().submit(Box::new(job)) {
            look_up.answer.give((Err(format!("no thread to ask on: {error}")), Instant::now()));
        }
    }

    /// Has IPv4 alone asked for, once; the first good answer is the answer.
    fn ask_again(&self, name: &str, look_up: &Arc<LookUp>) {
        if self.family != Family::Any || look_up.is_asked_again.swap(true, Ordering::Relaxed) {
            return;
        }
        if self.again.takes_a_thread((name.into(), Arc::clone(look_up))) {
            let again = Arc::clone(&self.again);
            // Where there is no thread for it, the first question is the only one.
            if self.runtime.names().submit(Box::new(move || again.ask())).is_err() {
                self.again.lock().threads -= 1;
            }
        }
    }

    /// The addresses of the wanted family, in the order in which they are to be tried.
    fn usable(&self, ips: &[IpAddr], port: u16) -> Result<Vec<SocketAddr>, Failure> {
        let wanted = |ip: &&IpAddr| match self.family {
            Family::Any => true,
            Family::V4 => ip.is_ipv4(),
            Family::V6 => ip.is_ipv6(),
        };
        let ips: Vec<IpAddr> = ips.iter().filter(wanted).copied().collect();
        if ips.is_empty() {
            let option = if self.family == Family::V4 { "IPv4 address (-4)" } else { "IPv6 address (-6)" };
            return Err(dns(format!("it has no {option}")));
        }
        Ok(alternate(&ips).into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }
}

/// The addresses that `--resolve` gives a name at a port; `None` when no entry fits.
pub(super) fn overridden<'r>(overrides: &'r [Resolve], name: &str, port: u16) -> Option<&'r [IpAddr]> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let fits = |entry: &&Resolve| (entry.host == "*" || entry.host == name) && entry.port == port;
    overrides.iter().find(fits).map(|entry| entry.addrs.as_slice())
}

/// Names whose IPv4 addresses are to be asked for alone.
#[derive(Default)]
struct Again(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    names: VecDeque<(Box<str>, Arc<LookUp>)>,
    threads: usize,
}

impl Again {
    /// Whether one more thread is wanted for the queue, and then it is counted.
    fn takes_a_thread(&self, name: (Box<str>, Arc<LookUp>)) -> bool {
        let mut queue = self.lock();
        queue.names.push_back(name);
        let is_wanted = queue.threads < MOST_ASKING_AGAIN;
        queue.threads += usize::from(is_wanted);
        is_wanted
    }

    /// A thread's part: asks until nobody is left.
    fn ask(&self) {
        while let Some((name, look_up)) = self.next() {
            // No address says nothing: it may have others.
            let found = ask_system(&name, Family::V4).ok().filter(|ips| !ips.is_empty());
            found.into_iter().for_each(|ips| look_up.answer.give((Ok(ips), Instant::now())));
        }
    }

    /// The next one that has no answer yet; `None` ends the thread.
    fn next(&self) -> Option<(Box<str>, Arc<LookUp>)> {
        let mut queue = self.lock();
        while let Some(next) = queue.names.pop_front() {
            if next.1.answer.get().is_none() {
                return Some(next);
            }
        }
        queue.threads -= 1;
        None
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LookUp {
    fn is_fresh(&self) -> bool {
        match self.answer.get() {
            None => true,
            Some((addrs, at)) => at.elapsed() < if addrs.is_ok() { FRESH } else { FRESH_FAILURE },
        }
    }
}

fn dns(message: String) -> Failure {
    Failure::new(Class::Dns, Phase::Dns, message)
}

/// DNS has no name longer than this (RFC 1035 §2.3.4); some resolvers answer nonsense to longer ones.
fn is_dns_name(name: &str) -> bool {
    let bare = name.strip_suffix('.').unwrap_or(name);
    bare.len() <= 253 && bare.split('.').all(|label| (1..=63).contains(&label.len()))
}

fn ask_system(name: &str, family: Family) -> Addrs {
    let ips = runtime::addresses(name, family)?;
    if ips.is_empty() && family == Family::Any {
        return Err("it has no address".to_owned());
    }
    Ok(ips.into())
}

/// Families in turn, beginning with the system's first choice (RFC 8305 §4).
fn alternate(ips: &[IpAddr]) -> Vec<IpAddr> {
    let Some(first) = ips.first() else { return Vec::new() };
    let (mut same, mut other): (Vec<IpAddr>, Vec<IpAddr>) =
        ips.iter().copied().partition(|ip| ip.is_ipv4() == first.is_ipv4());
    same.reverse();
    other.reverse();
    let mut order = Vec::with_capacity(ips.len());
    while !(same.is_empty() && other.is_empty()) {
        order.extend(same.pop());
        order.extend(other.pop());
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(text: &str) -> Vec<IpAddr> {
        text.split_whitespace().map(|ip| ip.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        assert_eq!(alternate(&ips("::1 ::2 ::3 10.0.0.1")), ips("::1 10.0.0.1 ::2 ::3"));
        assert_eq!(alternate(&ips("10.0.0.1 10.0.0.2")), ips("10.0.0.1 10.0.0.2"));
        assert_eq!(alternate(&[]), ips(""));
    }

    #[test]
    fn absurd_names_are_not_asked_for() {
        for name in ["", ".", "a..b", "a..", ".a", &"x".repeat(64), &"x.".repeat(200)] {
            assert!(!is_dns_name(name), "{name}");
        }
        assert!(is_dns_name("a.") && is_dns_name("a.b-c.test"));
    }
}
