//! Master keys, which wrap the data keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::TryRng as _;
use rand::rngs::SysRng;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::message_keys::{KEY_LENGTH, MessageKeys};

/// What a text with master keys must be like.
const FORM: &str = "it must hold a key of 32 bytes in base64, such as `openssl rand -base64 32` \
                    prints, and former keys only after it, each in a line";

/// A master key.
pub(super) struct MasterKey {
    /// The start of a hash of it, by which data keys name it.
    pub(super) id: String,
    pub(super) keys: MessageKeys,
    text: Zeroizing<String>,
}

impl MasterKey {
    fn new(secret: &[u8; KEY_LENGTH]) -> Self {
        let hash = Sha256::new_with_prefix("device-store master key").chain_update(secret);
        let hash = hash.finalize();
        let id = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let text = Zeroizing::new(STANDARD.encode(secret));
        Self { id, keys: MessageKeys::new(secret), text }
    }
}

/// The master keys: the current one, and former ones that data may still be wrapped with.
pub struct MasterKeys {
    current: MasterKey,
    former: Vec<MasterKey>,
}

impl MasterKeys {
    /// Reads keys in base64, one a line, the current one first. Lines that start with `#` are
    /// comments.
    ///
    /// # Errors
    /// A sentence that says what the text must be like, without quoting it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let read = |word: &str| {
            let bytes = Zeroizing::new(STANDARD.decode(word).ok()?);
            let secret: Zeroizing<[u8; KEY_LENGTH]> =
                Zeroizing::new(bytes.as_slice().try_into().ok()?);
            Some(MasterKey::new(&secret))
        };
        let words = lines.flat_map(str::split_whitespace);
        let mut keys = words.map(read);
        let current = keys.next().flatten();
        let former: Option<Vec<_>> = keys.collect();
        let keys = current.zip(former).map(|(current, former)| Self { current, former });
        keys.ok_or_else(|| FORM.to_owned())
    }

    /// A new key alone.
    ///
    /// # Errors
    /// The operating system has no randomness.
    pub(super) fn generate() -> Result<Self, String> {
        let mut secret = Zeroizing::new([0; KEY_LENGTH]);
        SysRng.try_fill_bytes(&mut *secret).map_err(|error| error.to_string())?;
        Ok(Self { current: MasterKey::new(&secret), former: Vec::new() })
    }

    /// These keys after a new one, which is the current one then.
    pub(super) fn renewed(self) -> Result<Self, String> {
        let Self { current, mut former } = Self::generate()?;
        former.push(self.current);
        former.extend(self.former);
        Ok(Self { current, former })
    }

    /// The current key.
    pub(super) fn current(&self) -> &MasterKey {
        &self.current
    }

    pub(super) fn find(&self, id: &str) -> Option<&MasterKey> {
        self.all().find(|key| key.id == id)
    }

    fn all(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.current).chain(&self.former)
    }

    /// The keys as [`parse`](Self::parse) reads them.
    pub(super) fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity((1 + self.former.len()) * 48));
        for key in self.all() {
            text.push_str(&key.text);
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        let keys = MasterKeys::generate().unwrap().renewed().unwrap();
        let read = MasterKeys::parse(&format!("# of the pool\n{}\n", *keys.to_text())).unwrap();
        assert_eq!(read.to_text(), keys.to_text());
        assert_eq!(read.current().id, keys.current().id);
        assert!(read.find(&keys.former[0].id).is_some());
    }

    #[test]
    fn what_is_no_key_is_refused_without_quoting_it() {
        for text in ["", "# none", "hunter2", "aGVsbG8=", "AAAA AAAA"] {
            let refused = MasterKeys::parse(text).err().unwrap();
            assert!(refused.contains("32 bytes") && !refused.contains("hunter2"), "{refused}");
        }
    }
}
