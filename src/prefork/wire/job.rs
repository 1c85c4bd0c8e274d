//! A request on its way to the process that makes the attempt.
//!
//! Knows what of a request an attempt needs. What names it, and what follows a failure, stays with the run.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Garbled, url};
use crate::check::{self, Check, Op};
use crate::request::{Header, Limits, Location, Method, Request, Resolve, SaveAs, Secret, Shared, Subject};

/// An attempt to be made.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::prefork) struct Job<'a> {
    /// By which it is spoken of; each once in the life of a process.
    pub(in crate::prefork) id: u64,
    /// Whether somebody is told of what happens on the way.
    pub(in crate::prefork) is_traced: bool,
    /// Which checks; `None` for none.
    pub(in crate::prefork) checks: Option<u32>,
    urlnum: u64,
    method: &'a str,
    host: &'a str,
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow)]
    headers: Vec<HeaderWire<'a>>,
    body: Option<&'a [u8]>,
    body_stays: bool,
    compressed: bool,
    insecure: bool,
    is_loopback: bool,
    #[serde(borrow)]
    resolve: Vec<ResolveWire<'a>>,
    #[serde(with = "LimitsWire")]
    limits: Limits,
    #[serde(borrow)]
    save_as: Option<(Option<&'a str>, Option<&'a str>)>,
}

/// A header, and whether its value stays with the listed origin.
#[derive(Debug, Serialize, Deserialize)]
struct HeaderWire<'a> {
    name: &'a str,
    value: &'a str,
    stays: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct ResolveWire<'a> {
    host: &'a str,
    port: u16,
    addrs: Vec<IpAddr>,
}

/// The fields of [`Limits`]: the compiler sees to it that they are the same.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Limits")]
struct LimitsWire {
    connect_timeout: Option<Duration>,
    max_time: Option<Duration>,
    stall: Option<Duration>,
    max_filesize: Option<u64>,
    max_redirs: u32,
}

/// A check as it was written; what it is compiled to does not travel.
#[derive(Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(in crate::prefork) struct Blueprint<'a> {
    key: &'a str,
    op: Option<&'a str>,
    value: &'a str,
}

impl<'a> Blueprint<'a> {
    pub(in crate::prefork) fn of(check: &'a Check) -> Blueprint<'a> {
        let (key, op) = check.identity();
        Blueprint { key, op: op.map(Op::as_str), value: check.value() }
    }

    /// Compiles it: for a thread with a stack to spare.
    pub(in crate::prefork) fn compile(&self) -> Result<Check, Garbled> {
        let op = self.op.map(|op| Op::split(op).map(|(op, _)| op).ok_or(Garbled)).transpose()?;
        check::parse(self.key, op, self.value).and_then(Result::ok).ok_or(Garbled)
    }
}

impl<'a> Job<'a> {
    pub(in crate::prefork) fn of(
        id: u64,
        request: &'a Request,
        checks: Option<u32>,
        is_traced: bool,
    ) -> Job<'a> {
        let header = |header: &'a Header| HeaderWire {
            name: &header.name,
            value: header.value.expose(),
            stays: header.value.stays(),
        };
        let resolve = |resolve: &'a Resolve| ResolveWire {
            host: &resolve.host,
            port: resolve.port,
            addrs: resolve.addrs.clone(),
        };
        Job {
            id,
            is_traced,
            checks,
            urlnum: request.subject.urlnum,
            method: request.subject.method.as_str(),
            host: &request.subject.host,
            url: request.url.text(),
            headers: request.headers.iter().map(header).collect(),
            body: request.body.as_deref(),
            body_stays: request.body_stays,
            compressed: request.compressed,
            insecure: request.insecure,
            is_loopback: request.is_loopback,
            resolve: request.resolve.iter().map(resolve).collect(),
            limits: request.limits,
            save_as: request.save_as.as_ref().map(|save| (save.dir.as_deref(), save.out.as_deref())),
        }
    }

    /// The request, with the checks that it refers to.
    pub(in crate::prefork) fn request(self, checks: Arc<[Check]>) -> Result<Request, Garbled> {
        let subject = Subject {
            urlnum: self.urlnum,
            location: Location { source: Arc::default(), line: 0 },
            listed: String::new(),
            leads_to: None,
            name: None,
            tags: Arc::default(),
            method: method(self.method)?,
            host: self.host.into(),
            soft: false,
            curl: None,
            again: None,
        };
        Ok(Request {
            subject: Arc::new(subject),
            url: url(&self.url)?.into(),
            is_loopback: self.is_loopback,
            shared: Arc::new(Shared {
                headers: self.headers.into_iter().map(HeaderWire::read).collect(),
                body: self.body.map(Into::into),
                body_stays: self.body_stays,
                compressed: self.compressed,
                insecure: self.insecure,
                resolve: self.resolve.into_iter().map(ResolveWire::read).collect(),
                limits: self.limits,
                retry: Arc::default(),
                checks,
                save_as: self.save_as.map(|(dir, out)| {
                    Arc::new(SaveAs { dir: dir.map(Into::into), out: out.map(Into::into) })
                }),
            }),
        })
    }
}

/// The usual ones without an allocation.
pub(super) fn method(text: &str) -> Result<Method, Garbled> {
    match text {
        "GET" => Ok(Method::GET),
        other => Method::parse(other).map_err(|_| Garbled),
    }
}

impl HeaderWire<'_> {
    fn read(self) -> Header {
        let value = Secret::new(self.value);
        let value = if self.stays { value.that_stays() } else { value };
        Header { name: self.name.to_owned(), value }
    }
}

impl ResolveWire<'_> {
    fn read(self) -> Resolve {
        Resolve { host: self.host.to_owned(), port: self.port, addrs: self.addrs }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Order, parse, write};
    use super::*;
    use crate::schedule::samples::request_with;

    #[test]
    fn a_request_comes_as_it_went() {
        let checks =
            [("expect", "=", "200"), ("body", "~=", "o+k"), ("!header.x-y", "", ""), ("json.$.a", "==", "1")];
        let checks: Vec<_> = checks
            .map(|(key, op, value)| {
                check::parse(key, Op::split(op).map(|(op, _)| op), value).unwrap().unwrap()
            })
            .into();
        let sent = request_with(41, "a.test", |request| {
            let value = Secret::new("s").that_stays();
            request.headers = [Header { name: "X".to_owned(), value }].into();
            request.body = Some(vec![0, 255, 7].into());
            request.save_as = Some(Arc::new(SaveAs { dir: None, out: Some("o/p".into()) }));
            request.resolve = [Resolve::parse("a.test:80:::1,127.0.0.1").unwrap()].into();
            request.limits.max_time = None;
            request.checks = checks.into();
        });
        let blueprints = sent.checks.iter().map(Blueprint::of).collect();
        let (mut order, mut job) = (Vec::new(), Vec::new());
        write(&Order::Checks(3, blueprints), &mut order);
        write(&Order::Fetch(Job::of(9, &sent, Some(3), true)), &mut job);

        let Ok(Order::Checks(3, blueprints)) = parse(&order[4..]) else { panic!("checks") };
        let compiled: Vec<_> = blueprints.iter().map(|blueprint| blueprint.compile().unwrap()).collect();
        let Ok(Order::Fetch(job)) = parse(&job[4..]) else { panic!("a job") };
        assert_eq!((job.id, job.checks, job.is_traced), (9, Some(3), true));
        let came = job.request(compiled.into()).unwrap();
        // What names it stays behind, and so does what follows a failure.
        let (mut sent, mut came) = (Request::clone(&sent), came);
        sent.subject = Arc::clone(&came.subject);
        sent.retry = Arc::clone(&came.retry);
        assert!(came.headers[0].value.stays());
        assert_eq!(came.headers[0].value.expose(), "s");
        assert_eq!((came.subject.urlnum, &came.subject.method), (41, &Method::GET));
        came.headers = Arc::clone(&sent.headers);
        assert_eq!(format!("{came:?}"), format!("{sent:?}"));
    }
}
