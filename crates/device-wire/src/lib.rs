//! The vocabulary of a Cognito user pool's JSON protocol, shared by the client libraries and the
//! server.
//!
//! Every shape that an operation in scope can carry is a type here, generated from
//! `operations.json` ([`MODEL_JSON`]) under its name on the wire, so that whoever knows the service
//! finds it: [`InitiateAuthRequest`], [`ChallengeNameType`], [`DeviceConfigurationType`].
//! [`Operation`] says who may call what and which errors come back; [`Request`] ties a request to its
//! operation and its response; [`ErrorCode`] and [`ErrorBody`] are the answer when it went wrong.
//!
//! What this crate deliberately does not do: HTTP, signatures, I/O, and checking values against the
//! model's lengths and patterns. A type that decodes is well-formed, not valid.
//!
//! # How a shape becomes a type
//! - A required member is a plain field and an argument of `new`; any other is an `Option` that is
//!   left out when `None`. A JSON `null` means absent and unknown keys are ignored.
//! - Requests decode strictly: a missing required member is an error. A shape that only ever occurs
//!   in responses decodes tolerantly: a required member that is missing or `null` becomes its
//!   default (an empty string or list, `false`, an empty structure), so that one odd answer does
//!   not cost a client its tokens. A required enum has no default and stays strict.
//! - What the model calls sensitive is wrapped in [`Sensitive`], down to the leaves: `Debug` never
//!   shows it. So are confirmation codes, a device's verifier and salt, and challenge parameters,
//!   which the model leaves in the clear.
//! - String enums know the model's values and keep any other as `Unknown`.
//!
//! # Example
//! ```
//! use device_wire::{AuthFlowType, InitiateAuthRequest, Request, Sensitive, param};
//!
//! let request = InitiateAuthRequest {
//!     auth_parameters: Some(Sensitive::from([(param::USERNAME, "ada"), (param::PASSWORD, "secret")])),
//!     ..InitiateAuthRequest::new(AuthFlowType::UserPasswordAuth, "client-id")
//! };
//! assert_eq!(InitiateAuthRequest::OPERATION.target(), "AWSCognitoIdentityProviderService.InitiateAuth");
//! assert!(!format!("{request:?}").contains("secret"));
//! ```

#![warn(clippy::exhaustive_enums)]

mod error;
mod generated;
mod operation;
pub mod param;
mod sensitive;
pub mod sentence;
mod string_enum;
mod timestamp;

use std::collections::BTreeMap;

pub use error::ErrorBody;
pub use generated::enums::*;
pub use generated::error_code::ErrorCode;
pub use generated::operation::Operation;
pub use generated::requests::*;
pub use generated::responses::*;
pub use generated::shapes::*;
pub use operation::{Auth, Request};
pub use sensitive::{Secret, Sensitive};
pub use timestamp::Timestamp;

/// The model that the types were generated from: operations, shapes and their constraints, as JSON.
///
/// Facts about the service's public interface; a server checks requests against it.
pub const MODEL_JSON: &str = include_str!("../operations.json");

/// Decodes a required member of a response, where `null` stands for the default.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de> + Default,
{
    Ok(<Option<T> as serde::Deserialize>::deserialize(deserializer)?.unwrap_or_default())
}

/// Decodes a map without those of its entries that are `null`: they are as absent as a member that
/// is.
pub(crate) fn null_entries_absent<'de, D, V>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, V>>, D::Error>
where
    D: serde::Deserializer<'de>,
    V: serde::Deserialize<'de>,
{
    Ok(<Option<BTreeMap<String, Option<V>>> as serde::Deserialize>::deserialize(deserializer)?
        .map(present))
}

/// The entries of a map that have a value.
pub(crate) fn present<V>(entries: BTreeMap<String, Option<V>>) -> BTreeMap<String, V> {
    entries.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
