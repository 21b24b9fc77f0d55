//! The client's session key against an independent big-integer implementation.
#![no_main]

use device_fuzz::{Oracle, text};
use device_fuzz_inputs::ClientKey;
use device_srp::{ClientEphemeral, Identity, PublicValue, Salt};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: ClientKey| {
    let ClientKey { a, b, salt, password } = input;
    let (Ok(b), Ok(salt)) = (PublicValue::from_be_bytes(&b), Salt::from_be_bytes(&salt)) else {
        return;
    };
    // u x always has 512 bits, so a longer a only costs time: all edges of windows are reached
    let (a, password) = (&a[..a.len().min(40)], text(&password));
    let client = ClientEphemeral::danger_from_secret(a);
    let oracle = Oracle::new("pooluser", &password, &salt.padded());
    let key = client.session_key(&Identity::user("pool", "user"), &password, &salt, &b).unwrap();
    let expected = oracle.client_key(a, &client.public().padded(), &b.padded());
    assert_eq!(key.danger_expose()[..], expected);
});
