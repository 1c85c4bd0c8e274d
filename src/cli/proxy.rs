//! `-x`, `--noproxy` and the environment become `Proxies`, as curl reads them (curl 8, lib/proxy.c).
//!
//! Knows how a proxy is written and which variable goes before which. Refuses to know which hosts go without one
//! (`http`), and to show a password.

use std::ffi::OsString;

use url::Host;

use super::value::shown;
use super::{Environment, UsageError};
use crate::config::{Proxies, Proxy};
use crate::credentials;

/// curl: a proxy without a port is at this one.
const DEFAULT_PORT: u16 = 1080;

/// `-x`: the proxy, or none at all.
#[derive(Debug, Clone)]
pub(super) struct Chosen(pub(super) Option<Proxy>);

/// `-x [http://][USER:PASS@]HOST[:PORT]`; an empty text is none, whatever the environment says.
pub(super) fn parse_proxy(text: &str) -> Result<Chosen, String> {
    if text.is_empty() { Ok(Chosen(None)) } else { parse(text).map(|proxy| Chosen(Some(proxy))) }
}

fn parse(text: &str) -> Result<Proxy, String> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    if !scheme.eq_ignore_ascii_case("http") {
        return Err(format!("a proxy by {}:// is not spoken to; write http://HOST:PORT", shown(scheme)));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // A password with a / in it ends the authority too early, so that nothing before an @ may ever be shown.
    let place = rest.rsplit('@').next().unwrap_or_default();
    let wrong = || format!("'{}' is not [http://][USER:PASS@]HOST[:PORT]", shown(place));
    let (userinfo, place) = authority.rsplit_once('@').unwrap_or(("", authority));
    if rest.contains('@') && !authority.contains('@') {
        return Err(format!("{}; in a password / is %2F, ? is %3F and # is %23", wrong()));
    }
    if !place.is_empty() && place.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("{} (aria2's -x is --per-host)", wrong()));
    }
    let (host, port) = split(place).ok_or_else(wrong)?;
    Ok(Proxy {
        host: Host::parse(host).map_err(|_| wrong())?,
        port: if port.is_empty() { DEFAULT_PORT } else { parse_port(port).ok_or_else(wrong)? },
        authorization: (!userinfo.is_empty()).then(|| authorization(userinfo)),
    })
}

/// Host and port, which may be empty.
fn split(place: &str) -> Option<(&str, &str)> {
    match place.find(']') {
        Some(end) if place.starts_with('[') => {
            let behind = &place[end + 1..];
            let port = if behind.is_empty() { behind } else { behind.strip_prefix(':')? };
            Some((&place[..=end], port))
        }
        _ => Some(place.split_once(':').unwrap_or((place, ""))),
    }
}

fn parse_port(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| is_number && *port > 0)
}

fn authorization(userinfo: &str) -> crate::request::Secret {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    credentials::basic_of_userinfo(user, password)
}

/// What was typed, and what the environment says where nothing was.
///
/// # Errors
/// A variable that counts and cannot be meant: going around a proxy that somebody wants used would be worse.
pub(super) fn proxies(
    typed: Option<Chosen>,
    noproxy: Option<String>,
    env: &Environment,
) -> Result<Proxies, UsageError> {
    let none_for = || Some(first(env, &["no_proxy", "NO_PROXY"])?.1.to_string_lossy().into_owned());
    let none_for = noproxy.or_else(none_for).unwrap_or_default();
    if none_for == "*" {
        return Ok(Proxies::default());
    }
    let (http, https) = match typed {
        Some(Chosen(proxy)) => (proxy.clone(), proxy),
        // Not HTTP_PROXY: where a web server starts us, its clients set that by a header (CVE-2016-5385, "httpoxy").
        None => (
            of(env, &["http_proxy", "all_proxy", "ALL_PROXY"])?,
            of(env, &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?,
        ),
    };
    Ok(Proxies { http, https, none_for })
}

/// The first variable that is set; as for curl, one that is empty is not.
fn first<'n>(env: &Environment, names: &[&'n str]) -> Option<(&'n str, OsString)> {
    names.iter().find_map(|name| Some((*name, (env.variable)(name).filter(|value| !value.is_empty())?)))
}

fn of(env: &Environment, names: &[&str]) -> Result<Option<Proxy>, UsageError> {
    let Some((name, value)) = first(env, names) else { return Ok(None) };
    let parsed = value.to_str().ok_or_else(|| "the value is not UTF-8".to_owned()).and_then(parse);
    parsed.map(Some).map_err(|why| {
        UsageError::option(name, format_args!("{why}; -x '' goes without the proxies of the environment"))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{complaint, config, surrounded};
    use super::*;

    fn parsed(text: &str) -> (String, Option<String>) {
        let proxy = parse(text).unwrap();
        (proxy.to_string(), proxy.authorization.map(|secret| secret.expose().to_owned()))
    }

    #[test]
    fn a_proxy_has_a_host_and_may_have_more() {
        for (text, place) in [
            ("proxy.test", "proxy.test:1080"),
            ("proxy.test:", "proxy.test:1080"),
            ("http://Proxy.test:3128/", "proxy.test:3128"),
            ("HTTP://127.0.0.1:80", "127.0.0.1:80"),
            ("[::1]:3128", "[::1]:3128"),
            ("http://[::1]", "[::1]:1080"),
            ("http://proxy.test:1/ignored?by#curl", "proxy.test:1"),
            ("bücher.test:1", "xn--bcher-kva.test:1"),
        ] {
            assert_eq!(parsed(text), (place.to_owned(), None), "{text}");
        }
        let with = |text: &str| parsed(text).1.unwrap();
        assert_eq!(with("http://me:p%40ss@proxy.test"), credentials::basic(b"me:p@ss").expose());
        assert_eq!(with("me@proxy.test:1"), credentials::basic(b"me:").expose());
        assert_eq!(with("me:a@b@proxy.test:1"), credentials::basic(b"me:a@b").expose());
    }

    #[test]
    fn what_is_no_http_proxy_is_said_without_its_password() {
        for (text, expected) in [
            ("socks5://me:hunter2@proxy.test:1", "a proxy by socks5:// is not spoken to"),
            ("https://me:hunter2@proxy.test", "a proxy by https:// is not spoken to"),
            ("http://me:hunter2@", "'' is not [http://][USER:PASS@]HOST[:PORT]"),
            ("http://me:hunter2@proxy.test:x", "'proxy.test:x' is not"),
            ("http://me:hun/ter2@proxy.test:1", "in a password / is %2F"),
            ("http://me:12/34hunter2@proxy.test:1", "in a password / is %2F"),
            ("http://me:hunter2@proxy.test:65536", "'proxy.test:65536' is not"),
            ("proxy.test:0", "'proxy.test:0' is not"),
            ("proxy.test:+1", "'proxy.test:+1' is not"),
            ("[::1]3128", "'[::1]3128' is not"),
            ("a b", "'a b' is not"),
            ("16", "aria2's -x is --per-host"),
        ] {
            let why = parse(text).unwrap_err();
            assert!(
                why.contains(expected) && !why.contains("hunter2") && !why.contains("ter2"),
                "{text}: {why}"
            );
        }
        assert!(
            complaint(&["demo", "-x", "socks5://a"]).starts_with("greenfetch: --proxy: a proxy by socks5://")
        );
        let both = complaint(&["http://a/", "--unix-socket", "s", "-x", "a:1"]);
        assert!(both.contains("contradict"), "{both}");
    }

    /// The proxies of http and https URLs, and for whom there is none.
    type Said = (Option<String>, Option<String>, String);

    fn said(proxy: Option<&str>, noproxy: Option<&str>, vars: &[(&str, &str)]) -> Result<Said, String> {
        let typed = proxy.map(|proxy| parse_proxy(proxy).unwrap());
        let found = surrounded(false, vars, |env| proxies(typed, noproxy.map(str::to_owned), env));
        let found = found.map_err(|error| error.to_string())?;
        let shown = |proxy: Option<Proxy>| proxy.map(|proxy| proxy.host.to_string());
        Ok((shown(found.http), shown(found.https), found.none_for))
    }

    /// The variables, and the proxies of http and https URLs.
    type Row<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>, Option<&'a str>);

    #[test]
    fn the_environment_counts_as_for_curl() {
        let rows: [Row; 12] = [
            (&[], None, None),
            (&[("http_proxy", "a")], Some("a"), None),
            (&[("HTTP_PROXY", "a")], None, None),
            (&[("https_proxy", "a"), ("HTTPS_PROXY", "b")], None, Some("a")),
            (&[("HTTPS_PROXY", "b")], None, Some("b")),
            (&[("all_proxy", "a"), ("ALL_PROXY", "b")], Some("a"), Some("a")),
            (&[("ALL_PROXY", "b"), ("http_proxy", "c")], Some("c"), Some("b")),
            (&[("ALL_PROXY", "b"), ("HTTPS_PROXY", "c")], Some("b"), Some("c")),
            // An empty one is one that is not set (curl: lib/getenv.c).
            (&[("http_proxy", ""), ("all_proxy", "b")], Some("b"), Some("b")),
            (&[("https_proxy", ""), ("HTTPS_PROXY", "b")], None, Some("b")),
            (&[("http_proxy", ""), ("https_proxy", "")], None, None),
            (&[("all_proxy", "a"), ("no_proxy", "*")], None, None),
        ];
        for (vars, http, https) in rows {
            let (found_http, found_https, _) = said(None, None, vars).unwrap();
            assert_eq!((found_http.as_deref(), found_https.as_deref()), (http, https), "{vars:?}");
        }
    }

    #[test]
    fn what_is_typed_goes_before_the_environment() {
        let vars = [("all_proxy", "a"), ("no_proxy", "lower"), ("NO_PROXY", "upper")];
        let expected = |host: Option<&str>, list: &str| {
            Ok((host.map(str::to_owned), host.map(str::to_owned), list.to_owned()))
        };
        assert_eq!(said(None, None, &vars), expected(Some("a"), "lower"));
        assert_eq!(said(None, None, &vars[..1]), expected(Some("a"), ""));
        assert_eq!(said(None, None, &[vars[0], vars[2]]), expected(Some("a"), "upper"));
        assert_eq!(said(Some("b"), None, &vars), expected(Some("b"), "lower"));
        assert_eq!(said(Some(""), None, &vars), expected(None, "lower"));
        assert_eq!(said(None, Some(""), &vars), expected(Some("a"), ""));
        assert_eq!(said(Some("b"), Some("*"), &vars), expected(None, ""));
    }

    #[test]
    fn a_variable_that_counts_must_be_meant() {
        let bad = ("all_proxy", "socks5h://me:hunter2@a:1");
        let why = said(None, None, &[bad]).unwrap_err();
        assert!(why.starts_with("greenfetch: all_proxy: a proxy by socks5h:// is not spoken to"), "{why}");
        assert!(why.contains("-x ''") && !why.contains("hunter2"));
        assert!(said(Some(""), None, &[bad]).is_ok(), "typed: none");
        assert!(said(None, Some("*"), &[bad]).is_ok(), "none for all");
        assert!(
            said(None, None, &[bad, ("http_proxy", "a"), ("https_proxy", "b")]).is_ok(),
            "it does not count"
        );
    }

    #[test]
    fn the_demo_and_a_socket_do_without_the_environment() {
        let bad = [("all_proxy", "socks5://a"), ("https_proxy", "b:1")];
        for line in ["demo", "http://a/ --unix-socket s"] {
            let argv = format!("greenfetch {line}");
            let argv = argv.split(' ').map(OsString::from);
            let found = surrounded(false, &bad, |env| super::super::parse(argv, env));
            assert!(found.is_ok(), "{line}: {found:?}");
        }
        assert!(config("demo -x a:1").connection.proxies.http.is_some(), "typed is typed");
    }

    proptest! {
        #[test]
        fn any_text_is_a_proxy_or_a_clean_complaint(text in any::<String>()) {
            if let Err(why) = parse(&text) {
                prop_assert!(!why.chars().any(char::is_control), "{why:?}");
            }
        }
    }
}
