//! The process: arguments in, exit status out. Nobody else ends it.

use std::process::ExitCode;

use greenfetch::exit::ExitStatus;
use greenfetch::{run, signal};

fn main() -> ExitCode {
    let status = run::main(std::env::args_os());
    if let ExitStatus::Signal(number) = status {
        signal::die_of(number);
    }
    ExitCode::from(status.code())
}
