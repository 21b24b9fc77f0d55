//! What the tests of the other crates share.
//!
//! Without features this is light: [`SeededRng`], [`FakeClock`], [`totp_code`], the public test
//! keys ([`ACCESS_KEY_PAIR`], [`ID_KEY_PAIR`]). The feature `pool` gives
//! `TestSigningKeys` to those who run the engine, and `server` a whole `TestServer` in the test's
//! own process.
//!
//! A crate's *unit* tests cannot hand their own types to a kit that depends on that same crate,
//! since cargo builds it twice; tests in `tests/` can.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the kit fails its test by panicking"
)]

mod clock;
mod keys;
mod rng;
#[cfg(feature = "server")]
mod server;
mod totp;

pub use clock::FakeClock;
#[cfg(feature = "pool")]
pub use keys::TestSigningKeys;
pub use keys::{ACCESS_KEY_PAIR, ID_KEY_PAIR};
pub use rng::SeededRng;
#[cfg(feature = "server")]
pub use server::{PASSWORD, TestServer, access_key, config, service, service_in};
pub use totp::totp_code;

/// Compiles the examples of the repository's README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
