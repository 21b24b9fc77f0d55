//! HTTP for the calls of a Cognito user pool: endpoints, retries, typed errors, signed calls.
//!
//! # Make a call
//! [`Client::call`] takes a request of [`device_wire`] and returns its response:
//!
//! ```no_run
//! use device_http::Client;
//! use device_wire::requests::GetUserRequest;
//!
//! # async fn run(access_token: &str) -> Result<(), device_http::Error> {
//! let client = Client::builder().region("eu-west-1").build()?;
//! let user = client.call(&GetUserRequest::new(access_token)).await?;
//! println!("{} attributes", user.user_attributes.len());
//! # Ok(())
//! # }
//! ```
//!
//! # Run a sign-in
//!
//! A sign-in is a state machine of [`device_proto`] that returns the requests; [`Client::send`]
//! sends them. (`device-auth` does all of this.)
//!
//! ```no_run
//! use device_http::Client;
//! use device_proto::{Config, Credentials, Reply, SignIn};
//! use rand::{SeedableRng, rngs::StdRng};
//! use std::time::SystemTime;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder().region("eu-west-1").build()?;
//! let config = Config::new("eu-west-1_Ab12Cd34E", "4example5client6id7")?;
//! # let mut rng = StdRng::seed_from_u64(1); // in production: an OS-seeded RNG
//! let credentials = Credentials::srp("ada", "password");
//! let (sign_in, request) = SignIn::start(&config, credentials, None, &mut rng);
//! let body = client.send(&request).await?;
//! let step = sign_in.handle(Reply::Answered(&body), SystemTime::now(), &mut rng)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Retries
//! Requests that certainly never left are retried. Others are retried only if they are idempotent
//! ([`Repeat::Always`](device_proto::Repeat::Always)), and never if they contain a proof, a
//! password or a code. Waits are random and grow, and all calls of a client share one budget, so
//! that clients do not overload a failing service. See [`RetryPolicy`].
//!
//! # Errors
//! [`Error::kind`] is the class of an error; [`Error::service`] is the service's own error;
//! [`Error::is_retryable`] and [`Error::is_throttled`] say whether to retry later.
//!
//! # Calls of administrators
//! With the feature `admin` a client can have credentials, from any provider of
//! `aws-credential-types`, and signs the operations that need it with AWS Signature Version 4.
//! Without credentials such a call fails with [`ErrorKind::Credentials`] and is not sent.
//!
//! # Observing
//! [`Builder::observer`] receives an event for each attempt. `tracing` events at debug level have
//! the same content. Neither contains secrets.
//!
//! # Another HTTP stack
//! Implement [`HttpClient`] to replace reqwest, or to answer requests in a test.
//!
//! # What is wiped from memory
//! Requests and responses are wiped, here and in your own [`HttpClient`]. reqwest holds a copy of
//! each body during the transfer, which is not wiped.
//!
//! # What it deliberately does not do
//! - No redirects: an endpoint that answers with one is not the service.
//! - No cookies and no caching.
//! - No state of a sign-in: see `device-proto` and `device-auth`.

#![warn(clippy::exhaustive_enums)]

mod builder;
mod client;
mod connection;
mod endpoint;
mod error;
mod observe;
mod retry;
#[cfg(feature = "admin")]
mod sign;
mod stack;

pub use builder::Builder;
pub use client::Client;
pub use connection::{Body, BoxFuture, HttpClient, HttpRequest, HttpResponse, SendError};
pub use error::{Error, ErrorKind};
pub use observe::{CallEvent, CallOutcome};
pub use retry::RetryPolicy;

#[cfg(all(doctest, feature = "admin"))]
#[doc = include_str!("../README.md")]
struct Readme;
