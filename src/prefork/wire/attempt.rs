//! An attempt on its way back to the run.
//!
//! Knows every fact of an attempt. Its place in the run (the wait for a slot, the back-off before it) is the run's to say.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::{Garbled, job, phase, url};
use crate::check::Verdict;
use crate::outcome::{Attempt, Class, Failure, Phase, Tried};
use crate::response::{Hop, HttpVersion, PhaseTimes, Response, Timings, TlsFacts};
use crate::runtime::Clock;

/// An attempt that is over.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::prefork) struct AttemptWire<'a> {
    /// By the machine's clock.
    started: u64,
    timings: TimingsWire,
    #[serde(borrow)]
    response: ResponseWire<'a>,
    #[serde(borrow)]
    verdicts: Vec<VerdictWire<'a>>,
    #[serde(borrow)]
    failure: Option<FailureWire<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct TimingsWire {
    namelookup: Option<Duration>,
    connect: Option<Duration>,
    appconnect: Option<Duration>,
    pretransfer: Option<Duration>,
    starttransfer: Option<Duration>,
    redirect: Duration,
    total: Duration,
    phases: [Option<Duration>; Phase::COUNT],
}

#[derive(Debug, Serialize, Deserialize)]
struct ResponseWire<'a> {
    status: Option<u16>,
    is_http11: Option<bool>,
    content_type: Option<&'a str>,
    retry_after: Option<&'a str>,
    #[serde(borrow)]
    headers: Option<Vec<(&'a str, &'a str)>>,
    url_effective: Option<&'a str>,
    method: Option<&'a str>,
    size_download: u64,
    size_delivered: u64,
    size_header: u64,
    size_upload: u64,
    remote: Option<SocketAddr>,
    local: Option<SocketAddr>,
    num_connects: u32,
    #[serde(borrow)]
    redirects: Vec<(&'a str, u16)>,
    #[serde(borrow)]
    tls: Option<TlsWire<'a>>,
    sha256: Option<&'a str>,
    filename_effective: Option<&'a str>,
}

#[derive(Debug, Serialize, Deserialize)]
struct TlsWire<'a> {
    version: Option<&'a str>,
    cipher: Option<&'a str>,
    subject: Option<&'a str>,
    issuer: Option<&'a str>,
    not_after: Option<SystemTime>,
    chain_not_after: Option<SystemTime>,
    verified: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct VerdictWire<'a> {
    check: &'a str,
    expected: &'a str,
    actual: Option<&'a str>,
    pass: Option<bool>,
}

#[derive(Debug, Serialize, Deserialize)]
struct FailureWire<'a> {
    #[serde(with = "ClassWire")]
    class: Class,
    phase: u8,
    message: &'a str,
    #[serde(borrow)]
    tried: Vec<(SocketAddr, &'a str)>,
}

/// The variants of [`Class`]: the compiler sees to it that they are the same.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Class")]
enum ClassWire {
    Url,
    Dns,
    Connect,
    Tls,
    Timeout,
    Closed,
    Protocol,
    Decode,
    Size,
    Redirect,
    Status,
    Check,
    Write,
    Cancelled,
    Internal,
}

impl<'a> AttemptWire<'a> {
    /// `wait_before` and `timings.queue` do not travel: the run itself says them.
    pub(super) fn of(attempt: &'a Attempt, clock: &Clock) -> AttemptWire<'a> {
        let Attempt { started, timings, wait_before: _, response, verdicts, failure, is_lost: _ } = attempt;
        AttemptWire {
            started: clock.nanos(*started),
            timings: TimingsWire::of(timings),
            response: ResponseWire::of(response),
            verdicts: verdicts.iter().map(VerdictWire::of).collect(),
            failure: failure.as_ref().map(FailureWire::of),
        }
    }

    pub(in crate::prefork) fn read(self, clock: &Clock) -> Result<Box<Attempt>, Garbled> {
        let mut attempt = Attempt::begin_boxed(clock.moment(self.started));
        attempt.timings = self.timings.read();
        attempt.response = self.response.read()?;
        attempt.verdicts = self.verdicts.into_iter().map(VerdictWire::read).collect();
        attempt.failure = self.failure.map(FailureWire::read).transpose()?;
        Ok(attempt)
    }
}

impl TimingsWire {
    fn of(timings: &Timings) -> TimingsWire {
        let Timings { queue: _, namelookup, connect, appconnect, pretransfer, .. } = *timings;
        let Timings { starttransfer, redirect, total, phases, .. } = *timings;
        let phases = Phase::ALL.map(|phase| phases.get(phase));
        TimingsWire { namelookup, connect, appconnect, pretransfer, starttransfer, redirect, total, phases }
    }

    fn read(self) -> Timings {
        let TimingsWire { namelookup, connect, appconnect, pretransfer, .. } = self;
        let mut phases = PhaseTimes::default();
        for (phase, took) in Phase::ALL.into_iter().zip(self.phases) {
            if let Some(took) = took {
                phases.add(phase, took);
            }
        }
        Timings {
            queue: Duration::ZERO,
            namelookup,
            connect,
            appconnect,
            pretransfer,
            starttransfer: self.starttransfer,
            redirect: self.redirect,
            total: self.total,
            phases,
        }
    }
}

impl<'a> ResponseWire<'a> {
    fn of(response: &'a Response) -> ResponseWire<'a> {
        let headers = response.headers.as_ref();
        ResponseWire {
            status: response.status,
            is_http11: response.version.map(|version| version == HttpVersion::Http11),
            content_type: response.content_type.as_deref(),
            retry_after: response.retry_after.as_deref(),
            headers: headers.map(|all| all.iter().map(|(name, value)| (&**name, &**value)).collect()),
            url_effective: response.url_effective.as_deref().map(url::Url::as_str),
            method: response.method.as_ref().map(crate::request::Method::as_str),
            size_download: response.size_download,
            size_delivered: response.size_delivered,
            size_header: response.size_header,
            size_upload: response.size_upload,
            remote: response.remote,
            local: response.local,
            num_connects: response.num_connects,
            redirects: response.redirects.iter().map(|hop| (hop.url.as_str(), hop.response_code)).collect(),
            tls: response.tls.as_deref().map(TlsWire::of),
            sha256: response.sha256.as_deref(),
            filename_effective: response.filename_effective.as_deref(),
        }
    }

    fn read(self) -> Result<Response, Garbled> {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let hop = |(from, response_code)| Ok(Hop { url: url(from)?, response_code });
        let version = |is_http11| if is_http11 { HttpVersion::Http11 } else { HttpVersion::Http10 };
        Ok(Response {
            status: self.status,
            version: self.is_http11.map(version),
            content_type: self.content_type.map(Into::into),
            retry_after: self.retry_after.map(Into::into),
            headers: self.headers.map(|all| all.into_iter().map(owned).collect()),
            url_effective: self.url_effective.map(url).transpose()?.map(Box::new),
            method: self.method.map(job::method).transpose()?,
            size_download: self.size_download,
            size_delivered: self.size_delivered,
            size_header: self.size_header,
            size_upload: self.size_upload,
            remote: self.remote,
            local: self.local,
            num_connects: self.num_connects,
            redirects: self.redirects.into_iter().map(hop).collect::<Result<_, Garbled>>()?,
            tls: self.tls.map(|tls| Box::new(tls.read())),
            sha256: self.sha256.map(Into::into),
            filename_effective: self.filename_effective.map(Into::into),
        })
    }
}

impl<'a> TlsWire<'a> {
    fn of(facts: &'a TlsFacts) -> TlsWire<'a> {
        let TlsFacts { version, cipher, subject, issuer, not_after, chain_not_after, verified } = facts;
        TlsWire {
            version: version.as_deref(),
            cipher: cipher.as_deref(),
            subject: subject.as_deref(),
            issuer: issuer.as_deref(),
            not_after: *not_after,
            chain_not_after: *chain_not_after,
            verified: *verified,
        }
    }

    fn read(self) -> TlsFacts {
        let TlsWire { version, cipher, subject, issuer, not_after, chain_not_after, verified } = self;
        let [version, cipher, subject, issuer] =
            [version, cipher, subject, issuer].map(|text| text.map(Into::into));
        TlsFacts { version, cipher, subject, issuer, not_after, chain_not_after, verified }
    }
}

impl<'a> VerdictWire<'a> {
    fn of(verdict: &'a Verdict) -> VerdictWire<'a> {
        let Verdict { check, expected, actual, pass } = verdict;
        VerdictWire { check, expected, actual: actual.as_deref(), pass: *pass }
    }

    fn read(self) -> Verdict {
        let VerdictWire { check, expected, actual, pass } = self;
        Verdict { check: check.into(), expected: expected.into(), actual: actual.map(Into::into), pass }
    }
}

impl<'a> FailureWire<'a> {
    fn of(failure: &'a Failure) -> FailureWire<'a> {
        let Failure { class, phase, message, tried } = failure;
        let tried = tried.iter().map(|tried| (tried.addr, &*tried.message)).collect();
        FailureWire { class: *class, phase: *phase as u8, message, tried }
    }

    fn read(self) -> Result<Failure, Garbled> {
        let tried = |(addr, message): (SocketAddr, &str)| Tried { addr, message: message.to_owned() };
        Ok(Failure {
            class: self.class,
            phase: phase(self.phase)?,
            message: self.message.to_owned(),
            tried: self.tried.into_iter().map(tried).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use ::url::Url;

    use super::super::{Report, parse, write_done};
    use super::*;
    use crate::record::samples::{at, attempt};
    use crate::request::Method;

    fn travelled(attempt: &Attempt) -> Attempt {
        let clock = Clock::read();
        let mut bytes = Vec::new();
        write_done(5, attempt, &clock, &mut bytes);
        let Ok(Report::Done(5, wire)) = parse(&bytes[4..]) else { panic!("not what was written") };
        *wire.read(&clock).unwrap()
    }

    #[test]
    fn an_attempt_comes_as_it_went_with_every_fact() {
        let mut sent = attempt(at(7), 90);
        sent.timings.queue = Duration::ZERO;
        sent.timings.phases.add(Phase::Dns, Duration::from_nanos(1));
        let url = Url::parse("https://b.test/x?y").unwrap();
        sent.response = Response {
            status: Some(503),
            version: Some(HttpVersion::Http10),
            content_type: Some("text/\u{e4}".to_owned()),
            retry_after: Some("7".into()),
            headers: Some(vec![("A".to_owned(), "b".to_owned()), ("A".to_owned(), String::new())]),
            url_effective: Some(Box::new(url.clone())),
            method: Some(Method::HEAD),
            size_download: 1,
            size_delivered: u64::MAX,
            size_header: 3,
            size_upload: 4,
            remote: Some("[::1]:443".parse().unwrap()),
            local: Some("127.0.0.1:5".parse().unwrap()),
            num_connects: 6,
            redirects: vec![Hop { url, response_code: 302 }],
            tls: Some(Box::new(TlsFacts {
                version: Some("TLSv1.3".to_owned()),
                subject: Some("CN=\u{1b}".to_owned()),
                not_after: Some(UNIX_EPOCH + Duration::from_nanos(9)),
                verified: true,
                ..TlsFacts::default()
            })),
            sha256: Some("ab".into()),
            filename_effective: Some("d/0".to_owned()),
        };
        sent.verdicts = vec![
            Verdict { check: "a".into(), expected: "b".into(), actual: Some("c".into()), pass: Some(false) },
            Verdict { check: "d".into(), expected: "e".into(), actual: None, pass: None },
        ];
        let mut failure = Failure::new(Class::Decode, Phase::Receive, "why");
        failure.tried = vec![Tried { addr: "10.0.0.1:1".parse().unwrap(), message: "refused".to_owned() }];
        sent.failure = Some(failure);
        assert_eq!(format!("{:?}", travelled(&sent)), format!("{sent:?}"));
    }

    #[test]
    fn every_class_comes_as_it_went() {
        for class in [Class::Url, Class::Dns, Class::Closed, Class::Write, Class::Cancelled, Class::Internal]
        {
            let mut sent = Attempt::begin(at(1));
            sent.failure = Some(Failure::new(class, Phase::Backoff, ""));
            assert_eq!(travelled(&sent).failure, sent.failure);
        }
    }
}
