//! One value of one option: a text in, what it means out (pure).
//!
//! Knows the units and bounds of the contract. Refuses to know which option a value belongs to, so that a message here
//! is a fragment: it names the value and what is allowed.

use std::time::Duration;

use url::Url;

use crate::config::{Mode, Shard};
use crate::quantity::{self, LONGEST, Misfit, parse_decimal, split_unit};
use crate::request::{Method, Secret, check_header_value};
use crate::sanitize;

/// A limit as it was typed; `None` is the `0` that means "no limit".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit<T>(pub(super) Option<T>);

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColorChoice {
    /// When standard error is a terminal and the environment does not object.
    Auto,
    /// Even into a pipe.
    Always,
    /// Not even on a terminal.
    Never,
}

/// The most starts in a second that `--rate` takes; more than any machine can start.
const FASTEST_PER_SECOND: f64 = 1e6;

/// A typed text, fit to be shown: control characters and what hides or turns a line around are spelled out, and a
/// password is masked.
pub(super) fn shown(text: &str) -> String {
    sanitize::escape(&sanitize::mask_userinfo(text)).into_owned()
}

/// Numbers of jobs, in order.
#[derive(Debug, Clone)]
pub(super) struct WhatIf(pub(super) Vec<u32>);

/// The modes of `--compare`, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Modes(pub(super) Vec<Mode>);

/// More modes than this are no comparison but a mistake: it leaves room for each of the three twice.
const MOST_MODES: usize = 6;

/// `--compare`: at least two modes with commas between them; the same one twice shows what noise is.
pub(super) fn parse_modes(text: &str) -> Result<Modes, String> {
    let modes = text.split(',').map(parse_mode).collect::<Result<Vec<Mode>, String>>()?;
    match modes.len() {
        1 => Err(format!("'{}' alone is compared to nothing; write two modes or more", shown(text))),
        2..=MOST_MODES => Ok(Modes(modes)),
        n => Err(format!("{n} modes are too many, {MOST_MODES} at most")),
    }
}

/// `--runs`: 1 to 100.
pub(super) fn parse_runs(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|runs| (1..=100).contains(runs));
    number.ok_or_else(|| format!("'{}' is no whole number from 1 to 100", shown(text)))
}

/// `-j`: at least 1.
pub(super) fn parse_jobs(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 URL must be in flight; --sync is 1".to_owned()),
        Ok(jobs) => Ok(jobs),
        Err(_) => Err(no_number(text, "1")),
    }
}

/// `--processes`: up to 1024; 0 is as many as there are processors.
pub(super) fn parse_processes(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|processes| *processes <= 1024);
    number.ok_or_else(|| format!("'{}' is no whole number from 0 to 1024", shown(text)))
}

/// A list of numbers of jobs is longer than a screen beyond this.
const MOST_QUESTIONS: usize = 50;

/// `--what-if`: numbers of jobs with commas between them; in order, and each once.
pub(super) fn parse_what_if(text: &str) -> Result<WhatIf, String> {
    let mut jobs = text.split(',').map(parse_jobs).collect::<Result<Vec<u32>, String>>()?;
    jobs.sort_unstable();
    jobs.dedup();
    match jobs.len() {
        0..=MOST_QUESTIONS => Ok(WhatIf(jobs)),
        n => Err(format!("{n} numbers are too many, {MOST_QUESTIONS} at most")),
    }
}

/// `demo --many`.
pub(super) fn parse_many(text: &str) -> Result<u32, String> {
    text.parse().ok().filter(|many| *many > 0).ok_or_else(|| no_number(text, "1"))
}

/// `--per-host`: 0 is no limit.
pub(super) fn parse_per_host(text: &str) -> Result<Limit<u32>, String> {
    let number: u32 = text.parse().map_err(|_| no_number(text, "0"))?;
    Ok(Limit((number > 0).then_some(number)))
}

/// `--max-redirs`: 0 makes the 3xx the answer.
pub(super) fn parse_max_redirs(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| no_number(text, "0"))
}

/// What is said of a text that is no count.
pub(super) fn no_number(text: &str, least: &str) -> String {
    format!("'{}' is no whole number from {least} to {}", shown(text), u32::MAX)
}

/// A duration: `5`, `0.5`, `5s`, `300ms`, `2m`; 0 is no limit.
pub(super) fn parse_duration(text: &str) -> Result<Limit<Duration>, String> {
    match quantity::parse_duration(text) {
        Ok(duration) => Ok(Limit((!duration.is_zero()).then_some(duration))),
        Err(Misfit::Form) => Err(no_duration(text)),
        Err(Misfit::Range) => Err(format!("'{text}' is not between 1ms and one year; 0 is no limit")),
    }
}

fn no_duration(text: &str) -> String {
    format!("'{}' is no duration; write 5, 0.5, 5s, 300ms or 2m, and 0 for no limit", shown(text))
}

/// A size in bytes: `512`, `64KiB`, `10MB`, and as curl has it `64K`, `10M`; 0 is no limit.
pub(super) fn parse_size(text: &str) -> Result<Limit<u64>, String> {
    match quantity::parse_size(text) {
        Ok(bytes) => Ok(Limit((bytes > 0).then_some(bytes))),
        Err(Misfit::Form) => Err(no_size(text)),
        Err(Misfit::Range) => Err(format!("'{text}' is more than 64 bits of bytes; 0 is no limit")),
    }
}

fn no_size(text: &str) -> String {
    format!(
        "'{}' is no size; write a whole number such as 512, 64KiB or 10MB, and 0 for no limit",
        shown(text)
    )
}

/// `--rate`: starts per second or minute become the least time between two starts; 0 is no limit.
pub(super) fn parse_rate(text: &str) -> Result<Limit<Duration>, String> {
    let (number, unit) = split_unit(text);
    let starts = parse_decimal(number).ok_or_else(|| no_rate(text))?;
    let unit_s = match unit {
        "/s" => 1.0,
        "/m" => 60.0,
        "" if starts == 0.0 => 1.0,
        "" => return Err(format!("'{text}' has no unit; write {text}/s or {text}/m")),
        _ => return Err(no_rate(text)),
    };
    if starts == 0.0 {
        return Ok(Limit(None));
    }
    match Duration::try_from_secs_f64(unit_s / starts) {
        Ok(interval) if interval <= LONGEST && starts / unit_s <= FASTEST_PER_SECOND => {
            Ok(Limit(Some(interval)))
        }
        _ => Err(format!("'{text}' is not between one start a year and 1000000/s; 0/s is no limit")),
    }
}

fn no_rate(text: &str) -> String {
    format!("'{}' is no rate; write starts per second or minute such as 5/s, 0.5/s or 30/m", shown(text))
}

/// `--mode`.
pub(super) fn parse_mode(text: &str) -> Result<Mode, String> {
    let modes = [Mode::Coroutines, Mode::Threads, Mode::Sync];
    let found = modes.into_iter().find(|mode| mode.as_str() == text);
    found.ok_or_else(|| format!("'{}' is no mode; write coroutines, threads or sync", shown(text)))
}

/// `--color`.
pub(super) fn parse_color(text: &str) -> Result<ColorChoice, String> {
    match text {
        "auto" => Ok(ColorChoice::Auto),
        "always" => Ok(ColorChoice::Always),
        "never" => Ok(ColorChoice::Never),
        _ => Err(format!("'{}' is none of auto, always, never", shown(text))),
    }
}

/// `-X`.
pub(super) fn parse_method(text: &str) -> Result<Method, String> {
    Method::parse(text).map_err(|why| {
        let upper = text.to_ascii_uppercase();
        match Method::parse(&upper) {
            Ok(_) => format!("'{text}' is no method; {why} (case matters: write {upper})"),
            Err(_) => format!("'{}' is no method; {why}", shown(text)),
        }
    })
}

/// `-u`: the text is not quoted, as half of it may be a password.
pub(super) fn parse_user(text: &str) -> Result<Secret, String> {
    if text.contains(':') {
        Ok(Secret::new(text))
    } else {
        Err("a password is missing; write USER:PASS, or USER: for an empty one".to_owned())
    }
}

/// `-A`: goes into a header, so it must fit there; empty sends none.
pub(super) fn parse_user_agent(text: &str) -> Result<String, String> {
    check_header_value(text)?;
    Ok(text.to_owned())
}

/// `--base`.
pub(super) fn parse_base(text: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some());
    url.ok_or_else(|| format!("'{}' is no http or https URL", shown(text)))
}

/// `--only`, `--skip` and `--tag`: an empty one would match nothing.
pub(super) fn parse_glob(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("an empty text matches nothing".to_owned()) } else { Ok(text.to_owned()) }
}

/// `--shard I/N`.
pub(super) fn parse_shard(text: &str) -> Result<Shard, String> {
    let number = |text: &str| text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    let parts = text.split_once('/').and_then(|(index, of)| Some((number(index)?, number(of)?)));
    match parts {
        Some((index, of)) if (1..=of).contains(&index) => Ok(Shard { index, of }),
        _ => Err(format!("'{}' is no part of a list; write I/N such as 1/4, I from 1 to N", shown(text))),
    }
}

/// Any text: only that it is one is checked, before this.
#[expect(clippy::unnecessary_wraps, reason = "the shape that every value's parser has")]
pub(super) fn parse_text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::complaint;
    use super::*;

    #[test]
    fn a_duration_has_a_unit_or_is_in_seconds() {
        let good = [
            ("5", 5000),
            ("0.5", 500),
            (".5", 500),
            ("5s", 5000),
            ("300ms", 300),
            ("2m", 120_000),
            ("1ms", 1),
        ];
        for (text, millis) in good {
            assert_eq!(parse_duration(text), Ok(Limit(Some(Duration::from_millis(millis)))), "{text}");
        }
        for none in ["0", "0s", "0.0", "0ms"] {
            assert_eq!(parse_duration(none), Ok(Limit(None)), "{none}");
        }
        let bad =
            ["", "s", ".", "1.2.3", "-5", "5 s", "1h", "1e3", "inf", "NaN", "0.1ms", "99999999999", "٣"];
        for bad in bad {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_size_is_a_whole_number_of_bytes_or_of_a_unit() {
        let good = [
            ("512", 512),
            ("64KiB", 65536),
            ("10MB", 10_000_000),
            ("100MiB", 100 << 20),
            ("1gb", 1_000_000_000),
        ];
        for (text, bytes) in good.into_iter().chain([("64K", 65536), ("3B", 3)]) {
            assert_eq!(parse_size(text), Ok(Limit(Some(bytes))), "{text}");
        }
        assert_eq!(parse_size("0"), Ok(Limit(None)));
        for bad in ["", "MB", "1.5MB", "-1", "1 MB", "1TBx", "99999999999999999999", "99999999999999GiB"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_rate_is_the_time_between_two_starts_and_needs_its_unit() {
        for (text, millis) in [("5/s", 200), ("0.5/s", 2000), ("30/m", 2000), ("1/m", 60_000)] {
            assert_eq!(parse_rate(text), Ok(Limit(Some(Duration::from_millis(millis)))), "{text}");
        }
        assert_eq!((parse_rate("0"), parse_rate("0/s")), (Ok(Limit(None)), Ok(Limit(None))));
        assert_eq!(parse_rate("5"), Err("'5' has no unit; write 5/s or 5/m".to_owned()));
        for bad in ["", "/s", "5/h", "5s", "-5/s", "1e9/s", "2000000/s", "0.0000000001/m", "./s"] {
            assert!(parse_rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn counts_have_bounds_that_the_message_names() {
        assert_eq!(parse_jobs("1"), Ok(1));
        assert_eq!((parse_per_host("0"), parse_per_host("3")), (Ok(Limit(None)), Ok(Limit(Some(3)))));
        assert_eq!(parse_max_redirs("0"), Ok(0));
        assert!(parse_jobs("0").is_err_and(|why| why.contains("at least 1")));
        for bad in ["", "-1", "1.5", "x", "4294967296"] {
            assert!(
                parse_jobs(bad).is_err() && parse_per_host(bad).is_err() && parse_max_redirs(bad).is_err()
            );
        }
    }

    #[test]
    fn a_value_that_begins_with_a_minus_is_its_options_own() {
        for option in ["--rate", "--shard", "--until-pass", "--what-if", "--request"] {
            let said = complaint(&["demo", option, "-1/2"]);
            assert!(said.starts_with(&format!("greenfetch: {option}: ")), "{said}");
        }
    }

    #[test]
    fn no_value_can_end_a_header() {
        assert!(parse_user_agent("a\tb ü \u{80}").is_ok());
        for bad in ["a\r\nb: c", "a\n", "\0", "\x1b[2J", "\x7f"] {
            assert!(parse_user_agent(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn half_a_password_is_not_quoted() {
        assert!(parse_user("a:b").is_ok() && parse_user("a:").is_ok() && parse_user(":").is_ok());
        assert!(parse_user("hunter2").is_err_and(|why| !why.contains("hunter2") && why.contains("USER:")));
    }

    proptest! {
        #[test]
        fn any_text_is_a_value_or_a_clean_complaint(text in any::<String>()) {
            let complaints = [
                parse_duration(&text).err(), parse_size(&text).err(), parse_rate(&text).err(), parse_jobs(&text).err(),
                parse_method(&text).err(), parse_mode(&text).err(), parse_color(&text).err(),
            ];
            for complaint in complaints.into_iter().flatten() {
                prop_assert!(!complaint.chars().any(char::is_control), "{complaint:?}");
            }
        }
    }
}
