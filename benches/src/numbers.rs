//! The numbers of one handshake, the same for every library.

use std::sync::LazyLock;

use num_bigint::BigUint;

/// The user's password in every handshake.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// The user's salt, in hexadecimal.
pub(crate) const SALT: &str = "5b1ef2871d83ce2120f9c47a46db303d";

/// The group's prime.
pub(crate) static N: LazyLock<BigUint> = LazyLock::new(|| {
    let text = include_str!("numbers/prime.hex");
    BigUint::parse_bytes(text.trim().as_bytes(), 16).unwrap_or_default()
});

/// All numbers of one handshake, as a peer needs them; the names are those of the protocol.
#[derive(Debug)]
pub struct Numbers {
    pub(crate) a: BigUint,
    pub(crate) b: BigUint,
    pub(crate) x: BigUint,
    pub(crate) v: BigUint,
    pub(crate) k: BigUint,
    pub(crate) u: BigUint,
    pub(crate) public_a: BigUint,
    pub(crate) public_b: BigUint,
}
