#![doc = include_str!("guide.md")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the kit fails its test by panicking"
)]

mod clock;
#[cfg(feature = "server")]
mod entropy;
#[cfg(feature = "server")]
mod host;
mod keys;
#[cfg(feature = "server")]
mod listener;
#[cfg(feature = "server")]
mod pool;
mod rng;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "server")]
mod service;
mod totp;

pub use clock::FakeClock;
#[cfg(feature = "server")]
pub use host::SentMessage;
#[cfg(feature = "pool")]
pub use keys::TestSigningKeys;
pub use keys::{ACCESS_KEY_PAIR, ID_KEY_PAIR};
#[cfg(feature = "server")]
pub use pool::{DeviceBuilder, Expire, TestPool, TestPoolBuilder, TestUser, UserBuilder};
pub use rng::SeededRng;
#[cfg(feature = "server")]
pub use server::TestServer;
#[cfg(feature = "server")]
pub use service::{access_key, config, service, service_in};
pub use totp::totp_code;

/// The password of users for whom a test sets no other.
pub const PASSWORD: &str = "Correct-Horse-7";

#[cfg(all(doctest, feature = "server"))]
#[doc = include_str!("../README.md")]
struct Readme;
