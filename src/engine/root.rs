//! The loop: it waits, for messages and for the time, and lets the engine do what follows.
//!
//! In coroutines mode it is itself a coroutine on the worker, the root; in the other modes it is a thread. The code is
//! the same, as is that of the fetches, which know nothing of each other.
//!
//! Knows what to wait for. Refuses to know what a message means.

use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Instant;

use super::{Engine, Message};
use crate::event::{Event, Scribe};
use crate::runtime::Mailbox;

/// After so many starts in a row the others have a turn, the fetches just started among them.
const STARTS_IN_A_ROW: usize = 64;

/// A run that is ready to start.
pub struct Root {
    pub(super) engine: Box<Engine>,
    pub(super) mailbox: Mailbox<Message>,
}

impl Root {
    /// Has this one tell of outcomes what it can.
    pub fn employ(&mut self, scribe: Box<dyn Scribe>) {
        self.engine.teller.employ(scribe);
    }

    /// Runs to the last outcome, whatever happens: when the loop itself has a bug, the reporter is told that it is over.
    pub fn run(self, warnings: impl Iterator<Item = String>) {
        let queue = self.engine.teller.queue();
        let ended = panic::catch_unwind(AssertUnwindSafe(|| self.run_to_the_end(warnings)));
        if !ended.is_ok_and(|is_whole| is_whole.is_some()) {
            queue.close();
        }
    }

    /// `None` when a step went wrong that somebody else did.
    fn run_to_the_end(self, warnings: impl Iterator<Item = String>) -> Option<()> {
        let Root { mut engine, mailbox } = self;
        let means = Arc::clone(&engine.means);
        engine.teller.tell(Event::RunStarted(engine.info.clone()));
        for warning in warnings {
            engine.teller.tell(Event::Warning(warning));
        }
        engine.teller.flush();
        let mut messages = VecDeque::new();
        while !engine.is_over() {
            let wake_at = start_what_may(&mut engine, &mailbox);
            if engine.is_over() {
                break;
            }
            let until = engine.waits_until(wake_at);
            means.desk.lay(engine);
            mailbox.receive(until, &mut messages);
            engine = means.desk.take()?;
            engine.look_at_the_time();
            for message in messages.drain(..) {
                engine.take(message);
            }
            // Before it is asked whether that was all: lines that are no URL are done with as they are taken up.
            engine.take_up_what_may(Instant::now());
            engine.go_round();
        }
        engine.end();
        Some(())
    }
}

/// Starts all that may be; says when the next may be, if that is a matter of time.
fn start_what_may(engine: &mut Engine, mailbox: &Mailbox<Message>) -> Option<Instant> {
    let mut started = 0;
    loop {
        let now = Instant::now();
        if let Err(wake_at) = engine.start_next(now) {
            return wake_at;
        }
        started += 1;
        if started % STARTS_IN_A_ROW == 0 {
            mailbox.yield_through_selector();
            if mailbox.has_message() {
                return Some(now);
            }
        }
    }
}
