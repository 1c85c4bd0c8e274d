//! Durations and sizes as people write them: `300ms`, `64KiB` (pure).
//!
//! Knows the units and bounds of the contract. Refuses to know what is measured, and whether a zero means "no limit":
//! that is for whoever asked.

use std::time::Duration;

/// The longest duration that is taken: one year. Later code adds it to a clock, which must not overflow.
pub const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The shortest that is no zero by rounding.
const SHORTEST: Duration = Duration::from_millis(1);

/// Why a text is no quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// It is written otherwise than a quantity is.
    Form,
    /// It is more, or less, than is taken.
    Range,
}

/// A duration: `5`, `0.5`, `5s`, `300ms`, `2m`; zero, or from a millisecond to a year.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_duration(text: &str) -> Result<Duration, Misfit> {
    let (number, unit) = split_unit(text);
    let seconds_per_unit = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        _ => return Err(Misfit::Form),
    };
    let number = parse_decimal(number).ok_or(Misfit::Form)?;
    if number == 0.0 {
        return Ok(Duration::ZERO);
    }
    let duration = Duration::try_from_secs_f64(number * seconds_per_unit).map_err(|_| Misfit::Range)?;
    if (SHORTEST..=LONGEST).contains(&duration) { Ok(duration) } else { Err(Misfit::Range) }
}

/// A size in bytes: `512`, `64KiB`, `10MB`, and as curl has it `64K`, `10M`.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_size(text: &str) -> Result<u64, Misfit> {
    let (number, unit) = split_unit(text);
    let unit_bytes = unit_bytes(unit).ok_or(Misfit::Form)?;
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Misfit::Form);
    }
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit_bytes));
    bytes.ok_or(Misfit::Range)
}

/// A bare letter is a power of 1024 (curl: `--max-filesize`); with `B` the usual meaning of kB and KiB holds.
fn unit_bytes(unit: &str) -> Option<u64> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1000 * 1000,
        "gb" => 1000 * 1000 * 1000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        _ => return None,
    })
}

/// The digits and what comes after them.
pub fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text.split_at(end)
}

/// Digits with at most one point: no sign, no exponent, no `inf`. `None` for anything else.
pub fn parse_decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_zero_or_from_a_millisecond_to_a_year() {
        for (text, millis) in
            [("0", 0), ("0ms", 0), ("5", 5000), ("0.5", 500), ("300ms", 300), ("2m", 120_000)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for (text, misfit) in
            [("", Misfit::Form), ("1h", Misfit::Form), ("1e3", Misfit::Form), ("0.1ms", Misfit::Range)]
        {
            assert_eq!(parse_duration(text), Err(misfit), "{text}");
        }
    }

    #[test]
    fn a_size_is_whole_and_fits_64_bits() {
        for (text, bytes) in [("0", 0), ("512", 512), ("64K", 65536), ("64KiB", 65536), ("10MB", 10_000_000)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        assert_eq!(parse_size("1.5MB"), Err(Misfit::Form));
        assert_eq!(parse_size("99999999999999GiB"), Err(Misfit::Range));
    }
}
