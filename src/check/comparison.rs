//! A figure against a bound: `bytes>=500`, `ttfb<=300ms` (pure).
//!
//! Knows the operators of numbers. Refuses to know what is counted and in which unit it is written.

use std::cmp::Ordering;

use super::Op;

/// An operator and the bound behind it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Comparison<T> {
    op: Op,
    bound: T,
}

impl<T: PartialOrd> Comparison<T> {
    /// `None` for an operator that does not compare figures.
    pub(super) fn new(op: Op, bound: T) -> Option<Comparison<T>> {
        let compares = !matches!(op, Op::Matches | Op::MatchesNot | Op::Contains);
        compares.then_some(Comparison { op, bound })
    }

    /// Whether a figure is as wanted. What cannot be compared, as NaN, never is.
    pub(super) fn holds(&self, actual: &T) -> bool {
        actual.partial_cmp(&self.bound).is_some_and(|ordering| holds(self.op, ordering))
    }

    /// In words, before the bound: `at least`; nothing for equality.
    pub(super) fn words(&self) -> &'static str {
        match self.op {
            Op::IsNot => "other than ",
            Op::Below => "below ",
            Op::AtMost => "at most ",
            Op::Above => "more than ",
            Op::AtLeast => "at least ",
            Op::Is | Op::Matches | Op::MatchesNot | Op::Contains => "",
        }
    }

    /// What it is compared with.
    pub(super) fn bound(&self) -> &T {
        &self.bound
    }
}

fn holds(op: Op, actual: Ordering) -> bool {
    match op {
        Op::Is => actual.is_eq(),
        Op::IsNot => actual.is_ne(),
        Op::Below => actual.is_lt(),
        Op::AtMost => actual.is_le(),
        Op::Above => actual.is_gt(),
        Op::AtLeast => actual.is_ge(),
        Op::Matches | Op::MatchesNot | Op::Contains => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operator_holds_where_it_says() {
        for (op, below, equal, above) in [
            (Op::Is, false, true, false),
            (Op::IsNot, true, false, true),
            (Op::Below, true, false, false),
            (Op::AtMost, true, true, false),
            (Op::Above, false, false, true),
            (Op::AtLeast, false, true, true),
        ] {
            let comparison = Comparison::new(op, 5).unwrap();
            let held = [4, 5, 6].map(|actual| comparison.holds(&actual));
            assert_eq!(held, [below, equal, above], "{op}");
        }
        assert!(Comparison::new(Op::Matches, 5).is_none() && Comparison::new(Op::Contains, 5).is_none());
    }

    #[test]
    fn what_is_no_number_holds_nothing() {
        for op in [Op::Is, Op::IsNot, Op::AtLeast] {
            assert!(!Comparison::new(op, 1.0).unwrap().holds(&f64::NAN), "{op}");
        }
    }
}
