//! A user pool over HTTP: the wire protocol around [`device_pool::Engine`], and the process around
//! that.
//!
//! This is the only place where a domain error becomes HTTP. A request passes, in this order: its
//! target and media type, the administrator's signature where one is due, JSON, the constraints of
//! the service's model, and the engine, off the async workers.
//!
//! What this crate deliberately does not do: decide anything about users, devices or tokens. That
//! is `device-pool`'s.
//!
//! [`app`] is the whole service as a router that needs no socket; [`Server`] gives it one.

mod answer;
mod api;
mod app;
mod connections;
mod constraint;
mod dev;
mod documents;
mod environment;
mod handshake_batcher;
mod http_hooks;
mod outbound_queue;
mod request_log;
mod server;
mod service;
mod signing_keys;
mod sigv4;
mod storage;
mod transport;
mod trusted_proxies;
mod web_page;

pub use app::app;
pub use environment::{Clock, Entropy, Environment};
pub use handshake_batcher::{DEFAULT_MAX_WAITING, HandshakeBatcher};
pub use http_hooks::HttpHooks;
pub use server::Server;
pub use service::{Administrators, DEFAULT_MAX_IN_FLIGHT, Origins, Service, Setup};
pub use signing_keys::PregeneratedKeys;
pub use sigv4::AccessKey;
pub use storage::Storage;
pub use transport::{CourierError, Smtp, Transport, Transports, Webhook};
pub use trusted_proxies::TrustedProxies;

pub use device_pool::Config as PoolConfig;
pub use device_store::OpenError;
