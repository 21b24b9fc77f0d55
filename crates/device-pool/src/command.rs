//! A running command: its view of the store, its parameters and its randomness.

pub(crate) mod asked_once;
pub(crate) mod beside;
pub(crate) mod context;
pub(crate) mod decoded;
pub(crate) mod notes;
pub(crate) mod page;
pub(crate) mod parameters;
pub(crate) mod trail;
pub(crate) mod transaction;
