//! The straight line of a run: list → plan → engine → events → sinks → exit status.
//!
//! Knows the order in which rooms are built. Refuses to do any of their work.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cli::{self, Command, DemoCommand, Environment, HelpTopic};
use crate::compare;
use crate::config::{Concurrency, Config, Operand, Output, Verbosity};
use crate::demo;
use crate::dry_run;
use crate::engine::{Batches, Engine, Message, Orders, Parts, View};
use crate::event::{RunInfo, Stop};
use crate::exit::{ExitStatus, SIGPIPE, TABLE, exit_status};
use crate::http::{Client, Fetch};
use crate::list::{self, Credits, Delivery, Reading, Refusal, Variables};
use crate::plan::{Planner, Portion};
use crate::prefork::{self, Processes};
use crate::record;
use crate::report::{self, About, Guarded, Sinks, Streams};
use crate::results;
use crate::runtime::{self, Runtime, Sender, is_readable_within, limits};
use crate::sanitize::{Masks, escape};
use crate::schedule::Schedule;
use crate::signal;
use crate::what_if::{self, Gatherer, Seen};

/// How long an entry of a stream waits for indented lines below it, once nothing more is there: whoever writes a list
/// line by line is that much faster, and nobody sees the difference.
const PATIENCE: Duration = Duration::from_millis(10);

/// Between two drawings of the bar below results, each of which takes it off and puts it back: nine a second, as the
/// bar's own thread adds one.
const DRAWING: Duration = Duration::from_millis(112);

/// Between two lines of `--live` without a bar.
const LOOK: Duration = Duration::from_secs(1);

/// For a terminal: to the line's beginning, and away with what follows (ECMA-48: CR, ED).
const CLEAR_LINE: &[u8] = b"\r\x1b[J";

/// Why a run did not begin: exit 2, and the whole text for standard error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

impl Refused {
    fn because(what: impl std::fmt::Display) -> Refused {
        Refused(format!("greenfetch: {what}"))
    }
}

/// Fetches what the command line asks for and says how it went.
///
/// # Errors
/// `Refused` when nothing was fetched: errors in the list, all at once, or a file or machine that cannot be used.
pub fn run(config: &Config, mut streams: Streams) -> Result<ExitStatus, Refused> {
    let started = Instant::now();
    let masks = Arc::new(Masks::default());
    let reading = reading(config, &masks);
    let list = list::check(&config.operands, &reading)
        .map_err(|refusal| refused(&refusal, config, &mut *streams.stderr))?;
    if config.run.dry_run {
        return dry_run::print(list, config, &masks, streams).map_err(no_thread);
    }
    let planner = Planner::new(config).hiding(Arc::clone(&masks));
    let (concurrency, lowered) = possible(config);
    let runtime = start_runtime(&concurrency).map_err(no_thread)?;
    if config.output.measures {
        runtime.begin_census();
    }
    runtime.watch_worker().map_err(no_thread)?;
    let (fetch, _processes) = fetch(config, &concurrency, &runtime).map_err(Refused::because)?;
    let info = RunInfo {
        run_id: record::run_id(),
        mode: concurrency.mode,
        started,
        started_at: record::wall_now(),
        entries: list.entries().filter(|_| !config.run.chooses()),
    };
    let streams = patient(streams, &runtime);
    let directory = std::env::current_dir().ok().map(|here| here.to_string_lossy().into_owned());
    let about = About { config, limits: &concurrency, info: &info, directory };
    let mut sinks =
        report::sinks(&about, streams, &|path| in_place(path, &runtime)).map_err(Refused::because)?;
    let gatherer = Gatherer::default();
    if !config.run.what_if.is_empty() {
        sinks.add_listener(Box::new(gatherer.clone()));
    }
    let orders = Orders {
        fail_fast: config.run.fail_fast,
        allow_empty: config.run.allow_empty,
        deadline: config.limits.deadline,
        starts: config.output.verbosity >= Verbosity::Verbose || config.output.progress,
        verbose: config.output.verbosity >= Verbosity::Verbose,
        slo: config.run.slo.clone(),
        until_pass: config.run.until_pass,
    };
    let credits = Arc::new(Credits::new());
    let schedule = Schedule::new(&concurrency);
    let parts = Engine::assemble(&runtime, fetch, schedule, Arc::clone(&credits), orders, info);
    let Parts { mut root, sender, batches, queue, view } = parts;
    if let Some(scribe) = sinks.scribe() {
        root.employ(scribe);
    }

    let warnings = [lowered, insecure_warning(config), secret_warning(&list, &planner)];
    let tidy_up = clearing(&sinks, &runtime);
    signal::forward(sender.clone(), view.clone(), queue, tidy_up).map_err(no_thread)?;
    runtime.start_root(move || root.run(warnings.into_iter().flatten())).map_err(no_thread)?;
    let for_list = sender.clone();
    list.start(planner, credits, move |delivery| deliver(delivery, &for_list)).map_err(no_thread)?;

    let batches = report::scrubbed(shown(&config.output, view, batches, &mut sinks), masks);
    let (summary, told) = report::pump(batches, &mut sinks, |stop: Stop| sender.send(Message::Stop(stop)));
    if !config.run.what_if.is_empty() {
        // A processor each: what is asked is whether they were busy.
        let cpu = Some(summary.cpu / concurrency.processes);
        let seen = Seen { began: started, jobs: concurrency.jobs, wall: summary.wall, cpu };
        let answered = what_if::answer(&gatherer.take(), &concurrency, &config.run.what_if, seen);
        sinks.say(&answered.unwrap_or_else(|why| format!("greenfetch: --what-if: {why}")));
    }
    Ok(exit_status(&summary, told, config.run.allow_empty))
}

/// What the machine and the number of jobs leave of what was asked for, and a sentence where that is less.
fn possible(config: &Config) -> (Concurrency, Option<String>) {
    let mut concurrency = config.concurrency.clone();
    let Concurrency { mode, jobs, processes, .. } = concurrency;
    // More processes than jobs would have nothing to do.
    concurrency.processes = processes.min(jobs);
    let each = config.output.descriptors_each();
    let (jobs, lowered) = match concurrency.processes {
        1 => limits::jobs_allowed(mode, jobs, each),
        processes => limits::jobs_allowed_over(processes, mode, jobs, each),
    };
    concurrency.jobs = jobs;
    (concurrency, lowered)
}

fn start_runtime(concurrency: &Concurrency) -> io::Result<Runtime> {
    let others = if concurrency.processes == 1 { 0 } else { concurrency.processes };
    let tasks = others.saturating_mul(prefork::TASKS_PER_PROCESS);
    Runtime::start(concurrency.mode, concurrency.jobs.saturating_add(tasks))
}

/// Who makes the attempts: this process, or others, which end when the second part is dropped.
fn fetch(
    config: &Config,
    concurrency: &Concurrency,
    runtime: &Runtime,
) -> Result<(Arc<dyn Fetch>, Option<Processes>), String> {
    if concurrency.processes == 1 {
        return Ok((Arc::new(Client::new(config, runtime)?), None));
    }
    let (fetch, processes) = prefork::start(config, concurrency, runtime)?;
    Ok((fetch, Some(processes)))
}

/// Nothing is fetched; in GitHub Actions each error stands at its own line of the list too.
fn refused(refusal: &Refusal, config: &Config, stderr: &mut dyn Write) -> Refused {
    if let Some(github) = &config.output.github {
        let files = refusal.files.iter().map(|file| (None, file.to_string()));
        let lines = refusal.errors.errors.iter().map(|error| {
            let hint = error.hint.as_ref().map(|hint| format!(": {hint}")).unwrap_or_default();
            (Some((&error.location, error.column)), format!("{}{hint}", error.message))
        });
        let count = refusal.errors.count() + refusal.files.len() as u64;
        // Who cannot be told this is told the rest in vain as well.
        let _ = report::refused(files.chain(lines), count, github, stderr);
    }
    Refused(refusal.to_string())
}

/// The same streams, which no longer wait for their readers once the run is to end. Where there is no descriptor for
/// that, they wait.
fn patient(streams: Streams, runtime: &Runtime) -> Streams {
    let Streams { mut stdout, mut stderr, stdout_is_terminal, stderr_is_terminal } = streams;
    if let Ok(outlet) = runtime.outlet(io::stdout()) {
        stdout = Box::new(outlet);
    }
    if let Ok(outlet) = runtime.outlet(io::stderr()) {
        stderr = Box::new(outlet);
    }
    Streams { stdout, stderr, stdout_is_terminal, stderr_is_terminal }
}

/// What a person wants to see while it lasts: `--live`, and results in steps where they share a screen with the bar.
fn shown(output: &Output, view: View, batches: Batches, sinks: &mut Sinks) -> Batches {
    let batches = if sinks.share_a_screen() { batches.in_steps(DRAWING) } else { batches };
    match (output.live, output.progress) {
        (false, _) => batches,
        (true, true) => {
            sinks.show_live(Arc::new(move || view.parked(Instant::now())));
            batches
        }
        (true, false) => batches.looking_each(LOOK, move |now| view.live(now)),
    }
}

/// Leaves the line of the bar to the shell when the process ends at once; of `--live`, which stands above it, the last
/// look stays.
fn clearing(sinks: &Sinks, runtime: &Runtime) -> impl FnMut() + Send + use<> {
    let mut screen = sinks.shutter().zip(runtime.outlet(io::stderr()).ok());
    move || {
        if let Some((shutter, screen)) = &mut screen {
            shutter.lower();
            // Nobody is left to be told that it failed.
            let _ = screen.write_all(CLEAR_LINE);
        }
    }
}

/// A report that is no regular file: one of our own streams, at the place in it where we are, or a pipe or device.
fn in_place(path: &Path, runtime: &Runtime) -> io::Result<Box<dyn Write + Send>> {
    let outlet = match path.to_str() {
        Some("/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1") => runtime.outlet(io::stdout())?,
        Some("/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2") => runtime.outlet(io::stderr())?,
        _ => runtime.outlet(OpenOptions::new().append(true).open(path)?)?,
    };
    Ok(Box::new(outlet))
}

fn deliver(delivery: Delivery<Portion>, sender: &Sender<Message>) {
    match delivery {
        Delivery::Listed(entries) => sender.send(Message::Listed(entries)),
        Delivery::Warning(words) => sender.send(Message::Remark(words)),
        Delivery::End { error, left_out } => {
            sender.send(Message::LeftOut(left_out.by_choice, left_out.by_shard));
            sender.send(Message::EndOfList(error));
        }
    }
}

/// How the lists of a run are read; their secrets are added to the masks.
fn reading(config: &Config, masks: &Arc<Masks>) -> Reading {
    let variables = Variables::new(Arc::new(|name| std::env::var_os(name)), Arc::clone(masks));
    Reading {
        base: config.run.base.clone(),
        defaults: config.run.defaults.clone(),
        trust_stdin: config.run.trust_stdin,
        wants_again: config.run.dry_run || config.output.failed.is_some(),
        variables,
        is_ready: |descriptor| is_readable_within(descriptor, PATIENCE),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn no_thread(error: io::Error) -> Refused {
    Refused::because(format_args!("cannot start a thread: {error} (ulimit -u, ulimit -v, ulimit -n)"))
}

fn insecure_warning(config: &Config) -> Option<String> {
    config.connection.insecure.then(|| "certificates are not verified (--insecure)".to_owned())
}

fn secret_warning(list: &list::List, planner: &Planner) -> Option<String> {
    let warns = planner.has_secret_for_all() && list.several_hosts();
    warns.then(|| "a header with a secret goes to every host of the list, and there are several".to_owned())
}

/// Does what the command line says, and says with which status the process ends.
pub fn main(argv: impl Iterator<Item = OsString>) -> ExitStatus {
    if std::env::var_os(prefork::CHILD_VARIABLE).is_some() {
        return serve();
    }
    let environment = Environment {
        variable: &|name| std::env::var_os(name),
        stdin_is_terminal: io::stdin().is_terminal(),
        stdout_is_terminal: io::stdout().is_terminal(),
        stderr_is_terminal: io::stderr().is_terminal(),
        columns: runtime::terminal_columns(io::stdout()).or_else(|| runtime::terminal_columns(io::stderr())),
    };
    let done = match cli::parse(argv, &environment) {
        Ok(Command::Fetch(config)) => {
            run(&config, streams(&environment)).map_err(|refused| refused.to_string())
        }
        Ok(Command::Compare(comparison)) => {
            let reading = reading(&comparison.config, &Arc::default());
            compare::run(&comparison, &reading, for_ci(&comparison.config, streams(&environment)))
                .map_err(|refused| refused.to_string())
        }
        Ok(Command::Report(config)) => {
            let streams = streams(&environment);
            results::report(&config, streams, &report::as_it_is, Instant::now())
                .map_err(|why| format!("greenfetch: report: {why}"))
        }
        Ok(Command::WhatIf(jobs, from)) => {
            results::what_if(&from, &jobs, streams(&environment), Instant::now())
                .map_err(|why| format!("greenfetch: --what-if: {why}"))
        }
        Ok(Command::Diff(config)) => {
            let streams = for_ci(&config, streams(&environment));
            results::diff(&config, streams).map_err(|why| format!("greenfetch: diff: {why}"))
        }
        Ok(Command::Demo(command)) => demo(command, &environment),
        Ok(Command::Help(HelpTopic::ExitCodes)) => Ok(print(TABLE)),
        Ok(Command::Help(HelpTopic::Grammar)) => Ok(print(list::GRAMMAR)),
        Ok(Command::Help(HelpTopic::Schema)) => Ok(print(record::SCHEMA)),
        Ok(Command::Print(text)) => Ok(print(&text)),
        Err(error) => Err(error.to_string()),
    };
    done.unwrap_or_else(|message| {
        // Nothing is left to say it to when this fails.
        let mut stderr: Box<dyn Write + Send> = Box::new(io::stderr());
        if cli::is_github(&environment) {
            stderr = Box::new(Guarded::new(stderr, false));
        }
        let _ = writeln!(stderr, "{message}").and_then(|()| stderr.flush());
        ExitStatus::Usage
    })
}

/// One of the processes of another one's run.
fn serve() -> ExitStatus {
    let Err(why) = prefork::serve() else { return ExitStatus::Pass };
    // Nothing is left to say it to when this fails.
    let _ = writeln!(io::stderr(), "greenfetch: {why}");
    ExitStatus::Usage
}

fn streams(environment: &Environment<'_>) -> Streams {
    Streams {
        stdout: Box::new(io::stdout()),
        stderr: Box::new(io::stderr()),
        stdout_is_terminal: environment.stdout_is_terminal,
        stderr_is_terminal: environment.stderr_is_terminal,
    }
}

/// A comparison's output as the log of its surroundings takes it.
fn for_ci(config: &Config, streams: Streams) -> Streams {
    if config.output.github.is_some() { streams.guarded(config.output.json) } else { streams }
}

fn print(text: &str) -> ExitStatus {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => ExitStatus::Pass,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitStatus::Signal(SIGPIPE),
        Err(_) => ExitStatus::Write,
    }
}

/// `demo`: the origin alone, or a run against one in a child process, so that it does not share the worker.
fn demo(command: DemoCommand, environment: &Environment<'_>) -> Result<ExitStatus, String> {
    match command {
        DemoCommand::Serve(addr) => {
            // A parent that does not read where we are has gone away; its end is seen elsewhere.
            let announce = |addr| _ = print(&format!("{}\n", demo::announcement(addr)));
            demo::serve(addr, announce)
                .map_err(|error| format!("greenfetch: demo --serve {addr}: {error}"))?;
            Ok(ExitStatus::Pass)
        }
        DemoCommand::Many(n) => show("--many", demo::many(n, &mut io::stderr())),
        DemoCommand::Block => show("--block", demo::block()),
        DemoCommand::Fetch(mut config) => {
            let origin = demo_origin()?;
            config.operands = demo::list(origin.addr()).into_iter().map(Operand::Url).collect();
            run(&config, streams(environment)).map_err(|refused| refused.to_string())
        }
        DemoCommand::Compare(mut comparison) => {
            let origin = demo_origin()?;
            comparison.config.operands =
                demo::comparison_list(origin.addr()).into_iter().map(Operand::Url).collect();
            let reading = reading(&comparison.config, &Arc::default());
            compare::lesson(&comparison, &reading, for_ci(&comparison.config, streams(environment)))
                .map_err(|refused| refused.to_string())
        }
    }
}

fn demo_origin() -> Result<demo::Child, String> {
    demo::Child::start().map_err(|error| format!("greenfetch: demo: {error}"))
}

/// What a demonstration came to; one that did not come about says why.
fn show(option: &str, shown: Result<demo::Shown, String>) -> Result<ExitStatus, String> {
    let shown = shown.map_err(|why| format!("greenfetch: demo {option}: {why}"))?;
    if let Some(complaint) = shown.complaint {
        // Nothing is left to say it to when this fails.
        let _ = writeln!(io::stderr(), "greenfetch: demo {option}: {}", escape(&complaint));
    }
    Ok(match print(&shown.text) {
        ExitStatus::Pass => shown.status,
        unprinted => unprinted,
    })
}
