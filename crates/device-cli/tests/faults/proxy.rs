//! A proxy before PostgreSQL that cuts its connections.

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
    shared: Arc<Shared>,
}

struct Shared {
    server: PathBuf,
    open: Mutex<Vec<UnixStream>>,
    /// Connections are closed at once.
    is_away: AtomicBool,
    /// What the server answers is dropped.
    is_mute: AtomicBool,
}

impl Proxy {
    /// A proxy before the server whose socket is in that directory.
    pub(crate) fn before(server: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join(SOCKET)).unwrap();
        let shared = Arc::new(Shared {
            server: server.join(SOCKET),
            open: Mutex::default(),
            is_away: AtomicBool::new(false),
            is_mute: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                // If the server is not there, the client sees its connection end.
                let _ = accepting.serve(client);
            }
        });
        Self { directory, shared }
    }

    /// The directory in which clients find the proxy's socket.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Cuts all connections. Until [`back`](Self::back), new ones are cut too.
    pub(crate) fn away(&self) {
        self.shared.is_away.store(true, Ordering::SeqCst);
        self.cut();
    }

    /// Withholds all answers, while requests still pass.
    pub(crate) fn mute(&self) {
        self.shared.is_mute.store(true, Ordering::SeqCst);
    }

    /// Cuts all connections, and serves new ones.
    pub(crate) fn back(&self) {
        self.shared.is_away.store(false, Ordering::SeqCst);
        self.cut();
        self.shared.is_mute.store(false, Ordering::SeqCst);
    }

    fn cut(&self) {
        for stream in self.shared.open.lock().unwrap().drain(..) {
            // Fails if its other end has closed it.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn serve(self: &Arc<Self>, client: UnixStream) -> io::Result<()> {
        if self.is_away.load(Ordering::SeqCst) {
            return Ok(());
        }
        let server = UnixStream::connect(&self.server)?;
        self.open.lock().unwrap().extend([client.try_clone()?, server.try_clone()?]);
        let (requests, answers) = ((client.try_clone()?, server.try_clone()?), (server, client));
        thread::spawn(move || copy(requests, || false));
        let shared = Arc::clone(self);
        thread::spawn(move || copy(answers, || shared.is_mute.load(Ordering::SeqCst)));
        Ok(())
    }
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
