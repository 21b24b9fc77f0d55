//! The context in which a command decides.

use rand_core::CryptoRng;

use crate::command::notes::Notes;
use crate::command::transaction::Transaction;
use crate::crypto::jwt::KeyRing;
use crate::error::ServiceError;
use crate::host::development::Development;
use crate::host::device_messages::DeviceMessages;
use crate::host::hooks::Hooks;
use crate::host::invocation::{Config, Invocation};
use crate::host::message::Message;
use crate::host::moment::Moment;
use crate::host::risk::RiskEvaluator;
use crate::host::signing_keys::SigningKeySource;

/// A running command: its view of the store, and the external inputs of the call.
pub(crate) struct Context<'a, 'c> {
    pub(crate) tx: Transaction<'a>,
    /// What the audit trail and the log will say of it.
    pub(crate) notes: Notes,
    pub(crate) invocation: &'a mut Invocation<'c>,
    /// Messages to users, sent only if the command succeeds.
    pub(crate) outbox: Vec<Message>,
    /// Messages to users, sent whether or not the command succeeds.
    pub(crate) warnings: Vec<Message>,
    pub(crate) config: &'a Config,
    pub(crate) key_ring: &'a KeyRing,
    pub(crate) hooks: &'a dyn Hooks,
    pub(crate) signing_keys: &'a dyn SigningKeySource,
    pub(crate) risk: &'a dyn RiskEvaluator,
    pub(crate) device_messages: &'a DeviceMessages,
    pub(crate) development: &'a Development,
}

impl Context<'_, '_> {
    pub(crate) fn now(&self) -> Moment {
        self.invocation.now
    }

    /// Whether a list may show this pool.
    pub(crate) fn shows_pool(&self, pool_id: &str) -> bool {
        let pools = self.invocation.pools.as_ref();
        pools.is_none_or(|pools| pools.iter().any(|pool| pool == pool_id))
    }

    pub(crate) fn rng(&mut self) -> impl CryptoRng + use<'_> {
        &mut *self.invocation.rng
    }

    pub(crate) fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.invocation.rng.fill_bytes(&mut bytes);
        bytes
    }

    pub(crate) fn uuid(&mut self) -> uuid::Uuid {
        uuid::Builder::from_random_bytes(self.random()).into_uuid()
    }

    /// `length` characters drawn uniformly from `alphabet`.
    pub(crate) fn random_text(&mut self, alphabet: &[u8], length: usize) -> String {
        let limit = 256 - 256 % alphabet.len().max(1);
        let mut text = String::with_capacity(length);
        while text.len() < length {
            let [byte] = self.random::<1>();
            // Bytes beyond the last full multiple are drawn again; otherwise the first letters are
            // more likely.
            if usize::from(byte) < limit
                && let Some(letter) = alphabet.get(usize::from(byte) % alphabet.len())
            {
                text.push(char::from(*letter));
            }
        }
        text
    }

    /// Unwraps a record that must exist because another record refers to it.
    pub(crate) fn stored<T>(found: Option<T>, what: &str) -> Result<T, ServiceError> {
        found.ok_or_else(|| ServiceError::internal(format!("{what} is missing from the store")))
    }
}
