//! What became of each entry from one run to another: which changes there are, and which of them are for the worse
//! (pure).
//!
//! Knows records and what makes two of them comparable. Refuses to word it (`diff`), and to decide what is noise
//! (`stats`).

use super::connecting::Connecting;
use super::pairs::Pair;
use crate::record::{Phases, Record};
use crate::stats::{Shift, Turn, Twice, drift};

/// What is not as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It passed before and does not now.
    NewlyFailing,
    /// It passes now and did not before.
    Fixed,
    /// Beyond noise.
    Slower,
    /// Beyond noise.
    Faster,
    /// It failed before and does, but otherwise.
    Failure,
    /// Of the last request.
    Method,
    /// Of the response.
    Status,
    /// Of the body, in bytes after decoding.
    Size,
    /// Of the body.
    Hash,
    /// Where redirects led.
    FinalUrl,
    /// The old run has it not.
    Added,
    /// The new run has it not.
    Removed,
}

impl Change {
    /// The word of the document.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Change::NewlyFailing => "newly_failing",
            Change::Fixed => "fixed",
            Change::Slower => "slower",
            Change::Faster => "faster",
            Change::Failure => "failure",
            Change::Method => "method",
            Change::Status => "status",
            Change::Size => "size",
            Change::Hash => "hash",
            Change::FinalUrl => "final_url",
            Change::Added => "added",
            Change::Removed => "removed",
        }
    }
}

/// An entry that is not as it was.
pub(super) struct Difference<'a> {
    pub(super) pair: Pair<'a>,
    /// At least one.
    pub(super) changes: Vec<Change>,
    /// The times that were compared; `None` where they could not be.
    pub(super) times: Option<Twice>,
}

impl Difference<'_> {
    /// Whether it fails the comparison: a failure that is new and not soft, or a time beyond noise.
    pub(super) fn is_regression(&self) -> bool {
        let is_soft = self.pair.new.is_some_and(|new| new.outcome == "soft");
        self.has(Change::Slower) || self.has(Change::NewlyFailing) && !is_soft
    }

    pub(super) fn has(&self, change: Change) -> bool {
        self.changes.contains(&change)
    }
}

/// What two runs differ in.
pub(super) struct Differences<'a> {
    /// In the new run's order, then what was removed.
    pub(super) all: Vec<Difference<'a>>,
    /// Entries that both runs have and finished.
    pub(super) compared: usize,
    /// Entries that both have, and one of them did not finish.
    pub(super) unfinished: usize,
    /// Entries whose times were compared.
    pub(super) timed: usize,
    /// What all times have in common; `None` for nothing that is no noise.
    pub(super) shift: Option<Shift>,
}

impl Differences<'_> {
    pub(super) fn of<'a>(pairs: &[Pair<'a>]) -> Differences<'a> {
        let runs = [|pair: &Pair<'a>| pair.old, |pair: &Pair<'a>| pair.new];
        let connecting = runs.map(|side| Connecting::of(pairs.iter().filter_map(side)));
        let times: Vec<Option<Twice>> = pairs.iter().map(|pair| times(pair, &connecting)).collect();
        let drift = drift(&times.iter().copied().flatten().collect::<Vec<_>>());
        let mut turns = drift.turns.iter();
        let mut all = Vec::new();
        for (pair, times) in pairs.iter().zip(times) {
            let turn = times.and_then(|_| turns.next().copied().flatten());
            let changes: Vec<Change> = turn.map(of_turn).into_iter().chain(changes(pair)).collect();
            if !changes.is_empty() {
                all.push(Difference { pair: *pair, changes, times });
            }
        }
        let both = pairs.iter().filter_map(|pair| pair.old.zip(pair.new));
        let (unfinished, compared): (Vec<_>, Vec<_>) =
            both.partition(|(old, new)| is_unfinished(old) || is_unfinished(new));
        Differences {
            all,
            compared: compared.len(),
            unfinished: unfinished.len(),
            timed: drift.turns.len(),
            shift: drift.shift,
        }
    }

    /// Whether all together became slower than any day explains.
    pub(super) fn is_everything_slower(&self) -> bool {
        self.shift.is_some_and(|shift| shift.is_grave())
    }

    /// Whether the new run is worse than the old one.
    pub(super) fn has_regression(&self) -> bool {
        self.is_everything_slower() || self.all.iter().any(Difference::is_regression)
    }
}

fn of_turn(turn: Turn) -> Change {
    match turn {
        Turn::Slower => Change::Slower,
        Turn::Faster => Change::Faster,
    }
}

fn is_unfinished(record: &Record) -> bool {
    record.outcome == "cancelled"
}

fn passes(record: &Record) -> bool {
    record.outcome == "pass"
}

/// All but those of time.
fn changes(pair: &Pair<'_>) -> Vec<Change> {
    let (old, new) = match (pair.old, pair.new) {
        (Some(old), Some(new)) => (old, new),
        (None, _) => return vec![Change::Added],
        (_, None) => return vec![Change::Removed],
    };
    if is_unfinished(old) || is_unfinished(new) {
        return Vec::new();
    }
    let both_pass = passes(old) && passes(new);
    let class = |record: &Record| record.error.as_ref().map(|error| error.class.clone());
    [
        (Change::NewlyFailing, passes(old) && !passes(new)),
        (Change::Fixed, !passes(old) && passes(new)),
        (Change::Failure, !passes(old) && !passes(new) && class(old) != class(new)),
        (Change::Method, old.method != new.method),
        (Change::Status, differ(old.response_code, new.response_code)),
        (Change::Size, both_pass && old.size_delivered != new.size_delivered),
        (Change::Hash, differ(old.sha256.as_ref(), new.sha256.as_ref())),
        (Change::FinalUrl, both_pass && differ(old.url_effective.as_ref(), new.url_effective.as_ref())),
    ]
    .into_iter()
    .filter_map(|(change, holds)| holds.then_some(change))
    .collect()
}

/// Only where both runs know it.
fn differ<T: PartialEq>(old: Option<T>, new: Option<T>) -> bool {
    old.zip(new).is_some_and(|(old, new)| old != new)
}

/// The times of both, if like can be held against like: passes at the first try.
fn times(pair: &Pair<'_>, connecting: &[Connecting<'_>; 2]) -> Option<Twice> {
    let (old, new) = pair.old.zip(pair.new)?;
    let is_plain = |record: &Record| passes(record) && record.attempts.len() == 1;
    let (old, new) = (is_plain(old) && is_plain(new)).then(|| comparable(old, new, connecting))?;
    let is_time = |seconds: f64| seconds.is_finite() && seconds > 0.0;
    (is_time(old) && is_time(new)).then_some(Twice { old, new })
}

/// Whole times where both made as many connections, with what those of their host mostly took. Which URL finds a
/// connection to reuse is chance, so else without names, connecting and TLS.
fn comparable(old: &Record, new: &Record, connecting: &[Connecting<'_>; 2]) -> (f64, f64) {
    if connected_alike(old, new) {
        return (connecting[0].whole_time(old), connecting[1].whole_time(new));
    }
    let answer =
        |phases: &Phases| -> f64 { [phases.send, phases.wait, phases.receive].into_iter().flatten().sum() };
    (answer(&old.phases), answer(&new.phases))
}

/// Whether whole times can be held against each other.
pub(super) fn connected_alike(old: &Record, new: &Record) -> bool {
    old.num_connects == new.num_connects
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Class, Failure, Kind, Phase};
    use crate::record::samples::{outcome, passed, run};

    fn pass() -> Record {
        Record::from_outcome(&passed(1, 5), &run())
    }

    fn ended(kind: Kind, class: Class) -> Record {
        let mut outcome = outcome(1, Failure::new(class, Phase::Wait, "x"));
        outcome.kind = kind;
        Record::from_outcome(&outcome, &run())
    }

    fn of(old: &Record, new: &Record) -> (Vec<Change>, bool) {
        let differences = Differences::of(&[Pair { old: Some(old), new: Some(new) }]);
        let changes = differences.all.first().map(|difference| difference.changes.clone());
        (changes.unwrap_or_default(), differences.has_regression())
    }

    fn changed(change: impl Fn(&mut Record)) -> (Vec<Change>, bool) {
        let mut new = pass();
        change(&mut new);
        of(&pass(), &new)
    }

    #[test]
    fn failures_are_new_or_fixed_or_of_another_kind() {
        let [closed, dns] = [Class::Closed, Class::Dns].map(|class| ended(Kind::Fail, class));
        assert_eq!(of(&pass(), &closed), (vec![Change::NewlyFailing], true));
        assert_eq!(of(&closed, &pass()), (vec![Change::Fixed], false));
        assert_eq!(of(&closed, &dns), (vec![Change::Failure], false));
        assert_eq!(of(&closed, &closed), (vec![], false));
        let soft = ended(Kind::Soft, Class::Closed);
        assert_eq!(of(&pass(), &soft), (vec![Change::NewlyFailing], false));
        assert_eq!(of(&soft, &closed), (vec![], false));
    }

    #[test]
    fn what_was_not_finished_says_nothing() {
        let cut = ended(Kind::Cancelled, Class::Cancelled);
        for (old, new) in [(&cut, &pass()), (&pass(), &cut)] {
            let differences = Differences::of(&[Pair { old: Some(old), new: Some(new) }]);
            assert_eq!((differences.all.len(), differences.compared, differences.unfinished), (0, 0, 1));
        }
    }

    #[test]
    fn what_came_back_is_compared_where_both_know_it() {
        assert_eq!(changed(|new| new.response_code = Some(204)), (vec![Change::Status], false));
        assert_eq!(changed(|new| new.size_delivered = 6), (vec![Change::Size], false));
        assert_eq!(changed(|new| new.sha256 = Some("e3b0".to_owned())), (vec![], false));
        let moved = |new: &mut Record| new.url_effective = Some("http://b.example/".to_owned());
        assert_eq!(changed(moved), (vec![Change::FinalUrl], false));
        assert_eq!(changed(|new| new.method = "HEAD".to_owned()), (vec![Change::Method], false));
    }

    #[test]
    fn times_are_compared_like_with_like() {
        let slow = |new: &mut Record| new.marks.time_total = 0.9;
        assert_eq!(changed(slow), (vec![Change::Slower], true));
        assert_eq!(changed(|new| new.marks.time_total = 0.01), (vec![Change::Faster], false));
        let on_a_new_connection = |new: &mut Record| {
            slow(new);
            new.num_connects = 1;
        };
        assert_eq!(changed(on_a_new_connection), (vec![], false), "its answer took as long as before");
        let at_the_second_try = |new: &mut Record| {
            slow(new);
            new.attempts.push(new.attempts[0].clone());
        };
        assert_eq!(changed(at_the_second_try), (vec![], false));
        for absurd in [f64::NAN, -1.0, f64::INFINITY] {
            assert_eq!(changed(|new| new.marks.time_total = absurd), (vec![], false));
        }
    }

    #[test]
    fn what_one_run_has_alone_is_no_regression() {
        let new = ended(Kind::Fail, Class::Closed);
        let differences =
            Differences::of(&[Pair { old: None, new: Some(&new) }, Pair { old: Some(&new), new: None }]);
        let changes: Vec<_> = differences.all.iter().flat_map(|difference| &difference.changes).collect();
        assert_eq!(changes, [&Change::Added, &Change::Removed]);
        assert!(!differences.has_regression());
    }
}
