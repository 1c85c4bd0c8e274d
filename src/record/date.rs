//! A moment as RFC 3339 (pure).
//!
//! Knows the proleptic Gregorian calendar in UTC. Refuses to know time zones and leap seconds.

use std::time::{SystemTime, UNIX_EPOCH};

const SECONDS_A_DAY: i64 = 86_400;

/// UTC with milliseconds: `2026-11-05T08:09:10.123Z`. Rounds down, also before 1970.
pub fn rfc3339(moment: SystemTime) -> String {
    let millis = unix_millis(moment);
    let seconds = millis.div_euclid(1000);
    let (year, month, day) = civil_from_days(seconds.div_euclid(SECONDS_A_DAY));
    let of_day = seconds.rem_euclid(SECONDS_A_DAY);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let milli = millis.rem_euclid(1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// The seconds since 1970 of what `rfc3339` wrote, without the fraction; `None` for anything else.
pub fn seconds_since_1970(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let whole = time.split('.').next()?;
    let [year, month, day] = three_numbers(date, '-')?;
    let [hour, minute, second] = three_numbers(whole, ':')?;
    let is_date = (1..=12).contains(&month) && (1..=31).contains(&day) && (0..=9999).contains(&year);
    let is_time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    let days = (is_date && is_time).then(|| days_from_civil(year, month, day))?;
    Some(days * SECONDS_A_DAY + hour * 3600 + minute * 60 + second)
}

fn three_numbers(text: &str, between: char) -> Option<[i64; 3]> {
    let numbers: Option<Vec<i64>> = text.split(between).map(|number| number.parse().ok()).collect();
    numbers?.try_into().ok()
}

/// The way back from `civil_from_days`, by the same author.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year_from_march = if month <= 2 { year - 1 } else { year };
    let era = year_from_march.div_euclid(400);
    let year_of_era = year_from_march.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Milliseconds since 1970; dates beyond some 290 million years stay there.
fn unix_millis(moment: SystemTime) -> i64 {
    match moment.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        // Rounded away from zero, which is down.
        Err(before) => {
            i64::try_from(before.duration().as_nanos().div_ceil(1_000_000)).map_or(i64::MIN, |millis| -millis)
        }
    }
}

/// Days since 1970-01-01 as year, month and day: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `civil_from_days` (<https://howardhinnant.github.io/date_algorithms.html>). Years begin in March there, so that the
/// odd day is the last of one; eras are the 400 years after which the calendar repeats.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_000_000_000_123, "2001-09-09T01:46:40.123Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_millis(millis)), expected);
            assert_eq!(seconds_since_1970(expected), i64::try_from(millis / 1000).ok());
        }
    }

    #[test]
    fn dates_before_1970_round_down_too() {
        for (micros, expected) in
            [(1, "1969-12-31T23:59:59.999Z"), (86_400_000_000, "1969-12-31T00:00:00.000Z")]
        {
            assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_micros(micros)), expected);
        }
    }

    #[test]
    fn what_is_no_date_of_ours_is_none() {
        for text in
            ["", "Z", "2026-13-01T00:00:00Z", "2026-01-01", "2026-01-01T00:00Z", "99999-01-01T00:00:00Z"]
        {
            assert_eq!(seconds_since_1970(text), None, "{text}");
        }
        assert_eq!(seconds_since_1970("1969-12-31T23:59:59.999Z"), Some(-1));
    }
}
