use alloc::{boxed::Box, vec::Vec};
use core::fmt;

use zeroize::Zeroizing;

use crate::{
    error::Error,
    exponent::Exponent,
    group::{Residue, WIDTH},
    identity::Identity,
    kdf::{self, Scrambler},
    kernel::{self, Handshake},
    public_value::PublicValue,
    salt::Salt,
};

/// v = g^x mod N, which a server stores in place of a password.
///
/// It is a secret: anyone who has it can guess passwords offline and pose as the server.
///
/// With powers of the verifier the server's part of a handshake takes about a fifth less time.
/// Store [`Self::powers`] beside it, or call [`Self::prepare`] if it stays in memory.
pub struct Verifier {
    // Boxed, so that a move leaves no copy that is not wiped.
    v: Box<Zeroizing<Residue>>,
    /// v^(2^64), v^(2^128), v^(2^192).
    powers: Option<Box<Zeroizing<[Residue; 3]>>>,
}

impl Verifier {
    /// Derives the verifier of a password.
    ///
    /// Constant time in the password's content, not in its length.
    #[must_use]
    pub fn derive(identity: &Identity<'_>, password: &str, salt: &Salt) -> Self {
        Self::new(kernel::generator_power(&kdf::private_key(identity, password, salt)))
    }

    /// Reads the decoded `PasswordVerifier` of `ConfirmDevice`.
    ///
    /// It is a big-endian integer, leading zeros allowed.
    ///
    /// # Errors
    /// [`Error::TooLong`] above 384 bytes; [`Error::VerifierOutOfRange`] for 0, 1, N - 1, N and
    /// above. No password gives 0, N or more; with 1 or N - 1 the shared secret does not depend on
    /// a password.
    pub fn from_be_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Residue::from_verifier_bytes(bytes).map(Self::new)
    }

    /// `PAD(v)`: the shortest big-endian two's complement, usually of 384 or 385 bytes.
    #[must_use]
    pub fn padded(&self) -> Zeroizing<Vec<u8>> {
        self.v.padded()
    }

    /// Compares two verifiers in constant time.
    ///
    /// For a server that checks a plain password: it derives the verifier again.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.v.ct_eq(&other.v).into()
    }
}

impl Verifier {
    /// The length of [`Self::powers`] in bytes.
    pub const POWERS_LEN: usize = 3 * WIDTH;

    fn new(v: Residue) -> Self {
        Self { v: Box::new(Zeroizing::new(v)), powers: None }
    }

    /// Derives the powers, unless they are there. It takes as long as half a handshake.
    pub fn prepare(&mut self) {
        if self.powers.is_none() {
            self.powers = Some(Box::new(Zeroizing::new(kernel::powers(&self.v))));
        }
    }

    /// v^(2^64), v^(2^128) and v^(2^192), 384 big-endian bytes each. As secret as the verifier.
    ///
    /// They are derived, unless they are there.
    #[must_use]
    pub fn powers(&self) -> Zeroizing<Vec<u8>> {
        let derived;
        let powers = if let Some(powers) = &self.powers {
            &**powers
        } else {
            derived = Zeroizing::new(kernel::powers(&self.v));
            &derived
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(Self::POWERS_LEN));
        for power in powers.iter() {
            bytes.extend_from_slice(Zeroizing::new(power.to_be_bytes()).as_slice());
        }
        bytes
    }

    /// Takes stored powers of this verifier.
    ///
    /// Pass only what [`Self::powers`] gave for this verifier: they are not checked against it,
    /// since the check costs what they save. Anyone who chooses the powers chooses the right
    /// password.
    ///
    /// # Errors
    /// [`Error::MalformedPowers`] for another length, or a number that is not a residue.
    pub fn with_trusted_powers(mut self, bytes: &[u8]) -> Result<Self, Error> {
        let mut numbers = bytes.chunks_exact(WIDTH).map(Residue::from_verifier_bytes);
        let mut number = || numbers.next().and_then(Result::ok).ok_or(Error::MalformedPowers);
        let powers = Zeroizing::new([number()?, number()?, number()?]);
        if bytes.len() != Self::POWERS_LEN {
            return Err(Error::MalformedPowers);
        }
        self.powers = Some(Box::new(powers));
        Ok(self)
    }

    pub(crate) fn residue(&self) -> &Residue {
        &self.v
    }

    /// The operands of the server's second step for a client that sent A.
    pub(crate) fn handshake<'a>(
        &'a self,
        a: &PublicValue,
        u: &Scrambler,
        b: &'a Exponent,
    ) -> Handshake<'a> {
        Handshake {
            a: a.residue(),
            v: &self.v,
            powers: self.powers.as_ref().map(|powers| &***powers),
            u: u.exponent(),
            b,
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verifier(last: u8) -> Verifier {
        Verifier::from_be_bytes(&[0x11, 0x22, last]).unwrap()
    }

    #[test]
    fn verifiers_are_equal_if_their_numbers_are() {
        assert!(verifier(0x33).ct_eq(&verifier(0x33)));
        assert!(!verifier(0x33).ct_eq(&verifier(0x32)));
        let high = Verifier::from_be_bytes(&[&[0x12], &[0; 383][..]].concat()).unwrap();
        let other = Verifier::from_be_bytes(&[&[0x13], &[0; 383][..]].concat()).unwrap();
        assert!(!high.ct_eq(&other));
    }

    #[test]
    fn preparing_keeps_the_powers_with_the_verifier() {
        let mut verifier = verifier(0x33);
        assert!(verifier.powers.is_none());
        verifier.prepare();
        assert!(verifier.powers.is_some());
    }
}
