//! Proofs: the right one is accepted; one with a changed bit or another text is not.
#![no_main]

use std::sync::LazyLock;

use device_fuzz::text;
use device_fuzz_inputs::SignedMessage;
use device_srp::{ClientEphemeral, Error, Identity, Proof, PublicValue, Salt, SessionKey};
use libfuzzer_sys::fuzz_target;

/// The session key. Any key will do.
static KEY: LazyLock<SessionKey> = LazyLock::new(|| {
    let client = ClientEphemeral::danger_from_secret(&[7]);
    let (salt, b) = (Salt::from_be_bytes(&[1]).unwrap(), PublicValue::from_be_bytes(&[5]).unwrap());
    client.session_key(&Identity::device("group", "key"), "", &salt, &b).unwrap()
});

fuzz_target!(|input: SignedMessage| {
    let SignedMessage { realm, name, block, timestamp, flip } = input;
    let [realm, name, timestamp] = [realm, name, timestamp].map(|bytes| text(&bytes));
    let identity = Identity::device(&realm, &name);
    let encoded = KEY.sign(&identity, &block, &timestamp).to_base64();
    let proof = Proof::from_base64(&encoded).unwrap();
    assert_eq!(KEY.verify(&identity, &block, &timestamp, &proof), Ok(()));
    let mut changed = encoded.into_bytes();
    let at = usize::from(flip) % changed.len();
    changed[at] ^= 1 << (flip % 7);
    if let Ok(changed) = Proof::from_base64(&String::from_utf8(changed).unwrap()) {
        assert_eq!(KEY.verify(&identity, &block, &timestamp, &changed), Err(Error::ProofMismatch));
    }
});
