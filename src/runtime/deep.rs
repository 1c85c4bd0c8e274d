//! One deep stack for all coroutines of a thread, lent to work that needs much of it and waits for nothing.
//!
//! A page of a stack that was touched once stays the process's. TLS goes twice as deep as all the rest of a fetch, and is
//! soon back: on its own stack each parked connection kept 32 KiB of it, and keeps 12 when they take turns on this one
//! (2026-11).
//!
//! Knows switching there and back. Refuses to know what the work is.
#![expect(unsafe_code, reason = "a borrowed closure crosses a switch of stacks: argued where it does")]

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::panic::{self, AssertUnwindSafe};

use generator::{Gn, LocalGenerator};

use super::green;

/// What is to be done there; good until it is done.
type Errand = *mut dyn FnMut();

/// The stack, and the loop on it that does one errand after the other.
type Stack = ManuallyDrop<LocalGenerator<'static, Errand, ()>>;

/// The deep stack of a thread.
enum Deep {
    Unmade,
    Idle(Stack),
    /// Somebody is on it.
    Lent,
}

thread_local! {
    static DEEP: Cell<Deep> = const { Cell::new(Deep::Unmade) };
}

/// Does something that may need much stack and must not wait: on the deep stack of this thread where the caller is a
/// coroutine, else where it stands. So it does where the stack is lent, which is by an errand within an errand, and
/// where none can be had.
pub fn deep<R>(work: impl FnOnce() -> R) -> R {
    if !green::is_coroutine() {
        return work();
    }
    let mut stack = match DEEP.replace(Deep::Lent) {
        Deep::Idle(stack) => stack,
        Deep::Lent => return work(),
        Deep::Unmade => match stack() {
            Some(stack) => stack,
            None => {
                DEEP.set(Deep::Unmade);
                return work();
            }
        },
    };
    let done = run(&mut stack, work);
    DEEP.set(Deep::Idle(stack));
    done.unwrap_or_else(|panic| panic::resume_unwind(panic))
}

fn run<R>(stack: &mut Stack, work: impl FnOnce() -> R) -> std::thread::Result<R> {
    let mut work = Some(AssertUnwindSafe(work));
    let mut done = None;
    let mut errand = || done = work.take().map(panic::catch_unwind);
    let errand: &mut dyn FnMut() = &mut errand;
    // SAFETY: only the lifetime is taken away. `send` comes back when the errand is done, and nobody keeps the pointer.
    let errand = unsafe { std::mem::transmute::<&mut dyn FnMut(), &'static mut dyn FnMut()>(errand) };
    stack.send(&raw mut *errand);
    done.expect("an errand that was sent is done")
}

/// `None` where there is no memory for it. It is never given back: its thread is the worker, which lasts.
fn stack() -> Option<Stack> {
    let serve = |mut scope: generator::Scope<'_, '_, Errand, ()>| {
        let mut next = scope.get_yield();
        while let Some(errand) = next {
            // SAFETY: `run` holds the closure until this loop has come back to it, which is the next line's doing. What
            // panics is caught within it.
            unsafe { (*errand)() };
            // SAFETY: this stack is never dropped, so what it holds across the switch is never lost.
            next = unsafe { scope.yield_unsafe(()) };
        }
    };
    green::catching(|| Ok(ManuallyDrop::new(Gn::new_scoped_opt_local(green::STACK_WORDS, serve)))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Mode;
    use crate::runtime::Runtime;

    /// Where the stack of the caller is, to a page's worth or so.
    fn here() -> usize {
        let mark = 0_u8;
        (&raw const mark).addr()
    }

    fn is_another(stack: usize, other: usize) -> bool {
        stack.abs_diff(other) > green::STACK_BYTES / 2
    }

    #[test]
    fn coroutines_share_a_stack_and_threads_stay_on_theirs() {
        let places = || [here(), deep(here), deep(|| deep(here))];
        let [own, lent, nested] = Runtime::start(Mode::Coroutines, 1).unwrap().run_root(places).unwrap();
        assert!(is_another(own, lent) && !is_another(lent, nested), "{own:x} {lent:x} {nested:x}");
        let [own, stays, nested] = Runtime::start(Mode::Threads, 1).unwrap().run_root(places).unwrap();
        assert!(!is_another(own, stays) && !is_another(own, nested), "{own:x} {stays:x} {nested:x}");
    }

    #[test]
    fn what_panics_there_panics_here_and_the_stack_is_good_for_the_next() {
        let both = || {
            let crashed = panic::catch_unwind(|| deep(|| panic::resume_unwind(Box::new("quietly"))));
            (crashed.is_err(), deep(|| 42))
        };
        let runtime = Runtime::start(Mode::Coroutines, 1).unwrap();
        assert_eq!(runtime.run_root(both).unwrap(), (true, 42));
    }
}
