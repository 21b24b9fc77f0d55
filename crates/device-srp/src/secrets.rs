use alloc::string::String;
use core::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::mac;

/// The random password of a remembered device. A secret that only the device keeps.
pub struct DevicePassword(Zeroizing<String>);

impl DevicePassword {
    /// Draws 40 random bytes; the password is their base64, 56 characters.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; 40]);
        rng.fill_bytes(bytes.as_mut_slice());
        Self(Zeroizing::new(STANDARD.encode(bytes.as_slice())))
    }

    /// The password text, to store or to sign in with.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Takes a stored password.
impl From<String> for DevicePassword {
    fn from(password: String) -> Self {
        Self(Zeroizing::new(password))
    }
}

impl fmt::Debug for DevicePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DevicePassword(..)")
    }
}

/// `SECRET_HASH`: base64 of an HMAC-SHA256 over the user name and the client id.
///
/// The key is the app client's secret. `username` is the `USERNAME` of the same request, letter for
/// letter.
#[must_use]
pub fn secret_hash(username: &str, client_id: &str, client_secret: &str) -> String {
    let hash = mac::hmac(client_secret.as_bytes(), [username.as_bytes(), client_id.as_bytes()]);
    STANDARD.encode(hash.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_hashes_are_the_published_ones() {
        for (username, client, secret, expected) in [
            ("Mess", "age", "secret", "qnR8UCqJggD55PohusaBNviGoOJ67HC6Btry4qXLVZc="),
            ("test", "123abd", "clientSecret", "LoIX/oPJWZzFYv8liJYRo+CHv16FNDY10JlZEDjL3Vg="),
        ] {
            assert_eq!(secret_hash(username, client, secret), expected);
        }
    }
}
