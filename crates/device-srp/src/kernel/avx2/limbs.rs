//! Limbs of 28 bits: their places in memory, and carries between them.

#![allow(unsafe_code, reason = "loads and stores of vectors")]

use core::arch::x86_64::{
    __m256i, _mm256_add_epi64, _mm256_and_si256, _mm256_load_si256, _mm256_or_si256,
    _mm256_permute4x64_epi64, _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_slli_epi64,
    _mm256_srli_epi64, _mm256_store_si256,
};
use core::array;

use crate::{
    group::{self, Residue},
    kernel::scan::{mask, masks},
};

pub(super) const BITS: usize = 28;
pub(super) const MASK: u64 = (1 << BITS) - 1;
/// Number of limbs in a residue.
pub(super) const LIMBS: usize = 4 * LEN;
/// Number of limbs in a quarter, one after the other in the same lane.
pub(super) const LEN: usize = 28;
/// Number of rows in an element.
pub(super) const PACKED: usize = LEN >> 1;

/// N in limbs.
pub(super) const N: [u64; LIMBS] = from_words(&group::N);

/// Four 64-bit lanes in memory.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
pub(in crate::kernel) struct Lanes(pub(super) [u64; 4]);

/// Two limbs in each lane, which makes tables small: those of rows j and j + 14.
pub(super) type Element = [Lanes; PACKED];
/// One limb in each lane. Only the lower half of the lane counts.
pub(super) type Rows = [Lanes; LEN];

/// Converts 48 words of 64 bits to limbs.
#[allow(clippy::integer_division_remainder_used, reason = "a public position")]
pub(super) const fn from_words(words: &[u64; group::LIMBS]) -> [u64; LIMBS] {
    let mut limbs = [0; LIMBS];
    let mut i = 0;
    while i < LIMBS {
        let (word, shift) = (i * BITS / 64, i * BITS % 64);
        if word < words.len() {
            limbs[i] = words[word] >> shift;
            if shift + BITS > 64 && word + 1 < words.len() {
                limbs[i] |= words[word + 1] << (64 - shift);
            }
            limbs[i] &= MASK;
        }
        i += 1;
    }
    limbs
}

/// Puts limb `ROWS` l + j into lane l of row j.
pub(super) const fn rows<const ROWS: usize, const LIMBS: usize>(
    limbs: &[u64; LIMBS],
) -> [Lanes; ROWS] {
    assert!(LIMBS == 4 * ROWS);
    let mut rows = [Lanes([0; 4]); ROWS];
    let mut j = 0;
    while j < ROWS {
        rows[j] = Lanes([limbs[j], limbs[ROWS + j], limbs[2 * ROWS + j], limbs[3 * ROWS + j]]);
        j += 1;
    }
    rows
}

/// Packs limbs below 2^32.
pub(super) const fn pack(limbs: &[u64; LIMBS]) -> Element {
    let rows: Rows = rows(limbs);
    let mut element = [Lanes([0; 4]); PACKED];
    let mut i = 0;
    while i < 4 * PACKED {
        let (j, l) = (i >> 2, i & 3);
        element[j].0[l] = rows[j].0[l] | rows[PACKED + j].0[l] << 32;
        i += 1;
    }
    element
}

/// The rows of an element, whose lower halves are the limbs.
#[inline(always)]
pub(super) fn unpack(x: &Element) -> Rows {
    let mut rows = [Lanes([0; 4]); LEN];
    let (low, high) = rows.split_at_mut(PACKED);
    low.copy_from_slice(x);
    for (to, row) in high.iter_mut().zip(x) {
        *to = Lanes(row.0.map(|limbs| limbs >> 32));
    }
    rows
}

/// Carries through columns, with a carry into the first one of each lane.
///
/// The carry out of a lane, below 2^37, goes to the next lane, where it stops at the second limb.
/// That of the last lane must be 0.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn carry(column: impl Fn(usize) -> __m256i, into: __m256i) -> Element {
    let mask = _mm256_set1_epi64x(MASK as i64);
    let mut limbs = [into; LEN];
    let mut carry = into;
    for (j, limb) in limbs.iter_mut().enumerate() {
        let sum = _mm256_add_epi64(column(j), carry);
        *limb = _mm256_and_si256(sum, mask);
        carry = _mm256_srli_epi64::<28>(sum);
    }
    let carry = _mm256_permute4x64_epi64::<0b10_01_00_11>(carry);
    let first = _mm256_add_epi64(limbs[0], carry);
    limbs[0] = _mm256_and_si256(first, mask);
    limbs[1] = _mm256_add_epi64(limbs[1], _mm256_srli_epi64::<28>(first));
    let (low, high) = limbs.split_at(PACKED);
    let mut element = [Lanes([0; 4]); PACKED];
    for ((to, &low), &high) in element.iter_mut().zip(low).zip(high) {
        put(to, _mm256_or_si256(low, _mm256_slli_epi64::<32>(high)));
    }
    element
}

/// Adds two elements, neither of which may be a sum.
#[target_feature(enable = "avx2")]
pub(super) fn add(a: &Element, b: &Element) -> Element {
    let [a, b] = [unpack(a), unpack(b)];
    let mask = _mm256_set1_epi64x((1 << 32) - 1);
    let limbs = |row: &Lanes| _mm256_and_si256(get(row), mask);
    carry(|j| _mm256_add_epi64(limbs(&a[j]), limbs(&b[j])), _mm256_setzero_si256())
}

/// Reads every entry, so that no address depends on the digit.
#[target_feature(enable = "avx2")]
pub(super) fn select(table: &[Element], digit: u64) -> Element {
    let mut picked = [_mm256_setzero_si256(); PACKED];
    for (entry, mask) in table.iter().zip(masks(digit)) {
        let mask = _mm256_set1_epi64x(mask as i64);
        for (picked, row) in picked.iter_mut().zip(entry) {
            *picked = _mm256_or_si256(*picked, _mm256_and_si256(get(row), mask));
        }
    }
    let mut element = [Lanes([0; 4]); PACKED];
    element.iter_mut().zip(picked).for_each(|(to, row)| put(to, row));
    element
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn get(row: &Lanes) -> __m256i {
    // SAFETY: `Lanes` has 32 bytes and is aligned to 32
    unsafe { _mm256_load_si256(row.0.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn put(row: &mut Lanes, x: __m256i) {
    // SAFETY: `Lanes` has 32 bytes and is aligned to 32
    unsafe { _mm256_store_si256(row.0.as_mut_ptr().cast(), x) };
}

/// Reduces a value below 3 N.
#[allow(clippy::integer_division_remainder_used, reason = "a public position")]
pub(super) fn canonical(x: &Element) -> Residue {
    let rows = unpack(x);
    let mut value: [u64; LIMBS] =
        array::from_fn(|i| rows[i % LEN].0[i / LEN] & u64::from(u32::MAX));
    let mut carry = 0;
    for limb in &mut value {
        let sum = *limb + carry;
        (*limb, carry) = (sum & MASK, sum >> BITS);
    }
    for _ in 0..2 {
        let (mut less, mut borrow) = ([0; LIMBS], 0);
        for ((less, limb), n) in less.iter_mut().zip(value).zip(N) {
            let difference = limb.wrapping_sub(n).wrapping_sub(borrow);
            borrow = difference >> 63;
            *less = difference & MASK;
        }
        let keep = mask(borrow);
        value.iter_mut().zip(less).for_each(|(limb, less)| *limb = *limb & keep | less & !keep);
    }
    let mut words = [0; group::LIMBS];
    for (i, limb) in value.iter().enumerate() {
        let (word, shift) = (i * BITS / 64, i * BITS % 64);
        if word < words.len() {
            words[word] |= limb << shift;
        }
        if shift + BITS > 64 && word + 1 < words.len() {
            words[word + 1] |= limb >> (64 - shift);
        }
    }
    Residue(words)
}
