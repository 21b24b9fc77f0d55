//! The PostgreSQL store: the conformance suite, and concurrent use of one database. `cargo xtask
//! test` starts the server for these tests.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its own functions too"
)]

#[path = "conformance/cases.rs"]
mod cases;
#[path = "postgres/database.rs"]
mod database;
#[path = "postgres/load.rs"]
mod load;
#[expect(dead_code, reason = "shared with the tests of faults, which use all of it")]
#[path = "postgres/proxy.rs"]
mod proxy;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Barrier};
use std::thread;

use cases::conformance;
use database::Database;
use device_pool::store::{Change, Key, Store, StoreError, Table, Version, Write};
use device_store::{MasterKeySource, PostgresError, PostgresStore, SealedStore};
use proxy::Proxy;

fn open(database: &Database) -> PostgresStore {
    PostgresStore::open(database.url()).unwrap()
}

#[test]
fn records_of_an_earlier_release_are_sealed() {
    let (inner, database) = postgres();
    let user = Key { table: Table::User, id: "pool/ana".to_owned() };
    let body = br#"{"username":"ana","verifier":"c2VjcmV0"}"#.to_vec();
    let write = Write::Put { body: body.clone(), expires_at: Some(5) };
    inner.apply(Change { expect: Vec::new(), writes: vec![(user.clone(), write)] }).unwrap();
    let dump = || database.run("SELECT string_agg(body, ' ') FROM device_store.record");
    assert!(dump().contains("c2VjcmV0"));
    let key =
        MasterKeySource::Given("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_owned().into());
    let store = SealedStore::open(Arc::new(inner), key).unwrap();
    assert_eq!(store.get(&user).unwrap().unwrap().body, body);
    assert!(store.renew(|| true).unwrap().is_done);
    let dumped = dump();
    assert!(dumped.contains(r#""username":"ana""#) && !dumped.contains("c2VjcmV0"), "{dumped}");
    assert_eq!(store.get(&user).unwrap().unwrap().body, body);
}

/// Sets a default for every session of a database.
fn set_for_all(database: &Database, setting: &str) {
    let name = database.run("SELECT current_database()");
    database.run(&format!("ALTER DATABASE {} SET {setting}", name.trim()));
}

fn postgres() -> (PostgresStore, Database) {
    let database = Database::new();
    (open(&database), database)
}

fn sealed() -> (SealedStore, Database) {
    let (inner, database) = postgres();
    let key =
        MasterKeySource::Given("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_owned().into());
    (SealedStore::open(Arc::new(inner), key).unwrap(), database)
}

conformance!(in_postgres, postgres());
conformance!(sealed_in_postgres, sealed());

fn key(id: &str) -> Key {
    Key { table: Table::Grant, id: id.to_owned() }
}

fn put(id: &str, n: usize) -> (Key, Write) {
    let body = format!(r#"{{"n":{n}}}"#).into_bytes();
    (key(id), Write::Put { body, expires_at: None })
}

fn number(store: &PostgresStore, id: &str) -> Option<usize> {
    let record = store.get(&key(id)).unwrap()?;
    let text = String::from_utf8(record.body).unwrap();
    Some(text.trim_start_matches(r#"{"n":"#).trim_end_matches('}').parse().unwrap())
}

fn version(store: &PostgresStore, id: &str) -> Option<Version> {
    store.get(&key(id)).unwrap().map(|record| record.version)
}

/// Runs `race` in `count` threads that start together, alternating between two stores; returns the
/// results.
fn race<T: Send>(
    stores: &[PostgresStore; 2],
    count: usize,
    race: impl Fn(&PostgresStore, usize) -> T + Sync,
) -> Vec<T> {
    let start = Barrier::new(count);
    thread::scope(|scope| {
        let racers: Vec<_> = (0..count)
            .map(|n| {
                let (start, race, store) = (&start, &race, &stores[n % 2]);
                scope.spawn(move || {
                    start.wait();
                    race(store, n)
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    })
}

fn applied(outcome: Result<(), StoreError>) -> bool {
    match outcome {
        Ok(()) => true,
        Err(StoreError::Conflict) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn one_of_fifty_writers_of_a_version_wins() {
    let database = Database::new();
    let stores = [open(&database), open(&database)];
    for round in 0..10 {
        applied(stores[0].apply(Change { expect: vec![], writes: vec![put("a", 0)] }));
        let seen = version(&stores[0], "a");
        let won = race(&stores, 50, |store, n| {
            let expect = vec![(key("a"), seen)];
            applied(store.apply(Change { expect, writes: vec![put("a", n)] }))
        });
        let winners: Vec<_> = (0..50).filter(|n| won[*n]).collect();
        assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
        assert_eq!(number(&stores[1], "a"), Some(winners[0]));
    }
}

#[test]
fn one_of_fifty_creators_of_a_key_wins() {
    let database = Database::new();
    let stores = [open(&database), open(&database)];
    for round in 0..10 {
        let id = format!("pool/single-use/{round}");
        let won = race(&stores, 50, |store, n| {
            let expect = vec![(key(&id), None)];
            applied(store.apply(Change { expect, writes: vec![put(&id, n)] }))
        });
        let winners: Vec<_> = (0..50).filter(|n| won[*n]).collect();
        assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
        assert_eq!(number(&stores[1], &id), Some(winners[0]));
    }
}

/// Each of two changes expects the other's key to be absent and creates its own. In no order can
/// both succeed.
#[test]
fn an_expected_absence_holds_until_the_commit() {
    let database = Database::new();
    let stores = [open(&database), open(&database)];
    for round in 0..50 {
        let ids = [format!("a/{round}"), format!("b/{round}")];
        let won = race(&stores, 2, |store, n| {
            let expect = vec![(key(&ids[1 - n]), None)];
            applied(store.apply(Change { expect, writes: vec![put(&ids[n], n)] }))
        });
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "round {round}");
    }
}

/// Each of two changes expects a version of the other's key and writes its own. If both succeeded,
/// that would be write skew.
#[test]
fn an_expected_version_holds_until_the_commit() {
    let database = Database::new();
    let stores = [open(&database), open(&database)];
    for round in 0..50 {
        applied(stores[0].apply(Change { expect: vec![], writes: vec![put("a", 0), put("b", 0)] }));
        let seen = ["a", "b"].map(|id| version(&stores[0], id));
        let won = race(&stores, 2, |store, n| {
            let (mine, other) = (["a", "b"][n], ["b", "a"][n]);
            let expect = vec![(key(other), seen[1 - n])];
            applied(store.apply(Change { expect, writes: vec![put(mine, 1)] }))
        });
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "round {round}");
    }
}

/// Changes of many keys in opposite orders would deadlock if locks were taken in the order given.
#[test]
fn changes_of_many_keys_never_deadlock() {
    let database = Database::new();
    let stores = [open(&database), open(&database)];
    let ids: Vec<String> = (0..40).map(|n| format!("pool/{n}")).collect();
    let count = race(&stores, 16, |store, n| {
        for round in 0..10 {
            let writes: Vec<_> = ids.iter().map(|id| put(id, n * 10 + round)).collect();
            let writes = if n % 2 == 0 { writes } else { writes.into_iter().rev().collect() };
            store.apply(Change { expect: vec![], writes }).unwrap();
        }
    });
    assert_eq!(count.len(), 16);
    // Atomic: all keys have the number of the same change.
    let found: BTreeSet<_> = ids.iter().map(|id| number(&stores[0], id)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(database.run(deadlocks).trim(), "0");
}

/// Two concurrent purges, and changes of the same records: renewed records stay.
#[test]
fn a_purge_spares_records_that_are_renewed() {
    let database = Database::new();
    let stores = [open(&database), open(&database)];
    let expiring = |n: usize, at| {
        let write = Write::Put { body: b"{}".to_vec(), expires_at: Some(at) };
        (key(&format!("{n:04}")), write)
    };
    let writes = (0..2000).map(|n| expiring(n, 10)).collect();
    applied(stores[0].apply(Change { expect: vec![], writes }));
    let removed = race(&stores, 4, |store, n| {
        if n < 2 {
            return store.purge(100).unwrap();
        }
        for id in (n - 2..2000).step_by(20) {
            store.apply(Change { expect: vec![], writes: vec![expiring(id, 1000)] }).unwrap();
        }
        0
    });
    // A renewed record counts as removed if the purge came first, but exists in either case.
    let left = stores[0].scan(Table::Grant, "", None, 9999).unwrap().len();
    assert_eq!(left, 200);
    assert!((1800..=2000).contains(&(removed[0] + removed[1])), "{removed:?}");
}

#[test]
fn two_stores_see_each_others_changes_at_once() {
    let database = Database::new();
    let stores = [open(&database), open(&database)];
    for n in 0..100 {
        let (writer, reader) = (&stores[n % 2], &stores[1 - n % 2]);
        writer.apply(Change { expect: vec![], writes: vec![put("a", n)] }).unwrap();
        assert_eq!(number(reader, "a"), Some(n));
    }
}

#[test]
fn stores_that_open_a_new_database_together_agree() {
    let database = Database::new();
    let stores: Vec<_> = thread::scope(|scope| {
        let opening: Vec<_> = (0..6).map(|_| scope.spawn(|| open(&database))).collect();
        opening.into_iter().map(|store| store.join().unwrap()).collect()
    });
    stores[0].apply(Change { expect: vec![], writes: vec![put("a", 1)] }).unwrap();
    assert!(stores.iter().all(|store| number(store, "a") == Some(1)));
}

#[test]
fn a_newer_schema_is_left_alone() {
    let database = Database::new();
    drop(open(&database));
    database.run("UPDATE device_store.schema SET version = 99");
    let error = PostgresStore::open(database.url()).unwrap_err();
    assert!(matches!(error, PostgresError::NewerSchema { found: 99, supported: 1, .. }), "{error}");
    assert!(error.to_string().contains("newer version"), "{error}");
}

#[test]
fn a_schema_of_another_program_is_left_alone() {
    let database = Database::new();
    database.run("CREATE SCHEMA device_store; CREATE TABLE device_store.theirs ()");
    let error = PostgresStore::open(database.url()).unwrap_err();
    assert!(matches!(error, PostgresError::Foreign { .. }), "{error}");
    database.run("SELECT * FROM device_store.theirs");
}

#[test]
fn open_errors_give_a_reason_and_no_password() {
    let database = Database::new();
    let unknown = database.url().replacen("postgres@", "ana:tiger@", 1);
    for (url, said) in [
        ("mysql://ana:tiger@localhost/device", "does not start with postgres://"),
        ("postgres://ana:tiger@localhost", "names no database"),
        ("postgres:///device", "names no host"),
        ("postgres://ana:tiger@localhost/device?sslmode=often", "sslmode"),
        ("postgres://ana:tiger@127.0.0.1:1/device", "cannot connect"),
        ("postgres://ana:tiger@localhost/device?sslrootcert=/none.pem", "/none.pem"),
        (unknown.as_str(), "\"ana\" does not exist"),
    ] {
        let error = PostgresStore::open(url).unwrap_err().to_string();
        assert!(error.contains(said), "{url}: {error}");
        assert!(!error.contains("tiger"), "{error}");
    }
}

/// The settings of a session do not depend on the database's own settings.
#[test]
fn a_session_has_the_settings_that_a_commit_needs() {
    let database = Database::new();
    set_for_all(&database, "default_transaction_isolation = 'repeatable read'");
    set_for_all(&database, "synchronous_commit = off");
    let stores = [open(&database), open(&database)];
    applied(stores[0].apply(Change { expect: vec![], writes: vec![put("a", 0)] }));
    let total: usize = race(&stores, 8, |store, _| {
        let mut done = 0;
        while done < 10 {
            let seen = store.get(&key("a")).unwrap().unwrap();
            let expect = vec![(key("a"), Some(seen.version)), (key("b"), None)];
            let next = number(store, "a").unwrap() + 1;
            done +=
                usize::from(applied(store.apply(Change { expect, writes: vec![put("a", next)] })));
        }
        done
    })
    .into_iter()
    .sum();
    assert_eq!(number(&stores[0], "a"), Some(total));
}

/// A connection can be cut at any moment of a change.
#[test]
fn cut_connections_lose_and_repeat_nothing() {
    let database = Database::new();
    let stores = [open(&database), open(&database)];
    load::survive(&stores, 25, || {
        database.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
    });
}

/// The first host is down and the second answers: the second is used.
#[test]
fn a_host_that_accepts_writes_is_used() {
    let database = Database::new();
    let url = database.url().replacen('@', "@127.0.0.1:1,", 1).replacen("/test", ":5432/test", 1);
    let store = PostgresStore::open(&url).unwrap();
    applied(store.apply(Change { expect: vec![], writes: vec![put("a", 7)] }));
    assert_eq!(number(&store, "a"), Some(7));
}

/// A host that stands still accepts connections, since the system does so for it.
#[test]
fn a_host_that_says_nothing_is_passed_over() {
    let database = Database::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let first = format!("@{},", silent.local_addr().unwrap());
    let url = database.url().replacen('@', &first, 1).replacen("/test", ":5432/test", 1);
    let store = PostgresStore::open(&url).unwrap();
    applied(store.apply(Change { expect: vec![], writes: vec![put("a", 7)] }));
    assert_eq!(number(&store, "a"), Some(7));
}

#[test]
fn a_host_that_falls_silent_is_left() {
    let database = Database::new();
    let (server, name) = database.url().split_once('@').unwrap().1.split_once('/').unwrap();
    let proxy = Proxy::before(Path::new(&server.replace("%2F", "/")));
    let first = proxy.directory().to_str().unwrap().replace('/', "%2F");
    let url = format!("postgres://postgres@{first},{server}/{name}");
    let store = PostgresStore::open(&url).unwrap();
    applied(store.apply(Change { expect: vec![], writes: vec![put("a", 7)] }));
    proxy.mute();
    assert_eq!(number(&store, "a"), Some(7));
    applied(store.apply(Change { expect: vec![], writes: vec![put("a", 8)] }));
    assert_eq!(number(&store, "a"), Some(8));
}

#[test]
fn a_database_that_refuses_writes_is_not_opened() {
    let database = Database::new();
    set_for_all(&database, "default_transaction_read_only = on");
    let error = PostgresStore::open(database.url()).unwrap_err();
    assert!(matches!(error, PostgresError::Unreachable { .. }), "{error}");
}

/// The records of all users of a pool, and those of one user, are in id order.
#[test]
fn a_scan_is_in_order_across_partitions() {
    let (store, _database) = postgres();
    let ids: Vec<String> =
        (0..200).flat_map(|user| (0..2).map(move |d| format!("p/{user:03}/{d}"))).collect();
    applied(
        store.apply(Change {
            expect: vec![],
            writes: ids.iter().rev().map(|id| put(id, 1)).collect(),
        }),
    );
    let scan = |prefix, after, limit| -> Vec<String> {
        let found = store.scan(Table::Grant, prefix, after, limit).unwrap();
        found.into_iter().map(|(key, _)| key.id).collect()
    };
    assert_eq!(scan("p/", None, 999), ids);
    assert_eq!(scan("p/", Some("p/099/1"), 3), ids[200..203]);
    assert_eq!(scan("p/007/", None, 9), ids[14..16]);
    assert_eq!(scan("p/00", None, 999), ids[..20]);
}
