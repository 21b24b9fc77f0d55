//! `device serve` among faults: kills, power cuts, failing disks, a failing database, clock steps.
//!
//! Several users work at random, each with this project's client. Each knows every answer that it
//! got, and checks all later answers against them. `cargo xtask faults` runs this. Which faults and
//! acts there are follows from a seed, which is printed; when they meet is up to the system.
#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod clocks;
#[path = "../../../device-store/tests/postgres/database.rs"]
mod database;
mod disk;
mod disks;
mod kills;
mod postgres;
#[expect(dead_code, reason = "shared with the tests of `device serve`, which use all of it")]
#[path = "../serve/process.rs"]
mod process;
#[path = "../../../device-store/tests/postgres/proxy.rs"]
mod proxy;
mod user;
mod work;
mod world;
