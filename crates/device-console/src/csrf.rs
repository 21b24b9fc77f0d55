//! Tokens that tell the console's own forms from those of other sites.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::seal::encode;

/// The name of the field that carries a token.
pub(crate) const FIELD: &str = "csrf";

/// The key that makes tokens.
pub(crate) struct TokenKey(Zeroizing<[u8; 32]>);

impl TokenKey {
    pub(crate) fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self(key)
    }

    /// The token of the forms that whoever holds the cookie `id` was shown.
    pub(crate) fn token(&self, id: &str) -> String {
        encode(&self.mac(id).finalize().into_bytes())
    }

    /// Whether `token` is that one. Compares in constant time.
    pub(crate) fn is_token(&self, id: &str, token: &str) -> bool {
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token);
        bytes.is_ok_and(|bytes| self.mac(id).verify_slice(&bytes).is_ok())
    }

    fn mac(&self, id: &str) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).expect("any length will do");
        mac.update(id.as_bytes());
        mac
    }
}
