//! A proxy before PostgreSQL that cuts its connections or withholds what the server answers.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;

/// The name that PostgreSQL's clients look for in a directory.
const SOCKET: &str = ".s.PGSQL.5432";

pub(crate) struct Proxy {
    directory: TempDir,
    connections: Arc<Mutex<Connections>>,
}

#[derive(Default)]
struct Connections {
    open: Vec<UnixStream>,
    /// Connections are closed at once.
    is_away: bool,
    /// What the server answers is dropped. A connection keeps this flag for its life: an answer
    /// after a dropped one would be nonsense.
    is_mute: Arc<AtomicBool>,
}

impl Proxy {
    /// A proxy before the server whose socket is in that directory.
    pub(crate) fn before(server: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join(SOCKET)).unwrap();
        let connections = Arc::<Mutex<Connections>>::default();
        let (server, accepting) = (server.join(SOCKET), Arc::clone(&connections));
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                // If the server is not there, the client sees its connection end.
                let _ = serve(&server, client, &accepting);
            }
        });
        Self { directory, connections }
    }

    /// The directory in which clients find the proxy's socket.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Cuts all connections. Until [`back`](Self::back), new ones are cut too.
    pub(crate) fn away(&self) {
        let mut connections = self.connections.lock().unwrap();
        connections.is_away = true;
        connections.cut();
    }

    /// Withholds all answers, also those to new connections, while requests still pass.
    pub(crate) fn mute(&self) {
        self.connections.lock().unwrap().is_mute.store(true, Ordering::SeqCst);
    }

    /// Cuts all connections, and serves new ones.
    pub(crate) fn back(&self) {
        let mut connections = self.connections.lock().unwrap();
        connections.cut();
        *connections = Connections::default();
    }
}

impl Connections {
    fn cut(&mut self) {
        for stream in self.open.drain(..) {
            // Fails if its other end has closed it.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn serve(server: &PathBuf, client: UnixStream, all: &Mutex<Connections>) -> io::Result<()> {
    let server = UnixStream::connect(server)?;
    let mut all = all.lock().unwrap();
    if all.is_away {
        return Ok(());
    }
    all.open.extend([client.try_clone()?, server.try_clone()?]);
    let is_mute = Arc::clone(&all.is_mute);
    let requests = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || copy(requests, || false));
    thread::spawn(move || copy((server, client), || is_mute.load(Ordering::SeqCst)));
    Ok(())
}

fn copy((mut from, mut to): (UnixStream, UnixStream), is_dropped: impl Fn() -> bool) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        if !is_dropped() && to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
