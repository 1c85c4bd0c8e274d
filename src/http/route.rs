//! What tells connections apart: two requests share one only if nothing that made it would differ for the other.
//!
//! Knows the terms of a request that go into a connection. Refuses to connect (`connect`) and to keep what was
//! connected (`pool`).

use std::borrow::Cow;
use std::fmt::Write as _;

use url::{Position, Url};

use super::resolver;
use crate::request::Request;

/// The key under which connections for a URL are kept: its origin, and behind a blank, which no origin has, whatever
/// else makes a difference. That is nothing for most, and then it costs nothing.
pub(super) fn key<'u>(url: &'u Url, request: &Request) -> Cow<'u, str> {
    let mut key = Cow::Borrowed(origin(url));
    if request.insecure && url.scheme() == "https" {
        key.to_mut().push_str(" insecure");
    }
    if let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default())
        && let Some(addrs) = resolver::overridden(&request.resolve, host, port)
    {
        // Writing to a text cannot fail.
        let _ = write!(key.to_mut(), " at {addrs:?}");
    }
    key
}

/// Scheme, host and port as the URL has them.
pub(super) fn origin(url: &Url) -> &str {
    &url[..Position::BeforePath]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::request::Resolve;
    use crate::schedule::samples::request_with;

    fn key_of(url: &str, change: impl FnOnce(&mut Request)) -> String {
        let request = request_with(0, "other", |request| {
            request.url = Url::parse(url).unwrap();
            change(request);
        });
        key(&request.url, &request).into_owned()
    }

    fn at(host: &str, port: u16, addr: &str) -> impl FnOnce(&mut Request) {
        let entry = Resolve { host: host.to_owned(), port, addrs: vec![addr.parse().unwrap()] };
        move |request| request.resolve = Arc::from([entry])
    }

    #[test]
    fn what_makes_no_difference_shares_a_connection() {
        for (url, key) in [
            ("http://a/x?y", "http://a"),
            ("http://a:80/", "http://a"),
            ("https://a:8443/#z", "https://a:8443"),
        ] {
            assert_eq!(key_of(url, |_| {}), key);
            assert_eq!(key_of(url, |request| request.compressed = true), key);
            assert_eq!(key_of(url, at("b", 80, "10.0.0.1")), key);
            assert_eq!(key_of(url, at("a", 1, "10.0.0.1")), key);
        }
        assert_eq!(key_of("http://a/", |request| request.insecure = true), "http://a");
    }

    #[test]
    fn what_makes_one_does_not() {
        let keys = [
            key_of("https://a/", |_| {}),
            key_of("http://a/", |_| {}),
            key_of("https://a/", |request| request.insecure = true),
            key_of("https://a/", at("a", 443, "10.0.0.1")),
            key_of("https://a/", at("*", 443, "10.0.0.2")),
            key_of("https://a./", at("a", 443, "10.0.0.1")),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[index + 1..].contains(key), "{key}");
        }
    }
}
