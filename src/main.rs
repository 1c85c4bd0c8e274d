//! The process: arguments in, exit status out.
fn main() {}
