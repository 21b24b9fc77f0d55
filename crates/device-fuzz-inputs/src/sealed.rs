//! Sealed values of the server, changed by the client.

use arbitrary::{Arbitrary, Unstructured};

use crate::{Input, Seed, encoding};

/// The kinds of sealed values, in the order of [`SealedValue::kind`].
pub const KINDS: [&str; 10] = [
    "code_session",
    "device_session",
    "proof_session",
    "password_block",
    "device_block",
    "access_token",
    "access_token_of_a_list",
    "refresh_token",
    "revoked_token",
    "setup_session",
];

/// The kinds of edits, in the order of an edit's first byte.
pub const EDITS: [&str; 8] =
    ["insert", "remove", "cut", "repeat", "splice_rest", "splice", "flip", "replace"];

/// A value of some kind, and a script of edits.
#[derive(Arbitrary, Debug, PartialEq)]
pub struct SealedValue {
    /// Which of [`KINDS`], modulo their number.
    pub kind: u8,
    /// Edits of four bytes: the index in [`EDITS`] modulo their number, the position (two bytes,
    /// big-endian), and the new byte. Remaining bytes do nothing.
    pub edits: Vec<u8>,
}

impl SealedValue {
    /// Which of [`KINDS`].
    #[must_use]
    pub fn kind(&self) -> usize {
        usize::from(self.kind) % KINDS.len()
    }

    /// The result of the edits on `genuine`. Splices copy from `other`.
    #[must_use]
    pub fn forge(&self, genuine: &str, other: &str) -> String {
        let (mut bytes, other) = (genuine.as_bytes().to_vec(), other.as_bytes());
        for (edit, at, with) in self.script() {
            let at = at % (bytes.len() + 1);
            let end = (at + usize::from(with)).min(bytes.len());
            match edit {
                0 => bytes.insert(at, with),
                1 => drop(bytes.drain(at..end)),
                2 => bytes.truncate(at),
                3 => bytes.extend_from_within(at..end),
                4 => bytes.splice(at.., other.iter().skip(at).copied()).for_each(drop),
                5 => bytes.splice(at..end, other.iter().take(end).skip(at).copied()).for_each(drop),
                6 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (with % 7)),
                _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = with),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Each edit: the index in [`EDITS`], the position, and the new byte.
    fn script(&self) -> impl Iterator<Item = (usize, usize, u8)> {
        self.edits.as_chunks().0.iter().map(|&[edit, high, low, with]| {
            let at = usize::from(u16::from_be_bytes([high, low]));
            (usize::from(edit) % EDITS.len(), at, with)
        })
    }
}

impl Input for SealedValue {
    const TARGET: &'static str = "sealed";

    fn decode(data: &[u8]) -> Option<Self> {
        Self::arbitrary_take_rest(Unstructured::new(data)).ok()
    }

    fn encode(&self) -> Vec<u8> {
        [vec![self.kind], encoding::bytes(&self.edits)].concat()
    }

    fn describe(&self) -> String {
        let mut description = KINDS[self.kind()].to_owned();
        for (edit, at, with) in self.script() {
            description.push_str(&format!("-{}_at_{at}_{with}", EDITS[edit]));
        }
        description
    }
}

pub(crate) fn seeds(seeds: &mut Vec<Seed>) {
    let scripts: [&[[u8; 4]]; 13] = [
        &[[0, 0, 40, 65]],
        &[[1, 0, 40, 8]],
        &[[2, 0, 40, 0]],
        &[[2, 0, 0, 0]],
        &[[3, 0, 8, 60]],
        &[[4, 0, 30, 0]],
        &[[4, 0, 0, 0]],
        &[[5, 0, 20, 40]],
        &[[6, 0, 1, 0]],
        &[[6, 0, 200, 3]],
        &[[7, 0, 12, 64]],
        &[[7, 0, 36, 46]],
        &[[6, 0, 9, 1], [3, 0, 4, 9]],
    ];
    for kind in 0..KINDS.len() as u8 {
        for script in scripts {
            seeds.push(Seed::typed(&SealedValue { kind, edits: script.concat() }, ""));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_edit_does_what_it_is_called() {
        let forged = |edit, at, with| {
            SealedValue { kind: 0, edits: vec![edit, 0, at, with] }.forge("genuine", "spliced")
        };
        let all: Vec<_> = (0..8).map(|edit| forged(edit, 2, 3)).collect();
        let expected = [
            "ge\u{3}nuine",
            "gene",
            "ge",
            "genuinenui",
            "geliced",
            "gelicne",
            "gefuine",
            "ge\u{3}uine",
        ];
        assert_eq!(all, expected);
    }
}
