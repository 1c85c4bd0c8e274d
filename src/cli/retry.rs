//! `--retry` and what goes with it become a policy.
//!
//! Knows which failures can be named. Refuses to know what is done about them (`schedule`).

use super::args::RetryArgs;
use super::value::{Limit, no_number, shown};
use crate::outcome::Class;
use crate::request::{RetryMaxTime, RetryOn, RetryPolicy};

/// Kinds of failure that another try may change. What is no URL, was cancelled, could not be written or is a bug of
/// ours is not among them.
const CLASSES: [Class; 11] = [
    Class::Timeout,
    Class::Connect,
    Class::Closed,
    Class::Dns,
    Class::Tls,
    Class::Protocol,
    Class::Decode,
    Class::Size,
    Class::Redirect,
    Class::Status,
    Class::Check,
];

/// Everything of the group; a delay of 0 is our own (curl: `--retry-delay`).
pub(super) fn retry(typed: RetryArgs) -> RetryPolicy {
    RetryPolicy {
        retries: typed.retry.unwrap_or_default(),
        delay: typed.retry_delay.and_then(|Limit(delay)| delay),
        max_time: typed.retry_max_time.map_or_else(RetryMaxTime::default, |Limit(d)| RetryMaxTime::Given(d)),
        on: typed.retry_on.unwrap_or_default(),
    }
}

/// `--retry`.
pub(super) fn parse_retries(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| no_number(text, "0"))
}

/// `--retry-on`: classes and statuses in any order.
pub(super) fn parse_retry_on(text: &str) -> Result<RetryOn, String> {
    let mut on = RetryOn { classes: Vec::new(), statuses: Vec::new() };
    for word in text.split(',').map(str::trim) {
        match (CLASSES.iter().find(|class| class.as_str() == word), parse_status(word)) {
            (Some(class), _) => on.classes.push(*class),
            (None, Some(status)) => on.statuses.push(status),
            (None, None) => return Err(no_failure(word)),
        }
    }
    Ok(on)
}

/// Three digits that a status can be (RFC 9110 §15).
fn parse_status(word: &str) -> Option<u16> {
    let is_plain = word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit());
    word.parse().ok().filter(|status| is_plain && *status >= 100)
}

fn no_failure(word: &str) -> String {
    let known = CLASSES.map(Class::as_str).join(", ");
    format!("'{}' is no failure to try again; write statuses such as 503, and of {known}", shown(word))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::args::help_text;
    use super::super::testing::{complaint, config};
    use super::*;

    #[test]
    fn nothing_typed_tries_once_and_the_rest_has_its_defaults() {
        let policy = config("demo").retry;
        assert_eq!(policy, RetryPolicy::default());
        assert_eq!((policy.retries, policy.delay, policy.max_time), (0, None, RetryMaxTime::AllTries));
        let named = policy.on.classes.iter().map(ToString::to_string);
        let statuses = policy.on.statuses.iter().map(ToString::to_string);
        let list = named.chain(statuses).collect::<Vec<_>>().join(",");
        assert_eq!(list, "timeout,connect,closed,dns,408,429,500,502,503,504");
        let help: String = help_text(true).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains(&format!("[default: {list}]")), "{help}");
        for class in CLASSES {
            assert!(help.contains(class.as_str()), "{class}");
        }
    }

    #[test]
    fn what_is_typed_holds_and_zero_is_no_limit_and_no_fixed_delay() {
        let policy =
            config("demo --retry 3 --retry-delay 300ms --retry-max-time 2m --retry-on tls,404,status").retry;
        assert_eq!((policy.retries, policy.delay), (3, Some(Duration::from_millis(300))));
        assert_eq!(policy.max_time, RetryMaxTime::Given(Some(Duration::from_secs(120))));
        assert_eq!(policy.on, RetryOn { classes: vec![Class::Tls, Class::Status], statuses: vec![404] });
        let none = config("demo --retry-delay 0 --retry-max-time 0").retry;
        assert_eq!((none.delay, none.max_time), (None, RetryMaxTime::Given(None)));
    }

    #[test]
    fn a_value_that_cannot_be_meant_is_named() {
        for bad in ["", "5xx", "99", "0503", "503,", "bug", "internal", "url", "cancelled", "write", "+03"] {
            assert!(parse_retry_on(bad).is_err_and(|why| why.contains("503, and of timeout")), "{bad:?}");
        }
        assert_eq!(
            complaint(&["--retry", "-1"]),
            "greenfetch: --retry: '-1' is no whole number from 0 to 4294967295"
        );
        assert!(complaint(&["--retry-on", "\x1b[2J"]).contains("'\\x1b[2J' is no failure"));
    }
}
