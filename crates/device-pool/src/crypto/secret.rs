//! A secret member of a stored record.

use std::ops::Deref;

use device_wire::Sensitive;
use serde::{Deserialize, Serialize, Serializer};

/// A secret that a record holds. Stores that seal what they keep encrypt it.
///
/// They find it by the name of the member, which [`Table::secrets`](crate::store::Table::secrets)
/// must list. Debug builds check that it does, whenever a record is written.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(Sensitive<String>);

impl From<Sensitive<String>> for Secret {
    fn from(value: Sensitive<String>) -> Self {
        Self(value)
    }
}

impl Deref for Secret {
    type Target = Sensitive<String>;

    fn deref(&self) -> &Sensitive<String> {
        &self.0
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(&self.0, serializer)
    }
}

/// Serializes a secret of another type.
pub(crate) fn serialize<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    #[cfg(debug_assertions)]
    undeclared::note(text);
    serializer.serialize_str(text)
}

/// The check that no secret is written under a name that its table does not list.
#[cfg(debug_assertions)]
pub(crate) mod undeclared {
    use std::cell::RefCell;

    use crate::store::{Table, secret_values};

    thread_local! {
        /// The secrets that this thread serialized since the last check.
        static SERIALIZED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    pub(super) fn note(text: &str) {
        SERIALIZED.with_borrow_mut(|serialized| serialized.push(text.to_owned()));
    }

    /// Forgets what was serialized outside of a record.
    pub(crate) fn forget() {
        SERIALIZED.take();
    }

    /// Whether all secrets that were serialized into this body are among those that the table
    /// lists.
    pub(crate) fn is_none(table: Table, body: &[u8]) -> bool {
        let found: Vec<&[u8]> = secret_values(body, table.secrets().members())
            .into_iter()
            .filter_map(|range| body.get(range))
            .collect();
        SERIALIZED.take().iter().filter(|text| !text.is_empty()).all(|text| {
            let quoted = serde_json::to_vec(text).unwrap_or_default();
            found.contains(&quoted.as_slice())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Table;

    #[derive(Serialize)]
    struct Record {
        code: Secret,
        hint: Secret,
    }

    fn is_declared(hint: &str) -> bool {
        let secret = |text: &str| Secret::from(Sensitive::from(text));
        let record = Record { code: secret("123456"), hint: secret(hint) };
        let body = serde_json::to_vec(&record).unwrap();
        undeclared::is_none(Table::Code, &body)
    }

    #[test]
    fn an_undeclared_secret_is_found() {
        assert!(is_declared(""));
        assert!(!is_declared("first pet"));
        // The next record starts afresh.
        assert!(is_declared(""));
    }
}
