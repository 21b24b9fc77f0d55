#![doc = include_str!("guide.md")]
#![warn(clippy::exhaustive_enums)]

mod account;
#[cfg(feature = "admin")]
mod admin;
mod builder;
mod client;
#[cfg(feature = "conformance")]
pub mod conformance;
mod devices;
mod error;
mod events;
mod session;
mod sessions;
mod sign_in;
mod store;
mod task;

pub use account::{CodeDelivery, User};
#[cfg(feature = "admin")]
pub use admin::DeviceAdmin;
pub use builder::Builder;
pub use client::DeviceAuth;
pub use devices::CurrentDevice;
pub use error::Error;
pub use events::{Event, Events};
pub use session::{Session, SessionOrigin, SessionRecord};
pub use sign_in::challenge::{Challenge, Pending};
pub use sign_in::outcome::{SessionDevice, SignedIn, Warning};
pub use sign_in::{SignInOptions, SignInStep};
#[cfg(feature = "keyring")]
pub use store::KeychainStore;
pub use store::{DeviceStore, FileStore, MemoryStore, SessionStore, StoreError, Turn};

pub use device_http;
pub use device_http::{BoxFuture, CallEvent, CallOutcome};
pub use device_proto::{
    AuthenticatorSetupPrompt, CodePrompt, CodeSource, Credentials, CustomPrompt, Device,
    DeviceOwner, DeviceRecord, DeviceStatus, MfaSetupPrompt, NewPasswordPrompt, RememberChoice,
    SecondFactor, SelectFactorPrompt, SelectMfaPrompt, ServiceError, Tokens,
};
pub use device_wire::enums::ChallengeNameType;
pub use device_wire::shapes::UserContextDataType;
pub use device_wire::{ErrorCode, Sensitive, Timestamp};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
