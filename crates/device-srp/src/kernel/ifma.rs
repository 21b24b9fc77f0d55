//! AVX-512 IFMA: multiply-adds of 52-bit limbs in eight 64-bit lanes. [`single`] spreads one
//! residue over the lanes for latency, [`lanes`] gives each lane a residue of its own for
//! throughput.
//!
//! `vpmadd52` reads the low 52 bits of its factors and adds the low or the high 52 bits of their
//! product to a 64-bit accumulator. So only the low 52 bits of a limb in memory count, and a column
//! has room for 2^12 products before a carry is lost.

#![expect(clippy::indexing_slicing, reason = "arrays of fixed length under constant bounds")]

mod arch;
mod constants;
mod lanes;
mod single;

use super::Kernel;
use crate::group::{self, Residue};
use constants::LIMBS;
pub(super) use lanes::Workspace;

const MASK: u64 = (1 << 52) - 1;

/// Proof that this CPU and its operating system support every instruction of these kernels.
#[derive(Clone, Copy)]
pub(super) struct Ifma(());

impl Ifma {
    #[cfg(not(device_srp_backend = "model"))]
    pub(super) fn detect() -> Option<Self> {
        cpufeatures::new!(
            ifma,
            "avx512f",
            "avx512dq",
            "avx512bw",
            "avx512vl",
            "avx512ifma",
            "bmi2"
        );
        ifma::get().then_some(Self(()))
    }

    /// Always succeeds: the model runs on any CPU.
    #[cfg(device_srp_backend = "model")]
    pub(super) fn detect() -> Option<Self> {
        Some(Self(()))
    }
}

/// N in limbs of 52 bits.
const N: [u64; LIMBS] = from_words(&group::N);

/// 48 words of 64 bits as 60 limbs of 52.
#[allow(clippy::integer_division_remainder_used, reason = "a public position")]
const fn from_words(words: &[u64; group::LIMBS]) -> [u64; LIMBS] {
    let mut limbs = [0; LIMBS];
    let mut i = 0;
    while i < LIMBS {
        let (word, shift) = (i * 52 / 64, i * 52 % 64);
        if word < words.len() {
            limbs[i] = words[word] >> shift;
            if shift > 12 && word + 1 < words.len() {
                limbs[i] |= words[word + 1] << (64 - shift);
            }
            limbs[i] &= MASK;
        }
        i += 1;
    }
    limbs
}

/// Reduces a value below 3 N. Only the low 52 bits of each limb count.
#[allow(clippy::integer_division_remainder_used, reason = "a public position")]
fn canonical(limbs: &[u64; LIMBS]) -> Residue {
    let mut value = limbs.map(|limb| limb & MASK);
    for _ in 0..2 {
        let (mut less, mut borrow) = ([0; LIMBS], 0);
        for ((less, &limb), &n) in less.iter_mut().zip(&value).zip(&N) {
            let difference = limb.wrapping_sub(n).wrapping_sub(borrow);
            borrow = difference >> 63;
            *less = difference & MASK;
        }
        let keep = core::hint::black_box(borrow.wrapping_neg());
        value
            .iter_mut()
            .zip(&less)
            .for_each(|(limb, less)| *limb = (*limb & keep) | (less & !keep));
    }
    let mut words = [0; group::LIMBS];
    for (i, word) in words.iter_mut().enumerate() {
        let (limb, shift) = (i * 64 / 52, i * 64 % 52);
        *word = value[limb] >> shift | value[limb + 1] << (52 - shift);
        if shift > 40 {
            *word |= value[limb + 2] << (104 - shift);
        }
    }
    Residue(words)
}
