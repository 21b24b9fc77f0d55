//! TLS: the certificate of the server's listeners, which can be replaced while it runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::setup_error::SetupError;

/// The protocols over TLS, the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [HTTP_2, b"http/1.1"];

/// The name of HTTP/2 in a TLS handshake.
pub(crate) const HTTP_2: &[u8] = b"h2";

/// A certificate with its private key, from two PEM files. Clones share it.
#[derive(Clone, Debug)]
pub struct Tls {
    acceptor_config: Arc<ServerConfig>,
    files: Arc<Files>,
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    /// What is shown to clients.
    current: RwLock<Arc<CertifiedKey>>,
    /// The state of the files when they were last read, successfully or not.
    seen: Mutex<[Option<State>; 2]>,
}

/// What changes with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    modified: Option<SystemTime>,
    length: u64,
}

impl Tls {
    /// Reads the certificate chain, the server's own certificate first, and its private key.
    ///
    /// # Errors
    /// [`SetupError::Setting`], which names the file and says what is wrong with it.
    pub fn open(
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Result<Self, SetupError> {
        let (certificate, key) = (certificate.into(), key.into());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let seen = [State::of(&certificate), State::of(&key)];
        let current = read(&certificate, &key, &provider)?;
        let files = Arc::new(Files {
            certificate,
            key,
            provider: Arc::clone(&provider),
            current: RwLock::new(Arc::new(current)),
            seen: Mutex::new(seen),
        });
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| SetupError::setting(format!("TLS cannot be set up: {error}")))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&files) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Self { acceptor_config: Arc::new(config), files })
    }

    /// Reads the files again. New connections get the new certificate; open ones stay.
    ///
    /// # Errors
    /// As [`Tls::open`]. The earlier certificate stays in use.
    pub fn reload(&self) -> Result<(), SetupError> {
        let files = &self.files;
        *files.seen.lock().unwrap_or_else(PoisonError::into_inner) = files.state();
        let new = Arc::new(read(&files.certificate, &files.key, &files.provider)?);
        *files.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// Reads the files again if they have changed. A failure is logged, once for each change.
    pub(crate) fn reload_if_changed(&self) {
        let seen = *self.files.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if self.files.state() == seen {
            return;
        }
        match self.reload() {
            Ok(()) => tracing::info!("TLS: the new certificate is in use"),
            Err(error) => tracing::error!(%error, "TLS: the earlier certificate stays in use"),
        }
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.acceptor_config))
    }

    /// Whether both use the same certificate.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.files, &other.files)
    }
}

impl Files {
    fn state(&self) -> [Option<State>; 2] {
        [State::of(&self.certificate), State::of(&self.key)]
    }
}

impl ResolvesServerCert for Files {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl State {
    fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self { modified: file.modified().ok(), length: file.len() })
    }
}

/// The certificate and key in two files, if they belong together. No error quotes a file.
fn read(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, SetupError> {
    let unusable = |path: &Path, what: &str, reason: &str| {
        SetupError::setting(format!("the {what} in {} cannot be used: {reason}", path.display()))
    };
    let no_certificate = |reason: &str| unusable(certificate, "TLS certificate", reason);
    let no_key = |reason: &str| unusable(key, "TLS key", reason);

    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| no_certificate(&pem_problem(&error, "CERTIFICATE")))?;
    if chain.is_empty() {
        return Err(no_certificate("it has no section \"BEGIN CERTIFICATE\""));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| no_key(&pem_problem(&error, "PRIVATE KEY")))?;
    CertifiedKey::from_der(chain, private, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            no_key(&format!("it is not the key of the certificate in {}", certificate.display()))
        }
        rustls::Error::InvalidCertificate(_) => no_certificate("it is not a valid certificate"),
        _ => no_key("it is not a private key of RSA, ECDSA or Ed25519"),
    })
}

fn pem_problem(error: &PemError, section: &str) -> String {
    match error {
        PemError::Io(error) if error.kind() == io::ErrorKind::NotFound => {
            "there is no such file".to_owned()
        }
        PemError::Io(error) => error.to_string(),
        PemError::NoItemsFound => format!("it has no section \"BEGIN {section}\""),
        _ => "it is not in the PEM format".to_owned(),
    }
}
