//! Head-room of coroutine stacks: each way through a fetch takes less than half of one.
//!
//! Knows the kernel's account of a running product: a stack's touched pages stay touched, so what its deepest call took
//! can be read from outside once a fetch is done. No switch inside the product is needed for it, and what is measured
//! is what is shipped, in any profile. Refuses to be exact: it counts pages, and may's mark at the bottom as one.

use std::ffi::OsString;

use crate::support::Greenfetch;
use crate::support::listeners::refused_addr;
use crate::support::origin::{Origin, TlsOrigin};
use crate::support::running::Running;
use crate::support::script::{Script, Steps as _};
use crate::support::wire::certificate;

/// A coroutine's stack: `STACK_WORDS` of `src/runtime/green.rs`. No stack of this size is found when they differ, and
/// that is a failure too.
const STACK_KIB: u64 = if cfg!(debug_assertions) { 1024 } else { 256 };

/// Stacks are counted in these.
const PAGE_KIB: u64 = 4;

/// The coroutines of a run with one URL at least: the timer, the giver of turns, the loop, the fetch.
const LEAST_STACKS: usize = 4;

/// What a process has at some addresses.
pub(crate) struct Mapping {
    kib: u64,
    pub(crate) resident_kib: u64,
    permissions: String,
    /// Of a file, its path.
    pub(crate) name: Option<String>,
}

/// As `proc_pid_smaps(5)` says it: a line of addresses, then a line for each figure.
pub(crate) fn mappings(smaps: &str) -> Vec<Mapping> {
    let mut all: Vec<Mapping> = Vec::new();
    for line in smaps.lines() {
        let mut words = line.split_ascii_whitespace();
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let figure = || second.parse::<u64>().expect("KiB");
        match (first, all.last_mut()) {
            ("Size:", Some(mapping)) => mapping.kib = figure(),
            ("Rss:" | "Swap:", Some(mapping)) => mapping.resident_kib += figure(),
            _ if first.contains('-') => {
                // Offset, device and inode come before it.
                let name = words.nth(3).map(str::to_owned);
                all.push(Mapping { kib: 0, resident_kib: 0, permissions: second.to_owned(), name });
            }
            _ => {}
        }
    }
    all
}

/// What each stack has used, in KiB: a stack is a mapping of its size above a guard page.
fn stacks(smaps: &str) -> Vec<u64> {
    let all = mappings(smaps);
    let is_stack = |pair: &&[Mapping]| {
        let [below, here] = pair else { return false };
        below.permissions == "---p" && here.permissions == "rw-p" && here.kib == STACK_KIB
    };
    all.windows(2).filter(is_stack).map(|pair| pair[1].resident_kib).collect()
}

/// One way through a fetch: options, URL, and what standard error says of it; nothing when it passes.
struct Way {
    name: &'static str,
    args: Vec<OsString>,
    url: String,
    failure: &'static str,
}

fn way(name: &'static str, args: &[&str], url: String, failure: &'static str) -> Way {
    Way { name, args: args.iter().map(Into::into).collect(), url, failure }
}

impl Way {
    /// Takes it, and says how deep its stacks went, the deepest first. The list is left open: they are still there.
    fn depths_kib(&self) -> Vec<u64> {
        let chain = Greenfetch::new().with_summary().args(self.args.clone()).cacert(certificate("ca"));
        let mut running: Running = chain.operand("-").stdin_open().spawn();
        running.write_stdin(&format!("{}\n", self.url));
        if self.failure.is_empty() {
            let line = running.next_stdout_line();
            assert!(line.is_some(), "{} did not pass\n{}", self.name, running.finish().stderr);
        } else {
            running.wait_for_stderr(self.failure);
        }
        let mut used = stacks(&running.smaps());
        used.sort_unstable_by(|one, other| other.cmp(one));
        running.close_stdin();
        running.finish();
        assert!(used.len() >= LEAST_STACKS, "{}: only {} stacks of {STACK_KIB} KiB", self.name, used.len());
        used
    }
}

#[test]
fn every_way_through_a_fetch_takes_less_than_half_of_a_stack() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let script = |origin: Origin| {
        origin
            .script("/ok", Script::ok("hello"))
            .script("/chunked", chunked.keep_alive())
            .script("/redirect", Script::redirect(302, "/ok"))
            .script("/cut", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello".then_fin())
            .script("/bad", "nonsense\r\n\r\n".then_fin())
    };
    let (http, https) = (script(Origin::start()), script(TlsOrigin::start("localhost")));
    let expired = script(TlsOrigin::start("expired"));
    let (plain, tls) = (|path| http.url(path), |path| https.url_as("https", "localhost", path));
    let ways = [
        way("http", &[], plain("/ok"), ""),
        way("http, through ureq", &["-d", "a=b", "-u", "me:secret"], plain("/ok"), ""),
        way("http, with the wire log", &["-vv"], plain("/ok"), ""),
        way("http, chunked", &[], plain("/chunked"), ""),
        way("http, redirected", &["--json"], plain("/redirect"), ""),
        way("http, cut", &[], plain("/cut"), "closed (receive)"),
        way("http, no HTTP", &[], plain("/bad"), "protocol ("),
        way("refused", &[], format!("http://{}/", refused_addr()), "connect (connect)"),
        way("https", &[], tls("/ok"), ""),
        way("https, through ureq", &["-d", "a=b"], tls("/ok"), ""),
        way("https, chunked", &[], tls("/chunked"), ""),
        way("https, redirected", &["--json"], tls("/redirect"), ""),
        way("https, cut", &[], tls("/cut"), "closed (receive)"),
        way("https, not trusted", &[], expired.url("/ok"), "tls (tls)"),
    ];
    let depths: Vec<(&str, u64)> = ways.iter().map(|way| (way.name, way.depths_kib()[0])).collect();
    println!("KiB of {STACK_KIB}: {depths:?}");
    for (name, kib) in depths {
        assert!(
            kib * 2 <= STACK_KIB,
            "{name}: {kib} KiB of {STACK_KIB}; a stack is to be twice what is used"
        );
        assert!(kib > 8, "{name}: {kib} KiB is less than any fetch can do with: the stack was not found");
    }
}

#[test]
fn what_goes_deep_deepens_one_stack_for_all() {
    let (http, https) = (Origin::start(), TlsOrigin::start("localhost"));
    let [http, https] = [http, https].map(|origin| origin.script("/ok", Script::ok("hello")));
    let plain = way("http", &[], http.url("/ok"), "").depths_kib();
    let tls = way("https", &[], https.url_as("https", "localhost", "/ok"), "").depths_kib();
    println!("KiB of {STACK_KIB}: http {plain:?}, https {tls:?}");
    assert_eq!(tls.len(), plain.len(), "the deep stack is there for both, once ureq has written a request");
    let deeper = tls.iter().zip(&plain).skip(1).filter(|(tls, plain)| **tls > **plain + PAGE_KIB).count();
    assert_eq!(deeper, 0, "beside the deep stack one went deeper over https: {tls:?}, without {plain:?}");
}

#[test]
fn a_stack_is_known_by_its_size_and_its_guard() {
    let block = |from: u64, kib: u64, permissions: &str, resident: u64| {
        let to = from + (kib << 10);
        format!(
            "{from:x}-{to:x} {permissions} 00000000 00:00 0 \nSize: {kib} kB\nRss: {resident} kB\nSwap: 4 kB\n"
        )
    };
    let smaps = [
        block(0x1000, STACK_KIB, "rw-p", 7),
        block(0x900_0000, 4, "---p", 0),
        block(0x900_1000, STACK_KIB, "rw-p", 36),
        block(0xa00_0000, 4, "---p", 0),
        block(0xa00_1000, STACK_KIB / 2, "rw-p", 8),
    ];
    assert_eq!(stacks(&smaps.concat()), [40]);
}
