//! The rules of a user-pool service with remembered devices.

mod engine;
mod error;
pub mod store;
mod transaction;

pub use engine::{Call, Config, Engine, SigningKeySource};
pub use error::ServiceError;
