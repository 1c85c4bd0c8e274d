//! The statuses that `expect=` allows: `200,204`, `2xx`, `200..299`, `!404` (pure).
//!
//! Knows codes, classes, ranges and negation. Refuses to know what happens to an answer that has another one.

use std::ops::RangeInclusive;

/// The statuses there are (RFC 9110 §15): three digits.
const ALL: RangeInclusive<u16> = 100..=999;

/// A set of statuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statuses {
    /// Without one, all.
    allowed: Vec<RangeInclusive<u16>>,
    refused: Vec<RangeInclusive<u16>>,
}

impl Statuses {
    /// Reads what stands behind `expect=`.
    ///
    /// # Errors
    /// A fragment that names what is wrong and what is right.
    pub(super) fn parse(text: &str) -> Result<Statuses, String> {
        let mut statuses = Statuses { allowed: Vec::new(), refused: Vec::new() };
        for part in text.split(',') {
            match part.strip_prefix('!') {
                Some(refused) => statuses.refused.push(range(refused)?),
                None => statuses.allowed.push(range(part)?),
            }
        }
        let is_possible = ALL.into_iter().any(|status| statuses.contains(status));
        if is_possible { Ok(statuses) } else { Err("no status can be all of this at once".to_owned()) }
    }

    /// Whether a status is one of them.
    pub(super) fn contains(&self, status: u16) -> bool {
        let is_in = |ranges: &[RangeInclusive<u16>]| ranges.iter().any(|range| range.contains(&status));
        (self.allowed.is_empty() || is_in(&self.allowed)) && !is_in(&self.refused)
    }

    /// Whether nothing but redirects is allowed: then they are the answer and not followed.
    pub(super) fn are_redirects(&self) -> bool {
        let is_redirect = |range: &RangeInclusive<u16>| *range.start() >= 300 && *range.end() < 400;
        !self.allowed.is_empty() && self.allowed.iter().all(is_redirect)
    }
}

fn range(text: &str) -> Result<RangeInclusive<u16>, String> {
    if let Some((first, last)) = text.split_once("..") {
        let (first, last) = (code(first)?, code(last)?);
        return if first <= last { Ok(first..=last) } else { Err(format!("'{text}' runs backwards")) };
    }
    let class = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX"));
    if let Some(class) = class {
        let hundreds = class.parse().ok().filter(|hundreds| (1..=9).contains(hundreds) && class.len() == 1);
        let hundreds: u16 = hundreds.ok_or_else(|| no_status(text))?;
        return Ok(hundreds * 100..=hundreds * 100 + 99);
    }
    code(text).map(|code| code..=code)
}

fn code(text: &str) -> Result<u16, String> {
    let is_number = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
    let code = text.parse().ok().filter(|code| is_number && ALL.contains(code));
    code.ok_or_else(|| no_status(text))
}

fn no_status(text: &str) -> String {
    format!("'{text}' is no status; write 200, 200,204, 2xx, 200..299 or !404")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_lists_classes_ranges_and_negations() {
        for (text, inside, outside) in [
            ("200", &[200][..], &[201, 199, 404][..]),
            ("200,204", &[200, 204], &[202]),
            ("2xx", &[200, 299], &[199, 300]),
            ("5XX", &[500], &[499]),
            ("200..299", &[200, 299], &[199, 300]),
            ("404..404", &[404], &[403]),
            ("!404", &[200, 500, 999], &[404]),
            ("!4xx,!5xx", &[200, 302], &[404, 503]),
            ("2xx,!204", &[200], &[204, 301]),
        ] {
            let statuses = Statuses::parse(text).unwrap();
            assert!(inside.iter().all(|status| statuses.contains(*status)), "{text}");
            assert!(!outside.iter().any(|status| statuses.contains(*status)), "{text}");
        }
    }

    #[test]
    fn what_is_no_status_is_said_so() {
        for bad in [
            "", "20", "2000", "099", "0xx", "xx", "22xx", "+20", "2x", "200,", "200-299", "299..200", "!",
            "!!404",
        ] {
            assert!(Statuses::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Statuses::parse("200,!2xx"), Err("no status can be all of this at once".to_owned()));
    }

    #[test]
    fn redirects_alone_are_not_followed() {
        let alone = |text| Statuses::parse(text).unwrap().are_redirects();
        assert!(alone("301") && alone("3xx") && alone("301,302") && alone("3xx,!304") && alone("300..399"));
        assert!(!alone("200,301") && !alone("!404") && !alone("200..399") && !alone("2xx"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9x.,!a-z]{0,12}") {
            let _ = Statuses::parse(&text);
        }
    }
}
