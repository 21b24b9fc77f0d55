//! Signed notes of an audit log: tree heads, and the ends of an export's pages.
//!
//! Their format is the `signed-note` of C2SP.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::tree::Hash;
use crate::error::ServiceError;
use crate::host::moment::Moment;

/// The type of an Ed25519 signature of a note's text.
const ED25519_TYPE: u8 = 1;

/// The start of a line with a signature.
const SIGNATURE: &str = "\u{2014} ";

/// The start of the line with the time.
const TIME: &str = "time ";

/// The second line of the end of a page. In a head it is a number.
const EXPORT: &str = "export";

/// A log's size and root at a time: a `tlog-checkpoint` of C2SP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The name of the log, and of its key.
    pub(crate) origin: String,
    pub(crate) size: u64,
    pub(crate) root: Hash,
    pub(crate) at: Moment,
}

impl Head {
    fn text(&self) -> String {
        let Self { origin, size, root, at } = self;
        format!("{origin}\n{size}\n{}\n{TIME}{}\n", root.to_text(), at.millis())
    }

    /// The signed note.
    pub(crate) fn sign(&self, seed: &[u8; 32]) -> Result<String, ServiceError> {
        signed(&self.text(), &self.origin, seed)
    }

    /// Reads a note; `None` if `key` did not sign it.
    pub(crate) fn open(note: &str, key: &LogKey) -> Option<Self> {
        let text = opened(note, key)?;
        let mut lines = text.lines();
        let head = Self {
            origin: lines.next()?.to_owned(),
            size: lines.next()?.parse().ok()?,
            root: Hash::from_text(lines.next()?)?,
            at: Moment::from_millis(lines.next()?.strip_prefix(TIME)?.parse().ok()?),
        };
        (head.text() == text && head.origin == key.name).then_some(head)
    }
}

/// The end of a page of an export. It signs all lines of the file up to here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageEnd {
    /// The name of the log, and of its key.
    pub(crate) origin: String,
    /// The digest of the lines.
    pub(crate) digest: Hash,
    /// The number of the first event after the page.
    pub(crate) next: u64,
    /// The number of events in the whole export.
    pub(crate) size: u64,
    pub(crate) at: Moment,
}

impl PageEnd {
    fn text(&self) -> String {
        let Self { origin, digest, next, size, at } = self;
        let (digest, at) = (digest.to_text(), at.millis());
        format!("{origin}\n{EXPORT}\n{digest}\n{next}\n{size}\n{TIME}{at}\n")
    }

    /// The signed note.
    pub(crate) fn sign(&self, seed: &[u8; 32]) -> Result<String, ServiceError> {
        signed(&self.text(), &self.origin, seed)
    }

    /// Reads a note; `None` if `key` did not sign it, or if it has more than the signature.
    pub(crate) fn open(note: &str, key: &LogKey) -> Option<Self> {
        let text = opened(note, key)?;
        let beside = note.strip_prefix(&text)?;
        if beside.matches('\n').count() != 2 || beside.contains('\r') {
            return None;
        }
        let mut lines = text.lines();
        let (origin, EXPORT) = (lines.next()?.to_owned(), lines.next()?) else { return None };
        let end = Self {
            origin,
            digest: Hash::from_text(lines.next()?)?,
            next: lines.next()?.parse().ok()?,
            size: lines.next()?.parse().ok()?,
            at: Moment::from_millis(lines.next()?.strip_prefix(TIME)?.parse().ok()?),
        };
        (end.text() == text && end.origin == key.name).then_some(end)
    }
}

/// The note of a text, signed.
fn signed(text: &str, name: &str, seed: &[u8; 32]) -> Result<String, ServiceError> {
    let pair = key_pair(seed)?;
    let mut signature = LogKey::of(name, &pair)?.id.to_vec();
    signature.extend_from_slice(pair.sign(text.as_bytes()).as_ref());
    Ok(format!("{text}\n{SIGNATURE}{name} {}\n", STANDARD.encode(signature)))
}

/// The text of a note that `key` signed. Others may have signed it as well.
fn opened(note: &str, key: &LogKey) -> Option<String> {
    let (text, signatures) = note.rsplit_once("\n\n")?;
    let text = format!("{text}\n");
    let signature = signatures.strip_suffix('\n')?.split('\n').find_map(|line| {
        let (name, signature) = line.strip_prefix(SIGNATURE)?.split_once(' ')?;
        let signature = STANDARD.decode(signature).ok()?;
        let (id, signature) = signature.split_first_chunk::<4>()?;
        (name == key.name && *id == key.id).then(|| signature.to_vec())
    })?;
    UnparsedPublicKey::new(&ED25519, &key.public).verify(text.as_bytes(), &signature).ok()?;
    Some(text)
}

/// The public half of a log's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogKey {
    name: String,
    id: [u8; 4],
    public: [u8; 32],
}

impl LogKey {
    /// The key of the log at `origin` with this secret.
    pub(crate) fn of_seed(origin: &str, seed: &[u8; 32]) -> Result<Self, ServiceError> {
        Self::of(origin, &key_pair(seed)?)
    }

    fn of(name: &str, pair: &Ed25519KeyPair) -> Result<Self, ServiceError> {
        let public = pair.public_key().as_ref().try_into();
        let public = public.map_err(|_| ServiceError::internal("a public key is not 32 bytes"))?;
        Ok(Self { name: name.to_owned(), id: id_of(name, &public), public })
    }

    /// As text that other tools read: `<name>+<id>+<type and key>`.
    pub(crate) fn to_text(&self) -> String {
        let id = u32::from_be_bytes(self.id);
        let key = STANDARD.encode([&[ED25519_TYPE], &self.public[..]].concat());
        format!("{}+{id:08x}+{key}", self.name)
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('+')?;
        let (id, key) = rest.split_once('+')?;
        let key = STANDARD.decode(key).ok()?;
        let (ED25519_TYPE, public) = key.split_first().map(|(kind, key)| (*kind, key))? else {
            return None;
        };
        let public = public.try_into().ok()?;
        let read = Self { name: name.to_owned(), id: id_of(name, &public), public };
        (format!("{:08x}", u32::from_be_bytes(read.id)) == id).then_some(read)
    }
}

fn key_pair(seed: &[u8; 32]) -> Result<Ed25519KeyPair, ServiceError> {
    Ed25519KeyPair::from_seed_unchecked(seed)
        .map_err(|_| ServiceError::internal("a log's key does not parse"))
}

fn id_of(name: &str, public: &[u8; 32]) -> [u8; 4] {
    let hash = Hash::of(&[name.as_bytes(), b"\n", &[ED25519_TYPE], public].concat());
    let [a, b, c, d, ..] = hash.0;
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: [u8; 32] = [7; 32];

    fn head() -> Head {
        let root = Hash::of(b"root");
        let at = Moment::from_millis(1_790_000_000_000);
        Head { origin: "auth.example.com/us-east-1_abc".to_owned(), size: 3, root, at }
    }

    #[test]
    fn a_head_is_opened_with_its_key_only() {
        let note = head().sign(&SEED).unwrap();
        let key = LogKey::of_seed(&head().origin, &SEED).unwrap();
        assert_eq!(LogKey::from_text(&key.to_text()), Some(key.clone()));
        assert_eq!(Head::open(&note, &key), Some(head()));
        let others = LogKey::of_seed(&head().origin, &[8; 32]).unwrap();
        assert_eq!(Head::open(&note, &others), None);
        let renamed = LogKey::of_seed("auth.example.com/us-east-1_xyz", &SEED).unwrap();
        assert_eq!(Head::open(&note, &renamed), None);
        for at in 0..note.len() {
            let mut changed = note.clone().into_bytes();
            changed[at] ^= 1;
            let Ok(changed) = String::from_utf8(changed) else { continue };
            assert_eq!(Head::open(&changed, &key), None, "{changed}");
        }
    }

    #[test]
    fn an_end_of_a_page_has_one_text_and_is_no_head() {
        let Head { origin, root: digest, at, .. } = head();
        let end = PageEnd { origin, digest, next: 3, size: 9, at };
        let note = end.sign(&SEED).unwrap();
        let key = LogKey::of_seed(&end.origin, &SEED).unwrap();
        assert_eq!(PageEnd::open(&note, &key), Some(end));
        assert_eq!(Head::open(&note, &key), None);
        assert_eq!(PageEnd::open(&head().sign(&SEED).unwrap(), &key), None);
        let crlf = note.replace('\n', "\r\n");
        let last_crlf = format!("{}\r\n", note.trim_end());
        for beside in [format!("{note}x"), format!("{note}\n"), crlf, last_crlf] {
            assert_eq!(PageEnd::open(&beside, &key), None, "{beside:?}");
        }
        for at in 0..note.len() {
            let mut changed = note.clone().into_bytes();
            changed[at] ^= 1;
            let Ok(changed) = String::from_utf8(changed) else { continue };
            assert_eq!(PageEnd::open(&changed, &key), None, "{changed}");
        }
    }

    /// The example of C2SP's `signed-note` has this shape.
    #[test]
    fn a_head_reads_as_a_signed_note() {
        let note = head().sign(&SEED).unwrap();
        let lines: Vec<&str> = note.lines().collect();
        assert_eq!(lines[..2], ["auth.example.com/us-east-1_abc", "3"]);
        assert_eq!(lines[2], head().root.to_text());
        assert_eq!(lines[3..5], ["time 1790000000000", ""]);
        assert!(lines[5].starts_with("\u{2014} auth.example.com/us-east-1_abc "), "{note}");
        assert_eq!((lines.len(), note.ends_with('\n')), (6, true));
    }
}
