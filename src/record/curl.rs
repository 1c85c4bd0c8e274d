//! A failure as curl's exit number (pure).
//!
//! Knows the numbers of curl's man page, "EXIT CODES". Refuses to know our own exit status (`exit`).

use crate::outcome::{Class, Failure, Phase};
use crate::response::Response;

/// The number that curl would end with; `None` where curl has no such failure.
pub(super) fn exitcode(failure: &Failure, seen: &Response) -> Option<u8> {
    Some(match failure.class {
        Class::Url => 3,
        Class::Dns if is_of_proxy(failure) => 5,
        Class::Dns => 6,
        // A refused tunnel, which curl takes for a failure to receive.
        Class::Connect if is_of_proxy(failure) && failure.tried.is_empty() => 56,
        Class::Connect => 7,
        Class::Tls => tls(&failure.message),
        Class::Timeout => 28,
        Class::Closed => closed(failure, seen),
        Class::Protocol => protocol(&failure.message),
        Class::Decode => 61,
        Class::Size => 63,
        Class::Redirect => 47,
        Class::Status => 22,
        Class::Write => 23,
        Class::Check | Class::Cancelled | Class::Internal => return None,
    })
}

/// Whether it is about a proxy, which is then named first.
fn is_of_proxy(failure: &Failure) -> bool {
    failure.message.starts_with("proxy ")
}

/// 60 when the server's certificate was refused, 35 for any other handshake. An alert is the server's refusal of
/// ours, even when it is about a certificate.
fn tls(message: &str) -> u8 {
    const VERIFICATION: [&str; 5] = ["certificate", "issuer", "self-signed", "expired", "verif"];
    let message = message.to_ascii_lowercase();
    let refused = VERIFICATION.iter().any(|word| message.contains(word)) && !message.contains("alert");
    if refused { 60 } else { 35 }
}

/// 18 for a body cut short, 52 for an end before any answer, 55 and 56 for an abort while sending and receiving.
fn closed(failure: &Failure, seen: &Response) -> u8 {
    match (failure.phase, seen.status) {
        (Phase::Send, _) => 55,
        // A tunnel that never opened.
        (Phase::Connect, _) => 56,
        _ if failure.message.contains("reset") => 56,
        (_, Some(_)) => 18,
        (_, None) if seen.size_header > 0 => 56,
        (_, None) => 52,
    }
}

/// 1 for a version of HTTP that is not taken (curl says so of HTTP/0.9), 8 for anything else that is odd.
fn protocol(message: &str) -> u8 {
    if message.contains("HTTP/0.9") { 1 } else { 8 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_curls_number() {
        let body = Response { status: Some(200), size_header: 40, ..Response::default() };
        let head = Response { size_header: 9, ..Response::default() };
        let none = Response::default();
        for (class, phase, message, seen, number) in [
            (Class::Url, Phase::Queue, "no scheme", &none, Some(3)),
            (Class::Dns, Phase::Dns, "no such name", &none, Some(6)),
            (Class::Dns, Phase::Dns, "proxy a:1: no such name", &none, Some(5)),
            (Class::Connect, Phase::Connect, "refused", &none, Some(7)),
            (Class::Connect, Phase::Connect, "proxy a:1: refused a tunnel", &none, Some(56)),
            (Class::Closed, Phase::Connect, "proxy a:1: ended", &none, Some(56)),
            (Class::Tls, Phase::Tls, "handshake failure", &none, Some(35)),
            (Class::Tls, Phase::Tls, "received fatal alert: CertificateRequired", &none, Some(35)),
            (Class::Tls, Phase::Tls, "invalid peer certificate: UnknownIssuer", &none, Some(60)),
            (Class::Tls, Phase::Tls, "the certificate has expired", &none, Some(60)),
            (Class::Timeout, Phase::Wait, "", &none, Some(28)),
            (Class::Closed, Phase::Receive, "ended after 9 of 10 bytes", &body, Some(18)),
            (Class::Closed, Phase::Receive, "connection reset", &body, Some(56)),
            (Class::Closed, Phase::Wait, "connection reset", &none, Some(56)),
            (Class::Closed, Phase::Wait, "ended without a response", &none, Some(52)),
            (Class::Closed, Phase::Receive, "ended in the head", &head, Some(56)),
            (Class::Closed, Phase::Send, "broken pipe", &none, Some(55)),
            (Class::Protocol, Phase::Receive, "two lengths", &none, Some(8)),
            (Class::Protocol, Phase::Receive, "HTTP/0.9 is not taken", &none, Some(1)),
            (Class::Decode, Phase::Receive, "", &body, Some(61)),
            (Class::Size, Phase::Receive, "", &body, Some(63)),
            (Class::Redirect, Phase::Receive, "", &body, Some(47)),
            (Class::Status, Phase::Check, "", &body, Some(22)),
            (Class::Write, Phase::Write, "", &body, Some(23)),
            (Class::Check, Phase::Check, "", &body, None),
            (Class::Cancelled, Phase::Queue, "", &none, None),
            (Class::Internal, Phase::Queue, "", &none, None),
        ] {
            assert_eq!(exitcode(&Failure::new(class, phase, message), seen), number, "{class} {message}");
        }
    }
}
