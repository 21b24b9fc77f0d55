//! The rules of a user-pool service with remembered devices, without its transport.
//!
//! An [`Engine`] runs one operation at a time. The request is JSON in the shapes of `device-wire`;
//! the result is JSON, or a [`ServiceError`] in the service's words. Every operation has three
//! phases:
//!
//! 1. **load** from the [`store::Store`] the records that the operation needs, with their versions;
//! 2. **decide** from those records and the time and randomness of the [`Invocation`] alone;
//! 3. **apply** one change, if none of those records has changed; otherwise decide again.
//!
//! A refusal changes only its audit trail and the count of failed attempts. Of messages to users it
//! sends those alone that warn of what was refused.
//!
//! ```
//! use std::sync::Arc;
//!
//! use device_pool::{Config, Engine, Invocation, Moment, Retention, ServiceError};
//! use device_pool::SigningKeySource;
//! use device_store::MemoryStore;
//! use device_wire::requests::{CreateUserPoolRequest, ListDevicesRequest};
//! use device_wire::shapes::DeviceConfigurationType;
//! use rand::SeedableRng;
//!
//! struct Rsa2048;
//!
//! impl SigningKeySource for Rsa2048 {
//!     fn generate(&self) -> Result<Vec<u8>, ServiceError> {
//!         use aws_lc_rs::{encoding::AsDer, rsa::{KeyPair, KeySize}};
//!         let failed = |_| ServiceError::internal("no RSA key");
//!         let pair = KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
//!         Ok(pair.as_der().map_err(failed)?.as_ref().to_vec())
//!     }
//! }
//!
//! let config = Config {
//!     region: "us-east-1".into(),
//!     account_id: "000000000000".into(),
//!     public_base_url: "http://localhost:9229".into(),
//!     retention: Retention::default(),
//! };
//! let engine =
//!     Engine::builder(Arc::new(MemoryStore::new()), config, Arc::new(Rsa2048)).build();
//! // In production: an RNG seeded by the operating system.
//! let mut rng = rand::rngs::StdRng::seed_from_u64(1);
//! let now = Moment::from_millis(1_790_000_000_000);
//! let mut invocation = Invocation::new(now, &mut rng);
//!
//! // Users choose whether to remember a device; a remembered one replaces the second factor.
//! let request = CreateUserPoolRequest {
//!     device_configuration: Some(DeviceConfigurationType {
//!         device_only_remembered_on_user_prompt: Some(true),
//!         challenge_required_on_new_device: Some(true),
//!     }),
//!     ..CreateUserPoolRequest::new("people")
//! };
//! let made = engine.call(&request, &mut invocation)?.body;
//! let pool = made.user_pool.and_then(|pool| pool.id).unwrap_or_default();
//!
//! // An unknown token is refused in the service's words.
//! let request = ListDevicesRequest::new("e30.e30.e30");
//! let refused = engine.call(&request, &mut invocation).unwrap_err();
//! assert_eq!(refused.to_string(), "NotAuthorizedException: Invalid Access Token");
//!
//! // The keys that verify the pool's tokens.
//! let keys = engine.jwks(&pool, now)?.unwrap_or_default();
//! assert_eq!(keys["keys"].as_array().map(Vec::len), Some(2));
//! # Ok::<(), ServiceError>(())
//! ```
//!
//! # What the client carries and what is stored
//!
//! The client carries the state of a running sign-in. It is sealed into the `SECRET_BLOCK` of an
//! SRP exchange and the `Session` of a challenge, and bound to the pool, the app client, the user
//! and the password. The store holds only which of them were used, so a sign-in that never
//! completes leaves no record. Most device keys are never confirmed; a key leaves no record until
//! then, since the key itself proves to whom it was issued and when.
//!
//! # What it does not do
//!
//! It has no HTTP, no SQL, no async, no clock and no random number generator. It does not check
//! values against the model's lengths and patterns, nor who may act as an administrator: the server
//! does both before it calls. It delivers no messages and does not limit the rate of requests.
//! [`SUPPORTED`] lists its operations; it refuses others by name.

mod command;
mod crypto;
mod engine;
mod error;
mod host;
mod operations;
mod records;
mod rules;
mod sign_in;
pub mod store;

#[cfg(fuzzing)]
#[doc(hidden)]
pub use crypto::seal::fuzzing;
pub use engine::{Engine, EngineBuilder};
pub use error::ServiceError;
pub use host::development::CHOSEN_CLIENT_ID;
pub use host::device_messages::{DeviceMessages, MessageTexts};
pub use host::hooks::{HookError, Hooks, NoHooks};
pub use host::invocation::{
    About, Config, Invocation, MfaDecision, Outcome, Retention, SignInOutcome,
};
pub use host::message::{CustomSender, Medium, Message, Topic};
pub use host::moment::Moment;
pub use host::risk::{NewAddressOrFailures, Risk, RiskEvaluator, SignInFacts};
pub use host::seed::{
    SeedClient, SeedDevice, SeedError, SeedItem, SeedPool, SeedSecret, SeedUser, SeedVerifiers,
};
pub use host::server_act::ServerAct;
pub use host::signing_keys::SigningKeySource;
pub use operations::{SUPPORTED, WITHOUT_EFFECT};
pub use records::pool_keys::PoolKeyKind;
pub use rules::audit_events::{AuditEventsPage, AuditEventsRequest};
pub use rules::audit_export::{AuditExportPage, AuditExportRequest, NextPage};
pub use rules::audit_sealing::{AuditHead, SealedLogs};
pub use rules::audit_verification::{AuditAlteration, AuditVerdict, AuditVerifier};
pub use rules::device_count::DeviceCount;
pub use rules::device_link::DeviceLink;
pub use rules::event_feedback::FeedbackLink;
pub use rules::pool_counts::{PoolCounts, Totals};
pub use rules::record_check::{RecordCheck, RecordProblem, check_records};
pub use rules::sign_in_hours::SignInHour;
pub use rules::triggers::TRIGGERS;
pub use sign_in::policy_trial::{
    NotJudgedCount, PolicyExample, PolicyTrial, PolicyTrialRequest, ReasonCount,
};
