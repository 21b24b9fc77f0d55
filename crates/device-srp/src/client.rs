use core::fmt;

use rand_core::CryptoRng;

use crate::{
    error::Error,
    exponent::Exponent,
    identity::Identity,
    kdf::{self, Scrambler},
    kernel,
    public_value::PublicValue,
    salt::Salt,
    session_key::SessionKey,
};

/// The client's half of one handshake: a random secret a, and A = g^a mod N.
///
/// Use it for one handshake only. If two challenges get the same A, anyone who sees both knows
/// that they came from one client.
pub struct ClientEphemeral {
    secret: Exponent,
    public: PublicValue,
}

impl ClientEphemeral {
    /// Draws a as 256 random bits.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self::with(Exponent::random(rng))
    }

    /// Takes a known a, big-endian and of any length: for known-answer tests.
    ///
    /// If a is repeated or can be guessed, the password can be guessed offline.
    #[must_use]
    pub fn danger_from_secret(secret: &[u8]) -> Self {
        Self::with(Exponent::from_be_bytes(secret))
    }

    fn with(secret: Exponent) -> Self {
        let public = PublicValue::from_residue(&kernel::generator_power(&secret));
        Self { secret, public }
    }

    /// The public value A, for `SRP_A`.
    #[must_use]
    pub fn public(&self) -> &PublicValue {
        &self.public
    }

    /// Computes the key that signs the password claim.
    ///
    /// Constant time in the secrets, except for the length of PAD(S), which the protocol hashes. A
    /// wrong password gives another key, not an error: only the server can tell.
    ///
    /// # Errors
    /// [`Error::ZeroScrambler`]. B is not 0 modulo N: a [`PublicValue`] never is.
    pub fn session_key(
        &self,
        identity: &Identity<'_>,
        password: &str,
        salt: &Salt,
        b: &PublicValue,
    ) -> Result<SessionKey, Error> {
        let scrambler = Scrambler::new(&self.public, b)?;
        let x = kdf::private_key(identity, password, salt);
        let exponent = Exponent::combine(&self.secret, &scrambler.exponent(), &x);
        let secret = kernel::client_secret(&b.residue(), &x, &exponent);
        Ok(scrambler.session_key(&secret))
    }
}

impl fmt::Debug for ClientEphemeral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientEphemeral").field("public", &self.public).finish_non_exhaustive()
    }
}
