//! What was typed: every option with its help, in the groups that `Config` has too.
//!
//! Knows clap. Refuses to know what options mean together (`resolve`): a contradiction is no business of this file.
#![expect(
    clippy::doc_markdown,
    reason = "the doc comments of options are help texts, where backticks would show"
)]

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, CommandFactory, Parser};

use super::address;
use super::ci::{self, CiChoice};
use super::complaint::Typed;
use super::proxy::{self, Chosen};
use super::value::{self, ColorChoice, Limit, Modes, WhatIf};
use super::{report, retry, slo, timeline, until_pass};
use crate::config::{ConnectTo, Mode, Objective, ReportTo, Shard, TimelineTo, UntilPass};
use crate::request::{Method, Resolve, RetryOn, Secret};

/// Columns that `help_text` wraps at; on a terminal clap follows the terminal, up to `MAX_WIDTH`.
const WIDTH: usize = 80;
/// Lines longer than this are hard to read.
const MAX_WIDTH: usize = 100;

/// The page without colour that `-h` (one screen) or `--help` prints, wrapped at 80 columns.
pub fn help_text(long: bool) -> String {
    let mut command = Args::command().term_width(WIDTH);
    let page = if long { command.render_long_help() } else { command.render_help() };
    page.to_string()
}

const USAGE: &str = "\
greenfetch [OPTIONS] [URL|FILE|-]...
       greenfetch demo [OPTIONS] | --many [N] | --block | --serve [ADDR]
       greenfetch report RESULTS... --report KIND=FILE
       greenfetch diff OLD NEW | help [exit-codes|grammar|schema]";

const TEMPLATE: &str = "{about-with-newline}\n{usage-heading} {usage}\n\n{all-args}{after-help}";

const AFTER_HELP: &str = "D is 5, 0.5, 5s, 300ms or 2m; SIZE is 512, 64KiB or 10MB; 0 is no limit.";

const AFTER_LONG_HELP: &str = "\
Operands, in any number:
  An operand that begins with scheme:// is a URL, - is standard input, anything
  else is a list file: a URL a line, with settings and checks behind it or
  indented below (greenfetch help grammar). Without an operand, standard input
  is read if it is no terminal. demo, report, diff and help are commands only as
  the first operand; a file of that name is ./demo.

What demo has beside a run, each without options of one:
  --many [N] parks so many URLs at once (10000) and says what they take, --block
  shows what one blocking call does to all others, --serve [ADDR] is only the
  origin, for other tools.

What report does: it reads json or jsonl reports, or the lines of --json, and
  writes what --report, --failed, --timeline and --json ask for; several runs or
  shards are put together.

What diff does: it reads the results of two runs as report does and prints a
  line for each URL that is not as it was, --json one document; entries are
  found by URL, method and name wherever they stand. Exit 4 is a regression: a
  URL that passed fails (and is not soft), took 1.75 times as long and 50 ms
  more, beyond what all have in common and clearly further than others strayed,
  or all took twice as long. With fewer than eight URLs it is twice and 100 ms.
  Times are those of URLs that passed at the first try, without connecting where
  only one of both had to. A change of status, size, hash or final URL is told,
  and no regression.

Values:
  D, a duration, is 5, 0.5, 5s, 300ms or 2m. SIZE is 512, 64KiB or 10MB. 0 is no
  limit for both. An option given twice holds as given last; -H, -d, --report,
  --resolve, --connect-to, --only, --skip and --tag add up.

curl's habits do no harm:
  -f -L -S -Z -g are taken and already so; -s is -q. --fail-early,
  --parallel-max, --parallel-max-host and --method are other names of
  --fail-fast, --jobs, --per-host and --request.

Exit status: 0 every URL passed, 1 one failed, 2 usage or list error, 3 nothing
to fetch; the whole table: greenfetch help exit-codes";

/// Fetches many URLs at once: one line per URL, as each finishes.
#[derive(Debug, Parser)]
#[command(name = "greenfetch", version, disable_help_flag = true, disable_version_flag = true)]
#[command(override_usage = USAGE, help_template = TEMPLATE, max_term_width = MAX_WIDTH)]
#[command(after_help = AFTER_HELP, after_long_help = AFTER_LONG_HELP)]
// curl's way: of an option given twice the last one holds.
#[command(args_override_self = true)]
pub(super) struct Args {
    #[arg(hide = true, value_name = "URL|FILE|-")]
    pub(super) operands: Vec<OsString>,
    #[command(flatten)]
    pub(super) concurrency: ConcurrencyArgs,
    #[command(flatten)]
    pub(super) request: RequestArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,
    #[command(flatten)]
    pub(super) limits: LimitsArgs,
    #[command(flatten)]
    pub(super) retry: RetryArgs,
    #[command(flatten)]
    pub(super) run: RunArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    #[command(flatten)]
    pub(super) hidden: HiddenArgs,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Concurrency")]
pub(super) struct ConcurrencyArgs {
    /// URLs in flight in all, at least 1 [default: 50]
    #[arg(short, long, value_name = "N", allow_negative_numbers = true)]
    #[arg(alias = "parallel-max", value_parser = Typed(value::parse_jobs))]
    pub(super) jobs: Option<u32>,
    /// In flight for one host, 0 = no limit [default: 10]
    ///
    /// The default does not bind the loopback (127.0.0.0/8, ::1, localhost, *.localhost); a number that is given does.
    /// What counts is the host in the list, before any redirect.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    #[arg(alias = "parallel-max-host", value_parser = Typed(value::parse_per_host))]
    pub(super) per_host: Option<Limit<u32>>,
    /// Starts, as N/s or N/m [default: no limit]
    #[arg(long, value_name = "RATE", allow_hyphen_values = true, value_parser = Typed(value::parse_rate))]
    pub(super) rate: Option<Limit<Duration>>,
    /// coroutines, threads or sync [default: coroutines]
    ///
    /// A coroutine per URL on one worker thread, a system thread per URL, or one URL after another. Every option works
    /// the same in all three.
    #[arg(long, value_name = "MODE", value_parser = Typed(value::parse_mode))]
    pub(super) mode: Option<Mode>,
    /// One URL after another: --mode sync
    #[arg(long)]
    pub(super) sync: bool,
    /// Processes that fetch, 0 = as many as processors [default: 1]
    ///
    /// One worker thread uses one processor, which is enough until bodies are decoded, hashed and searched at the speed
    /// of a disk. Each of N processes has its own worker; the list, every limit and all output stay in this one, so that
    /// -j, --per-host, --rate and --retry hold for all of them together. What a process had in hand when it was killed
    /// is one internal failure for each URL, and --retry asks for it again.
    #[arg(long, value_name = "N", hide_short_help = true, allow_negative_numbers = true)]
    #[arg(value_parser = Typed(value::parse_processes))]
    pub(super) processes: Option<u32>,
    /// The list in each mode, with the speed-up
    ///
    /// A table takes the place of the URL lines, with --json one document: time, CPU, threads and memory of each mode,
    /// what can be told apart and how much of the possible was reached. Each run is a process of its own, after one
    /// that does not count; all is sent several times, so only idempotent methods are taken. --deadline holds for each
    /// run. The exit status is the worst of all runs. [default modes: sync,threads,coroutines]
    #[arg(long, value_name = "MODES", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "sync,threads,coroutines", value_parser = Typed(value::parse_modes))]
    pub(super) compare: Option<Modes>,
    /// Runs in each mode of --compare, 1 to 100 [default: 3]
    ///
    /// A single run cannot tell a difference from noise.
    #[arg(long, value_name = "N", hide_short_help = true, allow_negative_numbers = true)]
    #[arg(value_parser = Typed(value::parse_runs))]
    pub(super) runs: Option<u32>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Request")]
pub(super) struct RequestArgs {
    /// Method [default: GET; with -d POST, -I HEAD]
    #[arg(short = 'X', long, value_name = "METHOD", alias = "method", allow_hyphen_values = true)]
    #[arg(value_parser = Typed(value::parse_method))]
    pub(super) request: Option<Method>,
    /// Add 'K: V', remove 'K:', send empty 'K;'
    ///
    /// 'K:' is for a header that would be sent otherwise, such as Accept. @FILE is a file of such lines. Control
    /// characters are refused.
    #[arg(short = 'H', long, value_name = "HEADER|@FILE", allow_hyphen_values = true)]
    #[arg(value_parser = Typed(value::parse_text))]
    pub(super) header: Vec<String>,
    /// Body to send, as a form, by POST
    ///
    /// Another Content-Type is said by -H, another method by -X. @FILE is a file, sent without its line ends. Several
    /// are joined by &.
    #[arg(short, long, value_name = "TEXT|@FILE", allow_hyphen_values = true)]
    pub(super) data: Vec<OsString>,
    /// Ask for heads only
    #[arg(short = 'I', long)]
    pub(super) head: bool,
    /// Basic authentication, for the listed origin only
    ///
    /// A redirect to another scheme, host or port drops it. USER: is an empty password.
    #[arg(short, long, value_name = "USER:PASS", allow_hyphen_values = true)]
    #[arg(value_parser = Typed(value::parse_user))]
    pub(super) user: Option<Secret>,
    /// [default: greenfetch/VERSION; '' sends none]
    #[arg(short = 'A', long, hide_short_help = true, value_name = "TEXT", allow_hyphen_values = true)]
    #[arg(value_parser = Typed(value::parse_user_agent))]
    pub(super) user_agent: Option<String>,
    /// Ask for gzip, deflate, br, zstd and decode
    ///
    /// Without it no coding is asked for, and one that comes all the same is counted as it is.
    #[arg(long, hide_short_help = true)]
    pub(super) compressed: bool,
    /// Redirects to follow, 0 for none [default: 10]
    ///
    /// With 0 the 3xx is the answer, and judged as one.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = Typed(value::parse_max_redirs))]
    pub(super) max_redirs: Option<u32>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct ConnectionArgs {
    /// Addresses to use instead of asking
    ///
    /// HOST:PORT:ADDR[,ADDR] holds for URLs of this host and port; * is any host, IPv6 is bare or in brackets. The
    /// first one that fits holds.
    #[arg(long, value_name = "HOST:PORT:ADDR", allow_hyphen_values = true, hide_short_help = true)]
    #[arg(value_parser = Typed(address::parse_resolve))]
    pub(super) resolve: Vec<Resolve>,
    /// Where to connect instead, each part may be empty
    ///
    /// For URLs of HOST1 and PORT1, connections are made to HOST2 and PORT2; an empty part is any, or the URL's own.
    /// The request and the certificate's name stay those of the URL. The first one that fits holds.
    #[arg(long, value_name = "HOST1:PORT1:HOST2:PORT2", allow_hyphen_values = true, hide_short_help = true)]
    #[arg(value_parser = Typed(address::parse_connect_to))]
    pub(super) connect_to: Vec<ConnectTo>,
    /// HTTP proxy, as [http://][USER:PASS@]HOST[:PORT]
    ///
    /// http URLs are asked of it, https goes through a tunnel that it opens. PORT is 1080 if it is left out. Without -x,
    /// the environment counts as for curl: http_proxy (in lower case only), https_proxy and all_proxy, whose names in
    /// lower case go before HTTPS_PROXY and ALL_PROXY. -x '' uses none. demo asks the environment for none.
    #[arg(short = 'x', long, value_name = "PROXY", hide_short_help = true)]
    #[arg(value_parser = Typed(proxy::parse_proxy))]
    pub(super) proxy: Option<Chosen>,
    /// Hosts that are reached without a proxy
    ///
    /// Separated by commas: names, which hold for all below them too, addresses, and blocks such as 10.0.0.0/8; * alone
    /// is all. Without it, no_proxy or NO_PROXY counts.
    #[arg(long, value_name = "LIST", value_parser = Typed(value::parse_text), hide_short_help = true)]
    pub(super) noproxy: Option<String>,
    /// A socket to connect to in place of the network
    ///
    /// All connections are made to it; the request stays that of the URL.
    #[arg(long, value_name = "PATH", hide_short_help = true)]
    pub(super) unix_socket: Option<PathBuf>,
    /// IPv4 addresses only
    #[arg(short = '4', long)]
    pub(super) ipv4: bool,
    /// IPv6 addresses only
    #[arg(short = '6', long)]
    pub(super) ipv6: bool,
    /// Do not verify certificates (says so)
    #[arg(short = 'k', long)]
    pub(super) insecure: bool,
    /// PEM roots in place of the system's
    ///
    /// Without it, SSL_CERT_FILE and SSL_CERT_DIR can name others.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(super) cacert: Option<PathBuf>,
    /// Our certificate, in PEM, for servers that ask
    ///
    /// With its chain; the key may be in the same file.
    #[arg(short = 'E', long, value_name = "FILE", hide_short_help = true)]
    pub(super) cert: Option<PathBuf>,
    /// The private key of --cert, in PEM
    #[arg(long, value_name = "FILE", requires = "cert", hide_short_help = true)]
    pub(super) key: Option<PathBuf>,
    /// TLS 1.2 or later, as without it
    #[arg(long = "tlsv1.2", hide_short_help = true)]
    pub(super) tls12: bool,
    /// TLS 1.3 or later
    #[arg(long = "tlsv1.3", hide_short_help = true)]
    pub(super) tls13: bool,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitsArgs {
    /// To connect, TLS included [default: 5s]
    #[arg(long, value_name = "D", allow_negative_numbers = true, value_parser = Typed(value::parse_duration))]
    pub(super) connect_timeout: Option<Limit<Duration>>,
    /// For one URL, redirects and body too [default: 30s]
    #[arg(short, long, value_name = "D", allow_negative_numbers = true, value_parser = Typed(value::parse_duration))]
    pub(super) max_time: Option<Limit<Duration>>,
    /// Without a byte during a response [default: 10s]
    #[arg(long, hide_short_help = true, value_name = "D", allow_negative_numbers = true)]
    #[arg(value_parser = Typed(value::parse_duration))]
    pub(super) stall: Option<Limit<Duration>>,
    /// For the whole run: exit 124 [default: no limit]
    #[arg(long, value_name = "D", allow_negative_numbers = true, value_parser = Typed(value::parse_duration))]
    pub(super) deadline: Option<Limit<Duration>>,
    /// Bytes of one body, decoded [default: 100MiB]
    #[arg(long, hide_short_help = true, value_name = "SIZE", allow_negative_numbers = true)]
    #[arg(value_parser = Typed(value::parse_size))]
    pub(super) max_filesize: Option<Limit<u64>>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Retry")]
pub(super) struct RetryArgs {
    /// Tries after the first, for what may pass [default: 0]
    ///
    /// Only GET, HEAD, OPTIONS, PUT and DELETE are tried again. A Retry-After of the server is kept to; one that
    /// reaches past --retry-max-time ends the URL at once. A URL that waits takes no place among the --jobs.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = Typed(retry::parse_retries))]
    pub(super) retry: Option<u32>,
    /// Between tries [default: 0.5s, doubling to 30s]
    ///
    /// A D that is given is waited each time. The default, which 0 is too, waits anything up to its bound, so that what
    /// failed together does not come back together.
    #[arg(long, hide_short_help = true, value_name = "D", allow_negative_numbers = true)]
    #[arg(value_parser = Typed(value::parse_duration))]
    pub(super) retry_delay: Option<Limit<Duration>>,
    /// For all tries and waits [default: -m times tries]
    #[arg(long, hide_short_help = true, value_name = "D", allow_negative_numbers = true)]
    #[arg(value_parser = Typed(value::parse_duration))]
    pub(super) retry_max_time: Option<Limit<Duration>>,
    /// Kinds of failure and statuses, by commas
    ///
    /// Kinds are timeout, connect, closed, dns, tls, protocol, decode, size, redirect, check, and status for any.
    /// [default: timeout,connect,closed,dns,408,429,500,502,503,504]
    #[arg(long, hide_short_help = true, value_name = "LIST", value_parser = Typed(retry::parse_retry_on))]
    pub(super) retry_on: Option<RetryOn>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Run")]
pub(super) struct RunArgs {
    /// Cancel the rest at the first failure
    #[arg(long, alias = "fail-early")]
    pub(super) fail_fast: bool,
    /// Go over what failed until it passes or D is over
    ///
    /// For a deploy that is still coming up: rounds with short rests between them, a line each on standard error. What
    /// passes in the first round is settled; what failed there has to pass N rounds in a row [default: 1]. Once D is
    /// over, counted from the start, no round begins, and what does not pass then has failed with what was last seen. A
    /// failure that may not be sent again (POST), or a line that is no URL, ends the waiting. -m and --retry count per
    /// round. Rounds begin when the list has ended; all that is not settled is kept in memory.
    #[arg(long, hide_short_help = true, value_name = "D[,N]", allow_hyphen_values = true)]
    #[arg(value_parser = Typed(until_pass::parse_until_pass))]
    pub(super) until_pass: Option<UntilPass>,
    /// Nothing to fetch is exit 0, not 3
    #[arg(long, hide_short_help = true)]
    pub(super) allow_empty: bool,
    /// Exit 4 when the run was slower, as in 'p95<500ms'
    ///
    /// pN, with decimals if you like, or max; total.pN as without it is the whole time of each URL, ttfb.pN that to its
    /// first byte. < is below, <= and = are at most. Nearest rank over the last try at each URL, failures included;
    /// exact up to 10000 URLs, within 0.4 % beyond. Several add up.
    #[arg(long, hide_short_help = true, value_name = "GATE", value_parser = Typed(slo::parse_slo))]
    pub(super) slo: Vec<Objective>,
    /// What the run would take with other --jobs
    ///
    /// Numbers of jobs, by commas. After the run its times are replayed without a network, with the limits per host and
    /// the pace that it had, and the knee is named: where more jobs save little. Nothing is said of a run that was
    /// bound by the processor.
    #[arg(long, hide_short_help = true, value_name = "JOBS,...", allow_hyphen_values = true)]
    #[arg(value_parser = Typed(value::parse_what_if))]
    pub(super) what_if: Option<WhatIf>,
    /// For --what-if: a run that is over, none is made
    ///
    /// RESULTS is a json or jsonl report; - is standard input. The limits per host and the pace are those of that run.
    #[arg(long, hide_short_help = true, requires = "what_if", value_name = "RESULTS")]
    pub(super) from: Option<PathBuf>,
    /// Relative lines of the list count from here
    ///
    /// As @base in a list, which takes its place.
    #[arg(long, value_name = "URL", hide_short_help = true, value_parser = Typed(value::parse_base))]
    pub(super) base: Option<url::Url>,
    /// As if @defaults stood first in every list
    ///
    /// SETTINGS are written as in a list: 'expect=200 max-time=5s'. greenfetch help grammar has them all.
    #[arg(long, value_name = "SETTINGS", hide_short_help = true, allow_hyphen_values = true)]
    #[arg(value_parser = Typed(value::parse_text))]
    pub(super) defaults: Option<String>,
    /// Let standard input do what a list file may
    ///
    /// A list from standard input may not name variables and files, include lists, say where bodies are saved, or turn
    /// verification off, unless this says that you know who wrote it.
    #[arg(long, hide_short_help = true)]
    pub(super) trust_stdin: bool,
    /// Only URLs or names that match
    ///
    /// * is anything, / too, and ? any one character. Of several --only one has to match.
    #[arg(long, value_name = "GLOB", hide_short_help = true, allow_hyphen_values = true)]
    #[arg(value_parser = Typed(value::parse_glob))]
    pub(super) only: Vec<String>,
    /// No URLs or names that match
    #[arg(long, value_name = "GLOB", hide_short_help = true, allow_hyphen_values = true)]
    #[arg(value_parser = Typed(value::parse_glob))]
    pub(super) skip: Vec<String>,
    /// Only entries with this tag, or another given one
    #[arg(long, value_name = "TAG", hide_short_help = true, allow_hyphen_values = true)]
    #[arg(value_parser = Typed(value::parse_glob))]
    pub(super) tag: Vec<String>,
    /// One of N parts of the list, I from 1
    ///
    /// By a hash of the URL that is the same on every machine and in every version. A part with nothing in it is exit 0
    /// if the others have something.
    #[arg(long, value_name = "I/N", hide_short_help = true, allow_hyphen_values = true)]
    #[arg(value_parser = Typed(value::parse_shard))]
    pub(super) shard: Option<Shard>,
    /// Print the list as understood, send nothing
    ///
    /// Each entry as a list of its own: absolute URL, @defaults written out, variables by their names, passwords masked.
    #[arg(long, hide_short_help = true)]
    pub(super) dry_run: bool,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// One JSON object per URL in place of the lines
    #[arg(long)]
    pub(super) json: bool,
    /// Response headers into the records
    ///
    /// Under their names in small letters, repeated ones one by one; the values of Set-Cookie and the like are masked.
    #[arg(long, hide_short_help = true)]
    pub(super) headers: bool,
    /// No summary, no bar; -qq: nothing but the exit status
    #[arg(short, long, action = ArgAction::Count)]
    pub(super) quiet: u8,
    /// Say what starts, redirects and retries; -vv: wire log
    #[arg(short, long, action = ArgAction::Count)]
    pub(super) verbose: u8,
    /// A report into a file as well, in any number
    ///
    /// KIND is json (one document: run, results, summary), jsonl (the same as lines), junit (for CI), md (failures,
    /// then the table), html (one file, no network, with the timeline) or prom (for node_exporter's textfile collector). FILE is written beside itself
    /// and renamed at the end, so that it is whole or not there; what is no regular file, such as /dev/stdout, is
    /// written in place. That it can be written is tried first: exit 2; one that cannot be finished is exit 5. A run
    /// that is cut short by Ctrl-C, --deadline or --fail-fast is reported too.
    #[arg(long, value_name = "KIND=FILE", value_parser = Typed(report::parse_report))]
    pub(super) report: Vec<ReportTo>,
    /// What did not pass, as a list to fetch again
    ///
    /// Each entry below a comment with the reason; empty when nothing failed. Written as a report is.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(super) failed: Option<PathBuf>,
    /// A picture of when each URL was where
    ///
    /// FILE.svg is only the picture, FILE.html a page with a search; - draws it as text, after the results, or on
    /// stderr with --json. Of more than 50 URLs the slowest have a row each. With --compare there is a lane for each
    /// mode. Several add up.
    #[arg(long, hide_short_help = true, value_name = "FILE|-", allow_hyphen_values = true)]
    #[arg(value_parser = Typed(timeline::parse_timeline))]
    pub(super) timeline: Vec<TimelineTo>,
    /// Letters in place of blocks for --timeline -
    #[arg(long, hide_short_help = true, requires = "timeline")]
    pub(super) ascii: bool,
    /// Save bodies there, one file per URL that passed
    ///
    /// DIR is made if it is missing. A file is named by the URL's place in the list and by the URL itself
    /// (00000-example.com-path.html), never replaces what is there, and has its name only once it is complete. A URL
    /// that failed, by its status too, leaves none.
    #[arg(long, value_name = "DIR")]
    pub(super) output_dir: Option<PathBuf>,
    /// auto, always or never, on stderr [default: auto]
    ///
    /// auto is on a terminal, unless NO_COLOR is set or TERM is dumb; CLICOLOR_FORCE forces it.
    #[arg(long, hide_short_help = true, value_name = "WHEN", value_parser = Typed(value::parse_color))]
    pub(super) color: Option<ColorChoice>,
    /// Each failing request as a curl command too
    ///
    /// Below its failure line, quoted for a shell and with secrets masked; a body is read from standard input.
    #[arg(long, hide_short_help = true)]
    pub(super) curl: bool,
    /// auto, github or none: for whose log [default: auto]
    ///
    /// For GitHub, which auto sees by GITHUB_ACTIONS: failures are annotations of the list's lines too, the first 8 and
    /// one that counts the rest; counts are the step's outputs; nothing that came from outside is a command of the log.
    #[arg(long, hide_short_help = true, value_name = "CI", value_parser = Typed(ci::parse_ci))]
    pub(super) ci: Option<CiChoice>,
    /// Show what the run does at each moment
    ///
    /// Above the bar: slots in use, the pace, URLs by phase, and those that have been where they are the longest. Without
    /// a terminal, in CI or with --no-progress-meter a line a second on standard error, when there is something new.
    /// Never with -q.
    #[arg(long, hide_short_help = true)]
    pub(super) live: bool,
    /// No progress bar
    ///
    /// It is drawn only on a terminal, and never in CI or with -q.
    #[arg(long, hide_short_help = true)]
    pub(super) no_progress_meter: bool,
    /// This screen; --help the whole
    #[arg(short, long, action = ArgAction::Help)]
    help: Option<bool>,
    /// Version
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// Taken, but not shown among the options.
#[derive(Debug, clap::Args)]
pub(super) struct HiddenArgs {
    /// Only with `demo`, whose usage line shows it; the outer `Option` is "typed", the inner one "with a value".
    #[arg(long, hide = true, value_name = "ADDR", value_parser = Typed(address::parse_serve))]
    pub(super) serve: Option<Option<SocketAddr>>,
    /// As `serve`.
    #[arg(long, hide = true, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = Typed(value::parse_many))]
    pub(super) many: Option<Option<u32>>,
    /// Only with `demo`.
    #[arg(long, hide = true)]
    pub(super) block: bool,
    /// curl: no progress bar, no summary.
    #[arg(short, long, hide = true)]
    pub(super) silent: bool,
    // What follows is so anyway: taken for the sake of habit, and never read.
    #[arg(short, long, hide = true)]
    fail: bool,
    #[arg(short = 'L', long, hide = true)]
    location: bool,
    #[arg(short = 'S', long, hide = true)]
    show_error: bool,
    #[arg(short = 'Z', long, hide = true)]
    parallel: bool,
    #[arg(short, long, hide = true)]
    globoff: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Concurrency, Limits, RequestDefaults};

    #[test]
    fn what_stands_below_the_options_needs_no_other_ends_of_lines() {
        assert!(help_text(true).contains(AFTER_LONG_HELP));
    }

    #[test]
    fn clap_finds_nothing_wrong_with_the_options() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_short_help_is_one_screen() {
        let page = help_text(false);
        assert!((24..=50).contains(&page.lines().count()), "{} lines", page.lines().count());
        for line in page.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        for group in ["Concurrency:", "Request:", "Connection:", "Limits:", "Retry:", "Run:", "Output:"] {
            assert!(page.contains(group) && help_text(true).contains(group), "{group}");
        }
    }

    #[test]
    fn every_option_that_is_shown_has_help_of_its_own() {
        for arg in Args::command().get_opts().filter(|arg| !arg.is_hide_set()) {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(!help.is_empty() && help_text(true).contains(&help), "{arg}");
        }
    }

    #[test]
    fn the_defaults_of_the_help_are_those_that_hold() {
        let page = help_text(true);
        let (concurrency, limits) = (Concurrency::default(), Limits::default());
        let seconds = |limit: Option<Duration>| format!("[default: {}s]", limit.unwrap().as_secs());
        let defaults = [
            ("--jobs", format!("[default: {}]", concurrency.jobs)),
            ("--per-host", format!("[default: {}]", concurrency.per_host.unwrap())),
            ("--mode", format!("[default: {}]", concurrency.mode.as_str())),
            ("--max-redirs", format!("[default: {}]", RequestDefaults::default().max_redirs)),
            ("--connect-timeout", seconds(limits.connect_timeout)),
            ("--max-time", seconds(limits.max_time)),
            ("--stall", seconds(limits.stall)),
            ("--max-filesize", format!("[default: {}MiB]", limits.max_filesize.unwrap() >> 20)),
        ];
        for (option, default) in defaults {
            let section = page.split(&format!("{option} <")).nth(1).unwrap();
            assert!(section.lines().take(2).any(|line| line.ends_with(&default)), "{option}: {default}");
        }
    }
}
