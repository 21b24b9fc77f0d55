//! The statements that read records.

use device_pool::store::{Key, Record, Table, Version};
use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::entry::Entry;

pub(super) fn get(connection: &Connection, key: &Key) -> rusqlite::Result<Option<Record>> {
    connection
        .prepare_cached("SELECT version, body FROM record WHERE kind = ?1 AND id = ?2")?
        .query_row((key.table.name(), &key.id), record)
        .optional()
}

/// As [`Entries::entries`](crate::Entries::entries).
pub(super) fn entries(
    connection: &Connection,
    table: Table,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> rusqlite::Result<Vec<Entry>> {
    let start = after.map_or(prefix, |after| after.max(prefix));
    let mut found = Vec::new();
    let mut statement = connection.prepare_cached(
        "SELECT version, body, id, expires_at FROM record
         WHERE kind = ?1 AND id >= ?2 ORDER BY id",
    )?;
    let mut rows = statement.query((table.name(), start))?;
    // The loop stops at the end of the prefix: rows are fetched one by one, and bytes compare more
    // reliably here than by a pattern or an upper bound in SQL.
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        let id = row.get_ref(2)?.as_str()?;
        if !id.starts_with(prefix) {
            break;
        }
        if Some(id) != after {
            let key = Key { table, id: id.to_owned() };
            found.push(Entry { key, record: record(row)?, expires_at: row.get(3)? });
        }
    }
    Ok(found)
}

/// The record in a row that starts with `version, body`.
pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record { version: version(row)?, body: row.get_ref(1)?.as_bytes()?.to_vec() })
}

/// The version in a row that starts with it. The database counts in `i64`, from 1.
pub(super) fn version(row: &Row<'_>) -> rusqlite::Result<Version> {
    row.get::<_, i64>(0).map(|number| Version(number.cast_unsigned()))
}
