//! The console on the wire: sign-in, sessions, and what attackers try.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod attacks;
mod browser;
mod dev;
mod links;
mod pages;
mod sessions;
