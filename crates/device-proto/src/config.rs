//! The app client that signs users in, and its pool.

use std::collections::BTreeMap;

use device_wire::Sensitive;
use device_wire::shapes::AnalyticsMetadataType;

use crate::credentials::{Metadata, to_send};
use crate::error::MalformedPoolId;

/// An app client and the user pool that it belongs to.
#[derive(Debug, Clone)]
pub struct Config {
    user_pool_id: String,
    client_id: String,
    client_secret: Option<Sensitive<String>>,
    client_metadata: Metadata,
    analytics_endpoint_id: Option<String>,
}

impl Config {
    /// Describes an app client without a secret.
    ///
    /// `user_pool_id` is `<region>_<name>`, such as `eu-west-1_Ab12Cd34E`. The name goes into the
    /// password proof, so a mistake in it looks like a wrong password.
    ///
    /// # Errors
    /// [`MalformedPoolId`] if the id has no `_` between two non-empty parts.
    pub fn new(
        user_pool_id: impl Into<String>,
        client_id: impl Into<String>,
    ) -> Result<Self, MalformedPoolId> {
        let user_pool_id = user_pool_id.into();
        match user_pool_id.split_once('_') {
            Some((region, name)) if !region.is_empty() && !name.is_empty() => Ok(Self {
                client_id: client_id.into(),
                client_secret: None,
                client_metadata: Metadata::default(),
                analytics_endpoint_id: None,
                user_pool_id,
            }),
            _ => Err(MalformedPoolId),
        }
    }

    /// Sets the client's secret: every step of a sign-in then has a `SECRET_HASH`.
    #[must_use]
    pub fn with_client_secret(mut self, secret: impl Into<Sensitive<String>>) -> Self {
        self.client_secret = Some(secret.into());
        self
    }

    /// Adds entries to the `ClientMetadata` that the pool's Lambda functions receive.
    ///
    /// It accompanies every step of a sign-in and every refresh.
    #[must_use]
    pub fn with_client_metadata<K: Into<String>, V: Into<String>>(
        mut self,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.client_metadata
            .extend(entries.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Sets the Amazon Pinpoint endpoint that sign-ins count for (`AnalyticsMetadata`).
    #[must_use]
    pub fn with_analytics_endpoint_id(mut self, id: impl Into<String>) -> Self {
        self.analytics_endpoint_id = Some(id.into());
        self
    }

    /// The id of the user pool.
    #[must_use]
    pub fn user_pool_id(&self) -> &str {
        &self.user_pool_id
    }

    /// The id of the app client.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The secret of the app client, if it has one.
    #[must_use]
    pub fn client_secret(&self) -> Option<&Sensitive<String>> {
        self.client_secret.as_ref()
    }

    /// The region in the pool's id.
    #[must_use]
    pub fn region(&self) -> &str {
        self.split().0
    }

    /// The pool's name, which identifies it in password proofs.
    pub(crate) fn pool_name(&self) -> &str {
        self.split().1
    }

    pub(crate) fn client_metadata(&self) -> &Metadata {
        &self.client_metadata
    }

    /// The metadata for a request.
    pub(crate) fn metadata_to_send(&self) -> Option<BTreeMap<String, String>> {
        to_send(&self.client_metadata)
    }

    pub(crate) fn analytics(&self) -> Option<AnalyticsMetadataType> {
        let analytics_endpoint_id = Some(self.analytics_endpoint_id.clone()?);
        Some(AnalyticsMetadataType { analytics_endpoint_id })
    }

    fn split(&self) -> (&str, &str) {
        self.user_pool_id.split_once('_').unwrap_or_default()
    }

    /// The `SECRET_HASH` of a step, over the `USERNAME` of that step.
    pub(crate) fn secret_hash(&self, username: &str) -> Option<String> {
        self.client_secret
            .as_ref()
            .map(|secret| device_srp::secret_hash(username, &self.client_id, secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_id_splits_at_its_first_underscore() {
        let config = Config::new("us-east-1_Ab_1", "client").unwrap();
        assert_eq!((config.region(), config.pool_name()), ("us-east-1", "Ab_1"));
    }

    #[test]
    fn a_malformed_pool_id_is_refused() {
        for id in ["", "us-east-1", "_", "us-east-1_", "_Ab1"] {
            assert!(Config::new(id, "client").is_err(), "{id:?}");
        }
    }
}
