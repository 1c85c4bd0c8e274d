//! Ten tasks that sleep half a second: one after another, then together, with the time of both.
//!
//! The idea: the task is the same function both times, and nothing in it says which. Whether it is called or spawned
//! decides if the waits add up or lie beside each other. From the gevent tutorials ("synchronous and asynchronous
//! execution").
//!
//! In greenfetch: `--sync` and coroutines run the same src/http/mod.rs `fetch_one`, and src/engine/mod.rs `start` spawns
//! it in every mode; the mode is a value in src/runtime/mod.rs `start`. As here, the loop that spawned them waits for
//! messages: src/engine/root.rs `run_to_the_end`. One that has passed need not even send one: src/engine/desk.rs `settle`.
#![expect(clippy::print_stdout, reason = "a program, and its output is the point")]

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use greenfetch::config::Mode;
use greenfetch::runtime::{Runtime, Slot, Wake};

const TASKS: u32 = 10;

/// What each has to wait for.
const PAUSE: Duration = Duration::from_millis(500);

fn main() -> io::Result<()> {
    let runtime = Runtime::start(Mode::Coroutines, TASKS)?;
    let hub = runtime.clone();
    let (one_by_one, together) = runtime.run_root(move || {
        let began = Instant::now();
        one_after_another(&hub);
        let one_by_one = began.elapsed();
        all_together(&hub).map(|()| (one_by_one, began.elapsed() - one_by_one))
    })??;
    println!("one after another: {:.2} s", one_by_one.as_secs_f64());
    println!("together: {:.2} s", together.as_secs_f64());
    Ok(())
}

fn task(number: u32, slot: &Slot) {
    let until = Instant::now() + PAUSE;
    while slot.park(Some(until)) == Wake::Woken {}
    println!("Task {number} done");
}

fn one_after_another(runtime: &Runtime) {
    let slot = runtime.slot();
    for number in 1..=TASKS {
        task(number, &slot);
    }
}

fn all_together(runtime: &Runtime) -> io::Result<()> {
    let (sender, mailbox) = runtime.mailbox();
    for number in 1..=TASKS {
        let (slot, sender) = (runtime.slot(), sender.clone());
        runtime.spawn(move || {
            task(number, &slot);
            sender.send(());
        })?;
    }
    let (mut left, mut ended) = (TASKS as usize, VecDeque::new());
    while left > 0 {
        mailbox.receive(None, &mut ended);
        left -= ended.drain(..).count();
    }
    Ok(())
}
