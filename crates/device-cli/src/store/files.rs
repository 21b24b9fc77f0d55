//! `device store backup`, `restore` and `compact`: the files of a data directory.

use std::error::Error;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use device_store::SqliteStore;
use serde_json::json;

use super::place::{Data, Master, Place};
use super::verify;
use crate::output::{self, Format};

/// Options of `device store backup`.
#[derive(clap::Args)]
pub(crate) struct BackupOptions {
    /// The file to write. It must not exist
    file: PathBuf,

    #[command(flatten)]
    place: Place,

    /// Copy the other files of the data directory, such as credentials and keys, into this new
    /// directory. Keep it apart from the backup
    #[arg(long, value_name = "DIR")]
    secrets_to: Option<PathBuf>,

    #[command(flatten)]
    format: Format,
}

/// Options of `device store restore`.
#[derive(clap::Args)]
pub(crate) struct RestoreOptions {
    /// The backup
    file: PathBuf,

    #[command(flatten)]
    place: Place,

    /// Copy the files of this directory too, which `device store backup --secrets-to` wrote
    #[arg(long, value_name = "DIR")]
    secrets_from: Option<PathBuf>,

    #[command(flatten)]
    master: Master,

    #[command(flatten)]
    format: Format,
}

/// Options of `device store compact`.
#[derive(clap::Args)]
pub(crate) struct CompactOptions {
    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    format: Format,
}

pub(super) fn back_up(options: &BackupOptions) -> Result<(), Box<dyn Error>> {
    let directory = directory(&options.place, "backup", PG_DUMP)?;
    if let Some(to) = &options.secrets_to {
        // First: a backup whose keys are missing looks complete.
        require_new(to)?;
    }
    SqliteStore::back_up(directory, &options.file)?;
    let beside = SqliteStore::files_beside(directory)?;
    if let Some(to) = options.secrets_to.as_ref().filter(|_| !beside.is_empty()) {
        make_private(to)?;
        copy_all(&beside, to)?;
    }
    let names = names(&beside);
    if options.format.json {
        let (copied, left) = match &options.secrets_to {
            Some(_) => (names, Vec::new()),
            None => (Vec::new(), names),
        };
        let backup = options.file.display().to_string();
        let told = json!({ "backup": backup, "filesCopied": copied, "filesNotInIt": left });
        return Ok(output::json(&told)?);
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{} written", options.file.display())?;
    if names.is_empty() {
        return Ok(());
    }
    let names = names.join(", ");
    match &options.secrets_to {
        Some(to) => {
            writeln!(out, "{names} copied to {}: keep it apart from the backup", to.display())?;
        }
        None => writeln!(
            out,
            "not in it: {names}. A restored server needs them, unless their settings are given \
             otherwise. Keep a copy elsewhere; --secrets-to DIR makes one"
        )?,
    }
    Ok(())
}

pub(super) fn restore(options: &RestoreOptions) -> Result<(), Box<dyn Error>> {
    let directory = directory(&options.place, "restore", PG_RESTORE)?;
    let secrets = options.secrets_from.as_deref().map(SqliteStore::files_beside).transpose()?;
    let secrets = secrets.unwrap_or_default();
    for secret in &secrets {
        if let Some(name) = secret.file_name() {
            require_new(&directory.join(name))?;
        }
    }
    let records = {
        let keys = options.secrets_from.as_deref().unwrap_or(directory);
        let master = options.master.or_in(Some(keys))?;
        verify::require_sound(&options.file, master)?
    };
    SqliteStore::restore(&options.file, directory)?;
    copy_all(&secrets, directory)?;
    if options.format.json {
        let told = json!({ "records": records, "filesCopied": names(&secrets) });
        return Ok(output::json(&told)?);
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{records} records verified and restored to {}", directory.display())?;
    if !secrets.is_empty() {
        writeln!(out, "{} copied", names(&secrets).join(", "))?;
    }
    Ok(())
}

pub(super) fn compact(options: &CompactOptions) -> Result<(), Box<dyn Error>> {
    let directory = directory(&options.place, "compact", VACUUM)?;
    let sizes = SqliteStore::compact(directory)?;
    if options.format.json {
        let told = json!({ "bytesBefore": sizes.before, "bytesAfter": sizes.after });
        return Ok(output::json(&told)?);
    }
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    writeln!(
        io::stdout().lock(),
        "{:.1} MiB before, {:.1} MiB after",
        mebibytes(sizes.before),
        mebibytes(sizes.after)
    )?;
    Ok(())
}

/// PostgreSQL's own ways, for errors.
const PG_DUMP: &str = "pg_dump --format=custom --schema=device_store --file=FILE URL, while the \
                       servers run";
const PG_RESTORE: &str = "pg_restore --dbname=URL FILE, into a database without the schema \
                          device_store, then run device store verify";
const VACUUM: &str = "its autovacuum, or VACUUM FULL device_store.record";

/// The directory that is meant.
fn directory<'p>(place: &'p Place, verb: &str, instead: &str) -> Result<&'p Path, Box<dyn Error>> {
    match place.data()? {
        Data::Directory(directory) => Ok(directory),
        Data::Postgres(_) => Err(format!(
            "device store {verb} is for data directories. For PostgreSQL use {instead}"
        )
        .into()),
    }
}

fn require_new(path: &Path) -> Result<(), Box<dyn Error>> {
    if path.try_exists()? {
        return Err(format!("{} exists already, and nothing is overwritten", path.display()).into());
    }
    Ok(())
}

fn names(files: &[PathBuf]) -> Vec<String> {
    let names = files.iter().filter_map(|file| file.file_name());
    names.map(|name| name.to_string_lossy().into_owned()).collect()
}

/// Creates a directory that only its owner can enter.
fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Copies files into a directory, each readable by its owner alone. None is overwritten.
fn copy_all(files: &[PathBuf], directory: &Path) -> Result<(), Box<dyn Error>> {
    for from in files {
        let Some(name) = from.file_name() else { continue };
        let to = directory.join(name);
        let failed = |error: io::Error| format!("cannot write {}: {error}", to.display());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let bytes =
            fs::read(from).map_err(|error| format!("cannot read {}: {error}", from.display()))?;
        let mut file = options.open(&to).map_err(failed)?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    }
    Ok(())
}
