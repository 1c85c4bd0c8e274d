//! The record: one list entry's end as plain data, written and read back.
//!
//! Knows the names, the order and the units of the contract's table; curl's where curl has one. Refuses to know where
//! records go (`report`) and who reads them. Texts are raw here: JSON escapes them, other outputs have to.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use url::Url;

use crate::event::RunInfo;
use crate::outcome::Outcome;
use crate::response::Response;

mod curl;
mod date;
mod parts;
mod schema;
#[cfg(test)]
pub(crate) mod samples;
mod run;
mod summary;
mod times;

pub use date::{rfc3339, seconds_since_1970};
pub use parts::{AttemptRecord, CheckRecord, ErrorRecord, RedirectRecord, TlsRecord, TriedRecord, cause};
pub use run::{LimitsRecord, RunRecord};
pub use schema::SCHEMA;
#[cfg(test)]
pub(crate) use schema::{assert_described, schema_words};
pub use summary::{LimitersRecord, SummaryRecord, Tally};
pub use times::{Marks, Phases, time_total, tries};

/// Within a version fields are only added.
pub const SCHEMA_VERSION: u32 = 1;

/// A word of the contract: static when we write it, owned when it was read.
pub type Word = Cow<'static, str>;

/// One list entry's end. Times are in seconds, rounded to the microsecond; `None` is JSON's null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Always `result`.
    pub r#type: Word,
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The same in all records of a run.
    pub run_id: Arc<str>,
    /// From 0, in the whole input.
    pub urlnum: u64,
    /// The list as the user named it.
    pub source: Arc<str>,
    /// From 1.
    pub line: u32,
    /// What the user calls it.
    pub name: Option<String>,
    /// What it belongs to.
    pub tags: Vec<String>,
    /// Empty where there is none.
    pub host: String,
    /// As listed, a password masked.
    pub url: String,
    /// The last URL asked, without userinfo; `None` for what is no URL.
    pub url_effective: Option<String>,
    /// The last method used.
    pub method: String,
    /// `pass`, `fail`, `soft` or `cancelled`.
    pub outcome: Word,
    /// Whether the line is soft.
    pub soft: bool,
    /// `None` for what passed.
    pub error: Option<ErrorRecord>,
    /// curl's number; 0 for what passed, `None` for what curl has no number for.
    pub exitcode: Option<u8>,
    /// The failure in one sentence; `None` for what passed.
    pub errormsg: Option<String>,
    /// `None` without a response.
    pub response_code: Option<u16>,
    /// `1.0` or `1.1`.
    pub http_version: Option<Word>,
    /// Of the last URL.
    pub scheme: Option<String>,
    /// As the server sent it.
    pub content_type: Option<String>,
    /// Name in lower case to values in order; `None` unless asked for.
    pub headers: Option<BTreeMap<String, Vec<String>>>,
    /// Body on the wire, in bytes.
    pub size_download: u64,
    /// Body after decoding, in bytes.
    pub size_delivered: u64,
    /// Response heads, in bytes.
    pub size_header: u64,
    /// Request body, in bytes.
    pub size_upload: u64,
    /// The other end.
    pub remote_ip: Option<String>,
    /// The other end.
    pub remote_port: Option<u16>,
    /// Our end.
    pub local_ip: Option<String>,
    /// Our end.
    pub local_port: Option<u16>,
    /// New connections.
    pub num_connects: u32,
    /// Redirects followed.
    pub num_redirects: u64,
    /// Each of them.
    pub redirects: Vec<RedirectRecord>,
    /// Tries after the first.
    pub num_retries: u64,
    /// All tries; empty when it never had a slot.
    pub attempts: Vec<AttemptRecord>,
    /// Of `--until-pass`; `None` without.
    pub round: Option<u32>,
    /// Waiting for the first slot, before everything else and in no other figure.
    pub time_queue: f64,
    /// curl's marks.
    #[serde(flatten)]
    pub marks: Marks,
    /// Durations over all attempts and hops; their sum is `time_total`.
    pub phases: Phases,
    /// When it had its first slot: RFC 3339, UTC.
    pub started_at: String,
    /// The same, since the run began.
    pub t_start: f64,
    /// `t_start` and `time_total`.
    pub t_end: f64,
    /// What was expected besides the default; empty where nothing was.
    pub checks: Vec<CheckRecord>,
    /// `None` without TLS.
    pub tls: Option<TlsRecord>,
    /// Where asked for.
    pub sha256: Option<String>,
    /// Where the body was saved.
    pub filename_effective: Option<String>,
    /// `coroutines`, `threads` or `sync`.
    pub mode: Word,
}

impl Record {
    /// What an outcome says, in the words of the contract.
    pub fn from_outcome(outcome: &Outcome, run: &RunInfo) -> Record {
        let subject = &outcome.subject;
        let last = outcome.last();
        let seen = &last.response;
        let url = final_url(seen, subject.leads_to.as_deref().unwrap_or(&subject.listed));
        let started = times::since_run_began(outcome, run);
        Record {
            r#type: "result".into(),
            schema_version: SCHEMA_VERSION,
            run_id: run.run_id.as_str().into(),
            urlnum: subject.urlnum,
            source: subject.location.source.clone(),
            line: subject.location.line,
            name: subject.name.clone(),
            tags: subject.tags.iter().map(ToString::to_string).collect(),
            host: subject.host.to_string(),
            url: subject.listed.clone(),
            method: seen.method.as_ref().unwrap_or(&subject.method).to_string(),
            outcome: outcome.kind.as_str().into(),
            soft: subject.soft,
            error: outcome.failure().map(ErrorRecord::of),
            exitcode: outcome.failure().map_or(Some(0), |failure| curl::exitcode(failure, seen)),
            errormsg: outcome.failure().map(cause),
            response_code: seen.status,
            http_version: seen.version.map(|version| version.as_str().into()),
            scheme: url.as_ref().map(|url| url.scheme().to_owned()),
            content_type: seen.content_type.clone(),
            headers: seen.headers.as_deref().map(parts::header_map),
            size_download: seen.size_download,
            size_delivered: seen.size_delivered,
            size_header: seen.size_header,
            size_upload: seen.size_upload,
            remote_ip: seen.remote.map(|addr| addr.ip().to_string()),
            remote_port: seen.remote.map(|addr| addr.port()),
            local_ip: seen.local.map(|addr| addr.ip().to_string()),
            local_port: seen.local.map(|addr| addr.port()),
            num_connects: seen.num_connects,
            num_redirects: seen.redirects.len() as u64,
            redirects: seen.redirects.iter().map(RedirectRecord::of).collect(),
            num_retries: tries(outcome).saturating_sub(1) as u64,
            attempts: times::had_slots(outcome).map(AttemptRecord::of).collect(),
            round: outcome.round,
            time_queue: times::seconds(outcome.attempts.first().map_or(Duration::ZERO, |a| a.timings.queue)),
            marks: Marks::of(outcome, url.as_ref().is_some_and(|url| url.scheme() == "https")),
            phases: Phases::of(outcome),
            started_at: run.started_at.checked_add(started).map_or_else(String::new, rfc3339),
            t_start: times::seconds(started),
            t_end: times::seconds(started.saturating_add(time_total(outcome))),
            checks: last.verdicts.iter().map(CheckRecord::of).collect(),
            tls: seen.tls.as_ref().map(|facts| TlsRecord::of(facts, run.started_at)),
            sha256: seen.sha256.as_deref().map(str::to_owned),
            filename_effective: seen.filename_effective.clone(),
            mode: run.mode.as_str().into(),
            url_effective: url.map(String::from),
        }
    }
}

/// As asked, without userinfo and fragment; `None` for what is no http URL.
fn final_url(seen: &Response, asked: &str) -> Option<Url> {
    let mut url = seen.url_effective.as_deref().cloned().or_else(|| Url::parse(asked).ok())?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    // These fail only for URLs without a host, which http URLs have.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    Some(url)
}

/// Now, as a date: for `started_at`, `Retry-After` and expiry. Limits never look at it.
#[expect(clippy::disallowed_methods, reason = "the one place that asks for the date")]
pub fn wall_now() -> SystemTime {
    SystemTime::now()
}

/// 16 hex digits that no other run has: the standard library's random seed, with time and process stirred in.
pub fn run_id() -> String {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.write_u128(wall_now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos()));
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::check::Verdict;
    use crate::outcome::{Class, Failure, Phase, Tried};
    use crate::record::samples::{at, attempt, outcome, passed, run, subject};
    use crate::response::{Hop, TlsFacts};

    fn written(record: &Record) -> serde_json::Value {
        serde_json::to_value(record).unwrap()
    }

    #[test]
    fn the_fields_stand_in_the_contracts_order() {
        let text = serde_json::to_string(&Record::from_outcome(&passed(1, 5), &run())).unwrap();
        let mut from = 0;
        for name in "type schema_version run_id urlnum source line name tags host url url_effective method outcome \
            soft error exitcode errormsg response_code http_version scheme content_type headers size_download \
            size_delivered size_header size_upload remote_ip remote_port local_ip local_port num_connects \
            num_redirects redirects num_retries attempts round time_queue time_namelookup time_connect \
            time_appconnect time_pretransfer time_starttransfer time_total time_redirect phases started_at t_start \
            t_end checks tls sha256 filename_effective mode"
            .split_whitespace()
        {
            let at = text[from..].find(&format!("\"{name}\":")).unwrap_or_else(|| panic!("{name} in {text}"));
            from += at + 1;
        }
    }

    #[test]
    fn verdicts_tags_and_the_hash_are_told_as_they_are() {
        let mut outcome = passed(1, 5);
        let verdict =
            Verdict { check: "body*=ok".into(), expected: "a body with ok".into(), actual: None, pass: None };
        outcome.attempts[0].verdicts.push(verdict);
        outcome.attempts[0].response.sha256 = Some("e3b0".into());
        Arc::make_mut(&mut outcome.subject).tags = ["smoke".into(), "web".into()].into();
        let record = written(&Record::from_outcome(&outcome, &run()));
        assert_eq!(record["tags"], serde_json::json!(["smoke", "web"]));
        assert_eq!(record["sha256"], "e3b0");
        let check = serde_json::json!({
            "check": "body*=ok", "expected": "a body with ok", "actual": null, "pass": null
        });
        assert_eq!(record["checks"], serde_json::json!([check]));
    }

    #[test]
    fn a_pass_says_what_was_seen_and_null_where_nothing_was() {
        let record = written(&Record::from_outcome(&passed(7, 1234), &run()));
        for (field, expected) in [
            ("type", "\"result\""),
            ("run_id", "\"00112233aabbccdd\""),
            ("outcome", "\"pass\""),
            ("exitcode", "0"),
            ("error", "null"),
            ("errormsg", "null"),
            ("line", "7"),
            ("size_delivered", "1234"),
            ("response_code", "200"),
            ("url_effective", "\"http://a.example/7\""),
            ("scheme", "\"http\""),
            ("num_retries", "0"),
            ("started_at", "\"1970-01-01T00:00:10.500Z\""),
            ("t_start", "0.5"),
            ("t_end", "0.75"),
            ("time_queue", "0.25"),
            ("time_appconnect", "null"),
            ("time_pretransfer", "0.02"),
            ("time_total", "0.25"),
            ("tags", "[]"),
            ("mode", "\"coroutines\""),
        ] {
            assert_eq!(record[field].to_string(), expected, "{field}");
        }
    }

    #[test]
    fn a_failure_names_what_was_tried_and_curls_number() {
        let mut failure = Failure::new(Class::Connect, Phase::Connect, "no address answered");
        failure.tried.push(Tried { addr: "[::1]:443".parse().unwrap(), message: "refused".to_owned() });
        let record = written(&Record::from_outcome(&outcome(1, failure), &run()));
        assert_eq!(
            record["error"].to_string(),
            r#"{"class":"connect","message":"no address answered","phase":"connect","tried":[{"ip":"::1","message":"refused","port":443}]}"#
        );
        assert_eq!(record["exitcode"], 7);
        assert_eq!(record["errormsg"], "no address answered; [::1]:443 refused");
        assert_eq!(record["response_code"], serde_json::Value::Null);
    }

    #[test]
    fn the_phases_of_all_attempts_and_the_waits_between_add_up_to_time_total() {
        let mut first = attempt(at(100), 40);
        first.failure = Some(Failure::new(Class::Closed, Phase::Wait, "reset"));
        let second = attempt(at(1_200), 60);
        let record = Record::from_outcome(&Outcome::new(subject(1), vec![first, second]), &run());
        let phases = &record.phases;
        let sum: f64 = [phases.dns, phases.connect, phases.send, phases.wait, phases.receive, phases.backoff]
            .into_iter()
            .flatten()
            .sum();
        assert_eq!((record.num_retries, record.attempts.len()), (1, 2));
        assert!((record.marks.time_total - 1.16).abs() < 1e-9 && (sum - 1.16).abs() < 1e-9, "{sum}");
        assert_eq!(phases.backoff, Some(1.06));
        assert_eq!(record.marks.time_namelookup, Some(1.1));
    }

    #[test]
    fn an_entry_that_never_had_a_slot_was_never_tried() {
        let failure = Failure::new(Class::Url, Phase::Queue, "no scheme");
        let mut sad = Outcome::without_a_slot(subject(1), failure, Duration::ZERO, at(3));
        Arc::make_mut(&mut sad.subject).listed = "ftp://a/".to_owned();
        let record = Record::from_outcome(&sad, &run());
        assert_eq!((record.attempts.len(), record.num_retries, record.exitcode), (0, 0, Some(3)));
        assert_eq!((record.url_effective, record.scheme), (None, None));
        assert_eq!(record.phases.backoff, None);
    }

    #[test]
    fn no_secret_of_a_url_or_a_header_gets_into_a_record() {
        let mut leaky = passed(1, 0);
        Arc::make_mut(&mut leaky.subject).listed = "http://user:***@a.example/x#frag".to_owned();
        let seen = &mut leaky.attempts[0].response;
        seen.headers = Some(vec![
            ("Set-Cookie".to_owned(), "hunter2".to_owned()),
            ("Via".to_owned(), "a".to_owned()),
            ("via".to_owned(), "b".to_owned()),
        ]);
        seen.redirects =
            vec![Hop { url: "http://u:hunter2@a.example/".parse().unwrap(), response_code: 302 }];
        let record = Record::from_outcome(&leaky, &run());
        assert_eq!(record.url_effective.as_deref(), Some("http://a.example/x"));
        assert_eq!(written(&record)["headers"].to_string(), r#"{"set-cookie":["***"],"via":["a","b"]}"#);
        assert!(!written(&record).to_string().contains("hunter2"));
    }

    #[test]
    fn a_record_written_and_read_back_is_equal() {
        let mut rich = passed(3, u64::MAX);
        rich.attempts[0].response.tls = Some(Box::new(TlsFacts {
            version: Some("TLSv1.3".to_owned()),
            verified: true,
            ..TlsFacts::default()
        }));
        rich.attempts[0].timings.total = Duration::from_nanos(123_456_789_123_456);
        rich.attempts[0].response.content_type = Some("\u{1b}\u{202e}text".to_owned());
        let sad = outcome(2, Failure::new(Class::Tls, Phase::Tls, "\0\u{fffd}"));
        for outcome in [rich, sad] {
            let record = Record::from_outcome(&outcome, &run());
            let text = serde_json::to_string(&record).unwrap();
            assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        }
    }

    #[test]
    fn fields_of_a_later_version_are_no_error() {
        let mut value = written(&Record::from_outcome(&passed(1, 1), &run()));
        value["new_field"] = "x".into();
        assert!(serde_json::from_value::<Record>(value).is_ok());
    }

    #[test]
    fn run_ids_are_sixteen_digits_and_differ() {
        let (one, other) = (run_id(), run_id());
        assert!(one.len() == 16 && one.bytes().all(|b| b.is_ascii_hexdigit()), "{one}");
        assert_ne!(one, other);
    }
}
