//! Figures for people: seconds, bytes, counts (pure).
//!
//! Knows how many digits are worth reading. Refuses to know what was measured; records have the exact numbers.

use std::time::Duration;

/// `1.20 s`, and more digits below a tenth: `0.012 s`, `0.0012 s`.
pub fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let digits = match duration.as_micros() {
        0 | 99_500.. => 2,
        9_950.. => 3,
        _ => 4,
    };
    format!("{seconds:.digits$} s")
}

/// `1 byte`, `999 bytes`, `12.3 MB`: decimal units (SI), three digits.
pub fn bytes(bytes: u64) -> String {
    if bytes < 1000 {
        return count(bytes, "byte", "bytes");
    }
    let mut amount = bytes as f64 / 1e3;
    let mut units = ["kB", "MB", "GB", "TB", "PB", "EB"].into_iter();
    let mut unit = units.next();
    while let (true, Some(larger)) = (amount >= 999.5, units.next()) {
        amount /= 1e3;
        unit = Some(larger);
    }
    let digits = usize::from(amount < 99.95);
    format!("{amount:.digits$} {}", unit.unwrap_or_default())
}

/// `1 try`, `2 tries`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// `5/s` or `12/m`, as `--rate` takes it, from the time between two starts.
pub(super) fn rate(interval: Duration) -> String {
    let per_second = 1.0 / interval.as_secs_f64().max(1e-9);
    let (rate, unit) = if per_second >= 1.0 { (per_second, 's') } else { (per_second * 60.0, 'm') };
    format!("{}/{unit}", (rate * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_keep_the_digits_that_say_something() {
        for (micros, expected) in [
            (0, "0.00 s"),
            (1_234, "0.0012 s"),
            (12_345, "0.012 s"),
            (99_600, "0.10 s"),
            (1_204_000, "1.20 s"),
            (7_200_000_000, "7200.00 s"),
        ] {
            assert_eq!(seconds(Duration::from_micros(micros)), expected);
        }
    }

    #[test]
    fn bytes_have_three_digits_and_a_unit() {
        for (number, expected) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (99_940, "99.9 kB"),
            (99_960, "100 kB"),
            (999_600, "1.0 MB"),
            (12_345_678, "12.3 MB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(number), expected);
        }
    }

    #[test]
    fn a_rate_reads_as_it_was_typed() {
        for (millis, expected) in
            [(200, "5/s"), (1_000, "1/s"), (5_000, "12/m"), (400, "2.5/s"), (0, "1000000000/s")]
        {
            assert_eq!(rate(Duration::from_millis(millis)), expected);
        }
    }
}
