//! State that travels through the client: sessions and secret blocks, encrypted and authenticated.
//!
//! AES-256-GCM under a key of its own for every message, derived from the pool's sealing key and 24 random bytes, so
//! that no number of messages wears a key out. The purpose and the app client are bound in: what was sealed for one
//! does not open for another.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::ServiceError;

const SALT_LENGTH: usize = 24;

/// What a sealed value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The `Session` of a challenge.
    Session,
    /// The `SECRET_BLOCK` of a user's or a device's SRP exchange.
    SecretBlock,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Session => b"device-pool session",
            Self::SecretBlock => b"device-pool secret block",
        }
    }
}

/// A pool's sealing key: 32 random bytes.
pub(crate) struct SealingKey<'a>(pub(crate) &'a [u8; 32]);

impl SealingKey<'_> {
    /// Base64 of salt and ciphertext.
    pub(crate) fn seal<T: Serialize>(
        &self,
        purpose: Purpose,
        client_id: &str,
        salt: [u8; SALT_LENGTH],
        value: &T,
    ) -> Result<String, ServiceError> {
        let failed = || ServiceError::internal("sealing failed");
        let plain = Zeroizing::new(serde_json::to_vec(value).map_err(|_| failed())?);
        let cipher = self.cipher(purpose, &salt).ok_or_else(failed)?;
        let payload = Payload { msg: &plain, aad: client_id.as_bytes() };
        // The key is used once, so the nonce may be constant.
        let sealed = cipher.encrypt(&Nonce::default(), payload).map_err(|_| failed())?;
        Ok(STANDARD.encode([&salt[..], &sealed].concat()))
    }

    /// `None` for anything that [`SealingKey::seal`] did not make for this purpose and client.
    pub(crate) fn open<T: DeserializeOwned>(
        &self,
        purpose: Purpose,
        client_id: &str,
        text: &str,
    ) -> Option<T> {
        let bytes = STANDARD.decode(text).ok()?;
        let (salt, sealed) = bytes.split_at_checked(SALT_LENGTH)?;
        let payload = Payload { msg: sealed, aad: client_id.as_bytes() };
        let plain = Zeroizing::new(self.cipher(purpose, salt)?.decrypt(&Nonce::default(), payload).ok()?);
        serde_json::from_slice(&plain).ok()
    }

    /// A key for something else than sealing, bound to `label`.
    pub(crate) fn derive(&self, label: &[u8], message: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        mac(self.0, label, message)
    }

    fn cipher(&self, purpose: Purpose, salt: &[u8]) -> Option<Aes256Gcm> {
        Aes256Gcm::new_from_slice(&*mac(self.0, purpose.label(), &[salt])).ok()
    }
}

/// HMAC-SHA-256 over the label and the parts, each behind its length so that no two lists of parts read alike.
fn mac(key: &[u8; 32], label: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in std::iter::once(&label).chain(parts) {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: SealingKey<'static> = SealingKey(&[7; 32]);

    #[test]
    fn opens_only_what_was_sealed_for_the_same_purpose_and_client() {
        let sealed = KEY.seal(Purpose::Session, "client", [1; 24], &"state").unwrap();
        assert_eq!(KEY.open::<String>(Purpose::Session, "client", &sealed).as_deref(), Some("state"));
        assert_eq!(KEY.open::<String>(Purpose::SecretBlock, "client", &sealed), None);
        assert_eq!(KEY.open::<String>(Purpose::Session, "other", &sealed), None);
        assert_eq!(SealingKey(&[8; 32]).open::<String>(Purpose::Session, "client", &sealed), None);
    }

    #[test]
    fn a_changed_character_anywhere_is_refused() {
        let sealed = KEY.seal(Purpose::Session, "client", [1; 24], &"state").unwrap();
        for at in 0..sealed.len() {
            let mut tampered = sealed.clone().into_bytes();
            tampered[at] = if tampered[at] == b'A' { b'B' } else { b'A' };
            let tampered = String::from_utf8(tampered).unwrap();
            assert_eq!(KEY.open::<String>(Purpose::Session, "client", &tampered), None, "at {at}");
        }
    }

    #[test]
    fn garbage_is_refused() {
        for text in ["", "A", "====", "AAAA", "not base64!", &"A".repeat(4000)] {
            assert_eq!(KEY.open::<String>(Purpose::Session, "client", text), None);
        }
    }
}
