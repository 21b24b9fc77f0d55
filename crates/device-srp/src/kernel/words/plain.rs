//! Multiplication in safe Rust, for any target.
#![expect(
    clippy::indexing_slicing,
    reason = "arrays of fixed length under loops of constant bounds"
)]

use super::{LIMBS, Limbs, Multiplier, N, Product, Words, double_and_add_squares, mac, upper_half};

/// Runs everywhere.
#[derive(Clone, Copy)]
pub(in crate::kernel) struct Plain;

/// The kernel that runs everywhere.
pub(in crate::kernel) const PORTABLE: Words<Plain> = Words(Plain);

impl Multiplier for Plain {
    fn multiply(self, a: &Limbs, b: &Limbs) -> Limbs {
        let mut t = [0; 2 * LIMBS];
        for i in 0..LIMBS {
            let mut carry = 0;
            for j in 0..LIMBS {
                (t[i + j], carry) = mac(t[i + j], a[i], b[j], carry);
            }
            t[i + LIMBS] = carry;
        }
        reduce(&mut t)
    }

    /// Each product of two different limbs once, doubled; then the squares.
    fn square(self, a: &Limbs) -> Limbs {
        let mut t = [0; 2 * LIMBS];
        for i in 0..LIMBS {
            let mut carry = 0;
            for j in i + 1..LIMBS {
                (t[i + j], carry) = mac(t[i + j], a[i], a[j], carry);
            }
            t[i + LIMBS] = carry;
        }
        double_and_add_squares(&mut t, a);
        reduce(&mut t)
    }
}

/// t / R modulo N, below R, for t < R^2.
#[inline(always)]
fn reduce(t: &mut Product) -> Limbs {
    let mut top = 0;
    for i in 0..LIMBS {
        let digit = t[i];
        // the lowest limb of N: t + digit (2^64 - 1) = digit 2^64
        let mut carry = digit;
        for j in 1..LIMBS {
            (t[i + j], carry) = mac(t[i + j], digit, N[j], carry);
        }
        (t[i + LIMBS], top) = mac(t[i + LIMBS], carry, 1, top);
    }
    upper_half(t, top)
}
