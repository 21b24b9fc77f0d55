//! Secure Remote Password as Amazon Cognito uses it, for users and remembered devices.
//!
//! A client proves to a server that it knows a password without sending the password. The server
//! stores only a verifier, from which a password can be guessed but not read. This crate has the
//! arithmetic and the encodings of that proof, for both ends:
//!
//! | step | client | server |
//! |---|---|---|
//! | enrol | draws a [`Salt`], derives a [`Verifier`] | stores both |
//! | challenge | sends A of [`ClientEphemeral`] | answers salt and B of [`ServerEphemeral`] |
//! | claim | [`SessionKey::sign`]s block and [`Timestamp`] | [`SessionKey::verify`]s the [`Proof`] |
//!
//! ```
//! use device_srp::*;
//! # use rand::{SeedableRng, rngs::StdRng};
//! let mut rng = StdRng::seed_from_u64(1); // in production: an OS-seeded RNG
//! let device = Identity::device("-Ab1Cd2Ef", "us-east-1_0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0");
//!
//! // The device enrols. Salt and verifier go to the server, the password stays on the device.
//! let password = DevicePassword::random(&mut rng);
//! let salt = Salt::random(&mut rng);
//! let verifier = Verifier::derive(&device, password.expose(), &salt);
//!
//! // Later the device signs in. Each side checks the other's public value as it reads it.
//! let client = ClientEphemeral::generate(&mut rng);
//! let server = ServerEphemeral::generate(&mut rng, &verifier);
//! let a = PublicValue::from_hex(&client.public().to_hex())?;
//! let b = PublicValue::from_hex(&server.public().to_hex())?;
//!
//! let timestamp = Timestamp::from_unix_seconds(1_739_212_212).to_string();
//! let key = client.session_key(&device, password.expose(), &salt, &b)?;
//! let proof = key.sign(&device, b"secret block", &timestamp);
//!
//! let key = server.session_key(&verifier, &a)?;
//! key.verify(&device, b"secret block", &timestamp, &proof)?;
//! # Ok::<(), Error>(())
//! ```
//!
//! # How it differs from RFC 5054
//!
//! The group is the RFC's 3072-bit group with g = 2 (the RFC has 5), and H is SHA-256 (the RFC has
//! SHA-1). The formulas for k, A, B, x, u and S are those of SRP-6a. Cognito differs here:
//!
//! - Integers are hashed in their shortest two's complement: a zero byte goes in front if the top
//!   bit is set. The RFC pads integers to the length of N. An implementation that confuses the two
//!   fails about once in 256 sign-ins.
//! - x hashes the pool name and the user id, or the device group key and the device key. The RFC
//!   hashes the user name.
//! - The session key is HKDF of S, with u as its salt, cut to 16 bytes. The proof is an HMAC over a
//!   block that the server chose. The server proves nothing: that is left to TLS.
//!
//! # What it does not do
//!
//! It has no wire messages, no I/O, no clock and no random generator: the caller brings those. It
//! has no other group or hash. It does not limit guesses, it does not check the age of a timestamp,
//! and it cannot hide from a server that the server knows a device.
//!
//! # Speed
//!
//! The arithmetic is written for this one group. It chooses a kernel at run time by what the CPU
//! has: AVX-512 IFMA, else AVX2, else plain Rust. A server that has many claims passes them to
//! [`verify_batch`]. A [`Verifier`] can keep powers of itself that shorten each handshake.
//!
//! # Targets
//!
//! The crate is `no_std` with `alloc` and compiles for every target. Its known answers were checked
//! on x86-64, and on an emulated Cortex-M4 of 32 bits.
//!
//! # Features
//!
//! None by default. `num-bigint` adds conversions between [`PublicValue`] and num-bigint's
//! `BigUint`, and needs `std`.
//!
//! # Timing and memory
//!
//! No branch and no memory address depends on a secret, with one exception: the length of PAD(S)
//! follows from S, since the protocol hashes a message of that length. u is public, and the time of
//! v^u depends on it. Valgrind's memcheck shows this for every kernel, for the derivation of a key
//! and for a proof, as compiled for x86-64 (`examples/constant_time.rs`); the kernels for AVX-512
//! IFMA run there on a model of their instructions. Keys, exponents, verifiers and passwords are
//! wiped when dropped. Intermediate values on the stack and the tables of an exponentiation are
//! not.

#![no_std]
#![warn(clippy::exhaustive_enums)]
// The time of a division depends on its operands. Each division has a reason why they are public.
#![cfg_attr(not(test), warn(clippy::integer_division_remainder_used))]

extern crate alloc;

mod batch;
mod client;
mod error;
mod exponent;
mod group;
mod identity;
mod integer;
mod kdf;
mod kernel;
mod mac;
mod public_value;
mod salt;
mod secrets;
mod server;
mod session_key;
mod timestamp;
mod verifier;

pub use batch::{Claim, Handshake, batch_sizes, session_keys, verify_batch};
pub use client::ClientEphemeral;
pub use error::Error;
pub use identity::Identity;
#[cfg(feature = "__power")]
#[doc(hidden)]
pub use kernel::bare;
#[cfg(fuzzing)]
#[doc(hidden)]
pub use kernel::fuzzing;
#[cfg(device_srp_taint)]
#[doc(hidden)]
pub use kernel::taint;
pub use public_value::PublicValue;
pub use salt::Salt;
pub use secrets::{DevicePassword, secret_hash};
pub use server::{ServerEphemeral, danger_server_from_secret};
pub use session_key::{Proof, SessionKey};
pub use timestamp::Timestamp;
pub use verifier::Verifier;
