//! Sealed state that the client carries: sessions and secret blocks, encrypted and authenticated.
//!
//! Each message is encrypted with AES-256-GCM under its own key, derived from the pool's sealing
//! key and 24 random bytes, so the number of messages is not limited by a nonce. The purpose and
//! the app client are bound in: a value sealed for one does not open for another.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use device_wire::Sensitive;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::ServiceError;

const SALT_LENGTH: usize = 24;
/// Each key is used once, so the nonce may be constant.
const NONCE: [u8; 12] = [0; 12];

/// What a sealed value is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The `Session` of a challenge.
    Session,
    /// The `SECRET_BLOCK` of a user's or a device's SRP exchange.
    SecretBlock,
    /// A secret of an app client.
    ClientSecret,
    /// The link in a message about a device. It is bound to the pool instead of an app client.
    DeviceLink,
    /// The token for feedback on an event. It is bound to the pool instead of an app client.
    EventFeedback,
    /// The URL for the file of an import job. It is bound to the pool instead of an app client.
    ImportFile,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Session => b"device-pool session",
            Self::SecretBlock => b"device-pool secret block",
            Self::ClientSecret => b"device-pool client secret",
            Self::DeviceLink => b"device-pool device link",
            Self::EventFeedback => b"device-pool event feedback",
            Self::ImportFile => b"device-pool import file",
        }
    }
}

/// A pool's sealing key: 32 random bytes.
#[derive(Clone, Copy)]
pub(crate) struct SealingKey<'a>(pub(crate) &'a [u8; 32]);

impl SealingKey<'_> {
    /// Seals `value`: base64 of salt and ciphertext.
    pub(crate) fn seal<T: Serialize>(
        &self,
        purpose: Purpose,
        client_id: &str,
        salt: [u8; SALT_LENGTH],
        value: &T,
    ) -> Result<String, ServiceError> {
        let failed = || ServiceError::internal("sealing failed");
        let plain = Sensitive::from(serde_json::to_vec(value).map_err(|_| failed())?);
        let key = self.message_key(purpose, &salt);
        let sealed = encrypt(&key, NONCE, client_id.as_bytes(), &plain).ok_or_else(failed)?;
        Ok(STANDARD.encode([&salt[..], &sealed].concat()))
    }

    /// Opens a value; `None` if [`SealingKey::seal`] did not make it for this purpose and client.
    pub(crate) fn open<T: DeserializeOwned>(
        &self,
        purpose: Purpose,
        client_id: &str,
        text: &str,
    ) -> Option<T> {
        let mut bytes = Sensitive::from(STANDARD.decode(text).ok()?);
        let (salt, sealed) = bytes.split_at_mut_checked(SALT_LENGTH)?;
        let key = self.message_key(purpose, salt);
        let plain = decrypt(&key, NONCE, client_id.as_bytes(), sealed)?;
        serde_json::from_slice(plain).ok()
    }

    /// Derives a key for a use other than sealing, bound to `label`.
    pub(crate) fn derive(&self, label: &[u8], message: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        mac(self.0, label, message)
    }

    fn message_key(&self, purpose: Purpose, salt: &[u8]) -> Zeroizing<[u8; 32]> {
        mac(self.0, purpose.label(), &[salt])
    }
}

/// A sealed value in the alphabet of URLs.
pub(crate) fn to_url(sealed: &str) -> String {
    sealed.trim_end_matches('=').replace('+', "-").replace('/', "_")
}

/// The sealed value of which [`to_url`] made this text; `None` if there is none.
pub(crate) fn from_url(text: &str) -> Option<String> {
    URL_SAFE_NO_PAD.decode(text).ok().map(|sealed| STANDARD.encode(sealed))
}

/// The ciphertext and its tag. The library wipes the memory of keys when they are dropped.
fn encrypt(key: &[u8; 32], nonce: [u8; 12], aad: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let mut text = Vec::with_capacity(plain.len() + AES_256_GCM.tag_len());
    text.extend_from_slice(plain);
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut text).ok()?;
    Some(text)
}

/// The text that was sealed, in the place of the ciphertext.
fn decrypt<'t>(
    key: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    sealed: &'t mut [u8],
) -> Option<&'t mut [u8]> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    key.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(aad), sealed).ok()
}

/// HMAC-SHA-256 over the label and the parts. Each is preceded by its length, so different lists
/// never give the same input.
fn mac(key: &[u8; 32], label: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in std::iter::once(&label).chain(parts) {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// The entry point of the fuzz target `sealed`, built only with `--cfg fuzzing`.
#[cfg(fuzzing)]
pub mod fuzzing {
    use super::*;

    /// Seals the value that `data` describes, for a client that it names.
    ///
    /// # Panics
    ///
    /// If the seal does not open again, or opens for another client, purpose or key, or after a
    /// change.
    pub fn seal_opens_only_its_own(data: &[u8]) {
        let (head, text) = data.split_at(data.len().min(26));
        let mut bytes = [0; 26];
        bytes.iter_mut().zip(head).for_each(|(to, from)| *to = *from);
        let [salt @ .., at, bit] = bytes;
        let text = String::from_utf8_lossy(text).into_owned();
        let (key, client) = (SealingKey(&[at; 32]), text.get(..8).unwrap_or_default());
        let open =
            |purpose, client: &str, sealed: &str| key.open::<String>(purpose, client, sealed);
        let sealed =
            key.seal(Purpose::Session, client, salt, &text).unwrap_or_else(|_| unreachable!());
        assert_eq!(open(Purpose::Session, client, &sealed).as_ref(), Some(&text));
        assert_eq!(open(Purpose::SecretBlock, client, &sealed), None);
        assert_eq!(open(Purpose::Session, &format!("{client}x"), &sealed), None);
        assert_eq!(SealingKey(&[!at; 32]).open::<String>(Purpose::Session, client, &sealed), None);
        let mut changed = STANDARD.decode(&sealed).unwrap_or_default();
        let at = usize::from(u16::from_be_bytes([at, bit])) % changed.len();
        changed.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (bit % 8));
        assert_eq!(open(Purpose::Session, client, &STANDARD.encode(changed)), None);
        assert_eq!(open(Purpose::Session, client, &text), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: SealingKey<'static> = SealingKey(&[7; 32]);

    #[test]
    fn a_seal_opens_only_for_its_purpose_and_client() {
        let sealed = KEY.seal(Purpose::Session, "client", [1; 24], &"state").unwrap();
        assert_eq!(
            KEY.open::<String>(Purpose::Session, "client", &sealed).as_deref(),
            Some("state")
        );
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

    /// Runs the vectors whose key, nonce and tag sizes match those used here.
    #[test]
    fn aes_gcm_passes_wycheproof() {
        let file = include_str!("../../vectors/wycheproof/aes_gcm.json");
        let file: serde_json::Value = serde_json::from_str(file).unwrap();
        let mut count = 0;
        for group in file["testGroups"].as_array().unwrap() {
            if (&group["keySize"], &group["ivSize"], &group["tagSize"])
                != (&256.into(), &96.into(), &128.into())
            {
                continue;
            }
            for test in group["tests"].as_array().unwrap() {
                let [key, nonce, aad, msg, ct, tag] = ["key", "iv", "aad", "msg", "ct", "tag"]
                    .map(|name| bytes(test[name].as_str().unwrap()));
                let (key, nonce) = (&key.try_into().unwrap(), nonce.try_into().unwrap());
                let sealed = [ct, tag].concat();
                let mut text = sealed.clone();
                let opened = decrypt(key, nonce, &aad, &mut text);
                if test["result"] == "valid" {
                    assert_eq!(opened.as_deref(), Some(&*msg), "{test}");
                    assert_eq!(encrypt(key, nonce, &aad, &msg), Some(sealed), "{test}");
                } else {
                    assert_eq!(opened, None, "{test}");
                }
                count += 1;
            }
        }
        assert_eq!(count, 66);
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digit = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (0..hex.len()).step_by(2).map(digit).collect()
    }
}
