//! `demo --block`: what one blocking call does to everybody on the worker, and what parking does for them.
//!
//! Knows one wait in two forms. Refuses to let the second one near a run: this is the only task of ours that sleeps.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use url::Url;

use super::{Child, Shown};
use crate::config::{Config, Mode};
use crate::event::{Stall, StallCause};
use crate::exit::ExitStatus;
use crate::http::{Client, Fetch};
use crate::outcome::Attempt;
use crate::plan::Planner;
use crate::request::{Location, Request};
use crate::runtime::{Runtime, Slot, Wake};

/// The neighbours.
const FETCHES: usize = 5;

/// Coroutines at once: the neighbours, and the one that waits.
const JOBS: u32 = 6;

/// What the origin lets each of them wait for.
const PATH: &str = "/delay/100";

/// How long the other coroutine waits, in either form: so much longer that nobody takes one for the other.
const WAIT: Duration = Duration::from_millis(500);

/// The two forms of the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Parks,
    Blocks,
}

/// What one form did to the neighbours.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Round {
    form: Form,
    /// How long each fetch took, in the order of their ends.
    times: Vec<Duration>,
    /// How many of them ended before the wait did.
    n_before: usize,
    /// Why a fetch failed; `None` when all passed.
    trouble: Option<String>,
}

/// What a round's coroutines tell.
enum Told {
    Fetched(Box<Attempt>),
    Waited,
}

/// Fetches a few URLs beside a wait that parks, then beside one that blocks, and shows what they took.
///
/// # Errors
/// Why it cannot be done here: exit 2, and nothing was fetched.
pub fn block() -> Result<Shown, String> {
    let origin = Child::start().map_err(|error| error.to_string())?;
    let runtime = Runtime::start(Mode::Coroutines, JOBS).map_err(|error| error.to_string())?;
    runtime.watch_worker().map_err(|error| error.to_string())?;
    let request = request(origin.addr())?;
    let (told, rounds) = mpsc::channel();
    let for_root = runtime.clone();
    let root = move || {
        for form in [Form::Parks, Form::Blocks] {
            // Who would read it has gone, and so has the reason to go on.
            let _ = told.send(round(&for_root, &request, form));
        }
    };
    runtime.start_root(root).map_err(|error| error.to_string())?;
    let rounds: Vec<Round> = rounds.iter().collect::<Result<_, _>>()?;
    Ok(shown(&rounds, runtime.worst_stall().as_ref()))
}

fn request(origin: SocketAddr) -> Result<Arc<Request>, String> {
    let text = format!("http://{origin}{PATH}");
    let url = Url::parse(&text).map_err(|error| format!("{text}: {error}"))?;
    let location = Location { source: "demo".into(), line: 1 };
    Ok(Planner::new(&Config::default()).plan_bare(0, location, url))
}

/// All at once, on the worker. The wait begins last, when the neighbours are parked; that it is over before any of them
/// goes on, or not, is the order in which they tell. A client of its own, so that no round has warm connections.
fn round(runtime: &Runtime, request: &Arc<Request>, form: Form) -> Result<Round, String> {
    let client = Arc::new(Client::new(&Config::default(), runtime)?);
    let (sender, mailbox) = runtime.mailbox();
    for _ in 0..FETCHES {
        let (client, request, slot) = (Arc::clone(&client), Arc::clone(request), runtime.slot());
        let sender = sender.clone();
        let fetch = move || sender.send(Told::Fetched(client.fetch(&request, &slot, None)));
        runtime.spawn(fetch).map_err(|error| error.to_string())?;
    }
    let slot = runtime.slot();
    let wait = move || {
        form.wait(&slot);
        sender.send(Told::Waited);
    };
    runtime.spawn(wait).map_err(|error| error.to_string())?;
    let mut round = Round { form, times: Vec::new(), n_before: 0, trouble: None };
    let (mut messages, mut n_told) = (std::collections::VecDeque::new(), 0);
    while n_told <= FETCHES {
        mailbox.receive(None, &mut messages);
        n_told += messages.len();
        messages.drain(..).for_each(|told| round.take(told));
    }
    Ok(round)
}

impl Form {
    fn wait(self, slot: &Slot) {
        match self {
            Form::Parks => {
                let until = Instant::now() + WAIT;
                while slot.park(Some(until)) == Wake::Woken {}
            }
            Form::Blocks => {
                #[expect(clippy::disallowed_methods, reason = "the blocked worker is what is shown")]
                std::thread::sleep(WAIT);
            }
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Form::Parks => "It parks, as all that is patched does:",
            Form::Blocks => "It blocks, as std::thread::sleep does:",
        }
    }
}

impl Round {
    fn take(&mut self, told: Told) {
        match told {
            Told::Fetched(attempt) => {
                self.times.push(attempt.timings.total);
                let trouble = attempt.failure.map(|failure| failure.to_string());
                self.trouble = self.trouble.take().or(trouble);
            }
            Told::Waited => self.n_before = self.times.len(),
        }
    }
}

fn shown(rounds: &[Round], stall: Option<&Stall>) -> Shown {
    if let Some(trouble) = rounds.iter().find_map(|round| round.trouble.clone()) {
        return Shown { text: String::new(), complaint: Some(trouble), status: ExitStatus::Failed };
    }
    let wait = WAIT.as_secs_f64();
    let mut text =
        format!("{FETCHES} fetches of {PATH} and a coroutine that waits {wait:.2} s, all on one worker.\n");
    for Round { form, times, n_before, .. } in rounds {
        let longest = times.iter().max().copied().unwrap_or_default().as_secs_f64();
        let line = format_args!(
            "{} {n_before} of {FETCHES} fetches end before it does, the longest takes {longest:.2} s.\n",
            form.sentence()
        );
        let _ = text.write_fmt(line);
    }
    let _ = writeln!(text, "{}", noticed(stall));
    Shown { text, complaint: None, status: ExitStatus::Pass }
}

/// What the watcher of every run says of the second form.
fn noticed(stall: Option<&Stall>) -> String {
    match stall {
        Some(Stall { cause: StallCause::Blocked, lasted, .. }) => {
            let lasted = lasted.as_secs_f64();
            format!("A run would say so: its watcher saw the worker blocked for {lasted:.2} s.")
        }
        _ => "A run would not have noticed: its watcher was not given a processor.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(form: Form, n_before: usize, millis: u64, trouble: Option<&str>) -> Round {
        let times = vec![Duration::from_millis(millis); FETCHES];
        Round { form, times, n_before, trouble: trouble.map(str::to_owned) }
    }

    #[test]
    fn four_lines_say_what_patching_is_for() {
        let rounds = [round(Form::Parks, 5, 104, None), round(Form::Blocks, 0, 602, None)];
        let expected = "\
5 fetches of /delay/100 and a coroutine that waits 0.50 s, all on one worker.
It parks, as all that is patched does: 5 of 5 fetches end before it does, the longest takes 0.10 s.
It blocks, as std::thread::sleep does: 0 of 5 fetches end before it does, the longest takes 0.60 s.
A run would say so: its watcher saw the worker blocked for 0.48 s.
";
        let lasted = Duration::from_millis(480);
        let shown =
            shown(&rounds, Some(&Stall { cause: StallCause::Blocked, lasted, at: None, process: None }));
        assert_eq!((&*shown.text, shown.complaint, shown.status), (expected, None, ExitStatus::Pass));
    }

    #[test]
    fn a_fetch_that_fails_is_told_in_place_of_figures() {
        let rounds = [round(Form::Parks, 5, 1, None), round(Form::Blocks, 0, 1, Some("closed (wait): x"))];
        let shown = shown(&rounds, None);
        let complaint = Some("closed (wait): x".to_owned());
        assert_eq!((&*shown.text, shown.complaint, shown.status), ("", complaint, ExitStatus::Failed));
    }
}
