//! What neighbours in a list share, shared by a few of them at a time (pure).
//!
//! A count of references that two threads write is a cache line that wanders between them: the list's thread takes a
//! reference for each entry while the worker and the reporter let go of those before. With a copy for each few entries
//! every thread writes its counts in a row.
//!
//! Knows when a copy is worn. Refuses to know what is in it.

use std::sync::Arc;

use super::terms::Terms;
use crate::request::{Shared, is_loopback_host};

/// As many as the list hands over at once.
const ENTRIES_EACH: u32 = 64;

/// The copies that the next entries get, so long as they are of the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Copies {
    last: Option<(Arc<Terms>, Copy)>,
    uses: u32,
}

/// One of each.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    pub(super) shared: Arc<Shared>,
    pub(super) tags: Arc<[Box<str>]>,
    pub(super) source: Arc<str>,
    pub(super) host: Arc<str>,
    /// Whether it is the loopback by its name, which takes a parser to find out.
    pub(super) is_loopback: bool,
}

impl Copies {
    /// Copies for an entry of these terms, in this list, at this host.
    pub(super) fn of(&mut self, terms: &Arc<Terms>, source: &str, host: &str) -> Copy {
        let fits = |(of, copy): &(Arc<Terms>, Copy)| Arc::ptr_eq(of, terms) && *copy.source == *source;
        let kept = self.last.take_if(|last| self.uses >= ENTRIES_EACH || !fits(last)).is_none();
        self.uses = if kept { self.uses + 1 } else { 1 };
        let (_, copy) = self.last.get_or_insert_with(|| {
            let (shared, tags) = (terms.shared.clone(), terms.tags.iter().cloned().collect());
            let (host, is_loopback) = (host.into(), is_loopback_host(host));
            let copy = Copy { shared: Arc::new(shared), tags, source: source.into(), host, is_loopback };
            (Arc::clone(terms), copy)
        });
        if *copy.host != *host {
            (copy.host, copy.is_loopback) = (host.into(), is_loopback_host(host));
        }
        copy.clone()
    }
}
