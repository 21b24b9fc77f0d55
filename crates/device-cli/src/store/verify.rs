//! `device store verify`: whether all records can be read and agree with each other.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use device_server::{Moment, RecordCheck, check_records, is_own_record};
use device_store::MasterKeySource;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::place::{Master, Place, Snapshot};
use crate::output::{self, Format};

/// Options of `device store verify`.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,

    /// Verify this backup instead of a server's data
    #[arg(long, value_name = "FILE")]
    backup: Option<PathBuf>,

    #[command(flatten)]
    master: Master,

    #[command(flatten)]
    format: Format,
}

pub(super) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let data = options.place.data()?;
    let master = options.master.or_in(data.directory())?;
    let snapshot = match &options.backup {
        Some(file) => Snapshot::of_backup(file, master)?,
        None => Snapshot::of(&data, master)?,
    };
    let found = check(&snapshot)?;
    let complaints = complaints(&snapshot, &found);
    if options.format.json {
        let records: BTreeMap<&str, u64> =
            found.records.iter().map(|(table, records)| (table.name(), *records)).collect();
        let problems: Vec<&str> = complaints.iter().flat_map(|(list, _)| list.lines()).collect();
        output::json(&json!({ "records": records, "problems": problems }))?;
        return match complaints {
            None => Ok(()),
            Some((_, count)) => Err(format!("{count} problems or more").into()),
        };
    }
    let mut out = io::stdout().lock();
    for (table, records) in &found.records {
        writeln!(out, "{:<18}{records:>12}", table.name())?;
    }
    let total: u64 = found.records.values().sum();
    match complaints {
        None => writeln!(out, "{total} records: all can be read, and agree with each other")?,
        Some((list, count)) => {
            writeln!(out, "{list}")?;
            return Err(match snapshot.damage.is_empty() {
                true => format!("{count} of {total} records or more are wrong: see above"),
                false => format!("{count} problems. Records were not compared with each other"),
            }
            .into());
        }
    }
    Ok(())
}

/// Fails if a backup has anything wrong.
pub(super) fn require_sound(
    file: &Path,
    master: Option<MasterKeySource>,
) -> Result<u64, Box<dyn Error>> {
    let snapshot = Snapshot::of_backup(file, master)?;
    let found = check(&snapshot)?;
    match complaints(&snapshot, &found) {
        None => Ok(found.records.values().sum()),
        Some((list, _)) => Err(format!(
            "{} is damaged, and was not restored. Take an earlier backup.\n{list}",
            file.display()
        )
        .into()),
    }
}

fn check(snapshot: &Snapshot) -> Result<RecordCheck, Box<dyn Error>> {
    if !snapshot.damage.is_empty() {
        // What SQLite itself or its key cannot open need not be read as a type.
        return Ok(RecordCheck::default());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let now = Moment::from_millis(i64::try_from(now)?);
    // Drawn on stderr, and only if that is a terminal.
    let style = ProgressStyle::with_template("{spinner} {pos} records {elapsed}")?;
    let bar = ProgressBar::new_spinner().with_style(style);
    let mut progress = |records| bar.set_position(records);
    let found = check_records(&*snapshot.store, now, &is_own_record, &mut progress);
    bar.finish_and_clear();
    Ok(found?)
}

/// What is wrong, a line for each problem, and the number of problems; `None` if nothing is.
fn complaints(snapshot: &Snapshot, found: &RecordCheck) -> Option<(String, u64)> {
    let mut lines = snapshot.damage.clone();
    lines.extend(found.problems.iter().map(ToString::to_string));
    let count = lines.len() as u64 + found.more;
    if found.more > 0 {
        lines.push(format!("and {} more", found.more));
    }
    (!lines.is_empty()).then(|| (lines.join("\n"), count))
}
