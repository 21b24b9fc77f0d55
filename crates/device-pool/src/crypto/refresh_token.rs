//! Refresh tokens: a grant, a generation and a MAC that proves who issued them. Clients see an
//! opaque string.
//!
//! Rotation replaces a token by the next generation. So an old token is recognised, however old,
//! without a record of its own; and a client that repeats its request because the answer was lost
//! gets the same new token again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use device_wire::Sensitive;
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::crypto::seal::SealingKey;

/// The contents of a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    /// The grant that it belongs to.
    pub(crate) origin: Uuid,
    /// The number of tokens before it.
    pub(crate) generation: u32,
}

impl RefreshToken {
    /// The token as clients see it: base64url of origin (16 bytes), generation (4, big-endian) and
    /// MAC (32).
    pub(crate) fn encode(self, key: SealingKey<'_>) -> Sensitive<String> {
        let generation = self.generation.to_be_bytes();
        let bytes = [&self.origin.as_bytes()[..], &generation, &*self.mac(key)].concat();
        Sensitive::from(BASE64.encode(Zeroizing::new(bytes)))
    }

    /// Reads a token; `None` if this pool did not issue it.
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
