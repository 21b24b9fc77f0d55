//! Products modulo N.
#![allow(unsafe_code, reason = "assembly")]

use core::array;

use super::{
    Mulx,
    assembly::{add_quotient, add_row, add_triangle},
};
use crate::{
    group::{LIMBS, N},
    kernel::scan::mask,
};

/// 48 words of 64 bits, least significant first.
pub(super) type Limbs = [u64; LIMBS];
type Product = [u64; 2 * LIMBS];

/// What each piece of assembly does eight limbs of.
#[allow(clippy::integer_division_remainder_used, reason = "a constant")]
const BLOCKS: usize = LIMBS / 8;

/// a b / R modulo N, below R.
pub(super) fn product(_: Mulx, a: &Limbs, b: &Limbs) -> Limbs {
    let mut t = [0; 2 * LIMBS];
    for k in 0..BLOCKS {
        // SAFETY: the CPU has the instructions, as there is a `Mulx`. Reads a[8 k..8 k + 8] and all
        // of b; reads and writes t[8 k..8 k + 56], which ends at 96.
        unsafe { add_row(t.as_mut_ptr().add(8 * k), a.as_ptr().add(8 * k), b.as_ptr()) };
    }
    reduce(&mut t)
}

/// a^2 / R modulo N, below R.
pub(super) fn square(_: Mulx, a: &Limbs) -> Limbs {
    let mut t = [0; 2 * LIMBS];
    for k in 0..BLOCKS {
        // SAFETY: the CPU has the instructions, as there is a `Mulx`. Reads a[8 k..48]; reads and
        // writes t[16 k..8 k + 56], which ends at 96.
        unsafe {
            add_triangle(t.as_mut_ptr().add(16 * k), a.as_ptr().add(8 * k), (BLOCKS - k) as u64)
        };
    }
    double_and_add_squares(&mut t, a);
    reduce(&mut t)
}

/// t / R modulo N, below R, for t < R^2. Only for callers that hold a [`Mulx`].
fn reduce(t: &mut Product) -> Limbs {
    let (mut digits_and_carry, mut top) = ([0; 16], 0);
    for k in 0..BLOCKS {
        // SAFETY: the CPU has the instructions, as both callers hold a `Mulx`. Reads t[8 k..8 k +
        // 48], writes all but the first eight of those, and writes all 16 words of the last
        // argument.
        unsafe {
            add_quotient(t.as_mut_ptr().add(8 * k), N.as_ptr(), digits_and_carry.as_mut_ptr())
        };
        for i in 0..8 {
            let at = 8 * k + LIMBS + i;
            (t[at], top) = mac(t[at], digits_and_carry[8 + i], 1, top);
        }
    }
    upper_half(t, top)
}

/// t + a b + c: never more than 2^128 - 1.
#[inline(always)]
pub(super) const fn mac(t: u64, a: u64, b: u64, c: u64) -> (u64, u64) {
    let wide = t as u128 + a as u128 * b as u128 + c as u128;
    (wide as u64, (wide >> 64) as u64)
}

/// Subtracts N if `bit`; the borrow out.
pub(super) fn subtract_n_if(x: &mut Limbs, bit: u64) -> u64 {
    let (mask, mut borrow) = (mask(bit), 0);
    for (x, n) in x.iter_mut().zip(N) {
        let wide = u128::from(*x).wrapping_sub(u128::from(n & mask) + u128::from(borrow));
        *x = wide as u64;
        borrow = (wide >> 64) as u64 & 1;
    }
    borrow
}

/// Doubles the products of different limbs and adds the squares.
fn double_and_add_squares(t: &mut Product, a: &Limbs) {
    let (mut carry, mut shifted_out) = (0, 0);
    for i in 0..LIMBS {
        let (even, odd) = (t[2 * i], t[2 * i + 1]);
        let high;
        (t[2 * i], high) = mac(even << 1 | shifted_out, a[i], a[i], carry);
        (t[2 * i + 1], carry) = mac(odd << 1 | even >> 63, high, 1, 0);
        shifted_out = odd >> 63;
    }
}

/// The upper half of a reduced product, with the carry out of it, brought below R.
fn upper_half(t: &Product, carry: u64) -> Limbs {
    let mut upper = array::from_fn(|i| t[LIMBS + i]);
    subtract_n_if(&mut upper, carry);
    upper
}
