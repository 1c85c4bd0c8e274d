//! Which of many times changed by more than noise, when each was taken only twice: once before and once after (pure).
//!
//! One pair of times says nothing of how far it strays by itself, so the others say it: what all have in common is taken
//! off, and what is left of one is held against what is left of those that take about as long. Noise is as often a gain
//! as a loss, so a loss is also held against the largest gains, and a gain against the largest losses. Where there are
//! too few others, fixed bounds have to do, and they are wider. What befalls a single one, such as a packet lost while it
//! is answered, is taken for a change all the same: with one sample on each side nobody can know better.
//!
//! Knows pairs of seconds. Refuses to know what took them, and to call a change one that may be noise.

/// With fewer pairs than this, what they have in common and how far they stray is not known.
const ENOUGH: usize = 8;
/// With more than twice as many, they are held against those that take about as long: long times stray further.
const NEIGHBOURS: usize = 64;

/// The least change of one pair, as a ratio and in seconds. 50 ms is what a machine with other work takes now and then.
const LEAST: Bounds = Bounds { ratio: 1.75, seconds: 0.05 };
/// The same where there are fewer than [`ENOUGH`].
const LEAST_ALONE: Bounds = Bounds { ratio: 2.0, seconds: 0.1 };
/// What all have in common is told from here on.
const LEAST_SHIFT: f64 = 1.2;

/// Added to each time before ratios are taken: to a few milliseconds a few more are nothing.
const SOFTENER: f64 = 0.05;

/// Half of a normal distribution's values lie within 0.674 of its standard deviation, three quarters within this many.
const THREE_QUARTERS: f64 = 1.150_349;
/// So many standard deviations are no noise, by what three quarters of the others do: if noise were normal, one pair of
/// three million would be called a change.
const DEVIATIONS: f64 = 5.0;
/// By so much it has to exceed what others changed the other way: noise is seldom normal.
const BEYOND_THE_OTHERS: f64 = 1.5;
/// The standard normal's bound for one in a hundred, both signs counted.
const ONE_IN_A_HUNDRED: f64 = 2.575_829;

struct Bounds {
    ratio: f64,
    seconds: f64,
}

/// A time before and after, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Twice {
    /// Before; above 0.
    pub old: f64,
    /// After; above 0.
    pub new: f64,
}

/// Which way a time went, beyond noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It takes longer.
    Slower,
    /// It takes less.
    Faster,
}

/// What all pairs have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// The median of new by old; above 1 is slower.
    pub factor: f64,
    /// The median of new less old, in seconds.
    pub seconds: f64,
    /// How many pairs there are.
    pub count: usize,
}

impl Shift {
    /// Whether all together became so much slower that it is no matter of the day: twice as slow, and by 50 ms or more.
    pub fn is_grave(&self) -> bool {
        self.factor >= LEAST_ALONE.ratio && self.seconds >= LEAST.seconds
    }
}

/// What became of many times.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// `None` when nothing in common can be told from noise.
    pub shift: Option<Shift>,
    /// For each pair, in order; `None` when it stayed what it was, as far as that can be told.
    pub turns: Vec<Option<Turn>>,
}

/// Judges pairs of times.
pub fn drift(pairs: &[Twice]) -> Drift {
    if pairs.len() < ENOUGH {
        return Drift { shift: None, turns: pairs.iter().map(alone).collect() };
    }
    let common = Common::of(pairs);
    let mut turns = vec![None; pairs.len()];
    for neighbours in neighbourhoods(pairs) {
        let others = Others::of(&neighbours, pairs, &common);
        for index in neighbours {
            turns[index] = others.judge(&pairs[index], &common);
        }
    }
    Drift { shift: common.shift(pairs), turns }
}

/// The pairs by their indices, those together that take about as long, both times counted alike.
fn neighbourhoods(pairs: &[Twice]) -> Vec<Vec<usize>> {
    let mut indices: Vec<usize> = (0..pairs.len()).collect();
    let length = |index: &usize| pairs[*index].old * pairs[*index].new;
    indices.sort_by(|one, other| length(one).total_cmp(&length(other)));
    let many = (pairs.len() / NEIGHBOURS).max(1);
    indices.chunks(pairs.len().div_ceil(many)).map(<[usize]>::to_vec).collect()
}

fn alone(pair: &Twice) -> Option<Turn> {
    let exceeds =
        |more: f64, less: f64| more >= less * LEAST_ALONE.ratio && more - less >= LEAST_ALONE.seconds;
    if exceeds(pair.new, pair.old) {
        return Some(Turn::Slower);
    }
    exceeds(pair.old, pair.new).then_some(Turn::Faster)
}

/// The logarithm of a softened time.
fn log(seconds: f64) -> f64 {
    libm::log(seconds + SOFTENER)
}

/// What all pairs have in common.
struct Common {
    /// The median change of softened logarithms.
    log: f64,
    /// The median difference, in seconds.
    seconds: f64,
}

impl Common {
    fn of(pairs: &[Twice]) -> Common {
        let mut logs: Vec<f64> = pairs.iter().map(|pair| log(pair.new) - log(pair.old)).collect();
        let mut differences: Vec<f64> = pairs.iter().map(|pair| pair.new - pair.old).collect();
        Common { log: median(&mut logs), seconds: median(&mut differences) }
    }

    /// The sign test, with the correction for continuity: W. J. Dixon and A. M. Mood, "The statistical sign test",
    /// JASA 41 (1946). It asks only whether more went one way than a coin would have it.
    fn shift(&self, pairs: &[Twice]) -> Option<Shift> {
        let slower = pairs.iter().filter(|pair| pair.new > pair.old).count();
        let faster = pairs.iter().filter(|pair| pair.new < pair.old).count();
        let surplus = slower.abs_diff(faster).saturating_sub(1) as f64;
        let is_seen = surplus > ONE_IN_A_HUNDRED * ((slower + faster) as f64).sqrt();
        let is_enough = self.log.abs() >= libm::log(LEAST_SHIFT);
        let mut ratios: Vec<f64> = pairs.iter().map(|pair| pair.new / pair.old).collect();
        (is_seen && is_enough).then(|| Shift {
            factor: median(&mut ratios),
            seconds: self.seconds,
            count: pairs.len(),
        })
    }
}

/// How far pairs stray from what is common to all.
struct Others {
    /// The standard deviations of logarithms and of differences, by what three quarters do.
    log_spread: f64,
    spread: f64,
    /// The largest changes of the logarithm each way, but for a few.
    log_gain: f64,
    log_loss: f64,
}

impl Others {
    fn of(indices: &[usize], pairs: &[Twice], common: &Common) -> Others {
        let chosen = || indices.iter().map(|index| &pairs[*index]);
        let mut logs: Vec<f64> = chosen().map(|pair| log(pair.new) - log(pair.old) - common.log).collect();
        let differences = chosen().map(|pair| pair.new - pair.old - common.seconds);
        let (log_spread, spread) = (spread(logs.iter().copied()), spread(differences));
        logs.sort_by(f64::total_cmp);
        // One in fifty may be a change and not noise, and one in any case.
        let few = 1 + logs.len() / 50;
        let (log_gain, log_loss) = (-logs[few], logs[logs.len() - 1 - few]);
        Others { log_spread, spread, log_gain, log_loss }
    }

    /// A pair is expected where the common ratio or the common difference takes it, whichever excuses it more.
    fn judge(&self, pair: &Twice, common: &Common) -> Option<Turn> {
        let by_ratio = (pair.old + SOFTENER) * libm::exp(common.log) - SOFTENER;
        let by_difference = pair.old + common.seconds;
        let (most, least) = (by_ratio.max(by_difference), by_ratio.min(by_difference).max(0.0));
        if self.exceeds(pair.new, most, self.log_gain) {
            return Some(Turn::Slower);
        }
        self.exceeds(least, pair.new, self.log_loss).then_some(Turn::Faster)
    }

    fn exceeds(&self, more: f64, less: f64, others: f64) -> bool {
        let logs = log(more) - log(less);
        more >= less * LEAST.ratio
            && more - less >= LEAST.seconds.max(DEVIATIONS * self.spread)
            && logs >= DEVIATIONS * self.log_spread
            && logs >= BEYOND_THE_OTHERS * others
    }
}

/// Sorts; the lower of two in the middle, so that one of them is it. There is one at least.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) / 2]
}

/// How far three quarters of the others stray, in standard deviations of a normal distribution. There are two at least.
fn spread(strays: impl Iterator<Item = f64>) -> f64 {
    let mut strays: Vec<f64> = strays.map(f64::abs).collect();
    strays.sort_by(f64::total_cmp);
    let others = strays.len() - 1;
    strays[(others * 3).div_ceil(4) - 1] / THREE_QUARTERS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same numbers in each run of the tests (Marsaglia, "Xorshift RNGs", 2003).
    struct Dice(u64);

    impl Dice {
        /// From 0 to 1, both left out.
        fn roll(&mut self) -> f64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            ((self.0 >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
        }

        /// Normal, by Box and Muller.
        fn normal(&mut self) -> f64 {
            (-2.0 * libm::log(self.roll())).sqrt() * (std::f64::consts::TAU * self.roll()).cos()
        }
    }

    /// What a time that should take so long takes: steady, straying by a tenth, or with a tail of hiccups.
    const NOISES: [fn(&mut Dice, f64) -> f64; 3] = [
        |dice, seconds| seconds + 0.001 + 0.002 * dice.roll(),
        |dice, seconds| seconds * libm::exp(0.1 * dice.normal()) + 0.003 * dice.roll(),
        |dice, seconds| seconds - 0.003 * libm::log(dice.roll()),
    ];

    /// So many pairs of the same between a millisecond and a second.
    fn equal(dice: &mut Dice, n: usize, noise: fn(&mut Dice, f64) -> f64) -> Vec<Twice> {
        (0..n)
            .map(|_| {
                let seconds = libm::pow(10.0, -3.0 + 3.0 * dice.roll());
                Twice { old: noise(dice, seconds), new: noise(dice, seconds) }
            })
            .collect()
    }

    fn turned(drift: &Drift) -> Vec<(usize, Turn)> {
        drift.turns.iter().enumerate().filter_map(|(index, turn)| Some((index, (*turn)?))).collect()
    }

    #[test]
    fn equal_runs_have_no_difference_however_long_they_are() {
        let mut dice = Dice(88_172_645_463_325_252);
        for (runs, n) in [(3000, 1), (3000, 5), (1000, 8), (1000, 20), (300, 100), (30, 3000)] {
            for (kind, noise) in NOISES.iter().enumerate() {
                for _ in 0..runs {
                    let drift = drift(&equal(&mut dice, n, *noise));
                    assert_eq!((turned(&drift), drift.shift), (vec![], None), "noise {kind}, {n} pairs");
                }
            }
        }
    }

    #[test]
    fn one_that_became_slower_and_one_that_became_faster_are_found() {
        let mut dice = Dice(42);
        for n in [10, 20, 100, 3000] {
            for noise in NOISES {
                let mut pairs = equal(&mut dice, n, noise);
                pairs[3] = Twice { old: 0.1, new: 0.35 };
                pairs[7] = Twice { old: 0.5, new: 0.15 };
                let drift = drift(&pairs);
                assert_eq!(turned(&drift), [(3, Turn::Slower), (7, Turn::Faster)], "{n} pairs");
                assert_eq!(drift.shift, None);
            }
        }
    }

    #[test]
    fn what_all_have_in_common_is_told_once_and_taken_off() {
        let mut dice = Dice(7);
        let mut pairs = equal(&mut dice, 40, NOISES[0]);
        for pair in &mut pairs {
            (pair.old, pair.new) = (pair.old + 0.1, (pair.new + 0.1) * 2.5);
        }
        pairs[5] = Twice { old: 0.2, new: 2.0 };
        let slower = drift(&pairs);
        assert_eq!(turned(&slower), [(5, Turn::Slower)]);
        let shift = slower.shift.unwrap();
        assert!((shift.factor - 2.5).abs() < 0.1 && shift.is_grave() && shift.count == 40, "{shift:?}");
        let back: Vec<Twice> = pairs.iter().map(|pair| Twice { old: pair.new, new: pair.old }).collect();
        let faster = drift(&back);
        assert_eq!(turned(&faster), [(5, Turn::Faster)]);
        assert!(faster.shift.is_some_and(|shift| shift.factor < 0.45 && !shift.is_grave()));
    }

    #[test]
    fn a_delay_that_is_the_same_for_all_makes_none_of_them_slower() {
        let mut dice = Dice(7);
        let mut pairs = equal(&mut dice, 40, NOISES[0]);
        pairs.iter_mut().for_each(|pair| pair.new += 0.08);
        let drift = drift(&pairs);
        assert_eq!(turned(&drift), []);
        assert!(drift.shift.is_some_and(|shift| (shift.seconds - 0.08).abs() < 0.003), "{:?}", drift.shift);
    }

    #[test]
    fn of_a_few_each_is_judged_by_itself() {
        let pairs = [(0.1, 0.31), (0.1, 0.19), (0.001, 0.05), (1.0, 0.4)];
        let pairs = pairs.map(|(old, new)| Twice { old, new });
        assert_eq!(turned(&drift(&pairs)), [(0, Turn::Slower), (3, Turn::Faster)]);
        assert_eq!(drift(&[]), Drift { shift: None, turns: vec![] });
    }
}
