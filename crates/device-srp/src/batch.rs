use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::{
    error::Error,
    identity::Identity,
    kdf::Scrambler,
    kernel,
    public_value::PublicValue,
    server::ServerEphemeral,
    session_key::{Proof, SessionKey},
    verifier::Verifier,
};

/// The sizes of a batch that takes less time than its handshakes one by one: from the fewest to as
/// many as fill a vector.
///
/// `6..=8` where the CPU has AVX-512 IFMA, `1..=1` elsewhere. Batches of any size are computed;
/// these are worth gathering.
#[must_use]
pub fn batch_sizes() -> RangeInclusive<usize> {
    kernel::batch_sizes()
}

/// A handshake whose client has sent A, as the server knows it.
#[derive(Clone, Copy, Debug)]
pub struct Handshake<'a> {
    /// What the server drew for it.
    pub ephemeral: &'a ServerEphemeral,
    /// The verifier enrolled for the identity.
    pub verifier: &'a Verifier,
    /// A.
    pub a: &'a PublicValue,
}

/// The keys of many handshakes: for each, in order, what [`ServerEphemeral::session_key`] gives.
///
/// Where the CPU has vector arithmetic, eight take about seven tenths of the time that they take
/// one after the other.
#[must_use]
pub fn session_keys(handshakes: &[Handshake<'_>]) -> Vec<Result<SessionKey, Error>> {
    let scramblers: Vec<_> =
        handshakes.iter().map(|h| Scrambler::new(h.a, h.ephemeral.public())).collect();
    let sound =
        || handshakes.iter().zip(&scramblers).filter_map(|(h, u)| Some((h, u.as_ref().ok()?)));
    let operands: Vec<_> =
        sound().map(|(h, u)| h.verifier.handshake(h.a, u, &h.ephemeral.secret)).collect();
    let secrets = kernel::server_secrets(&operands);
    let mut keys = sound().zip(&secrets).map(|((_, u), secret)| u.session_key(secret));
    // There is a key for each scrambler that is not 0, in their order.
    let key = |u: &Result<Scrambler, Error>| match u {
        Ok(_) => keys.next().ok_or(Error::ZeroScrambler),
        Err(error) => Err(*error),
    };
    scramblers.iter().map(key).collect()
}

/// One client's answer to a challenge, with all that the server needs to check it.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// What the server drew for this challenge.
    pub ephemeral: &'a ServerEphemeral,
    /// The verifier enrolled for the identity.
    pub verifier: &'a Verifier,
    /// A, that the client sent first.
    pub a: &'a PublicValue,
    /// Who claims to know the password.
    pub identity: Identity<'a>,
    /// The decoded secret block of this challenge.
    pub secret_block: &'a [u8],
    /// The claim's timestamp as it was sent.
    pub timestamp: &'a str,
    /// The claim's signature.
    pub proof: &'a Proof,
}

/// Checks many claims: one result for each, in order.
///
/// Each result is that of [`ServerEphemeral::session_key`] and [`SessionKey::verify`] for the claim
/// alone; they are computed as by [`session_keys`].
#[must_use]
pub fn verify_batch(claims: &[Claim<'_>]) -> Vec<Result<(), Error>> {
    let handshakes: Vec<_> = claims
        .iter()
        .map(|&Claim { ephemeral, verifier, a, .. }| Handshake { ephemeral, verifier, a })
        .collect();
    let check = |(claim, key): (&Claim<'_>, Result<SessionKey, Error>)| {
        key?.verify(&claim.identity, claim.secret_block, claim.timestamp, claim.proof)
    };
    claims.iter().zip(session_keys(&handshakes)).map(check).collect()
}
