//! `Args` and the environment become a `Config`: every contradiction is found here, once.
//!
//! Knows which options exclude each other and which variables have a say. Refuses to know how an option is written.

use std::fs;
use std::path::{Path, PathBuf};

use super::args::{Args, ConcurrencyArgs, ConnectionArgs, LimitsArgs, OutputArgs, RunArgs};
use super::ci::{self, CiChoice};
use super::operands::{check_readable, shown_path};
use super::proxy::{Chosen, proxies};
use super::request::request;
use super::retry::retry;
use super::until_pass;
use super::value::{ColorChoice, Limit};
use super::{Environment, UsageError};
use crate::config::{
    Concurrency, Config, Connection, Family, Given, Limits, MEASURES_VARIABLE, MOST_SOCKET_PATH_BYTES, Mode,
    Operand, Output, Proxies, Run, TimelineTo, Verbosity,
};

/// What was typed means this, or cannot be meant.
pub(super) fn resolve(args: Args, operands: Vec<Operand>, env: &Environment) -> Result<Config, UsageError> {
    let config = Config {
        given: given(&args),
        operands,
        concurrency: concurrency(&args.concurrency)?,
        request: request(args.request)?,
        connection: connection(args.connection, env)?,
        limits: limits(&args.limits),
        retry: retry(args.retry),
        run: run(args.run),
        output: output(&args.output, args.hidden.silent, env)?,
    };
    until_pass::check(&config)?;
    refuse_what_is_read_once(&config)?;
    refuse_to_replace_a_list(&config)?;
    Ok(config)
}

/// A report that is written in place of what it was made of would be the end of that.
fn refuse_to_replace_a_list(config: &Config) -> Result<(), UsageError> {
    let file = |operand: &Operand| match operand {
        Operand::File(path) => fs::canonicalize(path).ok().filter(|path| path.is_file()),
        _ => None,
    };
    let lists: Vec<PathBuf> = config.operands.iter().filter_map(file).collect();
    let reports = config.output.reports.iter().map(|report| ("--report", &report.path));
    let timelines = config.output.timelines.iter().filter_map(|to| match to {
        TimelineTo::Svg(path) | TimelineTo::Html(path) => Some(("--timeline", path)),
        TimelineTo::Terminal => None,
    });
    for (option, path) in reports.chain(timelines) {
        if fs::canonicalize(path).is_ok_and(|path| lists.contains(&path)) {
            let name = shown_path(path.as_os_str());
            return Err(UsageError::option(
                option,
                format!("{name} is read in this run, and would be replaced"),
            ));
        }
    }
    Ok(())
}

/// What a shell's `<(…)` names is there for one reader.
fn refuse_what_is_read_once(config: &Config) -> Result<(), UsageError> {
    let Connection { cacert, cert, key, .. } = &config.connection;
    for (option, path) in [("--cacert", cacert), ("--cert", cert), ("--key", key)] {
        if path.as_ref().is_some_and(|path| !path.is_file()) && config.concurrency.processes > 1 {
            let why = "is read by each of --processes, so it has to be a regular file";
            return Err(UsageError::option(option, why));
        }
    }
    Ok(())
}

fn concurrency(typed: &ConcurrencyArgs) -> Result<Concurrency, UsageError> {
    let defaults = Concurrency::default();
    let mode = mode(typed)?;
    Ok(Concurrency {
        jobs: typed.jobs.unwrap_or(if mode == Mode::Sync { 1 } else { defaults.jobs }),
        per_host: typed.per_host.map_or(defaults.per_host, |Limit(limit)| limit),
        per_host_given: typed.per_host.is_some(),
        start_interval: typed.rate.map_or(defaults.start_interval, |Limit(limit)| limit),
        processes: processes(typed, mode)?,
        mode,
    })
}

/// How many processors this process may use is said by the system.
fn processes(typed: &ConcurrencyArgs, mode: Mode) -> Result<u32, UsageError> {
    match typed.processes {
        None | Some(1) => Ok(1),
        Some(processes) if mode == Mode::Sync => Err(UsageError(format!(
            "sync is one URL after another, --processes {processes} is not: leave one out"
        ))),
        Some(0) => {
            let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            Ok(u32::try_from(processors).unwrap_or(u32::MAX).min(1024))
        }
        Some(processes) => Ok(processes),
    }
}

fn mode(typed: &ConcurrencyArgs) -> Result<Mode, UsageError> {
    let mode = match (typed.sync, typed.mode) {
        (true, Some(other)) if other != Mode::Sync => {
            return Err(UsageError(format!(
                "--sync and --mode {} contradict: leave one out",
                other.as_str()
            )));
        }
        (true, _) => Mode::Sync,
        (false, typed) => typed.unwrap_or(Concurrency::default().mode),
    };
    match typed.jobs {
        Some(jobs) if mode == Mode::Sync && jobs != 1 => {
            Err(UsageError(format!("sync is one URL after another, --jobs {jobs} is not: leave one out")))
        }
        _ => Ok(mode),
    }
}

fn connection(typed: ConnectionArgs, env: &Environment) -> Result<Connection, UsageError> {
    let family = match (typed.ipv4, typed.ipv6) {
        (true, true) => {
            return Err(UsageError("-4 and -6 contradict: without them both are used".to_owned()));
        }
        (true, false) => Family::V4,
        (false, true) => Family::V6,
        (false, false) => Family::Any,
    };
    for (option, path) in [("--cacert", &typed.cacert), ("--cert", &typed.cert), ("--key", &typed.key)] {
        if let Some(path) = path {
            check_readable(path).map_err(|why| {
                UsageError::option(option, format_args!("{}: {why}", shown_path(path.as_os_str())))
            })?;
        }
    }
    if let Some(path) = &typed.unix_socket {
        check_socket_path(path).map_err(|why| UsageError::option("--unix-socket", why))?;
    }
    let proxies = match &typed.unix_socket {
        Some(_) if matches!(typed.proxy, Some(Chosen(Some(_)))) => {
            return Err(UsageError("--unix-socket and --proxy contradict: leave one out".to_owned()));
        }
        // curl: a socket goes before any proxy of the environment.
        Some(_) => Proxies::default(),
        None => proxies(typed.proxy, typed.noproxy, env)?,
    };
    Ok(Connection {
        proxies,
        resolve: typed.resolve,
        connect_to: typed.connect_to,
        unix_socket: typed.unix_socket,
        family,
        insecure: typed.insecure,
        cacert: typed.cacert,
        cert: typed.cert,
        key: typed.key,
        tls13_only: typed.tls13,
    })
}

fn check_socket_path(path: &Path) -> Result<(), String> {
    let n = path.as_os_str().len();
    if n <= MOST_SOCKET_PATH_BYTES {
        return Ok(());
    }
    let limit =
        format!("a socket's path has at most {MOST_SOCKET_PATH_BYTES}; a relative one may be shorter");
    Err(format!("{}: has {n} bytes, and {limit}", shown_path(path.as_os_str())))
}

fn limits(typed: &LimitsArgs) -> Limits {
    let defaults = Limits::default();
    Limits {
        connect_timeout: typed.connect_timeout.map_or(defaults.connect_timeout, |Limit(limit)| limit),
        max_time: typed.max_time.map_or(defaults.max_time, |Limit(limit)| limit),
        stall: typed.stall.map_or(defaults.stall, |Limit(limit)| limit),
        deadline: typed.deadline.map_or(defaults.deadline, |Limit(limit)| limit),
        max_filesize: typed.max_filesize.map_or(defaults.max_filesize, |Limit(limit)| limit),
    }
}

fn run(typed: RunArgs) -> Run {
    Run {
        fail_fast: typed.fail_fast,
        allow_empty: typed.allow_empty,
        until_pass: typed.until_pass,
        slo: typed.slo,
        what_if: typed.what_if.map(|what_if| what_if.0).unwrap_or_default(),
        base: typed.base,
        defaults: typed.defaults,
        trust_stdin: typed.trust_stdin,
        only: typed.only,
        skip: typed.skip,
        tags: typed.tag,
        shard: typed.shard,
        dry_run: typed.dry_run,
    }
}

/// What `@defaults` of a list do not beat.
fn given(args: &Args) -> Given {
    Given {
        method: args.request.request.is_some() || args.request.head,
        user_agent: args.request.user_agent.is_some(),
        max_time: args.limits.max_time.is_some(),
        connect_timeout: args.limits.connect_timeout.is_some(),
        max_filesize: args.limits.max_filesize.is_some(),
        max_redirs: args.request.max_redirs.is_some(),
        retry: args.retry.retry.is_some(),
    }
}

fn output(typed: &OutputArgs, silent: bool, env: &Environment) -> Result<Output, UsageError> {
    let verbosity = verbosity(typed, silent)?;
    // `-s` with `-v` is curl's "no bar, but say what happens".
    let is_chatty = verbosity >= Verbosity::Normal && !silent;
    let bar_is_wanted = is_chatty && !typed.no_progress_meter;
    Ok(Output {
        json: typed.json,
        headers: typed.headers,
        reports: typed.report.clone(),
        failed: typed.failed.clone(),
        timelines: typed.timeline.clone(),
        ascii: typed.ascii,
        columns: columns(env),
        verbosity,
        output_dir: typed.output_dir.clone(),
        measures: is_set(env, MEASURES_VARIABLE),
        curl: typed.curl,
        github: ci::github(typed.ci.unwrap_or(CiChoice::Auto), env),
        color: color(typed.color.unwrap_or(ColorChoice::Auto), env),
        progress: bar_is_wanted && env.stderr_is_terminal && !is_ci(env) && !is_dumb(env),
        live: typed.live && is_chatty,
    })
}

/// `COLUMNS` is what a shell says when it is asked to (POSIX); else the terminal is asked.
fn columns(env: &Environment) -> Option<usize> {
    let said = (env.variable)("COLUMNS").and_then(|columns| columns.to_str()?.parse().ok());
    said.or(env.columns).filter(|columns| *columns > 0)
}

fn verbosity(typed: &OutputArgs, silent: bool) -> Result<Verbosity, UsageError> {
    match (typed.quiet, typed.verbose) {
        (1.., 1..) => Err(UsageError("-q and -v contradict: leave one out".to_owned())),
        (0, 0) if silent => Ok(Verbosity::Quiet),
        (0, 0) => Ok(Verbosity::Normal),
        (1, _) => Ok(Verbosity::Quiet),
        (2.., _) => Ok(Verbosity::Silent),
        (0, 1) => Ok(Verbosity::Verbose),
        (0, 2..) => Ok(Verbosity::Wire),
    }
}

/// no-color.org, bixense.com/clicolors: who forbids goes before who forces, and what was typed before both.
fn color(typed: ColorChoice, env: &Environment) -> bool {
    match typed {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if is_set(env, "NO_COLOR") => false,
        ColorChoice::Auto if is_set(env, "CLICOLOR_FORCE") && !is(env, "CLICOLOR_FORCE", "0") => true,
        ColorChoice::Auto => env.stderr_is_terminal && !is_dumb(env),
    }
}

fn is_ci(env: &Environment) -> bool {
    is_set(env, "CI") && !is(env, "CI", "false")
}

fn is_dumb(env: &Environment) -> bool {
    is(env, "TERM", "dumb")
}

/// Set and not empty.
fn is_set(env: &Environment, name: &str) -> bool {
    (env.variable)(name).is_some_and(|value| !value.is_empty())
}

fn is(env: &Environment, name: &str, expected: &str) -> bool {
    (env.variable)(name).is_some_and(|value| value == expected)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::time::Duration;

    use super::super::testing::{complaint, config, surrounded};
    use super::super::{Command, DemoCommand, parse};
    use super::*;

    #[test]
    fn nothing_typed_is_every_default() {
        let config = config("demo");
        assert_eq!(config.concurrency, Concurrency::default());
        assert_eq!((config.connection, config.limits), (Connection::default(), Limits::default()));
        assert_eq!((config.run, config.output), (Run::default(), Output::default()));
    }

    #[test]
    fn sync_is_one_job_and_contradicts_any_other_number() {
        for line in ["demo --sync", "demo --mode sync", "demo --sync --mode sync -j 1"] {
            let concurrency = config(line).concurrency;
            assert_eq!((concurrency.mode, concurrency.jobs), (Mode::Sync, 1), "{line}");
        }
        assert_eq!(config("demo --mode threads -j 3").concurrency.mode, Mode::Threads);
        for line in ["--sync --mode threads", "--mode coroutines --sync", "--sync -j 2", "--mode sync -j 5"] {
            let words: Vec<&str> = line.split(' ').collect();
            assert!(complaint(&words).contains("leave one out"), "{line}");
        }
    }

    #[test]
    fn a_list_is_not_replaced_by_what_is_told_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let list = dir.path().join("list.svg");
        fs::write(&list, "https://a/\n").unwrap();
        std::os::unix::fs::symlink(&list, dir.path().join("link.svg")).unwrap();
        let (list, link) = (list.display(), dir.path().join("link.svg"));
        let link = link.display();
        for (operand, option) in [
            (list.to_string(), format!("--report=junit={list}")),
            (list.to_string(), format!("--timeline={link}")),
            (link.to_string(), format!("--timeline={list}")),
        ] {
            assert!(complaint(&[&operand, &option]).contains(" is read in this run"), "{operand} {option}");
        }
        config(&format!("{list} --report=junit={list}.xml --failed={list}"));
    }

    #[test]
    fn limits_are_taken_and_zero_is_none() {
        let limits =
            config("demo --connect-timeout 0 -m 300ms --stall 0 --deadline 2m --max-filesize 0").limits;
        assert_eq!((limits.connect_timeout, limits.stall, limits.max_filesize), (None, None, None));
        assert_eq!(limits.max_time, Some(Duration::from_millis(300)));
        assert_eq!(limits.deadline, Some(Duration::from_secs(120)));
        let concurrency = config("demo --per-host 0 --rate 5/s --parallel-max 7").concurrency;
        assert_eq!((concurrency.per_host, concurrency.per_host_given, concurrency.jobs), (None, true, 7));
        assert_eq!(concurrency.start_interval, Some(Duration::from_millis(200)));
    }

    #[test]
    fn a_family_is_one_and_roots_are_there() {
        assert_eq!(
            (config("demo -4").connection.family, config("demo --ipv6").connection.family),
            (Family::V4, Family::V6)
        );
        assert!(complaint(&["demo", "-46"]).contains("contradict"));
        assert_eq!(
            complaint(&["demo", "--cacert", "no/such"]),
            "greenfetch: --cacert: no/such: no such file"
        );
        assert!(complaint(&["demo", "--cacert", "/"]).contains("is a directory"));
        assert_eq!(config("demo --cacert Cargo.toml -k").connection.cacert, Some("Cargo.toml".into()));
    }

    #[test]
    fn a_socket_has_a_path_that_the_kernel_takes() {
        let path = |n: usize| format!("/{}", "x".repeat(n - 1));
        let longest = path(MOST_SOCKET_PATH_BYTES);
        let connection = config(&format!("demo --unix-socket {longest}")).connection;
        assert_eq!(connection.unix_socket, Some(longest.into()));
        let complaint_of = |path: &str| complaint(&["demo", "--unix-socket", path]);
        assert!(complaint_of(&path(MOST_SOCKET_PATH_BYTES + 1)).contains("has 108 bytes"));
        assert!(complaint_of("").contains("--unix-socket"));
    }

    #[test]
    fn loudness_goes_both_ways_but_not_at_once() {
        let rows = [
            ("-q", Verbosity::Quiet),
            ("-s", Verbosity::Quiet),
            ("-ss -S", Verbosity::Quiet),
            ("-qq --json", Verbosity::Silent),
            ("-q -s", Verbosity::Quiet),
            ("-v", Verbosity::Verbose),
            ("-v --verbose -v", Verbosity::Wire),
            ("-sv", Verbosity::Verbose),
        ];
        for (line, verbosity) in rows {
            assert_eq!(config(&format!("demo {line}")).output.verbosity, verbosity, "{line}");
        }
        assert!(complaint(&["-q", "-v"]).contains("contradict"));
    }

    /// Whether there is a terminal, what is typed, the variables; whether it shows.
    type Row<'a> = (bool, &'a str, &'a [(&'a str, &'a str)], bool);

    fn shows(terminal: bool, line: &str, vars: &[(&str, &str)]) -> (bool, bool) {
        let argv = format!("greenfetch demo {line}");
        let argv = argv.split_whitespace().map(OsString::from);
        match surrounded(terminal, vars, |env| parse(argv, env)) {
            Ok(Command::Demo(DemoCommand::Fetch(config))) => (config.output.color, config.output.progress),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn colour_is_for_terminals_and_the_environment_may_object() {
        let rows: [Row; 11] = [
            (true, "", &[("TERM", "xterm")], true),
            (false, "", &[], false),
            (true, "", &[("NO_COLOR", "1")], false),
            (true, "", &[("NO_COLOR", "")], true),
            (true, "", &[("TERM", "dumb")], false),
            (false, "", &[("CLICOLOR_FORCE", "1")], true),
            (false, "", &[("CLICOLOR_FORCE", "0")], false),
            (false, "", &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
            (false, "--color always", &[("NO_COLOR", "1"), ("TERM", "dumb")], true),
            (true, "--color never", &[("CLICOLOR_FORCE", "1")], false),
            (false, "--color=auto", &[], false),
        ];
        for (terminal, line, vars, color) in rows {
            assert_eq!(shows(terminal, line, vars).0, color, "{terminal} {line} {vars:?}");
        }
    }

    #[test]
    fn live_is_above_the_bar_or_in_lines_and_never_with_q() {
        for (terminal, line, live, progress) in [
            (true, "--live", true, true),
            (true, "--live -v", true, true),
            (true, "--live --no-progress-meter", true, false),
            (false, "--live", true, false),
            (true, "--live -q", false, false),
            (false, "--live -qq", false, false),
            (false, "--live -s", false, false),
            (true, "", false, true),
        ] {
            let argv = ["greenfetch", "demo"].into_iter().chain(line.split_whitespace()).map(OsString::from);
            let Ok(Command::Demo(DemoCommand::Fetch(config))) =
                surrounded(terminal, &[], |env| parse(argv, env))
            else {
                panic!("{line}")
            };
            let Output { live: is_live, progress: has_bar, .. } = config.output;
            assert_eq!((is_live, has_bar), (live, progress), "{terminal} {line}");
        }
    }

    #[test]
    fn the_bar_is_for_a_person_who_looks() {
        let rows: [Row; 11] = [
            (true, "", &[], true),
            (true, "-v", &[("CI", "false")], true),
            (true, "", &[("CI", "")], true),
            (false, "", &[], false),
            (true, "", &[("CI", "true")], false),
            (true, "", &[("TERM", "dumb")], false),
            (true, "-q", &[], false),
            (true, "-qq", &[], false),
            (true, "-s", &[], false),
            (true, "-sv", &[], false),
            (true, "--no-progress-meter", &[], false),
        ];
        for (terminal, line, vars, progress) in rows {
            assert_eq!(shows(terminal, line, vars).1, progress, "{terminal} {line} {vars:?}");
        }
    }
}
