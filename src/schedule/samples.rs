//! Requests and attempts for the tests of this room and of the loop.
//!
//! Knows a plain GET without limits. Refuses to be in the product.

use std::sync::Arc;
use std::time::Instant;

use crate::outcome::{Attempt, Class, Failure, Phase};
use crate::request::{Limits, Location, Method, Request, RetryPolicy, Shared, Subject, is_loopback_host};

/// A GET of a host's root, never retried and without limits.
pub(crate) fn request(urlnum: u64, host: &str) -> Arc<Request> {
    request_with(urlnum, host, |_| {})
}

/// The same with a difference.
pub(crate) fn request_with(urlnum: u64, host: &str, change: impl FnOnce(&mut Request)) -> Arc<Request> {
    let url = url::Url::parse(&format!("http://{host}/")).expect("a host");
    let limits =
        Limits { connect_timeout: None, max_time: None, stall: None, max_filesize: None, max_redirs: 10 };
    let subject = Arc::new(Subject {
        urlnum,
        location: Location { source: "list".into(), line: 1 },
        listed: url.to_string(),
        leads_to: None,
        name: None,
        tags: Arc::default(),
        method: Method::GET,
        host: host.into(),
        soft: false,
        curl: None,
        again: None,
    });
    let mut request = Request {
        subject,
        url: url.into(),
        is_loopback: is_loopback_host(host),
        shared: Arc::new(Shared {
            headers: Arc::from([]),
            body: None,
            body_stays: false,
            compressed: false,
            insecure: false,
            resolve: Arc::from([]),
            limits,
            retry: Arc::new(RetryPolicy::default()),
            checks: Arc::default(),
            save_as: None,
        }),
    };
    change(&mut request);
    Arc::new(request)
}

/// An attempt that failed as soon as it began.
pub(crate) fn failed(started: Instant, class: Class, status: Option<u16>) -> Box<Attempt> {
    let mut attempt = Attempt::begin_boxed(started);
    attempt.response.status = status;
    attempt.failure = Some(Failure::new(class, Phase::Wait, "made up"));
    attempt
}
