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

/// v = g^x mod N, what a server keeps in place of a password.
///
/// It lets its holder try passwords offline and pose as the server, so it is treated as a secret.
///
/// The server's part of a handshake takes about a fifth less time beside stored powers of the
/// verifier: keep [`Self::powers`] with it from its enrolment on, or [`Self::prepare`] one that
/// stays in memory.
pub struct Verifier {
    // Boxed, so that moving it, into a list or between threads, leaves no copy behind that nobody
    // wipes.
    v: Box<Zeroizing<Residue>>,
    /// v^(2^64), v^(2^128), v^(2^192).
    powers: Option<Box<Zeroizing<[Residue; 3]>>>,
}

impl Verifier {
    /// Derives the verifier of a password. Constant time in the password's content, not in its
    /// length.
    #[must_use]
    pub fn derive(identity: &Identity<'_>, password: &str, salt: &Salt) -> Self {
        Self::new(kernel::generator_power(&kdf::private_key(identity, password, salt)))
    }

    /// Reads the decoded `PasswordVerifier` of `ConfirmDevice`: a big-endian integer, leading zeros
    /// allowed.
    ///
    /// # Errors
    /// [`Error::TooLong`] above 384 bytes; [`Error::VerifierOutOfRange`] for 0, 1, N - 1 and
    /// everything from N up: no password gives 0 or N, and with the others the shared secret does
    /// not depend on a password.
    pub fn from_be_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Residue::from_verifier_bytes(bytes).map(Self::new)
    }

    /// `PAD(v)`: the shortest big-endian two's complement, 384 or 385 bytes as a rule.
    #[must_use]
    pub fn padded(&self) -> Zeroizing<Vec<u8>> {
        self.v.padded()
    }

    /// Compares in constant time: for a server that checks a plain password by deriving its
    /// verifier again.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.v.ct_eq(&other.v).into()
    }
}

impl Verifier {
    /// Length of [`Self::powers`] in bytes.
    pub const POWERS_LEN: usize = 3 * WIDTH;

    fn new(v: Residue) -> Self {
        Self { v: Box::new(Zeroizing::new(v)), powers: None }
    }

    /// Derives the powers, unless they are there; as much work as half a handshake.
    pub fn prepare(&mut self) {
        if self.powers.is_none() {
            self.powers = Some(Box::new(Zeroizing::new(kernel::powers(&self.v))));
        }
    }

    /// v^(2^64), v^(2^128) and v^(2^192), 384 big-endian bytes each, derived unless they are there.
    /// As secret as the verifier.
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

    /// Takes back what [`Self::powers`] gave for this very verifier. It is not checked against the
    /// verifier, which would cost what it saves: only ever pass what this crate derived and you
    /// stored. Whoever chooses powers, chooses what password is right.
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

    /// What the arithmetic needs to check a client that sent A.
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
