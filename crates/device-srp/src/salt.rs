use alloc::{string::String, vec::Vec};

use rand_core::CryptoRng;

use crate::{error::Error, integer};

/// The salt of a verifier: an integer of up to 64 bytes, public.
///
/// Most clients draw 16 random bytes. Some send the hexadecimal text of 16 bytes as bytes, so a
/// server takes any integer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Salt([u8; Self::MAX_LEN]);

impl Salt {
    /// The longest salt, in bytes without leading zeros.
    pub const MAX_LEN: usize = 64;

    /// Draws 16 random bytes.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut salt = [0; Self::MAX_LEN];
        if let Some(low) = salt.last_chunk_mut::<16>() {
            rng.fill_bytes(low);
        }
        Self(salt)
    }

    /// Reads `SALT` of a challenge: a hexadecimal integer of any case, leading zeros allowed.
    ///
    /// # Errors
    /// [`Error::NotHex`], or [`Error::TooLong`] above 64 bytes.
    pub fn from_hex(text: &str) -> Result<Self, Error> {
        integer::from_hex(text).map(Self)
    }

    /// Reads the decoded `Salt` of `ConfirmDevice`: a big-endian integer, leading zeros allowed.
    ///
    /// # Errors
    /// [`Error::TooLong`] above 64 bytes.
    pub fn from_be_bytes(bytes: &[u8]) -> Result<Self, Error> {
        integer::right_aligned(bytes).map(Self)
    }

    /// The shortest lower-case hexadecimal form.
    #[must_use]
    pub fn to_hex(&self) -> String {
        integer::to_hex(&self.0)
    }

    /// `PAD(salt)`: the shortest big-endian two's complement, 1 to 65 bytes.
    #[must_use]
    pub fn padded(&self) -> Vec<u8> {
        integer::pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_salt_is_written_as_its_shortest_hexadecimal() {
        for (bytes, text) in
            [(&[][..], "0"), (&[0, 0x0b, 0xc0], "bc0"), (&[0xff; 64], &"f".repeat(128))]
        {
            assert_eq!(Salt::from_be_bytes(bytes).map(|salt| salt.to_hex()).as_deref(), Ok(text));
        }
    }
}
