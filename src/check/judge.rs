//! Checks and what was seen of an answer become verdicts, and a failure where one does not hold (pure).
//!
//! Knows that all checks are evaluated, which failure comes first, and that what could not be seen never passes.
//! Refuses to look at bodies: what is to be known of one was found out while it came (`examination`).

use std::time::{Duration, SystemTime};

use super::examination::{Findings, Sight};
use super::text::TextTest;
use super::wording::seconds;
use super::{Check, Expectation, HeaderTest, Presence, Test, Verdict, snippet};
use crate::outcome::{Class, Failure, Phase};
use crate::response::Response;
use crate::sanitize;

/// What was seen of an answer that came whole.
pub struct Seen<'a> {
    /// Its head, and what the way to it was.
    pub response: &'a Response,
    /// Writes down the URL that was asked for first, for whom it matters.
    pub url: &'a dyn Fn() -> String,
    /// From the moment the attempt had its slot until now.
    pub time: Duration,
    /// From that moment to the first byte of the last answer.
    pub ttfb: Duration,
    /// The date, for certificates: asked for only where there is one to judge.
    pub today: fn() -> SystemTime,
    /// What was found out about the body.
    pub findings: &'a Findings,
}

/// What all checks together say.
#[derive(Debug, Default)]
pub struct Judgement {
    /// One for each check, in their order.
    pub verdicts: Vec<Verdict>,
    /// The first that does not hold, a status before all others; `None` when all hold.
    pub failure: Option<Failure>,
}

/// How one check was judged: [`Verdict`] without its text.
struct Judged {
    pass: Option<bool>,
    actual: Box<str>,
}

/// Judges an answer that came whole: by its checks, and where none is about the status by the default, which is that it
/// is below 400.
pub fn judge(checks: &[Check], seen: &Seen<'_>) -> Judgement {
    let by_default = by_default(checks, seen.response);
    if checks.is_empty() {
        return Judgement { verdicts: Vec::new(), failure: by_default };
    }
    let verdicts: Vec<Verdict> =
        checks.iter().enumerate().map(|(at, check)| verdict(check, judge_one(at, check, seen))).collect();
    let failed = |class| {
        let of_class = |at: &usize| checks[*at].class() == class && verdicts[*at].pass != Some(true);
        (0..checks.len()).find(of_class).map(|at| (failure(class, &verdicts[at]), Some(at)))
    };
    let by_default = by_default.map(|failure| (failure, None));
    let first = by_default.or_else(|| failed(Class::Status)).or_else(|| failed(Class::Check));
    let failure = first.map(|(first, at)| with_others(first, at, &verdicts));
    Judgement { verdicts, failure }
}

/// The verdicts on an answer that did not come whole, or not at all.
pub fn not_evaluated(checks: &[Check]) -> Vec<Verdict> {
    let open = |check: &Check| Verdict {
        check: check.as_written().into(),
        expected: check.expected().into(),
        actual: None,
        pass: None,
    };
    checks.iter().map(open).collect()
}

fn by_default(checks: &[Check], response: &Response) -> Option<Failure> {
    match response.status {
        _ if checks.iter().any(|check| check.class() == Class::Status) => None,
        Some(status) if status < 400 => None,
        Some(status) => Some(Failure::new(
            Class::Status,
            Phase::Check,
            format!("expected a status below 400, got {status}"),
        )),
        None => Some(Failure::new(Class::Internal, Phase::Check, "an answer without a status")),
    }
}

fn verdict(check: &Check, judged: Judged) -> Verdict {
    Verdict {
        check: check.as_written().into(),
        expected: check.expected().into(),
        actual: Some(judged.actual),
        pass: judged.pass,
    }
}

fn failure(class: Class, verdict: &Verdict) -> Failure {
    let Verdict { expected, actual, .. } = verdict;
    let actual = actual.as_deref().unwrap_or_default();
    let got = if verdict.pass.is_some() { "got " } else { "" };
    Failure::new(class, Phase::Check, format!("expected {expected}, {got}{actual}"))
}

/// So many of the other checks that failed are named, and so much of each.
const MOST_OTHERS: usize = 3;
const OTHER_CHARS: usize = 40;

/// The first failure, and which others there are besides it.
fn with_others(mut first: Failure, of_first: Option<usize>, verdicts: &[Verdict]) -> Failure {
    let failed = verdicts
        .iter()
        .enumerate()
        .filter(|(at, verdict)| verdict.pass != Some(true) && of_first != Some(*at));
    let others: Vec<&str> = failed.map(|(_, verdict)| &*verdict.check).collect();
    let plural = match others.len() {
        0 => return first,
        1 => "",
        _ => "s",
    };
    let named = others.iter().take(MOST_OTHERS).map(|check| sanitize::shorten(check, OTHER_CHARS));
    let named = named.collect::<Vec<_>>().join(", ");
    let more = if others.len() > MOST_OTHERS { ", …" } else { "" };
    first.message.push_str(&format!("; {} more check{plural} failed: {named}{more}", others.len()));
    first
}

impl Check {
    /// The class of the failure when it does not hold.
    fn class(&self) -> Class {
        if matches!(self.expectation, Expectation::Status(_)) { Class::Status } else { Class::Check }
    }
}

impl Judged {
    fn new(holds: bool, actual: impl Into<Box<str>>) -> Judged {
        Judged { pass: Some(holds), actual: actual.into() }
    }

    fn not_evaluated(why: &str) -> Judged {
        Judged { pass: None, actual: format!("not evaluated: {why}").into() }
    }
}

fn judge_one(at: usize, check: &Check, seen: &Seen<'_>) -> Judged {
    let response = seen.response;
    match &check.expectation {
        Expectation::Status(statuses) => {
            let status = response.status.unwrap_or_default();
            Judged::new(statuses.contains(status), status.to_string())
        }
        Expectation::Body(test) => body(test, seen.findings.of(at), seen),
        Expectation::Header { name, wants } => header(name, wants, response),
        Expectation::Json { .. } => json(seen.findings.of(at)),
        Expectation::Bytes(comparison) => {
            Judged::new(comparison.holds(&response.size_delivered), counted(response.size_delivered, "byte"))
        }
        Expectation::Sha256 { digest, is_wanted } => match seen.findings.sha256() {
            Some(actual) => Judged::new((*actual == **digest) == *is_wanted, actual),
            None => Judged::not_evaluated("the body was not read"),
        },
        Expectation::Type(test) => content_type(test, response.content_type.as_deref()),
        Expectation::Time(comparison) => Judged::new(comparison.holds(&seen.time), seconds(seen.time)),
        Expectation::Ttfb(comparison) => Judged::new(comparison.holds(&seen.ttfb), seconds(seen.ttfb)),
        Expectation::TlsDays(comparison) => {
            match response.tls.as_ref().and_then(|facts| facts.days_left((seen.today)())) {
                Some(days) => Judged::new(comparison.holds(&days), format!("{days} days")),
                None => Judged::new(false, "no certificate"),
            }
        }
        Expectation::Redirects(comparison) => {
            let followed = response.redirects.len() as u64;
            Judged::new(comparison.holds(&followed), counted(followed, "redirect"))
        }
        Expectation::FinalUrl(test) => {
            let effective = response.url_effective.as_deref().map(|url| url.as_str().to_owned());
            let url = effective.unwrap_or_else(seen.url);
            // A password of a redirect is left behind there, and the listed one was taken away.
            Judged::new(test.holds(&url), format!("{url:?}"))
        }
    }
}

fn counted(count: u64, unit: &str) -> String {
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

fn body(test: &TextTest, sight: Option<&Sight>, seen: &Seen<'_>) -> Judged {
    let whole = || snippet::body(&seen.findings.beginning, seen.findings.length);
    match sight {
        Some(Sight::Found(around)) => Judged::new(!test.is_negated, around.clone()),
        Some(Sight::Missed) => Judged::new(test.is_negated, whole()),
        other => unseen(other),
    }
}

fn json(sight: Option<&Sight>) -> Judged {
    match sight {
        Some(Sight::Value { holds, actual }) => Judged::new(*holds, actual.clone()),
        other => unseen(other),
    }
}

fn unseen(sight: Option<&Sight>) -> Judged {
    match sight {
        Some(Sight::Nothing(why)) => Judged::not_evaluated(why),
        _ => Judged::not_evaluated("the body was not looked at"),
    }
}

fn header(name: &str, wants: &Presence<HeaderTest>, response: &Response) -> Judged {
    let all = response.headers.as_deref().unwrap_or_default();
    let values: Vec<&str> =
        all.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect();
    let is_secret = sanitize::is_secret_header(name);
    let shown = values.iter().map(|value| if is_secret { sanitize::MASK } else { value });
    Judged::new(wants.holds_of(&values), snippet::values(shown, "none"))
}

impl Test<str> for HeaderTest {
    fn holds(&self, value: &str) -> bool {
        match self {
            HeaderTest::Text(test) => test.holds(value),
            HeaderTest::Number(comparison) => {
                // "infinity" is read as a figure too, and would be above every bound.
                let actual = value.trim().parse().ok().filter(|actual: &f64| actual.is_finite());
                actual.is_some_and(|actual| comparison.holds(&actual))
            }
        }
    }

    fn is_negated(&self) -> bool {
        matches!(self, HeaderTest::Text(test) if test.is_negated)
    }
}

/// Without parameters and in lower case (RFC 9110 §8.3.1).
fn content_type(test: &TextTest, value: Option<&str>) -> Judged {
    let Some(value) = value else { return Judged::new(false, "none") };
    let media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Judged::new(test.holds(&media_type), snippet::values([media_type.as_str()].into_iter(), ""))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::check::{Examination, Op, parse};
    use crate::response::{Hop, TlsFacts};

    const BODY: &[u8] = b"{\"ok\":true}";

    fn checks(written: &[(&str, &str, &str)]) -> std::sync::Arc<[Check]> {
        let check = |(key, op, value): &(&str, &str, &str)| {
            parse(key, Op::split(op).map(|(op, _)| op), value).unwrap().unwrap()
        };
        written.iter().map(check).collect()
    }

    fn response(status: u16) -> Response {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let url = |url: &str| url::Url::parse(url).unwrap();
        Response {
            status: Some(status),
            content_type: Some("Application/JSON; charset=utf-8".to_owned()),
            headers: Some(vec![
                header("Via", "a"),
                header("via", "b"),
                header("Age", " 7"),
                header("X-Left", "infinity"),
                header("Set-Cookie", "s=1"),
            ]),
            size_delivered: BODY.len() as u64,
            redirects: vec![Hop { url: url("http://a/"), response_code: 301 }],
            url_effective: Some(Box::new(url("https://a/new"))),
            tls: Some(Box::new(TlsFacts {
                chain_not_after: Some(UNIX_EPOCH + Duration::from_secs(20 * 86_400)),
                ..TlsFacts::default()
            })),
            ..Response::default()
        }
    }

    fn judged(written: &[(&str, &str, &str)], response: &Response) -> Judgement {
        let checks = checks(written);
        let findings = Examination::begin(&checks).map(|mut examination| {
            examination.take(BODY);
            let (mut findings, remainder) = examination.finish(&checks);
            findings.add(remainder.map(crate::check::Remainder::examine).unwrap_or_default());
            findings
        });
        let seen = Seen {
            response,
            url: &|| "http://a/".to_owned(),
            time: Duration::from_millis(1200),
            ttfb: Duration::from_millis(300),
            today: || UNIX_EPOCH,
            findings: &findings.unwrap_or_default(),
        };
        judge(&checks, &seen)
    }

    fn message(judgement: &Judgement) -> String {
        judgement.failure.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn without_a_check_a_status_below_400_passes() {
        for status in [200, 204, 301, 304, 399] {
            assert_eq!(judged(&[], &response(status)).failure, None, "{status}");
        }
        for status in [400, 404, 500, 599, 600, 999] {
            let judgement = judged(&[], &response(status));
            assert_eq!(
                message(&judgement),
                format!("status (check): expected a status below 400, got {status}")
            );
            assert!(judgement.verdicts.is_empty());
        }
    }

    #[test]
    fn every_check_holds_where_it_should() {
        for check in [
            ("expect", "=", "200"),
            ("body", "*=", "ok"),
            ("body", "~=", r"^\{.*true"),
            ("body", "!~=", "error"),
            ("header.via", "", ""),
            ("header.VIA", "=", "b"),
            ("header.via", "!=", "c"),
            ("!header.x", "", ""),
            ("header.age", "<=", "7"),
            ("header.set-cookie", "*=", "s="),
            ("json.$.ok", "==", "true"),
            ("!json.$.error", "", ""),
            ("bytes", ">=", "11"),
            ("sha256", "=", "4062edaf750fb8074e7e83e0c9028c94e32468a8b6f1614774328ef045150f93"),
            ("type", "=", "application/JSON"),
            ("type", "~=", "json$"),
            ("type", "~=", "^Application/JSON$"),
            ("time", "<=", "2s"),
            ("ttfb", "<=", "300ms"),
            ("tls-days", ">=", "20"),
            ("redirects", "<=", "1"),
            ("final-url", "=", "https://a/new"),
        ] {
            let judgement = judged(&[check], &response(200));
            assert_eq!(message(&judgement), "", "{check:?}");
            assert_eq!(judgement.verdicts[0].pass, Some(true), "{check:?}");
        }
    }

    #[test]
    fn one_that_does_not_hold_names_what_was_expected_and_what_was_seen() {
        for (check, line) in [
            (("expect", "=", "204"), "status (check): expected status 204, got 200"),
            (("body", "*=", "no"), r#"check (check): expected a body with "no", got "{\"ok\":true}""#),
            (
                ("body", "!~=", "true"),
                r#"check (check): expected a body that does not match /true/, got "{\"ok\":true}""#,
            ),
            (("header.x", "", ""), "check (check): expected a header x, got none"),
            (
                ("header.x-left", ">=", "1"),
                r#"check (check): expected a header x-left at least 1, got "infinity""#,
            ),
            (("!header.via", "", ""), r#"check (check): expected no header via, got "a", "b""#),
            (
                ("header.via", "!=", "b"),
                r#"check (check): expected a header via other than "b", got "a", "b""#,
            ),
            (
                ("header.set-cookie", "=", "x"),
                r#"check (check): expected a header set-cookie "x", got "***""#,
            ),
            (("json.$.ok", "==", "false"), "check (check): expected false at $.ok, got true"),
            (("json.$.no", "", ""), "check (check): expected something at $.no, got nothing"),
            (("bytes", ">=", "12"), "check (check): expected at least 12 bytes, got 11 bytes"),
            (
                ("type", "=", "text/html"),
                r#"check (check): expected a type "text/html", got "application/json""#,
            ),
            (
                ("type", "!~=", "JSON"),
                r#"check (check): expected a type that does not match /(?i)JSON/, got "application/json""#,
            ),
            (("time", "<=", "1s"), "check (check): expected time at most 1.000 s, got 1.200 s"),
            (("ttfb", "<", "300ms"), "check (check): expected ttfb below 0.300 s, got 0.300 s"),
            (
                ("tls-days", ">=", "21"),
                "check (check): expected certificates for at least 21 days, got 20 days",
            ),
            (("redirects", "=", "0"), "check (check): expected 0 redirects, got 1 redirect"),
            (
                ("final-url", "~=", "old"),
                r#"check (check): expected a final URL that matches /old/, got "https://a/new""#,
            ),
        ] {
            let judgement = judged(&[check], &response(200));
            assert_eq!(message(&judgement), line);
            assert_eq!(judgement.verdicts[0].pass, Some(false));
        }
    }

    #[test]
    fn the_other_checks_that_failed_are_named_shortly() {
        let long = "x".repeat(500);
        let five = [
            ("body", "*=", "no"),
            ("bytes", ">", "9999"),
            ("body", "~=", &long),
            ("type", "=", "a/b"),
            ("redirects", "=", "0"),
        ];
        let message = message(&judged(&five, &response(200)));
        let others = format!("; 4 more checks failed: bytes>9999, body~={}…, type=a/b, …", "x".repeat(33));
        assert!(message.ends_with(&others), "{message}");
    }

    #[test]
    fn all_are_judged_and_the_status_is_told_first() {
        let three =
            [("body", "*=", "no"), ("bytes", ">", "1"), ("expect", "=", "200"), ("redirects", "=", "0")];
        let judgement = judged(&three, &response(503));
        assert_eq!(
            message(&judgement),
            "status (check): expected status 200, got 503; 2 more checks failed: body*=no, redirects=0"
        );
        let passes: Vec<_> = judgement.verdicts.iter().map(|verdict| verdict.pass).collect();
        assert_eq!(passes, [Some(false), Some(true), Some(false), Some(false)]);
        let by_default = judged(&[("body", "*=", "no")], &response(503));
        assert_eq!(
            message(&by_default),
            "status (check): expected a status below 400, got 503; 1 more check failed: body*=no"
        );
        assert_eq!(judged(&[("expect", "=", "503")], &response(503)).failure, None);
    }

    #[test]
    fn what_was_not_evaluated_never_passes() {
        let checks = checks(&[("body", "!~=", "error"), ("tls-days", ">", "1")]);
        let seen = Seen {
            response: &response(200),
            url: &|| "http://a/".to_owned(),
            time: Duration::ZERO,
            ttfb: Duration::ZERO,
            today: || UNIX_EPOCH,
            findings: &Findings::default(),
        };
        let judgement = judge(&checks, &seen);
        assert_eq!(judgement.verdicts[0].pass, None);
        assert!(message(&judgement).contains("not evaluated"), "{}", message(&judgement));
        let open = not_evaluated(&checks);
        assert!(open.iter().all(|verdict| verdict.pass.is_none() && verdict.actual.is_none()));
        assert_eq!(&*open[1].check, "tls-days>1");
    }
}
