//! The other libraries that do the same work.

#[cfg(feature = "crate-peers")]
mod aws_cognito_srp;
mod aws_lc;
mod crypto_bigint;
#[cfg(feature = "system-peers")]
mod gmp;
#[cfg(feature = "system-peers")]
mod openssl;
#[cfg(feature = "crate-peers")]
mod srp;

use std::hint::black_box;

use num_bigint::BigUint;

use crate::numbers::{N, Numbers};

/// Another library. It returns `None` for the work that it cannot do.
///
/// A library that has exponentiation modulo N can do all the work: num-bigint does the few other
/// multiplications, which cost less than a hundredth.
pub trait Peer {
    /// The library and its function.
    fn name(&self) -> &'static str;
    /// Whether it claims constant time. Only such peers count for the ratios.
    fn constant_time(&self) -> bool;
    /// base^exponent modulo N.
    fn power(&self, base: &BigUint, exponent: &BigUint) -> Option<BigUint>;
    /// g^exponent modulo N.
    fn generator_power(&self, exponent: &BigUint) -> Option<BigUint> {
        self.power(&BigUint::from(2u8), exponent)
    }
    /// The server's B = k v + g^b.
    fn server_public(&self, n: &Numbers) -> Option<BigUint> {
        Some((&n.k * &n.v + self.generator_power(&n.b)?) % &*N)
    }
    /// The server's S = (A v^u)^b.
    fn server_secret(&self, n: &Numbers) -> Option<BigUint> {
        self.power(&(&n.public_a * self.power(&n.v, &n.u)? % &*N), &n.b)
    }
    /// The client's S = (B - k g^x)^(a + u x).
    fn client_secret(&self, n: &Numbers) -> Option<BigUint> {
        let unmasked = &n.public_b + (&*N - &n.k) * self.generator_power(&n.x)?;
        self.power(&(unmasked % &*N), &(&n.a + &n.u * &n.x))
    }
    /// Makes a verifier. Hashes are included if the library cannot be called without them.
    fn verifier(&self, n: &Numbers) -> Option<()> {
        black_box(self.generator_power(&n.x)?);
        Some(())
    }
    /// Makes a client's A.
    fn client_public(&self, n: &Numbers) -> Option<()> {
        black_box(self.generator_power(&n.a)?);
        Some(())
    }
    /// Makes a client's proof, or the part of it that takes time.
    fn client_proof(&self, n: &Numbers) -> Option<()> {
        black_box(self.client_secret(n)?);
        Some(())
    }
}

/// The peers of this build.
#[must_use]
pub fn peers() -> Vec<Box<dyn Peer>> {
    vec![
        Box::new(NumBigint),
        Box::new(crypto_bigint::CryptoBigint),
        Box::new(aws_lc::AwsLc::new()),
        #[cfg(feature = "system-peers")]
        Box::new(openssl::OpenSsl::new()),
        #[cfg(feature = "system-peers")]
        Box::new(gmp::Gmp::new()),
        #[cfg(feature = "crate-peers")]
        Box::new(srp::Srp::new()),
        #[cfg(feature = "crate-peers")]
        Box::new(aws_cognito_srp::AwsCognitoSrp::new()),
    ]
}

struct NumBigint;

impl Peer for NumBigint {
    fn name(&self) -> &'static str {
        "num-bigint modpow"
    }

    fn constant_time(&self) -> bool {
        false
    }

    fn power(&self, base: &BigUint, exponent: &BigUint) -> Option<BigUint> {
        Some(base.modpow(exponent, &N))
    }
}
