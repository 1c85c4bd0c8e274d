//! The process: arguments in, exit status out. Nobody else ends it.

use std::process::ExitCode;

use greenfetch::exit::ExitStatus;
use greenfetch::{run, signal};

/// Entries are made on the list's thread, outcomes on the worker, and both end on the reporter's: glibc's allocator
/// locks its arenas for that, this one does not (small-keepalive, 2026-11: MEASURE).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let status = run::main(std::env::args_os());
    if let ExitStatus::Signal(number) = status {
        signal::die_of(number);
    }
    ExitCode::from(status.code())
}
