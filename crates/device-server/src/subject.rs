//! The pool and the app client of a call, for the log.

use device_pool::store::{Key, Store, Table};
use serde_json::Value;

/// The existing pool and app client that a call names; an extension of its response.
///
/// Anything else in a call could be what a person typed by mistake, such as a password.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) pool: Option<String>,
    pub(crate) client: Option<String>,
}

impl Subject {
    /// The subject of a call with this input.
    pub(crate) fn of(input: &Value, store: &dyn Store) -> Self {
        let existing = |member: &str, table| {
            let id = input.get(member)?.as_str()?.to_owned();
            let key = Key { table, id };
            // A failing store is logged by the call itself.
            store.get(&key).ok().flatten().map(|_| key.id)
        };
        Self {
            pool: existing("UserPoolId", Table::Pool),
            client: existing("ClientId", Table::Client),
        }
    }
}
