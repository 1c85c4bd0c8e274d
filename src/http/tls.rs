//! TLS by rustls: which roots are trusted, and the one configuration that all connections share.
//!
//! Knows certificates and where the system keeps its roots. Refuses to move bytes (`connection`).

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::config;
use crate::outcome::{Class, Failure, Phase};
use crate::runtime::{Answer, Runtime, Slot, Wake};

/// Sessions kept for resumption. rustls's default of 256 names is fewer than a list may have.
const SESSIONS: usize = 2048;

/// What https needs, made at the first https URL and never before: the system's bundle takes 20 ms to read.
pub(super) struct Tls {
    runtime: Runtime,
    insecure: bool,
    /// `--cacert`, read at the start; `None` = the system's roots.
    roots: Option<Arc<RootCertStore>>,
    config: Arc<Answer<Result<Arc<ClientConfig>, String>>>,
    asked: std::sync::Once,
}

impl Tls {
    /// Reads `--cacert` if there is one.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub(super) fn new(connection: &config::Connection, runtime: &Runtime) -> Result<Tls, String> {
        let roots = connection.cacert.as_deref().map(read_roots).transpose()?.map(Arc::new);
        let runtime = runtime.clone();
        let (config, asked) = (Arc::default(), std::sync::Once::new());
        Ok(Tls { runtime, insecure: connection.insecure, roots, config, asked })
    }

    /// The configuration; the first to ask has it made on another thread, all wait for it.
    pub(super) fn config(
        &self,
        slot: &Arc<Slot>,
        until: Option<Instant>,
    ) -> Result<Result<Arc<ClientConfig>, Failure>, Wake> {
        self.asked.call_once(|| self.have_it_made());
        let made = self.config.wait(slot, until)?;
        Ok(made.map_err(|message| Failure::new(Class::Tls, Phase::Tls, message)))
    }

    fn have_it_made(&self) {
        let (insecure, roots, answer) = (self.insecure, self.roots.clone(), Arc::clone(&self.config));
        let job = move || {
            let roots = roots.map_or_else(system_roots, Ok);
            answer.give(roots.map(|roots| Arc::new(client_config(roots, insecure))));
        };
        if let Err(error) = self.runtime.offload().submit(Box::new(job)) {
            self.config.give(Err(format!("no thread to read the trusted roots on: {error}")));
        }
    }
}

fn read_roots(path: &Path) -> Result<RootCertStore, String> {
    let shown = path.display();
    let bytes = fs::read(path).map_err(|error| format!("--cacert {shown}: {error}"))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = certificate.map_err(|error| format!("--cacert {shown}: not PEM: {error}"))?;
        roots.add(certificate).map_err(|error| format!("--cacert {shown}: {error}"))?;
    }
    if roots.is_empty() {
        return Err(format!("--cacert {shown}: no PEM certificate in it"));
    }
    Ok(roots)
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

fn client_config(roots: Arc<RootCertStore>, insecure: bool) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has suites for the default versions");
    let mut config = if insecure {
        let verifier = Arc::new(Unverified { algorithms });
        builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
    } else {
        builder.with_root_certificates(roots).with_no_client_auth()
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    config
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
