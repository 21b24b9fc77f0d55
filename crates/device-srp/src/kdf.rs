//! What is hashed: u, x, and the way from the shared secret S to a session key. H is SHA-256.

use alloc::boxed::Box;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{
    error::Error, exponent::Exponent, group::Residue, identity::Identity,
    public_value::PublicValue, salt::Salt, session_key::SessionKey,
};

/// What HKDF binds the session key to.
const INFO: &[u8] = b"Caldera Derived Key";

/// u = H(PAD(A) | PAD(B)), a public number.
pub(crate) struct Scrambler([u8; 32]);

impl Scrambler {
    pub(crate) fn new(a: &PublicValue, b: &PublicValue) -> Result<Self, Error> {
        let u: [u8; 32] =
            Sha256::new().chain_update(a.padded()).chain_update(b.padded()).finalize().into();
        if u == [0; 32] { Err(Error::ZeroScrambler) } else { Ok(Self(u)) }
    }

    pub(crate) fn exponent(&self) -> Exponent {
        Exponent::from_be_bytes(&self.0)
    }

    /// HKDF with salt PAD(u), input PAD(S), 16 bytes out.
    pub(crate) fn session_key(&self, secret: &Residue) -> SessionKey {
        let block = hkdf_block(&crate::integer::pad(&self.0), &secret.padded(), INFO);
        let mut key = Box::new(Zeroizing::new([0; SessionKey::LEN]));
        key.iter_mut().zip(block.iter()).for_each(|(to, from)| *to = *from);
        SessionKey(key)
    }
}

/// x = H(PAD(salt) | H(id1 | id2 | ":" | password)).
pub(crate) fn private_key(identity: &Identity<'_>, password: &str, salt: &Salt) -> Exponent {
    let x: Zeroizing<[u8; 32]> = Zeroizing::new(
        Sha256::new()
            .chain_update(salt.padded())
            .chain_update(credential_hash(identity, password).as_slice())
            .finalize()
            .into(),
    );
    Exponent::from_be_bytes(x.as_slice())
}

fn credential_hash(identity: &Identity<'_>, password: &str) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(
        Sha256::new()
            .chain_update(identity.realm)
            .chain_update(identity.name)
            .chain_update(":")
            .chain_update(password)
            .finalize()
            .into(),
    )
}

/// HKDF (RFC 5869), the first 32 bytes of its output.
fn hkdf_block(salt: &[u8], input: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let key = hmac(salt, [input]);
    hmac(key.as_slice(), [info, &[1]])
}

/// HMAC-SHA256 of the concatenated parts.
pub(crate) fn hmac<'a>(
    key: &[u8],
    parts: impl IntoIterator<Item = &'a [u8]>,
) -> Zeroizing<[u8; 32]> {
    #[expect(
        clippy::expect_used,
        reason = "HMAC takes a key of any length; the error is of a general trait"
    )]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC keys have no length limit");
    parts.into_iter().for_each(|part| mac.update(part));
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde_json::Value;

    use super::*;

    /// From the tests of the .NET extension library: its `GetDeviceKeyHash`.
    #[test]
    fn the_inner_hash_is_the_published_one() {
        let hash = credential_hash(&Identity::device("Pj8nlkpKR", "User5"), "Password1!");
        assert_eq!(
            STANDARD.encode(hash.as_slice()),
            "rJra60Rbj/4QW4UdYVl7wde78eMoiaw7Wk+WoDqo5K8="
        );
    }

    /// The tests of a Wycheproof file.
    fn wycheproof(file: &str) -> Vec<Value> {
        let file: Value = serde_json::from_str(file).unwrap();
        let groups = file["testGroups"].as_array().unwrap();
        let tests: Vec<_> =
            groups.iter().flat_map(|group| group["tests"].as_array().unwrap()).cloned().collect();
        assert_eq!(file["numberOfTests"], tests.len());
        tests
    }

    fn bytes(hex: &Value) -> Vec<u8> {
        let digits = hex.as_str().unwrap().as_bytes();
        let byte = |pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    }

    #[test]
    fn hmac_passes_wycheproof() {
        for test in wycheproof(include_str!("../../../vectors/wycheproof/hmac_sha256.json")) {
            let (key, message, tag) =
                (bytes(&test["key"]), bytes(&test["msg"]), bytes(&test["tag"]));
            let right = hmac(&key, [message.as_slice()])[..tag.len()] == tag;
            assert_eq!(right, test["result"] == "valid", "{test}");
        }
    }

    /// It compiles only where the hash wipes its state, which is the key's of an HMAC too.
    #[test]
    fn a_hash_wipes_what_it_was_fed() {
        fn wipes(_: impl zeroize::ZeroizeOnDrop) {}
        wipes(Sha256::new());
    }

    /// Those of one block: there is no other use here.
    #[test]
    fn hkdf_passes_wycheproof() {
        let mut count = 0;
        for test in wycheproof(include_str!("../../../vectors/wycheproof/hkdf_sha256.json")) {
            let expected = bytes(&test["okm"]);
            if test["result"] == "valid" && expected.len() <= 32 {
                let [salt, input, info] = ["salt", "ikm", "info"].map(|name| bytes(&test[name]));
                assert_eq!(hkdf_block(&salt, &input, &info)[..expected.len()], expected, "{test}");
                count += 1;
            }
        }
        assert!(count > 20, "{count}");
    }
}
