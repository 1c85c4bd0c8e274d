//! What the command line means: every option once, checked, with its default, unit and source.
//!
//! Knows values in the groups that `--help` has. Refuses to know how they were typed (`cli`).

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::{Host, Url};

use crate::request::{HeaderEdit, Method, Resolve, RetryPolicy, Secret};

mod output;

pub use output::{Github, Output, ReportKind, ReportTo, TimelineTo, Verbosity};

/// How tasks run: data, not code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One URL after another: threads with one job.
    Sync,
    /// A thread of the system for each URL in flight.
    Threads,
    /// A coroutine for each URL, all on one worker thread. The default.
    Coroutines,
}

impl Mode {
    /// The word of `--mode` and of the record.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Sync => "sync",
            Mode::Threads => "threads",
            Mode::Coroutines => "coroutines",
        }
    }
}

/// Where entries come from, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// An operand that begins with `scheme://`.
    Url(String),
    /// A list file.
    File(PathBuf),
    /// `-`, or no operand and a standard input that is no terminal.
    Stdin,
}

/// The environment variable that makes a run measure its own process: set for the children of a comparison alone.
pub const MEASURES_VARIABLE: &str = "GREENFETCH_MEASURES";

/// The longest name of a Unix socket: what the kernel has room for, without the zero behind it (unix(7)).
pub const MOST_SOCKET_PATH_BYTES: usize = 107;

/// `--compare`: the same list in several modes, several times.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// What every run is like; its mode and its loudness hold for none.
    pub config: Config,
    /// `--compare=MODES`, at least two, in the order typed; one may come twice. Defaults to sync, threads, coroutines.
    pub modes: Vec<Mode>,
    /// `--runs`: counted runs in each mode, 1 to 100. Defaults to 3.
    pub runs: u32,
    /// The options that were typed and that every run takes again, as they were typed.
    pub passed_on: Vec<OsString>,
}

/// Everything a run needs to know. Built once, never changed.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// What to fetch.
    pub operands: Vec<Operand>,
    /// How many at once.
    pub concurrency: Concurrency,
    /// What every request is like unless its line says otherwise.
    pub request: RequestDefaults,
    /// How servers are reached.
    pub connection: Connection,
    /// How long and how much.
    pub limits: Limits,
    /// What is tried again.
    pub retry: RetryPolicy,
    /// The run as a whole.
    pub run: Run,
    /// Who is told what.
    pub output: Output,
    /// What was typed of that which a list can say too.
    pub given: Given,
}

/// Which options were typed, of those that a list can say too: these beat `@defaults`, a default of ours does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each option")]
pub struct Given {
    /// `-X` or `-I`.
    pub method: bool,
    /// `-A`.
    pub user_agent: bool,
    /// `-m`.
    pub max_time: bool,
    /// `--connect-timeout`.
    pub connect_timeout: bool,
    /// `--max-filesize`.
    pub max_filesize: bool,
    /// `--max-redirs`.
    pub max_redirs: bool,
    /// `--retry`.
    pub retry: bool,
}

/// How many at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Concurrency {
    /// `-j`: requests in flight in all, at least 1. Defaults to 50; 1 with `--sync`.
    pub jobs: u32,
    /// `--per-host`: in flight for one listed host; `None` = no limit. Defaults to 10.
    pub per_host: Option<u32>,
    /// Whether `--per-host` was typed: only then does it bind the loopback too.
    pub per_host_given: bool,
    /// `--rate`: the least time between two starts; `None` = as fast as slots come free.
    pub start_interval: Option<Duration>,
    /// `--processes`: those that make the attempts, 1 to 1024, the processors counted where it was 0. Defaults to 1, which
    /// is this one.
    pub processes: u32,
    /// `--mode`, `--sync`. Defaults to coroutines.
    pub mode: Mode,
}

impl Default for Concurrency {
    fn default() -> Concurrency {
        Concurrency {
            jobs: 50,
            per_host: Some(10),
            per_host_given: false,
            start_interval: None,
            processes: 1,
            mode: Mode::Coroutines,
        }
    }
}

/// What every request is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestDefaults {
    /// `-X`, or POST with `-d`, or HEAD with `-I`. Defaults to GET.
    pub method: Method,
    /// `-H`, in order.
    pub headers: Vec<HeaderEdit>,
    /// `-d`: bytes to send; `None` = no body. A form type goes with it unless a header says otherwise.
    pub body: Option<Vec<u8>>,
    /// `-u USER:PASS`.
    pub user: Option<Secret>,
    /// `-A`. Defaults to greenfetch/VERSION; an empty text sends none.
    pub user_agent: String,
    /// `--compressed`: codings are asked for and undone. Defaults to no, so that the count is the file's.
    pub compressed: bool,
    /// `--max-redirs`. Defaults to 10; 0 makes the 3xx the answer.
    pub max_redirs: u32,
}

impl Default for RequestDefaults {
    fn default() -> RequestDefaults {
        RequestDefaults {
            method: Method::GET,
            headers: Vec::new(),
            body: None,
            user: None,
            user_agent: concat!("greenfetch/", env!("CARGO_PKG_VERSION")).to_owned(),
            compressed: false,
            max_redirs: 10,
        }
    }
}

/// Which addresses of a name are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Family {
    /// Both, as RFC 8305 orders them. The default.
    #[default]
    Any,
    /// `-4`.
    V4,
    /// `-6`.
    V6,
}

/// `--connect-to HOST1:PORT1:HOST2:PORT2`: where connections for one place are made instead. Names in requests and in
/// certificates stay those of the URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectTo {
    /// The host that the URL names, as URLs write it; `None` is any.
    pub host: Option<String>,
    /// The port that the URL asks for; `None` is any.
    pub port: Option<u16>,
    /// The host to connect to; `None` is the URL's own.
    pub to_host: Option<Host>,
    /// The port to connect to; `None` is the URL's own.
    pub to_port: Option<u16>,
}

/// A proxy that speaks HTTP. It prints as host and port, without its credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Where it is.
    pub host: Host,
    /// Its port, from 1.
    pub port: u16,
    /// What `Proxy-Authorization` says to it; `None` sends none.
    pub authorization: Option<Secret>,
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Which URLs go by which proxy: `-x` and `--noproxy`, or the environment where they were not typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proxies {
    /// For http URLs; `None` goes to the server itself.
    pub http: Option<Proxy>,
    /// For https URLs.
    pub https: Option<Proxy>,
    /// `--noproxy`: hosts that are reached without one, as it was written; may be empty.
    pub none_for: String,
}

/// How servers are reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connection {
    /// `--resolve`, in order; the first that fits holds.
    pub resolve: Vec<Resolve>,
    /// `--connect-to`, in order; the first that fits holds.
    pub connect_to: Vec<ConnectTo>,
    /// `--unix-socket`: all connections are made to this socket, at most [`MOST_SOCKET_PATH_BYTES`] long; `None` uses
    /// the network.
    pub unix_socket: Option<PathBuf>,
    /// `-x`, `--noproxy`. A Unix socket goes before them.
    pub proxies: Proxies,
    /// `-4`, `-6`.
    pub family: Family,
    /// `-k`: certificates are not verified.
    pub insecure: bool,
    /// `--cacert`: trusted roots in place of the system's; `None` = the system's, or what `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` name.
    pub cacert: Option<PathBuf>,
    /// `-E`: our certificate with its chain, in PEM; `None` = we have none.
    pub cert: Option<PathBuf>,
    /// `--key`: its private key, in PEM; `None` = it is in the file of `-E`.
    pub key: Option<PathBuf>,
    /// `--tlsv1.3`: nothing older is spoken. Without it TLS 1.2 is the least.
    pub tls13_only: bool,
}

/// How long and how much; `None` is no limit everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `--connect-timeout`. Defaults to 5 s.
    pub connect_timeout: Option<Duration>,
    /// `-m`, `--max-time`: one attempt. Defaults to 30 s.
    pub max_time: Option<Duration>,
    /// `--stall`: without a byte once the response has begun. Defaults to 10 s.
    pub stall: Option<Duration>,
    /// `--deadline`: the run. Defaults to none.
    pub deadline: Option<Duration>,
    /// `--max-filesize`: bytes of body after decoding. Defaults to 100 MiB.
    pub max_filesize: Option<u64>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connect_timeout: Some(Duration::from_secs(5)),
            max_time: Some(Duration::from_secs(30)),
            stall: Some(Duration::from_secs(10)),
            deadline: None,
            max_filesize: Some(100 << 20),
        }
    }
}

/// The run as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Run {
    /// `--fail-fast`: the first failure cancels the rest.
    pub fail_fast: bool,
    /// `--allow-empty`: nothing to fetch is fine.
    pub allow_empty: bool,
    /// `--until-pass`: what failed is asked again in rounds; `None` asks once.
    pub until_pass: Option<UntilPass>,
    /// `--slo`: what the times of the run have to come to, in the order given.
    pub slo: Vec<Objective>,
    /// `--what-if`: numbers of jobs to replay the run with, in order. Defaults to none.
    pub what_if: Vec<u32>,
    /// `--base`: where relative lines count from; `None` takes no relative lines before `@base`.
    pub base: Option<Url>,
    /// `--defaults`: settings as if `@defaults` stood first in every list; unread.
    pub defaults: Option<String>,
    /// `--trust-stdin`: a list from standard input may do what one in a file may.
    pub trust_stdin: bool,
    /// `--only`: patterns of URLs or names of which one has to match; empty takes all.
    pub only: Vec<String>,
    /// `--skip`: patterns of URLs or names of which none may match.
    pub skip: Vec<String>,
    /// `--tag`: tags of which an entry has to have one; empty takes all.
    pub tags: Vec<String>,
    /// `--shard`: which part of the list; `None` is all of it.
    pub shard: Option<Shard>,
    /// `--dry-run`: nothing is sent, the list is printed as it was understood.
    pub dry_run: bool,
}

/// `--shard I/N`: one of N parts of a list, the same URLs in it everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1 to `of`.
    pub index: u32,
    /// At least 1.
    pub of: u32,
}

impl Run {
    /// Whether entries of a list may be left out, so that their number says little.
    pub fn chooses(&self) -> bool {
        !self.only.is_empty() || !self.skip.is_empty() || !self.tags.is_empty() || self.shard.is_some()
    }
}

/// `--until-pass D[,N]`: how long, and how often in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UntilPass {
    /// Counted from the run's start; no round begins later. `None` is no limit.
    pub limit: Option<Duration>,
    /// The rounds in a row that what failed has to pass, at least 1. Defaults to 1.
    pub in_a_row: u32,
}

/// `--slo`: a limit on one of the run's times by rank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objective {
    /// As it was written, without blanks: `p95<500ms`.
    pub text: String,
    /// Which time of each URL.
    pub of: Judged,
    /// Which of all these times, by nearest rank: 1 to 100 000, which is the longest; 95 000 is p95.
    pub rank: u32,
    /// How long it may be.
    pub limit: Duration,
    /// Whether the limit itself is too long already: `<`, not `<=`.
    pub is_strict: bool,
}

/// A time that an objective can be about, of the last attempt at a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// The whole attempt.
    Total,
    /// From its beginning to the first byte of the answer.
    Ttfb,
}
