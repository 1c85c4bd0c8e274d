//! TLS by rustls: which roots are trusted, and the configurations that connections share.
//!
//! Knows roots, our own certificate and versions, and where the system keeps its roots. Refuses to move bytes
//! (`connection`) and to read certificates (`certificate`).

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::ring::{self, cipher_suite};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion};

use super::certificate::is_authority_as_server;
use crate::config;
use crate::outcome::{Class, Failure, Phase};
use crate::runtime::{Answer, Runtime, Slot, Wake};

/// Sessions kept for resumption. rustls's default of 256 names is fewer than a list may have.
const SESSIONS: usize = 2048;

/// What https needs, made at the first https URL and never before: the system's bundle takes 20 ms to read.
pub(super) struct Tls {
    runtime: Runtime,
    terms: Terms,
    verifying: Shared,
    /// For `--insecure`. Sessions are its own too, so that none that nobody verified is resumed by who verifies.
    unverifying: Shared,
}

type Made = Answer<Result<Arc<ClientConfig>, String>>;

/// A configuration that the first to ask has made, on another thread.
struct Shared {
    config: Arc<Made>,
    asked: std::sync::Once,
}

impl Default for Shared {
    fn default() -> Shared {
        Shared { config: Arc::default(), asked: std::sync::Once::new() }
    }
}

/// What the options ask of TLS; files are read.
#[derive(Clone)]
struct Terms {
    tls13_only: bool,
    /// `--cacert`; `None` = the system's roots.
    roots: Option<Roots>,
    /// `--cert` and `--key`.
    identity: Option<Arc<CertifiedKey>>,
}

/// The roots of `--cacert`, and the certificates they were read from.
#[derive(Clone)]
struct Roots {
    store: Arc<RootCertStore>,
    certificates: Arc<[CertificateDer<'static>]>,
}

impl Tls {
    /// Reads `--cacert`, `--cert` and `--key` if they are there.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub(super) fn new(connection: &config::Connection, runtime: &Runtime) -> Result<Tls, String> {
        let terms = Terms {
            tls13_only: connection.tls13_only,
            roots: connection.cacert.as_deref().map(read_roots).transpose()?,
            identity: read_identity(connection)?,
        };
        let (verifying, unverifying) = (Shared::default(), Shared::default());
        Ok(Tls { runtime: runtime.clone(), terms, verifying, unverifying })
    }

    /// The configuration that verifies or, with `--insecure`, does not. The first to ask has it made on another thread,
    /// all wait for it.
    pub(super) fn config(
        &self,
        insecure: bool,
        slot: &Arc<Slot>,
        until: Option<Instant>,
    ) -> Result<Result<Arc<ClientConfig>, Failure>, Wake> {
        let shared = if insecure { &self.unverifying } else { &self.verifying };
        shared.asked.call_once(|| self.have_it_made(insecure, &shared.config));
        let made = shared.config.wait(slot, until)?;
        Ok(made.map_err(|message| Failure::new(Class::Tls, Phase::Tls, message)))
    }

    fn have_it_made(&self, insecure: bool, config: &Arc<Made>) {
        let (terms, answer) = (self.terms.clone(), Arc::clone(config));
        let job = move || {
            let roots = match &terms.roots {
                Some(roots) => Ok(Arc::clone(&roots.store)),
                // Nobody is asked whom nobody would believe.
                None if insecure => Ok(Arc::new(RootCertStore::empty())),
                None => system_roots(),
            };
            answer.give(roots.and_then(|roots| client_config(roots, insecure, &terms)).map(Arc::new));
        };
        if let Err(error) = self.runtime.offload().submit(Box::new(job)) {
            config.give(Err(format!("no thread to read the trusted roots on: {error}")));
        }
    }
}

fn read_roots(path: &Path) -> Result<Roots, String> {
    let shown = path.display();
    let bytes = read(path, "--cacert")?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let certificates = certificates.map_err(|error| format!("--cacert {shown}: not PEM: {error}"))?;
    let mut store = RootCertStore::empty();
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(|error| format!("--cacert {shown}: {error}"))?;
    }
    if store.is_empty() {
        return Err(format!("--cacert {shown}: no PEM certificate in it"));
    }
    Ok(Roots { store: Arc::new(store), certificates: certificates.into() })
}

/// The system's roots, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name. One that cannot be read is left out.
fn system_roots() -> Result<Arc<RootCertStore>, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(|| "none found".to_owned(), ToString::to_string);
        return Err(format!("no trusted roots: {why} (SSL_CERT_FILE, SSL_CERT_DIR or --cacert name others)"));
    }
    Ok(Arc::new(roots))
}

/// Our certificate and its key, which may be in one file.
fn read_identity(connection: &config::Connection) -> Result<Option<Arc<CertifiedKey>>, String> {
    let Some(cert) = &connection.cert else { return Ok(None) };
    let key = connection.key.as_ref().unwrap_or(cert);
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(cert, "--cert")?).collect();
    let chain = chain.map_err(|error| format!("--cert {}: not PEM: {error}", cert.display()))?;
    if chain.is_empty() {
        return Err(format!("--cert {}: no PEM certificate in it", cert.display()));
    }
    let secret =
        PrivateKeyDer::from_pem_slice(&read(key, "--key")?).map_err(|error| match &connection.key {
            Some(_) => format!("--key {}: no PEM private key in it: {error}", key.display()),
            None => {
                format!("--cert {}: no PEM private key in it; --key FILE names another file", key.display())
            }
        })?;
    let provider = provider();
    let certified = CertifiedKey::from_der(chain, secret, &provider);
    let certified = certified.map_err(|error| format!("--key {}: {error}", key.display()))?;
    Ok(Some(Arc::new(certified)))
}

fn read(path: &Path, option: &str) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{option} {}: {error}", path.display()))
}

/// ring's, which offers AES-128 before AES-256 here, as browsers do: a handshake then hashes by SHA-256, for which
/// processors have instructions: SHA-384 was 7 % of what a fresh connection took (2026-11).
fn provider() -> CryptoProvider {
    let cipher_suites = vec![
        cipher_suite::TLS13_AES_128_GCM_SHA256,
        cipher_suite::TLS13_AES_256_GCM_SHA384,
        cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ];
    CryptoProvider { cipher_suites, ..ring::default_provider() }
}

fn client_config(roots: Arc<RootCertStore>, insecure: bool, terms: &Terms) -> Result<ClientConfig, String> {
    let provider = Arc::new(provider());
    let algorithms = provider.signature_verification_algorithms;
    let versions: &[&SupportedProtocolVersion] =
        if terms.tls13_only { &[&rustls::version::TLS13] } else { rustls::ALL_VERSIONS };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let verifier: Arc<dyn ServerCertVerifier> = if insecure {
        Arc::new(Unverified { algorithms })
    } else {
        let real = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
        let real = real.map_err(|error| format!("the trusted roots cannot be used: {error}"))?;
        let named = terms.roots.as_ref().map(|roots| Arc::clone(&roots.certificates));
        Arc::new(Noting { real, named: named.unwrap_or_default() })
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = match &terms.identity {
        Some(identity) => {
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(identity))))
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Ok(config)
}

thread_local! {
    /// The certificates that failed last on this thread. Put here by `Noting` inside rustls and taken right after it
    /// returns, without a wait between, so no other coroutine can come in between.
    static REFUSED: RefCell<Vec<CertificateDer<'static>>> = const { RefCell::new(Vec::new()) };
}

/// The certificates, the server's own first, whose verification has just failed; none when it has not.
pub(super) fn take_refused() -> Vec<CertificateDer<'static>> {
    REFUSED.take()
}

/// The real verifier, with a note of what it refuses: rustls forgets that, and the user wants to know which
/// certificate it was. One for all connections: one for each would end resumption.
#[derive(Debug)]
struct Noting {
    real: Arc<WebPkiServerVerifier>,
    /// The certificates of `--cacert`.
    named: Arc<[CertificateDer<'static>]>,
}

impl Noting {
    /// A server may show the very certificate that `--cacert` names, as `openssl req -x509` makes them: an authority's.
    /// OpenSSL and with it curl take it, webpki never does. What it looks at before, the dates, was good; what it would
    /// have looked at after is the name.
    fn is_named(&self, certificate: &CertificateDer<'_>, error: &rustls::Error) -> bool {
        matches!(error, rustls::Error::InvalidCertificate(error) if is_authority_as_server(error))
            && self.named.contains(certificate)
    }
}

impl ServerCertVerifier for Noting {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict =
            self.real.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let verdict = match verdict {
            Err(error) if self.is_named(end_entity, &error) => ParsedCertificate::try_from(end_entity)
                .and_then(|certificate| verify_server_name(&certificate, server_name))
                .map(|()| ServerCertVerified::assertion()),
            verdict => verdict,
        };
        if verdict.is_err() {
            let shown = std::iter::once(end_entity).chain(intermediates);
            REFUSED.set(shown.map(|certificate| certificate.clone().into_owned()).collect());
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.real.verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.real.verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.real.supported_verify_schemes()
    }
}

/// `--insecure`: any certificate will do, but the handshake's signatures must still fit it.
#[derive(Debug)]
struct Unverified {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The name that the certificate must have. A final dot is not part of it (RFC 6066 §3).
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, Failure> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    let name = ServerName::try_from(bare.to_owned());
    name.map_err(|_| Failure::new(Class::Tls, Phase::Tls, format!("{host:?} cannot be a certificate's name")))
}

/// rustls's errors travel as `io::Error` through what reads and writes.
pub(super) fn as_io(error: rustls::Error) -> io::Error {
    io::Error::other(error)
}

/// rustls's error that travels so, if it is one.
pub(super) fn fault(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}
