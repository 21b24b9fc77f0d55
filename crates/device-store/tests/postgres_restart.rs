//! A PostgreSQL server that is restarted under load. Separate from the other tests, which use the
//! same server; `cargo xtask test` runs it after them.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its own functions too"
)]

#[expect(dead_code, reason = "shared with the other tests, which use all of it")]
#[path = "postgres/database.rs"]
mod database;
#[path = "postgres/load.rs"]
mod load;

use std::env;
use std::process::Command;

use database::Database;
use device_store::PostgresStore;

/// The variable that names a program which crashes the server and starts it again.
const RESTART: &str = "DEVICE_TEST_POSTGRES_RESTART";

#[test]
fn a_crash_under_load_loses_and_repeats_nothing() {
    let program = env::var_os(RESTART).unwrap_or_else(|| panic!("{RESTART} names no program"));
    let database = Database::new();
    let stores = [(); 2].map(|()| PostgresStore::open(database.url()).unwrap());
    let (acknowledged, in_doubt) = load::survive(&stores, 4, || {
        assert!(Command::new(&program).status().unwrap().success());
    });
    println!("{acknowledged} increments acknowledged, {in_doubt} in doubt");
}
