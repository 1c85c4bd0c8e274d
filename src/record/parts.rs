//! What a record is made of below its own fields (pure).
//!
//! Knows the objects of the contract's table and how each is filled. Refuses to know times beyond an attempt's own.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::date::rfc3339;
use super::{Word, times};
use crate::check::Verdict;
use crate::outcome::{Attempt, Class, Failure, Kind, Tried};
use crate::response::{Hop, TlsFacts};
use crate::sanitize;

/// Why a record is not a pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorRecord {
    /// A class of the contract.
    pub class: Word,
    /// A phase of the contract.
    pub phase: Word,
    /// The cause in words.
    pub message: String,
    /// The addresses tried in vain.
    pub tried: Vec<TriedRecord>,
}

/// An address that was tried in vain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriedRecord {
    /// Its address.
    pub ip: String,
    /// Its port.
    pub port: u16,
    /// Why not.
    pub message: String,
}

/// A redirect that was followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RedirectRecord {
    /// The URL that answered with it.
    pub url: String,
    /// 301 to 308.
    pub response_code: u16,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// `pass`, `fail` or `cancelled`.
    pub outcome: Word,
    /// `None` for the one that passed.
    pub class: Option<Word>,
    /// `None` without a response.
    pub response_code: Option<u16>,
    /// Seconds in back-off before it.
    pub wait: f64,
    /// Seconds it took.
    pub time_total: f64,
}

/// One expectation and what was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckRecord {
    /// As written.
    pub check: String,
    /// What was asked for.
    pub expected: Option<String>,
    /// What was seen.
    pub actual: Option<String>,
    /// `None` when not evaluated.
    pub pass: Option<bool>,
}

/// The TLS session of the last connection; `None` for what is not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TlsRecord {
    /// `TLSv1.3`.
    pub version: Option<String>,
    /// The suite.
    pub cipher: Option<String>,
    /// Whose certificate.
    pub subject: Option<String>,
    /// Who says so.
    pub issuer: Option<String>,
    /// RFC 3339.
    pub not_after: Option<String>,
    /// Of the certificate of the chain that ends first; RFC 3339.
    pub chain_not_after: Option<String>,
    /// The earliest of the chain.
    pub days_left: Option<i64>,
    /// Whether it was verified and found good.
    pub verified: bool,
}

impl ErrorRecord {
    pub(super) fn of(failure: &Failure) -> ErrorRecord {
        ErrorRecord {
            class: failure.class.as_str().into(),
            phase: failure.phase.as_str().into(),
            message: failure.message.clone(),
            tried: failure.tried.iter().map(TriedRecord::of).collect(),
        }
    }
}

impl TriedRecord {
    fn of(tried: &Tried) -> TriedRecord {
        TriedRecord {
            ip: tried.addr.ip().to_string(),
            port: tried.addr.port(),
            message: tried.message.clone(),
        }
    }
}

impl RedirectRecord {
    pub(super) fn of(hop: &Hop) -> RedirectRecord {
        // A server can put a password into its Location.
        let url = sanitize::mask_userinfo(hop.url.as_str()).into_owned();
        RedirectRecord { url, response_code: hop.response_code }
    }
}

impl AttemptRecord {
    pub(super) fn of(attempt: &Attempt) -> AttemptRecord {
        let class = attempt.failure.as_ref().map(|failure| failure.class);
        let kind = match class {
            None => Kind::Pass,
            Some(Class::Cancelled) => Kind::Cancelled,
            Some(_) => Kind::Fail,
        };
        AttemptRecord {
            outcome: kind.as_str().into(),
            class: class.map(|class| class.as_str().into()),
            response_code: attempt.response.status,
            wait: times::seconds(attempt.wait_before),
            time_total: times::seconds(attempt.timings.total),
        }
    }
}

impl CheckRecord {
    pub(super) fn of(verdict: &Verdict) -> CheckRecord {
        CheckRecord {
            check: verdict.check.to_string(),
            expected: Some(verdict.expected.to_string()),
            actual: verdict.actual.as_deref().map(str::to_owned),
            pass: verdict.pass,
        }
    }
}

impl TlsRecord {
    /// `now` is the date from which days are counted.
    pub(super) fn of(facts: &TlsFacts, now: SystemTime) -> TlsRecord {
        TlsRecord {
            version: facts.version.clone(),
            cipher: facts.cipher.clone(),
            subject: facts.subject.clone(),
            issuer: facts.issuer.clone(),
            not_after: facts.not_after.map(rfc3339),
            chain_not_after: facts.chain_not_after.map(rfc3339),
            days_left: facts.days_left(now),
            verified: facts.verified,
        }
    }
}

/// The cause in words with every address that was tried in vain, those not named in the message already.
pub fn cause(failure: &Failure) -> String {
    let mut cause = failure.message.clone();
    for tried in &failure.tried {
        let addr = tried.addr.to_string();
        if !failure.message.contains(&addr) {
            let comma = if cause.is_empty() { "" } else { "; " };
            cause.push_str(&format!("{comma}{addr} {}", tried.message));
        }
    }
    cause
}

/// curl's `%{header_json}`: repeated headers stay apart. Cookies are secrets wherever they go.
pub(super) fn header_map(headers: &[(String, String)]) -> BTreeMap<String, Vec<String>> {
    let mut map: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        let shown = if sanitize::is_secret_header(name) { sanitize::MASK } else { value };
        map.entry(name.to_ascii_lowercase()).or_default().push(shown.to_owned());
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Phase;

    #[test]
    fn a_cause_names_each_tried_address_once() {
        let tried = |addr: &str| Tried { addr: addr.parse().unwrap(), message: "refused".to_owned() };
        for (message, addrs, expected) in [
            ("refused", vec![], "refused"),
            ("", vec!["10.0.0.1:443", "[::1]:443"], "10.0.0.1:443 refused; [::1]:443 refused"),
            ("10.0.0.1:443 refused", vec!["10.0.0.1:443"], "10.0.0.1:443 refused"),
            ("no answer within 5 s", vec!["10.0.0.1:80"], "no answer within 5 s; 10.0.0.1:80 refused"),
        ] {
            let mut failure = Failure::new(Class::Connect, Phase::Connect, message);
            failure.tried = addrs.into_iter().map(tried).collect();
            assert_eq!(cause(&failure), expected);
        }
    }
}
