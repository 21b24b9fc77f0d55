//! Checks of the known answers, in both roles if the server's secret is known.
//!
//! They need no standard library, so that a microcontroller can run them too.

use alloc::{format, string::ToString, vec, vec::Vec};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use device_srp::{
    ClientEphemeral, Identity, Proof, PublicValue, Salt, Verifier, danger_server_from_secret,
    secret_hash,
};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

fn text<'a>(case: &'a Value, field: &str) -> Option<&'a str> {
    case.get(field).map(|value| value.as_str().unwrap())
}

/// Big-endian bytes of a hexadecimal integer of any length.
fn integer(hex: &str) -> Vec<u8> {
    let even = format!("{}{hex}", if hex.len().is_multiple_of(2) { "" } else { "0" });
    (0..even.len()).step_by(2).map(|i| u8::from_str_radix(&even[i..i + 2], 16).unwrap()).collect()
}

fn pad(hex: &str) -> Vec<u8> {
    let bytes = integer(hex);
    if bytes[0] >= 0x80 { [vec![0], bytes].concat() } else { bytes }
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(key)
        .unwrap()
        .chain_update(message)
        .finalize()
        .into_bytes()
        .to_vec()
}

/// The expected session key, from the published u and S.
fn key_of(case: &Value) -> Vec<u8> {
    let prk = hmac(&pad(text(case, "u").unwrap()), &pad(text(case, "S").unwrap()));
    let key = hmac(&prk, b"Caldera Derived Key\x01")[..16].to_vec();
    if let Some(published) = text(case, "hkdf_key") {
        assert_eq!(key, integer(&format!("{published:0>32}")));
    }
    key
}

fn identity(case: &Value) -> Option<Identity<'_>> {
    if let Some(both) = text(case, "pool_name_plus_user_id") {
        // the hash joins both without a separator, so any split gives the same identity
        let (pool, user) = both.split_at(9);
        return Some(Identity::user(pool, user));
    }
    if let Some(pool) = text(case, "pool_name") {
        return Some(Identity::user(pool, text(case, "user_id_for_srp")?));
    }
    Some(Identity::device(text(case, "device_group_key")?, text(case, "device_key")?))
}

fn password(case: &Value) -> &str {
    text(case, "password").or_else(|| text(case, "device_password")).unwrap()
}

pub(crate) fn published_claims(vectors: &Value) {
    let (mut keys, mut signatures) = (0, 0);
    for case in vectors["published"].as_array().unwrap() {
        let (Some(a), Some(identity)) = (text(case, "a"), identity(case)) else { continue };
        let id = text(case, "id").unwrap();
        let client = ClientEphemeral::danger_from_secret(&integer(a));
        assert_eq!(client.public().to_hex(), text(case, "A").unwrap(), "{id}");

        let salt = Salt::from_hex(text(case, "SALT").unwrap()).unwrap();
        let b = PublicValue::from_hex(text(case, "SRP_B").unwrap()).unwrap();
        let key = client.session_key(&identity, password(case), &salt, &b).unwrap();
        assert_eq!(key.danger_expose()[..], key_of(case), "{id}");
        keys += 1;

        let Some(signature) = text(case, "PASSWORD_CLAIM_SIGNATURE") else { continue };
        let block = STANDARD.decode(text(case, "SECRET_BLOCK_b64").unwrap()).unwrap();
        let timestamp = text(case, "TIMESTAMP").unwrap();
        assert_eq!(key.sign(&identity, &block, timestamp).to_base64(), signature, "{id}");
        key.verify(&identity, &block, timestamp, &Proof::from_base64(signature).unwrap()).unwrap();
        signatures += 1;
    }
    assert_eq!((keys, signatures), (11, 8));
}

pub(crate) fn published_verifiers(vectors: &Value) {
    let mut count = 0;
    for case in vectors["published"].as_array().unwrap() {
        let Some(expected) = text(case, "PasswordVerifier_b64") else { continue };
        let salt = Salt::from_be_bytes(&integer(text(case, "salt_bytes_hex").unwrap())).unwrap();
        assert_eq!(STANDARD.encode(salt.padded()), text(case, "Salt_b64").unwrap());
        let verifier = Verifier::derive(&identity(case).unwrap(), password(case), &salt);
        assert_eq!(STANDARD.encode(verifier.padded()), expected);
        let read = Verifier::from_be_bytes(&STANDARD.decode(expected).unwrap()).unwrap();
        assert!(read.ct_eq(&verifier));
        count += 1;
    }
    assert_eq!(count, 2);
}

pub(crate) fn published_scramblers_hash_the_values_as_sent(vectors: &Value) {
    // These cases publish u but no key, and the crate does not expose u. So this hashes the padded
    // values as the crate does.
    let mut count = 0;
    for case in vectors["published"].as_array().unwrap() {
        if !text(case, "kind").unwrap().starts_with("u = ") {
            continue;
        }
        use sha2::Digest;
        let [a, b] =
            ["A", "SRP_B"].map(|f| PublicValue::from_hex(text(case, f).unwrap()).unwrap().padded());
        let u = Sha256::new().chain_update(a).chain_update(b).finalize();
        assert_eq!(u.to_vec(), integer(&format!("{:0>64}", text(case, "u").unwrap())));
        count += 1;
    }
    assert_eq!(count, 3);
}

pub(crate) fn derived_edge_cases_in_both_roles(vectors: &Value) {
    let shared = &vectors["derived_edge_cases"];
    let identity = Identity::device(
        text(shared, "deviceGroupKey").unwrap(),
        text(shared, "deviceKey").unwrap(),
    );
    let password = text(shared, "devicePassword").unwrap();
    let block = STANDARD.decode(text(shared, "SECRET_BLOCK_b64").unwrap()).unwrap();
    let timestamp = text(shared, "TIMESTAMP").unwrap();
    let cases = shared["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 9);
    for case in cases {
        let about = case["properties"].to_string();
        let salt = Salt::from_hex(text(case, "SALT").unwrap()).unwrap();
        assert_eq!(STANDARD.encode(salt.padded()), text(case, "Salt_b64").unwrap(), "{about}");
        assert_eq!(salt.padded(), integer(text(case, "salt_padded_hex").unwrap()), "{about}");
        let verifier = Verifier::derive(&identity, password, &salt);
        assert_eq!(
            STANDARD.encode(verifier.padded()),
            text(case, "PasswordVerifier_b64").unwrap(),
            "{about}"
        );

        let client = ClientEphemeral::danger_from_secret(&integer(text(case, "a").unwrap()));
        assert_eq!(client.public().to_hex(), text(case, "A").unwrap(), "{about}");
        let (b, server_key) = danger_server_from_secret(
            &integer(text(case, "b").unwrap()),
            &verifier,
            client.public(),
        )
        .unwrap();
        assert_eq!(b.to_hex(), text(case, "SRP_B").unwrap(), "{about}");

        let key = client.session_key(&identity, password, &salt, &b).unwrap();
        assert_eq!(key.danger_expose()[..], key_of(case), "{about}");
        assert_eq!(server_key.danger_expose(), key.danger_expose(), "{about}");
        let proof = key.sign(&identity, &block, timestamp);
        assert_eq!(proof.to_base64(), text(case, "PASSWORD_CLAIM_SIGNATURE").unwrap(), "{about}");
        server_key.verify(&identity, &block, timestamp, &proof).unwrap();
    }
}

pub(crate) fn secret_hash_of_a_signed_claim(vectors: &Value) {
    let case = vectors["published"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c.get("SECRET_HASH").is_some())
        .unwrap();
    let [user, client, secret] =
        ["SECRET_HASH_username", "client_id", "client_secret"].map(|f| text(case, f).unwrap());
    assert_eq!(secret_hash(user, client, secret), text(case, "SECRET_HASH").unwrap());
}

pub(crate) fn padding(vectors: &Value) {
    for case in vectors["misc"]["pad_hex"].as_array().unwrap() {
        let salt = Salt::from_be_bytes(&case["n"].as_u64().unwrap().to_be_bytes()).unwrap();
        assert_eq!(salt.padded(), integer(case["expected"].as_str().unwrap()));
    }
}
