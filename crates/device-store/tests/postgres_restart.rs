//! A PostgreSQL server that is restarted under load. Separate from the other tests, which use the
//! same server; `cargo xtask test` runs it after them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its own functions too"
)]

#[path = "postgres/database.rs"]
mod database;
#[path = "postgres/load.rs"]
mod load;

use std::env;
use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use database::Database;
use device_pool::store::{Change, Key, Store as _, Table, Write};
use device_store::PostgresStore;

/// The variable that names a program which crashes the server and starts it again.
const RESTART: &str = "DEVICE_TEST_POSTGRES_RESTART";

/// The server, used by one test at a time. The lock is of its restart program.
struct Server {
    restart: PathBuf,
    _lock: File,
}

impl Server {
    fn alone() -> Self {
        let restart = env::var_os(RESTART).unwrap_or_else(|| panic!("{RESTART} names no program"));
        let lock = File::open(&restart).unwrap();
        lock.lock().unwrap();
        Self { restart: restart.into(), _lock: lock }
    }

    fn crash(&self) {
        assert!(Command::new(&self.restart).status().unwrap().success());
    }
}

#[test]
fn a_crash_under_load_loses_and_repeats_nothing() {
    let server = Server::alone();
    let database = Database::new();
    let stores = [(); 2].map(|()| PostgresStore::open(database.url()).unwrap());
    let (acknowledged, in_doubt) = load::survive(&stores, 4, || server.crash());
    println!("{acknowledged} increments acknowledged, {in_doubt} in doubt");
}

/// A crash makes a change visible that still waited for a standby. A failover would lose it.
#[test]
fn a_crash_acknowledges_no_change_that_no_standby_has() {
    let server = Server::alone();
    let database = Database::new();
    let store = PostgresStore::open(database.url()).unwrap();
    let key = Key { table: Table::Grant, id: "pool/ana".to_owned() };
    let version = || store.get(&key).unwrap().map(|record| record.version);
    let put = || {
        let write = Write::Put { body: b"{}".to_vec(), expires_at: None };
        let expect = vec![(key.clone(), version())];
        store.apply(Change { expect, writes: vec![(key.clone(), write)] }).unwrap();
    };
    let set = |standbys: &str| {
        database.run(&format!("ALTER SYSTEM SET synchronous_standby_names = '{standbys}'"));
        database.run("SELECT pg_reload_conf()");
    };
    let is_waiting = |query: &str| {
        let waiting = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'
                AND query LIKE '%{query}%'"
        );
        database.run(&waiting).trim() != "0"
    };

    put();
    set("nobody");
    let is_held = AtomicBool::new(false);
    thread::scope(|scope| {
        let changes = scope.spawn(|| {
            // The setting takes effect at one of them.
            while !is_held.load(Ordering::SeqCst) {
                put();
            }
        });
        while !is_waiting("device_store.apply") {}
        is_held.store(true, Ordering::SeqCst);
        server.crash();
        // The store finds the change, and the answer waits as well.
        while !is_waiting("FOR KEY SHARE") && !changes.is_finished() {}
        let is_acknowledged = changes.is_finished();
        set("");
        assert!(!is_acknowledged, "a change was acknowledged that only the primary has");
    });
}
