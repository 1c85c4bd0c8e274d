//! What the machine allows: descriptors, maps, threads, address space.
//!
//! Knows the system's limits and what a job costs of each. Refuses to know what jobs do.

use super::sys::{self, Limit};
use super::{THREAD_STACK_BYTES, green};
use crate::config::Mode;

/// Descriptors that a run needs beside those of its jobs: standard streams, selector, timers, list, look-ups.
const RESERVED_DESCRIPTORS: u64 = 16;

/// Maps that a process has beside its stacks: libraries, heaps, threads.
const RESERVED_MAPS: u64 = 2000;

/// Maps that a stack takes: itself and its guard page.
const MAPS_PER_STACK: u64 = 2;

/// Threads of ours beside those of the jobs, and of other programs of the same user.
const RESERVED_THREADS: u64 = 100;

/// Address space for what is not a job's: where none is left the allocator aborts, and so does a thread that begins.
const RESERVED_ADDRESS_SPACE: u64 = 16 << 20;

/// What a job may take beside its stack: a read buffer, TLS, a decoder.
const HEAP_PER_JOB: u64 = 512 << 10;

/// Arenas of the allocator where address space is limited: each but the first would take 64 MiB of it.
const ARENAS: i32 = 1;

/// How many of the wanted jobs can be had when each has so many descriptors open, and a sentence when it is fewer. Raises
/// the soft limit of descriptors to the hard one first.
pub fn jobs_allowed(mode: Mode, wanted: u32, descriptors_each: u64) -> (u32, Option<String>) {
    allowed(most_jobs(mode, descriptors_each), wanted)
}

/// The same where so many other processes have the descriptors: they are limited for each process, and threads for all
/// of them together, where a job has one here too.
pub fn jobs_allowed_over(
    processes: u32,
    mode: Mode,
    wanted: u32,
    descriptors_each: u64,
) -> (u32, Option<String>) {
    let descriptors = descriptors_cap(descriptors_each);
    let descriptors = descriptors.map(|(jobs, why)| (jobs.saturating_mul(processes.into()), why));
    let threads = threads_cap().filter(|_| mode == Mode::Threads).map(|(jobs, why)| (jobs / 2, why));
    let here = [maps_cap(), address_space_cap(green::STACK_BYTES)];
    let caps = [descriptors, threads].into_iter().chain(here).flatten();
    allowed(caps.min_by_key(|(jobs, _)| *jobs), wanted)
}

fn allowed(most: Option<(u64, String)>, wanted: u32) -> (u32, Option<String>) {
    match most {
        Some((jobs, why)) if jobs < u64::from(wanted) => {
            let jobs = u32::try_from(jobs.max(1)).unwrap_or(u32::MAX);
            (jobs, Some(format!("--jobs lowered from {wanted} to {jobs}: {why}")))
        }
        _ => (wanted, None),
    }
}

/// The most jobs that can be had at once when each has so many descriptors open, and what says so; `None` when nothing does. Raises the soft limit of
/// descriptors to the hard one first.
pub fn most_jobs(mode: Mode, descriptors_each: u64) -> Option<(u64, String)> {
    let mut caps = vec![descriptors_cap(descriptors_each)];
    match mode {
        Mode::Coroutines => caps.extend([maps_cap(), address_space_cap(green::STACK_BYTES)]),
        Mode::Threads => caps.extend([maps_cap(), threads_cap(), address_space_cap(THREAD_STACK_BYTES)]),
        Mode::Sync => {}
    }
    caps.into_iter().flatten().min_by_key(|(jobs, _)| *jobs)
}

/// The most connections that one address of a server can have from here at once, and what says so; `None` when it is
/// not known.
pub fn most_ports() -> Option<(u64, String)> {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let (first, last) = range.trim().split_once(char::is_whitespace)?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.trim().parse().ok()?);
    let why = format!("net.ipv4.ip_local_port_range is {first} to {last}, and each connection takes a port");
    Some(((last + 1).saturating_sub(first), why))
}

fn descriptors_cap(each: u64) -> Option<(u64, String)> {
    let (soft, hard) = sys::limit(Limit::Descriptors).ok()?;
    let soft = if soft < hard && sys::set_soft_limit(Limit::Descriptors, hard).is_ok() { hard } else { soft };
    let why = format!("the limit of open descriptors is {soft} (ulimit -n)");
    Some((soft.saturating_sub(RESERVED_DESCRIPTORS) / each.max(1), why))
}

fn maps_cap() -> Option<(u64, String)> {
    let maps = read_number("/proc/sys/vm/max_map_count")?;
    let why = format!("vm.max_map_count is {maps}, and each job takes a stack of {MAPS_PER_STACK} maps");
    Some((maps.saturating_sub(RESERVED_MAPS) / MAPS_PER_STACK, why))
}

fn threads_cap() -> Option<(u64, String)> {
    let (soft, _) = sys::limit(Limit::Threads).ok()?;
    let system = read_number("/proc/sys/kernel/threads-max").unwrap_or(u64::MAX);
    let threads = soft.min(system);
    Some((threads.saturating_sub(RESERVED_THREADS), format!("the limit of threads is {threads} (ulimit -u)")))
}

/// `None` where it is not limited, which is usual. Keeps the allocator from taking what stacks are to have.
fn address_space_cap(stack_bytes: usize) -> Option<(u64, String)> {
    let (limit, _) = sys::limit(Limit::AddressSpace).ok()?;
    if limit == u64::MAX {
        return None;
    }
    sys::limit_arenas(ARENAS);
    let left = limit.saturating_sub((taken_kib()? << 10) + RESERVED_ADDRESS_SPACE);
    let each = u64::try_from(stack_bytes).ok()? + HEAP_PER_JOB;
    let why = format!(
        "the address space is {} KiB (ulimit -v), and each job takes {} KiB",
        limit >> 10,
        each >> 10
    );
    Some((left / each, why))
}

/// The address space that the process has taken, in KiB.
fn taken_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"))?;
    size.split_whitespace().next()?.parse().ok()
}

fn read_number(path: &str) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_jobs_are_always_allowed_and_too_many_are_explained() {
        assert_eq!(jobs_allowed(Mode::Sync, 1, 1), (1, None));
        let (jobs, why) = jobs_allowed(Mode::Coroutines, u32::MAX, 2);
        assert!((1..u32::MAX).contains(&jobs));
        assert!(why.is_some_and(|why| why.starts_with("--jobs lowered from 4294967295 to ")));
    }
}
