//! Whole handshakes, compared with num-bigint, and input from a hostile peer.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a fixture that fails is a test that fails"
)]

use device_srp::{
    ClientEphemeral, DevicePassword, Error, Identity, Proof, PublicValue, Salt, ServerEphemeral,
    Verifier,
};
use num_bigint::BigUint;
use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha256};

const DEVICE: Identity<'_> = Identity::device("-Group", "us-east-1_device");

fn n() -> BigUint {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../vectors/srp.json")).unwrap();
    BigUint::parse_bytes(vectors["group"]["N"].as_str().unwrap().as_bytes(), 16).unwrap()
}

fn pad(n: &BigUint) -> Vec<u8> {
    let bytes = n.to_bytes_be();
    if bytes[0] >= 0x80 { [vec![0], bytes].concat() } else { bytes }
}

fn hash(parts: &[&[u8]]) -> BigUint {
    let hasher = parts.iter().fold(Sha256::new(), |hasher, part| hasher.chain_update(part));
    BigUint::from_bytes_be(&hasher.finalize())
}

/// Derives the session key by code that shares nothing with the crate but SHA-256.
fn oracle_key(u: &BigUint, s: &BigUint) -> Vec<u8> {
    use hmac::{Hmac, KeyInit, Mac};
    let hmac = |key: &[u8], message: &[u8]| {
        Hmac::<Sha256>::new_from_slice(key)
            .unwrap()
            .chain_update(message)
            .finalize()
            .into_bytes()
            .to_vec()
    };
    hmac(&hmac(&pad(u), &pad(s)), b"Caldera Derived Key\x01")[..16].to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 12 } else { 200 }))]

    #[test]
    fn a_handshake_equals_plain_arithmetic(
        a in prop::collection::vec(any::<u8>(), 0..140),
        b in any::<[u8; 32]>(),
        salt in prop::collection::vec(any::<u8>(), 0..64),
        password in ".{0,20}",
    ) {
        let n = n();
        let salt_number = BigUint::from_bytes_be(&salt);
        let name = Sha256::new().chain_update(b"-Groupus-east-1_device:");
        let inner = name.chain_update(&password).finalize();
        let x = hash(&[&pad(&salt_number), &inner]);
        let v = BigUint::from(2u8).modpow(&x, &n);
        let k = hash(&[&pad(&n), &[2]]);
        let (a_number, b_number) = (BigUint::from_bytes_be(&a), BigUint::from_bytes_be(&b));
        let public_a = BigUint::from(2u8).modpow(&a_number, &n);
        let public_b = (&k * &v + BigUint::from(2u8).modpow(&b_number, &n)) % &n;
        let u = hash(&[&pad(&public_a), &pad(&public_b)]);
        let s = (&public_a * v.modpow(&u, &n)).modpow(&b_number, &n);

        let salt = Salt::from_be_bytes(&salt).unwrap();
        let verifier = Verifier::derive(&DEVICE, &password, &salt);
        prop_assert_eq!(verifier.padded().to_vec(), pad(&v));
        let client = ClientEphemeral::danger_from_secret(&a);
        prop_assert_eq!(client.public().padded(), pad(&public_a));
        let (server_b, server_key) =
            device_srp::danger_server_from_secret(&b, &verifier, client.public()).unwrap();
        prop_assert_eq!(server_b.padded(), pad(&public_b));
        let client_key = client.session_key(&DEVICE, &password, &salt, &server_b).unwrap();
        prop_assert_eq!(client_key.danger_expose().to_vec(), oracle_key(&u, &s));
        prop_assert_eq!(server_key.danger_expose(), client_key.danger_expose());
    }
}

#[test]
fn a_stateless_server_computes_the_same_key() {
    let mut rng = StdRng::seed_from_u64(7);
    let (password, salt) = (DevicePassword::random(&mut rng), Salt::random(&mut rng));
    let verifier = Verifier::derive(&DEVICE, password.expose(), &salt);
    let client = ClientEphemeral::generate(&mut rng);
    let server = ServerEphemeral::generate(&mut rng, &verifier);
    let sealed = (server.to_secret_bytes(), server.public().padded());
    drop(server);

    let server =
        ServerEphemeral::restore(&sealed.0, PublicValue::from_be_bytes(&sealed.1).unwrap());
    let proof = client
        .session_key(&DEVICE, password.expose(), &salt, server.public())
        .unwrap()
        .sign(&DEVICE, b"block", "now");
    let key = server.session_key(&verifier, client.public()).unwrap();
    assert_eq!(key.verify(&DEVICE, b"block", "now", &proof), Ok(()));
    for (identity, block, timestamp) in [
        (Identity::device("-Group", "us-east-1_other"), &b"block"[..], "now"),
        (DEVICE, b"blocks", "now"),
        (DEVICE, b"block", "then"),
    ] {
        assert_eq!(key.verify(&identity, block, timestamp, &proof), Err(Error::ProofMismatch));
    }
    let wrong = client.session_key(&DEVICE, "guess", &salt, server.public()).unwrap();
    assert_eq!(
        key.verify(&DEVICE, b"block", "now", &wrong.sign(&DEVICE, b"block", "now")),
        Err(Error::ProofMismatch)
    );
}

#[test]
fn hostile_public_values_are_refused_when_read() {
    let n = n();
    for (text, error) in [
        (String::new(), Error::NotHex),
        ("xyz".into(), Error::NotHex),
        ("-1".into(), Error::NotHex),
        ("0".into(), Error::ZeroPublicValue),
        ("0".repeat(5000), Error::ZeroPublicValue),
        (n.to_str_radix(16), Error::ZeroPublicValue),
        ((&n * 2u8).to_str_radix(16), Error::TooLong),
        (format!("1{}", "0".repeat(768)), Error::TooLong),
        ("f".repeat(1 << 20), Error::TooLong),
    ] {
        assert_eq!(PublicValue::from_hex(&text), Err(error), "{:.20}", text);
    }
    assert_eq!(PublicValue::from_be_bytes(&[1; 385]), Err(Error::TooLong));
    assert_eq!(PublicValue::from_be_bytes(&[]), Err(Error::ZeroPublicValue));
}

#[test]
fn a_value_above_n_is_hashed_as_sent_and_then_reduced() {
    let (n, mut rng) = (n(), StdRng::seed_from_u64(3));
    let salt = Salt::random(&mut rng);
    let verifier = Verifier::derive(&DEVICE, "password", &salt);
    let above = &n + 5u8;
    let a = PublicValue::from_hex(&above.to_str_radix(16)).unwrap();
    assert_eq!(a.padded(), pad(&above));
    let (b, key) = device_srp::danger_server_from_secret(&[9; 32], &verifier, &a).unwrap();
    let u = hash(&[&pad(&above), &b.padded()]);
    let v = BigUint::from_bytes_be(&verifier.padded());
    let s = (BigUint::from(5u8) * v.modpow(&u, &n)).modpow(&BigUint::from_bytes_be(&[9; 32]), &n);
    assert_eq!(key.danger_expose().to_vec(), oracle_key(&u, &s));
}

#[test]
fn public_values_keep_their_number_in_every_spelling() {
    for text in ["abc", "ABC", "0abc", "0000000000000aBc"] {
        let value = PublicValue::from_hex(text).unwrap();
        assert_eq!(value.to_hex(), "abc");
        assert_eq!(value, PublicValue::from_be_bytes(&[0, 0x0a, 0xbc]).unwrap());
    }
    assert_eq!(Salt::from_hex(&"f".repeat(129)), Err(Error::TooLong));
    assert_eq!(Salt::from_be_bytes(&[1; 65]), Err(Error::TooLong));
    assert_eq!(Salt::from_be_bytes(&[&[0][..], &[0xff; 64]].concat()).unwrap().padded().len(), 65);
}

#[test]
fn proofs_of_another_length_or_alphabet_are_refused() {
    for text in [
        "",
        "AAAA",
        &"A".repeat(43),
        &format!("{}=", "_".repeat(43)),
        &"A".repeat(44),
        &"A".repeat(48),
    ] {
        assert_eq!(Proof::from_base64(text).err(), Some(Error::NotBase64), "{text}");
    }
    let text = format!("{}=", "A".repeat(43));
    assert_eq!(Proof::from_base64(&text).unwrap().to_base64(), text);
}

#[test]
fn nothing_secret_is_printed() {
    let mut rng = StdRng::seed_from_u64(5);
    let (password, salt) = (DevicePassword::random(&mut rng), Salt::random(&mut rng));
    let verifier = Verifier::derive(&DEVICE, password.expose(), &salt);
    let client = ClientEphemeral::generate(&mut rng);
    let server = ServerEphemeral::generate(&mut rng, &verifier);
    let key = server.session_key(&verifier, client.public()).unwrap();
    assert_eq!(
        format!("{password:?} {verifier:?} {key:?}"),
        "DevicePassword(..) Verifier(..) SessionKey(..)"
    );
    let public = |value: &PublicValue| format!("PublicValue({})", value.to_hex());
    assert_eq!(
        format!("{client:?}"),
        format!("ClientEphemeral {{ public: {}, .. }}", public(client.public()))
    );
    assert_eq!(
        format!("{server:?}"),
        format!("ServerEphemeral {{ public: {}, .. }}", public(server.public()))
    );
}
