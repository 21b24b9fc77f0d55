//! `device` with PostgreSQL: several servers on one database, and moving a deployment there.
//!
//! `cargo xtask test` starts the PostgreSQL server that these tests need.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod client;
mod copy;
#[path = "../../../device-store/tests/postgres/database.rs"]
mod database;
#[expect(dead_code, reason = "shared with the tests of `device serve`, which use all of it")]
#[path = "../serve/process.rs"]
mod process;
mod replicas;
