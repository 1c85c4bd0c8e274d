//! Which hosts are reached without a proxy: `--noproxy` and `no_proxy` as curl 8 reads them (lib/proxy.c).
//!
//! Knows patterns and blocks of addresses. Refuses to look a name up: an address in the list is none of a name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::Host;

/// Whether a list exempts a host. Ports of URLs do not matter, and patterns have none.
pub(super) fn exempts(list: &str, host: &Host<&str>) -> bool {
    if list == "*" {
        return true;
    }
    patterns(list).any(|pattern| match host {
        Host::Domain(name) => covers_name(pattern, name),
        Host::Ipv4(ip) => covers_ip(pattern, IpAddr::V4(*ip)),
        Host::Ipv6(ip) => covers_ip(pattern, IpAddr::V6(*ip)),
    })
}

/// Between commas, with blanks around. Behind a blank without a comma nothing is read any more, as curl has it since
/// 7.86.
fn patterns(list: &str) -> impl Iterator<Item = &str> {
    let blanks = [' ', '\t'];
    let mut left = Some(list);
    std::iter::from_fn(move || {
        let rest = left.take().filter(|rest| !rest.is_empty())?.trim_start_matches(blanks);
        let end = rest.find([' ', '\t', ',']).unwrap_or(rest.len());
        let behind = rest[end..].trim_start_matches(blanks);
        left = behind.starts_with(',').then(|| behind.trim_start_matches(','));
        Some(&rest[..end])
    })
}

/// The name itself and all below it; dots at either end say nothing.
fn covers_name(pattern: &str, name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let pattern = pattern.strip_suffix('.').unwrap_or(pattern);
    let pattern = pattern.strip_prefix('.').unwrap_or(pattern);
    let Some(start) = name.len().checked_sub(pattern.len()).filter(|_| !pattern.is_empty()) else {
        return false;
    };
    name.get(start..).is_some_and(|tail| tail.eq_ignore_ascii_case(pattern))
        && (start == 0 || name.as_bytes()[start - 1] == b'.')
}

/// An address, or a block such as `10.0.0.0/8`; `/0` is the address alone.
fn covers_ip(pattern: &str, ip: IpAddr) -> bool {
    let (network, bits) = pattern.split_once('/').unwrap_or((pattern, "0"));
    let Some(bits) = parse_bits(bits) else { return false };
    match ip {
        IpAddr::V4(ip) => network.parse::<Ipv4Addr>().is_ok_and(|network| {
            same_start(u128::from(ip.to_bits()), u128::from(network.to_bits()), bits, 32)
        }),
        IpAddr::V6(ip) => network
            .parse::<Ipv6Addr>()
            .is_ok_and(|network| same_start(ip.to_bits(), network.to_bits(), bits, 128)),
    }
}

fn parse_bits(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether two addresses of so many bits have the first ones in common; 0 are all.
fn same_start(one: u128, other: u128, bits: u32, width: u32) -> bool {
    let bits = if bits == 0 { width } else { bits };
    bits <= width && (one ^ other) >> (width - bits) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_exempt(host: &str, list: &str) -> bool {
        let host = Host::parse(host).unwrap();
        let host = match &host {
            Host::Domain(name) => Host::Domain(name.as_str()),
            Host::Ipv4(ip) => Host::Ipv4(*ip),
            Host::Ipv6(ip) => Host::Ipv6(*ip),
        };
        exempts(list, &host)
    }

    /// The table of curl's own unit test (tests/unit/unit1614.c).
    #[test]
    fn lists_are_read_as_curl_reads_them() {
        let rows = [
            ("www.example.com", "localhost .example.com .example.de", false),
            ("www.example.com", "localhost,.example.com,.example.de", true),
            ("www.example.com.", "localhost,.example.com,.example.de", true),
            ("example.com", "localhost,.example.com,.example.de", true),
            ("example.com.", "localhost,.example.com,.example.de", true),
            ("www.example.com", "localhost,.example.com.,.example.de", true),
            ("www.example.com", "localhost,www.example.com.,.example.de", true),
            ("example.com", "localhost,example.com,.example.de", true),
            ("nexample.com", "localhost,example.com,.example.de", false),
            ("www.example.com", "localhost,example.com,.example.de", true),
            ("127.0.0.1", "127.0.0.1,localhost", true),
            ("127.0.0.1", "127.0.0.1,localhost,", true),
            ("127.0.0.1", "127.0.0.1/8,localhost,", true),
            ("127.0.0.1", "127.0.0.1/28,localhost,", true),
            ("127.0.0.1", "127.0.0.1/31,localhost,", true),
            ("127.0.0.1", "localhost,127.0.0.1", true),
            ("localhost", "localhost,127.0.0.1", true),
            ("localhost", "127.0.0.1,localhost", true),
            ("foobar", "barfoo", false),
            ("foobar", "foobar", true),
            ("192.168.0.1", "foobar", false),
            ("192.168.0.1", "192.168.0.0/16", true),
            ("192.168.0.1", "192.168.0.0/16a", false),
            ("192.168.0.1", "192.168.0.0/16 ", true),
            ("192.168.0.1", "192.168.0.0/a16", false),
            ("192.168.0.1", "192.168.0.0/ 16", false),
            ("192.168.0.1", "192.168.0.0/24", true),
            ("192.168.0.1", "192.168.0.0/32", false),
            ("192.168.0.1", "192.168.0.1/32", true),
            ("192.168.0.1", "192.168.0.1/33", false),
            ("192.168.0.1", "192.168.0.0", false),
            ("192.168.1.1", "192.168.0.0/24", false),
            ("192.168.1.1", "foo, bar, 192.168.0.0/24", false),
            ("192.168.1.1", "foo, bar, 192.168.0.0/16", true),
            ("[::1]", "foo, bar, 192.168.0.0/16", false),
            ("[::1]", "foo, bar, ::1/64", true),
            ("[::1]", "::1/96", true),
            ("[::1]", "::1/128", true),
            ("[::1]", "::1/129", false),
            ("[::1]", "::1/127", true),
            ("[::1]", "::1/a127", false),
            ("[::1]", "::1/127a", false),
            ("[::1]", "::1/ 127", false),
            ("[::1]", "::1/127 ", true),
            ("[::1]", "::1/122", true),
            ("[2001:db8:8000::1]", "2001:db8::/65", false),
            ("[2001:db8:8000::1]", "2001:db8::/72", false),
            ("[2001:db8::1]", "2001:db8::/65", true),
            ("[2001:db8::1]", "2001:db8::/72", true),
            ("BAr", "foo, bar, ::1/64", true),
            ("bar", "foo,,,,,              bar, ::1/64", true),
            ("www.example.com", "foo, .example.com", true),
            ("www.example.com", "www2.example.com, .example.net", false),
            ("example.com", ".example.com, .example.net", true),
            ("nonexample.com", ".example.com, .example.net", false),
        ];
        for (host, list, expected) in rows {
            assert_eq!(is_exempt(host, list), expected, "{host} in {list:?}");
        }
    }

    #[test]
    fn what_that_table_leaves_open_is_as_in_its_code() {
        let rows = [
            ("a.test", "*", true),
            ("10.0.0.1", "*", true),
            ("a.test", "b,*", false),
            ("a.test", "*.test", false),
            ("a.test", "", false),
            ("a.test", " , ,a.test", true),
            ("a.test", ",a.test", true),
            ("a.test", ".", false),
            ("a.test", "a.test:80", false),
            ("127.0.0.1", "127.0.0.1:80", false),
            ("[::1]", "[::1]", false),
            ("[::1]", "::1", true),
            ("[::1]", "0:0::1", true),
            ("10.0.0.1", "10.0.0.1/0", true),
            ("10.0.0.2", "10.0.0.1/0", false),
            ("10.0.0.1", "0.1", false),
            ("10.0.0.1", ".1", false),
            ("localhost", "127.0.0.1", false),
            ("\u{fc}.test", "xn--tda.test", true),
        ];
        for (host, list, expected) in rows {
            assert_eq!(is_exempt(host, list), expected, "{host} in {list:?}");
        }
    }
}
