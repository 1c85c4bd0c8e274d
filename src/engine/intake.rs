//! What the list brings: ordered well ahead, and taken up only when it could soon be started.
//!
//! Knows what was ordered, what has come and whether more will. Refuses to know how a list is read. What was brought and
//! is not taken up when the run ends was not read, as far as anybody is told.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Engine;
use crate::check;
use crate::outcome::Outcome;
use crate::plan::{Listed, Portion};

/// Entries that may be on order or here: the list's thread is woken once for half of them, as waking it takes longer than
/// a small request (30 µs, 2026-11).
const AHEAD: usize = 512;

/// Between the list and the schedule.
#[derive(Default)]
pub(super) struct Intake {
    brought: VecDeque<Portion>,
    /// Entries that were brought.
    here: usize,
    /// Entries that the list may still send.
    on_order: usize,
    /// The list has no more.
    has_ended: bool,
    /// Why it could not be read to its end.
    error: Option<String>,
}

impl Intake {
    fn next(&mut self) -> Option<Listed> {
        let (next, is_spent) = match self.brought.front_mut()? {
            Portion::Entry(_) => (None, true),
            Portion::Lot(lot) => (lot.next(), lot.len() == 0),
        };
        self.here = self.here.saturating_sub(1);
        let spent = if is_spent { self.brought.pop_front() } else { None };
        match spent {
            Some(Portion::Entry(entry)) => Some(entry),
            _ => next,
        }
    }
}

impl Engine {
    /// The list has brought entries.
    pub(super) fn bring(&mut self, entries: Vec<Portion>) {
        let lines: usize = entries.iter().map(Portion::entries).sum();
        self.intake.on_order = self.intake.on_order.saturating_sub(lines);
        self.intake.here += lines;
        self.intake.brought.extend(entries);
    }

    /// The list has no more.
    pub(super) fn end_intake(&mut self, error: Option<String>) {
        (self.intake.has_ended, self.intake.error) = (true, error);
        self.note_end();
    }

    /// Lets the list bring more.
    pub(super) fn order_more(&mut self) {
        if self.summary.stop.is_some() || self.intake.has_ended || self.teller.is_behind() {
            return;
        }
        let room = self.schedule.jobs().max(AHEAD);
        let here = self.intake.here + self.intake.on_order;
        if here * 2 <= room {
            self.credits.give(room - here);
            self.intake.on_order += room - here;
        }
    }

    /// Takes up what may soon be started; after a stop, nothing.
    pub(super) fn take_up_what_may(&mut self, now: Instant) {
        while self.may_take_up()
            && let Some(entry) = self.intake.next()
        {
            self.take_up(entry, now);
        }
        self.note_end();
    }

    /// Whether there is an entry to take up. Lines that are no URL take no slot, so only the reporter's pace holds them
    /// back.
    pub(super) fn may_take_up(&mut self) -> bool {
        !self.intake.brought.is_empty()
            && self.schedule.room() > 0
            && self.summary.stop.is_none()
            && !self.teller.is_behind()
    }

    /// The end of the list is where all before it has been taken up, or will not be.
    fn note_end(&mut self) {
        let is_stopped = self.summary.stop.is_some();
        if self.intake.has_ended && (is_stopped || self.intake.brought.is_empty()) {
            self.summary.list_ended |= !is_stopped;
            if let Some(error) = self.intake.error.take() {
                self.summary.list_error = Some(error);
            }
        }
    }

    fn take_up(&mut self, entry: Listed, now: Instant) {
        self.summary.taken_up += 1;
        match entry {
            Listed::Rejected(subject, failure, checks) => {
                if let Some(rounds) = self.rounds.as_mut().filter(|_| !subject.soft) {
                    rounds
                        .give_up_hope(|| format!("{} can never pass ({})", subject.location, failure.class));
                }
                let mut outcome = Outcome::without_a_slot(subject, failure, Duration::ZERO, now);
                outcome.attempts[0].verdicts = check::not_evaluated(&checks);
                self.finish(outcome);
            }
            Listed::Request(request) => self.schedule.push(request, now),
        }
    }
}
