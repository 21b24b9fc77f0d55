//! The named texts of `AuthParameters`, `ChallengeResponses` and `ChallengeParameters`.

use std::collections::BTreeMap;

use device_wire::Sensitive;

use crate::error::ServiceError;

/// Named texts. An empty text counts as absent: clients without a device send `"DEVICE_KEY": ""`.
#[derive(Default)]
pub(crate) struct Parameters(Sensitive<BTreeMap<String, String>>);

impl Parameters {
    pub(crate) fn from_wire(map: Option<Sensitive<BTreeMap<String, String>>>) -> Self {
        Self(map.unwrap_or_default())
    }

    pub(crate) fn into_wire(self) -> Sensitive<BTreeMap<String, String>> {
        self.0
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn require(&self, name: &str) -> Result<&str, ServiceError> {
        self.get(name)
            .ok_or_else(|| ServiceError::invalid(format!("Missing required parameter {name}")))
    }

    /// The parameters whose name starts with `prefix`, with the prefix removed.
    pub(crate) fn with_prefix<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0
            .iter()
            .filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
    }
}
