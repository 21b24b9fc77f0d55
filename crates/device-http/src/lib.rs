//! HTTP for the calls of a Cognito user pool.
//!
//! [`Client`] sends what [`device_proto`] says to send, to the region's endpoint or another; tries
//! again where that is safe and only there; and tells what went wrong in a way that a program can
//! act on.
//!
//! ```no_run
//! use device_http::Client;
//! use device_proto::{Config, Credentials, SignIn, Step};
//! use rand::{SeedableRng, rngs::StdRng};
//! use std::time::SystemTime;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder().region("eu-west-1").build()?;
//! let config = Config::new("eu-west-1_Ab12Cd34E", "4example5client6id7")?;
//! # let mut rng = StdRng::seed_from_u64(1); // in earnest, a generator seeded by the operating system
//! let (sign_in, request) = SignIn::start(&config, Credentials::srp("ada", "password"), None, &mut rng);
//! let body = client.send(&request).await?;
//! let step = sign_in.handle(device_proto::Reply::Answered(&body), SystemTime::now(), &mut rng)?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is tried again
//! A request that certainly never reached the service is. One that may have is only if it comes to
//! the same twice ([`Repeat::Always`](device_proto::Repeat::Always)): never one with a proof, a
//! password or a code. Between attempts it waits for a random part of an exponentially growing
//! time, and all calls of a client draw on one budget, so that a service in trouble is not held
//! under by its clients. See [`RetryPolicy`].
//!
//! # Admin calls
//! With the feature `admin` a client can have credentials, and signs with them the operations that
//! want a signature. Without, those fail before they are sent.
//!
//! # What it wipes
//! Requests and responses, here and with a [`HttpClient`] of one's own; reqwest keeps a copy of
//! each body while it is under way, which nobody wipes.
//!
//! # What it does not do
//! No redirects: an endpoint that answers with one is not the service. No cookies, no caching, no
//! state of a sign-in.

#![warn(clippy::exhaustive_enums)]

mod client;
mod connection;
mod endpoint;
mod error;
mod observe;
mod retry;
#[cfg(feature = "admin")]
mod sign;

pub use client::{Builder, Client};
pub use connection::{BoxFuture, HttpClient, SendError};
pub use error::{Error, ErrorKind};
pub use observe::{CallEvent, CallOutcome};
pub use retry::RetryPolicy;

#[cfg(all(doctest, feature = "admin"))]
#[doc = include_str!("../README.md")]
struct Readme;
