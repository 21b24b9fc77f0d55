//! Why a store could not be opened, in words for the person who tried.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why a store could not be opened. The message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The path, or one that it leads through, is something else than a directory.
    #[error("{path} is not a directory: name the directory that is to hold the data")]
    NotADirectory {
        /// What was to be the directory.
        path: PathBuf,
    },
    /// The process may not make, read or write something it needs.
    #[error(
        "no permission to read and write {path}: run as the user who owns it, or name another \
         directory"
    )]
    Permission {
        /// The file or directory.
        path: PathBuf,
    },
    /// Another store has it open.
    #[error(
        "{path} is in use by another process: stop that process first, or name another directory"
    )]
    InUse {
        /// The directory, or the database in it where that is what is locked.
        path: PathBuf,
    },
    /// A later version of this program wrote it.
    #[error(
        "{path} was written by a newer version of this program (schema {found}; this one knows up \
         to {supported}): \
         run that version or a later one, or restore a backup made before the upgrade"
    )]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// The schema that it has.
        found: usize,
        /// The latest schema that this program knows.
        supported: usize,
    },
    /// It is a database, but not one of ours.
    #[error("{path} is a database of another program: name another directory")]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// It is no database, or a damaged one.
    #[error("{path} is damaged ({detail}): restore it from a backup, or name another directory")]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// There is no database in the directory, and none is to be made.
    #[error("{path} has no data of this program: name the directory that a server kept it in")]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// The database is in PostgreSQL and cannot be used.
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    Postgres(#[from] crate::postgres::PostgresError),
    /// The operating system refused something else.
    #[error("cannot use {path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// SQLite failed in another way.
    #[error("cannot open the database {path}: {detail}")]
    Database {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
}

impl OpenError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::PermissionDenied => Self::Permission { path },
            io::ErrorKind::NotADirectory => Self::NotADirectory { path },
            _ => Self::Io { path, source },
        }
    }

    pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::Corrupt { path, detail: error.to_string() }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse { path },
            Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => Self::Permission { path },
            _ => Self::Database { path, detail: error.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Refusals that a test running as root cannot provoke.
    #[test]
    fn a_refusal_by_the_system_names_the_path_and_a_way_out() {
        let path = Path::new("/srv/device");
        let denied = OpenError::io(path, io::ErrorKind::PermissionDenied.into()).to_string();
        assert!(denied.contains("/srv/device") && denied.contains("run as the user"), "{denied}");

        let read_only = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_READONLY);
        let error = OpenError::sqlite(path, &rusqlite::Error::SqliteFailure(read_only, None));
        assert!(matches!(error, OpenError::Permission { .. }), "{error:?}");

        let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
        let error = OpenError::sqlite(path, &rusqlite::Error::SqliteFailure(busy, None));
        assert!(matches!(error, OpenError::InUse { .. }), "{error:?}");
    }
}
