//! TLS through rustls, with libpq's rules for trusting a server.
//!
//! Guarantees: no process-wide state of rustls is read or set; `verify-full` accepts only a certificate that
//! a root vouches for and that names the host.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::encryption::{Encryption, RootCertificates, SslMode};
use super::error::ConnectFault;

/// Builds what encrypts a connection. Reads files.
pub(super) fn connector(encryption: &Encryption) -> Result<MakeRustlsConnect, ConnectFault> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier {
        roots: roots(encryption)?,
        names_host: encryption.mode == SslMode::VerifyFull,
        algorithms: provider.signature_verification_algorithms,
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider serves TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    if encryption.direct {
        config.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(MakeRustlsConnect::new(config))
}

/// Certificates that vouch for a server's.
#[derive(Debug, Clone)]
struct Roots {
    store: Arc<RootCertStore>,
    /// The same certificates, where they were given by name and may include the server's own.
    given: Vec<CertificateDer<'static>>,
}

fn roots(encryption: &Encryption) -> Result<Option<Roots>, ConnectFault> {
    match &encryption.roots {
        RootCertificates::File(path) => from_file(path).map(Some),
        RootCertificates::System => from_system().map(Some),
        RootCertificates::Default => {
            let path = std::env::home_dir().unwrap_or_default().join(".postgresql/root.crt");
            match encryption.mode {
                _ if path.exists() => from_file(&path).map(Some),
                SslMode::VerifyFull => from_system().map(Some),
                SslMode::VerifyCa => Err(unusable(path, "give sslrootcert, there is no default file")),
                SslMode::Disable | SslMode::Allow | SslMode::Prefer | SslMode::Require => Ok(None),
            }
        }
    }
}

fn from_file(path: &Path) -> Result<Roots, ConnectFault> {
    let given: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(path, error))?;
    let mut store = RootCertStore::empty();
    for certificate in &given {
        store.add(certificate.clone()).map_err(|error| unusable(path, error))?;
    }
    if given.is_empty() {
        return Err(unusable(path, "there is no certificate in it"));
    }
    Ok(Roots { store: Arc::new(store), given })
}

fn from_system() -> Result<Roots, ConnectFault> {
    static STORE: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let store = STORE.get_or_init(|| {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(store)
    });
    if store.is_empty() {
        return Err(unusable("of the system", "none was found; give sslrootcert=PATH"));
    }
    Ok(Roots { store: store.clone(), given: Vec::new() })
}

fn unusable(
    path: impl Into<PathBuf>,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> ConnectFault {
    ConnectFault::RootCertificates { path: path.into(), source: source.into() }
}

#[derive(Debug)]
struct Verifier {
    /// None: any certificate will do.
    roots: Option<Roots>,
    names_host: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn vouch(
        &self,
        roots: &Roots,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        let algorithms = self.algorithms.all;
        match verify_server_cert_signed_by_trust_anchor(&parsed, &roots.store, intermediates, now, algorithms)
        {
            // A self-signed certificate that calls itself an authority may not serve as a server's – unless
            // it is the very one that was given to be trusted.
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(_)))
                if roots.given.contains(certificate) =>
            {
                Ok(())
            }
            other => other,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            self.vouch(roots, certificate, intermediates, now)?;
        }
        if self.names_host {
            verify_server_name(&ParsedCertificate::try_from(certificate)?, host)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
