//! The model beside all three stores. `cargo xtask test` starts the PostgreSQL server for it.

#[path = "../postgres/database.rs"]
mod database;

use std::sync::Arc;

use device_store::PostgresStore;

use self::database::Database;
use crate::{Opened, compare_all, memory_and_sqlite};

thread_local! {
    static DATABASE: Database = Database::new();
}

/// All three stores; the database is emptied, since a new one takes long to create.
fn all_stores() -> Opened {
    let (mut stores, directory) = memory_and_sqlite();
    DATABASE.with(|database| {
        let postgres = PostgresStore::open(database.url()).unwrap();
        database.run("TRUNCATE device_store.record");
        stores.push(("PostgreSQL", Arc::new(postgres)));
    });
    (stores, directory)
}

#[test]
fn the_engine_follows_the_model_on_all_three_stores() {
    compare_all(10_000, all_stores);
}
