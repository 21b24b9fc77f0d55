//! Tokens that tell the console's own forms from those of other sites.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::seal::{decode, encode};

/// The name of the field that carries a token.
pub(crate) const FIELD: &str = "csrf";

/// The key that makes tokens.
pub(crate) struct TokenKey(Zeroizing<[u8; 32]>);

impl TokenKey {
    pub(crate) fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self(key)
    }

    /// The token of the forms that are shown to the holder of the cookie `id`.
    pub(crate) fn token(&self, id: &str) -> String {
        encode(&self.mac(id).finalize().into_bytes())
    }

    /// Whether `token` is that one. Compares in constant time.
    pub(crate) fn is_token(&self, id: &str, token: &str) -> bool {
        decode(token).is_some_and(|bytes| self.mac(id).verify_slice(&bytes).is_ok())
    }

    fn mac(&self, id: &str) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).expect("any length will do");
        mac.update(id.as_bytes());
        mac
    }
}
