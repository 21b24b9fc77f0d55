//! The client against the real server, in this process and over real HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod account;
#[cfg(feature = "admin")]
mod admin;
mod deleted;
mod elsewhere;
mod events;
mod examples;
mod forgetting;
mod kept;
mod life;
mod names;
mod rotation;
mod sessions;
mod shared;
mod world;

use device_auth::{
    Challenge, Credentials, CurrentDevice, Error, RememberChoice, SecondFactor, SessionDevice,
    SignInStep,
};
use world::{Devices, Mfa, USER, World};
