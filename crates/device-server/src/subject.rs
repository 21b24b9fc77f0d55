//! The pool and the app client that a call is about, for the log.

use device_pool::store::{Key, Store, Table};
use serde_json::Value;

/// The pool and the app client that a call names, if they exist; an extension of its response.
///
/// Anything else that a call names could be what a person typed by mistake, such as a password.
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
