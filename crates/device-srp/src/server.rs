use alloc::vec::Vec;
use core::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    error::Error,
    exponent::Exponent,
    kdf::Scrambler,
    kernel::{self, Opening},
    public_value::PublicValue,
    session_key::SessionKey,
    verifier::Verifier,
};

/// The server's half of one handshake: a random secret b, and B = k v + g^b mod N.
///
/// Between its two round trips a server can keep this in memory, or seal [`Self::to_secret_bytes`]
/// and [`Self::public`] into the challenge. Use a b for one challenge only.
pub struct ServerEphemeral {
    pub(crate) secret: Exponent,
    public: PublicValue,
}

impl ServerEphemeral {
    /// Draws b as 256 random bits.
    pub fn generate(rng: &mut impl CryptoRng, verifier: &Verifier) -> Self {
        Self::with(Exponent::random(rng), verifier)
    }

    /// Draws one for each verifier, in lanes if that is faster.
    ///
    /// [`batch_sizes`](crate::batch_sizes) tells which numbers of verifiers are faster.
    pub fn generate_batch(rng: &mut impl CryptoRng, verifiers: &[&Verifier]) -> Vec<Self> {
        let secrets: Vec<_> = verifiers.iter().map(|_| Exponent::random(rng)).collect();
        let openings: Vec<_> = verifiers
            .iter()
            .zip(&secrets)
            .map(|(verifier, b)| Opening { v: verifier.residue(), b })
            .collect();
        let publics = kernel::server_publics(&openings);
        let ephemeral = |(secret, public): (_, Zeroizing<_>)| Self {
            secret,
            public: PublicValue::from_residue(&public),
        };
        secrets.into_iter().zip(publics).map(ephemeral).collect()
    }

    fn with(secret: Exponent, verifier: &Verifier) -> Self {
        let opening = Opening { v: verifier.residue(), b: &secret };
        let public = PublicValue::from_residue(&kernel::server_public(&opening));
        Self { secret, public }
    }

    /// Restores a handshake from [`Self::to_secret_bytes`] and [`Self::public`].
    #[must_use]
    pub fn restore(secret: &[u8; 32], public: PublicValue) -> Self {
        Self { secret: Exponent::from_be_bytes(secret), public }
    }

    /// The secret b, big-endian. Anyone who has it can guess passwords against the client's proof.
    #[must_use]
    pub fn to_secret_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.secret.to_be_bytes()
    }

    /// The public value B, for `SRP_B`.
    #[must_use]
    pub fn public(&self) -> &PublicValue {
        &self.public
    }

    /// Computes the key with which a client that knows the password signs.
    ///
    /// Constant time in the secrets, except for the length of PAD(S), which the protocol hashes.
    ///
    /// # Errors
    /// [`Error::ZeroScrambler`]. A is not 0 modulo N: a [`PublicValue`] never is.
    pub fn session_key(&self, verifier: &Verifier, a: &PublicValue) -> Result<SessionKey, Error> {
        session_key(&self.secret, &self.public, verifier, a)
    }
}

fn session_key(
    b: &Exponent,
    public: &PublicValue,
    verifier: &Verifier,
    a: &PublicValue,
) -> Result<SessionKey, Error> {
    let scrambler = Scrambler::new(a, public)?;
    let secret = kernel::server_secret(&verifier.handshake(a, &scrambler, b));
    Ok(scrambler.session_key(&secret))
}

/// Computes B and the session key for a known big-endian b of any length.
///
/// For known-answer tests: published b are longer than the 256 bits that this crate draws.
///
/// # Errors
/// As for [`ServerEphemeral::session_key`].
pub fn danger_server_from_secret(
    secret: &[u8],
    verifier: &Verifier,
    a: &PublicValue,
) -> Result<(PublicValue, SessionKey), Error> {
    let ServerEphemeral { secret, public } =
        ServerEphemeral::with(Exponent::from_be_bytes(secret), verifier);
    let key = session_key(&secret, &public, verifier, a)?;
    Ok((public, key))
}

impl fmt::Debug for ServerEphemeral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerEphemeral").field("public", &self.public).finish_non_exhaustive()
    }
}
