//! The hash tree of RFC 6962, of which only the right edge is kept.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256 hash, base64 in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hash(pub(crate) [u8; 32]);

impl Hash {
    /// The hash of some bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The hash of a leaf with this content.
    pub(crate) fn leaf(content: &[u8]) -> Self {
        Self(Sha256::new_with_prefix([0]).chain_update(content).finalize().into())
    }

    fn node(left: Self, right: Self) -> Self {
        Self(
            Sha256::new_with_prefix([1])
                .chain_update(left.0)
                .chain_update(right.0)
                .finalize()
                .into(),
        )
    }

    pub(crate) fn to_text(self) -> String {
        STANDARD.encode(self.0)
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_text(&text).ok_or_else(|| serde::de::Error::custom("32 bytes are due"))
    }
}

/// A digest of lines: SHA-256 of each with its line end.
#[derive(Default)]
pub(crate) struct LineDigest(Sha256);

impl LineDigest {
    /// A digest of the lines after those of `digest`, which is its first line.
    pub(crate) fn after(digest: Hash) -> Self {
        let mut next = Self::default();
        next.line(&digest.to_text());
        next
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, text: &str) {
        self.0.update(text.as_bytes());
        self.0.update(b"\n");
    }

    /// The digest.
    pub(crate) fn end(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

/// A tree that only grows: its size, and the roots of its complete subtrees, the largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tree {
    pub(crate) size: u64,
    hashes: Vec<Hash>,
}

impl Tree {
    /// Appends a leaf.
    pub(crate) fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each complete subtree that the leaf completes is as large as those before it together.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.hashes.pop() {
                hash = Hash::node(left, hash);
            }
        }
        self.hashes.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// The root, which stands for all leaves and their order.
    pub(crate) fn root(&self) -> Hash {
        let smallest_first = self.hashes.iter().rev().copied();
        smallest_first
            .reduce(|right, left| Hash::node(left, right))
            .unwrap_or_else(|| Hash::of(b""))
    }

    /// Whether there are as many subtrees as a tree of this size has.
    pub(crate) fn is_well_formed(&self) -> bool {
        self.hashes.len() == self.size.count_ones() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The leaves of the test data of Certificate Transparency's first implementation.
    const LEAVES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];

    /// The roots of the trees of the first leaves, from none to all.
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn hex(hash: Hash) -> String {
        hash.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn small_trees_have_the_known_roots() {
        let mut tree = Tree::default();
        for (size, root) in ROOTS.iter().enumerate() {
            assert_eq!(hex(tree.root()), *root, "{size} leaves");
            assert!(tree.is_well_formed());
            if let Some(leaf) = LEAVES.get(size) {
                tree.push(Hash::leaf(leaf));
            }
        }
    }

    /// RFC 6962, section 2.1, as it is written there.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Hash::of(b""),
            [leaf] => *leaf,
            _ => {
                let left = 1 << (leaves.len() - 1).ilog2();
                let (left, right) = leaves.split_at(left);
                Hash::node(by_definition(left), by_definition(right))
            }
        }
    }

    #[test]
    fn a_tree_grows_as_it_is_defined() {
        let leaves: Vec<Hash> = (0_u32..300).map(|leaf| Hash::leaf(&leaf.to_be_bytes())).collect();
        let mut tree = Tree::default();
        for (size, leaf) in leaves.iter().enumerate() {
            assert_eq!(tree.root(), by_definition(&leaves[..size]), "{size} leaves");
            tree.push(*leaf);
        }
        let stored = serde_json::to_string(&tree).unwrap();
        assert_eq!(serde_json::from_str::<Tree>(&stored).unwrap(), tree);
    }
}
