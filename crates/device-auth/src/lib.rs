#![doc = include_str!("../README.md")]

mod builder;
mod client;
mod devices;
mod error;
mod session;
mod sign_in;
mod store;

pub use builder::Builder;
pub use client::DeviceAuth;
pub use devices::CurrentDevice;
pub use error::Error;
pub use session::Session;
pub use sign_in::{Challenge, Pending, SessionDevice, SignInStep, SignedIn, Warning};
pub use store::{DeviceStore, FileStore, MemoryStore, StoreError};

pub use device_http::{BoxFuture, CallEvent, CallOutcome};
pub use device_proto::{
    AuthenticatorSetupPrompt, CodePrompt, CodeSource, Credentials, CustomPrompt, Device, DeviceOwner,
    DeviceRecord, DeviceStatus, MfaSetupPrompt, NewPasswordPrompt, RememberChoice, SelectFactorPrompt,
    SelectMfaPrompt, ServiceError,
};
pub use device_wire::{ChallengeNameType, ErrorCode, Sensitive, Timestamp};
