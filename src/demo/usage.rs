//! What this process takes of the machine: memory and threads.
//!
//! Knows `/proc/self/status`. Refuses to know what it is taken for.

use std::fs;
use std::io;

/// As the system counts it (`proc_pid_status(5)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    /// Memory in bytes, now.
    pub(super) resident: u64,
    /// The most of it so far.
    pub(super) peak: u64,
    /// Threads, now.
    pub(super) threads: u64,
}

impl Usage {
    /// What it is now.
    ///
    /// # Errors
    /// What the system said, or that it says something else than Linux does.
    pub(super) fn now() -> io::Result<Usage> {
        let status = fs::read_to_string("/proc/self/status")?;
        parse(&status).ok_or_else(|| io::Error::other("/proc/self/status lacks a figure"))
    }
}

fn parse(status: &str) -> Option<Usage> {
    let figure = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line?.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    Some(Usage {
        resident: figure("VmRSS")? << 10,
        peak: figure("VmHWM")? << 10,
        threads: figure("Threads")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_read_and_a_missing_one_is_no_zero() {
        let status =
            "Name:\tVmRSS: 1\nVmPeak:\t  99 kB\nVmHWM:\t    3072 kB\nVmRSS:\t    2048 kB\nThreads:\t7\n";
        assert_eq!(parse(status), Some(Usage { resident: 2 << 20, peak: 3 << 20, threads: 7 }));
        assert_eq!(parse("VmHWM:\t3072 kB\nThreads:\t7\n"), None);
        assert!(Usage::now().unwrap().threads >= 1);
    }
}
