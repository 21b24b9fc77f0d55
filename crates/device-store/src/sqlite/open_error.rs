//! Why a store could not be opened.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why a store could not be opened. The message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The path, or a part of it, is not a directory.
    #[error("{path} is not a directory: name the directory for the data")]
    NotADirectory {
        /// The path.
        path: PathBuf,
    },
    /// The process lacks a permission that it needs.
    #[error(
        "no permission to read and write {path}: run as the user who owns it, or name another \
         directory"
    )]
    Permission {
        /// The file or directory.
        path: PathBuf,
    },
    /// Another process has the store open.
    #[error(
        "{path} is in use by another process: stop that process first, or name another directory"
    )]
    InUse {
        /// The directory, or the database in it if that is locked.
        path: PathBuf,
    },
    /// A newer version of this program wrote the database.
    #[error(
        "{path} was written by a newer version of this program (schema {found}; this one knows up \
         to {supported}): \
         run that version or a later one, or restore a backup made before the upgrade"
    )]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// The schema version found.
        found: usize,
        /// The latest schema version that this program knows.
        supported: usize,
    },
    /// An earlier version of this program wrote the database, and it is only to be read.
    #[error(
        "{path} has schema {found} of an earlier version of this program: migrate it first, with \
         `device store migrate` or by starting the server; of a backup, restore it first"
    )]
    OlderSchema {
        /// The database.
        path: PathBuf,
        /// The schema version found.
        found: usize,
    },
    /// The database belongs to another program.
    #[error("{path} is a database of another program: name another directory")]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// The file is not a database, or it is damaged.
    #[error("{path} is damaged ({detail}): restore it from a backup, or name another directory")]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// SQLite's error.
        detail: String,
    },
    /// The path is not a file.
    #[error("{path} is not a file: name a backup, as `device store backup` wrote it")]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file to be written exists.
    #[error("{path} exists already, and nothing is overwritten: name a new file")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The directory to be filled has data.
    #[error(
        "{path} exists already, and nothing is overwritten: name a new directory, or move the old \
         data away"
    )]
    NotEmpty {
        /// The database, or its log.
        path: PathBuf,
    },
    /// The directory has no database, and none is to be created.
    #[error("{path} holds no data of this program: name the data directory of a server")]
    Missing {
        /// The directory or file.
        path: PathBuf,
    },
    /// The PostgreSQL database cannot be used.
    #[cfg(feature = "postgres")]
    #[error(transparent)]
    Postgres(#[from] crate::postgres::PostgresError),
    /// The operating system reported another error.
    #[error("cannot use {path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// SQLite reported another error.
    #[error("cannot open the database {path}: {detail}")]
    Database {
        /// The database.
        path: PathBuf,
        /// SQLite's error.
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

    // Errors that a test running as root cannot provoke.
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
