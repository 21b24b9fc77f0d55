//! The engine from outside: real SRP, a store in memory, and a clock that the tests move.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod account_tags;
mod accounts;
mod admin_flows;
mod administration;
mod audit;
mod audit_alterations;
mod audit_events;
mod audit_log;
mod auth_events;
mod bad_input;
mod bindings;
mod client_secrets;
mod clients;
mod codes;
mod confirm;
mod custom_auth;
mod device_notices;
mod device_policies;
mod device_rules;
mod devices;
mod endings;
mod flows;
mod grants;
mod groups;
mod guessing;
mod hidden_users;
mod listing;
mod lockout;
mod meddled;
mod message_triggers;
mod mid_flow;
mod migration;
mod policy_trial;
mod pool_life;
mod pools;
mod profile;
mod races;
mod record_check;
mod recovery;
mod resources;
mod retention;
mod risk;
mod risk_notices;
mod rotation;
mod schema;
mod second_factors;
mod seeds;
mod sessions;
mod software_token;
mod tokens;
mod trigger_shapes;
mod triggers;
mod user_auth;
mod user_import;

mod world;
