//! The exponentiation alone, for the benchmarks. Built with the feature `__power` only.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::{Backend, formula};
#[cfg(any(target_arch = "x86_64", device_srp_backend = "model"))]
use super::{LANES, WORTHWHILE};
use crate::{exponent::Exponent, group::Residue, public_value::PublicValue};

/// The kernel that runs one handshake: "ifma", "avx2" or "portable".
#[must_use]
pub fn kernel() -> &'static str {
    match Backend::detect() {
        Backend::Portable(_) => "portable",
        #[cfg(target_arch = "x86_64")]
        Backend::Avx2(_) => "avx2",
        #[cfg(any(target_arch = "x86_64", device_srp_backend = "model"))]
        Backend::Ifma(_) => "ifma",
    }
}

/// Raises each base to its big-endian exponent, in lanes if that is faster.
#[must_use]
pub fn powers(of: &[(&PublicValue, &[u8])]) -> Vec<PublicValue> {
    let items: Vec<_> =
        of.iter().map(|(base, e)| (base.residue(), Exponent::from_be_bytes(e))).collect();
    let powers: Vec<Zeroizing<Residue>> = in_lanes!(items, bare_power);
    powers.iter().map(|power| PublicValue::from_residue(power)).collect()
}
