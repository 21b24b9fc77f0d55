use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::{Error, Identity, Salt, group::Residue, kdf, kernel};

/// v = g^x mod N, what a server keeps in place of a password.
///
/// It lets its holder try passwords offline and pose as the server, so it is treated as a secret.
pub struct Verifier(pub(crate) Zeroizing<Residue>);

impl Verifier {
    /// Derives the verifier of a password. Constant time in the password's content, not in its length.
    #[must_use]
    pub fn derive(identity: &Identity<'_>, password: &str, salt: &Salt) -> Self {
        Self(Zeroizing::new(kernel::generator_power(&kdf::private_key(identity, password, salt))))
    }

    /// Reads the decoded `PasswordVerifier` of `ConfirmDevice`: a big-endian integer, leading zeros allowed.
    ///
    /// # Errors
    /// [`Error::TooLong`] above 384 bytes; [`Error::VerifierOutOfRange`] for 0, 1, N - 1 and everything from N up: no
    /// password gives 0 or N, and with the others the shared secret does not depend on a password.
    pub fn from_be_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Residue::from_verifier_bytes(bytes).map(|v| Self(Zeroizing::new(v)))
    }

    /// `PAD(v)`: the shortest big-endian two's complement, 384 or 385 bytes as a rule.
    #[must_use]
    pub fn padded(&self) -> Zeroizing<Vec<u8>> {
        self.0.padded()
    }

    /// Compares in constant time: for a server that checks a plain password by deriving its verifier again.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(..)")
    }
}
