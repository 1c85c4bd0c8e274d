//! Figures over a few runs: mean and spread, a ratio with its error, and whether two samples differ at all (pure).
//!
//! Knows Student and Welch. Refuses to know what was run, and to call a difference real that may be noise.

use serde::Serialize;

/// What is below this much of a chance is called a difference. The usual 0.05 is for one question; three modes are
/// three pairs, and together they are to be wrong in less than one comparison of twenty (Bonferroni).
pub const SIGNIFICANCE: f64 = 0.01;

/// A smaller part of the mean is called none, however steady it is: neighbouring runs share the state of the machine,
/// so they are not as independent as the test takes them to be.
const LEAST_DIFFERENCE: f64 = 0.01;

/// A few measurements of the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sample {
    /// How many, at least 1.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// The standard deviation with Bessel's correction; `None` for a single one, which has no spread.
    pub stddev: Option<f64>,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

/// A figure derived from two samples, and its standard deviation; `None` when one of them has none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// One standard deviation, by first-order propagation (JCGM 100:2008 §5.1.2).
    pub stddev: Option<f64>,
}

/// Welch's test: is the difference of two means more than noise, when the spreads may differ?
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Welch {
    /// The difference of the means in its own standard errors.
    pub t: f64,
    /// Degrees of freedom after Welch and Satterthwaite; not a whole number.
    pub degrees: f64,
    /// How likely so large a difference is between samples of equal means, both signs counted.
    pub p: f64,
}

impl Sample {
    /// `None` when there was none.
    pub fn of(values: &[f64]) -> Option<Sample> {
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (count > 0).then(|| Sample {
            count,
            mean,
            stddev: (count > 1).then(|| (squares / (count - 1) as f64).sqrt()),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }

    /// The square of the standard error of the mean; `None` for a single measurement.
    fn error_squared(&self) -> Option<f64> {
        self.stddev.map(|stddev| stddev * stddev / self.count as f64)
    }
}

/// How many times greater the mean of one sample is than that of another. `None` when the other is zero.
pub fn ratio_of(greater: &Sample, other: &Sample) -> Option<Estimate> {
    let is_defined = other.mean > 0.0 && greater.mean > 0.0;
    let value = greater.mean / other.mean;
    let parts = greater.stddev.zip(other.stddev);
    let stddev = parts.map(|(one, two)| value * libm::hypot(one / greater.mean, two / other.mean));
    is_defined.then_some(Estimate { value, stddev })
}

/// By how much the mean of one sample is greater than that of another.
pub fn difference(one: &Sample, other: &Sample) -> Estimate {
    let stddev = one.stddev.zip(other.stddev).map(|(one, other)| libm::hypot(one, other));
    Estimate { value: one.mean - other.mean, stddev }
}

/// B. L. Welch, "The generalization of 'Student's' problem when several different population variances are involved",
/// Biometrika 34 (1947). `None` when a sample is a single measurement.
pub fn welch(one: &Sample, other: &Sample) -> Option<Welch> {
    let (a, b) = one.error_squared().zip(other.error_squared())?;
    let difference = one.mean - other.mean;
    if a + b == 0.0 {
        // Without any spread a difference is one, and none is none.
        let p = if difference == 0.0 { 1.0 } else { 0.0 };
        let t = if difference == 0.0 { 0.0 } else { f64::INFINITY.copysign(difference) };
        return Some(Welch { t, degrees: (one.count + other.count - 2) as f64, p });
    }
    let t = difference / (a + b).sqrt();
    let parts = a * a / (one.count - 1) as f64 + b * b / (other.count - 1) as f64;
    let degrees = (a + b).powi(2) / parts;
    Some(Welch { t, degrees, p: two_sided_p(t, degrees) })
}

/// Whether two means can be told apart: at [`SIGNIFICANCE`], and by more than a hundredth. Single measurements cannot.
pub fn can_be_told_apart(one: &Sample, other: &Sample) -> bool {
    let apart = (one.mean - other.mean).abs() >= LEAST_DIFFERENCE * one.mean.abs().max(other.mean.abs());
    apart && welch(one, other).is_some_and(|welch| welch.p < SIGNIFICANCE)
}

/// Student's t distribution, both tails beyond `t` (DLMF §8.17; Abramowitz and Stegun 26.7.1).
fn two_sided_p(t: f64, degrees: f64) -> f64 {
    incomplete_beta(degrees / 2.0, 0.5, degrees / (degrees + t * t))
}

/// The regularised incomplete beta function `I_x(a, b)`: the continued fraction DLMF 8.17.22 on the side on which it
/// converges fast, 8.17.4 for the other.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let ln_front =
        libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * libm::log(x) + b * libm::log(1.0 - x);
    if x < (a + 1.0) / (a + b + 2.0) {
        libm::exp(ln_front) * beta_fraction(a, b, x) / a
    } else {
        1.0 - libm::exp(ln_front) * beta_fraction(b, a, 1.0 - x) / b
    }
}

/// Terms after which the fraction has converged for any degrees of freedom that a hundred runs can have.
const MOST_TERMS: u32 = 200;
/// The fraction is as exact as this.
const EXACT: f64 = 1e-14;
/// In place of a zero in Lentz's method.
const TINY: f64 = 1e-300;

/// The modified method of Lentz (Thompson and Barnett 1986).
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let (mut c, mut d) = (1.0, 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for m in (1..=MOST_TERMS).map(f64::from) {
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = fraction;
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            fraction *= c * d;
        }
        if (fraction / before - 1.0).abs() < EXACT {
            break;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[f64]) -> Sample {
        Sample::of(values).unwrap()
    }

    fn near(actual: f64, expected: f64, within: f64) -> bool {
        (actual - expected).abs() <= within
    }

    /// "Student", "The probable error of a mean", Biometrika 6 (1908): hours of sleep gained, as R's `sleep` has them.
    const SLEEP: [[f64; 10]; 2] = [
        [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0],
        [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
    ];

    #[test]
    fn a_sample_has_mean_spread_and_ends() {
        let one = sample(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((one.count, one.mean, one.min, one.max), (8, 5.0, 2.0, 9.0));
        assert!(near(one.stddev.unwrap(), (32.0_f64 / 7.0).sqrt(), 1e-12));
        assert_eq!(sample(&[3.0]).stddev, None);
        assert_eq!(Sample::of(&[]), None);
    }

    #[test]
    fn welchs_test_says_of_students_sleep_what_r_says() {
        // R: t.test(extra ~ group, data = sleep): t = -1.8608, df = 17.776, p-value = 0.07939.
        let [one, other] = SLEEP.map(|values| sample(&values));
        let welch = welch(&one, &other).unwrap();
        assert!(near(welch.t, -1.8608, 5e-5) && near(welch.degrees, 17.776, 5e-4), "{welch:?}");
        assert!(near(welch.p, 0.07939, 5e-6), "{welch:?}");
        assert!(!can_be_told_apart(&one, &other));
    }

    #[test]
    fn the_tails_are_those_of_the_printed_table_of_t() {
        // NIST/SEMATECH e-Handbook of Statistical Methods, §1.3.6.7.2: upper critical values, three digits.
        for (degrees, t, p) in [
            (1.0, 12.706, 0.05),
            (1.0, 63.657, 0.01),
            (2.0, 4.303, 0.05),
            (4.0, 2.776, 0.05),
            (4.0, 4.604, 0.01),
            (10.0, 2.228, 0.05),
            (30.0, 2.750, 0.01),
            (100.0, 1.984, 0.05),
        ] {
            assert!(near(two_sided_p(t, degrees), p, p * 2e-3), "{degrees} {t}: {}", two_sided_p(t, degrees));
            assert!(near(two_sided_p(-t, degrees), two_sided_p(t, degrees), 1e-15));
        }
        assert_eq!(two_sided_p(0.0, 4.0), 1.0);
    }

    #[test]
    fn with_two_degrees_the_tails_have_a_closed_form() {
        for t in [0.1_f64, 1.0, 3.0, 50.0] {
            assert!(near(two_sided_p(t, 2.0), 1.0 - t / (2.0 + t * t).sqrt(), 1e-12), "{t}");
        }
    }

    #[test]
    fn what_differs_is_told_apart_and_what_may_be_noise_is_not() {
        for (one, other, apart) in [
            (&[4.93, 4.95, 4.91][..], &[1.20, 1.22, 1.18][..], true),
            (&[1.20, 1.22, 1.18], &[1.21, 1.19, 1.23], false),
            (&[1.0, 1.0, 1.0], &[1.0, 1.0, 1.0], false),
            (&[1.0, 1.0], &[2.0, 2.0], true),
            (&[1.0, 1.0, 1.0], &[1.005, 1.005, 1.005], false),
            (&[5.0], &[1.0], false),
            (&[5.0, 5.1], &[1.0], false),
            (&[1.0, 9.0, 2.0], &[3.0, 7.0, 5.0], false),
            (&[0.0, 0.0], &[0.0, 0.0], false),
        ] {
            assert_eq!(can_be_told_apart(&sample(one), &sample(other)), apart, "{one:?} {other:?}");
            assert_eq!(can_be_told_apart(&sample(other), &sample(one)), apart, "{other:?} {one:?}");
        }
    }

    #[test]
    fn errors_go_into_ratio_and_difference() {
        let (slow, fast) = (sample(&[9.0, 10.0, 11.0]), sample(&[1.9, 2.0, 2.1]));
        let ratio = ratio_of(&slow, &fast).unwrap();
        assert!(near(ratio.value, 5.0, 1e-12), "{ratio:?}");
        assert!(near(ratio.stddev.unwrap(), 5.0 * libm::hypot(0.1, 0.05), 1e-12), "{ratio:?}");
        let less = difference(&slow, &fast);
        assert!(near(less.value, 8.0, 1e-12) && near(less.stddev.unwrap(), libm::hypot(1.0, 0.1), 1e-12));
        assert_eq!(ratio_of(&slow, &sample(&[2.0])).unwrap().stddev, None);
        assert_eq!(ratio_of(&slow, &sample(&[0.0, 0.0])), None);
    }
}
