//! The fuzz targets' oracle: the protocol over aws-lc's big numbers.
//!
//! It shares only SHA-256 with the crate. Another Rust library would be built with the fuzzer's
//! instrumentation, and 95% of the time would be spent on tracing it.

mod power;

use hmac::{Hmac, KeyInit, Mac};
use num_bigint::{BigInt, BigUint, Sign};
use power::power;
use sha2::{Digest, Sha256};

/// The protocol for one credential.
pub struct Oracle {
    n: BigUint,
    k: BigUint,
    x: BigUint,
    v: BigUint,
}

/// Text from arbitrary bytes.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn pad(n: &BigUint) -> Vec<u8> {
    BigInt::from_biguint(Sign::Plus, n.clone()).to_signed_bytes_be()
}

fn hash(parts: &[&[u8]]) -> BigUint {
    BigUint::from_bytes_be(
        &parts.iter().fold(Sha256::new(), |hasher, part| hasher.chain_update(part)).finalize(),
    )
}

fn key(u: &BigUint, s: &BigUint) -> Vec<u8> {
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

impl Oracle {
    /// The oracle for both names joined, a password, and PAD(salt).
    pub fn new(names: &str, password: &str, salt: &[u8]) -> Self {
        let text = include_str!("prime.hex");
        let n = BigUint::parse_bytes(text.trim().as_bytes(), 16).unwrap();
        let inner = Sha256::digest(format!("{names}:{password}"));
        let x = hash(&[salt, &inner]);
        Self { k: hash(&[&pad(&n), &[2]]), v: power(&BigUint::from(2u8), &x, &n), x, n }
    }

    fn generator_power(&self, e: &BigUint) -> BigUint {
        power(&BigUint::from(2u8), e, &self.n)
    }

    /// The client's session key from a, PAD(A) and PAD(B). Checks that PAD(A) is right.
    pub fn client_key(&self, a: &[u8], public: &[u8], b: &[u8]) -> Vec<u8> {
        let a = BigUint::from_bytes_be(a);
        assert_eq!(public, pad(&self.generator_power(&a)));
        let u = hash(&[public, b]);
        let unmasked = BigUint::from_bytes_be(b) + (&self.n - &self.k) * &self.v;
        key(&u, &power(&(unmasked % &self.n), &(a + &u * &self.x), &self.n))
    }

    /// PAD(B) and the server's session key, from b and PAD(A).
    pub fn server(&self, b: &[u8], a: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let b = BigUint::from_bytes_be(b);
        let public = pad(&((&self.k * &self.v + self.generator_power(&b)) % &self.n));
        let u = hash(&[a, &public]);
        let base = BigUint::from_bytes_be(a) * power(&self.v, &u, &self.n) % &self.n;
        let secret = power(&base, &b, &self.n);
        (public, key(&u, &secret))
    }
}
