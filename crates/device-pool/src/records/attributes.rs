//! Attributes by name.

use std::collections::BTreeMap;

use device_wire::Sensitive;
use serde::{Deserialize, Serialize};

use crate::host::message::Medium;

/// A user's attributes by name, without `sub`. No value is empty.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Attributes(BTreeMap<String, Sensitive<String>>);

impl Attributes {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.as_str())
    }

    pub(crate) fn set(&mut self, name: &str, value: Sensitive<String>) {
        self.0.insert(name.to_owned(), value);
    }

    /// Removes an attribute; returns whether it existed.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    /// The attributes, ordered by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Sensitive<String>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub(crate) fn into_iter(self) -> impl Iterator<Item = (String, Sensitive<String>)> {
        self.0.into_iter()
    }

    /// Whether the user's address of this medium is verified.
    pub(crate) fn is_verified(&self, medium: Medium) -> bool {
        self.get(medium.verified_flag()) == Some("true")
    }

    /// Sets whether the user's address of this medium is verified.
    pub(crate) fn set_verified(&mut self, medium: Medium, verified: bool) {
        self.set(medium.verified_flag(), Sensitive::from(verified.to_string()));
    }
}
