//! The server's B and session key against an independent big-integer implementation, alone, in a batch, and with powers.
#![no_main]

use device_fuzz::Oracle;
use device_srp::{Claim, Identity, PublicValue, Salt, ServerEphemeral, Verifier, danger_server_from_secret, verify_batch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: ([u8; 32], Vec<u8>, u8)| {
    let (b, a, count) = input;
    let Ok(a) = PublicValue::from_be_bytes(&a) else { return };
    let (user, salt) = (Identity::user("pool", "user"), Salt::from_hex("abc").unwrap());
    let mut verifier = Verifier::derive(&user, "password", &salt);
    if count >= 128 {
        verifier.prepare();
    }
    let (public, key) = danger_server_from_secret(&b, &verifier, &a).unwrap();
    let oracle = Oracle::new("pooluser", "password", &salt.padded());
    let (expected_public, expected_key) = oracle.server(&b, &a.padded());
    assert_eq!(public.padded(), expected_public);
    assert_eq!(key.danger_expose()[..], expected_key);

    let proof = key.sign(&user, b"block", "now");
    let ephemeral = ServerEphemeral::restore(&b, public);
    let claim = Claim {
        ephemeral: &ephemeral,
        verifier: &verifier,
        a: &a,
        identity: user,
        secret_block: b"block",
        timestamp: "now",
        proof: &proof,
    };
    let batch = vec![claim; usize::from(count % 18)];
    assert!(verify_batch(&batch).iter().all(Result::is_ok));
});
