//! Location → next URL, or why not; and what may not be sent there (pure).
//!
//! Knows RFC 3986 through the url crate and the rules of RFC 9110 §15.4. Refuses to send anything.

use std::borrow::Cow;

use url::Url;

use crate::outcome::{Class, Failure, Phase};
use crate::request::Method;
use crate::sanitize;

/// The longest Location that is followed.
const MOST_LOCATION_BYTES: usize = 8 << 10;

/// Whether a status sends us elsewhere. 300 and 304 do not: they are answers.
pub(super) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The next URL. The fragment never goes over the wire, and a password in it is the caller's to take out.
///
/// # Errors
/// `redirect` with the reason.
pub(super) fn next(base: &Url, location: Option<&Result<Vec<u8>, ()>>) -> Result<Url, Failure> {
    let location = match location {
        None => return Err(refused("a redirect without Location")),
        Some(Err(())) => return Err(refused("several Locations that differ")),
        Some(Ok(location)) => location,
    };
    if location.len() > MOST_LOCATION_BYTES {
        return Err(refused(format!("a Location of {} bytes", location.len())));
    }
    let text = text(location);
    let text = text.trim_matches([' ', '\t']);
    let shown = sanitize::mask_userinfo(text);
    if text.is_empty() {
        return Err(refused("an empty Location"));
    }
    if text.chars().any(char::is_control) {
        return Err(refused("a control byte in Location"));
    }
    let url =
        base.join(text).map_err(|error| refused(format!("a Location that is no URL ({error}): {shown}")))?;
    check_target(&url, &shown)?;
    Ok(url)
}

/// A Location is UTF-8 or, from old servers, Latin-1 and the like. Those bytes go back to the server that sent them as
/// they came, percent-encoded, as in browsers and curl.
fn text(location: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(location) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(location.len() + 16);
    for chunk in location.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("%{byte:02X}")));
    }
    Cow::Owned(text)
}

fn check_target(url: &Url, shown: &str) -> Result<(), Failure> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused(format!("to {}: only http and https are followed: {shown}", url.scheme())));
    }
    if url.host_str().is_none_or(str::is_empty) || url.port() == Some(0) {
        return Err(refused(format!("a Location without a usable host or port: {shown}")));
    }
    Ok(())
}

/// RFC 9110 §15.4: what a POST was becomes a GET after 301 and 302 as in every browser, everything but HEAD after 303;
/// 307 and 308 change nothing.
pub(super) fn next_method(method: &Method, status: u16) -> Method {
    let becomes_get = match status {
        301 | 302 => *method == Method::POST,
        303 => *method != Method::HEAD,
        _ => false,
    };
    if becomes_get { Method::GET } else { method.clone() }
}

/// Whether two URLs have the same origin: scheme, host and port (RFC 6454 §4). A change drops every secret.
pub(super) fn is_same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host_str() == other.host_str()
        && one.port_or_known_default() == other.port_or_known_default()
}

/// More redirects than `--max-redirs`.
pub(super) fn too_many(limit: u32, is_loop: bool) -> Failure {
    let kind = if is_loop { "a redirect loop: " } else { "" };
    refused(format!("{kind}more than {limit} redirects (--max-redirs)"))
}

/// A body with a secret in it would be sent to another origin. Without it the request would be another one, so it is not
/// sent at all.
pub(super) fn takes_body_away(status: u16, next: &Url) -> Failure {
    let origin = next.origin().ascii_serialization();
    refused(format!("a {status} to {origin}: a body with the value of a variable is sent to no other origin"))
}

fn refused(message: impl Into<String>) -> Failure {
    Failure::new(Class::Redirect, Phase::Receive, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(location: &[u8]) -> Result<String, String> {
        let base = Url::parse("http://a.test:8080/dir/page?q=1").unwrap();
        match next(&base, Some(&Ok(location.to_vec()))) {
            Ok(url) => Ok(url.to_string()),
            Err(failure) => {
                assert_eq!((failure.class, failure.phase), (Class::Redirect, Phase::Receive));
                Err(failure.message)
            }
        }
    }

    #[test]
    fn references_are_resolved_by_rfc_3986() {
        for (location, url) in [
            ("/x", "http://a.test:8080/x"),
            ("x", "http://a.test:8080/dir/x"),
            ("../../x", "http://a.test:8080/x"),
            ("?x=1", "http://a.test:8080/dir/page?x=1"),
            ("#top", "http://a.test:8080/dir/page?q=1#top"),
            ("//b.test/x", "http://b.test/x"),
            ("HTTP://B.test:80/", "http://b.test/"),
            ("https://b.test", "https://b.test/"),
            ("/a b", "http://a.test:8080/a%20b"),
            ("/\u{e4}", "http://a.test:8080/%C3%A4"),
            (" /x ", "http://a.test:8080/x"),
        ] {
            assert_eq!(follow(location.as_bytes()).as_deref(), Ok(url), "{location}");
        }
    }

    #[test]
    fn bytes_that_are_no_utf_8_go_back_as_they_came() {
        assert_eq!(follow(b"/gr\xfcn?\xe4=\xff").as_deref(), Ok("http://a.test:8080/gr%FCn?%E4=%FF"));
        assert_eq!(follow(b"/\xc3\xa4\xe4").as_deref(), Ok("http://a.test:8080/%C3%A4%E4"));
        assert!(follow(b"http://\xe4.test/").is_err());
    }

    #[test]
    fn what_is_no_http_url_is_not_followed() {
        for location in [
            "",
            " ",
            "file:///etc/passwd",
            "ftp://a.test/",
            "javascript:alert(1)",
            "data:,x",
            "gopher://a.test/",
            "http://[::1/",
            "http://a.test:99999/",
            "http://a.test:0/",
            "http:///",
            "/a\r\nX: y",
            "/a\x1b",
        ] {
            assert!(follow(location.as_bytes()).is_err(), "{location:?}");
        }
        assert!(follow(&b"/x".repeat(MOST_LOCATION_BYTES)).is_err());
        let base = Url::parse("http://a.test/").unwrap();
        assert!(next(&base, None).is_err() && next(&base, Some(&Err(()))).is_err());
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same =
            |one: &str, other: &str| is_same_origin(&Url::parse(one).unwrap(), &Url::parse(other).unwrap());
        assert!(same("http://a.test/x", "HTTP://A.test:80/y"));
        for other in ["https://a.test/", "http://a.test:81/", "http://b.test/", "http://sub.a.test/"] {
            assert!(!same("http://a.test/", other), "{other}");
        }
    }

    #[test]
    fn methods_change_as_in_browsers() {
        let put = Method::parse("PUT").unwrap();
        for (method, status, expected) in [
            (Method::POST, 301, "GET"),
            (Method::POST, 302, "GET"),
            (put.clone(), 302, "PUT"),
            (put, 303, "GET"),
            (Method::HEAD, 303, "HEAD"),
            (Method::POST, 307, "POST"),
            (Method::POST, 308, "POST"),
        ] {
            assert_eq!(next_method(&method, status).as_str(), expected, "{method} {status}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_location_makes_it_panic_or_leave_http(location: Vec<u8>) {
            if let Ok(url) = follow(&location) {
                proptest::prop_assert!(url.starts_with("http"));
                proptest::prop_assert!(!url.contains(|c: char| c.is_control() || c == ' '));
            }
        }
    }
}
