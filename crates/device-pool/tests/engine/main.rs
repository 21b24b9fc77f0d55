//! The engine from outside: real SRP, a store in memory, a clock that stands still until it is told to move.

mod bad_input;
mod confirm;
mod device_rules;
mod devices;
mod lockout;
mod pools;
mod sessions;
mod software_token;
mod tokens;
mod world;
