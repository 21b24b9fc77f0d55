//! Why a PostgreSQL database could not be used.

use std::io;

/// Why a [`PostgresStore`](crate::PostgresStore) could not be opened. The message says what to do
/// and contains no password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// The connection string is invalid.
    #[error(
        "the PostgreSQL address cannot be used: {reason}. It should be like \
         postgres://user:password@db.example.com/device"
    )]
    Address {
        /// The reason.
        reason: String,
    },
    /// The trusted certificates cannot be read.
    #[error("the trusted certificates cannot be used: {reason}")]
    Certificates {
        /// The reason.
        reason: String,
    },
    /// No host accepted the connection.
    #[error(
        "cannot connect to {name}: {detail}. Check that the server runs, accepts writes, and knows \
         the user, password and database"
    )]
    Unreachable {
        /// Hosts and database.
        name: String,
        /// The error of the network, TLS or the server.
        detail: String,
    },
    /// A newer version of this program wrote the schema.
    #[error(
        "{name} was written by a newer version of this program (schema {found}; this one knows up \
         to {supported}): run that version or a later one, or restore a backup made before the \
         upgrade"
    )]
    NewerSchema {
        /// Hosts and database.
        name: String,
        /// The schema version found.
        found: usize,
        /// The latest schema version that this program knows.
        supported: usize,
    },
    /// The database has none of our records, and none are to be created.
    #[error("{name} holds no data of this program: name the database of a server")]
    Missing {
        /// Hosts and database.
        name: String,
    },
    /// An earlier version of this program wrote the schema, and it is only to be read.
    #[error(
        "{name} has schema {found} of an earlier version of this program: migrate it first, with \
         `device store migrate` or by starting a server"
    )]
    OlderSchema {
        /// Hosts and database.
        name: String,
        /// The schema version found.
        found: usize,
    },
    /// Another program made a schema with our name.
    #[error("{name} has a schema device_store of another program: name another database")]
    Foreign {
        /// Hosts and database.
        name: String,
    },
    /// The server refused to create or change the schema.
    #[error(
        "the schema of {name} cannot be created or read: {detail}. The user must own the \
         database, or hold CREATE on it, and own the schema device_store"
    )]
    Migration {
        /// Hosts and database.
        name: String,
        /// The server's error.
        detail: String,
    },
    /// The operating system refused to start threads.
    #[error("cannot start the threads that drive the connections: {0}")]
    Runtime(io::Error),
}

impl PostgresError {
    pub(super) fn migration(name: &str, error: &tokio_postgres::Error) -> Self {
        Self::Migration { name: name.to_owned(), detail: detail(error) }
    }
}

/// The error of the server or the network. `Display` only names the failed step.
pub(super) fn detail(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(error), _) => format!("{} ({})", error.message(), error.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}
