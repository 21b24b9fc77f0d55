//! Limbs of 60 bits: elements, and columns of products.

#![allow(clippy::integer_division_remainder_used, reason = "public positions")]

use crate::group;

pub(super) const BITS: usize = 60;
pub(super) const MASK: u64 = (1 << BITS) - 1;
/// Number of limbs in a quarter.
pub(super) const LEN: usize = 13;

/// A quarter of an element, least significant limb first.
pub(super) type Quarter = [u64; LEN];
/// Four quarters of limbs below 2^60, the least significant first.
pub(super) type Element = [Quarter; 4];
/// `LEN` columns: sums of products of limbs, before carries.
pub(super) type Columns = [u128; LEN];

/// Converts 48 words of 64 bits to limbs.
pub(super) const fn from_words(words: &[u64; group::LIMBS]) -> Element {
    let mut limbs = [[0; LEN]; 4];
    let mut i = 0;
    while i < 4 * LEN {
        let (word, shift) = (i * BITS / 64, i * BITS % 64);
        let mut limb = words[word] >> shift;
        if shift + BITS > 64 && word + 1 < words.len() {
            limb |= words[word + 1] << (64 - shift);
        }
        limbs[i / LEN][i % LEN] = limb & MASK;
        i += 1;
    }
    limbs
}

/// The inverse of [`from_words`], for a number below 2^3072.
pub(super) fn to_words(limbs: &Element) -> [u64; group::LIMBS] {
    let limbs = limbs.as_flattened();
    core::array::from_fn(|i| {
        let (limb, shift) = (i * 64 / BITS, i * 64 % BITS);
        let low = limbs[limb] >> shift | limbs[limb + 1] << (BITS - shift);
        if shift + 64 > 2 * BITS { low | limbs[limb + 2] << (2 * BITS - shift) } else { low }
    })
}

/// Adds two elements, neither of which may be a sum.
pub(super) fn add(a: &Element, b: &Element) -> Element {
    let (mut sum, mut carry) = (*a, 0);
    for (limb, b) in sum.as_flattened_mut().iter_mut().zip(b.as_flattened()) {
        let total = *limb + b + carry;
        *limb = total & MASK;
        carry = total >> BITS;
    }
    sum
}

/// Carries through columns. Returns the limbs and the carry out of the last column.
pub(super) fn carry(columns: &Columns, mut carry: u128) -> (Quarter, u128) {
    let limbs = columns.map(|column| {
        let total = column + carry;
        carry = total >> BITS;
        total as u64 & MASK
    });
    (limbs, carry)
}
