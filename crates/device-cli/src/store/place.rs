//! The data that a command is about.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use device_pool::store::Key;
use device_server::Store;
use device_store::{
    Defect, Entries, MasterKeySource, PostgresSnapshot, SealedStore, SqliteSnapshot,
};

use crate::serve::{DEFAULT_DATA, master_key};

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

/// The master key, which opens what is encrypted. It may also be in the environment, or a systemd
/// credential.
#[derive(clap::Args)]
pub(super) struct Master {
    /// The file with the master key that the data is encrypted under [default: master.key in the
    /// data directory]
    #[arg(long, env = "DEVICE_MASTER_KEY_FILE", value_name = "FILE")]
    master_key_file: Option<PathBuf>,

    /// A program that prints the master key, with its arguments, separated by spaces
    #[arg(long, env = "DEVICE_MASTER_KEY_COMMAND", value_name = "COMMAND")]
    master_key_command: Option<String>,
}

impl Master {
    /// The key, if one is given or in `directory`.
    pub(super) fn or_in(
        &self,
        directory: Option<&Path>,
    ) -> Result<Option<MasterKeySource>, Box<dyn Error>> {
        let given =
            master_key::given(self.master_key_file.clone(), self.master_key_command.clone())?;
        let own = directory.map(master_key::own_file).filter(|file| file.exists());
        Ok(given.or(own.map(MasterKeySource::File)))
    }
}

/// Where the data is.
pub(super) enum Data<'p> {
    Directory(&'p Path),
    Postgres(&'p str),
}

impl Data<'_> {
    pub(super) fn directory(&self) -> Option<&Path> {
        match self {
            Self::Directory(directory) => Some(directory),
            Self::Postgres(_) => None,
        }
    }
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

/// One state of the records to be read, opened if they are encrypted, and what is wrong with what
/// holds them.
pub(super) struct Snapshot {
    pub(super) store: Arc<dyn Store>,
    /// A line for each problem. If there is any, the records need not be readable.
    pub(super) damage: Vec<String>,
}

impl Snapshot {
    pub(super) fn of(
        data: &Data<'_>,
        master: Option<MasterKeySource>,
    ) -> Result<Self, Box<dyn Error>> {
        match data {
            Data::Directory(directory) => Self::of_sqlite(SqliteSnapshot::open(directory)?, master),
            // PostgreSQL checks its own pages: data checksums, pg_amcheck.
            Data::Postgres(url) => Self::opened(Arc::new(PostgresSnapshot::open(url)?), master),
        }
    }

    pub(super) fn of_backup(
        file: &Path,
        master: Option<MasterKeySource>,
    ) -> Result<Self, Box<dyn Error>> {
        Self::of_sqlite(SqliteSnapshot::open_backup(file)?, master)
    }

    fn of_sqlite(
        snapshot: SqliteSnapshot,
        master: Option<MasterKeySource>,
    ) -> Result<Self, Box<dyn Error>> {
        let damage = snapshot.damage()?;
        if damage.is_empty() {
            return Self::opened(Arc::new(snapshot), master);
        }
        let damage = damage.iter().map(|line| format!("database: {line}")).collect();
        Ok(Self { store: Arc::new(snapshot), damage })
    }

    fn opened(
        records: Arc<dyn Entries>,
        master: Option<MasterKeySource>,
    ) -> Result<Self, Box<dyn Error>> {
        let master = match (SealedStore::has_sealed(&*records)?, master) {
            (true, Some(master)) => master,
            (false, None) => return Ok(Self { store: records, damage: Vec::new() }),
            (true, None) => {
                return Err("the records are encrypted: give the server's master key with \
                            --master-key-file, or put master.key back into its data directory"
                    .into());
            }
            // Otherwise records that someone else wrote could pass for the server's.
            (false, Some(master)) => {
                return Err(format!(
                    "the records are not encrypted, although there is a master key ({}). Only a \
                     release without encryption leaves such data: if this is from one, run the \
                     command again without the key. Otherwise do not use it",
                    master.place()
                )
                .into());
            }
        };
        let sealed = SealedStore::open(records, master)?;
        let line =
            |(key, defect): &(Key, Defect)| format!("{} {}: {defect}", key.table.name(), key.id);
        let damage = sealed.defects()?.iter().map(line).collect();
        Ok(Self { store: Arc::new(sealed), damage })
    }
}
