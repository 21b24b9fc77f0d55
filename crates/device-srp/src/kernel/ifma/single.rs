//! One residue over the lanes of eight vectors: 64 limbs, the highest four zero, R = 2^3328.
//!
//! The whole product T comes first, as 120 columns without dependencies between them. The reduction
//! then clears eight limbs per step. Because c N = F 2^416 - 1, a block of eight columns is its own
//! quotient, and only the carries inside it are serial. Seven such steps, and one with N itself,
//! whose quotient is the block times c, reduce T to T / R modulo N.
//!
//! Bounds. Operands are below 2^3120, so T < 2^6240. After seven steps it is below T / 2^2912 +
//! (2^416 + 1) F, after the last below T / 2^3328 + (1 + 2^-415) F + N. Because F < N, every result
//! is below 2 N + 2^2913. A column gets at most 60 low and 60 high halves from a product; in the
//! reduction each of up to 8 steps adds 8 low and 8 high halves and carries below 2^12. So it stays
//! below 250 * 2^52 < 2^60.
#![allow(unsafe_code, reason = "vector instructions and their loads")]
#![cfg_attr(
    device_srp_backend = "model",
    allow(unused_unsafe, reason = "the model's instructions are safe")
)]
#![expect(clippy::indexing_slicing, reason = "arrays of fixed length under constant indices")]

/// Defines functions compiled for the CPU features that [`Ifma::detect`] looks for. For the model,
/// they are plain functions.
macro_rules! vectorized {
    ($(
        $(#[$meta:meta])*
        $vis:vis fn $name:ident $(<$(const $param:ident: $type:ty),+>)? ($($arguments:tt)*)
        $(-> $result:ty)? $body:block
    )+) => {$(
        $(#[$meta])*
        #[cfg_attr(
            not(device_srp_backend = "model"),
            target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx512ifma,bmi2")
        )]
        $vis fn $name $(<$(const $param: $type),+>)? ($($arguments)*) $(-> $result)? $body
    )+};
}
pub(super) use vectorized;

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
/// Invokes a macro once for each literal. Accumulators stay in registers only if every index is a
/// constant.
macro_rules! each {
    ($macro:ident: $($k:literal)*) => { $($macro!($k);)* };
}

// declared here, after the macros that they use
mod product;
mod reduction;

use once_cell::race::OnceBox;

use super::{
    Ifma, Kernel, LIMBS, MASK, N,
    arch::*,
    canonical,
    constants::{SINGLE_ONE, SINGLE_SQUARED},
    from_words,
};
use crate::{group::Residue, kernel::power::Comb};
use product::{columns_of_product, columns_of_square};
use reduction::reduce;

/// 64 limbs with a vector of zeros on either side, so that one unaligned load reads limbs shifted
/// by up to a vector.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(in crate::kernel) struct Element([u64; 80]);

/// Eight columns per vector: the product's 120, and room for the last high halves.
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

impl Kernel<1> for Ifma {
    type Element = Element;
    type Shared = [Element; 16];

    fn load(self, [x]: [&Residue; 1]) -> Element {
        const SQUARED: Element = Element::new(&SINGLE_SQUARED);
        self.mul(&Element::new(&from_words(&x.0)), &SQUARED)
    }

    fn store(self, x: &Element) -> [Residue; 1] {
        const UNIT: Element = Element::new(&[1]);
        let mut limbs = [0; LIMBS];
        limbs.copy_from_slice(self.mul(x, &UNIT).limbs());
        [canonical(&limbs)]
    }

    fn one(self) -> Element {
        Element::new(&SINGLE_ONE)
    }

    fn mul_assign(self, a: &mut Element, b: &Element) {
        // SAFETY: `self` proves that the CPU has the features
        unsafe { multiply(a, b) };
    }

    fn square(self, a: &mut Element, times: usize) {
        for _ in 0..times {
            // SAFETY: `self` proves that the CPU has the features
            unsafe { square(a) };
        }
    }

    /// A sum of two results of [`Self::mul`] is below 2^3075, far below the bound of 2^3120.
    fn add(self, a: &Element, b: &Element) -> Element {
        let (mut sum, mut carry) = (Element::ZERO, 0);
        for ((sum, a), b) in sum.0.iter_mut().zip(&a.0).zip(&b.0) {
            let column = (a & MASK) + (b & MASK) + carry;
            *sum = column & MASK;
            carry = column >> 52;
        }
        sum
    }

    fn select(self, table: &[Element], [digit]: &[u64; 1], to: &mut Element) {
        // SAFETY: `self` proves that the CPU has the features
        unsafe { select(table, *digit, to) };
    }

    fn select_vartime(self, table: &[Element], [digit]: &[u64; 1], to: &mut Element) {
        *to = table[*digit as usize];
    }

    fn share(self, table: &[Element; 16]) -> [Element; 16] {
        *table
    }

    fn select_shared(self, table: &[Element; 16], digits: &[u64; 1], to: &mut Element) {
        self.select(table, digits, to);
    }

    fn comb(self) -> &'static OnceBox<Comb<[Element; 16]>> {
        &COMB
    }
}

vectorized! {
    fn multiply(a: &mut Element, b: &Element) {
        reduce(&columns_of_product(a, b), a);
    }

    fn square(a: &mut Element) {
        reduce(&columns_of_square(a), a);
    }

    /// Loads limbs 8 q - s to 8 q + 7 - s.
    #[inline]
    fn limbs_at(a: &Element, q: usize, s: usize) -> Z {
        debug_assert!(q <= 8 && s <= 8);
        // SAFETY: from 8 + 8 q - s, at least 0, eight words end at 80 at most
        unsafe { _mm512_loadu_si512(a.0.as_ptr().add(8 + 8 * q - s).cast()) }
    }

    #[inline]
    fn put(out: &mut Element, q: usize, limbs: Z) {
        debug_assert!(q < 8);
        // SAFETY: words 8 + 8 q to 15 + 8 q of 80, aligned to 64
        unsafe { _mm512_store_si512(out.0.as_mut_ptr().add(8 + 8 * q).cast(), limbs) };
    }

    /// Reads every entry. The optimizer does not see through the compare masks, so it does not turn
    /// the scan into a load by a secret index.
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

    pub(super) fn number(limbs: &[u64]) -> BigUint {
        limbs.iter().rev().fold(BigUint::ZERO, |high, &limb| (high << 52) + limb)
    }

    pub(super) fn value(x: &Element) -> BigUint {
        number(&x.limbs().iter().map(|limb| limb & MASK).collect::<alloc::vec::Vec<_>>())
    }

    #[test]
    fn products_and_squares_of_full_limbs() {
        let Some(k) = Ifma::detect() else { return };
        let n = number(&N);
        let r = BigUint::from(1u8) << 3328;
        let mut operands = alloc::vec![
            Element::ZERO,
            Element::new(&[MASK; LIMBS]),
            Element::new(&[1]),
            Element::new(&N)
        ];
        // only the low 52 bits of a limb count
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
            k.square(&mut squared, 1);
            assert_eq!(value(&squared) * &r % &n, value(a) * value(a) % &n);
            for b in [&operands[1], &operands[4], a, &operands[20]] {
                assert_eq!(value(&k.mul(a, b)) * &r % &n, value(a) * value(b) % &n);
            }
        }
    }
}
