//! Refresh tokens: opaque to clients, and to the service a grant, a number and the proof that it
//! issued them.
//!
//! Rotation replaces a token by the next number. An old one is then known for what it is, however
//! old, without a record of its own; and a client that repeats its request because the answer was
//! lost gets the same new token again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use device_wire::Sensitive;
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::crypto::seal::SealingKey;

/// What a refresh token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    /// The grant that it belongs to.
    pub(crate) origin: Uuid,
    /// How many came before it.
    pub(crate) generation: u32,
}

impl RefreshToken {
    /// The token as clients have it: base64url of 16 bytes of origin, 4 of generation (big-endian)
    /// and 32 of MAC.
    pub(crate) fn encode(self, key: SealingKey<'_>) -> Sensitive<String> {
        let generation = self.generation.to_be_bytes();
        let bytes = [&self.origin.as_bytes()[..], &generation, &*self.mac(key)].concat();
        Sensitive::from(BASE64.encode(Zeroizing::new(bytes)))
    }

    /// `None` for what this pool did not issue.
    pub(crate) fn decode(key: SealingKey<'_>, text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(BASE64.decode(text).ok()?);
        let (origin, rest) = bytes.split_first_chunk::<16>()?;
        let (generation, mac) = rest.split_first_chunk::<4>()?;
        let token =
            Self { origin: Uuid::from_bytes(*origin), generation: u32::from_be_bytes(*generation) };
        bool::from(token.mac(key).ct_eq(mac)).then_some(token)
    }

    fn mac(self, key: SealingKey<'_>) -> Zeroizing<[u8; 32]> {
        key.derive(b"refresh token", &[self.origin.as_bytes(), &self.generation.to_be_bytes()])
    }
}
