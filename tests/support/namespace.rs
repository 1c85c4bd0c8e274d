//! A network and a few files that are a test's own.
//!
//! Knows how a thread gets them: what it starts, threads and processes, has them too, and no other test does. Refuses to
//! pass in silence where the system does not allow it.

use std::fs;
use std::io::{self, Write as _};
use std::panic;
use std::path::Path;
use std::thread;

use super::sys;

/// Set where these tests must not be left out.
const REQUIRED: &str = "GREENFETCH_TEST_NAMESPACES";

/// Runs a test in a network that has a loopback of its own and nothing else, with mounts that nobody else sees. Where
/// this takes rights that one has not, it says so and the test is left out.
pub(crate) fn in_own_network(test: impl FnOnce() + Send + 'static) {
    let thread = thread::spawn(move || match sys::leave_for_own_network() {
        Ok(()) => test(),
        Err(error) => leave_out(&error),
    });
    if let Err(panic) = thread.join() {
        panic::resume_unwind(panic);
    }
}

fn leave_out(error: &io::Error) {
    let name = thread::current().name().unwrap_or_default().to_owned();
    let required = std::env::var_os(REQUIRED).is_some();
    assert!(!required, "{REQUIRED} is set, and there is no network of one's own to be had: {error}");
    // A stderr that is closed takes no note.
    let _ =
        writeln!(io::stderr(), "NOT RUN {name}: it needs a network of its own: {error} (root has the right)");
}

/// Puts these bytes where a file is, for this test alone; `dir` keeps them.
pub(crate) fn replace_file(path: &str, bytes: &str, dir: &Path) {
    let name = path.replace('/', "_");
    let ours = dir.join(name);
    fs::write(&ours, bytes).expect("a folder to write to");
    sys::bind_mount(&ours, Path::new(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
}
