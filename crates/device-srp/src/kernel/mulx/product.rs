//! Products modulo N.
#![allow(unsafe_code, reason = "assembly")]

use core::array;

use super::{Mulx, assembly};
use crate::{
    group::{LIMBS, N},
    kernel::scan::mask,
};

/// 48 words of 64 bits, least significant first.
pub(super) type Limbs = [u64; LIMBS];
type Product = [u64; 2 * LIMBS];

/// a b / R modulo N, below R.
pub(super) fn product(_: Mulx, a: &Limbs, b: &Limbs) -> Limbs {
    let mut t = [0; 2 * LIMBS];
    // SAFETY: a `Mulx` proves that the CPU has the instructions; the types give the lengths.
    unsafe { assembly::multiply(t.as_mut_ptr(), a.as_ptr(), b.as_ptr()) };
    reduce(&mut t)
}

/// a^2 / R modulo N, below R.
pub(super) fn square(_: Mulx, a: &Limbs) -> Limbs {
    let mut t = [0; 2 * LIMBS];
    // SAFETY: a `Mulx` proves that the CPU has the instructions; the types give the lengths.
    unsafe { assembly::square(t.as_mut_ptr(), a.as_ptr()) };
    reduce(&mut t)
}

/// t / R modulo N, below R, for t < R^2. Only for callers that hold a [`Mulx`].
fn reduce(t: &mut Product) -> Limbs {
    // SAFETY: both callers hold a `Mulx`, which proves that the CPU has the instructions; the types
    // give the lengths.
    let carry = unsafe { assembly::reduce(t.as_mut_ptr(), N.as_ptr()) };
    let mut upper = array::from_fn(|i| t[LIMBS + i]);
    subtract_n_if(&mut upper, carry);
    upper
}

/// The low and the high word of t + a b + c, which is at most 2^128 - 1.
#[inline(always)]
pub(super) const fn mac(t: u64, a: u64, b: u64, c: u64) -> (u64, u64) {
    let wide = t as u128 + a as u128 * b as u128 + c as u128;
    (wide as u64, (wide >> 64) as u64)
}

/// Subtracts N if `bit` is 1. Returns the borrow.
pub(super) fn subtract_n_if(x: &mut Limbs, bit: u64) -> u64 {
    let (mask, mut borrow) = (mask(bit), 0);
    for (x, n) in x.iter_mut().zip(N) {
        let wide = u128::from(*x).wrapping_sub(u128::from(n & mask) + u128::from(borrow));
        *x = wide as u64;
        borrow = (wide >> 64) as u64 & 1;
    }
    borrow
}
