//! The formulas of SRP-6a over any kernel, `L` handshakes side by side.

use super::{Kernel, power};
use crate::{exponent::Exponent, group::Residue};

/// g^e.
pub(super) fn generator_power<const L: usize, K: Kernel<L>>(k: K, e: [&Exponent; L]) -> [Residue; L] {
    k.store(&power::generator(k, e))
}

/// k v + g^b.
pub(super) fn server_public<const L: usize, K: Kernel<L>>(
    k: K,
    v: [&Residue; L],
    b: [&Exponent; L],
) -> [Residue; L] {
    let multiplier = Residue::multiplier();
    let masked = k.mul(&k.load([&multiplier; L]), &k.load(v));
    k.store(&k.add(&masked, &power::generator(k, b)))
}

/// (A v^u)^b for public u.
pub(super) fn server_secret<const L: usize, K: Kernel<L>>(
    k: K,
    a: [&Residue; L],
    v: [&Residue; L],
    u: [&Exponent; L],
    b: [&Exponent; L],
) -> [Residue; L] {
    let base = k.mul(&k.load(a), &power::public(k, &k.load(v), u));
    k.store(&power::secret(k, &base, b))
}

/// (B - k g^x)^e.
pub(super) fn client_secret<const L: usize, K: Kernel<L>>(
    k: K,
    b: [&Residue; L],
    x: [&Exponent; L],
    e: [&Exponent; L],
) -> [Residue; L] {
    let minus_multiplier = Residue::multiplier().negated();
    let unmask = k.mul(&k.load([&minus_multiplier; L]), &power::generator(k, x));
    k.store(&power::secret(k, &k.add(&k.load(b), &unmask), e))
}
