//! Sockets to listen on: TCP or a file, in clear or with TLS.

#[cfg(unix)]
mod socket_file;

use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;

use tokio::net::TcpListener;

use crate::setup_error::SetupError;
use crate::tls::Tls;

#[cfg(unix)]
pub(crate) use socket_file::SocketFile;

/// A bound socket that does not accept connections yet.
#[derive(Debug)]
pub struct Listener {
    pub(crate) socket: Socket,
    pub(crate) tls: Option<Tls>,
    address: Address,
}

#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    File(SocketFile),
}

/// Where a listener is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Address {
    Tcp(SocketAddr),
    #[cfg(unix)]
    File(String),
}

impl Listener {
    /// Binds `addr`; for port 0 the system chooses one.
    ///
    /// # Errors
    /// [`SetupError::Listen`].
    pub async fn tcp(addr: SocketAddr) -> Result<Self, SetupError> {
        let failed = |source| SetupError::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(failed)?;
        Self::of_tcp(listener).map_err(failed)
    }

    /// A TCP socket that is bound already, such as one that systemd passes on.
    ///
    /// # Errors
    /// The system's, if it is none.
    pub fn inherited(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Self::of_tcp(TcpListener::from_std(listener)?)
    }

    fn of_tcp(listener: TcpListener) -> io::Result<Self> {
        let address = Address::Tcp(listener.local_addr()?);
        Ok(Self { socket: Socket::Tcp(listener), tls: None, address })
    }

    /// Binds a socket at `path`, which users of the machine may open as `mode` says. A file that a
    /// server left behind is replaced.
    ///
    /// # Errors
    /// [`SetupError::SocketFile`]: another server listens there, or there is a file that is no
    /// socket.
    #[cfg(unix)]
    pub fn file(path: &Path, mode: u32) -> Result<Self, SetupError> {
        let failed = |source| SetupError::SocketFile { path: path.to_owned(), source };
        let socket = SocketFile::bind(path, mode).map_err(failed)?;
        let address = Address::File(path.display().to_string());
        Ok(Self { socket: Socket::File(socket), tls: None, address })
    }

    /// A socket file that is bound already, such as one that systemd passes on. It stays when the
    /// server ends.
    ///
    /// # Errors
    /// The system's, if it is none.
    #[cfg(unix)]
    pub fn inherited_file(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        let name = listener.local_addr()?.as_pathname().map(|path| path.display().to_string());
        let address = Address::File(name.unwrap_or_else(|| "inherited".to_owned()));
        Ok(Self { socket: Socket::File(SocketFile::inherited(listener)?), tls: None, address })
    }

    /// Serves TLS. Without it, connections are in clear.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The bound address, with its real port; `None` for a file.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self.address {
            Address::Tcp(addr) => Some(addr),
            #[cfg(unix)]
            Address::File(_) => None,
        }
    }

    /// Where clients reach it: `https://127.0.0.1:9229`, or `unix:/run/device.sock`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        match &self.address {
            Address::Tcp(addr) if self.tls.is_some() => format!("https://{addr}"),
            Address::Tcp(addr) => format!("http://{addr}"),
            #[cfg(unix)]
            Address::File(path) => format!("unix:{path}"),
        }
    }
}
