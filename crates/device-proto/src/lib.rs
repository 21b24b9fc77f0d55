//! Sign-in and device tracking for a Cognito user pool, as a state machine without I/O.
//!
//! [`SignIn`] returns the requests and reads the responses. The caller sends them, stores the
//! [`DeviceRecord`], and asks the user. Time and randomness are arguments. Each step consumes the
//! state before it, so that a step cannot be repeated, skipped or answered late.
//!
//! ```no_run
//! use std::time::SystemTime;
//! use device_proto::{
//!     Challenge, Config, Credentials, DeviceOutcome, DeviceOwner, DeviceRecord, Reply, Request,
//!     SignIn, Step,
//! };
//! # use rand::{SeedableRng, rngs::StdRng};
//! # fn post(_: &str, _: &str, _: &[u8]) -> (u16, Option<String>, Vec<u8>) { unimplemented!() }
//! # fn ask(_: &str) -> String { unimplemented!() }
//! # fn load(_: &DeviceOwner) -> Option<DeviceRecord> { None }
//! # fn save(_: &DeviceRecord) {}
//! # fn delete(_: &DeviceRecord) {}
//! # let mut rng = StdRng::seed_from_u64(1); // in production: an OS-seeded RNG
//!
//! let config = Config::new("eu-west-1_Ab12Cd34E", "4example5client6id7")?;
//! let credentials = Credentials::srp("ada", "correct horse battery staple");
//! let mut step = Step::from(SignIn::start(&config, credentials, None, &mut rng));
//! let outcome = loop {
//!     step = match step {
//!         Step::Send(sign_in, request) => {
//!             let (status, error_type, body) =
//!                 post(request.target(), Request::CONTENT_TYPE, request.body());
//!             let reply = match status {
//!                 200 => Reply::Answered(&body),
//!                 _ => Reply::from_error(&body, error_type.as_deref()),
//!             };
//!             sign_in.handle(reply, SystemTime::now(), &mut rng)?
//!         }
//!         Step::Find(lookup) => {
//!             let record = load(lookup.owner());
//!             lookup.found(record)
//!         }
//!         Step::Reread(device) => {
//!             let record = load(&device.record().owner);
//!             device.read(record)
//!         }
//!         Step::Keep(offer) => {
//!             save(offer.record());
//!             offer.saved()
//!         }
//!         Step::Discard { device, sign_in, request } => {
//!             delete(&device);
//!             Step::Send(sign_in, request)
//!         }
//!         Step::Replaced { device, challenge } => {
//!             save(&device);
//!             Step::Ask(challenge)
//!         }
//!         Step::Ask(Challenge::Code(code)) => code.answer(&ask("Code:")).into(),
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
//! # One device for every name
//!
//! A device record belongs to the user's internal name. Users may type an e-mail address, a phone
//! number or another case instead. The service sends the internal name with its first challenge,
//! and [`Step::Find`] then asks for the record. A caller that knows the user behind a typed name
//! may also start with that record ([`ThisDevice::with_record`]); if it belongs to another user,
//! [`Step::Find`] corrects it.
//!
//! A password that is sent may be answered with tokens at once, before the client learns the
//! internal name. If the record was not found under the typed name, the outcome is a second device
//! of the same user. Store both records, by their device keys.
//!
//! # If the service does not accept the device
//!
//! - "Device does not exist." in reply to a step with the device's key: [`Step::Discard`], and the
//!   same step without it. If the step was the first or only about the device, the sign-in starts
//!   again.
//! - `NotAuthorizedException` in reply to a step of the device's proof: [`Step::Discard`], and the
//!   sign-in starts again as on a new device. The device is kept if the session was [too old or
//!   used before](ServiceError::is_spent_session), or the user is [locked
//!   out](ServiceError::is_barred_user).
//! - Any error of `ConfirmDevice`: [`DeviceOutcome::Unconfirmed`]. The sign-in succeeds, and
//!   confirming can be retried.
//!
//! A sign-in discards a device at most once. A device of another user is ignored, and its record
//! stays. If a device is refused before the service has sent the user's internal name, it is
//! discarded only once its user has certainly signed in, since anyone can type a name.
//!
//! # What it does not do
//!
//! It does not send, retry, store or ask, and it does not verify the signatures of tokens. It does
//! not support passkeys. [`Request::repeat`] says which requests may be repeated after a lost
//! answer: never one with a proof or a code.

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
    DeviceOutcome, Lookup, MfaSetupPrompt, NewPasswordPrompt, Offer, Outcome, RememberChoice,
    RememberPrompt, Reread, SecondFactor, SelectFactorPrompt, SelectMfaPrompt, SignIn, Step,
    ThisDevice, UnconfirmedDevice,
};
pub use tokens::{Claims, Tokens};
