//! Backups, their restoration, compaction, and files that give space back.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its own functions too")]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use device_pool::store::{Change, Key, Store, Table, Write};
use device_store::{OpenError, SqliteSnapshot, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

const DATABASE: &str = "device-pool.sqlite3";

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn key(table: Table, id: &str) -> Key {
    Key { table, id: id.to_owned() }
}

fn put(key: Key, body: &str) -> (Key, Write) {
    (key, Write::Put { body: body.as_bytes().to_vec(), expires_at: None })
}

fn filled(directory: &Path, records: usize) -> SqliteStore {
    let store = SqliteStore::open(directory).unwrap();
    let body = format!(r#"{{"x":"{}"}}"#, "x".repeat(1000));
    for batch in (0..records).collect::<Vec<_>>().chunks(500) {
        let write = |n: &usize| put(key(Table::Device, &format!("{n:06}")), &body);
        let writes = batch.iter().map(write).collect();
        store.apply(Change { expect: vec![], writes }).unwrap();
    }
    store
}

fn size(directory: &Path) -> u64 {
    fs::metadata(directory.join(DATABASE)).unwrap().len()
}

/// The names of the files in a directory.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_backup_has_one_state_while_a_store_writes() {
    let (data, backups) = (directory(), directory());
    let store = filled(data.path(), 500);
    let enough = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Each change writes a pair, so a pair is never half there.
            for n in 0.. {
                let pair = [Table::Grant, Table::UserGrant].map(|table| key(table, &n.to_string()));
                let writes = pair.into_iter().map(|key| put(key, "{}")).collect();
                store.apply(Change { expect: vec![], writes }).unwrap();
                if enough.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let mut earlier = 0;
        for n in 0..5 {
            let file = backups.path().join(n.to_string());
            SqliteStore::back_up(data.path(), &file).unwrap();
            let backup = SqliteSnapshot::open_backup(&file).unwrap();
            assert!(backup.damage().unwrap().is_empty());
            let ids = |table| {
                let found = backup.scan(table, "", None, usize::MAX).unwrap();
                found.into_iter().map(|(key, _)| key.id).collect::<Vec<_>>()
            };
            assert_eq!(ids(Table::Grant), ids(Table::UserGrant));
            assert_eq!(ids(Table::Device).len(), 500);
            assert!(ids(Table::Grant).len() >= earlier);
            earlier = ids(Table::Grant).len();
        }
        enough.store(true, Ordering::Relaxed);
    });
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(backups.path().join("0")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(names(backups.path()), ["0", "1", "2", "3", "4"], "no temporary file is left");
}

#[test]
fn a_restored_store_has_the_records_of_the_backup() {
    let (data, place) = (directory(), directory());
    let file = place.path().join("backup");
    drop(filled(data.path(), 700));
    SqliteStore::back_up(data.path(), &file).unwrap();
    let restored = place.path().join("var/restored");
    SqliteStore::restore(&file, &restored).unwrap();
    assert_eq!(names(&restored), ["device-pool.lock", DATABASE]);

    let before = SqliteStore::open(data.path()).unwrap();
    let after = SqliteStore::open(&restored).unwrap();
    let all = |store: &SqliteStore| store.scan(Table::Device, "", None, 999).unwrap();
    assert_eq!(all(&before), all(&after));
    assert_eq!(all(&after).len(), 700);
    // Versions go on: none is used for another state.
    after.apply(Change { expect: vec![], writes: vec![put(key(Table::Pool, "p"), "{}")] }).unwrap();
    let newest = after.get(&key(Table::Pool, "p")).unwrap().unwrap().version;
    assert!(all(&after).iter().all(|(_, record)| record.version < newest));
}

#[test]
fn nothing_is_overwritten() {
    let (data, place) = (directory(), directory());
    drop(filled(data.path(), 1));
    let file = place.path().join("backup");
    SqliteStore::back_up(data.path(), &file).unwrap();

    let bytes = fs::read(&file).unwrap();
    let refused = SqliteStore::back_up(data.path(), &file).unwrap_err();
    assert!(matches!(refused, OpenError::Exists { .. }), "{refused:?}");
    assert_eq!(fs::read(&file).unwrap(), bytes);

    let bytes = fs::read(data.path().join(DATABASE)).unwrap();
    let refused = SqliteStore::restore(&file, data.path()).unwrap_err();
    assert!(matches!(refused, OpenError::NotEmpty { .. }), "{refused:?}");
    assert!(refused.to_string().contains("name a new directory"), "{refused}");
    assert_eq!(fs::read(data.path().join(DATABASE)).unwrap(), bytes);

    // The log of a database that was removed.
    let other = place.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("device-pool.sqlite3-wal"), "").unwrap();
    let refused = SqliteStore::restore(&file, &other).unwrap_err();
    assert!(matches!(refused, OpenError::NotEmpty { .. }), "{refused:?}");
}

#[test]
fn a_wrong_source_is_refused_and_leaves_nothing() {
    let place = directory();
    let path = |name: &str| place.path().join(name);
    fs::write(path("text"), "this was never a database\n".repeat(500)).unwrap();
    fs::write(path("empty"), "").unwrap();
    fs::create_dir(path("folder")).unwrap();
    Connection::open(path("theirs")).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let data = path("data");
    drop(filled(&data, 1));
    SqliteStore::back_up(&data, path("newer")).unwrap();
    Connection::open(path("newer")).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let before = names(place.path());

    for (name, says) in [
        ("text", "is damaged"),
        ("empty", "holds no data of this program"),
        ("folder", "is not a file"),
        ("theirs", "is a database of another program"),
        ("newer", "was written by a newer version"),
        ("none", "cannot use"),
    ] {
        let refused = SqliteStore::restore(path(name), path("restored")).unwrap_err().to_string();
        assert!(refused.contains(says), "{name}: {refused}");
        let refused = SqliteSnapshot::open_backup(path(name)).err().unwrap().to_string();
        assert!(refused.contains(says), "{name}: {refused}");
    }
    let none = path("none");
    let missing = |refused: OpenError| matches!(refused, OpenError::Missing { .. });
    assert!(missing(SqliteStore::back_up(&none, path("file")).unwrap_err()));
    assert!(missing(SqliteStore::compact(&none).unwrap_err()));
    assert!(missing(SqliteStore::pending_migrations(&none).unwrap_err()));
    assert!(missing(SqliteSnapshot::open(&none).err().unwrap()));
    assert_eq!(names(place.path()), before);
}

#[test]
fn damage_and_unknown_kinds_are_found() {
    let data = directory();
    drop(filled(data.path(), 300));
    let damage = || SqliteSnapshot::open(data.path()).unwrap().damage().unwrap();
    assert!(damage().is_empty());

    let database = data.path().join(DATABASE);
    let shell = Connection::open(&database).unwrap();
    shell.execute("INSERT INTO record VALUES ('gadget', 'a', 1, NULL, '{}')", []).unwrap();
    drop(shell);
    assert_eq!(damage(), ["1 of unknown kind gadget"]);

    // The second half of a page in the middle of the file.
    let mut bytes = fs::read(&database).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes.get_mut(middle..middle + 2048).unwrap().fill(0xff);
    fs::write(&database, bytes).unwrap();
    let found = SqliteSnapshot::open(data.path()).unwrap().damage();
    assert!(found.is_err() || found.unwrap().len() > 1);
}

#[test]
fn a_purge_gives_the_space_of_deleted_records_back() {
    let data = directory();
    let store = filled(data.path(), 8000);
    store.purge(0).unwrap();
    let full = size(data.path());
    let ids: Vec<usize> = (0..8000).collect();
    for batch in ids.chunks(500) {
        let delete = |n: &usize| (key(Table::Device, &format!("{n:06}")), Write::Delete);
        let writes = batch.iter().map(delete).collect();
        store.apply(Change { expect: vec![], writes }).unwrap();
    }
    store.purge(0).unwrap();
    let left = size(data.path());
    assert!(left < full / 4, "{full} bytes before, {left} after");
}

#[test]
fn an_old_file_gives_space_back_once_it_is_compacted() {
    let data = directory();
    drop(filled(data.path(), 4000));
    // As earlier releases made it.
    let database = data.path().join(DATABASE);
    let shell = Connection::open(&database).unwrap();
    shell.execute_batch("PRAGMA journal_mode = delete; PRAGMA auto_vacuum = none; VACUUM").unwrap();
    drop(shell);
    let store = SqliteStore::open(data.path()).unwrap();
    let refused = SqliteStore::compact(data.path()).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused:?}");
    let writes = (0..3900).map(|n| (key(Table::Device, &format!("{n:06}")), Write::Delete));
    store.apply(Change { expect: vec![], writes: writes.collect() }).unwrap();
    store.purge(0).unwrap();
    drop(store);

    let before = size(data.path());
    let compacted = SqliteStore::compact(data.path()).unwrap();
    assert_eq!((compacted.before, compacted.after), (before, size(data.path())));
    assert!(compacted.after < before / 10, "{compacted:?}");
    assert_eq!(names(data.path()), ["device-pool.lock", DATABASE]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&database).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let store = SqliteStore::open(data.path()).unwrap();
    assert_eq!(store.scan(Table::Device, "", None, 999).unwrap().len(), 100);
    drop(store);
    let mode: i64 =
        Connection::open(&database).unwrap().pragma_query_one(None, "auto_vacuum").unwrap();
    assert_eq!(mode, 2, "incremental");
}

#[test]
fn a_tried_migration_changes_nothing() {
    let data = directory();
    drop(filled(data.path(), 1));
    assert!(SqliteStore::pending_migrations(data.path()).unwrap().is_empty());

    // A database from before the first schema, as an interrupted first start leaves it.
    let empty = directory();
    fs::write(empty.path().join(DATABASE), "").unwrap();
    let steps = SqliteStore::pending_migrations(empty.path()).unwrap();
    assert_eq!(steps, ["create the table of records"]);
    assert_eq!(size(empty.path()), 0);
    let refused = SqliteSnapshot::open(empty.path()).err().unwrap();
    assert!(matches!(refused, OpenError::Missing { .. }), "{refused:?}");
}
