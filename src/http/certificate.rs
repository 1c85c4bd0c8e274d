//! What a certificate says: whose it is, who signed it, when it ends; and why one was refused, in words.
//!
//! Knows X.509 as far as the record has fields and failures have sentences for it. Refuses to verify anything (`tls`).

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::CertificateError;
use rustls::pki_types::{CertificateDer, UnixTime};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::record::rfc3339;
use crate::response::TlsFacts;
use crate::sanitize::shorten;

/// So many of the names that a certificate is for are told, and so much of each and of its signer's.
const MOST_NAMES: usize = 4;
const NAME_CHARS: usize = 120;

/// Adds what a chain says, the server's own certificate first. What cannot be read is left out: the handshake has
/// judged it already.
pub(super) fn note(chain: &[CertificateDer<'_>], facts: &mut TlsFacts) {
    let read = read(chain);
    facts.chain_not_after = read.iter().map(not_after).min();
    let Some(own) = chain.first().and_then(|der| Certificate::from_der(der).ok()) else { return };
    facts.subject = Some(own.tbs_certificate().subject().to_string());
    facts.issuer = Some(own.tbs_certificate().issuer().to_string());
    facts.not_after = Some(not_after(&own));
}

fn read(chain: &[CertificateDer<'_>]) -> Vec<Certificate> {
    chain.iter().filter_map(|der| Certificate::from_der(der).ok()).collect()
}

/// Why a chain was refused, the server's own certificate first; what a sentence needs and the chain does not say is left
/// out of it.
pub(super) fn refusal(error: &CertificateError, chain: &[CertificateDer<'_>]) -> String {
    match error {
        CertificateError::Expired => "the certificate has expired".to_owned(),
        CertificateError::ExpiredContext { not_after: end, .. } => {
            let whose = whose(chain, |certificate| not_after(certificate) == moment(*end));
            format!("{whose} has expired, on {}", minute(*end))
        }
        CertificateError::NotValidYet => "the certificate is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { not_before: begin, .. } => {
            let whose = whose(chain, |certificate| not_before(certificate) == moment(*begin));
            format!("{whose} is not valid yet, only from {}", minute(*begin))
        }
        CertificateError::UnknownIssuer => unknown_issuer(chain.first()),
        CertificateError::NotValidForName => "the certificate is for another name".to_owned(),
        CertificateError::NotValidForNameContext { expected, .. } => {
            format!(
                "the certificate is for another name than {}: {}",
                expected.to_str(),
                names(chain.first())
            )
        }
        CertificateError::Revoked => "the certificate was revoked".to_owned(),
        other => misused(other, chain.first()),
    }
}

/// Whether a server showed an authority's certificate: rustls has no word of its own for it.
pub(super) fn is_authority_as_server(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(_)) && format!("{error:?}").contains("CaUsedAsEndEntity")
}

/// Who signs was used as who is signed, or the other way round.
fn misused(error: &CertificateError, own: Option<&CertificateDer<'_>>) -> String {
    match own.and_then(|der| Certificate::from_der(der).ok()) {
        Some(own) if is_authority_as_server(error) && is_self_signed(&own) => {
            "the certificate is self-signed, and an authority's own (CA:TRUE) and not a server's".to_owned()
        }
        _ if is_authority_as_server(error) => {
            "the certificate is an authority's own and not a server's".to_owned()
        }
        _ if format!("{error:?}").contains("EndEntityUsedAsCa") => {
            "the certificate is signed by one that is a server's own and not an authority's".to_owned()
        }
        _ => format!("the certificate is not valid: {error}"),
    }
}

/// Who is at fault: the server's own certificate or, if only that is so of another, somebody above it.
fn whose(chain: &[CertificateDer<'_>], is_so: impl Fn(&Certificate) -> bool) -> &'static str {
    match read(chain).iter().position(is_so) {
        None | Some(0) => "the certificate",
        Some(_) => "a certificate above the server's own",
    }
}

/// Nobody who is trusted has signed it: whoever has is to be asked, or trusted.
fn unknown_issuer(own: Option<&CertificateDer<'_>>) -> String {
    let own = own.and_then(|der| Certificate::from_der(der).ok());
    let Some(own) = own else {
        return "the certificate is not signed by a trusted authority".to_owned();
    };
    if is_self_signed(&own) {
        return "the certificate is self-signed, which nobody trusts (--cacert FILE names roots)".to_owned();
    }
    let issuer = own.tbs_certificate().issuer().to_string();
    let issuer = shorten(&issuer, NAME_CHARS);
    format!(
        "the certificate is signed by {issuer}, which is not trusted: an unknown root (--cacert FILE), or the server leaves out an intermediate"
    )
}

fn is_self_signed(certificate: &Certificate) -> bool {
    let certificate = certificate.tbs_certificate();
    certificate.issuer() == certificate.subject()
}

/// The names that a certificate is for; names outside of its subjectAltName do not count (RFC 9525 §6.3).
fn names(own: Option<&CertificateDer<'_>>) -> String {
    let own = own.and_then(|der| Certificate::from_der(der).ok());
    let names = own.and_then(|own| own.tbs_certificate().get_extension::<SubjectAltName>().ok().flatten());
    let names: Vec<String> = names
        .iter()
        .flat_map(|(_, names)| &names.0)
        .filter_map(name)
        .map(|name| shorten(&name, NAME_CHARS).into_owned())
        .collect();
    let told = names[..names.len().min(MOST_NAMES)].join(", ");
    match names.len().saturating_sub(MOST_NAMES) {
        0 if names.is_empty() => "it names none".to_owned(),
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

/// What can be compared with a host.
fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(octets) => {
            let octets = octets.as_bytes();
            let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
            let v6 = <[u8; 16]>::try_from(octets).map(IpAddr::from);
            v4.or(v6).ok().map(|addr| addr.to_string())
        }
        _ => None,
    }
}

fn moment(time: UnixTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(time.as_secs())
}

/// `2021-01-01 00:00 UTC`.
fn minute(time: UnixTime) -> String {
    let written = rfc3339(moment(time));
    format!("{} UTC", written.get(..16).unwrap_or(&written).replace('T', " "))
}

fn not_before(certificate: &Certificate) -> SystemTime {
    certificate.tbs_certificate().validity().not_before.to_system_time()
}

fn not_after(certificate: &Certificate) -> SystemTime {
    certificate.tbs_certificate().validity().not_after.to_system_time()
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;

    use super::*;

    fn chain(pem: &[u8]) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(pem).map(|der| der.unwrap()).collect()
    }

    #[test]
    fn a_refusal_says_what_one_has_to_know_to_act() {
        let bad = chain(include_bytes!("../../fixtures/certs/expired.pem"));
        let elsewhere = chain(include_bytes!("../../fixtures/certs/wrong-name.pem"));
        let own = chain(include_bytes!("../../fixtures/certs/self-signed.pem"));
        // 2021-01-01, when expired.pem ends; and a minute later, when nothing of it does.
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let expired = |end| CertificateError::ExpiredContext { time: at(1_700_000_000), not_after: at(end) };
        let expected = "a.test".try_into().unwrap();
        let for_another = CertificateError::NotValidForNameContext { expected, presented: Vec::new() };
        for (error, chain, words) in [
            (expired(1_609_459_200), &bad, "the certificate has expired, on 2021-01-01 00:00 UTC"),
            (expired(1_609_459_260), &bad, "the certificate has expired, on 2021-01-01 00:01 UTC"),
            (
                expired(1_609_459_200),
                &[elsewhere.clone(), bad.clone()].concat(),
                "a certificate above the server's own has expired, on 2021-01-01 00:00 UTC",
            ),
            (
                for_another.clone(),
                &elsewhere,
                "the certificate is for another name than a.test: elsewhere.test, 127.0.0.2",
            ),
            (for_another, &Vec::new(), "the certificate is for another name than a.test: it names none"),
            (
                CertificateError::UnknownIssuer,
                &bad,
                "the certificate is signed by CN=greenfetch test CA, which is not trusted: an unknown root (--cacert FILE), \
                 or the server leaves out an intermediate",
            ),
            (
                CertificateError::UnknownIssuer,
                &own,
                "the certificate is self-signed, which nobody trusts (--cacert FILE names roots)",
            ),
            (
                CertificateError::UnknownIssuer,
                &Vec::new(),
                "the certificate is not signed by a trusted authority",
            ),
        ] {
            assert_eq!(refusal(&error, chain), words);
        }
    }

    #[test]
    fn a_chain_is_read_as_far_as_it_can_be() {
        let pem = include_bytes!("../../fixtures/certs/expired.pem");
        let chain: Vec<_> = CertificateDer::pem_slice_iter(pem).map(|der| der.unwrap()).collect();
        let mut facts = TlsFacts::default();
        note(&chain, &mut facts);
        assert!(facts.subject.is_some_and(|subject| subject.contains("CN=")));
        assert!(facts.not_after.is_some_and(|end| Some(end) >= facts.chain_not_after));
    }

    #[test]
    fn rubbish_says_nothing_and_harms_nobody() {
        let mut facts = TlsFacts::default();
        note(&[CertificateDer::from(vec![0x30, 0x82, 0xff, 0xff, 1])], &mut facts);
        note(&[], &mut facts);
        assert_eq!(facts, TlsFacts::default());
    }
}
