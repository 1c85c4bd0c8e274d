//! Errors of ureq, rustls and the system, by name → `Failure`.
//!
//! Knows each error that can come and what it means to a user. A forced `_` is class `internal` and names itself, so
//! that a new one is noticed. Refuses to decide what is tried again.

use std::io;
use std::path::Path;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::{AlertDescription, InvalidMessage};

use super::certificate;
use crate::outcome::{Class, Failure, Phase, Tried};
use crate::runtime::{ConnectError, Wake};

/// A limit of time, as its option calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// `--connect-timeout`.
    Connect(Duration),
    /// `--max-time`.
    Total(Duration),
    /// `--stall`.
    Stall(Duration),
}

/// A limit of time has passed.
pub(super) fn late(limit: Limit, phase: Phase) -> Failure {
    let message = match limit {
        Limit::Connect(limit) => format!("not connected after {} (--connect-timeout)", seconds(limit)),
        Limit::Total(limit) => format!("not done after {} (--max-time)", seconds(limit)),
        Limit::Stall(limit) => format!("no byte for {} (--stall)", seconds(limit)),
    };
    Failure::new(Class::Timeout, phase, message)
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

/// The run is being stopped.
pub(super) fn cancelled(phase: Phase) -> Failure {
    Failure::new(Class::Cancelled, phase, "the run was stopped")
}

/// A bug of ours, or something that nobody thought of.
pub(super) fn internal(phase: Phase, message: impl Into<String>) -> Failure {
    Failure::new(Class::Internal, phase, message)
}

/// No address could be connected to, of a server or of a proxy.
pub(super) fn no_connection(error: ConnectError, limit: Limit, is_proxy: bool) -> Failure {
    let (before, after) = if is_proxy { ("proxy ", " (proxy)") } else { ("", "") };
    let words = error.tried.iter().map(|(addr, error)| (*addr, connect_word(error)));
    let list: Vec<_> = words.clone().map(|(addr, word)| format!("{before}{addr} {word}")).collect();
    let list = list.join("; ");
    let tried = words.map(|(addr, word)| Tried { addr, message: format!("{word}{after}") }).collect();
    let failure = match (error.wake, error.exhausted) {
        (Wake::Stopped, _) => cancelled(Phase::Connect),
        (Wake::Late, _) => {
            let failure = late(limit, Phase::Connect);
            Failure { message: format!("{}: {list}", failure.message), ..failure }
        }
        (Wake::Woken, Some(error)) => Failure::new(
            Class::Connect,
            Phase::Connect,
            format!("no socket to connect with: {}", system_word(&error)),
        ),
        (Wake::Woken, None) => Failure::new(Class::Connect, Phase::Connect, list),
    };
    Failure { tried, ..failure }
}

/// A Unix socket could not be connected to.
pub(super) fn no_local(path: &Path, error: &io::Error) -> Failure {
    let message = format!("the socket {}: {}", path.display(), connect_word(error));
    Failure::new(Class::Connect, Phase::Connect, message)
}

fn connect_word(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refused".to_owned(),
        io::ErrorKind::TimedOut => "no answer".to_owned(),
        io::ErrorKind::HostUnreachable => "host unreachable".to_owned(),
        io::ErrorKind::NetworkUnreachable => "network unreachable".to_owned(),
        io::ErrorKind::ConnectionReset => "reset".to_owned(),
        io::ErrorKind::PermissionDenied => "not permitted".to_owned(),
        _ => system_word(error),
    }
}

/// The system's sentence without Rust's "(os error 5)".
pub(super) fn system_word(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

/// The connection failed while something was sent or received.
pub(super) fn broken(error: &io::Error, phase: Phase, so_far: &str) -> Failure {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return tls_failure(tls, &[], phase);
    }
    let how = match error.kind() {
        io::ErrorKind::ConnectionReset => "reset".to_owned(),
        io::ErrorKind::BrokenPipe => "closed by the server".to_owned(),
        io::ErrorKind::UnexpectedEof => "ended without TLS close_notify".to_owned(),
        _ => system_word(error),
    };
    Failure::new(Class::Closed, phase, format!("{how} {so_far}"))
}

/// TLS failed; `chain` is what the server showed, its own certificate first, empty where that is not known.
pub(super) fn tls_failure(error: &rustls::Error, chain: &[CertificateDer<'_>], phase: Phase) -> Failure {
    let message = match error {
        rustls::Error::InvalidCertificate(error) => certificate::refusal(error, chain),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) if phase == Phase::Tls => {
            "the server does not speak TLS: plain HTTP on this port? Then write http://".to_owned()
        }
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "the server went on with what is no TLS".to_owned()
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server demands a client certificate".to_owned()
        }
        rustls::Error::AlertReceived(alert) => {
            format!("the server ended the handshake with the alert {alert:?}")
        }
        rustls::Error::PeerIncompatible(reason) => {
            format!("no common TLS version or cipher suite: {reason:?}")
        }
        other => other.to_string(),
    };
    Failure::new(Class::Tls, phase, message)
}

/// What ureq says by itself, when the wire had no complaint of its own.
pub(super) fn from_ureq(error: &ureq::Error, phase: Phase) -> Failure {
    use ureq::Error;
    match error {
        Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Failure::new(Class::Closed, phase, "ended before the response was over")
        }
        Error::Io(error) => broken(error, phase, "before the response was over"),
        Error::Protocol(error) => Failure::new(Class::Protocol, phase, error.to_string()),
        Error::BadUri(text) => {
            Failure::new(Class::Url, Phase::Send, format!("not a URL that can be sent: {text}"))
        }
        Error::Http(error) => {
            Failure::new(Class::Url, Phase::Send, format!("not a request that can be sent: {error}"))
        }
        Error::BodyStalled => Failure::new(Class::Protocol, phase, "the framing of the body makes no sense"),
        Error::LargeResponseHeader(..) => Failure::new(Class::Size, phase, error.to_string()),
        other => internal(phase, format!("ureq said what it should not: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_named_with_its_own_word() {
        let refused = |addr: &str| (addr.parse().unwrap(), io::ErrorKind::ConnectionRefused.into());
        let tried = vec![refused("10.0.0.1:443"), refused("[::1]:443")];
        let error = ConnectError { tried, wake: Wake::Woken, exhausted: None };
        let failure = no_connection(error, Limit::Total(Duration::from_secs(1)), false);
        assert_eq!(failure.to_string(), "connect (connect): 10.0.0.1:443 refused; [::1]:443 refused");
        assert_eq!(failure.tried.len(), 2);
    }

    #[test]
    fn limits_name_their_option_and_phase() {
        let failure = late(Limit::Stall(Duration::from_millis(1500)), Phase::Receive);
        assert_eq!(failure.to_string(), "timeout (receive): no byte for 1.5 s (--stall)");
    }

    #[test]
    fn certificates_say_which_fault() {
        let failure = tls_failure(&rustls::CertificateError::Expired.into(), &[], Phase::Tls);
        assert_eq!(failure.to_string(), "tls (tls): the certificate has expired");
    }

    #[test]
    fn the_systems_words_lose_their_number() {
        assert_eq!(system_word(&io::Error::from_raw_os_error(2)), "no such file or directory");
    }
}
