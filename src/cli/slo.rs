//! `--slo`: `p95<500ms` becomes an objective (pure).
//!
//! Knows which times and ranks there are. Refuses to judge (`slo`).

use super::value::{self, Limit, shown};
use crate::config::{Judged, Objective};

/// Parts of a whole that ranks are counted in: `p99.999` is the finest.
const WHOLE: u32 = 100_000;

/// The longest first, as `<` is in `<=`.
const OPERATORS: [(&str, bool); 4] = [("<=", false), ("==", false), ("<", true), ("=", false)];

const FORM: &str = "write p95<500ms, p99.9<=2s, max<5s or ttfb.p95<200ms; = is <=";

/// `--slo`.
pub(super) fn parse_slo(text: &str) -> Result<Objective, String> {
    let written = text.replace(' ', "");
    let split = |(operator, is_strict)| {
        written.split_once(operator).map(|(quantity, limit)| (quantity, is_strict, limit))
    };
    let Some((quantity, is_strict, limit)) = OPERATORS.into_iter().find_map(split) else {
        return Err(format!("'{}' compares nothing; {FORM}", shown(text)));
    };
    let (of, name) = match quantity.split_once('.') {
        Some(("ttfb", name)) => (Judged::Ttfb, name),
        Some(("total", name)) => (Judged::Total, name),
        _ => (Judged::Total, quantity),
    };
    let Some(rank) = parse_rank(name) else {
        return Err(format!("there is no '{}'; {FORM}", shown(quantity)));
    };
    match value::parse_duration(limit)? {
        Limit(Some(limit)) => Ok(Objective { text: written.clone(), of, rank, limit, is_strict }),
        Limit(None) => Err(format!("'{}' has no limit; {FORM}", shown(text))),
    }
}

/// `max`, or `p` and a number above 0 and up to 100 with at most three decimals.
fn parse_rank(name: &str) -> Option<u32> {
    if name == "max" {
        return Some(WHOLE);
    }
    let percent = name.strip_prefix('p')?;
    let (whole, decimals) = percent.split_once('.').unwrap_or((percent, "0"));
    let is_number = |digits: &str, most| {
        (1..=most).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !is_number(whole, 3) || !is_number(decimals, 3) {
        return None;
    }
    let parts: u32 = format!("{whole}{decimals:0<3}").parse().ok()?;
    (1..=WHOLE).contains(&parts).then_some(parts)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::testing::{complaint, config};
    use super::*;

    #[test]
    fn an_objective_is_a_time_a_rank_and_a_limit() {
        let millis = Duration::from_millis;
        for (text, of, rank, limit, is_strict) in [
            ("p95<500ms", Judged::Total, 95_000, millis(500), true),
            ("p95=500ms", Judged::Total, 95_000, millis(500), false),
            ("p95==0.5", Judged::Total, 95_000, millis(500), false),
            ("p99.9<=2s", Judged::Total, 99_900, millis(2000), false),
            ("p99.999<2s", Judged::Total, 99_999, millis(2000), true),
            ("p0.001<2s", Judged::Total, 1, millis(2000), true),
            ("p100<1m", Judged::Total, 100_000, millis(60_000), true),
            ("max<5", Judged::Total, 100_000, millis(5000), true),
            ("ttfb.p95 < 200ms", Judged::Ttfb, 95_000, millis(200), true),
            ("total.max<5", Judged::Total, 100_000, millis(5000), true),
        ] {
            let text_kept = text.replace(' ', "");
            let expected = Objective { text: text_kept, of, rank, limit, is_strict };
            assert_eq!(parse_slo(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_does_not_exist_is_an_error_and_says_what_does() {
        for bad in [
            "",
            "p95",
            "foo<3",
            "p<3",
            "p0<3",
            "p0.0<3",
            "p101<3",
            "p99.9999<3",
            "p-5<3",
            "p95>3",
            "min<3",
            "dns.p95<3",
            "ttfb<3",
            "ttfb.<3",
            "p9 5x<1",
            "p95<0",
            "p95<-1",
            "p95<",
            "p95<3h",
            "p95<<3",
            "<3",
        ] {
            assert!(parse_slo(bad).is_err(), "{bad:?}");
        }
        assert_eq!(complaint(&["--slo", "foo<3"]), format!("greenfetch: --slo: there is no 'foo'; {FORM}"));
        assert!(complaint(&["--slo", "p95>\x1b3"]).contains("'p95>\\x1b3' compares nothing"));
        assert!(complaint(&["--slo", "p95<x"]).contains("'x' is no duration"));
    }

    #[test]
    fn several_add_up() {
        let slo = config("demo --slo p95<1s --slo ttfb.max=2s").run.slo;
        assert_eq!(slo.iter().map(|gate| gate.text.as_str()).collect::<Vec<_>>(), ["p95<1s", "ttfb.max=2s"]);
    }
}
