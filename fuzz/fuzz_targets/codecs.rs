//! Hexadecimal and base64: what decodes encodes to its canonical form.
#![no_main]

use device_srp::{Proof, Salt, Verifier};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(verifier) = Verifier::from_be_bytes(data) {
        assert!(Verifier::from_be_bytes(&verifier.padded()).unwrap().ct_eq(&verifier));
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(salt) = Salt::from_hex(text) {
        let shortest = text.trim_start_matches('0').to_ascii_lowercase();
        assert_eq!(salt.to_hex(), if shortest.is_empty() { "0" } else { &shortest });
    }
    if let Ok(proof) = Proof::from_base64(text) {
        assert_eq!(proof.to_base64(), text);
    }
});
