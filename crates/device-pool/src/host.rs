//! What the host program brings: time, randomness, keys, decisions, and what it takes away.

pub(crate) mod arithmetic;
pub(crate) mod hooks;
pub(crate) mod invocation;
pub(crate) mod message;
pub(crate) mod moment;
pub(crate) mod risk;
pub(crate) mod signing_keys;
