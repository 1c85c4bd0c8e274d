//! `HOST:PORT:ADDR[,ADDR]`: addresses in place of those that a name has (pure).
//!
//! Knows how it is written, as curl has it. Refuses to look a name up.

use std::net::IpAddr;

use url::Host;

use super::Resolve;
use crate::sanitize::{escape, mask_userinfo};

impl Resolve {
    /// Reads `[+]HOST:PORT:ADDR[,ADDR]`. The `+` of curl's is a lifetime in its cache: taken, and without effect here.
    ///
    /// # Errors
    /// A fragment that quotes what is wrong, fit to be shown.
    pub fn parse(text: &str) -> Result<Resolve, String> {
        let rest = text.strip_prefix('+').unwrap_or(text);
        let (host, rest) = split_host(rest).ok_or_else(|| no_resolve(text))?;
        let (port, addrs) = rest.split_once(':').ok_or_else(|| no_resolve(text))?;
        let port = port.parse().ok().filter(|port| *port > 0);
        Ok(Resolve {
            host: parse_resolve_host(host)?,
            port: port
                .ok_or_else(|| format!("in '{}' the port is no number from 1 to 65535", shown(text)))?,
            addrs: addrs.split(',').map(parse_addr).collect::<Result<_, _>>()?,
        })
    }
}

fn shown(text: &str) -> String {
    escape(&mask_userinfo(text)).into_owned()
}

fn no_resolve(text: &str) -> String {
    format!("'{}' is not HOST:PORT:ADDR[,ADDR] such as example.com:443:127.0.0.1", shown(text))
}

/// Up to the colon after the host, which may be an address in brackets; and what is behind the colon.
pub(crate) fn split_host(text: &str) -> Option<(&str, &str)> {
    match text.find(']') {
        Some(end) if text.starts_with('[') => Some((&text[..=end], text[end + 1..].strip_prefix(':')?)),
        _ => text.split_once(':'),
    }
}

/// A host as the URL standard has it.
///
/// # Errors
/// A fragment.
pub(crate) fn parse_host(text: &str) -> Result<Host, String> {
    Host::parse(text).map_err(|why| format!("'{}' is no host: {why}", shown(text)))
}

/// As the URL standard writes hosts, so that it can be compared with the host of a URL.
fn parse_resolve_host(host: &str) -> Result<String, String> {
    if host == "*" {
        return Ok(host.to_owned());
    }
    if host.starts_with('-') {
        return Err(format!("'{}' removes nothing: there is no cache of names from before", shown(host)));
    }
    parse_host(host).map(|host| host.to_string())
}

/// An address as it is or, for IPv6, in brackets.
///
/// # Errors
/// A fragment.
pub(crate) fn parse_addr(text: &str) -> Result<IpAddr, String> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().map_err(|_| format!("'{}' is no IP address", shown(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolve_takes_a_host_a_port_and_addresses() {
        let good = [
            ("Example.com:443:10.0.0.1", "example.com", 443, vec!["10.0.0.1"]),
            ("+a:1:::1,[::2],127.0.0.1", "a", 1, vec!["::1", "::2", "127.0.0.1"]),
            ("*:80:[::1]", "*", 80, vec!["::1"]),
            ("[::1]:80:127.0.0.1", "[::1]", 80, vec!["127.0.0.1"]),
            ("bücher.example:80:::1", "xn--bcher-kva.example", 80, vec!["::1"]),
        ];
        for (text, host, port, addrs) in good {
            let addrs = addrs.iter().map(|addr| addr.parse().unwrap()).collect();
            assert_eq!(Resolve::parse(text), Ok(Resolve { host: host.to_owned(), port, addrs }), "{text}");
        }
        let bad = [
            "",
            "a",
            "a:1",
            "a:1:",
            "a:0:::1",
            "a:65536:::1",
            "a:x:::1",
            ":1:::1",
            "-a:1:::1",
            "a:1:b",
            "[::1:1:::1",
        ];
        for bad in bad.into_iter().chain(["a:1:::1,", "a b:1:::1", "[::1]80:::1"]) {
            assert!(Resolve::parse(bad).is_err(), "{bad}");
        }
    }
}
