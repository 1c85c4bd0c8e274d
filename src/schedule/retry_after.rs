//! `Retry-After`: a number of seconds or a date in one of HTTP's three forms (pure; RFC 9110 §10.2.3 and §5.6.7).
//!
//! Knows how long a server asks to be left alone. Refuses to decide whether anybody waits so long (`retry`), and to
//! look at a clock: the date is an argument.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nobody waits longer than a year, whatever the limits are.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What a server asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing: no wait, a date that is over, or what cannot be read.
    Nothing,
    /// This wait, up to a year.
    Wait(Duration),
    /// More than a year.
    Forever,
}

/// Reads the value of the header; `now` is what its dates are counted from.
pub(super) fn parse(text: &str, now: SystemTime) -> Asked {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map_or(Asked::Forever, |seconds| asked(Duration::from_secs(seconds)));
    }
    let wait = date(text, now).and_then(|date| date.duration_since(now).ok());
    wait.map_or(Asked::Nothing, asked)
}

fn asked(wait: Duration) -> Asked {
    match wait {
        Duration::ZERO => Asked::Nothing,
        wait if wait > LONGEST => Asked::Forever,
        wait => Asked::Wait(wait),
    }
}

/// IMF-fixdate, RFC 850 or asctime. The day of the week is not looked at: it says nothing that the date does not.
fn date(text: &str, now: SystemTime) -> Option<SystemTime> {
    let parts: Vec<&str> = text.split([' ', ',', '-']).filter(|part| !part.is_empty()).collect();
    let (year, month, day, time) = match parts[..] {
        [_, day, month, year, time, "GMT"] => (year, month, day, time),
        [_, month, day, time, year] => (year, month, day, time),
        _ => return None,
    };
    let month = 1 + MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
    let day = number(day, 1..=31)?;
    let days = days_from_civil(full_year(year, now)?, i64::try_from(month).ok()?, day);
    let seconds = u64::try_from(days * 86_400 + second_of_day(time)?).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Up to four digits, in these bounds.
fn number(text: &str, bounds: std::ops::RangeInclusive<i64>) -> Option<i64> {
    let is_plain = text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_plain && bounds.contains(number))
}

fn second_of_day(time: &str) -> Option<i64> {
    let mut parts = time.split(':');
    let mut next = |most| number(parts.next()?, 0..=most);
    // 60 is a leap second, which we take for the one after it.
    let (hour, minute, second) = (next(23)?, next(59)?, next(60)?);
    parts.next().is_none().then_some(hour * 3600 + minute * 60 + second)
}

/// A year of two digits is the one that is no more than 50 years away (RFC 9110 §5.6.7).
fn full_year(text: &str, now: SystemTime) -> Option<i64> {
    /// 365.2425 days.
    const SECONDS_A_YEAR: u64 = 31_556_952;
    let year = number(text, 0..=9999)?;
    if text.len() != 2 {
        return (text.len() == 4).then_some(year);
    }
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let this = 1970 + i64::try_from(since.as_secs() / SECONDS_A_YEAR).ok()?;
    let year = this - this % 100 + year;
    Some(match year - this {
        51.. => year - 100,
        ..-50 => year + 100,
        _ => year,
    })
}

/// Days since 1970-01-01: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`
/// (<https://howardhinnant.github.io/date_algorithms.html>), the inverse of what `record` writes dates with.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 1994-11-06 08:49:37, the example of the RFC.
    const EXAMPLE: u64 = 784_111_777;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn wait(seconds: u64) -> Asked {
        Asked::Wait(Duration::from_secs(seconds))
    }

    #[test]
    fn seconds_are_waited_for_up_to_a_year() {
        for (text, expected) in [
            ("120", wait(120)),
            (" 1 ", wait(1)),
            ("007", wait(7)),
            ("0", Asked::Nothing),
            ("31536000", wait(31_536_000)),
            ("31536001", Asked::Forever),
            ("18446744073709551615", Asked::Forever),
            ("99999999999999999999999999", Asked::Forever),
        ] {
            assert_eq!(parse(text, at(0)), expected, "{text:?}");
        }
    }

    #[test]
    fn all_three_forms_of_a_date_are_one_date() {
        for text in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(parse(text, at(EXAMPLE - 90)), wait(90), "{text}");
            assert_eq!(parse(text, at(EXAMPLE)), Asked::Nothing, "{text}");
            assert_eq!(parse(text, at(EXAMPLE + 1)), Asked::Nothing, "a past date: {text}");
        }
        assert_eq!(parse("Fri, 31 Dec 9999 23:59:59 GMT", at(EXAMPLE)), Asked::Forever);
        assert_eq!(parse("Tue, 29 Feb 2000 00:00:00 GMT", at(951_782_399)), wait(1));
    }

    #[test]
    fn a_year_of_two_digits_is_the_near_one() {
        for (now, text, expected) in [
            // 2026 and 1999, 2076, 2077.
            (1_767_225_600, "99", Asked::Nothing),
            (1_767_225_600, "76", Asked::Forever),
            (1_767_225_600, "77", Asked::Nothing),
            // 2099-12-31 23:59:59 and the first second of 2100.
            (4_102_444_799, "00", wait(1)),
        ] {
            assert_eq!(parse(&format!("Friday, 01-Jan-{text} 00:00:00 GMT"), at(now)), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_asks_for_nothing() {
        for text in [
            "",
            " ",
            "-1",
            "+5",
            "1.5",
            "5s",
            "soon",
            "0x10",
            "Sun, 06 Nov 2094 08:49:37",
            "Sun, 06 Nov 2094 08:49:37 CET",
            "Sun, 32 Nov 2094 08:49:37 GMT",
            "Sun, 00 Nov 2094 08:49:37 GMT",
            "Sun, 06 Now 2094 08:49:37 GMT",
            "Sun, 06 Nov 094 08:49:37 GMT",
            "Sun, 06 Nov 2094 24:49:37 GMT",
            "Sun, 06 Nov 2094 08:49:37:00 GMT",
            "Sun, 06 Nov 2094 08:49 GMT",
            "Sun, 06 Nov 2094 08:+9:37 GMT",
        ] {
            assert_eq!(parse(text, at(EXAMPLE)), Asked::Nothing, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_or_has_anybody_wait_longer_than_a_year(
            text in r"\PC*|[0-9]{0,30}|[A-Z][a-z]{2}, [0-9]{1,2} (Jan|Feb|Dec) [0-9]{0,5} [0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2} GMT",
            now in 0..u64::from(u32::MAX) * 4,
        ) {
            if let Asked::Wait(wait) = parse(&text, at(now)) {
                prop_assert!(wait > Duration::ZERO && wait <= LONGEST, "{wait:?}");
            }
        }

        #[test]
        fn a_written_date_is_read_back(now in 0_u64..4_000_000_000, ahead in 1_u64..31_536_000) {
            let written = crate::record::rfc3339(at(now + ahead));
            let field = |range: std::ops::Range<usize>| written[range].parse::<usize>();
            let (year, month, day) = (&written[..4], MONTHS[field(5..7)? - 1], &written[8..10]);
            let time = &written[11..19];
            for text in [
                format!("Mon, {day} {month} {year} {time} GMT"),
                format!("Monday, {day}-{month}-{} {time} GMT", &year[2..]),
                format!("Mon {month} {:2} {time} {year}", field(8..10)?),
            ] {
                prop_assert_eq!(parse(&text, at(now)), wait(ahead), "{}", text);
            }
        }
    }
}
