//! A user pool over HTTP: the wire protocol around [`device_pool::Engine`], and a server for it.
//!
//! Only this crate turns domain errors into HTTP. A request passes, in this order: its target and
//! media type, the size of its body, admission, the administrator's signature if the operation
//! needs one, JSON, the constraints of the service's model, and the engine. Everything after
//! admission runs off the async workers.
//!
//! Start with [`Service::builder`]. [`app`] is the service as a router without a socket; [`Server`]
//! listens, maintains the service and shuts down cleanly.
//!
//! This crate deliberately decides nothing about users, devices or tokens: `device-pool` does.

mod access_key_calls;
mod access_keys;
mod admin_sessions;
mod administration;
mod administrator;
mod administrators;
mod admission;
mod answer;
mod api;
mod app;
mod audience;
mod body;
mod connections;
mod constraint;
mod custom_senders;
mod dev;
mod dev_calls;
mod device_link;
mod documents;
mod environment;
mod fair_share;
mod feedback_link;
mod guess_budget;
mod health;
mod hook_gate;
mod hook_signature;
mod http_hooks;
mod json;
mod key_rotation;
mod lambda_hooks;
mod limits;
mod link_page;
mod listener;
mod metrics;
mod network;
mod origins;
mod outbound_queue;
mod own_records;
mod pool_budget;
mod request_log;
mod seed;
mod server;
mod service;
mod setup_error;
mod signing_keys;
mod sigv4;
mod storage;
mod subject;
mod tls;
mod transport;
mod trusted_proxies;
mod unrun_triggers;
mod user_import;
mod web_address;
mod without_effect;

pub use access_key_calls::{
    ACCESS_KEYS_PATH, ADD_ACCESS_KEY_TARGET, LIST_ACCESS_KEYS_TARGET, REVOKE_ACCESS_KEY_TARGET,
    RevokedName,
};
pub use access_keys::{AccessKeyInfo, AccessKeys, AddedAccessKey, NewAccessKey};
pub use admin_sessions::AdminSession;
pub use administration::ADMINISTRATION_PATH;
pub use administrator::{Administrator, Role};
pub use administrators::Administrators;
pub use app::{app, app_with_pages};
pub use dev::{DevMode, KeptMessage};
pub use environment::{Clock, Entropy};
pub use http_hooks::HttpHooks;
pub use key_rotation::{ROTATE_KEYS_TARGET, RotateKeys, RotatedKeys};
pub use lambda_hooks::LambdaHooks;
pub use limits::{Limits, PoolRates};
pub use listener::Listener;
pub use network::Network;
pub use origins::Origins;
pub use own_records::is_own_record;
pub use request_log::Peer;
pub use seed::{Seed, SeedFileError};
pub use server::Server;
pub use service::{AdministrationCall, MessageObserver, Service, ServiceBuilder};
pub use setup_error::SetupError;
pub use signing_keys::PregeneratedKeys;
pub use sigv4::AccessKey;
pub use storage::Storage;
pub use tls::Tls;
pub use transport::{Smtp, Transport, Transports, Webhook};
pub use trusted_proxies::{ProxyHeader, TrustedProxies};

pub use device_pool::store::{Store, StoreError};
pub use device_pool::{
    AuditAlteration, AuditEventsPage, AuditEventsRequest, AuditExportPage, AuditExportRequest,
    AuditVerdict, AuditVerifier, Config as PoolConfig, DeviceCount, DeviceMessages, HookError,
    Hooks, MessageTexts, Moment, NotJudgedCount, PolicyExample, PolicyTrial, PolicyTrialRequest,
    ReasonCount, RecordCheck, RecordProblem, Retention, SeedVerifiers, SignInHour, check_records,
};
pub use device_store::{MasterKeySource, OpenError, SealedStore};
