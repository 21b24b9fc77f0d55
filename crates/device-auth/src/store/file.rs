//! Device records and sessions in a file.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use device_http::BoxFuture;
use device_proto::{DeviceOwner, DeviceRecord};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::records::Records;
use super::turns::Turns;
use super::{DeviceStore, SessionStore, StoreError, Turn, roomy_buffer};
use crate::session::SessionRecord;

/// Stores device records and sessions in one JSON file that only its owner can read.
///
/// On Unix the file has mode 0600. A change replaces the whole file, and is on disk when it is
/// reported done. Writers in this process and in others take turns with a lock on a second file,
/// whose name has `.lock` added. A third file, `.refresh.lock`, is locked while a session is
/// refreshed. While a device proves itself to a pool that replaces device secrets, one of up to 64
/// files is locked, `.device-0.lock` to `.device-63.lock`: which one follows from the device's key.
#[derive(Debug, Clone)]
pub struct FileStore {
    path: Arc<Path>,
    turns: Turns,
}

/// The contents of the file.
#[derive(Serialize, Deserialize)]
struct Contents {
    version: u32,
    #[serde(flatten)]
    records: Records,
}

impl FileStore {
    /// The only version of the file so far.
    const VERSION: u32 = 1;

    /// How long to wait before a lock that another process holds is tried again.
    const RETRY: Duration = Duration::from_millis(20);

    /// Opens the store in that file. The file and its parent directories are created with the first
    /// record.
    pub fn open(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into().into(), turns: Turns::default() }
    }

    /// Runs `work` on a blocking thread, to its end even if the caller stops waiting.
    fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let path = Arc::clone(&self.path);
        Box::pin(async move {
            match tokio::task::spawn_blocking(move || work(&path)).await {
                Ok(done) => done,
                Err(stopped) => Err(StoreError::new("the runtime stopped").caused_by(stopped)),
            }
        })
    }

    /// Waits for a turn, first in this process. No thread is blocked: the holder may need it.
    async fn turn(&self, suffix: &str) -> Result<Turn, StoreError> {
        let here = self.turns.take(suffix).await;
        let name = suffix.to_owned();
        let file = self.with(move |path| open_lock(path, &name)).await?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Turn::held((file, here))),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(Self::RETRY).await,
                Err(TryLockError::Error(error)) => {
                    return Err(not_locked(&self.path, suffix, error));
                }
            }
        }
    }
}

impl DeviceStore for FileStore {
    fn find<'a>(
        &'a self,
        owner: &'a DeviceOwner,
    ) -> BoxFuture<'a, Result<Vec<DeviceRecord>, StoreError>> {
        let owner = owner.clone();
        // The file is replaced atomically, so reading needs no lock.
        self.with(move |path| Ok(read(path)?.find(&owner)))
    }

    fn save<'a>(
        &'a self,
        record: &'a DeviceRecord,
        alias: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let (record, alias) = (record.clone(), alias.to_owned());
        self.with(move |path| {
            let _lock = lock(path)?;
            let mut records = read(path)?;
            records.save(&record, &alias);
            write(path, records)
        })
    }

    fn remove<'a>(
        &'a self,
        owner: &'a DeviceOwner,
        device_key: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let (owner, device_key) = (owner.clone(), device_key.to_owned());
        self.with(move |path| {
            let _lock = lock(path)?;
            let mut records = read(path)?;
            if records.remove(&owner, &device_key) { write(path, records) } else { Ok(()) }
        })
    }

    fn take_device_turn<'a>(
        &'a self,
        device_key: &'a str,
    ) -> BoxFuture<'a, Result<Turn, StoreError>> {
        // Not a file for each device, since none could ever be deleted. Releases must agree on it.
        let sum: u32 = device_key.bytes().map(u32::from).sum();
        Box::pin(async move { self.turn(&format!(".device-{}.lock", sum % 64)).await })
    }
}

impl SessionStore for FileStore {
    fn load_session<'a>(
        &'a self,
        client_id: &'a str,
    ) -> BoxFuture<'a, Result<Option<SessionRecord>, StoreError>> {
        let client_id = client_id.to_owned();
        self.with(move |path| Ok(read(path)?.session(&client_id).cloned()))
    }

    fn save_session<'a>(
        &'a self,
        session: &'a SessionRecord,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let session = session.clone();
        self.with(move |path| {
            let _lock = lock(path)?;
            let mut records = read(path)?;
            records.save_session(&session);
            write(path, records)
        })
    }

    fn remove_session<'a>(&'a self, client_id: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        let client_id = client_id.to_owned();
        self.with(move |path| {
            let _lock = lock(path)?;
            let mut records = read(path)?;
            if records.remove_session(&client_id) { write(path, records) } else { Ok(()) }
        })
    }

    fn take_turn<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Turn, StoreError>> {
        Box::pin(self.turn(".refresh.lock"))
    }
}

/// A path next to the file.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// The directory that the file is in.
fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Waits for the lock of a change. It is held until the returned file is dropped.
fn lock(path: &Path) -> Result<File, StoreError> {
    let file = open_lock(path, ".lock")?;
    file.lock().map_err(|error| not_locked(path, ".lock", error))?;
    Ok(file)
}

fn open_lock(path: &Path, suffix: &str) -> Result<File, StoreError> {
    make_directory(directory(path))
        .and_then(|()| {
            private().create(true).truncate(false).write(true).open(beside(path, suffix))
        })
        .map_err(|error| not_locked(path, suffix, error))
}

fn not_locked(path: &Path, suffix: &str, error: io::Error) -> StoreError {
    StoreError::new(format!("cannot lock {}", beside(path, suffix).display())).caused_by(error)
}

/// Creates the directories above the file, accessible only to their owner.
fn make_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn read(path: &Path) -> Result<Records, StoreError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Records::default()),
        Err(error) => {
            return Err(StoreError::new(format!("cannot read {}", path.display())).caused_by(error));
        }
    };
    // The parser's error is dropped, since it can quote the file.
    match serde_json::from_slice::<Contents>(&bytes) {
        Ok(contents) if contents.version == FileStore::VERSION => Ok(contents.records),
        Ok(contents) => Err(StoreError::new(format!(
            "{} has version {}, and this release reads version 1: use the release that wrote it",
            path.display(),
            contents.version
        ))),
        Err(_) => Err(StoreError::new(format!(
            "{} is not a file of device records: restore it, or delete it to begin with new \
             devices",
            path.display()
        ))),
    }
}

/// Replaces the file: syncs the new contents, renames, then syncs the directory.
fn write(path: &Path, records: Records) -> Result<(), StoreError> {
    let failed = |error: io::Error| {
        StoreError::new(format!("cannot write {}", path.display())).caused_by(error)
    };
    let contents = Contents { version: FileStore::VERSION, records };
    let mut json = roomy_buffer();
    serde_json::to_writer_pretty(&mut *json, &contents).map_err(|error| failed(error.into()))?;

    let new = beside(path, ".new");
    match fs::remove_file(&new) {
        // The leftover of a killed writer.
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let mut file = private().create_new(true).write(true).open(&new).map_err(failed)?;
    file.write_all(&json).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&new, path).map_err(failed)?;
    // On other systems a directory cannot be opened, and the file system makes the rename durable.
    #[cfg(unix)]
    File::open(directory(path)).and_then(|directory| directory.sync_all()).map_err(failed)?;
    Ok(())
}
