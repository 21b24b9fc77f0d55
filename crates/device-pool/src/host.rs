//! What the host program supplies to the engine, and the messages for it to deliver.

pub(crate) mod development;
pub(crate) mod device_messages;
pub(crate) mod hooks;
pub(crate) mod invocation;
pub(crate) mod message;
pub(crate) mod moment;
pub(crate) mod risk;
pub(crate) mod seed;
pub(crate) mod server_act;
pub(crate) mod signing_keys;
