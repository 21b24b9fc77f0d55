//! The file to which events of the audit trail are appended as they happen.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use device_pool::store::{Store, Table};
use device_store::ObservedStore;

use super::{ServeError, modes};

/// Appends each event that is committed through the store, as a line of JSON.
///
/// The file is opened for each event, so that it can be moved away at any time. An event that
/// cannot be written is committed all the same, and the log says so.
pub(super) fn observed(store: Arc<dyn Store>, path: PathBuf) -> Result<Arc<dyn Store>, ServeError> {
    modes::check_audit(&path)?;
    open(&path).map_err(|error| {
        ServeError::Settings(format!("the audit file {}: {error}", path.display()))
    })?;
    let lines = Mutex::new(Lines { path, is_broken: false });
    let append = move |event: &[u8]| {
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = lines.append(event) {
            let path = lines.path.display();
            tracing::error!(%path, %error, "an event is not in the audit file; export it instead");
        }
    };
    Ok(Arc::new(ObservedStore::new(store, Table::AuditEvent, append)))
}

/// The lines of the file.
struct Lines {
    path: PathBuf,
    /// Whether the last line may lack its end, since it could not be written.
    is_broken: bool,
}

impl Lines {
    fn append(&mut self, event: &[u8]) -> io::Result<()> {
        let mut line = Vec::with_capacity(event.len() + 2);
        if self.is_broken {
            line.push(b'\n');
        }
        line.extend_from_slice(event);
        line.push(b'\n');
        let mut file = open(&self.path)?;
        self.is_broken = true;
        file.write_all(&line)?;
        self.is_broken = false;
        Ok(())
    }
}

/// Opens the file, which only its owner can read if it is new.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_failed_spoils_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("none").join("audit.jsonl");
        let mut lines = Lines { path: path.clone(), is_broken: false };
        assert!(lines.append(b"{\"n\":1}").is_err());
        std::fs::create_dir(directory.path().join("none")).unwrap();
        lines.append(b"{\"n\":2}").unwrap();
        // Moved away, as a rotation does it.
        let moved = path.with_extension("1");
        std::fs::rename(&path, &moved).unwrap();
        lines.append(b"{\"n\":3}").unwrap();
        assert_eq!(std::fs::read_to_string(moved).unwrap(), "{\"n\":2}\n");
        assert_eq!(std::fs::read_to_string(path).unwrap(), "{\"n\":3}\n");
    }
}
