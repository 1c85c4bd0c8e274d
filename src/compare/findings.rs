//! What the runs of each mode come to, which modes can be told apart, and how much was possible (pure).
//!
//! Knows runs and the formulas of `stats`. Refuses to put anything into words.

use std::time::Duration;

use super::Run;
use crate::config::{Comparison, Mode};
use crate::stats::{self, Estimate, Sample, Welch};

/// Everything that a comparison found.
#[derive(Debug)]
pub(super) struct Findings {
    /// URLs of the list.
    pub(super) n_urls: u64,
    /// Counted runs in each mode.
    pub(super) n_runs: u32,
    /// `--jobs`.
    pub(super) jobs: u32,
    /// In the order typed.
    pub(super) modes: Vec<ModeFindings>,
    /// Every mode with every earlier one.
    pub(super) pairs: Vec<Pair>,
    /// `None` without a whole sync, whose times alone are not those of URLs that wait for each other.
    pub(super) ceiling: Option<Ceiling>,
}

/// One mode. Peaks are the greatest of all runs, counts their mean.
#[derive(Debug)]
pub(super) struct ModeFindings {
    pub(super) mode: Mode,
    /// The mode's word, numbered where it comes twice.
    pub(super) label: String,
    /// Seconds.
    pub(super) wall: Sample,
    /// Seconds, in its own code and in the kernel.
    pub(super) cpu: Sample,
    pub(super) most_in_flight: u32,
    pub(super) peak_threads: Option<u64>,
    /// Bytes.
    pub(super) peak_memory: u64,
    /// Bytes by which memory grew from before the first request to its peak, by the URLs in flight at most.
    pub(super) memory_per_url: Option<f64>,
    pub(super) voluntary_switches: f64,
    pub(super) involuntary_switches: f64,
    /// The most URLs that did not pass in a run; one that a run did not come to is one of them.
    pub(super) not_passed: u64,
    /// Whether every run came to the end of the list: a run that was cut short is no faster for it.
    pub(super) is_whole: bool,
    pub(super) runs: Vec<Run>,
}

/// Two modes, by their places; the faster one by the mean.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) faster: usize,
    pub(super) slower: usize,
    /// Wall time of the slower by that of the faster.
    pub(super) times_faster: Option<Estimate>,
    /// Seconds that the faster one saves.
    pub(super) saved: Estimate,
    pub(super) welch: Option<Welch>,
    /// Never when a run of either was cut short.
    pub(super) can_be_told_apart: bool,
}

/// The most that concurrency can give: with everything in flight at once, the slowest URL still takes its time.
#[derive(Debug, Clone)]
pub(super) struct Ceiling {
    /// The place of the sync mode whose records these are.
    pub(super) of: usize,
    /// Of the times of all URLs.
    pub(super) sum: Duration,
    pub(super) slowest: Duration,
    pub(super) url: String,
    /// The sum by the slowest.
    pub(super) times_faster: f64,
}

impl Findings {
    /// The runs come mode by mode within each round.
    pub(super) fn new(comparison: &Comparison, n_urls: u64, runs: Vec<Run>) -> Findings {
        let modes = &comparison.modes;
        let mut of_mode: Vec<Vec<Run>> = vec![Vec::new(); modes.len()];
        for (place, run) in runs.into_iter().enumerate() {
            of_mode[place % modes.len()].push(run);
        }
        let found = of_mode.into_iter().enumerate();
        let modes: Vec<ModeFindings> =
            found.filter_map(|(place, runs)| mode_findings(n_urls, label(modes, place), runs)).collect();
        Findings {
            n_urls,
            n_runs: comparison.runs,
            jobs: comparison.config.concurrency.jobs,
            pairs: pairs(&modes),
            ceiling: ceiling(&modes),
            modes,
        }
    }

    /// How much of what is possible a pair of modes reached, from 0 to about 1; `None` where the slower one is not the
    /// sync that the ceiling is of.
    pub(super) fn reached(&self, pair: &Pair) -> Option<f64> {
        let ceiling = self.ceiling.as_ref().filter(|ceiling| ceiling.of == pair.slower)?;
        (self.modes[pair.faster].mode != Mode::Sync).then_some(())?;
        Some(pair.times_faster?.value / self.possible(ceiling))
    }

    /// The ceiling, or `--jobs` where it is lower.
    pub(super) fn possible(&self, ceiling: &Ceiling) -> f64 {
        ceiling.times_faster.min(f64::from(self.jobs))
    }

    /// The first of a mode, if it was whole.
    pub(super) fn first(&self, mode: Mode) -> Option<&ModeFindings> {
        self.modes.iter().find(|found| found.mode == mode && found.is_whole)
    }
}

fn label(modes: &[Mode], place: usize) -> String {
    let mode = modes[place];
    let n = |modes: &[Mode]| modes.iter().filter(|other| **other == mode).count();
    match n(modes) {
        1 => mode.as_str().to_owned(),
        _ => format!("{} {}", mode.as_str(), n(&modes[..=place])),
    }
}

fn mode_findings(n_urls: u64, label: String, runs: Vec<Run>) -> Option<ModeFindings> {
    let mode = runs.first()?.mode;
    let seconds = |time: fn(&Run) -> Duration| sample(&runs, |run| time(run).as_secs_f64());
    let mean = |count: fn(&Run) -> u64| sample(&runs, |run| count(run) as f64).map(|sample| sample.mean);
    let growths: Vec<f64> = runs.iter().filter_map(memory_per_url).collect();
    Some(ModeFindings {
        mode,
        label,
        wall: seconds(|run| run.wall)?,
        cpu: seconds(|run| run.user + run.system)?,
        most_in_flight: runs.iter().map(|run| run.most_in_flight).max()?,
        peak_threads: runs.iter().filter_map(|run| run.peak_threads).max(),
        peak_memory: runs.iter().map(|run| run.peak_memory).max()?,
        memory_per_url: Sample::of(&growths).map(|sample| sample.mean),
        voluntary_switches: mean(|run| run.voluntary_switches)?,
        involuntary_switches: mean(|run| run.involuntary_switches)?,
        not_passed: runs.iter().map(|run| not_passed(n_urls, run)).max()?,
        is_whole: runs.iter().all(|run| is_whole(n_urls, run)),
        runs,
    })
}

fn sample(runs: &[Run], value: impl Fn(&Run) -> f64) -> Option<Sample> {
    Sample::of(&runs.iter().map(value).collect::<Vec<f64>>())
}

/// `None` when the process did not say what it held before, or never had a request.
pub(super) fn memory_per_url(run: &Run) -> Option<f64> {
    let grown = run.peak_memory.saturating_sub(run.memory_before?);
    (run.most_in_flight > 0).then(|| grown as f64 / f64::from(run.most_in_flight))
}

fn not_passed(n_urls: u64, run: &Run) -> u64 {
    n_urls.saturating_sub(run.results.passed + run.results.soft)
}

fn is_whole(n_urls: u64, run: &Run) -> bool {
    run.results.passed + run.results.soft + run.results.failed == n_urls
}

fn pairs(modes: &[ModeFindings]) -> Vec<Pair> {
    let earlier = (0..modes.len()).flat_map(|later| (0..later).map(move |earlier| (earlier, later)));
    earlier.map(|(earlier, later)| pair(modes, earlier, later)).collect()
}

fn pair(modes: &[ModeFindings], earlier: usize, later: usize) -> Pair {
    let is_faster = modes[later].wall.mean <= modes[earlier].wall.mean;
    let (faster, slower) = if is_faster { (later, earlier) } else { (earlier, later) };
    let (fast, slow) = (&modes[faster].wall, &modes[slower].wall);
    Pair {
        faster,
        slower,
        times_faster: stats::ratio_of(slow, fast),
        saved: stats::difference(slow, fast),
        welch: stats::welch(slow, fast),
        can_be_told_apart: modes[earlier].is_whole
            && modes[later].is_whole
            && stats::can_be_told_apart(slow, fast),
    }
}

/// From the sync run whose wall time is the middle one: one run's figures fit together, and a run with a hiccup is not
/// the middle one.
fn ceiling(modes: &[ModeFindings]) -> Option<Ceiling> {
    let (of, sync) =
        modes.iter().enumerate().find(|(_, found)| found.mode == Mode::Sync && found.is_whole)?;
    let mut runs: Vec<&Run> = sync.runs.iter().collect();
    runs.sort_by_key(|run| run.wall);
    let results = &runs[runs.len() / 2].results;
    let (url, slowest) = results.slowest.clone()?;
    let times_faster = stats::ceiling(results.sum_of_times, slowest)?;
    Some(Ceiling { of, sum: results.sum_of_times, slowest, url, times_faster })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::compare::Results;
    use crate::config::{Concurrency, Config};
    use crate::exit::ExitStatus;
    use crate::report::timeline::Lane;

    /// A run of ten URLs of half a second, the last of them slower by a tenth.
    fn a_run(mode: Mode, wall_ms: u64) -> Run {
        let in_flight = if mode == Mode::Sync { 1 } else { 10 };
        Run {
            mode,
            status: ExitStatus::Pass,
            wall: Duration::from_millis(wall_ms),
            user: Duration::from_millis(8),
            system: Duration::from_micros(4_500),
            voluntary_switches: 40,
            involuntary_switches: 3,
            peak_threads: Some(4 + u64::from(in_flight)),
            peak_memory: 6_000_000 + u64::from(in_flight) * 100_000,
            memory_before: Some(5_000_000),
            most_in_flight: in_flight,
            lane: Lane::default(),
            results: Results {
                passed: 10,
                bytes: 120,
                sum_of_times: Duration::from_millis(5_100),
                slowest: Some(("http://a.example/\u{1b}[2J?slow".to_owned(), Duration::from_millis(600))),
                ..Results::default()
            },
        }
    }

    /// What the walls in milliseconds, round by round, come to.
    pub(in crate::compare) fn findings(modes: &[Mode], jobs: u32, walls: &[impl AsRef<[u64]>]) -> Findings {
        let comparison = Comparison {
            config: Config {
                concurrency: Concurrency { jobs, ..Concurrency::default() },
                ..Config::default()
            },
            modes: modes.to_vec(),
            runs: u32::try_from(walls.len()).unwrap(),
            passed_on: Vec::new(),
        };
        let runs = walls
            .iter()
            .flat_map(|round| modes.iter().zip(round.as_ref()).map(|(mode, wall)| a_run(*mode, *wall)));
        Findings::new(&comparison, 10, runs.collect())
    }

    pub(in crate::compare) const ALL: [Mode; 3] = [Mode::Sync, Mode::Threads, Mode::Coroutines];

    /// Three rounds as they come on a quiet machine.
    pub(in crate::compare) fn usual() -> Findings {
        findings(&ALL, 50, &[&[5_110, 620, 612], &[5_130, 612, 618], &[5_120, 615, 610]])
    }

    #[test]
    fn each_mode_has_its_own_runs() {
        let found = usual();
        let means: Vec<u64> = found.modes.iter().map(|mode| (mode.wall.mean * 1e3).round() as u64).collect();
        assert_eq!(means, [5_120, 616, 613]);
        assert_eq!(found.modes[0].wall.stddev.map(|sd| (sd * 1e6).round()), Some(10_000.0));
        assert_eq!((found.modes[1].cpu.mean * 1e6).round(), 12_500.0);
        assert_eq!(
            (found.modes[0].memory_per_url, found.modes[2].memory_per_url),
            (Some(1_100_000.0), Some(200_000.0))
        );
    }

    #[test]
    fn the_ceiling_is_that_of_sync_and_jobs_may_be_lower() {
        let found = usual();
        let ceiling = found.ceiling.clone().unwrap();
        assert_eq!((ceiling.of, ceiling.times_faster), (0, 8.5));
        let of_sync: Vec<f64> = found.pairs.iter().filter_map(|pair| found.reached(pair)).collect();
        assert_eq!(of_sync.len(), 2, "threads and coroutines are not compared with each other's ceiling");
        assert!(of_sync.iter().all(|reached| (0.97..0.99).contains(reached)), "{of_sync:?}");
        let few = findings(&ALL, 4, &[&[5_000, 1_300, 1_250]; 3]);
        assert_eq!(few.possible(&few.ceiling.clone().unwrap()), 4.0);
        let without = findings(&ALL[1..], 50, &[&[600, 600]; 3]);
        assert!(
            without.ceiling.is_none() && without.pairs.iter().all(|pair| without.reached(pair).is_none())
        );
    }

    #[test]
    fn pairs_are_of_every_mode_with_every_earlier_one() {
        let found = usual();
        let places: Vec<_> =
            found.pairs.iter().map(|pair| (pair.faster, pair.slower, pair.can_be_told_apart)).collect();
        assert_eq!(places, [(1, 0, true), (2, 0, true), (2, 1, false)]);
    }

    #[test]
    fn a_mode_that_comes_twice_is_numbered() {
        let twice = findings(&[Mode::Threads, Mode::Sync, Mode::Threads], 50, &[&[1, 2, 3]]);
        let labels: Vec<&str> = twice.modes.iter().map(|mode| mode.label.as_str()).collect();
        assert_eq!(labels, ["threads 1", "sync", "threads 2"]);
    }
}
