//! What the process comes to while it runs: its most threads and its most memory.
//!
//! Knows /proc/self. Refuses to count unless it was begun, so that a run that nobody measures pays one load of a flag.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::event::Measures;

/// A folder's links beside those of the folders in it: its own name and its dot.
const OWN_LINKS: u64 = 2;

/// The counts of one process.
#[derive(Debug, Default)]
pub(super) struct Census {
    is_begun: AtomicBool,
    peak_threads: AtomicU64,
    memory_before: AtomicU64,
}

impl Census {
    /// From now on; what is resident by now is there without any request.
    pub(super) fn begin(&self) {
        self.memory_before.store(memory("VmRSS:").unwrap_or(0), Ordering::Relaxed);
        self.is_begun.store(true, Ordering::Relaxed);
        self.note_threads();
    }

    /// Called where threads have just become more. A look costs one system call.
    pub(super) fn note_threads(&self) {
        if self.is_begun.load(Ordering::Relaxed) {
            self.peak_threads.fetch_max(threads().unwrap_or(0), Ordering::Relaxed);
        }
    }

    /// All together; `None` when it was not begun.
    pub(super) fn measures(&self) -> Option<Measures> {
        self.note_threads();
        self.is_begun.load(Ordering::Relaxed).then(|| Measures {
            peak_threads: self.peak_threads.load(Ordering::Relaxed),
            // The parent's view would not do: `ru_maxrss` begins with what the parent held when it forked.
            peak_memory: memory("VmHWM:").unwrap_or(0),
            memory_before: self.memory_before.load(Ordering::Relaxed),
        })
    }
}

/// The kernel counts a process's threads as the folders in its `task`, and says so without listing them.
fn threads() -> Option<u64> {
    fs::metadata("/proc/self/task").ok()?.nlink().checked_sub(OWN_LINKS)
}

/// A line of /proc/self/status, which is in kB, in bytes.
fn memory(key: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn nothing_is_measured_before_it_is_begun() {
        let census = Census::default();
        census.note_threads();
        assert_eq!(census.measures(), None);
    }

    #[test]
    fn the_most_threads_are_remembered_after_they_have_gone() {
        let census = Census::default();
        census.begin();
        let threads: Vec<_> = (0..5)
            .map(|_| {
                let (let_go, wait) = mpsc::channel::<()>();
                (let_go, thread::spawn(move || wait.recv().is_err()))
            })
            .collect();
        census.note_threads();
        for (let_go, thread) in threads {
            drop(let_go);
            assert!(thread.join().unwrap());
        }
        let measures = census.measures().unwrap();
        assert!(measures.peak_threads >= 6, "{measures:?}");
        assert!(measures.memory_before > 0 && measures.peak_memory >= measures.memory_before, "{measures:?}");
    }
}
