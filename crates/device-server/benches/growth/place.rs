//! A store of the size that is measured: a directory, or a PostgreSQL database.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use device_server::{MasterKeySource, SealedStore, Storage};

/// A master key, which only the data of this benchmark has.
const MASTER_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Where the records are.
pub(crate) enum Place {
    Directory(PathBuf),
    Postgres(String),
}

/// What a database has done so far.
#[derive(Clone, Copy, Default)]
pub(crate) struct Work {
    /// Bytes of the write-ahead log, which all databases of a server share.
    pub(crate) log: f64,
    /// Microseconds of CPU time of the processes that serve it.
    pub(crate) cpu: f64,
}

impl Place {
    /// Opens the store as `device serve` does.
    pub(crate) fn open(&self) -> Arc<SealedStore> {
        let (storage, key) = match self {
            Self::Directory(path) => {
                std::fs::create_dir_all(path).unwrap();
                let own = MasterKeySource::OwnFile(path.join("master.key"));
                (Storage::Directory(path.clone()), own)
            }
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => {
                let given = MasterKeySource::Given(MASTER_KEY.to_owned().into());
                (Storage::Postgres(url.as_str().into()), given)
            }
            #[cfg(not(feature = "postgres"))]
            Self::Postgres(_) => panic!("run it with --features postgres ({MASTER_KEY})"),
        };
        storage.open_sealed(key).unwrap()
    }

    /// Brings a database to the state that autovacuum keeps it in.
    pub(crate) fn settle(&self) {
        if let Self::Postgres(url) = self {
            sql(url, "VACUUM (ANALYZE) device_store.record");
            sql(url, "CHECKPOINT");
        }
    }

    pub(crate) fn bytes(&self) -> f64 {
        match self {
            Self::Directory(path) => {
                let files = std::fs::read_dir(path).unwrap().map(Result::unwrap);
                files.map(|file| file.metadata().unwrap().len() as f64).sum()
            }
            Self::Postgres(url) => {
                sql(url, "SELECT pg_database_size(current_database())").parse().unwrap()
            }
        }
    }

    /// What the database has done; nothing is known of a directory. It must be on this machine.
    pub(crate) fn work(&self) -> Option<Work> {
        let Self::Postgres(url) = self else { return None };
        let log = sql(url, "SELECT pg_current_wal_insert_lsn() - '0/0'").parse().unwrap();
        let backends = "SELECT pid FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let pids = sql(url, backends);
        Some(Work { log, cpu: pids.lines().map(cpu_of).sum() })
    }

    /// Removes all records.
    pub(crate) fn clear(&self) {
        match self {
            Self::Directory(path) => std::fs::remove_dir_all(path).unwrap(),
            Self::Postgres(url) => drop(sql(url, "DROP SCHEMA device_store CASCADE")),
        }
    }
}

/// The answer of a statement, as PostgreSQL's own client gives it.
fn sql(url: &str, statement: &str) -> String {
    let output = Command::new("psql").args(["-qAtX", url, "-c", statement]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Microseconds of CPU that a process has used, which the system counts in hundredths of a second.
fn cpu_of(pid: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<f64>().unwrap_or_default()).sum::<f64>() * 1e4
}
