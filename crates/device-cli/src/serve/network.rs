//! Where the server listens, who is served there, and with what encryption.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use device_server::{Listener, Server, Tls};

use super::listen::{Listen, Place, is_local};
use super::{ServeError, dev, modes};

/// The address if none is given.
const DEFAULT: &str = "127.0.0.1:9229";

/// The mode of socket files if none is given: owner and group.
const DEFAULT_MODE: u32 = 0o660;

/// What the options say.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) listen: Option<Vec<String>>,
    pub(crate) admin_listen: Option<Vec<String>>,
    pub(crate) metrics_listen: Option<Vec<String>>,
    pub(crate) socket_mode: Option<String>,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    /// Whether unencrypted connections may come from other machines.
    pub(crate) clear: Clear,
}

/// Whether unencrypted connections may come from other machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Clear {
    /// No: passwords and tokens could be read on their way.
    #[default]
    Refused,
    /// Yes: a proxy in front encrypts, or the operator wants it.
    Allowed,
    /// Dev mode is for this machine only, encrypted or not.
    OnlyHere,
}

/// Who is served by a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Main,
    Admin,
    Metrics,
}

/// A listener to be opened.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) used: Use,
    pub(crate) listen: Listen,
}

/// The listeners of a server.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) wanted: Vec<Wanted>,
    /// Whether an address for the main listener was given.
    is_given: bool,
    mode: u32,
    tls: Option<(PathBuf, PathBuf)>,
    clear: Clear,
}

/// Open listeners, and the certificate that they share.
pub(crate) struct Open {
    pub(crate) server: Server,
    pub(crate) tls: Option<Tls>,
    /// Where clients reach them.
    pub(crate) endpoints: Vec<(Use, String)>,
}

impl Network {
    /// Resolves addresses, and refuses those that would send secrets in clear to other machines.
    pub(crate) fn resolve(given: Given) -> Result<Self, ServeError> {
        let tls = match (given.tls_cert, given.tls_key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(invalid("tls-cert and tls-key go together: give both, or neither")),
        };
        let is_given = given.listen.is_some();
        let main = given.listen.unwrap_or_else(|| vec![DEFAULT.to_owned()]);
        let mut wanted = Vec::new();
        for (used, option, addresses) in [
            (Use::Main, "listen", main),
            (Use::Admin, "admin-listen", given.admin_listen.unwrap_or_default()),
            (Use::Metrics, "metrics-listen", given.metrics_listen.unwrap_or_default()),
        ] {
            for address in addresses {
                wanted.push(Wanted { used, listen: Listen::resolve(option, &address)? });
            }
        }
        let mode = given.socket_mode.as_deref().map_or(Ok(DEFAULT_MODE), mode)?;
        let network = Self { wanted, is_given, mode, tls, clear: given.clear };
        for Wanted { listen, .. } in &network.wanted {
            if !listen.is_local() {
                network.check_clear(&listen.to_string())?;
            }
        }
        Ok(network)
    }

    fn check_clear(&self, address: &str) -> Result<(), ServeError> {
        match self.clear {
            Clear::Refused if self.tls.is_none() => {}
            Clear::Refused | Clear::Allowed => return Ok(()),
            Clear::OnlyHere => return Err(dev::exposed(address)),
        }
        Err(invalid(format!(
            "listening on {address} is refused: other machines reach it, and passwords and tokens \
             would travel unencrypted. Give --tls-cert and --tls-key, or --behind-proxy if a proxy \
             in front encrypts, or listen on 127.0.0.1"
        )))
    }

    /// Opens the listeners. `inherited` are those that are open already; then the default address
    /// is not used.
    pub(crate) async fn open(self, inherited: Vec<(Use, Listener)>) -> Result<Open, ServeError> {
        let tls = match &self.tls {
            Some((certificate, key)) => {
                modes::check_secret(key)?;
                Some(Tls::open(certificate, key)?)
            }
            None => None,
        };
        for (_, listener) in &inherited {
            if let Some(addr) = listener.local_addr()
                && !is_local(addr)
            {
                self.check_clear(&addr.to_string())?;
            }
        }
        let has_main = inherited.iter().any(|(used, _)| *used == Use::Main);
        let mut listeners = inherited;
        for Wanted { used, listen } in &self.wanted {
            if *used == Use::Main && has_main && !self.is_given {
                continue;
            }
            listeners.push((*used, open_one(listen.place(), self.mode).await?));
        }
        // The first main one gives the server its address.
        listeners.sort_by_key(|(used, _)| *used != Use::Main);
        if listeners.first().is_none_or(|(used, _)| *used != Use::Main) {
            return Err(invalid("listen names no address: give one"));
        }
        let mut server: Option<Server> = None;
        let mut endpoints = Vec::new();
        for (used, listener) in listeners {
            let listener = match &tls {
                Some(tls) if is_encrypted(used, &listener) => listener.tls(tls.clone()),
                _ => listener,
            };
            endpoints.push((used, reachable(&listener)));
            server = Some(match (server, used) {
                (None, _) => Server::new(listener),
                (Some(server), Use::Main) => server.listener(listener),
                (Some(server), Use::Admin) => server.admin_listener(listener),
                (Some(server), Use::Metrics) => server.metrics_listener(listener),
            });
        }
        let server = server.ok_or_else(|| invalid("there is nothing to listen on"))?;
        Ok(Open { server, tls, endpoints })
    }
}

/// Socket files are never encrypted, and figures only for other machines: health checks within a
/// container know no certificate.
fn is_encrypted(used: Use, listener: &Listener) -> bool {
    listener.local_addr().is_some_and(|addr| used != Use::Metrics || !is_local(addr))
}

async fn open_one(place: &Place, mode: u32) -> Result<Listener, ServeError> {
    match place {
        Place::Tcp(addr) => Ok(Listener::tcp(*addr).await?),
        Place::File(path) => socket_file(path, mode),
    }
}

#[cfg(unix)]
fn socket_file(path: &Path, mode: u32) -> Result<Listener, ServeError> {
    Ok(Listener::file(path, mode)?)
}

#[cfg(not(unix))]
fn socket_file(_: &Path, _: u32) -> Result<Listener, ServeError> {
    Err(invalid("this system has no socket files"))
}

/// Where clients on this machine reach a listener. "Any address" can be listened on but not called.
fn reachable(listener: &Listener) -> String {
    let endpoint = listener.endpoint();
    let Some(addr) = listener.local_addr() else { return endpoint };
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let scheme = if endpoint.starts_with("https:") { "https" } else { "http" };
    format!("{scheme}://{}", SocketAddr::new(ip, addr.port()))
}

fn mode(given: &str) -> Result<u32, ServeError> {
    u32::from_str_radix(given, 8).ok().filter(|mode| *mode <= 0o777).ok_or_else(|| {
        invalid(format!("the socket-mode \"{given}\" is not like 660: three octal digits"))
    })
}

fn invalid(message: impl Into<String>) -> ServeError {
    ServeError::Settings(message.into())
}
