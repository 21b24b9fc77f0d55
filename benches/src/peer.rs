//! Modular exponentiation by other libraries.

mod aws_lc;
mod crypto_bigint;
#[cfg(feature = "system-peers")]
mod gmp;
#[cfg(feature = "system-peers")]
mod openssl;

use std::sync::LazyLock;

use num_bigint::BigUint;

/// A library that can raise to a power modulo N.
pub trait Peer {
    /// Name and what is called.
    fn name(&self) -> &'static str;
    /// Whether it claims constant time; only such peers count for the ratios.
    fn constant_time(&self) -> bool;
    /// base^exponent modulo N.
    fn power(&self, base: &BigUint, exponent: &BigUint) -> BigUint;
}

/// Every peer that this build has.
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
    ]
}

/// The group's prime.
pub(crate) static N: LazyLock<BigUint> = LazyLock::new(|| {
    let text = include_str!("peer/prime.hex");
    BigUint::parse_bytes(text.trim().as_bytes(), 16).unwrap_or_default()
});

struct NumBigint;

impl Peer for NumBigint {
    fn name(&self) -> &'static str {
        "num-bigint modpow"
    }

    fn constant_time(&self) -> bool {
        false
    }

    fn power(&self, base: &BigUint, exponent: &BigUint) -> BigUint {
        base.modpow(exponent, &N)
    }
}
