//! Connection strings, with safe defaults for omitted settings.

use std::fs;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::open_error::{PostgresError, detail};

/// How long a host may take to answer before the next one is tried.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long sent bytes may stay unacknowledged before a connection counts as dead.
const DEAD_PEER: Duration = Duration::from_secs(5);

pub(super) struct Address {
    config: Config,
    /// The certificates to trust instead of the system's, PEM.
    root_certificates: Option<String>,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, PostgresError> {
        let invalid = |reason: String| PostgresError::Address { reason };
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            return Err(invalid("it does not start with postgres://".to_owned()));
        }
        let (text, settings) = own_settings(url);
        let mut config: Config =
            text.parse().map_err(|error: tokio_postgres::Error| invalid(detail(&error)))?;
        if config.get_hosts().is_empty() {
            return Err(invalid("it names no host".to_owned()));
        }
        if config.get_dbname().is_none() {
            return Err(invalid("it names no database".to_owned()));
        }
        match settings.ssl_mode.as_deref() {
            // Our TLS always checks certificate and name.
            Some("verify-full") => config.ssl_mode(SslMode::Require),
            Some(_) => &mut config,
            None if config.get_hosts().iter().all(is_local) => &mut config,
            None => config.ssl_mode(SslMode::Require),
        };
        // A standby may lag, but every later read must see an acknowledged change.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(DEAD_PEER);
        }
        if config.get_application_name().is_none() {
            config.application_name("device");
        }
        Ok(Self { config, root_certificates: settings.root_certificates })
    }

    /// Hosts and database, for messages.
    pub(super) fn name(&self) -> String {
        let hosts: Vec<_> = self
            .config
            .get_hosts()
            .iter()
            .map(|host| match host {
                Host::Tcp(name) => name.clone(),
                #[cfg(unix)]
                Host::Unix(path) => path.display().to_string(),
            })
            .collect();
        let database = self.config.get_dbname().unwrap_or_default();
        format!("the PostgreSQL database {database} on {}", hosts.join(", "))
    }

    pub(super) fn into_parts(self) -> Result<(Config, MakeRustlsConnect), PostgresError> {
        let invalid = |reason: String| PostgresError::Certificates { reason };
        let provider = aws_lc_rs::default_provider().into();
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| invalid(error.to_string()))?;
        let config = match self.root_certificates {
            Some(path) => {
                let unusable = |error: &dyn std::fmt::Display| invalid(format!("{path}: {error}"));
                let pem = fs::read(&path).map_err(|error| unusable(&error))?;
                let mut roots = RootCertStore::empty();
                for certificate in CertificateDer::pem_slice_iter(&pem) {
                    let certificate = certificate.map_err(|error| unusable(&error))?;
                    roots.add(certificate).map_err(|error| unusable(&error))?;
                }
                if roots.is_empty() {
                    return Err(unusable(&"no certificate in PEM is in it"));
                }
                builder.with_root_certificates(roots)
            }
            None => builder.with_platform_verifier().map_err(|error| invalid(error.to_string()))?,
        };
        Ok((self.config, MakeRustlsConnect::new(config.with_no_client_auth())))
    }
}

/// The URL's settings that the library does not know, or not in this form.
#[derive(Default)]
struct OwnSettings {
    ssl_mode: Option<String>,
    root_certificates: Option<String>,
}

/// Splits the URL into the part for the library and our own settings.
fn own_settings(url: &str) -> (String, OwnSettings) {
    let mut own = OwnSettings::default();
    let Some((address, query)) = url.split_once('?') else {
        return (url.to_owned(), own);
    };
    let known: Vec<_> = query
        .split('&')
        .filter(|setting| match setting.split_once('=') {
            Some(("sslrootcert", path)) => {
                own.root_certificates = Some(path.to_owned());
                false
            }
            Some(("sslmode", mode)) => {
                own.ssl_mode = Some(mode.to_owned());
                mode != "verify-full"
            }
            _ => true,
        })
        .collect();
    let text =
        if known.is_empty() { address.to_owned() } else { [address, &known.join("&")].join("?") };
    (text, own)
}

/// Whether a host is this machine, so that nobody on a network can listen.
fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}
