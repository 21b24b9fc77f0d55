//! Secrets of app clients, sealed by the keys of their pool.

use device_wire::shapes::ClientSecretDescriptorType;
use device_wire::{Sensitive, Timestamp};
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::crypto::seal::Purpose;
use crate::error::ServiceError;
use crate::host::moment::Moment;
use crate::records::pool_keys::PoolKeys;

/// A secret of an app client. A client may have two, so that one can replace the other.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ClientSecret {
    pub(crate) id: String,
    pub(crate) created: Moment,
    sealed: String,
    /// The opened secret.
    #[serde(skip)]
    pub(crate) value: Sensitive<String>,
}

impl ClientSecret {
    /// Seals `value` for the app client.
    pub(crate) fn new(
        cx: &mut Context<'_, '_>,
        keys: &PoolKeys,
        client_id: &str,
        id: String,
        value: Sensitive<String>,
    ) -> Result<Self, ServiceError> {
        let salt = cx.random();
        let sealed = keys.lasting().seal(Purpose::ClientSecret, client_id, salt, &value)?;
        Ok(Self { id, created: cx.now(), sealed, value })
    }

    /// Opens the secret after it was read from the store.
    pub(crate) fn open(&mut self, keys: &PoolKeys, client_id: &str) -> Result<(), ServiceError> {
        let value = keys.lasting().open(Purpose::ClientSecret, client_id, &self.sealed);
        self.value = Context::stored(value, "the key of a client secret")?;
        Ok(())
    }

    /// The secret as lists show it: without its value.
    pub(crate) fn describe(&self) -> ClientSecretDescriptorType {
        ClientSecretDescriptorType {
            client_secret_id: Some(self.id.clone()),
            client_secret_value: None,
            client_secret_create_date: Some(Timestamp::from(self.created)),
        }
    }
}
