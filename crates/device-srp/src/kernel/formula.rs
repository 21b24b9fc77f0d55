//! The formulas of SRP-6a over any kernel, `L` handshakes side by side.

use super::{Handshake, Kernel, Opening, power};
use crate::{exponent::Exponent, group::Residue};

/// g^e.
pub(super) fn generator_power<const L: usize, K: Kernel<L>>(
    k: K,
    e: [&Exponent; L],
) -> [Residue; L] {
    k.store(&power::generator(k, e))
}

/// k v + g^b.
pub(super) fn server_public<const L: usize, K: Kernel<L>>(
    k: K,
    openings: [&Opening<'_>; L],
) -> [Residue; L] {
    let multiplier = Residue::multiplier();
    let masked = k.mul(&k.load([&multiplier; L]), &k.load(openings.map(|o| o.v)));
    k.store(&k.add(&masked, &power::generator(k, openings.map(|o| o.b))))
}

/// (A v^u)^b for a public u. Uses the stored powers of v if every handshake has them.
pub(super) fn server_secret<const L: usize, K: Kernel<L>>(
    k: K,
    handshakes: [&Handshake<'_>; L],
) -> [Residue; L] {
    let v = k.load(handshakes.map(|h| h.v));
    let u = handshakes.map(|h| &h.u);
    let scrambled = if handshakes.iter().all(|h| h.powers.is_some()) {
        let power = |i: usize| {
            k.load(handshakes.map(|h| h.powers.and_then(|powers| powers.get(i)).unwrap_or(h.v)))
        };
        power::public_split(k, [v, power(0), power(1), power(2)], u)
    } else {
        power::public(k, &v, u)
    };
    let base = k.mul(&k.load(handshakes.map(|h| &h.a)), &scrambled);
    k.store(&power::secret(k, &base, handshakes.map(|h| h.b)))
}

/// v^(2^64), v^(2^128), v^(2^192).
#[expect(clippy::indexing_slicing, reason = "lanes below L")]
pub(super) fn powers<const L: usize, K: Kernel<L>>(k: K, v: [&Residue; L]) -> [[Residue; 3]; L] {
    let mut power = k.load(v);
    let columns: [[Residue; L]; 3] = core::array::from_fn(|_| {
        k.square(&mut power, 64);
        k.store(&power)
    });
    core::array::from_fn(|lane| columns.each_ref().map(|column| column[lane].clone()))
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

/// base^e.
#[cfg(feature = "__power")]
pub(super) fn bare_power<const L: usize, K: Kernel<L>>(
    k: K,
    of: [&(Residue, Exponent); L],
) -> [Residue; L] {
    k.store(&power::secret(k, &k.load(of.map(|(base, _)| base)), of.map(|(_, e)| e)))
}
