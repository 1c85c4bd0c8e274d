//! Figures over many durations: percentiles, the slowest, speed-up and its ceiling (pure).
//!
//! Knows numbers and where their formulas come from. Keeps a bounded number of them, however long the list is, and
//! refuses to know what was measured.

use std::time::Duration;

mod comparison;
mod drift;

pub use comparison::{Estimate, SIGNIFICANCE, Sample, Welch, can_be_told_apart, difference, ratio_of, welch};
pub use drift::{Drift, Shift, Turn, Twice, drift, median};

/// So many durations are kept as they are; more are counted in buckets. 80 kB.
const EXACT: usize = 10_000;

/// Durations seen one by one, in bounded memory: at most 140 kB.
#[derive(Debug, Clone, Default)]
pub struct Durations {
    kept: Vec<u64>,
    buckets: Option<Histogram>,
    sum: Duration,
    max: Duration,
}

impl Durations {
    /// Takes one more.
    pub fn add(&mut self, duration: Duration) {
        self.sum = self.sum.saturating_add(duration);
        self.max = self.max.max(duration);
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        match &mut self.buckets {
            Some(buckets) => buckets.add(nanos),
            None => self.kept.push(nanos),
        }
        if self.kept.len() > EXACT {
            self.fold();
        }
    }

    fn fold(&mut self) {
        let mut buckets = Histogram::default();
        std::mem::take(&mut self.kept).into_iter().for_each(|nanos| buckets.add(nanos));
        self.buckets = Some(buckets);
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.buckets.as_ref().map_or(self.kept.len() as u64, |buckets| buckets.total)
    }

    /// All together.
    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// The longest, exactly; zero when there was none.
    pub fn max(&self) -> Duration {
        self.max
    }

    /// The smallest duration that `percent` per cent do not exceed, by nearest rank (Hyndman and Fan, "Sample Quantiles
    /// in Statistical Packages", 1996, definition 1). Exact up to 10 000 durations, within 0.4 % beyond. `None` when
    /// there was none; `percent` is 1 to 100.
    pub fn percentile(&mut self, percent: u32) -> Option<Duration> {
        self.quantile(percent.saturating_mul(1000))
    }

    /// The same in parts of 100 000: 99 900 is p99.9.
    pub fn quantile(&mut self, parts: u32) -> Option<Duration> {
        let rank = (self.count() * u64::from(parts.min(100_000))).div_ceil(100_000).max(1);
        if self.count() == 0 {
            return None;
        }
        let nanos = match &self.buckets {
            Some(buckets) => buckets.value_at(rank),
            None => {
                self.kept.sort_unstable();
                self.kept[rank as usize - 1]
            }
        };
        Some(Duration::from_nanos(nanos).min(self.max))
    }
}

/// Buckets of an octave: a bucket is at most 1/128 of its value wide, and the middle is reported, so 1/256 off.
const SUB_BITS: u32 = 7;
/// One linear stretch below 128 ns, then an octave for each further bit of a u64: 58 · 128 · 8 bytes = 59 kB.
const BUCKETS: usize = ((64 - SUB_BITS + 1) as usize) << SUB_BITS;

/// A log-linear histogram of fixed size: the idea of `HdrHistogram` (Gil Tene, <https://hdrhistogram.org>), as far as
/// three percentiles need it.
#[derive(Debug, Clone)]
struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { counts: vec![0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    fn add(&mut self, value: u64) {
        self.counts[bucket_of(value)] += 1;
        self.total += 1;
    }

    /// The value at a rank from 1.
    fn value_at(&self, rank: u64) -> u64 {
        let mut seen = 0;
        let reached = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        middle_of(reached.unwrap_or(BUCKETS - 1))
    }
}

/// The seven bits after the leading one choose the bucket, the place of the leading one the octave.
fn bucket_of(value: u64) -> usize {
    let octave = (u64::BITS - value.leading_zeros()).saturating_sub(SUB_BITS + 1);
    ((u64::from(octave) << SUB_BITS) + (value >> octave)) as usize
}

fn middle_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let octave = (bucket >> SUB_BITS).saturating_sub(1);
    let low = (bucket - (octave << SUB_BITS)) << octave;
    low + ((1 << octave) >> 1)
}

/// The longest few of many, with what they belong to, the longest first. Of equals the earlier ones stay.
#[derive(Debug, Clone)]
pub struct Slowest<T> {
    most: usize,
    longest: Vec<(Duration, T)>,
}

impl<T> Slowest<T> {
    /// Keeps at most so many.
    pub fn new(most: usize) -> Slowest<T> {
        Slowest { most, longest: Vec::with_capacity(most + 1) }
    }

    /// Takes one more; what it belongs to is only asked for when it is kept.
    pub fn offer(&mut self, duration: Duration, of: impl FnOnce() -> T) {
        let place = self.longest.partition_point(|(other, _)| *other >= duration);
        if place < self.most {
            self.longest.insert(place, (duration, of()));
            self.longest.truncate(self.most);
        }
    }

    /// The longest first.
    pub fn iter(&self) -> impl Iterator<Item = &(Duration, T)> {
        self.longest.iter()
    }
}

/// How many times faster than one after another: the sum of the times by the time it really took. `None` when no time
/// passed.
pub fn speed_up(sum: Duration, wall: Duration) -> Option<f64> {
    ratio(sum, wall)
}

/// The speed-up that no number of jobs exceeds, as the slowest one takes its time by itself: the sum by the slowest
/// (the span law: Cormen et al., "Introduction to Algorithms", on multithreading). `None` when no time passed.
pub fn ceiling(sum: Duration, slowest: Duration) -> Option<f64> {
    ratio(sum, slowest)
}

fn ratio(of: Duration, to: Duration) -> Option<f64> {
    (!to.is_zero()).then(|| of.as_secs_f64() / to.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(nanos: impl IntoIterator<Item = u64>) -> Durations {
        let mut durations = Durations::default();
        nanos.into_iter().for_each(|n| durations.add(Duration::from_nanos(n)));
        durations
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        for (nanos, percent, expected) in [
            (vec![15, 20, 35, 40, 50], 5, 15),
            (vec![15, 20, 35, 40, 50], 30, 20),
            (vec![50, 15, 40, 20, 35], 40, 20),
            (vec![15, 20, 35, 40, 50], 50, 35),
            (vec![15, 20, 35, 40, 50], 100, 50),
            (vec![7], 99, 7),
            (vec![0, 0], 50, 0),
            ((1..=100).collect(), 95, 95),
            ((1..=101).collect(), 99, 100),
        ] {
            assert_eq!(of(nanos).percentile(percent), Some(Duration::from_nanos(expected)), "p{percent}");
        }
    }

    #[test]
    fn nothing_has_no_percentile_and_no_ratio() {
        assert_eq!(of([]).percentile(50), None);
        assert_eq!((of([]).count(), of([]).sum(), of([]).max()), (0, Duration::ZERO, Duration::ZERO));
        assert_eq!(speed_up(Duration::from_secs(1), Duration::ZERO), None);
        assert_eq!(ceiling(Duration::ZERO, Duration::ZERO), None);
    }

    #[test]
    fn beyond_ten_thousand_memory_stays_and_percentiles_are_within_four_per_mille() {
        let mut durations = of((1..=1_000_000).map(|n| n * 1_000));
        assert!(durations.kept.is_empty() && durations.kept.capacity() == 0);
        for percent in [1, 50, 95, 99, 100] {
            let exact = f64::from(percent) * 10_000.0 * 1e-6;
            let got = durations.percentile(percent).unwrap().as_secs_f64();
            assert!((got / exact - 1.0).abs() <= 0.004, "p{percent}: {got} for {exact}");
        }
        assert_eq!((durations.count(), durations.max()), (1_000_000, Duration::from_secs(1)));
    }

    #[test]
    fn the_slowest_three_are_kept_with_their_names() {
        let mut slowest = Slowest::new(3);
        for (millis, name) in [(3, "c"), (1, "a"), (5, "e"), (3, "later c"), (4, "d"), (0, "z")] {
            slowest.offer(Duration::from_millis(millis), || name);
        }
        let names: Vec<_> = slowest.iter().map(|(_, name)| *name).collect();
        assert_eq!(names, ["e", "d", "c"]);
    }

    #[test]
    fn speed_up_and_ceiling_are_plain_ratios() {
        let seconds = Duration::from_secs_f64;
        assert_eq!(speed_up(seconds(48.0), seconds(1.5)), Some(32.0));
        assert_eq!(ceiling(seconds(48.0), seconds(1.2)).map(|c| c.round()), Some(40.0));
    }

    proptest! {
        #[test]
        fn a_bucket_stands_for_its_values_within_four_per_mille(value in any::<u64>()) {
            let bucket = bucket_of(value);
            prop_assert!(bucket < BUCKETS);
            prop_assert_eq!(bucket_of(middle_of(bucket)), bucket);
            prop_assert!(middle_of(bucket).abs_diff(value) <= value / 256);
        }
    }
}
