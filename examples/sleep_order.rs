//! Three tasks print, sleep 2 s, 1 s and 0 s, and print again: 1 2 3 6 5 4.
//!
//! The idea: to sleep is to note down when one wants to be woken and to switch away, so whoever sleeps least is back
//! first, and all is over after the longest sleep. From the gevent tutorials (`gevent.spawn`, `gevent.sleep`,
//! `gevent.joinall`).
//!
//! In greenfetch: src/runtime/slot.rs `park` with a time; src/runtime/green.rs `take_late` wakes whoever is late. All
//! limits of a fetch are such times: src/http/wire.rs `wait`.
#![expect(clippy::print_stdout, reason = "a program, and its output is the point")]

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use greenfetch::config::Mode;
use greenfetch::runtime::{Answer, Runtime, Slot, Wake};

fn main() -> io::Result<()> {
    let runtime = Runtime::start(Mode::Coroutines, 3)?;
    let hub = runtime.clone();
    runtime.run_root(move || sleep_all(&hub))?
}

fn sleep_all(runtime: &Runtime) -> io::Result<()> {
    let tasks = [(1, 2, 4), (2, 1, 5), (3, 0, 6)]
        .map(|(first, seconds, last)| spawn(runtime, first, Duration::from_secs(seconds), last));
    // joinall: whoever has ended already answers at once.
    let slot = runtime.slot();
    for task in tasks {
        let _ = task?.wait(&slot, None);
    }
    Ok(())
}

fn spawn(runtime: &Runtime, first: u32, pause: Duration, last: u32) -> io::Result<Arc<Answer<()>>> {
    let (end, slot) = (Arc::new(Answer::default()), runtime.slot());
    let task = Arc::clone(&end);
    runtime.spawn(move || {
        println!("{first}");
        sleep(&slot, pause);
        println!("{last}");
        end.give(());
    })?;
    Ok(task)
}

/// A sleep of nothing is over before anybody could be switched to, so it gives its turn away, as gevent's does.
fn sleep(slot: &Slot, pause: Duration) {
    if pause.is_zero() {
        return slot.yield_through_selector();
    }
    let until = Instant::now() + pause;
    while slot.park(Some(until)) == Wake::Woken {}
}
