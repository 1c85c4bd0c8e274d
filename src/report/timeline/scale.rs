//! The axis of a timeline: round steps, and the words for them (pure).
//!
//! Knows which steps people count in. Refuses to know what is drawn along it.

/// An axis from 0 seconds to at least the longest time that is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    /// Seconds at its end; above 0.
    pub(super) end: f64,
    /// Seconds from one tick to the next: 1, 2 or 5 times a power of ten.
    pub(super) step: f64,
}

/// The least that an axis spans, in seconds: a microsecond is what records know.
const LEAST: f64 = 1e-6;

impl Scale {
    /// An axis for so many seconds, with no more than so many steps.
    pub(super) fn of(longest: f64, most_steps: u32) -> Scale {
        let longest = if longest.is_finite() { longest.max(LEAST) } else { LEAST };
        let step = nice(longest / f64::from(most_steps.max(1)));
        Scale { end: longest, step }
    }

    /// The ticks, from 0 on.
    pub(super) fn ticks(self) -> impl Iterator<Item = f64> {
        let last = (self.end / self.step + 1e-9).floor() as u32;
        (0..=last).map(move |index| f64::from(index) * self.step)
    }

    /// Where a moment lies along the axis, from 0 to 1.
    pub(super) fn at(self, seconds: f64) -> f64 {
        (seconds / self.end).clamp(0.0, 1.0)
    }

    /// A tick in words, in the unit of the whole axis: `0.2 s`, `150 ms`.
    pub(super) fn words(self, tick: f64) -> String {
        let (factor, unit) = match self.end {
            end if end >= 1.0 => (1.0, "s"),
            end if end >= 1e-3 => (1e3, "ms"),
            _ => (1e6, "µs"),
        };
        let digits = (-libm::log10(self.step * factor)).ceil().max(0.0) as usize;
        format!("{:.digits$} {unit}", tick * factor)
    }
}

/// The least of 1, 2, 5, 10 … that is not below (Heckbert, "Nice numbers for graph labels", 1990).
fn nice(least: f64) -> f64 {
    let power = libm::pow(10.0, libm::log10(least).floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    steps.into_iter().find(|step| *step >= least * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        for (longest, expected) in [
            (1.0, &["0.0 s", "0.2 s", "0.4 s", "0.6 s", "0.8 s", "1.0 s"][..]),
            (0.5, &["0 ms", "100 ms", "200 ms", "300 ms", "400 ms", "500 ms"]),
            (10.4, &["0 s", "2 s", "4 s", "6 s", "8 s", "10 s"]),
            (1.04, &["0.0 s", "0.2 s", "0.4 s", "0.6 s", "0.8 s", "1.0 s"]),
            (0.000_3, &["0 µs", "50 µs", "100 µs", "150 µs", "200 µs", "250 µs", "300 µs"]),
            (3_000.0, &["0 s", "500 s", "1000 s", "1500 s", "2000 s", "2500 s", "3000 s"]),
        ] {
            let scale = Scale::of(longest, 6);
            let words: Vec<String> = scale.ticks().map(|tick| scale.words(tick)).collect();
            assert_eq!(words, expected, "{longest}");
        }
    }

    #[test]
    fn an_axis_of_nothing_is_still_one() {
        for longest in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let scale = Scale::of(longest, 6);
            assert!(scale.end > 0.0 && scale.ticks().count() <= 7, "{longest}");
            assert_eq!((scale.at(-1.0), scale.at(1.0)), (0.0, 1.0));
        }
    }
}
