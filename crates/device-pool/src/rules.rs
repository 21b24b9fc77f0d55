//! The service's rules over several records, shared by operations and sign-ins.

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod caller;
pub(crate) mod codes;
pub(crate) mod decoy;
pub(crate) mod decoy_name;
pub(crate) mod device_count;
pub(crate) mod device_keys;
pub(crate) mod device_limits;
pub(crate) mod first_factors;
pub(crate) mod lockout;
pub(crate) mod messages;
pub(crate) mod names;
pub(crate) mod parties;
pub(crate) mod passwords;
pub(crate) mod pool_deletion;
pub(crate) mod profile;
pub(crate) mod risk;
pub(crate) mod roles;
pub(crate) mod second_factors;
pub(crate) mod stand_ins;
pub(crate) mod tokens;
pub(crate) mod unknown_names;
pub(crate) mod user_deletion;
pub(crate) mod user_records;
