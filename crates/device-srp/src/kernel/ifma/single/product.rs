//! The whole product as columns, without carries between them.
#![allow(unsafe_code, reason = "vector instructions and their loads")]
#![cfg_attr(
    device_srp_backend = "model",
    allow(unused_unsafe, reason = "the model's instructions are safe")
)]
#![expect(clippy::indexing_slicing, reason = "arrays of fixed length under constant indices")]
#![expect(clippy::reversed_empty_ranges, reason = "the last row of a triangle is empty")]

use super::{super::arch::*, Columns, Element, limbs_at};

vectorized! {
    /// Limb i in every lane.
    #[inline]
    fn limb(a: &Element, i: usize) -> Z {
        _mm512_set1_epi64(a.0[8 + i] as i64)
    }

    /// a b. Row i = 8 k + s of b is multiplied by a shifted by s limbs for the low halves, and by
    /// s + 1 limbs for the high halves. So each shift of a serves the low halves of row s and the
    /// high halves of row s - 1.
    #[inline]
    pub(super) fn columns_of_product(a: &Element, b: &Element) -> Columns {
        let mut t = [_mm512_setzero_si512(); 17];
        let mut x = [_mm512_setzero_si512(); 9];
        macro_rules! shift {
            ($s:expr) => { for q in 0..9 { x[q] = limbs_at(a, q, $s); } };
        }
        shift!(0);
        macro_rules! row {
            ($k:literal) => {
                let y = limb(b, 8 * $k);
                for q in 0..8 { lo!(t[$k + q], x[q], y); }
            };
        }
        each!(row: 0 1 2 3 4 5 6 7);
        // a shift by 8 limbs gives the next vector; rows 60 to 63 are zero
        macro_rules! row {
            ($k:literal) => {
                let y = limb(b, 8 * $k + 7);
                for q in 1..9 { hi!(t[$k + q], x[q - 1], y); }
            };
        }
        each!(row: 0 1 2 3 4 5 6);
        for s in 1..5 {
            shift!(s);
            macro_rules! row {
                ($k:literal) => {
                    let (y, z) = (limb(b, 8 * $k + s), limb(b, 8 * $k + s - 1));
                    for q in 0..8 { lo!(t[$k + q], x[q], y); }
                    for q in 0..8 { hi!(t[$k + q], x[q], z); }
                };
            }
            each!(row: 0 1 2 3 4 5 6 7);
        }
        // shifted by 5 or more, the 60 limbs reach into a ninth vector; rows 8 * 7 + s are zero
        for s in 5..8 {
            shift!(s);
            macro_rules! row {
                ($k:literal) => {
                    let (y, z) = (limb(b, 8 * $k + s), limb(b, 8 * $k + s - 1));
                    for q in 0..9 { lo!(t[$k + q], x[q], y); }
                    for q in 0..9 { hi!(t[$k + q], x[q], z); }
                };
            }
            each!(row: 0 1 2 3 4 5 6);
        }
        t
    }

    /// a a. Each row is multiplied only by the limbs above its own, masked in the vector where they
    /// begin. Then every column is doubled, and the squares of the limbs are added. Columns are
    /// below 2^58 before that, so doubling does not overflow.
    #[inline]
    #[allow(clippy::integer_division_remainder_used, reason = "a public position")]
    pub(super) fn columns_of_square(a: &Element) -> Columns {
        let mut t = [_mm512_setzero_si512(); 17];
        let mut x = [_mm512_setzero_si512(); 9];
        macro_rules! shift {
            ($s:expr) => { for q in 0..9 { x[q] = limbs_at(a, q, $s); } };
        }
        shift!(0);
        let unshifted = x;
        macro_rules! row {
            ($k:literal) => {
                let y = limb(a, 8 * $k);
                lo!(t[2 * $k], 0xfe; x[$k], y);
                for q in $k + 1..8 { lo!(t[$k + q], x[q], y); }
            };
        }
        each!(row: 0 1 2 3 4 5 6 7);
        macro_rules! row {
            ($k:literal) => {
                let y = limb(a, 8 * $k + 7);
                for q in $k + 2..9 { hi!(t[$k + q], x[q - 1], y); }
            };
        }
        each!(row: 0 1 2 3 4 5 6);
        for s in 1..4 {
            shift!(s);
            let [above_lo, above_hi] = [2 * s + 1, 2 * s].map(|from| (0xff_u32 << from) as u8);
            macro_rules! row {
                ($k:literal) => {
                    let (y, z) = (limb(a, 8 * $k + s), limb(a, 8 * $k + s - 1));
                    lo!(t[2 * $k], above_lo; x[$k], y);
                    for q in $k + 1..8 { lo!(t[$k + q], x[q], y); }
                    hi!(t[2 * $k], above_hi; x[$k], z);
                    for q in $k + 1..8 { hi!(t[$k + q], x[q], z); }
                };
            }
            each!(row: 0 1 2 3 4 5 6 7);
        }
        shift!(4);
        macro_rules! row {
            ($k:literal) => {
                let (y, z) = (limb(a, 8 * $k + 4), limb(a, 8 * $k + 3));
                lo!(t[2 * $k + 1], 0xfe; x[$k + 1], y);
                for q in $k + 2..8 { lo!(t[$k + q], x[q], y); }
                for q in $k + 1..8 { hi!(t[$k + q], x[q], z); }
            };
        }
        each!(row: 0 1 2 3 4 5 6);
        for s in 5..8 {
            shift!(s);
            let [above_lo, above_hi] = [2 * s - 7, 2 * s - 8].map(|from| (0xff_u32 << from) as u8);
            macro_rules! row {
                ($k:literal) => {
                    let (y, z) = (limb(a, 8 * $k + s), limb(a, 8 * $k + s - 1));
                    lo!(t[2 * $k + 1], above_lo; x[$k + 1], y);
                    for q in $k + 2..9 { lo!(t[$k + q], x[q], y); }
                    hi!(t[2 * $k + 1], above_hi; x[$k + 1], z);
                    for q in $k + 2..9 { hi!(t[$k + q], x[q], z); }
                };
            }
            each!(row: 0 1 2 3 4 5 6);
        }
        let low_pairs = _mm512_set_epi64(3, 3, 2, 2, 1, 1, 0, 0);
        let high_pairs = _mm512_set_epi64(7, 7, 6, 6, 5, 5, 4, 4);
        for c in 0..15 {
            let order = if c % 2 == 0 { low_pairs } else { high_pairs };
            let pairs = _mm512_permutexvar_epi64(order, unshifted[c / 2]);
            t[c] = _mm512_add_epi64(t[c], t[c]);
            lo!(t[c], 0x55; pairs, pairs);
            hi!(t[c], 0xaa; pairs, pairs);
        }
        t
    }
}
