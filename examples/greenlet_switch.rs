//! Two and three tasks that switch to each other by hand: 12 56 34, then 1 2 3 4 5 6.
//!
//! The idea: a task is a stack of its own. A switch saves a few registers, leaves the stack where it is and goes on in
//! another one, in the middle of a function. From the greenlet tutorials (`gr1.switch()`); there, too, 78 is never
//! printed, as nobody switches back to the second task.
//!
//! A greenlet switches to any other. A generator switches to its caller alone, so the caller here asks each task who is
//! next: four lines that are a scheduler.
//!
//! In greenfetch: may's coroutines are such generators and its worker is such a caller. src/runtime/green.rs
//! `spawn_local` makes one, src/runtime/slot.rs `park_coroutine` switches away from it.
//!
//! `cargo run --release --example greenlet_switch -- 10000000` measures so many switches, there and back.
#![expect(clippy::print_stdout, reason = "a program, and its output is the point")]

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use generator::{Generator, Gn};

/// A task that says, at each switch, who is next; `None` goes back to where all began.
type Greenlet = Generator<'static, (), Option<usize>>;

fn switch_to(first: usize, tasks: &mut [Greenlet]) {
    let mut next = Some(first);
    while let Some(task) = next {
        next = tasks[task].resume().flatten();
    }
}

fn two() -> [Greenlet; 2] {
    let first = Gn::new_scoped(|mut this| {
        println!("12");
        this.yield_(Some(1));
        println!("34");
        None
    });
    let second = Gn::new_scoped(|mut this| {
        println!("56");
        this.yield_(Some(0));
        println!("78");
        None
    });
    [first, second]
}

/// Each prints, has the next one go on, and prints once more when its turn comes again.
fn three() -> [Greenlet; 3] {
    [0, 1, 2].map(|number| {
        let next = (number + 1) % 3;
        Gn::new_scoped(move |mut this| {
            println!("{}", number + 1);
            this.yield_(Some(next));
            println!("{}", number + 4);
            (number < 2).then_some(next)
        })
    })
}

fn main() {
    if let Some(times) = std::env::args().nth(1).and_then(|times| times.parse().ok()) {
        return measure(times);
    }
    switch_to(0, &mut two());
    switch_to(0, &mut three());
}

/// The price of going to another stack and coming back, beside that of two threads that hand over to each other. The
/// threads take a thousandth of the turns, or it would be a long wait.
fn measure(times: u32) {
    let of_stacks = between_stacks(times);
    println!("to another stack and back: {:.1} ns", of_stacks.as_secs_f64() * 1e9 / f64::from(times.max(1)));
    let fewer = (times / 1000).max(1);
    let of_threads = between_threads(fewer);
    println!("to another thread and back: {:.0} ns", of_threads.as_secs_f64() * 1e9 / f64::from(fewer));
}

fn between_stacks(times: u32) -> Duration {
    let mut task = Gn::<()>::new_scoped(|mut this| {
        loop {
            this.yield_(());
        }
    });
    let began = Instant::now();
    for _ in 0..times {
        task.resume();
    }
    began.elapsed()
}

fn between_threads(times: u32) -> Duration {
    let (there, arrivals) = mpsc::sync_channel(0);
    let (back, returns) = mpsc::sync_channel(0);
    let other = thread::spawn(move || arrivals.iter().all(|()| back.send(()).is_ok()));
    let began = Instant::now();
    for _ in 0..times {
        let _ = there.send(());
        let _ = returns.recv();
    }
    let took = began.elapsed();
    drop(there);
    let _ = other.join();
    took
}
