//! What the console gives away and takes back: encrypted and authenticated.
//!
//! AES-256-GCM with random nonces. A key seals one value a sign-in, far below the 2^32 after which
//! random nonces may repeat.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

const NONCE_LENGTH: usize = 12;

/// A key that seals values of one kind.
pub(crate) struct SealingKey(Zeroizing<[u8; 32]>);

impl SealingKey {
    pub(crate) fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self(key)
    }

    /// The sealed `text`. The nonce is random, and no other value had it.
    pub(crate) fn seal(&self, text: &str, nonce: [u8; NONCE_LENGTH]) -> Option<String> {
        let sealed = self.cipher().encrypt((&nonce).into(), text.as_bytes()).ok()?;
        Some(encode(&[&nonce[..], &sealed].concat()))
    }

    /// What was sealed; `None` for anything that this key did not seal.
    pub(crate) fn open(&self, sealed: &str) -> Option<String> {
        let bytes = decode(sealed)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LENGTH>()?;
        let text = self.cipher().decrypt(nonce.into(), sealed).ok()?;
        String::from_utf8(text).ok()
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.0).into())
    }
}

/// Bytes as text that a URL and a cookie may hold.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of such a text.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_key_sealed_opens() {
        let key = SealingKey::new(Zeroizing::new([1; 32]));
        let other = SealingKey::new(Zeroizing::new([2; 32]));
        let sealed = key.seal("a session", [7; 12]).unwrap();
        assert_eq!(key.open(&sealed).as_deref(), Some("a session"));
        assert_eq!(other.open(&sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(key.open(&String::from_utf8(changed).unwrap()), None, "{at}");
        }
        assert!(key.open("").is_none() && key.open("not sealed").is_none());
    }
}
