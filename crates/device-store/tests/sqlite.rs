//! The SQLite store's own properties: its files, their permissions, and the effects of failures.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its own functions too")]

use std::fs;
use std::path::{Path, PathBuf};

use device_pool::store::{Change, Key, Store, StoreError, Table, Version, Write};
use device_store::{OpenError, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

const DATABASE: &str = "device-pool.sqlite3";

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn key(id: &str) -> Key {
    Key { table: Table::Device, id: id.to_owned() }
}

fn put(ids: &[&str]) -> Change {
    let write = || Write::Put { body: br#"{"name":"phone"}"#.to_vec(), expires_at: Some(5) };
    Change { expect: vec![], writes: ids.iter().map(|id| (key(id), write())).collect() }
}

fn delete(id: &str) -> Change {
    Change { expect: vec![], writes: vec![(key(id), Write::Delete)] }
}

/// A connection as an operator opens it with the database's shell.
fn shell(directory: &Path) -> Connection {
    Connection::open(directory.join(DATABASE)).unwrap()
}

fn refusal(directory: &Path) -> (OpenError, String) {
    let error = SqliteStore::open(directory).unwrap_err();
    let text = error.to_string();
    (error, text)
}

#[test]
fn records_are_there_after_opening_again() {
    let directory = directory();
    let store = SqliteStore::open(directory.path()).unwrap();
    store.apply(put(&["a", "b"])).unwrap();
    store.apply(delete("b")).unwrap();
    let before = store.get(&key("a")).unwrap();
    assert!(before.is_some());
    drop(store);

    let store = SqliteStore::open(directory.path()).unwrap();
    assert_eq!(store.get(&key("a")).unwrap(), before);
    assert_eq!(store.get(&key("b")).unwrap(), None);
}

#[test]
fn a_version_does_not_return_after_opening_again() {
    let directory = directory();
    let create_and_delete = || {
        let store = SqliteStore::open(directory.path()).unwrap();
        store.apply(put(&["a"])).unwrap();
        let version = store.get(&key("a")).unwrap().unwrap().version;
        store.apply(delete("a")).unwrap();
        version
    };
    let first = create_and_delete();
    assert_ne!(create_and_delete(), first);
}

#[test]
fn closing_leaves_one_database_file_and_no_log() {
    let directory = directory();
    let store = SqliteStore::open(directory.path()).unwrap();
    store.apply(put(&["a"])).unwrap();
    drop(store);
    let mut names: Vec<_> =
        fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["device-pool.lock", DATABASE]);
}

#[test]
fn an_operator_can_read_an_open_store() {
    let directory = directory();
    let store = SqliteStore::open(directory.path()).unwrap();
    store.apply(put(&["pool/ana/phone"])).unwrap();

    let sql = "SELECT kind, id, expires_at, body ->> 'name', typeof(body) FROM record";
    let row: (String, String, i64, String, String) = shell(directory.path())
        .query_row(sql, [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })
        .unwrap();
    let text = |text: &str| text.to_owned();
    assert_eq!(row, (text("device"), text("pool/ana/phone"), 5, text("phone"), text("text")));
}

#[test]
fn a_change_in_the_shell_conflicts_with_what_was_read() {
    let directory = directory();
    let store = SqliteStore::open(directory.path()).unwrap();
    store.apply(put(&["a"])).unwrap();
    let read = || store.get(&key("a")).unwrap().map(|record| record.version);
    let change = || Change { expect: vec![(key("a"), read())], ..put(&["a"]) };
    store.apply(change()).unwrap();

    let decided = change();
    shell(directory.path()).execute("UPDATE record SET version = 99", []).unwrap();
    assert!(matches!(store.apply(decided), Err(StoreError::Conflict)));
    assert_eq!(read(), Some(Version(99)));
    store.apply(change()).unwrap();
}

#[test]
fn only_one_store_at_a_time_has_the_directory() {
    let directory = directory();
    let store = SqliteStore::open(directory.path()).unwrap();
    store.apply(put(&["a"])).unwrap();

    let (error, text) = refusal(directory.path());
    assert!(matches!(&error, OpenError::InUse { path } if path == directory.path()), "{error:?}");
    assert!(text.contains("stop that process"), "{text}");

    store.apply(put(&["b"])).unwrap();
    drop(store);
    let store = SqliteStore::open(directory.path()).unwrap();
    assert_eq!(store.scan(Table::Device, "", None, 9).unwrap().len(), 2);
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let directory = directory();
    drop(SqliteStore::open(directory.path()).unwrap());
    shell(directory.path()).pragma_update(None, "user_version", 7).unwrap();
    let before = fs::read(directory.path().join(DATABASE)).unwrap();

    let (error, text) = refusal(directory.path());
    assert!(matches!(error, OpenError::NewerSchema { found: 7, supported: 1, .. }), "{error:?}");
    assert!(text.contains("run that version or a later one"), "{text}");
    assert_eq!(fs::read(directory.path().join(DATABASE)).unwrap(), before);
}

#[test]
fn another_programs_database_is_refused_and_left_alone() {
    let directory = directory();
    shell(directory.path()).execute_batch("CREATE TABLE theirs (x)").unwrap();
    let before = fs::read(directory.path().join(DATABASE)).unwrap();

    let (error, _) = refusal(directory.path());
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    assert_eq!(fs::read(directory.path().join(DATABASE)).unwrap(), before);
}

#[test]
fn a_damaged_file_is_refused() {
    let directory = directory();
    fs::write(directory.path().join(DATABASE), "this was never a database\n".repeat(1000)).unwrap();
    let (error, text) = refusal(directory.path());
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error:?}");
    assert!(text.contains("restore it from a backup"), "{text}");
}

#[test]
fn a_file_is_not_accepted_as_directory() {
    let directory = directory();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let (error, text) = refusal(&path);
        assert!(matches!(error, OpenError::NotADirectory { .. }), "{error:?}");
        assert!(text.contains("name the directory for the data"), "{text}");
    }
}

#[test]
fn a_missing_directory_is_made() {
    let directory = directory();
    let path = directory.path().join("var/lib/device");
    SqliteStore::open(&path).unwrap().apply(put(&["a"])).unwrap();
    assert!(SqliteStore::open(&path).unwrap().get(&key("a")).unwrap().is_some());
}

#[cfg(unix)]
#[test]
fn created_files_belong_to_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;

    let directory = directory();
    let path = directory.path().join("var/device");
    let store = SqliteStore::open(&path).unwrap();
    store.apply(put(&["a"])).unwrap();
    assert_eq!(mode(directory.path().join("var")), 0o700);
    assert_eq!(mode(path.clone()), 0o700);
    for file in ["device-pool.lock", DATABASE, "device-pool.sqlite3-wal", "device-pool.sqlite3-shm"]
    {
        assert_eq!(mode(path.join(file)), 0o600, "{file}");
    }
}

/// SQLite fails at the second write of a change: the first must be undone, and the next change must
/// succeed.
#[test]
fn a_failure_undoes_the_change_and_no_other() {
    let directory = directory();
    let store = SqliteStore::open(directory.path()).unwrap();
    shell(directory.path())
        .execute_batch(
            "CREATE TRIGGER fault BEFORE INSERT ON record WHEN NEW.id = 'b'
             BEGIN SELECT RAISE(ABORT, 'injected'); END",
        )
        .unwrap();

    store.apply(put(&["z"])).unwrap();
    let outcome = store.apply(put(&["a", "b"]));
    assert!(
        matches!(&outcome, Err(StoreError::Failed(text)) if text.contains("injected")),
        "{outcome:?}"
    );
    assert_eq!(store.get(&key("a")).unwrap(), None);
    store.apply(put(&["c"])).unwrap();
    assert_eq!(store.purge(6).unwrap(), 2);
}

#[test]
fn a_failed_read_is_an_error_without_the_record() {
    let directory = directory();
    let store = SqliteStore::open(directory.path()).unwrap();
    store.apply(put(&["a"])).unwrap();
    shell(directory.path()).execute_batch("ALTER TABLE record RENAME TO elsewhere").unwrap();
    for outcome in
        [store.get(&key("a")).map(|_| ()), store.scan(Table::Device, "", None, 9).map(|_| ())]
    {
        assert!(
            matches!(&outcome, Err(StoreError::Failed(text)) if !text.contains("phone")),
            "{outcome:?}"
        );
    }
}

#[test]
fn debug_shows_no_record() {
    let directory = directory();
    let store = SqliteStore::open(directory.path()).unwrap();
    store.apply(put(&["a"])).unwrap();
    let text = format!("{store:?}");
    assert!(text.contains(DATABASE) && !text.contains("phone"), "{text}");
}

#[test]
fn after_a_purge_no_file_holds_deleted_records() {
    let directory = directory();
    let store = SqliteStore::open(directory.path()).unwrap();
    // Bodies of a page and more lie on pages of their own, small ones beside others.
    let body = |n: usize, name: &str| {
        format!(r#"{{"name":"{name}","more":"{}"}}"#, "x".repeat(n % 7 * 2000)).into_bytes()
    };
    let write = |n: usize, name: &str| {
        let write = Write::Put { body: body(n, name), expires_at: None };
        Change { expect: vec![], writes: vec![(key(&format!("{name}/{n:03}")), write)] }
    };
    for n in 0..150 {
        store.apply(write(n, "ada-lovelace")).unwrap();
        store.apply(write(n, "charles")).unwrap();
    }
    for n in 0..150 {
        store.apply(delete(&format!("ada-lovelace/{n:03}"))).unwrap();
        store.apply(write(150 + n, "charles")).unwrap();
    }
    store.purge(0).unwrap();
    for file in fs::read_dir(directory.path()).unwrap() {
        let path = file.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(12).filter(|window| window == b"ada-lovelace").count();
        assert_eq!(found, 0, "{}", path.display());
    }
    assert_eq!(store.scan(Table::Device, "charles/", None, 999).unwrap().len(), 300);
}
