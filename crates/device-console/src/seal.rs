//! What the console gives away and takes back: encrypted and authenticated.
//!
//! AES-256-GCM with random nonces. A key seals one value a sign-in, far below the 2^32 after which
//! random nonces may repeat.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
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
        let mut sealed = text.as_bytes().to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        self.key()?.seal_in_place_append_tag(unique, Aad::empty(), &mut sealed).ok()?;
        Some(encode(&[&nonce[..], &sealed].concat()))
    }

    /// What was sealed; `None` for anything that this key did not seal.
    pub(crate) fn open(&self, sealed: &str) -> Option<String> {
        let mut bytes = decode(sealed)?;
        let (nonce, sealed) = bytes.split_first_chunk_mut::<NONCE_LENGTH>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let text = self.key()?.open_in_place(nonce, Aad::empty(), sealed).ok()?;
        String::from_utf8(text.to_vec()).ok()
    }

    fn key(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM, &*self.0).ok().map(LessSafeKey::new)
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
