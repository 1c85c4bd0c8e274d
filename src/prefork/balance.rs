//! Which process makes an attempt (pure).
//!
//! Knows that an origin has a home, where its connections are, and when to leave it. Refuses to know what a process is.

/// A home may have this part of a fair share more in hand than the one with the least: so much is a connection worth.
const PATIENCE: usize = 4;

/// How a process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// Attempts that it has in hand.
    pub(super) load: usize,
    /// How many it can have.
    pub(super) capacity: usize,
}

impl Standing {
    /// Whether another attempt would have to wait, and how many are there before it.
    fn queue(self) -> (bool, usize) {
        (self.load >= self.capacity, self.load)
    }
}

/// The process for an origin, given a number that is always the same for it; `None` entries are not there. One that can
/// have no more at once lets attempts wait, so it is chosen where all are such. `None` when nobody is there.
pub(super) fn choose(origin: u64, standings: &[Option<Standing>]) -> Option<usize> {
    let count = u64::try_from(standings.len()).ok().filter(|count| *count > 0)?;
    let home = usize::try_from(origin % count).ok()?;
    // From home on, so that the origins of one that is busy do not all go to the same other.
    let around = (0..standings.len()).map(|step| (home + step) % standings.len());
    let there = around.filter_map(|index| Some((index, standings[index]?.queue())));
    let (idlest, least) = there.min_by_key(|(_, queue)| *queue)?;
    let in_hand: usize = standings.iter().flatten().map(|standing| standing.load).sum();
    let patience = in_hand / (PATIENCE * standings.len());
    let keeps_up = |home: Standing| home.queue() <= (least.0, least.1 + patience);
    Some(if standings[home].is_some_and(keeps_up) { home } else { idlest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(loads: &[usize]) -> Vec<Option<Standing>> {
        loads.iter().map(|load| Some(Standing { load: *load, capacity: 100 })).collect()
    }

    #[test]
    fn an_origin_stays_at_home_while_that_keeps_up() {
        for (origin, loads, expected) in [
            (0, &[0, 0][..], 0),
            (1, &[0, 0], 1),
            (7, &[0, 0, 0], 1),
            (0, &[1, 0], 1),
            (0, &[1, 1], 0),
            (0, &[19, 15], 0),
            (0, &[20, 10], 1),
            (1, &[5, 9, 2, 2], 2),
            (3, &[2, 9, 2, 9], 0),
        ] {
            assert_eq!(choose(origin, &at(loads)), Some(expected), "{origin} {loads:?}");
        }
    }

    #[test]
    fn who_is_gone_gets_nothing_and_who_is_full_only_where_all_are() {
        let full = |capacity| Some(Standing { load: capacity, capacity });
        let open = Some(Standing { load: 9, capacity: 10 });
        assert_eq!(choose(0, &[None, open]), Some(1));
        assert_eq!(choose(1, &[open, full(3)]), Some(0));
        assert_eq!(choose(0, &[None, full(3)]), Some(1));
        assert_eq!(choose(0, &[full(9), full(3)]), Some(1));
        assert_eq!(choose(0, &[None, None]), None);
        assert_eq!(choose(0, &[]), None);
    }

    #[test]
    fn one_origin_keeps_all_busy() {
        let mut loads = [0; 4];
        for _ in 0..50 {
            loads[choose(2, &at(&loads)).unwrap()] += 1;
        }
        assert!(loads.iter().all(|load| *load >= 10), "{loads:?}");
    }
}
