//! The server's B and session key compared with an independent implementation.
//!
//! One handshake, a batch, and with stored powers.
#![no_main]

use std::sync::LazyLock;

use device_fuzz::Oracle;
use device_fuzz_inputs::ServerKey;
use device_srp::{
    Claim, Identity, PublicValue, Salt, ServerEphemeral, Verifier, danger_server_from_secret,
    verify_batch,
};
use libfuzzer_sys::fuzz_target;

const USER: Identity<'_> = Identity::user("pool", "user");
/// PAD(salt).
const SALT: &[u8] = &[0x0a, 0xbc];
static ORACLE: LazyLock<Oracle> = LazyLock::new(|| Oracle::new("pooluser", "password", SALT));

fuzz_target!(|input: ServerKey| {
    let b = &input.b[..input.b.len().min(32)];
    let Ok(a) = PublicValue::from_be_bytes(&input.a) else { return };
    let mut verifier = Verifier::derive(&USER, "password", &Salt::from_be_bytes(SALT).unwrap());
    if input.with_powers() {
        verifier.prepare();
    }
    let (public, key) = danger_server_from_secret(b, &verifier, &a).unwrap();
    let (expected_public, expected_key) = ORACLE.server(b, &a.padded());
    assert_eq!(public.padded(), expected_public);
    assert_eq!(key.danger_expose()[..], expected_key);

    // only one input in eight runs a batch, which is slow
    if input.batch() > 0 {
        let proof = key.sign(&USER, b"block", "now");
        let mut secret = [0; 32];
        secret[32 - b.len()..].copy_from_slice(b);
        let ephemeral = ServerEphemeral::restore(&secret, public);
        let claim = Claim {
            ephemeral: &ephemeral,
            verifier: &verifier,
            a: &a,
            identity: USER,
            secret_block: b"block",
            timestamp: "now",
            proof: &proof,
        };
        let batch = vec![claim; input.batch()];
        assert!(verify_batch(&batch).iter().all(Result::is_ok));
    }
});
