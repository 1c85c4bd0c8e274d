//! What if there had been more jobs, or fewer: a run's times, replayed through the schedule without a network (pure).
//!
//! The schedule is the one that runs go by, so that limits per host and the pace hold here as they do there. What is
//! assumed is that a URL takes as long however many others are under way: true while servers, the network and our own
//! processor have room, so a run in which the processor had none is not replayed.
//!
//! Knows how long each attempt took and what waited between them. Refuses to guess what servers would have done.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use url::Url;

use crate::config::{Concurrency, Config};
use crate::event::{Event, RunInfo, Sink};
use crate::plan::Planner;
use crate::record::Record;
use crate::request::{Location, Request};
use crate::schedule::{Next, Schedule};

/// From so much of one processor on, a run is bound by it: what it measured is its own slowness.
const BUSY: f64 = 0.8;

/// Doubling the jobs has to save so much, or it is past the knee.
const WORTH_IT: f64 = 0.1;

/// How long one URL took.
#[derive(Debug, Clone)]
struct Visit {
    /// In the whole input, from 0.
    urlnum: u64,
    /// What the schedule asks for its host.
    request: Arc<Request>,
    /// For each attempt the wait before it, and how long it had its slot.
    attempts: Vec<(Duration, Duration)>,
}

/// The URLs of a run.
#[derive(Debug)]
pub struct Visits {
    planner: Planner,
    visits: Vec<Visit>,
}

impl Default for Visits {
    fn default() -> Visits {
        Visits { planner: Planner::new(&Config::default()), visits: Vec::new() }
    }
}

impl Visits {
    /// Takes up what a record says, unless its entry never had a slot.
    pub fn add(&mut self, record: &Record) {
        let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let attempts = record.attempts.iter().map(|made| (seconds(made.wait), seconds(made.time_total)));
        let attempts: Vec<_> = attempts.collect();
        let text = format!("http://{}/", record.host);
        let location = Location { source: Arc::clone(&record.source), line: record.line };
        let Some(url) = Url::parse(&text).ok().filter(|_| !attempts.is_empty()) else { return };
        let request = self.planner.plan_bare(self.visits.len() as u64, location, url);
        self.visits.push(Visit { urlnum: record.urlnum, request, attempts });
    }

    /// In the list's order, as records come in that of their ends.
    fn in_order(&self) -> Vec<Visit> {
        let mut visits = self.visits.clone();
        visits.sort_by_key(|visit| visit.urlnum);
        for (index, visit) in visits.iter_mut().enumerate() {
            visit.renumber(index as u64);
        }
        visits
    }
}

impl Visit {
    /// The schedule gives a request back, and by its number the visit is found again.
    fn renumber(&mut self, index: u64) {
        let request = Arc::make_mut(&mut self.request);
        Arc::make_mut(&mut request.subject).urlnum = index;
    }
}

/// A run's URLs, gathered while it lasts. Clones gather into the same.
#[derive(Debug, Clone, Default)]
pub struct Gatherer {
    run: Option<RunInfo>,
    visits: Arc<Mutex<Visits>>,
}

impl Gatherer {
    /// What was gathered so far.
    pub fn take(&self) -> Visits {
        std::mem::take(&mut *self.visits.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sink for Gatherer {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match (event, &self.run) {
            (Event::RunStarted(run), _) => self.run = Some(run.clone()),
            (Event::Finished(outcome), Some(run)) => {
                let mut visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
                visits.add(&Record::from_outcome(outcome, run));
            }
            _ => {}
        }
        Ok(())
    }
}

/// How long the same run would have taken.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Forecast {
    jobs: u32,
    /// From its start to its last end.
    wall: Duration,
}

/// The run as it was: what forecasts are held against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// When it began.
    pub began: Instant,
    /// `--jobs` of it.
    pub jobs: u32,
    /// How long it took.
    pub wall: Duration,
    /// What it had of processors; `None` when nobody knows.
    pub cpu: Option<Duration>,
}

/// Replays the visits, in the list's order, once for each number of jobs.
fn forecasts(visits: &[Visit], limits: &Concurrency, jobs: &[u32], began: Instant) -> Vec<Forecast> {
    let with = |jobs: u32| Concurrency { jobs, ..limits.clone() };
    jobs.iter().map(|&jobs| Forecast { jobs, wall: replay(visits, &with(jobs), began) }).collect()
}

/// An attempt under way, or a URL between two of them, by the time at which that ends.
type Turn = Reverse<(Instant, usize, Change)>;

/// What comes to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    /// An attempt is over.
    Ends,
    /// The wait for the next attempt is.
    Wakes,
}

fn replay(visits: &[Visit], limits: &Concurrency, began: Instant) -> Duration {
    let mut stage = Stage { visits, tried: vec![0; visits.len()], turns: BinaryHeap::new() };
    let mut schedule = Schedule::new(limits);
    let (mut now, mut listed) = (began, 0);
    loop {
        while listed < visits.len() && schedule.room() > 0 {
            schedule.push(Arc::clone(&visits[listed].request), now);
            listed += 1;
        }
        let starts_at = stage.start_all(&mut schedule, now);
        let ends_at = stage.turns.peek().map(|turn| turn.0.0);
        let Some(next) = [starts_at, ends_at].into_iter().flatten().min() else {
            return now.saturating_duration_since(began);
        };
        now = next;
        stage.pass(&mut schedule, now);
    }
}

/// Where every visit is.
struct Stage<'a> {
    visits: &'a [Visit],
    /// Attempts of each that were begun.
    tried: Vec<usize>,
    turns: BinaryHeap<Turn>,
}

impl Stage<'_> {
    /// Starts all that may be; says when the pace lets the next one start, if it is that which waits.
    fn start_all(&mut self, schedule: &mut Schedule, now: Instant) -> Option<Instant> {
        loop {
            match schedule.next(now) {
                Next::Start(waiting) => {
                    let index = usize::try_from(waiting.request.subject.urlnum).unwrap_or(usize::MAX);
                    let (_, lasted) = self.visits[index].attempts[self.tried[index]];
                    self.tried[index] += 1;
                    self.turns.push(Reverse((now + lasted, index, Change::Ends)));
                }
                Next::Wait(at) => return Some(at),
                _ => return None,
            }
        }
    }

    /// Everything that comes to pass by now.
    fn pass(&mut self, schedule: &mut Schedule, now: Instant) {
        while let Some(&Reverse((at, index, change))) = self.turns.peek() {
            if at > now {
                return;
            }
            self.turns.pop();
            let visit = &self.visits[index];
            match (change, visit.attempts.get(self.tried[index])) {
                (Change::Ends, next) => {
                    schedule.finish(&visit.request);
                    if let Some((wait, _)) = next {
                        self.turns.push(Reverse((at + *wait, index, Change::Wakes)));
                    }
                }
                (Change::Wakes, _) => schedule.push(Arc::clone(&visit.request), now),
            }
        }
    }
}

/// The first number of jobs that it hardly pays to double; `None` when all of them pay. In order of jobs.
fn knee(forecasts: &[Forecast]) -> Option<u32> {
    let pays = |pair: &[Forecast]| {
        let doublings = libm::log2(f64::from(pair[1].jobs) / f64::from(pair[0].jobs));
        let left = pair[1].wall.as_secs_f64() / pair[0].wall.as_secs_f64().max(1e-9);
        1.0 - libm::pow(left, 1.0 / doublings) >= WORTH_IT
    };
    forecasts.windows(2).find(|pair| !pays(pair)).map(|pair| pair[0].jobs)
}

/// The table, and what it is worth. `jobs` are in order, each once.
///
/// # Errors
/// Why nothing can be said, a sentence.
pub fn answer(visits: &Visits, limits: &Concurrency, jobs: &[u32], seen: Seen) -> Result<String, String> {
    let visits = &visits.in_order()[..];
    if visits.is_empty() {
        return Err("no URL had its turn, so there is nothing to replay".to_owned());
    }
    if let Some(cpu) = seen.cpu.filter(|cpu| cpu.as_secs_f64() >= BUSY * seen.wall.as_secs_f64()) {
        return Err(format!(
            "this run was bound by the processor ({:.2} s of it in {:.2} s), so its times say nothing about other \
             --jobs",
            cpu.as_secs_f64(),
            seen.wall.as_secs_f64()
        ));
    }
    let forecasts = forecasts(visits, limits, jobs, seen.began);
    let mut text = format!("what if --jobs had been another, by the times of {} URLs:\n", visits.len());
    for forecast in &forecasts {
        let here = if forecast.jobs == seen.jobs { "  as in this run" } else { "" };
        // A String takes everything.
        let _ = writeln!(text, "{:>9} jobs {:>10.2} s{here}", forecast.jobs, forecast.wall.as_secs_f64());
    }
    let _ = match knee(&forecasts) {
        Some(jobs) => writeln!(text, "the knee is at {jobs}: beyond it, twice the jobs save less than 10 %"),
        None => writeln!(text, "no knee: each of these saves 10 % or more for twice the jobs"),
    };
    text.push_str(&trust(visits, limits, seen));
    Ok(text)
}

/// The run itself, replayed: how far that is from what it took is how far the rest may be off.
fn trust(visits: &[Visit], limits: &Concurrency, seen: Seen) -> String {
    let replayed = forecasts(visits, limits, &[seen.jobs], seen.began)[0].wall.as_secs_f64();
    let took = seen.wall.as_secs_f64();
    let off = (replayed - took).abs() / took.max(1e-9) * 100.0;
    let doubt = match (seen.cpu, off) {
        (_, off) if off > 15.0 => ": something else than --jobs held it back, so do not rely on this",
        (None, _) => "; whether the processor was the bound is not known",
        _ => "",
    };
    format!(
        "this run replayed with its {} jobs: {replayed:.2} s, and it took {took:.2} s ({off:.0} % off){doubt}\n",
        seen.jobs
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Mode;
    use crate::outcome::{Attempt, Outcome};
    use crate::record::samples::{at, attempt, run, subject};
    use crate::schedule::samples::request;

    const MS: Duration = Duration::from_millis(1);

    fn limits(per_host: Option<u32>) -> Concurrency {
        let mode = Mode::Coroutines;
        Concurrency { jobs: 1, per_host, per_host_given: false, start_interval: None, processes: 1, mode }
    }

    fn visits(times: &[u32], host: impl Fn(usize) -> &'static str) -> Vec<Visit> {
        let visit = |(index, millis): (usize, &u32)| Visit {
            urlnum: index as u64,
            request: request(index as u64, host(index)),
            attempts: vec![(Duration::ZERO, MS * *millis)],
        };
        times.iter().enumerate().map(visit).collect()
    }

    fn walls(visits: &[Visit], limits: &Concurrency, jobs: &[u32]) -> Vec<u128> {
        forecasts(visits, limits, jobs, at(0)).iter().map(|forecast| forecast.wall.as_millis()).collect()
    }

    #[test]
    fn slots_are_taken_in_the_lists_order_as_they_come_free() {
        let visits = visits(&[500, 100, 100, 100, 200, 300], |_| "a.test");
        assert_eq!(walls(&visits, &limits(None), &[1, 2, 3, 6, 100]), [1300, 800, 500, 500, 500]);
    }

    #[test]
    fn a_hosts_limit_and_the_pace_hold_as_in_a_run() {
        let one_host = visits(&[100; 6], |_| "a.test");
        assert_eq!(walls(&one_host, &limits(Some(2)), &[1, 2, 50]), [600, 300, 300]);
        let hosts = visits(&[100; 6], |index| ["a.test", "b.test", "c.test"][index % 3]);
        assert_eq!(walls(&hosts, &limits(Some(1)), &[50]), [200]);
        let paced = Concurrency { start_interval: Some(MS * 50), ..limits(None) };
        assert_eq!(walls(&one_host, &paced, &[50]), [350]);
    }

    #[test]
    fn a_wait_between_two_tries_holds_no_slot() {
        let mut visits = visits(&[100, 100, 100], |_| "a.test");
        visits[0].attempts = vec![(Duration::ZERO, MS * 100), (MS * 150, MS * 100)];
        assert_eq!(walls(&visits, &limits(None), &[1, 2, 3]), [400, 350, 350]);
    }

    #[test]
    fn records_are_replayed_in_the_lists_order_whenever_they_ended() {
        let mut visits = Visits::default();
        for (line, millis) in [(7, 300), (3, 100), (5, 200)] {
            let outcome = Outcome::new(subject(line), vec![attempt(at(0), millis)]);
            visits.add(&Record::from_outcome(&outcome, &run()));
        }
        let waiting = Outcome::new(subject(9), vec![Attempt::begin(at(0))]);
        let mut never = Record::from_outcome(&waiting, &run());
        never.attempts.clear();
        visits.add(&never);
        let in_order = visits.in_order();
        assert_eq!(in_order.iter().map(|visit| visit.urlnum).collect::<Vec<_>>(), [2, 4, 6]);
        assert_eq!(walls(&in_order, &limits(None), &[2]), [400]);
    }

    #[test]
    fn the_knee_is_where_twice_the_jobs_save_little() {
        let forecast = |(jobs, seconds)| Forecast { jobs, wall: Duration::from_secs_f64(seconds) };
        let of = |walls: &[(u32, f64)]| knee(&walls.iter().copied().map(forecast).collect::<Vec<_>>());
        assert_eq!(of(&[(1, 48.0), (2, 24.0), (5, 10.0), (50, 1.2), (200, 1.1)]), Some(50));
        assert_eq!(of(&[(1, 8.0), (2, 4.0), (4, 2.0)]), None);
        assert_eq!(of(&[(1, 1.0), (2, 0.95)]), Some(1));
        assert_eq!(of(&[(7, 1.0)]), None);
    }

    #[test]
    fn the_answer_says_what_it_is_worth() {
        let visits = Visits { visits: visits(&[100; 10], |_| "a.test"), ..Visits::default() };
        let seen = |jobs, wall, cpu: Option<u32>| Seen {
            began: at(0),
            jobs,
            wall: MS * wall,
            cpu: cpu.map(|cpu| MS * cpu),
        };
        let told = answer(&visits, &limits(None), &[1, 2, 10, 20], seen(2, 510, Some(20))).unwrap();
        let expected = "\
what if --jobs had been another, by the times of 10 URLs:
        1 jobs       1.00 s
        2 jobs       0.50 s  as in this run
       10 jobs       0.10 s
       20 jobs       0.10 s
the knee is at 10: beyond it, twice the jobs save less than 10 %
this run replayed with its 2 jobs: 0.50 s, and it took 0.51 s (2 % off)
";
        assert_eq!(told, expected);
        let far = answer(&visits, &limits(None), &[1], seen(2, 900, None)).unwrap();
        assert!(far.contains("44 % off): something else than --jobs held it back"), "{far}");
        let unknown = answer(&visits, &limits(None), &[1], seen(2, 500, None)).unwrap();
        assert!(unknown.ends_with("whether the processor was the bound is not known\n"), "{unknown}");
        let busy = answer(&visits, &limits(None), &[1], seen(2, 500, Some(450))).unwrap_err();
        assert!(busy.contains("bound by the processor"), "{busy}");
        assert!(answer(&Visits::default(), &limits(None), &[1], seen(2, 500, None)).is_err());
    }
}
