//! The pages, a file for each.

pub(crate) mod client;
pub(crate) mod clients;
pub(crate) mod device_policies;
pub(crate) mod device_setting;
pub(crate) mod group;
pub(crate) mod groups;
pub(crate) mod message;
pub(crate) mod messages;
pub(crate) mod new_client;
pub(crate) mod new_group;
pub(crate) mod new_pool;
pub(crate) mod new_user;
pub(crate) mod overview;
mod person;
mod policies;
mod policy_trial;
mod pool;
pub(crate) mod pools;
pub(crate) mod sessions;
pub(crate) mod sign_in;
pub(crate) mod sign_in_setting;
pub(crate) mod user;
pub(crate) mod user_act;
pub(crate) mod user_device;
pub(crate) mod user_list;
pub(crate) mod users;
