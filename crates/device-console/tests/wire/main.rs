//! The console over HTTP: sign-in, sessions, pages and attacks.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod access_keys;
mod attacks;
mod browser;
mod crowd;
mod dev;
mod links;
mod pages;
mod policy_trial;
mod sessions;
mod weight;
