//! Lines that differ by their URL alone, planned where they are taken up.
//!
//! Knows that they are entries like others. Refuses to know why they come together (`list`).

use std::sync::Arc;

use super::terms::Terms;
use super::{Listed, Planner};
use crate::list::{Entry, LeftOut, PlainLines, Plan, Together};

/// What the list hands over at a time.
#[derive(Debug)]
pub enum Portion {
    /// An entry.
    Entry(Listed),
    /// Lines that become entries as they are taken out.
    Lot(Box<Lot>),
}

impl Portion {
    /// Of how many entries.
    pub fn entries(&self) -> usize {
        match self {
            Portion::Entry(_) => 1,
            Portion::Lot(lot) => lot.len(),
        }
    }
}

impl From<Listed> for Portion {
    fn from(listed: Listed) -> Portion {
        Portion::Entry(listed)
    }
}

/// Entries that are not planned yet.
#[derive(Debug)]
pub struct Lot {
    lines: PlainLines,
    terms: Arc<Terms>,
    planner: Planner,
}

impl Plan<Portion> for Planner {
    fn entry(&mut self, urlnum: u64, entry: Entry) -> Result<Portion, LeftOut> {
        self.plan(urlnum, entry).map(Portion::Entry)
    }

    /// Where some are left out, their number is known only when they are read.
    fn together(&self) -> Option<Together<Planner, Portion>> {
        self.choice.is_of_all().then_some(Planner::lot)
    }
}

impl Planner {
    fn lot(&mut self, lines: PlainLines) -> Portion {
        let terms = self.terms(lines.defaults(), lines.settings());
        Portion::Lot(Box::new(Lot { lines, terms, planner: self.clone() }))
    }
}

impl Iterator for Lot {
    type Item = Listed;

    fn next(&mut self) -> Option<Listed> {
        self.lines.next_url().map(|line| self.planner.plan_plain(&self.terms, line))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.lines.left(), Some(self.lines.left()))
    }
}

impl ExactSizeIterator for Lot {}
