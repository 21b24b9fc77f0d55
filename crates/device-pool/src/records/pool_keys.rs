//! A pool's secrets, and the rotation of its signing keys.

use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::transaction::Entity;
use crate::crypto::bytes32::Bytes32;
use crate::crypto::jwt::SigningKeys;
use crate::crypto::seal::SealingKey;
use crate::error::ServiceError;
use crate::store::Table;

/// A pool's secrets. Separate from the settings, so that describing a pool can never show a secret.
#[derive(Serialize, Deserialize)]
pub(crate) struct PoolKeys {
    pool_id: String,
    sealing: Bytes32,
    pub(crate) access: SigningKeys,
    pub(crate) id: SigningKeys,
}

impl Entity for PoolKeys {
    const TABLE: Table = Table::PoolKeys;

    fn id(&self) -> String {
        self.pool_id.clone()
    }
}

impl PoolKeys {
    pub(crate) fn generate(cx: &mut Context<'_, '_>, pool_id: &str) -> Result<Self, ServiceError> {
        Ok(Self {
            pool_id: pool_id.to_owned(),
            sealing: Bytes32::new(cx.random()),
            access: SigningKeys::generate(cx.signing_keys, cx.invocation)?,
            id: SigningKeys::generate(cx.signing_keys, cx.invocation)?,
        })
    }

    /// Keys of which those that sign are generated when they are first needed: it takes long.
    pub(crate) fn without_signing_keys(cx: &mut Context<'_, '_>, pool_id: &str) -> Self {
        let now = cx.now();
        Self {
            pool_id: pool_id.to_owned(),
            sealing: Bytes32::new(cx.random()),
            access: SigningKeys::later(now),
            id: SigningKeys::later(now),
        }
    }

    /// Whether the keys that sign were generated.
    pub(crate) fn can_sign(&self) -> bool {
        self.access.current.is_some() && self.id.current.is_some()
    }

    /// The pool's keys, with those that sign: generated and stored if this is the first token.
    pub(crate) fn to_sign(cx: &mut Context<'_, '_>, pool_id: &str) -> Result<Self, ServiceError> {
        let mut keys = Self::load(cx, pool_id)?;
        if !keys.can_sign() {
            keys.access = SigningKeys::generate(cx.signing_keys, cx.invocation)?;
            keys.id = SigningKeys::generate(cx.signing_keys, cx.invocation)?;
            cx.tx.put(&keys)?;
        }
        Ok(keys)
    }

    pub(crate) fn load(cx: &mut Context<'_, '_>, pool_id: &str) -> Result<Self, ServiceError> {
        Context::stored(cx.tx.find(pool_id)?, "a pool's key record")
    }

    pub(crate) fn sealing(&self) -> SealingKey<'_> {
        SealingKey(self.sealing.get())
    }
}
