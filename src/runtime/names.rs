//! The system's resolver, asked for the wanted families alone.
//!
//! Knows getaddrinfo, which std has only in a form that always asks for both families. Refuses to know caches, threads and
//! when to ask: it blocks for as long as the system likes, so it is called where that hurts nobody.
#![expect(unsafe_code, reason = "getaddrinfo hands out a list of pointers; each step through it is argued")]

use std::ffi::{CStr, CString};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;

use crate::config::Family;

/// The addresses of a name, in the system's order (RFC 6724), each once; none when the name is there and has none of
/// the family.
///
/// # Errors
/// The system's sentence, such as "name or service not known".
pub fn addresses(name: &str, family: Family) -> Result<Vec<IpAddr>, String> {
    let Ok(name) = CString::new(name) else { return Err("not a name: it has a NUL".to_owned()) };
    // SAFETY: addrinfo is plain data, for which zeros mean "nothing in particular".
    let mut hints = unsafe { std::mem::zeroed::<libc::addrinfo>() };
    hints.ai_socktype = libc::SOCK_STREAM;
    hints.ai_family = match family {
        Family::Any => libc::AF_UNSPEC,
        Family::V4 => libc::AF_INET,
        Family::V6 => libc::AF_INET6,
    };
    let mut list = ptr::null_mut();
    // SAFETY: the name ends with NUL, all four pointers live through the call, and a null service is allowed.
    let code = unsafe { libc::getaddrinfo(name.as_ptr(), ptr::null(), &raw const hints, &raw mut list) };
    match code {
        0 => Ok(Answers(list).ips()),
        libc::EAI_NODATA => Ok(Vec::new()),
        libc::EAI_SYSTEM => Err(lower_case(&io::Error::last_os_error().to_string())),
        // SAFETY: the sentence is a constant of the C library.
        code => Err(lower_case(&unsafe { CStr::from_ptr(libc::gai_strerror(code)) }.to_string_lossy())),
    }
}

/// getaddrinfo's list, freed with its value.
struct Answers(*mut libc::addrinfo);

impl Answers {
    fn ips(&self) -> Vec<IpAddr> {
        let mut ips = Vec::new();
        let mut next = self.0;
        while !next.is_null() {
            // SAFETY: the list is getaddrinfo's, its entries live until it is freed, and the last one has a null link.
            let entry = unsafe { &*next };
            // SAFETY: of the same list.
            let ip = unsafe { to_ip(entry) };
            ips.extend(ip.filter(|ip| !ips.contains(ip)));
            next = entry.ai_next;
        }
        ips
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        // SAFETY: the list is getaddrinfo's, not null after its success, and freed here alone.
        unsafe { libc::freeaddrinfo(self.0) };
    }
}

/// # Safety
/// `ai_addr` points to an address of the family that `ai_family` says.
unsafe fn to_ip(entry: &libc::addrinfo) -> Option<IpAddr> {
    match entry.ai_family {
        libc::AF_INET => {
            // SAFETY: the family says that it is one of IPv4.
            let addr = unsafe { &*entry.ai_addr.cast::<libc::sockaddr_in>() };
            Some(Ipv4Addr::from(u32::from_be(addr.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that it is one of IPv6.
            let addr = unsafe { &*entry.ai_addr.cast::<libc::sockaddr_in6>() };
            Some(Ipv6Addr::from(addr.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

/// The sentence as a part of ours.
fn lower_case(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_its_own_and_is_there_once() {
        assert_eq!(addresses("127.0.0.1", Family::Any), Ok(vec![Ipv4Addr::LOCALHOST.into()]));
        assert_eq!(addresses("::1", Family::V6), Ok(vec![Ipv6Addr::LOCALHOST.into()]));
        assert!(addresses("a\0b", Family::Any).is_err());
    }

    #[test]
    fn the_systems_sentence_becomes_a_part_of_ours() {
        assert_eq!(lower_case("Name or service not known"), "name or service not known");
        assert_eq!(lower_case(""), "");
    }
}
