//! Exponentiation over any kernel.
//!
//! Branches depend on the length of an exponent, never on its bits, except in [`public`] and
//! [`public_split`].

#![expect(clippy::indexing_slicing, reason = "tables under the bounds of their own construction")]

#[cfg(target_has_atomic = "ptr")]
mod comb;

#[cfg(target_has_atomic = "ptr")]
use alloc::boxed::Box;
use alloc::vec::Vec;

#[cfg(target_has_atomic = "ptr")]
pub(super) use self::comb::Comb;
use super::Kernel;
use crate::{exponent::Exponent, group::Residue};

/// base^e by fixed windows. Every lookup reads the whole table.
pub(super) fn secret<const L: usize, K: Kernel<L>>(
    k: K,
    base: &K::Element,
    e: [&Exponent; L],
) -> K::Element {
    // With windows of w bits, the table takes 2^w multiplications and the exponentiation one for
    // every w bits of e. At 320 bits, windows of 4 and 5 bits cost the same: 16 + 80 = 32 + 64.
    let width = if longest(e) <= 320 { 4 } else { 5 };
    let table = multiples(k, base, 1 << width);
    windows(k, e, width, |digits, to| k.select(&table, digits, to))
}

/// base^e for a public e.
pub(super) fn public<const L: usize, K: Kernel<L>>(
    k: K,
    base: &K::Element,
    e: [&Exponent; L],
) -> K::Element {
    if let [e] = e.as_slice() {
        return sliding(k, base, e);
    }
    let table = multiples(k, base, 1 << 4);
    windows(k, e, 4, |digits, to| k.select_vartime(&table, digits, to))
}

/// base^e for one public e, by windows that begin and end with a bit of 1.
///
/// It skips the zeros between them and has a table of odd powers alone, so for 256 bits it takes
/// about 58 multiplications in place of 70.
fn sliding<const L: usize, K: Kernel<L>>(k: K, base: &K::Element, e: &Exponent) -> K::Element {
    const WIDTH: usize = 4;
    let mut square = base.clone();
    k.square(&mut square, 1);
    let mut odd_powers = Vec::with_capacity(1 << (WIDTH - 1));
    odd_powers.push(base.clone());
    for i in 1..1 << (WIDTH - 1) {
        odd_powers.push(k.mul(&odd_powers[i - 1], &square));
    }
    let mut power: Option<K::Element> = None;
    let mut left = e.bits();
    while left > 0 {
        let width = left.min(WIDTH);
        let window = e.window(left - width, width);
        if window >> (width - 1) == 0 {
            left -= 1;
            if let Some(power) = &mut power {
                k.square(power, 1);
            }
            continue;
        }
        let zeros = window.trailing_zeros() as usize;
        left -= width - zeros;
        let factor = &odd_powers[(window >> zeros >> 1) as usize];
        if let Some(power) = &mut power {
            k.square(power, width - zeros);
            k.mul_assign(power, factor);
        } else {
            power = Some(factor.clone());
        }
    }
    power.unwrap_or_else(|| k.one())
}

/// base_0^u_0 base_1^u_1 base_2^u_2 base_3^u_3 over the four words of a public u.
///
/// If base_i = base^(2^(64 i)), the result is base^u, with 63 squarings instead of 252.
pub(super) fn public_split<const L: usize, K: Kernel<L>>(
    k: K,
    bases: [K::Element; 4],
    u: [&Exponent; L],
) -> K::Element {
    let mut table = Vec::with_capacity(1 << bases.len());
    table.push(k.one());
    for base in bases {
        for i in 0..table.len() {
            let with = if i == 0 { base.clone() } else { k.mul(&table[i], &base) };
            table.push(with);
        }
    }
    let digits = |column: usize| {
        u.map(|u| (0..4).fold(0, |digit, word| digit | u.window(64 * word + column, 1) << word))
    };
    let mut power = k.one();
    k.select_vartime(&table, &digits(63), &mut power);
    let mut factor = power.clone();
    for column in (0..63).rev() {
        k.square(&mut power, 1);
        k.select_vartime(&table, &digits(column), &mut factor);
        k.mul_assign(&mut power, &factor);
    }
    power
}

/// g^e, by the comb if e has at most 256 bits.
///
/// Longer exponents go by windows, as do all on CPUs without compare-and-swap, which the shared
/// table needs.
pub(super) fn generator<const L: usize, K: Kernel<L>>(k: K, e: [&Exponent; L]) -> K::Element {
    #[cfg(target_has_atomic = "ptr")]
    if longest(e) <= Comb::<K::Shared>::BITS {
        return k.comb().get_or_init(|| Box::new(Comb::derive(k))).power(k, e);
    }
    secret(k, &k.load([&Residue::generator(); L]), e)
}

fn longest<const L: usize>(e: [&Exponent; L]) -> usize {
    e.iter().map(|e| e.bits()).max().unwrap_or(0)
}

/// base^0 to base^(count - 1).
#[allow(clippy::integer_division_remainder_used, reason = "a public position")]
fn multiples<const L: usize, K: Kernel<L>>(
    k: K,
    base: &K::Element,
    count: usize,
) -> Vec<K::Element> {
    let mut table = Vec::with_capacity(count);
    table.extend([k.one(), base.clone()]);
    for i in 2..count {
        let mut power = table[i / 2].clone();
        k.square(&mut power, 1);
        if i % 2 == 1 {
            k.mul_assign(&mut power, base);
        }
        table.push(power);
    }
    table
}

/// Exponentiation by windows, from the most significant; `select` looks up the power of a digit.
fn windows<const L: usize, K: Kernel<L>>(
    k: K,
    e: [&Exponent; L],
    width: usize,
    select: impl Fn(&[u64; L], &mut K::Element),
) -> K::Element {
    let digits = |i: usize| e.map(|e| e.window(i * width, width));
    let count = longest(e).div_ceil(width);
    let mut power = k.one();
    select(&digits(count - 1), &mut power);
    let mut factor = power.clone();
    for i in (0..count - 1).rev() {
        k.square(&mut power, width);
        select(&digits(i), &mut factor);
        k.mul_assign(&mut power, &factor);
    }
    power
}
