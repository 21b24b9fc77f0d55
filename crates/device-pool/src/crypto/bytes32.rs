//! 32 secret bytes as records hold them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::crypto::secret;

/// 32 secret bytes, base64 in the store.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Bytes32([u8; 32]);

impl Bytes32 {
    pub(crate) const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn get(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Serialize for Bytes32 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        secret::serialize(&Zeroizing::new(STANDARD.encode(self.0)), serializer)
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
