//! `--processes N`: attempts are made by N processes of our own, each with its worker, and everything else stays here.
//!
//! List, schedule, retries and sinks are the run's, so that every limit holds as with one process. A process is a remote
//! [`Fetch`]: a request goes over a socket, and its fetch parks here until the attempt comes back, with its checks judged
//! and its body saved. A process that ends or stands still is replaced; what it had in hand is one `internal` failure each.
//!
//! Knows processes, what they are told and which request goes to which. Refuses to know HTTP: what makes the attempts is
//! the `Client` of any run.

mod balance;
mod link;
mod nursery;
mod overdue;
mod remote;
mod serve;
mod standstill;
mod wire;

use std::sync::Arc;
use std::thread::JoinHandle;

use crate::config::{Concurrency, Config};
use crate::http::Fetch;
use crate::runtime::Runtime;
use remote::{Crew, Remote};

pub use serve::serve;

/// The environment variable that makes this executable a process of a run: set for our own children alone.
pub const CHILD_VARIABLE: &str = "GREENFETCH_PREFORK";

/// Tasks of the runtime that each process takes beside its fetches: one reads what it says, one writes to it.
pub const TASKS_PER_PROCESS: u32 = 2;

/// The processes of a run. Dropping it ends them and waits until they are gone.
pub struct Processes {
    crew: Arc<Crew>,
    nursery: Option<JoinHandle<()>>,
}

/// Starts the processes of a run and waits until they are ready. Each may have all the jobs of the run in hand, as far
/// as its descriptors go.
///
/// # Errors
/// A sentence for exit 2: what a client says to the configuration, or why there is no process.
pub fn start(
    config: &Config,
    concurrency: &Concurrency,
    runtime: &Runtime,
) -> Result<(Arc<dyn Fetch>, Processes), String> {
    let (crew, words) = Crew::new(concurrency.processes, runtime);
    let terms = wire::Terms::of(config, concurrency.jobs);
    let (nursery, started) = nursery::open(Arc::clone(&crew), terms, config.output.output_dir.clone(), words)
        .map_err(|error| format!("cannot start a thread: {error} (ulimit -u, ulimit -v)"))?;
    let processes = Processes { crew: Arc::clone(&crew), nursery: Some(nursery) };
    started.recv().unwrap_or_else(|_| Err("no process could be started".to_owned()))?;
    Ok((Arc::new(Remote::new(crew)), processes))
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.crew.end();
        if let Some(nursery) = self.nursery.take() {
            // It has no result, and a panic of its was printed.
            let _ = nursery.join();
        }
    }
}
