//! The rules of a user-pool service with remembered devices.

mod attempts;
mod client;
mod context;
mod device;
mod engine;
mod error;
mod event;
mod jwt;
mod operations;
mod parameters;
mod pool;
mod seal;
mod sign_in;
pub mod store;
mod tokens;
mod totp;
mod transaction;
mod user;

pub use engine::{Call, Config, Engine, SigningKeySource};
pub use error::ServiceError;
pub use operations::SUPPORTED;
