//! A pool's secrets, and how its signing keys are replaced.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::context::Context;
use crate::engine::Call;
use crate::error::ServiceError;
use crate::jwt::{KeyRing, PublicKey};
use crate::seal::SealingKey;
use crate::store::Table;
use crate::transaction::Entity;

/// How long a replaced key is still published: the longest life of a token, and five minutes for
/// clocks that differ.
const PUBLISHED_AFTER_MILLIS: i64 = (24 * 60 + 5) * 60 * 1000;

/// A pool's secrets. Apart from its settings, so that showing those can never show these.
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
            sealing: Bytes32(cx.random()),
            access: SigningKeys::generate(cx.call)?,
            id: SigningKeys::generate(cx.call)?,
        })
    }

    pub(crate) fn load(cx: &mut Context<'_, '_>, pool_id: &str) -> Result<Self, ServiceError> {
        Context::must(cx.tx.find(pool_id)?, "a pool's key record")
    }

    pub(crate) fn sealing(&self) -> SealingKey<'_> {
        SealingKey(&self.sealing.0)
    }
}

/// The key that signs one kind of a pool's tokens, and the ones before it whose tokens may still be
/// out.
#[derive(Serialize, Deserialize)]
pub(crate) struct SigningKeys {
    pub(crate) current: SigningKey,
    /// When it began to sign, in milliseconds since the epoch.
    since: i64,
    retired: Vec<RetiredKey>,
}

/// What is left of a replaced key: enough to verify with, nothing to sign with.
#[derive(Serialize, Deserialize)]
struct RetiredKey {
    #[serde(flatten)]
    public: PublicKey,
    /// Milliseconds since the epoch.
    published_until: i64,
}

impl SigningKeys {
    fn generate(call: &mut Call<'_>) -> Result<Self, ServiceError> {
        Ok(Self { current: SigningKey::generate(call)?, since: call.now, retired: Vec::new() })
    }

    /// For how many milliseconds the current key has been signing.
    pub(crate) fn age(&self, now: i64) -> i64 {
        now.saturating_sub(self.since)
    }

    /// Replaces the current key. Its private half is gone from then on.
    pub(crate) fn rotate(
        &mut self,
        call: &mut Call<'_>,
        key_ring: &KeyRing,
    ) -> Result<(), ServiceError> {
        self.retired.retain(|key| call.now < key.published_until);
        self.retired.push(RetiredKey {
            public: key_ring.public(&self.current)?,
            published_until: call.now.saturating_add(PUBLISHED_AFTER_MILLIS),
        });
        self.current = SigningKey::generate(call)?;
        self.since = call.now;
        Ok(())
    }

    /// The replaced keys whose tokens may still be out.
    pub(crate) fn retired(&self, now: i64) -> impl Iterator<Item = &PublicKey> {
        self.retired.iter().filter(move |key| now < key.published_until).map(|key| &key.public)
    }
}

/// One RSA key pair that signs tokens.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct SigningKey {
    #[zeroize(skip)]
    pub(crate) kid: String,
    /// PKCS#8 DER in base64.
    pkcs8: String,
}

impl SigningKey {
    fn generate(call: &mut Call<'_>) -> Result<Self, ServiceError> {
        let pkcs8 = Zeroizing::new(call.signing_keys.generate()?);
        let mut kid = [0; 32];
        call.rng.fill_bytes(&mut kid);
        Ok(Self { kid: STANDARD.encode(kid), pkcs8: STANDARD.encode(&*pkcs8) })
    }

    pub(crate) fn pkcs8(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(STANDARD.decode(&self.pkcs8).unwrap_or_default())
    }
}

/// 32 secret bytes, base64 in the store.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Bytes32([u8; 32]);

impl Serialize for Bytes32 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes32 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = Zeroizing::new(STANDARD.decode(&*text).map_err(serde::de::Error::custom)?);
        bytes
            .as_slice()
            .try_into()
            .map(Self)
            .map_err(|_| serde::de::Error::custom("32 bytes are due"))
    }
}
