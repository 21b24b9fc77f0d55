//! The vocabulary of a Cognito user pool's JSON protocol: requests, responses, operations, errors.
//!
//! Clients and servers share it. Every type is generated from a model of the service's public
//! interface ([`MODEL_JSON`]) and has the name that the service's documentation uses.
//!
//! # Where things are
//! | what | where |
//! |---|---|
//! | a request for each operation, such as [`requests::InitiateAuthRequest`] | [`requests`] |
//! | their responses | [`responses`] |
//! | the structures inside both | [`shapes`] |
//! | the enumerations, such as [`enums::ChallengeNameType`] | [`enums`] |
//! | the keys of the open maps of a sign-in, such as `SRP_A` | [`param`] |
//! | the messages that clients recognise | [`sentence`] |
//! | which operation a request is for, and its response | [`Request`] |
//! | who may call an operation, and which errors it has | [`Operation`] |
//! | an answer that is an error | [`ErrorBody`], [`ErrorCode`] |
//! | secrets, and points in time | [`Sensitive`], [`Timestamp`] |
//!
//! # Example
//! ```
//! use device_wire::enums::AuthFlowType;
//! use device_wire::requests::InitiateAuthRequest;
//! use device_wire::responses::InitiateAuthResponse;
//! use device_wire::{Request, Sensitive, param};
//!
//! // A client makes a request ...
//! let parameters = [(param::USERNAME, "ada"), (param::PASSWORD, "hunter2")];
//! let request = InitiateAuthRequest {
//!     auth_parameters: Some(Sensitive::from(parameters)),
//!     ..InitiateAuthRequest::new(AuthFlowType::UserPasswordAuth, "client-id")
//! };
//! let target = InitiateAuthRequest::OPERATION.target();
//! assert_eq!(target, "AWSCognitoIdentityProviderService.InitiateAuth");
//! assert!(!format!("{request:?}").contains("hunter2"));
//!
//! // ... and reads the response.
//! let body = r#"{"ChallengeName":"SMS_MFA","Session":"opaque"}"#;
//! let response: InitiateAuthResponse = serde_json::from_str(body)?;
//! assert!(response.authentication_result.is_none());
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! # How the model becomes types
//! - A required member is a plain field and an argument of `new`. Any other member is an `Option`,
//!   which is omitted from the JSON if `None`.
//! - A JSON `null` means the same as an absent member. Unknown keys are ignored.
//! - Requests decode strictly: a missing required member is an error.
//! - Shapes that only occur in responses decode tolerantly: a required member that is missing or
//!   `null` becomes its default (an empty string or list, `false`, an empty structure). One odd
//!   answer must not cost a client its tokens. A required enum has no default and stays strict.
//! - Members that the model marks as sensitive are wrapped in [`Sensitive`], down to the leaves:
//!   `Debug` never shows them. So are confirmation codes, a device's verifier and salt, and
//!   challenge parameters, which the model does not mark.
//! - A string enumeration keeps a value that the model does not list as `Unknown`.
//! - Responses with the same members convert into each other with `From`.
//!
//! # What it deliberately does not do
//! - No HTTP, no signatures, no I/O: `device-http` and `device-server` do that.
//! - No checks against the model's lengths and patterns. A value that decodes has the right types,
//!   but need not be valid; a server checks requests against [`MODEL_JSON`].

#![warn(clippy::exhaustive_enums)]

mod error;
mod generated;
mod keeping;
mod null;
mod operation;
pub mod param;
mod request;
mod sensitive;
pub mod sentence;
mod string_enum;
mod timestamp;

pub use error::ErrorBody;
pub use generated::error_code::ErrorCode;
pub use generated::operation::Operation;
pub use generated::{enums, requests, responses, shapes};
pub use operation::Auth;
pub use request::Request;
pub use sensitive::{Secret, Sensitive};
pub use timestamp::Timestamp;

/// The model that the types are generated from: operations, shapes and their constraints, as JSON.
pub const MODEL_JSON: &str = include_str!("../operations.json");

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
