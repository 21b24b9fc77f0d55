use alloc::{string::String, vec::Vec};
use core::fmt;

#[cfg(feature = "num-bigint")]
use num_bigint::BigUint;

use crate::{
    error::Error,
    group::{Residue, WIDTH},
    integer,
};

/// A or B, which one side sends the other: below 2^3072 and not 0 modulo N.
///
/// A peer may send N or more. The value is reduced for arithmetic but hashed as it was sent.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicValue([u8; WIDTH]);

impl PublicValue {
    /// Reads `SRP_A` or `SRP_B`: a hexadecimal integer of any case, leading zeros allowed.
    ///
    /// # Errors
    /// [`Error::NotHex`]; [`Error::TooLong`] above 3072 bits; [`Error::ZeroPublicValue`] for 0 and
    /// N.
    pub fn from_hex(text: &str) -> Result<Self, Error> {
        integer::from_hex(text).and_then(Self::checked)
    }

    /// Reads a big-endian integer, leading zeros allowed.
    ///
    /// # Errors
    /// [`Error::TooLong`] above 3072 bits; [`Error::ZeroPublicValue`] for 0 and N.
    pub fn from_be_bytes(bytes: &[u8]) -> Result<Self, Error> {
        integer::right_aligned(bytes).and_then(Self::checked)
    }

    fn checked(bytes: [u8; WIDTH]) -> Result<Self, Error> {
        if Residue::reduce(&bytes).is_zero() {
            Err(Error::ZeroPublicValue)
        } else {
            Ok(Self(bytes))
        }
    }

    /// Takes a power of g, which is never 0: N is prime and no factor of g.
    pub(crate) fn from_residue(value: &Residue) -> Self {
        Self(value.to_be_bytes())
    }

    pub(crate) fn residue(&self) -> Residue {
        Residue::reduce(&self.0)
    }

    /// The shortest lower-case hexadecimal form, for the wire.
    #[must_use]
    pub fn to_hex(&self) -> String {
        integer::to_hex(&self.0)
    }

    /// `PAD(value)`: the shortest big-endian two's complement, up to 385 bytes.
    #[must_use]
    pub fn padded(&self) -> Vec<u8> {
        integer::pad(&self.0)
    }
}

#[cfg(feature = "num-bigint")]
impl TryFrom<&BigUint> for PublicValue {
    type Error = Error;

    /// As [`PublicValue::from_be_bytes`].
    fn try_from(number: &BigUint) -> Result<Self, Error> {
        Self::from_be_bytes(&number.to_bytes_be())
    }
}

#[cfg(feature = "num-bigint")]
impl From<&PublicValue> for BigUint {
    fn from(value: &PublicValue) -> Self {
        Self::from_bytes_be(&value.0)
    }
}

impl fmt::Debug for PublicValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicValue({})", self.to_hex())
    }
}

#[cfg(all(test, feature = "num-bigint"))]
mod tests {
    use super::*;
    use crate::group::N;

    #[test]
    fn numbers_keep_their_value() {
        let n = BigUint::from_bytes_be(&Residue(N).to_be_bytes());
        for number in [BigUint::from(1u8), &n - 1u8, &n + 1u8, (BigUint::from(1u8) << 3072) - 1u8] {
            assert_eq!(BigUint::from(&PublicValue::try_from(&number).unwrap()), number);
        }
        assert_eq!(PublicValue::try_from(&BigUint::ZERO), Err(Error::ZeroPublicValue));
        assert_eq!(PublicValue::try_from(&n), Err(Error::ZeroPublicValue));
        assert_eq!(PublicValue::try_from(&(BigUint::from(1u8) << 3072)), Err(Error::TooLong));
    }
}
