//! A Unix socket at a path.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// A listening socket. Its file is removed when it is dropped, unless it was inherited.
#[derive(Debug)]
pub(crate) struct SocketFile {
    listener: UnixListener,
    path: Option<PathBuf>,
}

impl SocketFile {
    pub(crate) fn bind(path: &Path, mode: u32) -> io::Result<Self> {
        check_free(path)?;
        // Under another name until its mode is set: nobody may connect before that. The new file
        // replaces one that was left behind.
        let mut partial = path.as_os_str().to_owned();
        partial.push(".new");
        let partial = PathBuf::from(partial);
        let _ = fs::remove_file(&partial);
        let listener = StdListener::bind(&partial)?;
        let placed = fs::set_permissions(&partial, Permissions::from_mode(mode))
            .and_then(|()| fs::rename(&partial, path));
        if let Err(error) = placed {
            let _ = fs::remove_file(&partial);
            return Err(error);
        }
        let mut bound = Self::inherited(listener)?;
        bound.path = Some(path.to_owned());
        Ok(bound)
    }

    pub(crate) fn inherited(listener: StdListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { listener: UnixListener::from_std(listener)?, path: None })
    }

    pub(crate) async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

/// Refuses a path at which another server listens, or another kind of file is.
fn check_free(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(file) if !file.file_type().is_socket() => {
            Err(io::Error::new(ErrorKind::AlreadyExists, "there is a file that is no socket"))
        }
        Ok(_) => match StdStream::connect(path) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(ErrorKind::AddrInUse.into()),
        },
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}
