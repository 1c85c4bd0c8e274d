//! What a certificate says: whose it is, who signed it, when it ends.
//!
//! Knows X.509 as far as the record has fields for it. Refuses to verify anything (`tls`).

use std::time::SystemTime;

use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::response::TlsFacts;

/// Adds what a chain says, the server's own certificate first. What cannot be read is left out: the handshake has
/// judged it already.
pub(super) fn note(chain: &[CertificateDer<'_>], facts: &mut TlsFacts) {
    let read: Vec<Certificate> = chain.iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
    facts.chain_not_after = read.iter().map(not_after).min();
    let Some(own) = chain.first().and_then(|der| Certificate::from_der(der).ok()) else { return };
    facts.subject = Some(own.tbs_certificate().subject().to_string());
    facts.issuer = Some(own.tbs_certificate().issuer().to_string());
    facts.not_after = Some(not_after(&own));
}

fn not_after(certificate: &Certificate) -> SystemTime {
    certificate.tbs_certificate().validity().not_after.to_system_time()
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;

    use super::*;

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
