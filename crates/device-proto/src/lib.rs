//! Signing in at a Cognito user pool and tracking the device, without I/O, clock or randomness of
//! its own.
//!
//! [`SignIn`] says what to send and makes sense of what comes back; the caller sends it, keeps the
//! [`DeviceRecord`], and asks the user. Each step consumes the state before it, so that a step
//! cannot be repeated, skipped or answered late.
//!
//! ```no_run
//! use std::time::SystemTime;
//! use device_proto::{Challenge, Config, Credentials, DeviceOutcome, DeviceRecord, Reply, Request, SignIn, Step};
//! # use rand::{SeedableRng, rngs::StdRng};
//! # fn post(_: &str, _: &str, _: &[u8]) -> (u16, Option<String>, Vec<u8>) { unimplemented!() }
//! # fn ask(_: &str) -> String { unimplemented!() }
//! # fn load() -> Option<DeviceRecord> { None }
//! # fn save(_: &DeviceRecord) {}
//! # fn delete(_: &DeviceRecord) {}
//! # let mut rng = StdRng::seed_from_u64(1); // in earnest, a generator seeded by the operating system
//!
//! let config = Config::new("eu-west-1_Ab12Cd34E", "4example5client6id7")?;
//! let credentials = Credentials::srp("ada", "correct horse battery staple");
//! let (mut sign_in, mut request) = SignIn::start(&config, credentials, load(), &mut rng);
//! let outcome = loop {
//!     let (status, error_type, body) = post(request.target(), Request::CONTENT_TYPE, request.body());
//!     let reply = Reply::from_http(status, &body, error_type.as_deref());
//!     (sign_in, request) = match sign_in.handle(reply, SystemTime::now(), &mut rng)? {
//!         Step::Send(sign_in, request) => (sign_in, request),
//!         Step::Discard { device, sign_in, request } => {
//!             delete(&device);
//!             (sign_in, request)
//!         }
//!         Step::Ask(Challenge::Code(code)) => code.answer(&ask("Code:")),
//!         Step::Ask(other) => return Err(format!("cannot answer {}", other.name()).into()),
//!         Step::Done(outcome) => break outcome,
//!     };
//! };
//! if let DeviceOutcome::New { record, .. } | DeviceOutcome::Known(record) = &outcome.device {
//!     save(record);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # When the service does not accept the device
//!
//! | what it answers | what the sign-in does |
//! |---|---|
//! | "Device does not exist." to a step with the device's key | [`Step::Discard`], and the same step without it; where the step was about the device alone, or the first, the sign-in begins again |
//! | `NotAuthorizedException` to a step of the device's own proof | [`Step::Discard`], and the sign-in begins again as on a new device; but an error where only the session was [too old or used before](ServiceError::is_spent_session), or the user is [locked out](ServiceError::is_barred_user) |
//! | `ConfirmDevice` fails | [`DeviceOutcome::Unconfirmed`]: the sign-in stands, and confirming can be tried again |
//!
//! A device is discarded at most once in a sign-in: after that there is none to discard. One that
//! turns out to be another user's, or is refused before the service has said whose name was typed,
//! is set aside, and its record stays.
//!
//! # What it does not do
//!
//! Send, retry, store, ask, verify the signature of a token. It does not support passkeys. Which
//! requests may be sent again after a lost answer, [`Request::repeat`] says: a proof or a code,
//! never.

#![warn(clippy::exhaustive_enums)]

mod config;
mod credentials;
mod device;
mod error;
mod record;
mod refresh;
mod request;
mod sign_in;
mod tokens;

pub use config::Config;
pub use credentials::Credentials;
pub use device::{Device, ListDevices, ListStep};
pub use error::{Error, MalformedPoolId, ServiceError};
pub use record::{DeviceOwner, DeviceRecord, DeviceStatus};
pub use refresh::{Refresh, RefreshStep, is_expired};
pub use request::{Repeat, Reply, Request};
pub use sign_in::{
    Asked, AuthenticatorSetupPrompt, Challenge, CodePrompt, CodeSource, Consent, CustomPrompt,
    DeviceOutcome, MfaSetupPrompt, NewPasswordPrompt, Outcome, RememberChoice, RememberPrompt,
    SelectFactorPrompt, SelectMfaPrompt, SignIn, Step, ThisDevice, UnconfirmedDevice,
};
pub use tokens::{Claims, Tokens};
