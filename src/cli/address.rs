//! Hosts, ports and addresses on the command line: `--resolve`, `--connect-to` and `demo --serve` (pure).
//!
//! Knows how they are written. Refuses to look a name up.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::value::shown;
use crate::config::ConnectTo;
use crate::request::Resolve;
use crate::request::resolve::{parse_addr, parse_host, split_host};

/// `--resolve`.
pub(super) fn parse_resolve(text: &str) -> Result<Resolve, String> {
    Resolve::parse(text)
}

/// `--connect-to HOST1:PORT1:HOST2:PORT2`, of which each may be empty.
pub(super) fn parse_connect_to(text: &str) -> Result<ConnectTo, String> {
    let parts = split_host(text).and_then(|(host, rest)| {
        let (port, rest) = rest.split_once(':')?;
        let (to_host, to_port) = split_host(rest)?;
        Some((host, port, to_host, to_port))
    });
    let Some((host, port, to_host, to_port)) = parts else {
        let example = "example.com:443:127.0.0.1:8443, where each may be empty";
        return Err(format!("'{}' is not HOST1:PORT1:HOST2:PORT2 such as {example}", shown(text)));
    };
    Ok(ConnectTo {
        host: unless_empty(host, parse_host)?.map(|host| host.to_string()),
        port: unless_empty(port, parse_port)?,
        to_host: unless_empty(to_host, parse_host)?,
        to_port: unless_empty(to_port, parse_port)?,
    })
}

fn unless_empty<T>(text: &str, parse: fn(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}

fn parse_port(text: &str) -> Result<u16, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| digits && *port > 0);
    port.ok_or_else(|| format!("the port '{}' is no number from 1 to 65535", shown(text)))
}

/// `demo --serve`: an address with or without a port, `:PORT`, or `PORT` alone on the loopback.
pub(super) fn parse_serve(text: &str) -> Result<SocketAddr, String> {
    let numeric = text.replacen("localhost", "127.0.0.1", 1);
    let port = numeric.strip_prefix(':').unwrap_or(&numeric).parse().ok();
    let on_loopback = port.map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    let whole = || numeric.parse().ok();
    let without_port = || parse_addr(&numeric).ok().map(|ip| SocketAddr::new(ip, 0));
    let address = on_loopback.or_else(whole).or_else(without_port);
    address.ok_or_else(|| format!("'{}' is no address; write 127.0.0.1:8080, :8080 or 8080", shown(text)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn connect_to_takes_four_parts_of_which_each_may_be_empty() {
        let rows = [
            ("Example.com:443:127.0.0.1:8443", Some("example.com"), Some(443), Some("127.0.0.1"), Some(8443)),
            ("::a:", None, None, Some("a"), None),
            (":::", None, None, None, None),
            ("[::1]:80:[::2]:81", Some("[::1]"), Some(80), Some("[::2]"), Some(81)),
            ("bücher.example:::1", Some("xn--bcher-kva.example"), None, None, Some(1)),
        ];
        for (text, host, port, to_host, to_port) in rows {
            let to_host = to_host.map(|host| url::Host::parse(host).unwrap());
            let expected = ConnectTo { host: host.map(str::to_owned), port, to_host, to_port };
            assert_eq!(parse_connect_to(text), Ok(expected), "{text}");
        }
        for bad in
            ["", "a", "a:1", "a:1:b", "a:x:b:1", "a:0:b:1", "a:1:b:65536", "a b:1:c:1", "a:+1:b:1", "::::"]
        {
            assert!(parse_connect_to(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn serve_is_on_the_loopback_unless_another_address_is_typed() {
        let good = [
            ("8080", "127.0.0.1:8080"),
            (":8080", "127.0.0.1:8080"),
            ("localhost:1", "127.0.0.1:1"),
            ("localhost", "127.0.0.1:0"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("192.0.2.1", "192.0.2.1:0"),
            ("[::1]:80", "[::1]:80"),
            ("::1", "[::1]:0"),
        ];
        for (text, address) in good {
            assert_eq!(parse_serve(text), Ok(address.parse().unwrap()), "{text}");
        }
        for bad in ["", "65536", "-1", "example.com:80", "127.0.0.1:", "demo", "localhost8080"] {
            assert!(parse_serve(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_a_clean_complaint(text in any::<String>()) {
            let complaints =
                [parse_resolve(&text).err(), parse_connect_to(&text).err(), parse_serve(&text).err()];
            for complaint in complaints.into_iter().flatten() {
                prop_assert!(!complaint.chars().any(char::is_control), "{complaint:?}");
            }
        }
    }
}
