//! A word becomes a URL that can be fetched, or the reason why not (pure).
//!
//! Knows what the url crate takes and where it is more lenient than the person who wrote the word: stricter there, and
//! nowhere a parser of our own. Refuses to know which line the word stood on.

use std::sync::Arc;

use url::{ParseError, Url};

use crate::request::{Target, is_loopback_host};
use crate::sanitize::{escape, mask_userinfo};

const NO_URL: &str = "not an http or https URL";
const NO_HOST: &str = "no host in the URL";
/// What a longer word should have been is not spelled out.
const HINT_MAX: usize = 200;
/// No scheme of IANA's registry is longer (2026-11: 36).
const SCHEME_MAX: usize = 40;

/// Whether a word begins with `http://` or `https://`, in any case: it is then meant as a URL.
pub(super) fn is_http(word: &str) -> bool {
    after_http(word).is_some()
}

fn after_http(word: &str) -> Option<&str> {
    ["http://", "https://"].iter().find_map(|prefix| {
        let start = word.get(..prefix.len())?;
        // To compare without case looks at one byte after another.
        (start == *prefix || start.eq_ignore_ascii_case(prefix)).then(|| &word[prefix.len()..])
    })
}

/// From the host to before the path, as it is written.
fn authority(word: &str) -> &str {
    let rest = after_http(word).unwrap_or(word);
    &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())]
}

/// Scheme and authority as they are written, where a path follows them: a slash in a query or a fragment ends no authority.
pub(super) fn before_path(word: &str) -> Option<&str> {
    let end = word.len() - after_http(word)?.len() + authority(word).len();
    word[end..].starts_with('/').then(|| &word[..end])
}

/// What stands behind them in another word; `None` where it begins in another way.
pub(super) fn path_behind<'w>(word: &'w str, before_path: &str) -> Option<&'w str> {
    word.strip_prefix(before_path).filter(|rest| rest.starts_with('/'))
}

/// Parses one URL after another. Most in a list have the origin of the one before: then only what follows it is parsed,
/// which is a fifth of the work.
#[derive(Debug, Default)]
pub(super) struct Urls {
    /// The last one: scheme and authority as they were written, and what they came to.
    last: Option<(Box<str>, Arc<Url>)>,
}

impl Urls {
    /// What [`parse`] says.
    ///
    /// # Errors
    /// Those of [`parse`].
    pub(super) fn parse(&mut self, word: &str) -> Result<Url, String> {
        if let Some(url) = self.known(word) {
            return Ok(url);
        }
        let url = parse(word)?;
        self.last = before_path(word).map(|before_path| (before_path.into(), Arc::new(url.clone())));
        Ok(url)
    }

    /// The same, which shares with the one before what it can.
    ///
    /// # Errors
    /// Those of [`parse`].
    pub(super) fn target(&mut self, word: &str) -> Result<Target, String> {
        let beside = self.behind_last(word).and_then(|(url, rest)| Target::beside(url, rest));
        beside.map_or_else(|| self.parse(word).map(Target::from), Ok)
    }

    /// The last URL that was parsed, and the path of a word that begins as it does.
    fn behind_last<'w>(&self, word: &'w str) -> Option<(&Arc<Url>, &'w str)> {
        let (before_path, url) = self.last.as_ref()?;
        Some((url, path_behind(word, before_path)?))
    }

    fn known(&self, word: &str) -> Option<Url> {
        let (url, rest) = self.behind_last(word)?;
        // Tabs and line ends are dropped from a URL (WHATWG), and might leave two slashes.
        let is_plain = !rest.contains(['\\', '\t', '\n', '\r']) && !rest.starts_with("//");
        is_plain.then(|| url.join(rest).ok()).flatten()
    }
}

/// Parses the URL that a request is made for.
///
/// # Errors
/// A sentence fragment, the message of a failure of class `url`.
pub(super) fn parse(word: &str) -> Result<Url, String> {
    let Some(rest) = after_http(word) else { return Err(reject(word)) };
    let before_query = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
    // The url crate takes `http:///host` and `http://host\@other/` as browsers do (WHATWG), other programs another
    // way: two opinions on the host are how requests go astray (CVE-2016-8624).
    if before_query.contains('\\') {
        return Err("a backslash in the URL: write / or, where it is meant, %5C".to_owned());
    }
    if before_query.is_empty() || before_query.starts_with('/') {
        return Err(NO_HOST.to_owned());
    }
    let url = Url::parse(word).map_err(reason)?;
    match (url.host_str(), url.port()) {
        (None | Some(""), _) => Err(NO_HOST.to_owned()),
        (_, Some(0)) => Err("port 0 cannot be connected to: 1 to 65535".to_owned()),
        _ => Ok(url),
    }
}

/// A URL that may be relative to a base.
///
/// # Errors
/// As for `parse`.
pub(super) fn join(base: &Url, word: &str) -> Result<Url, String> {
    if has_scheme(word) {
        return parse(word);
    }
    let before_query = &word[..word.find(['?', '#']).unwrap_or(word.len())];
    if before_query.contains('\\') {
        return Err("a backslash in the URL: write / or, where it is meant, %5C".to_owned());
    }
    let joined = base.join(word).map_err(reason)?;
    parse(joined.as_str())
}

fn reason(error: ParseError) -> String {
    match error {
        ParseError::EmptyHost => NO_HOST.to_owned(),
        ParseError::InvalidPort => "the port is no number from 1 to 65535".to_owned(),
        error => format!("not a valid URL: {error}"),
    }
}

/// Why a word that does not begin with `http://` or `https://` is not fetched, and what was meant if that can be told.
pub(super) fn reject(word: &str) -> String {
    match scheme(word) {
        Some((scheme, rest)) if matches!(scheme.as_str(), "http" | "https") => {
            meant(&format!("{scheme}://{}", rest.trim_start_matches(['/', '\\'])))
        }
        // `example.com:8080` and `localhost:8080` are hosts with a port, whatever RFC 3986 says of them.
        Some((scheme, rest)) if !scheme.contains('.') && !begins_with_port(rest) => {
            format!("scheme {scheme} is not fetched: http and https only")
        }
        _ => reject_bare(word),
    }
}

/// The scheme in lower case and what is after its colon (RFC 3986 §3.1).
fn scheme(word: &str) -> Option<(String, &str)> {
    let (scheme, rest) = word.split_once(':')?;
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let is_scheme = scheme.len() <= SCHEME_MAX
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(is_letter);
    is_scheme.then(|| (scheme.to_ascii_lowercase(), rest))
}

/// Whether a word has a scheme of its own, so that it is no relative URL. `localhost:8080` is a host with a port.
pub(super) fn has_scheme(word: &str) -> bool {
    scheme(word).is_some_and(|(scheme, rest)| !scheme.contains('.') && !begins_with_port(rest))
}

fn begins_with_port(rest: &str) -> bool {
    let digits = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A word without a scheme: what looks like a host gets told to write one.
fn reject_bare(word: &str) -> String {
    let bare = word.strip_prefix("//").unwrap_or(word);
    let authority = authority(bare);
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if begins_with_port(port) => host,
        _ => authority,
    };
    let is_loopback = is_loopback_host(host);
    if !is_loopback && !host.trim_matches('.').contains('.') && !host.starts_with('[') {
        return NO_URL.to_owned();
    }
    meant(&format!("{}://{bare}", if is_loopback { "http" } else { "https" }))
}

/// Says what to write, if that would be a URL.
fn meant(url: &str) -> String {
    if url.len() > HINT_MAX || parse(url).is_err() {
        return NO_URL.to_owned();
    }
    format!("{NO_URL}: write {}", escape(&mask_userinfo(url)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_parsed_before_makes_no_difference(
            origins in prop::collection::vec("(?i:http)s?://(u:p@)?(a|A\\.b|[0-9.]{1,9}|\\[::1\\])(:[0-9]{1,5})?", 1..3),
            rests in prop::collection::vec("[/?#\\\\]?[a/.?#%\\\\ \t\u{e4}@:]{0,8}", 1..8),
        ) {
            let mut urls = Urls::default();
            for (index, rest) in rests.iter().enumerate() {
                let word = format!("{}{rest}", origins[index % origins.len()]);
                prop_assert_eq!(urls.parse(&word), parse(&word), "{}", word);
                let target = urls.target(&word).map(|target| target.url().into_owned());
                prop_assert_eq!(target, parse(&word), "{}", word);
            }
        }
    }

    #[test]
    fn a_slash_in_a_query_or_a_fragment_is_no_end_of_an_origin() {
        for word in ["http://a#/", "http://a?/", "http://a#/x", "http://a/#/", "http://a/?/"] {
            let mut urls = Urls::default();
            for again in [word, word] {
                assert_eq!(urls.parse(again), parse(again), "{word}");
            }
        }
    }

    #[test]
    fn urls_are_taken_as_they_are_meant() {
        for (word, url) in [
            ("https://example.com", "https://example.com/"),
            ("HTTPS://Example.COM:443/A?b#c", "https://example.com/A?b#c"),
            ("http://127.0.0.1:8080/%2f", "http://127.0.0.1:8080/%2f"),
            ("http://[::1]:80/", "http://[::1]/"),
            ("http://user;x:p%40w@host/", "http://user%3Bx:p%40w@host/"),
            ("http://127.0.0.1#@evil/", "http://127.0.0.1/#@evil/"),
            ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
            ("https://a/?q=\\", "https://a/?q=\\"),
        ] {
            assert_eq!(parse(word).map(String::from).as_deref(), Ok(url), "{word}");
        }
    }

    #[test]
    fn urls_that_cannot_be_fetched_say_why() {
        for (word, expected) in [
            ("https://", NO_HOST),
            ("http:///host", NO_HOST),
            ("http://?q", NO_HOST),
            ("http://:80/", NO_HOST),
            ("http://user@/", NO_HOST),
            ("http://a\\@b/", "a backslash in the URL"),
            ("http://\\a", "a backslash in the URL"),
            ("http://a:0/", "port 0 cannot"),
            ("http://a:65536/", "the port is no number"),
            ("http://a:x/", "the port is no number"),
            ("http://a:-1/", "the port is no number"),
            ("http://[::1/", "not a valid URL: invalid IPv6 address"),
            ("http://a%2fb/", "not a valid URL: "),
            ("http://256.256.256.256/", "not a valid URL: invalid IPv4 address"),
            ("http://a<b/", "not a valid URL: "),
        ] {
            let reason = parse(word).expect_err(word);
            assert!(reason.starts_with(expected), "{word}: {reason}");
        }
    }

    #[test]
    fn a_word_that_is_no_url_is_told_what_to_write() {
        for (word, expected) in [
            ("example.com/x", "not an http or https URL: write https://example.com/x"),
            ("//example.com/x", "not an http or https URL: write https://example.com/x"),
            ("example.com:8080", "not an http or https URL: write https://example.com:8080"),
            ("localhost:8080/x", "not an http or https URL: write http://localhost:8080/x"),
            ("127.0.0.1", "not an http or https URL: write http://127.0.0.1"),
            ("[::1]:80", "not an http or https URL: write http://[::1]:80"),
            ("http:example.com", "not an http or https URL: write http://example.com"),
            ("https:/example.com/x", "not an http or https URL: write https://example.com/x"),
            ("http:\\\\u:secret@h/", "not an http or https URL: write http://u:***@h/"),
            ("ftp://example.com/x", "scheme ftp is not fetched: http and https only"),
            ("FILE:///etc/passwd", "scheme file is not fetched: http and https only"),
            ("mailto:joe@example.com", "scheme mailto is not fetched: http and https only"),
            ("javascript:alert(1)", "scheme javascript is not fetched: http and https only"),
            ("C:\\urls.txt", "scheme c is not fetched: http and https only"),
            ("u:secret@host.example", "scheme u is not fetched: http and https only"),
            ("hello", NO_URL),
            ("...", NO_URL),
            ("/etc/passwd", NO_URL),
            ("http:", NO_URL),
            ("example.com:99999", NO_URL),
            ("", NO_URL),
        ] {
            assert_eq!(reject(word), expected, "{word}");
            assert_eq!(parse(word), Err(expected.to_owned()), "{word}");
        }
        assert_eq!(reject(&format!("example.com/{}", "x".repeat(HINT_MAX))), NO_URL);
    }
}
