//! A secret of 32 bytes, from which each message gets its key.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use device_wire::Sensitive;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The length of a secret, in bytes.
pub(super) const KEY_LENGTH: usize = 32;

/// The length of a salt, in bytes. Salts are random and may not repeat: at 2^48 messages, the
/// chance that two have the same is 2^-33.
pub(super) const SALT_LENGTH: usize = 16;

/// Each key is used once, so the nonce may be constant.
const NONCE: [u8; 12] = [0; 12];

const LABEL: &[u8] = b"device-store sealed record";

/// A salt for each message.
pub(super) type Salt = [u8; SALT_LENGTH];

/// Seals messages with AES-256-GCM, each with a key of its own.
///
/// The key is the HMAC-SHA-256 of a random salt and of the place that the message is for. So a
/// message opens in its place only, and no nonce can be used twice.
#[derive(Clone)]
pub(super) struct MessageKeys(Hmac<Sha256>);

impl MessageKeys {
    pub(super) fn new(secret: &[u8; KEY_LENGTH]) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret).expect("any length");
        Self(mac)
    }

    /// Encrypts `plain`, and authenticates `beside` with it.
    pub(super) fn seal(
        &self,
        salt: &Salt,
        place: [&str; 2],
        beside: &[u8],
        plain: &[u8],
    ) -> Option<Vec<u8>> {
        let mut text = Vec::with_capacity(plain.len() + AES_256_GCM.tag_len());
        text.extend_from_slice(plain);
        let nonce = Nonce::assume_unique_for_key(NONCE);
        let key = self.key(salt, place)?;
        key.seal_in_place_append_tag(nonce, Aad::from(beside), &mut text).ok()?;
        Some(text)
    }

    /// Opens what [`seal`](Self::seal) returned for the same salt, place and `beside`.
    pub(super) fn open(
        &self,
        salt: &Salt,
        place: [&str; 2],
        beside: &[u8],
        sealed: &[u8],
    ) -> Option<Sensitive<Vec<u8>>> {
        let mut text = Sensitive::from(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(NONCE);
        let key = self.key(salt, place)?;
        let length = key.open_in_place(nonce, Aad::from(beside), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }

    fn key(&self, salt: &Salt, place: [&str; 2]) -> Option<LessSafeKey> {
        let mut mac = self.0.clone();
        for part in [LABEL, salt, place[0].as_bytes(), place[1].as_bytes()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let key = Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
        Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*key).ok()?))
    }
}
