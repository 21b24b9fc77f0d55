//! Batches of every size give the same results as single handshakes.
#![expect(clippy::unwrap_used, reason = "a fixture that fails is a test that fails")]

use device_srp::{
    Claim, ClientEphemeral, Error, Identity, Proof, Salt, ServerEphemeral, Verifier, verify_batch,
};
use rand::{SeedableRng, rngs::StdRng};

const USER: Identity<'_> = Identity::user("pool", "user");

struct Enrolled {
    verifier: Verifier,
    server: ServerEphemeral,
    client: ClientEphemeral,
    proof: Proof,
}

/// Enrols users. Every third verifier is prepared, so that a batch has both kinds.
fn enrol(count: usize, rng: &mut StdRng) -> Vec<Enrolled> {
    let salt = Salt::random(rng);
    let mut verifiers: Vec<_> =
        (0..count).map(|i| Verifier::derive(&USER, &format!("password {i}"), &salt)).collect();
    verifiers.iter_mut().step_by(3).for_each(Verifier::prepare);
    let servers = ServerEphemeral::generate_batch(rng, &verifiers.iter().collect::<Vec<_>>());
    assert_eq!(servers.len(), count);
    let enrolled = |(i, (verifier, server)): (usize, (Verifier, ServerEphemeral))| {
        let client = ClientEphemeral::generate(rng);
        let key =
            client.session_key(&USER, &format!("password {i}"), &salt, server.public()).unwrap();
        let proof = key.sign(&USER, b"block", "now");
        Enrolled { verifier, server, client, proof }
    };
    verifiers.into_iter().zip(servers).enumerate().map(enrolled).collect()
}

fn claim(enrolled: &Enrolled) -> Claim<'_> {
    Claim {
        ephemeral: &enrolled.server,
        verifier: &enrolled.verifier,
        a: enrolled.client.public(),
        identity: USER,
        secret_block: b"block",
        timestamp: "now",
        proof: &enrolled.proof,
    }
}

#[test]
fn batches_of_every_size_accept_only_right_proofs() {
    let mut rng = StdRng::seed_from_u64(21);
    for count in [0, 1, 2, 5, 6, 7, 8, 9, 14, 17] {
        let enrolled = enrol(count, &mut rng);
        let mut claims: Vec<_> = enrolled.iter().map(claim).collect();
        assert_eq!(verify_batch(&claims), vec![Ok(()); count]);
        for wrong in (0..count).step_by(4) {
            claims[wrong].timestamp = "then";
        }
        let expected: Vec<_> = (0..count)
            .map(|i| if i % 4 == 0 { Err(Error::ProofMismatch) } else { Ok(()) })
            .collect();
        assert_eq!(verify_batch(&claims), expected);
    }
}

#[test]
fn a_proof_of_another_handshake_is_refused_in_every_lane() {
    let mut rng = StdRng::seed_from_u64(22);
    let enrolled = enrol(8, &mut rng);
    let mut claims: Vec<_> = enrolled.iter().map(claim).collect();
    for (i, claim) in claims.iter_mut().enumerate() {
        claim.proof = &enrolled[(i + 1) % 8].proof;
    }
    assert_eq!(verify_batch(&claims), vec![Err(Error::ProofMismatch); 8]);
}

#[test]
fn stored_powers_keep_their_value() {
    let mut rng = StdRng::seed_from_u64(23);
    let Enrolled { mut verifier, server, client, proof } = enrol(2, &mut rng).pop().unwrap();
    let powers = verifier.powers();
    verifier.prepare();
    assert_eq!(verifier.powers(), powers);
    let stored =
        Verifier::from_be_bytes(&verifier.padded()).unwrap().with_trusted_powers(&powers).unwrap();
    assert_eq!(stored.powers(), powers);
    let key = server.session_key(&stored, client.public()).unwrap();
    assert_eq!(key.verify(&USER, b"block", "now", &proof), Ok(()));
}

#[test]
fn malformed_powers_are_refused() {
    let fresh = || Verifier::derive(&USER, "password", &Salt::from_hex("1").unwrap());
    let powers = fresh().powers();
    assert_eq!(powers.len(), Verifier::POWERS_LEN);
    let longer = [&powers[..], &[0]].concat();
    let above_n = [&powers[..768], &[0xff; 384]].concat();
    for bytes in [&[][..], &powers[1..], &powers[..1151], &longer, &above_n] {
        assert_eq!(fresh().with_trusted_powers(bytes).err(), Some(Error::MalformedPowers));
    }
}
