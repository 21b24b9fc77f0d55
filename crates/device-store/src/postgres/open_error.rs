//! Why a database could not be used, in words for the person who tried.

use std::io;

/// Why a [`PostgresStore`](crate::PostgresStore) could not be opened. The message says what to do,
/// and holds no password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// The connection string is not one.
    #[error(
        "the PostgreSQL address cannot be used: {reason}. It should be like \
         postgres://user:password@db.example.com/device"
    )]
    Address {
        /// What is wrong with it.
        reason: String,
    },
    /// The certificates to trust cannot be read.
    #[error("the certificates to trust cannot be used: {reason}")]
    Certificates {
        /// What is wrong with them.
        reason: String,
    },
    /// No host let us in.
    #[error(
        "cannot connect to {name}: {detail}. Check that the server runs, accepts writes, and knows \
         the user, password and database"
    )]
    Unreachable {
        /// Hosts and database.
        name: String,
        /// What the network, TLS or the server said.
        detail: String,
    },
    /// A later version of this program wrote it.
    #[error(
        "{name} was written by a newer version of this program (schema {found}; this one knows up \
         to {supported}): run that version or a later one, or restore a backup made before the \
         upgrade"
    )]
    NewerSchema {
        /// Hosts and database.
        name: String,
        /// The schema that it has.
        found: usize,
        /// The latest schema that this program knows.
        supported: usize,
    },
    /// Somebody else's schema has our name.
    #[error(
        "{name} has a schema device_store that this program did not make: name another database"
    )]
    Foreign {
        /// Hosts and database.
        name: String,
    },
    /// The server refused to make or change the schema.
    #[error(
        "the schema of {name} cannot be made or read: {detail}. The user must own the database, or \
         hold CREATE on it, and own the schema device_store"
    )]
    Migration {
        /// Hosts and database.
        name: String,
        /// What the server said.
        detail: String,
    },
    /// The operating system gave no threads.
    #[error("cannot start the threads that drive the connections: {0}")]
    Runtime(io::Error),
}

impl PostgresError {
    pub(super) fn migration(name: &str, error: &tokio_postgres::Error) -> Self {
        Self::Migration { name: name.to_owned(), detail: detail(error) }
    }
}

/// What the server or the network said. The error's own text only names the step that failed.
pub(super) fn detail(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(error), _) => format!("{} ({})", error.message(), error.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}
