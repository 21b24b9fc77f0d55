//! The stored records, one file for each table: the struct, its key, and questions about it.
//!
//! No file here knows a flow: `rules` says what changes together.

pub(crate) mod account_tags;
pub(crate) mod address;
pub(crate) mod app_client;
pub(crate) mod attempts;
pub(crate) mod attributes;
pub(crate) mod audit_event;
pub(crate) mod audit_log;
pub(crate) mod client_secret;
pub(crate) mod code;
pub(crate) mod deleted_pool;
pub(crate) mod deleted_user;
pub(crate) mod device;
pub(crate) mod device_tags;
pub(crate) mod domain;
pub(crate) mod event_feedback;
pub(crate) mod factor;
pub(crate) mod first_factor;
pub(crate) mod grant;
pub(crate) mod group;
pub(crate) mod import_file;
pub(crate) mod login;
pub(crate) mod method;
pub(crate) mod password;
pub(crate) mod password_history;
pub(crate) mod pool;
pub(crate) mod pool_keys;
pub(crate) mod resource;
pub(crate) mod schema;
pub(crate) mod sent_codes;
pub(crate) mod spent;
pub(crate) mod stand_in;
pub(crate) mod user;
pub(crate) mod user_index;
pub(crate) mod user_profile;
pub(crate) mod user_token;
pub(crate) mod whose;
