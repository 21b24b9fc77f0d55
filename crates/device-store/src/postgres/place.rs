//! The place of a record: the columns that identify it, and the lock that stands for it.

use device_pool::store::Key;
use sha2::{Digest as _, Sha256};

/// The columns of a key.
pub(super) struct Place<'k> {
    pub(super) kind: &'static str,
    /// Bytes rather than text: `text` holds no NUL, and its order depends on the collation.
    pub(super) id: &'k [u8],
    pub(super) owner: i64,
}

impl<'k> Place<'k> {
    pub(super) fn of(key: &'k Key) -> Self {
        Self { kind: key.table.name(), id: key.id.as_bytes(), owner: owner(&key.id) }
    }

    /// The number of the advisory lock for this key. If two keys share a number, they only wait for
    /// each other needlessly.
    pub(super) fn lock(&self) -> i64 {
        number(&[self.kind.as_bytes(), b"\0", self.id])
    }
}

/// The partition key: a hash of the id's first two parts, which are pool and user if it has both.
/// All records of a user are in one partition.
fn owner(id: &str) -> i64 {
    let end = id.match_indices('/').nth(1).map_or(id.len(), |(at, _)| at);
    number(&[id.get(..end).unwrap_or(id).as_bytes()])
}

/// The owner of all ids with this prefix, if there is only one.
pub(super) fn owner_of_prefix(prefix: &str) -> Option<i64> {
    prefix.match_indices('/').nth(1).map(|_| owner(prefix))
}

/// The first eight bytes of a SHA-256, big-endian: the same in every build of every replica.
fn number(parts: &[&[u8]]) -> i64 {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    let digest: [u8; 32] = hash.finalize().into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key is stored in every row; another value would hide existing rows.
    #[test]
    fn the_partition_key_never_changes() {
        // printf 'pool/ana' | sha256sum
        let ana = -7_253_417_172_807_237_102;
        assert_eq!(owner("pool/ana"), ana);
        assert_eq!(owner("pool/ana/"), ana);
        assert_eq!(owner("pool/ana/device/1"), ana);
        assert_ne!(owner("pool/an"), ana);
    }

    #[test]
    fn a_prefix_names_an_owner_if_it_ends_the_user() {
        assert_eq!(owner_of_prefix("pool/ana/"), Some(owner("pool/ana")));
        assert_eq!(owner_of_prefix("pool/ana/d"), Some(owner("pool/ana/device")));
        // Users ana and anabel share this prefix.
        assert_eq!(owner_of_prefix("pool/ana"), None);
        assert_eq!(owner_of_prefix(""), None);
    }
}
