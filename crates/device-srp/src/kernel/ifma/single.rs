//! One residue over the lanes of eight vectors: 64 limbs, the highest four zero, R = 2^3328.
//!
//! The whole product comes first, as 120 columns without dependencies between them. The reduction then takes eight limbs
//! a step: c N = F 2^416 - 1, so a block of eight columns is its own quotient, and only the carries inside it are serial.
//! Seven such steps and one with N itself, whose quotient is the block times c, bring T down to T / R modulo N.
//!
//! Bounds. Any value below 2^3120 may go in, so T < 2^6240. After seven steps it is below T / 2^2912 + (2^416 + 1) F, after
//! the last below T / 2^3328 + (1 + 2^-415) F + N; as F < N, every result is below 2 N + 2^2913. A column takes at
//! most 60 low and 60 high halves of a product, and in the reduction 8 and 8 more from each of up to 8 steps, plus carries
//! below 2^12: it stays below 250 * 2^52 < 2^60.
#![allow(unsafe_code, reason = "vector instructions and their loads")]
#![cfg_attr(device_srp_backend = "model", allow(unused_unsafe, reason = "the model's instructions are safe"))]
#![expect(clippy::indexing_slicing, reason = "arrays of fixed length under constant indices")]
#![expect(clippy::reversed_empty_ranges, reason = "the last row of a triangle is empty")]

use core::hint::black_box;

use once_cell::race::OnceBox;

use super::{
    Ifma, Kernel, LIMBS, MASK, N,
    arch::*,
    canonical,
    constants::{FREE_QUOTIENT, NEGATED_INVERSE, SINGLE_ONE, SINGLE_SQUARED},
    from_words,
};
use crate::{group::Residue, kernel::power::Comb};

/// 64 limbs with a vector of zeros on either side, so that limbs shifted by up to a vector are one unaligned load.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(in crate::kernel) struct Element([u64; 80]);

/// Eight columns a vector, the product's 120 and room for the last high halves.
type Columns = [Z; 17];

static COMB: OnceBox<Comb<[Element; 16]>> = OnceBox::new();

impl Element {
    const ZERO: Self = Self([0; 80]);

    const fn new(limbs: &[u64]) -> Self {
        let mut element = Self::ZERO;
        let mut i = 0;
        while i < limbs.len() {
            element.0[8 + i] = limbs[i];
            i += 1;
        }
        element
    }

    fn limbs(&self) -> &[u64] {
        &self.0[8..8 + LIMBS]
    }
}

/// Defines functions that are compiled for the CPU features that [`Ifma::detect`] found; for the model, plain ones.
macro_rules! vectorized {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident $(<$(const $param:ident: $type:ty),+>)? ($($arguments:tt)*) $(-> $result:ty)? $body:block)+) => {$(
        $(#[$meta])*
        #[cfg_attr(
            not(device_srp_backend = "model"),
            target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512ifma,bmi2")
        )]
        $vis fn $name $(<$(const $param: $type),+>)? ($($arguments)*) $(-> $result)? $body
    )+};
}
pub(super) use vectorized;

// SAFETY, for every call into a `vectorized!` function below: `self` exists only if the CPU has the features.
impl Kernel<1> for Ifma {
    type Element = Element;
    type Shared = [Element; 16];

    fn load(self, [x]: [&Residue; 1]) -> Element {
        const SQUARED: Element = Element::new(&SINGLE_SQUARED);
        Kernel::<1>::mul(self, &Element::new(&from_words(&x.0)), &SQUARED)
    }

    fn store(self, x: &Element) -> [Residue; 1] {
        const UNIT: Element = Element::new(&[1]);
        let mut limbs = [0; LIMBS];
        limbs.copy_from_slice(Kernel::<1>::mul(self, x, &UNIT).limbs());
        [canonical(&limbs)]
    }

    fn one(self) -> Element {
        Element::new(&SINGLE_ONE)
    }

    fn mul(self, a: &Element, b: &Element) -> Element {
        let mut product = Element::ZERO;
        // SAFETY: see above
        unsafe { multiply(a, b, &mut product) };
        product
    }

    fn square(self, a: &mut Element, times: usize) {
        for _ in 0..times {
            // SAFETY: see above
            unsafe { square(a) };
        }
    }

    /// Below 2^3075 for what [`Self::mul`] gives, far below 2^3120.
    fn add(self, a: &Element, b: &Element) -> Element {
        let (mut sum, mut carry) = (Element::ZERO, 0);
        for ((sum, a), b) in sum.0.iter_mut().zip(&a.0).zip(&b.0) {
            let column = (a & MASK) + (b & MASK) + carry;
            *sum = column & MASK;
            carry = column >> 52;
        }
        sum
    }

    fn select(self, table: &[Element], [digit]: &[u64; 1]) -> Element {
        let mut picked = Element::ZERO;
        // SAFETY: see above
        unsafe { select(table, *digit, &mut picked) };
        picked
    }

    fn select_vartime(self, table: &[Element], [digit]: &[u64; 1]) -> Element {
        table[*digit as usize]
    }

    fn share(self, table: &[Element; 16]) -> [Element; 16] {
        *table
    }

    fn select_shared(self, table: &[Element; 16], digits: &[u64; 1]) -> Element {
        Kernel::<1>::select(self, table, digits)
    }

    fn comb(self) -> &'static OnceBox<Comb<[Element; 16]>> {
        &COMB
    }
}

/// A constant shifted up by 0 to 8 limbs: row s holds limbs -s to 71 - s, and entry 9 s + q is vector q of that row.
type Shifted = [Lanes; 81];

const fn shifted(limbs: &[u64]) -> Shifted {
    let mut table = [Lanes([0; 8]); 81];
    let mut s = 0;
    while s < 9 {
        let mut i = 0;
        while i < limbs.len() {
            table[9 * s + (s + i) / 8].0[(s + i) % 8] = limbs[i];
            i += 1;
        }
        s += 1;
    }
    table
}

static F_SHIFTED: Shifted = shifted(&FREE_QUOTIENT);
static N_SHIFTED: Shifted = shifted(&N);
static C_SHIFTED: Shifted = shifted(&NEGATED_INVERSE);

macro_rules! lo {
    ($acc:expr, $x:expr, $y:expr) => {
        $acc = _mm512_madd52lo_epu64($acc, $x, $y)
    };
    ($acc:expr, $mask:expr; $x:expr, $y:expr) => {
        $acc = _mm512_mask_madd52lo_epu64($acc, $mask, $x, $y)
    };
}
macro_rules! hi {
    ($acc:expr, $x:expr, $y:expr) => {
        $acc = _mm512_madd52hi_epu64($acc, $x, $y)
    };
    ($acc:expr, $mask:expr; $x:expr, $y:expr) => {
        $acc = _mm512_mask_madd52hi_epu64($acc, $mask, $x, $y)
    };
}
/// A macro once for each literal: accumulators stay in registers only while every index is a constant.
macro_rules! each {
    ($macro:ident: $($k:literal)*) => { $($macro!($k);)* };
}

vectorized! {
    fn multiply(a: &Element, b: &Element, out: &mut Element) {
        reduce(&columns_of_product(a, b), out);
    }

    fn square(a: &mut Element) {
        reduce(&columns_of_square(a), a);
    }

    /// Limbs 8 q - s to 8 q + 7 - s.
    #[inline]
    fn limbs_at(a: &Element, q: usize, s: usize) -> Z {
        debug_assert!(q <= 8 && s <= 8);
        // SAFETY: from 8 + 8 q - s, at least 0, eight words end at 80 at most
        unsafe { _mm512_loadu_si512(a.0.as_ptr().add(8 + 8 * q - s).cast()) }
    }

    /// Limb i in every lane.
    #[inline]
    fn limb(a: &Element, i: usize) -> Z {
        _mm512_set1_epi64(a.0[8 + i] as i64)
    }

    /// a b. Row i = 8 k + s of b meets a shifted by s limbs for the low halves, and by s + 1 for the high ones, so each
    /// shift serves the low halves of row s and the high halves of row s - 1.
    #[inline]
    fn columns_of_product(a: &Element, b: &Element) -> Columns {
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
        // a shift by 8 limbs is the next vector; rows 60 to 63 are zero
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
        // from here the 60 limbs reach into a ninth vector, and rows 8 * 7 + s are zero
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

    /// a a. Each row takes only the limbs above its own, masked in the vector where they begin; then everything doubles
    /// and the squares of the limbs go in. A column of the halves stays below 2^58, so doubling fits.
    #[inline]
    fn columns_of_square(a: &Element) -> Columns {
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
            let (above_lo, above_hi) = ((0xff_u32 << (2 * s + 1)) as u8, (0xff_u32 << (2 * s)) as u8);
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
            let (above_lo, above_hi) = ((0xff_u32 << (2 * s - 7)) as u8, (0xff_u32 << (2 * s - 8)) as u8);
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
            let pairs = _mm512_permutexvar_epi64(if c % 2 == 0 { low_pairs } else { high_pairs }, unshifted[c / 2]);
            t[c] = _mm512_add_epi64(t[c], t[c]);
            lo!(t[c], 0x55; pairs, pairs);
            hi!(t[c], 0xaa; pairs, pairs);
        }
        t
    }

    #[inline]
    fn digits(columns: Z, carry: u64, digits: &mut Lanes) -> u64 {
        let mut buffer = Lanes([0; 8]);
        // SAFETY: 64 bytes aligned to 64
        unsafe { _mm512_store_si512(buffer.0.as_mut_ptr().cast(), columns) };
        carry_through(&buffer, carry, digits)
    }
}

/// Vectors `$q` of the rows of a shifted constant times eight digits: low halves into `$w[$at + q]`, high halves, which
/// belong one limb higher and so to the next shift, into `$v[$at + q]`. Two accumulators shorten the chains.
macro_rules! rows {
    ($w:ident $v:ident $y:ident $table:ident $at:expr; $($first:literal)?) => {
        $($w[$at] = madd52lo_at::<$first>($w[$at], $y[0], $table);)?
        rows!(@lo $w $y $table $at; 0: 1 2 3 4 5 6 7);
        rows!(@both $w $v $y $table $at; 1 0: $($first)? 1 2 3 4 5 6 7);
        rows!(@both $w $v $y $table $at; 2 1: $($first)? 1 2 3 4 5 6 7);
        rows!(@both $w $v $y $table $at; 3 2: $($first)? 1 2 3 4 5 6 7);
        rows!(@both $w $v $y $table $at; 4 3: $($first)? 1 2 3 4 5 6 7);
        rows!(@both $w $v $y $table $at; 5 4: $($first)? 1 2 3 4 5 6 7 8);
        rows!(@both $w $v $y $table $at; 6 5: $($first)? 1 2 3 4 5 6 7 8);
        rows!(@both $w $v $y $table $at; 7 6: $($first)? 1 2 3 4 5 6 7 8);
        rows!(@hi $v $y $table $at; 8 7: 1 2 3 4 5 6 7 8);
    };
    (@lo $w:ident $y:ident $table:ident $at:expr; $s:literal: $($q:literal)*) => {
        $($w[$at + $q] = madd52lo_at::<{ $s * 9 + $q }>($w[$at + $q], $y[$s], $table);)*
    };
    (@hi $v:ident $y:ident $table:ident $at:expr; $s:literal $below:literal: $($q:literal)*) => {
        $($v[$at + $q] = madd52hi_at::<{ $s * 9 + $q }>($v[$at + $q], $y[$below], $table);)*
    };
    (@both $w:ident $v:ident $y:ident $table:ident $at:expr; $s:literal $below:literal: $($q:literal)*) => {$(
        $w[$at + $q] = madd52lo_at::<{ $s * 9 + $q }>($w[$at + $q], $y[$s], $table);
        $v[$at + $q] = madd52hi_at::<{ $s * 9 + $q }>($v[$at + $q], $y[$below], $table);
    )*};
}

vectorized! {
    /// T / 2^3328 modulo N, within the bounds above.
    #[inline(never)]
    fn reduce(t: &Columns, out: &mut Element) {
        let zero = _mm512_setzero_si512();
        let (mut w, mut v) = (*t, [zero; 17]);
        let mut m = Lanes([0; 8]);
        // opaque, so that the loads keep one base register and short offsets
        let table = black_box(&F_SHIFTED);
        let mut carry = digits(w[0], 0, &mut m);
        macro_rules! quotient {
            () => {[
                broadcast(&m.0[0]), broadcast(&m.0[1]), broadcast(&m.0[2]), broadcast(&m.0[3]),
                broadcast(&m.0[4]), broadcast(&m.0[5]), broadcast(&m.0[6]), broadcast(&m.0[7]),
            ]};
        }
        macro_rules! step {
            ($k:literal) => {
                let y = quotient!();
                // the next block first, in four chains: its digits are what the step after this waits for
                let (mut p0, mut p1, mut p2, mut p3) = (w[$k + 1], zero, v[$k + 1], zero);
                    p0 = madd52lo_at::<0>(p0, y[0], table);
                    p1 = madd52lo_at::<9>(p1, y[1], table);
                    p2 = madd52hi_at::<9>(p2, y[0], table);
                    p3 = madd52hi_at::<18>(p3, y[1], table);
                    p0 = madd52lo_at::<18>(p0, y[2], table);
                    p1 = madd52lo_at::<27>(p1, y[3], table);
                    p2 = madd52hi_at::<27>(p2, y[2], table);
                    p3 = madd52hi_at::<36>(p3, y[3], table);
                    p0 = madd52lo_at::<36>(p0, y[4], table);
                    p1 = madd52lo_at::<45>(p1, y[5], table);
                    p2 = madd52hi_at::<45>(p2, y[4], table);
                    p3 = madd52hi_at::<54>(p3, y[5], table);
                    p0 = madd52lo_at::<54>(p0, y[6], table);
                    p1 = madd52lo_at::<63>(p1, y[7], table);
                    p2 = madd52hi_at::<63>(p2, y[6], table);
                w[$k + 1] = _mm512_add_epi64(_mm512_add_epi64(p0, p2), _mm512_add_epi64(p1, p3));
                carry = digits(w[$k + 1], carry, &mut m);
                rows!(w v y table $k + 1;);
            };
        }
        each!(step: 0 1 2 3 4 5 6);
        let _ = carry; // the last block's carry is found below, with its quotient in
        let y = quotient!();
        let (mut p0, mut p1, mut p2, mut p3) = (zero, zero, zero, zero);
        for s in (0..8).step_by(2) {
            lo!(p0, low_vector(&C_SHIFTED, s), y[s]);
            hi!(p1, low_vector(&C_SHIFTED, s + 1), y[s]);
            lo!(p2, low_vector(&C_SHIFTED, s + 1), y[s + 1]);
            hi!(p3, low_vector(&C_SHIFTED, s + 2), y[s + 1]);
        }
        digits(_mm512_add_epi64(_mm512_add_epi64(p0, p1), _mm512_add_epi64(p2, p3)), 0, &mut m);
        let y = quotient!();
        let table = black_box(&N_SHIFTED);
        v[7] = zero;
        rows!(w v y table 7; 0);
        let mut high = [zero; 8];
        for q in 0..8 {
            high[q] = _mm512_add_epi64(w[8 + q], v[8 + q]);
        }
        // With the carry that came into it, block 7 is now a multiple of 2^416, and what it carries out is the top of
        // its column 7. What came in there is a carry below 2^12, so half a limb rounds to the multiple.
        let block = _mm512_add_epi64(w[7], v[7]);
        let rounded = _mm512_srli_epi64::<52>(_mm512_add_epi64(block, _mm512_set1_epi64(1 << 51)));
        high[0] = _mm512_add_epi64(high[0], _mm512_maskz_permutexvar_epi64(1, _mm512_set1_epi64(7), rounded));
        normalize(&high, out);
    }

    /// Vector 0 of row s.
    #[inline]
    fn low_vector(table: &Shifted, s: usize) -> Z {
        // SAFETY: 64 bytes aligned to 64
        unsafe { _mm512_load_si512(table[9 * s].0.as_ptr().cast()) }
    }

    /// 64 columns below 2^64 to limbs: all but the lowest 52 bits of each move up at once, which leaves single carries
    /// where a limb is full. Those ripple in one 64-bit addition: a limb above 2^52 - 1 generates, one at 2^52 - 1
    /// propagates. A limb may end at 2^52 or above, where its low 52 bits count.
    #[inline]
    fn normalize(columns: &[Z; 8], out: &mut Element) {
        let full = _mm512_set1_epi64(MASK as i64);
        let (mut below, mut limbs) = (_mm512_setzero_si512(), *columns);
        let (mut generate, mut propagate) = (0, 0);
        for q in 0..8 {
            let carries = _mm512_srli_epi64::<52>(columns[q]);
            let shifted = _mm512_alignr_epi64::<7>(carries, below);
            below = carries;
            limbs[q] = _mm512_add_epi64(_mm512_and_si512(columns[q], full), shifted);
            generate |= u64::from(_mm512_cmpgt_epu64_mask(limbs[q], full)) << (8 * q);
            propagate |= u64::from(_mm512_cmpeq_epi64_mask(limbs[q], full)) << (8 * q);
        }
        let carried = (generate << 1).wrapping_add(propagate) ^ propagate;
        for (q, limb) in limbs.into_iter().enumerate() {
            let k = (carried >> (8 * q)) as u8;
            put(out, q, _mm512_mask_sub_epi64(limb, k, limb, _mm512_set1_epi64(-1)));
        }
    }

    #[inline]
    fn put(out: &mut Element, q: usize, limbs: Z) {
        debug_assert!(q < 8);
        // SAFETY: words 8 + 8 q to 15 + 8 q of 80, aligned to 64
        unsafe { _mm512_store_si512(out.0.as_mut_ptr().add(8 + 8 * q).cast(), limbs) };
    }

    /// Reads every entry; the compare masks are opaque to the optimizer's knowledge of the digit.
    fn select(table: &[Element], digit: u64, out: &mut Element) {
        let digit = _mm512_set1_epi64(digit as i64);
        let mut picked = [_mm512_setzero_si512(); 8];
        for (entry, i) in table.iter().zip(0..) {
            let k = _mm512_cmpeq_epi64_mask(digit, _mm512_set1_epi64(i));
            for (q, picked) in picked.iter_mut().enumerate() {
                *picked = _mm512_mask_mov_epi64(*picked, k, limbs_at(entry, q, 0));
            }
        }
        for (q, picked) in picked.into_iter().enumerate() {
            put(out, q, picked);
        }
    }
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;

    use super::*;

    fn number(limbs: &[u64]) -> BigUint {
        limbs.iter().rev().fold(BigUint::ZERO, |high, &limb| (high << 52) + limb)
    }

    fn value(x: &Element) -> BigUint {
        number(&x.limbs().iter().map(|limb| limb & MASK).collect::<alloc::vec::Vec<_>>())
    }

    fn vectors<const COUNT: usize>(columns: &[u64]) -> [Z; COUNT] {
        core::array::from_fn(|q| {
            let lanes: [i64; 8] = core::array::from_fn(|i| columns[8 * q + i] as i64);
            let [a, b, c, d, e, f, g, h] = lanes;
            // SAFETY: the tests below run only where `detect` answers
            unsafe { _mm512_set_epi64(h, g, f, e, d, c, b, a) }
        })
    }

    #[test]
    fn carries_ripple_over_the_whole_length() {
        if Ifma::detect().is_none() {
            return;
        }
        let full = MASK;
        for low in [0, 1, full, full + 1, 1 << 60, u64::MAX] {
            for middle in [0, 1, full - 1, full, full + 1, (1 << 60) - 1] {
                for start in [0, 1, 7, 8, 31, 58] {
                    let mut columns = [0; 64];
                    columns[start] = low;
                    columns[start + 1..59].fill(middle);
                    let mut out = Element::ZERO;
                    // SAFETY: just detected
                    unsafe { normalize(&vectors(&columns), &mut out) };
                    assert_eq!(value(&out), number(&columns), "{low:x} {middle:x} from {start}");
                }
            }
        }
    }

    #[test]
    fn reduction_holds_at_the_edges_of_its_columns() {
        if Ifma::detect().is_none() {
            return;
        }
        let n = number(&N);
        let r = BigUint::from(1u8) << 3328;
        let limit = (&n << 1) + (BigUint::from(1u8) << 2913);
        // 120 products of 52 bits is the most that a column starts with
        for filling in [0, 1, MASK - 1, MASK, MASK + 1, 120 * MASK] {
            for (from, to) in [
                (0, 120),
                (0, 8),
                (8, 16),
                (0, 56),
                (48, 56),
                (56, 64),
                (55, 57),
                (63, 64),
                (64, 120),
                (119, 120),
            ] {
                for lowest in [0, 1, MASK, 1 << 52, 120 * MASK] {
                    let mut columns = [0; 136];
                    columns[from..to].fill(filling);
                    columns[from] = lowest;
                    if number(&columns).bits() > 6240 {
                        columns[119] = 0; // such a top column is no product of operands below 2^3120
                        columns[118] &= MASK;
                    }
                    let mut out = Element::ZERO;
                    // SAFETY: just detected
                    unsafe { reduce(&vectors(&columns), &mut out) };
                    let got = value(&out);
                    assert!(got < limit, "{filling:x} in {from}..{to}, {lowest:x} lowest");
                    assert_eq!(
                        (got * &r) % &n,
                        number(&columns) % &n,
                        "{filling:x} in {from}..{to}, {lowest:x} lowest"
                    );
                }
            }
        }
    }

    #[test]
    fn products_and_squares_of_full_limbs() {
        let Some(k) = Ifma::detect() else { return };
        let n = number(&N);
        let r = BigUint::from(1u8) << 3328;
        let mut operands =
            alloc::vec![Element::ZERO, Element::new(&[MASK; LIMBS]), Element::new(&[1]), Element::new(&N)];
        // limbs count modulo 2^52, whatever is above
        operands.push(Element::new(&[u64::MAX; LIMBS]));
        for i in 0..LIMBS {
            let mut limbs = [0; LIMBS];
            limbs[i] = MASK;
            operands.push(Element::new(&limbs));
            limbs = [MASK; LIMBS];
            limbs[i] = 0;
            operands.push(Element::new(&limbs));
        }
        for a in &operands {
            let mut squared = *a;
            Kernel::<1>::square(k, &mut squared, 1);
            assert_eq!(value(&squared) * &r % &n, value(a) * value(a) % &n);
            for b in [&operands[1], &operands[4], a, &operands[20]] {
                assert_eq!(value(&Kernel::<1>::mul(k, a, b)) * &r % &n, value(a) * value(b) % &n);
            }
        }
    }
}
