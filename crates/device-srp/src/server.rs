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

/// The server's half of one handshake: a random secret b, and B = k v + g^b mod N for the client.
///
/// Between its two round trips a server may keep nothing in memory and seal
/// [`Self::to_secret_bytes`] with [`Self::public`] into the challenge instead. A b must answer one
/// challenge only.
pub struct ServerEphemeral {
    pub(crate) secret: Exponent,
    public: PublicValue,
}

impl ServerEphemeral {
    /// Draws b as 256 random bits.
    pub fn generate(rng: &mut impl CryptoRng, verifier: &Verifier) -> Self {
        Self::with(Exponent::random(rng), verifier)
    }

    /// One for each verifier, in lanes where that is faster: see
    /// [`batch_sizes`](crate::batch_sizes).
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

    /// Takes up a handshake again from what [`Self::to_secret_bytes`] and [`Self::public`] gave.
    #[must_use]
    pub fn restore(secret: &[u8; 32], public: PublicValue) -> Self {
        Self { secret: Exponent::from_be_bytes(secret), public }
    }

    /// b, big-endian. Whoever sees it can try passwords against the client's proof.
    #[must_use]
    pub fn to_secret_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.secret.to_be_bytes()
    }

    /// B, for `SRP_B`.
    #[must_use]
    pub fn public(&self) -> &PublicValue {
        &self.public
    }

    /// The key that a client with the right password signs with.
    ///
    /// Constant time in the secrets but for the length of PAD(S), which the protocol hashes.
    ///
    /// # Errors
    /// [`Error::ZeroScrambler`]. That A is not 0 modulo N was checked when `a` was read.
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

/// Known-answer tests of the server's half, whose published b are longer than the 256 bits that
/// this crate draws. Gives B and the session key for a known big-endian b of any length.
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
