//! Where a hop's connection leads, and what tells connections apart: two requests share one only if nothing that made
//! it would differ for the other.
//!
//! Knows `--connect-to`, `--unix-socket`, proxies, and the terms of a request that go into a connection. Refuses to connect
//! (`connect`) and to keep what was connected (`pool`).

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use url::{Host, Position, Url};

use super::{noproxy, resolver};
use crate::config::{self, ConnectTo, Proxies, Proxy};
use crate::request::Request;

/// What the command line says of ways to servers.
pub(super) struct Routes {
    socket: Option<PathBuf>,
    connect_to: Vec<ConnectTo>,
    proxies: Proxies,
    /// There is none, for nobody.
    has_no_proxy: bool,
}

/// How a URL's server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way<'r> {
    /// By the network.
    Direct,
    /// By this socket.
    Socket(&'r Path),
    /// By a proxy, which is asked for the URL itself.
    Forward(&'r Proxy),
    /// Through a tunnel that a proxy opens.
    Tunnel(&'r Proxy),
}

impl<'r> Way<'r> {
    /// The proxy that connections are made to.
    pub(super) fn proxy(self) -> Option<&'r Proxy> {
        match self {
            Way::Forward(proxy) | Way::Tunnel(proxy) => Some(proxy),
            Way::Direct | Way::Socket(_) => None,
        }
    }
}

impl Routes {
    pub(super) fn new(connection: &config::Connection) -> Routes {
        Routes {
            socket: connection.unix_socket.clone(),
            connect_to: connection.connect_to.clone(),
            has_no_proxy: connection.proxies.http.is_none() && connection.proxies.https.is_none(),
            proxies: connection.proxies.clone(),
        }
    }

    /// How a URL's server is reached. Each hop has its own way.
    pub(super) fn way(&self, url: &Url) -> Way<'_> {
        if let Some(path) = &self.socket {
            return Way::Socket(path);
        }
        if self.has_no_proxy {
            return Way::Direct;
        }
        let is_https = url.scheme() == "https";
        let proxy = if is_https { &self.proxies.https } else { &self.proxies.http };
        let is_exempt = || url.host().is_some_and(|host| noproxy::exempts(&self.proxies.none_for, &host));
        match proxy {
            None => Way::Direct,
            Some(_) if is_exempt() => Way::Direct,
            // curl: what is to be found elsewhere cannot be asked for by its URL.
            Some(proxy) if is_https || self.moved(url).is_some() => Way::Tunnel(proxy),
            Some(proxy) => Way::Forward(proxy),
        }
    }

    /// The host and port to connect to for a URL: those of its proxy or of its server. `None` where it has none.
    pub(super) fn next<'u>(&'u self, url: &'u Url) -> Option<(Host<&'u str>, u16)> {
        match self.way(url).proxy() {
            Some(proxy) => Some((borrowed(&proxy.host), proxy.port)),
            None => self.server(url),
        }
    }

    /// The host and port to connect to for a URL: its own, or what `--connect-to` says. `None` where it has none.
    pub(super) fn server<'u>(&'u self, url: &'u Url) -> Option<(Host<&'u str>, u16)> {
        let (host, port) = (url.host()?, url.port_or_known_default()?);
        let Some(entry) = self.moved(url) else { return Some((host, port)) };
        Some((entry.to_host.as_ref().map_or(host, borrowed), entry.to_port.unwrap_or(port)))
    }

    /// The first entry of `--connect-to` that fits a URL.
    fn moved(&self, url: &Url) -> Option<&ConnectTo> {
        let host = url.host_str()?;
        let host = host.strip_suffix('.').unwrap_or(host);
        self.connect_to.iter().find(|entry| {
            entry.host.as_deref().is_none_or(|of| of.strip_suffix('.').unwrap_or(of) == host)
                && entry.port.is_none_or(|of| Some(of) == url.port_or_known_default())
        })
    }

    /// The key under which connections for a URL are kept: its origin, and behind a blank, which no origin has,
    /// whatever else makes a difference. That is nothing for most, and then it costs nothing.
    pub(super) fn key<'u>(&self, url: &'u Url, request: &Request) -> Cow<'u, str> {
        let way = self.way(url);
        // A proxy that is asked for URLs is asked for those of all servers over the same connections.
        let is_forward = matches!(way, Way::Forward(_));
        let mut key = if is_forward { Cow::Borrowed("") } else { Cow::Borrowed(origin(url)) };
        if request.insecure && url.scheme() == "https" {
            key.to_mut().push_str(" insecure");
        }
        // Writing to a text cannot fail.
        match way {
            Way::Direct => {}
            Way::Socket(path) => _ = write!(key.to_mut(), " by {}", path.display()),
            Way::Forward(proxy) | Way::Tunnel(proxy) => {
                let secret = proxy.authorization.as_ref().map_or("", |secret| secret.expose());
                let _ = write!(key.to_mut(), " through {proxy} {secret}");
            }
        }
        if !(self.connect_to.is_empty() && request.resolve.is_empty()) {
            self.add_place(&mut key, url, request);
        }
        key
    }

    fn add_place(&self, key: &mut Cow<'_, str>, url: &Url, request: &Request) {
        if let Some((host, port)) = self.server(url).filter(|_| self.moved(url).is_some()) {
            let _ = write!(key.to_mut(), " to {host}:{port}");
        }
        if let Some((Host::Domain(name), port)) = self.next(url)
            && let Some(addrs) = resolver::overridden(&request.resolve, name, port)
        {
            let _ = write!(key.to_mut(), " at {addrs:?}");
        }
    }
}

fn borrowed(host: &Host) -> Host<&str> {
    match host {
        Host::Domain(name) => Host::Domain(name),
        Host::Ipv4(ip) => Host::Ipv4(*ip),
        Host::Ipv6(ip) => Host::Ipv6(*ip),
    }
}

/// Scheme, host and port as the URL has them.
pub(super) fn origin(url: &Url) -> &str {
    &url[..Position::BeforePath]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::Connection;
    use crate::request::{Resolve, Secret};
    use crate::schedule::samples::request_with;

    fn routes(change: impl FnOnce(&mut Connection)) -> Routes {
        let mut connection = Connection::default();
        change(&mut connection);
        Routes::new(&connection)
    }

    fn entry(host: &str, port: u16, to_host: &str, to_port: u16) -> ConnectTo {
        ConnectTo {
            host: Some(host.to_owned()).filter(|host| !host.is_empty()),
            port: Some(port).filter(|port| *port > 0),
            to_host: Host::parse(to_host).ok(),
            to_port: Some(to_port).filter(|port| *port > 0),
        }
    }

    fn key_of(url: &str, change: impl FnOnce(&mut Request)) -> String {
        key_by(&routes(|_| {}), url, change)
    }

    fn key_by(routes: &Routes, url: &str, change: impl FnOnce(&mut Request)) -> String {
        let request = request_with(0, "other", |request| {
            request.url = Url::parse(url).unwrap().into();
            change(request);
        });
        routes.key(request.url.place(), &request).into_owned()
    }

    fn at(host: &str, port: u16, addr: &str) -> impl FnOnce(&mut Request) {
        let entry = Resolve { host: host.to_owned(), port, addrs: vec![addr.parse().unwrap()] };
        move |request| request.resolve = Arc::from([entry])
    }

    fn proxy(host: &str, password: &str) -> Option<Proxy> {
        let authorization = Some(Secret::new(password)).filter(|_| !password.is_empty());
        Some(Proxy { host: Host::parse(host).unwrap(), port: 3128, authorization })
    }

    /// One proxy for all but a.test.
    fn proxied(host: &str, password: &str) -> Routes {
        let http = proxy(host, password);
        routes(|all| all.proxies = Proxies { https: http.clone(), http, none_for: "a.test".to_owned() })
    }

    #[test]
    fn each_url_has_its_own_way() {
        let mut routes = proxied("p", "");
        let way = |routes: &Routes, url: &str| {
            let url = Url::parse(url).unwrap();
            let (host, port) = routes.next(&url).unwrap();
            let name = match routes.way(&url) {
                Way::Direct => "direct",
                Way::Socket(_) => "socket",
                Way::Forward(_) => "forward",
                Way::Tunnel(_) => "tunnel",
            };
            format!("{name} {host}:{port}")
        };
        assert_eq!(way(&routes, "http://b.test/"), "forward p:3128");
        assert_eq!(way(&routes, "http://127.0.0.1:1/"), "forward p:3128");
        assert_eq!(way(&routes, "https://b.test/"), "tunnel p:3128");
        assert_eq!(way(&routes, "https://x.a.test/"), "direct x.a.test:443");
        routes.connect_to = vec![entry("c.test", 0, "d.test", 0)];
        assert_eq!(way(&routes, "http://c.test/"), "tunnel p:3128");
        routes.proxies.https = None;
        assert_eq!(way(&routes, "https://c.test/"), "direct d.test:443");
        routes.socket = Some("/s".into());
        assert_eq!(routes.way(&Url::parse("http://b.test/").unwrap()), Way::Socket(Path::new("/s")));
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
        let by_proxy = |url: &str| key_by(&proxied("p", "x"), url, |_| {});
        assert_eq!(by_proxy("http://a/"), by_proxy("http://b:81/"));
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
            key_by(&proxied("p", ""), "https://a/", |_| {}),
            key_by(&proxied("p", ""), "https://b/", |_| {}),
            key_by(&proxied("p", ""), "https://a/", at("p", 3128, "10.0.0.1")),
            key_by(&proxied("p", "x"), "https://a/", |_| {}),
            key_by(&proxied("p", "y"), "https://a/", |_| {}),
            key_by(&proxied("q", ""), "https://a/", |_| {}),
            key_by(&proxied("p", ""), "http://a/", |_| {}),
            key_by(&proxied("p", "x"), "http://a/", |_| {}),
            key_by(&proxied("q", ""), "http://a/", |_| {}),
            key_by(&routes(|all| all.unix_socket = Some("/s".into())), "https://a/", |_| {}),
            key_by(&routes(|all| all.unix_socket = Some("/t".into())), "https://a/", |_| {}),
            key_by(&routes(|all| all.connect_to = vec![entry("", 0, "b", 0)]), "https://a/", |_| {}),
            key_by(&routes(|all| all.connect_to = vec![entry("", 0, "b", 1)]), "https://a/", |_| {}),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[index + 1..].contains(key), "{key}");
        }
    }

    #[test]
    fn connections_go_where_the_first_entry_that_fits_says() {
        let connect_to = vec![
            entry("a", 80, "b", 81),
            entry("a", 0, "", 82),
            entry("", 443, "c", 0),
            entry("[::1]", 0, "127.0.0.1", 0),
        ];
        let routes = routes(|all| all.connect_to = connect_to);
        for (url, server) in [
            ("http://a/", "b:81"),
            ("http://A.:80/", "b:81"),
            ("https://a/", "a:82"),
            ("http://a:8080/", "a:82"),
            ("https://z/", "c:443"),
            ("http://z/", "z:80"),
            ("http://[::1]:8080/", "127.0.0.1:8080"),
        ] {
            let url = Url::parse(url).unwrap();
            let (host, port) = routes.server(&url).unwrap();
            assert_eq!(format!("{host}:{port}"), server, "{url}");
        }
    }
}
