//! The data that a command is about.

use std::path::{Path, PathBuf};

use device_server::Store;
use device_store::{PostgresSnapshot, SqliteSnapshot};

use crate::serve::DEFAULT_DATA;

/// A directory or a database.
#[derive(clap::Args)]
pub(super) struct Place {
    /// The server's data directory [default: ./device-data]
    #[arg(long, env = "DEVICE_DATA", value_name = "DIR")]
    data: Option<PathBuf>,

    /// The server's PostgreSQL database, such as postgres://user:password@db.example.com/device. If
    /// it contains a password, prefer the environment
    #[arg(long, env = "DEVICE_STORE", value_name = "URL", hide_env_values = true)]
    store: Option<String>,
}

/// Where the data is.
pub(super) enum Data<'p> {
    Directory(&'p Path),
    Postgres(&'p str),
}

impl Place {
    pub(super) fn data(&self) -> Result<Data<'_>, String> {
        match (&self.data, &self.store) {
            (Some(_), Some(_)) => Err("data and store exclude each other: give one".to_owned()),
            (_, Some(url)) => Ok(Data::Postgres(url)),
            (Some(directory), None) => Ok(Data::Directory(directory)),
            (None, None) => Ok(Data::Directory(Path::new(DEFAULT_DATA))),
        }
    }
}

/// One state of the records to be read, and what is wrong with the database that holds them.
///
/// Whatever lies between the database and its records, such as encryption, belongs here.
pub(super) struct Snapshot {
    pub(super) store: Box<dyn Store>,
    pub(super) damage: Vec<String>,
}

impl Snapshot {
    pub(super) fn of(data: &Data<'_>) -> Result<Self, Box<dyn std::error::Error>> {
        match data {
            Data::Directory(directory) => Self::of_sqlite(SqliteSnapshot::open(directory)?),
            // PostgreSQL checks its own pages: data checksums, pg_amcheck.
            Data::Postgres(url) => {
                Ok(Self { store: Box::new(PostgresSnapshot::open(url)?), damage: Vec::new() })
            }
        }
    }

    pub(super) fn of_backup(file: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        Self::of_sqlite(SqliteSnapshot::open_backup(file)?)
    }

    fn of_sqlite(snapshot: SqliteSnapshot) -> Result<Self, Box<dyn std::error::Error>> {
        let damage = snapshot.damage()?;
        Ok(Self { store: Box::new(snapshot), damage })
    }
}
