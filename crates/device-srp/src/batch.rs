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

/// The batch sizes that are faster than the same handshakes one by one.
///
/// `6..=8` if the CPU has AVX-512 IFMA, else `1..=1`. A batch of any size gives the same results;
/// these sizes are worth waiting for.
#[must_use]
pub fn batch_sizes() -> RangeInclusive<usize> {
    kernel::batch_sizes()
}

/// One handshake on the server, after the client sent A.
#[derive(Clone, Copy, Debug)]
pub struct Handshake<'a> {
    /// The server's ephemeral of this handshake.
    pub ephemeral: &'a ServerEphemeral,
    /// The verifier enrolled for the identity.
    pub verifier: &'a Verifier,
    /// The client's A.
    pub a: &'a PublicValue,
}

/// Computes the keys of many handshakes, in their order.
///
/// Each result is that of [`ServerEphemeral::session_key`]. If the CPU has vector arithmetic, eight
/// handshakes take about seven tenths of their time one after the other.
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
    // `keys` has one for each scrambler that is not 0, in their order.
    let key = |u: &Result<Scrambler, Error>| match u {
        Ok(_) => keys.next().ok_or(Error::ZeroScrambler),
        Err(error) => Err(*error),
    };
    scramblers.iter().map(key).collect()
}

/// A client's answer to a challenge, with what the server needs to check it.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The server's ephemeral of this challenge.
    pub ephemeral: &'a ServerEphemeral,
    /// The verifier enrolled for the identity.
    pub verifier: &'a Verifier,
    /// The client's A, sent before the challenge.
    pub a: &'a PublicValue,
    /// Who claims to know the password.
    pub identity: Identity<'a>,
    /// The decoded secret block of this challenge.
    pub secret_block: &'a [u8],
    /// The claim's timestamp as it was sent. It is hashed, not checked: see
    /// [`SessionKey::verify`].
    pub timestamp: &'a str,
    /// The claim's signature.
    pub proof: &'a Proof,
}

/// Checks many claims, in their order.
///
/// Each result is that of [`ServerEphemeral::session_key`] and [`SessionKey::verify`] for the claim
/// alone. The keys are computed as by [`session_keys`].
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
