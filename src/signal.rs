//! SIGINT, TERM, HUP and USR1 → messages.
//!
//! Knows which signals mean what. Refuses to end the run by itself: the first INT is a message like any other.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use signal_hook::low_level;

use crate::engine::{Message, Queue, View};
use crate::event::{Event, Stop};
use crate::runtime::children::Leash;
use crate::runtime::{self, Sender};

/// Forwards signals from now on. One that the parent had us ignore, as nohup does with HUP, stays ignored. `tidy_up` is
/// called before a second one ends the process at once.
///
/// # Errors
/// What the system said when there is no thread or descriptor for it.
pub fn forward(
    sender: Sender<Message>,
    view: View,
    queue: Arc<Queue>,
    mut tidy_up: impl FnMut() + Send + 'static,
) -> io::Result<()> {
    let ends = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !runtime::is_signal_ignored(*signal));
    let mut signals = Signals::new(ends.chain([SIGUSR1]))?;
    let builder = std::thread::Builder::new().name("signals".to_owned()).stack_size(64 << 10);
    builder.spawn(move || {
        let mut is_second = false;
        for signal in signals.forever() {
            match signal {
                // Told past the loop, so that it comes also while the worker is blocked.
                SIGUSR1 => queue.put(&mut vec![Event::Parked(view.parked(Instant::now()))]),
                signal if is_second => {
                    // The screen alone, not the files of bodies under way: the disk may be what hangs.
                    tidy_up();
                    die_of(signal);
                }
                signal => {
                    is_second = true;
                    // Where they were is known no more once they are cancelled.
                    let parked = view.parked(Instant::now());
                    if !parked.is_empty() {
                        queue.put(&mut vec![Event::Parked(parked)]);
                    }
                    sender.send(Message::Stop(Stop::Signal(signal)));
                }
            }
        }
    })?;
    Ok(())
}

/// Passes the signals that end processes on to the child that is under way; a second one ends us at once.
///
/// # Errors
/// What the system said when there is no thread or descriptor for it.
pub fn pass_on(leash: Arc<Leash>) -> io::Result<()> {
    let ends = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !runtime::is_signal_ignored(*signal));
    let mut signals = Signals::new(ends)?;
    let builder = std::thread::Builder::new().name("signals".to_owned()).stack_size(64 << 10);
    builder.spawn(move || {
        for signal in signals.forever() {
            if leash.pulled().is_some() {
                die_of(signal);
            }
            leash.pull(signal);
        }
    })?;
    Ok(())
}

/// Ends the process by a signal, so that a shell's loop ends too. Comes back only where the system protects the process
/// from it, as it does PID 1.
pub fn die_of(signal: i32) {
    let _ = low_level::emulate_default_handler(signal);
}
