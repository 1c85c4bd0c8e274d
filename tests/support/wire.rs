//! One connection of the fault origin, plain or TLS.
//!
//! Knows how bytes go out and how a connection ends. Refuses to know which script it plays for.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};

use super::sys;

/// A socket that the origin can still reach when its thread is parked in it.
pub(crate) struct Raw(pub(crate) Arc<TcpStream>);

impl Read for Raw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

impl Write for Raw {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Raw {
    /// Reads until the peer has nothing more to say, so that our own end is no reset.
    fn drain(&mut self) {
        let mut buffer = [0; 4096];
        while matches!(self.read(&mut buffer), Ok(n) if n > 0) {}
    }
}

/// A connection.
pub(crate) enum Wire {
    /// Bytes as they are.
    Plain(Raw),
    /// TLS with us as the server.
    Tls(Box<StreamOwned<ServerConnection, Raw>>),
}

impl Wire {
    /// Shakes hands when there is a configuration to do it with; `None` when that failed, which is the peer's to tell.
    pub(crate) fn accept(mut raw: Raw, tls: Option<&Arc<ServerConfig>>) -> Option<Wire> {
        let Some(config) = tls else { return Some(Wire::Plain(raw)) };
        let mut session = ServerConnection::new(config.clone()).expect("a configuration that was checked");
        while session.is_handshaking() {
            if session.complete_io(&mut raw).is_err() {
                // rustls has its alert ready, and a peer that speaks something else is to see it.
                while session.wants_write() && session.write_tls(&mut raw).is_ok() {}
                finish(&mut raw);
                return None;
            }
        }
        Some(Wire::Tls(Box::new(StreamOwned::new(session, raw))))
    }

    /// Writes all and flushes; false when the peer went away.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        match self {
            Wire::Plain(raw) => raw.write_all(bytes).is_ok(),
            Wire::Tls(stream) => stream.write_all(bytes).is_ok() && stream.flush().is_ok(),
        }
    }

    /// Writes all, and at once behind it what is no TLS.
    pub(crate) fn send_and_spoil(&mut self, bytes: &[u8]) {
        let mut records = Vec::new();
        if let Wire::Tls(stream) = self {
            stream.conn.writer().write_all(bytes).expect("room for a few bytes");
            while stream.conn.wants_write() && stream.conn.write_tls(&mut records).is_ok() {}
        }
        records.extend(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        // A peer that left is no concern of a script.
        let _ = self.raw().write_all(&records);
    }

    /// What comes next; 0 at the end, however it came.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> usize {
        match self {
            Wire::Plain(raw) => raw.read(buffer),
            Wire::Tls(stream) => stream.read(buffer),
        }
        .unwrap_or(0)
    }

    /// Ends in an orderly way.
    pub(crate) fn fin(&mut self, close_notify: bool) {
        if let Wire::Tls(stream) = self
            && close_notify
        {
            stream.conn.send_close_notify();
            while stream.conn.wants_write() && stream.conn.write_tls(&mut stream.sock).is_ok() {}
        }
        finish(self.raw());
    }

    /// Makes the close that follows a reset.
    pub(crate) fn rst(&mut self) {
        sys::linger_none(&self.raw().0);
    }

    /// Stays silent until the peer goes away.
    pub(crate) fn hang(&mut self) {
        self.raw().drain();
    }

    /// Answers a handshake with the first bytes of what a server would say.
    pub(crate) fn flight(&mut self, n_bytes: usize) {
        let config = server_config("localhost", Vec::new(), false, rustls::ALL_VERSIONS);
        let mut session = ServerConnection::new(config).expect("a configuration that was checked");
        let raw = self.raw();
        while !session.wants_write() {
            if !matches!(session.read_tls(raw), Ok(n) if n > 0) || session.process_new_packets().is_err() {
                return;
            }
        }
        let mut flight = Vec::new();
        while session.wants_write() && session.write_tls(&mut flight).is_ok() {}
        flight.truncate(n_bytes);
        // A peer that left is no concern of a script that goes on to hang.
        let _ = raw.write_all(&flight);
    }

    fn raw(&mut self) -> &mut Raw {
        match self {
            Wire::Plain(raw) => raw,
            Wire::Tls(stream) => &mut stream.sock,
        }
    }
}

fn finish(raw: &mut Raw) {
    // It may be closed already; then there is nothing to end.
    let _ = raw.0.shutdown(Shutdown::Write);
    raw.drain();
}

/// Where a certificate of `fixtures/certs` lies.
pub(crate) fn certificate(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/certs").join(format!("{name}.pem"))
}

/// A server that shows `fixtures/certs/NAME.pem` and what else it is given, and may demand a certificate in return.
pub(crate) fn server_config(
    name: &str,
    more: Vec<CertificateDer<'static>>,
    demands_client: bool,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ServerConfig> {
    let mut chain = chain(name);
    chain.extend(more);
    let key = PrivateKeyDer::from_pem_file(certificate(name).with_extension("key")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .expect("ring has them");
    let builder = if demands_client {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self::chain("ca"));
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        builder.with_client_cert_verifier(verifier.expect("a root"))
    } else {
        builder.with_no_client_auth()
    };
    Arc::new(builder.with_single_cert(chain, key).expect("a certificate and its key"))
}

/// The certificates of a file.
pub(crate) fn chain(name: &str) -> Vec<CertificateDer<'static>> {
    let read = CertificateDer::pem_file_iter(certificate(name)).expect("a certificate");
    read.map(|certificate| certificate.expect("PEM")).collect()
}
