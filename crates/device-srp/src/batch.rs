use alloc::vec::Vec;

use crate::{
    Error, Identity, Proof, PublicValue, ServerEphemeral, SessionKey, Verifier, kdf::Scrambler, kernel,
};

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
/// Where the CPU has vector arithmetic, eight at a time take little more than half as long as one after the other, and six
/// already pay. Each result is that of [`ServerEphemeral::session_key`] and [`SessionKey::verify`] for the claim alone.
#[must_use]
pub fn verify_batch(claims: &[Claim<'_>]) -> Vec<Result<(), Error>> {
    let scramblers: Vec<_> =
        claims.iter().map(|claim| Scrambler::new(claim.a, claim.ephemeral.public())).collect();
    let sound = || claims.iter().zip(&scramblers).filter_map(|(claim, u)| Some((claim, u.as_ref().ok()?)));
    let handshakes: Vec<_> =
        sound().map(|(claim, u)| claim.verifier.handshake(claim.a, u, &claim.ephemeral.secret)).collect();
    let keys = kernel::server_secrets(&handshakes);
    let mut keys = sound().zip(&keys).map(|((_, u), secret)| u.session_key(secret));
    let check = |claim: &Claim<'_>, key: SessionKey| {
        key.verify(&claim.identity, claim.secret_block, claim.timestamp, claim.proof)
    };
    claims
        .iter()
        .zip(&scramblers)
        .map(|(claim, u)| match u {
            Ok(_) => keys.next().map_or(Err(Error::ProofMismatch), |key| check(claim, key)),
            Err(error) => Err(*error),
        })
        .collect()
}
