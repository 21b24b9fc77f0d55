//! The arithmetic that the protocol calls, on the fastest kernel that this CPU can run.
//!
//! A [`Kernel`] multiplies `L` independent residues side by side; the formulas over kernels are
//! written once.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod formula;
#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(any(target_arch = "x86_64", device_srp_backend = "model"))]
mod ifma;
mod portable;
mod power;
mod scan;
#[cfg(device_srp_taint)]
pub mod taint;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::ops::RangeInclusive;

#[cfg(target_has_atomic = "ptr")]
use once_cell::race::OnceBox;
use zeroize::Zeroizing;

use crate::{exponent::Exponent, group::Residue};
#[cfg(target_arch = "x86_64")]
use avx2::Avx2;
use portable::Portable;
#[cfg(target_has_atomic = "ptr")]
use power::Comb;

/// Arithmetic modulo N on `L` lanes, each of which holds a residue of its own.
///
/// A method is constant time unless its name ends in `_vartime`. A value of the implementing type
/// proves that the CPU can run the kernel.
#[cfg_attr(not(target_has_atomic = "ptr"), expect(dead_code, reason = "what only the comb needs"))]
trait Kernel<const L: usize>: Copy {
    /// `L` residues in the kernel's own representation, not necessarily fully reduced.
    ///
    /// Every operation accepts the result of any other, except that `add` does not accept a sum.
    type Element: Clone;
    /// A table of 16 residues that all lanes share.
    type Shared: Send + Sync + 'static;

    fn load(self, x: [&Residue; L]) -> Self::Element;
    fn store(self, x: &Self::Element) -> [Residue; L];
    fn one(self) -> Self::Element;
    fn mul_assign(self, a: &mut Self::Element, b: &Self::Element);
    fn mul(self, a: &Self::Element, b: &Self::Element) -> Self::Element {
        let mut product = a.clone();
        self.mul_assign(&mut product, b);
        product
    }
    /// Squares `a` in place, `times` times.
    fn square(self, a: &mut Self::Element, times: usize);
    fn add(self, a: &Self::Element, b: &Self::Element) -> Self::Element;
    /// Copies one entry per lane to `to`. Reads the whole table, whatever the digits are.
    fn select(self, table: &[Self::Element], digits: &[u64; L], to: &mut Self::Element);
    /// Copies one entry per lane to `to`, by digits that are public.
    fn select_vartime(self, table: &[Self::Element], digits: &[u64; L], to: &mut Self::Element);

    /// Makes a shared table from lane 0 of each entry.
    fn share(self, table: &[Self::Element; 16]) -> Self::Shared;
    fn select_shared(self, table: &Self::Shared, digits: &[u64; L], to: &mut Self::Element);
    /// This kernel's table for powers of g, derived at first use.
    #[cfg(target_has_atomic = "ptr")]
    fn comb(self) -> &'static OnceBox<Comb<Self::Shared>>;
}

/// The kernel for one handshake: the fastest one that the CPU supports.
///
/// Tests choose another with `--cfg device_srp_backend`: `"portable"`, `"avx2"` (portable if the
/// CPU has no AVX2), or `"model"` for the kernels for AVX-512 IFMA on a model of their
/// instructions.
enum Backend {
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(any(target_arch = "x86_64", device_srp_backend = "model"))]
    Ifma(ifma::Ifma),
}

impl Backend {
    fn detect() -> Self {
        #[cfg(any(target_arch = "x86_64", device_srp_backend = "model"))]
        if !cfg!(any(device_srp_backend = "portable", device_srp_backend = "avx2"))
            && let Some(ifma) = ifma::Ifma::detect()
        {
            return Self::Ifma(ifma);
        }
        #[cfg(target_arch = "x86_64")]
        if !cfg!(device_srp_backend = "portable")
            && let Some(avx2) = Avx2::detect()
        {
            return Self::Avx2(avx2);
        }
        Self::Portable(Portable)
    }
}

/// Runs a formula for one handshake on the chosen kernel.
macro_rules! on_one {
    ($formula:ident($($argument:expr),*)) => {{
        let [result] = match Backend::detect() {
            Backend::Portable(k) => formula::$formula(k, $([$argument]),*),
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2(k) => {
                let space = $crate::kernel::avx2::Workspace::cell();
                formula::$formula(k.with(&space), $([$argument]),*)
            }
            #[cfg(any(target_arch = "x86_64", device_srp_backend = "model"))]
            Backend::Ifma(k) => formula::$formula(k, $([$argument]),*),
        };
        result
    }};
}

/// The number of handshakes that fill all lanes.
#[cfg(any(target_arch = "x86_64", device_srp_backend = "model"))]
const LANES: usize = 8;
/// The smallest batch that costs no more in lanes than one handshake after the other.
#[cfg(any(target_arch = "x86_64", device_srp_backend = "model"))]
const WORTHWHILE: usize = 6;

/// The batch sizes that gain from lanes on this CPU.
pub(crate) fn batch_sizes() -> RangeInclusive<usize> {
    #[cfg(any(target_arch = "x86_64", device_srp_backend = "model"))]
    if let Backend::Ifma(_) = Backend::detect() {
        return WORTHWHILE..=LANES;
    }
    1..=1
}

/// Runs a formula for each item of a slice: in lanes while enough are left, else one by one.
///
/// Unused lanes repeat other items, so that every lane has valid operands.
macro_rules! in_lanes {
    ($items:expr, $formula:ident) => {{
        let mut results = Vec::with_capacity($items.len());
        #[cfg(any(target_arch = "x86_64", device_srp_backend = "model"))]
        if let Backend::Ifma(k) = Backend::detect() {
            for chunk in $items.chunks(LANES).filter(|chunk| chunk.len() >= WORTHWHILE) {
                let space = $crate::kernel::ifma::Workspace::cell();
                let k = k.in_lanes(&space);
                #[expect(clippy::indexing_slicing, reason = "a remainder is in bounds")]
                #[allow(clippy::integer_division_remainder_used, reason = "a public position")]
                let lanes: [_; LANES] = core::array::from_fn(|i| &chunk[i % chunk.len()]);
                let lanes = formula::$formula::<LANES, _>(k, lanes);
                results.extend(lanes.into_iter().take(chunk.len()).map(Zeroizing::new));
            }
        }
        for item in $items.iter().skip(results.len()) {
            results.push(Zeroizing::new(on_one!($formula(item))));
        }
        results
    }};
}

/// The operands of the server's first step.
pub(crate) struct Opening<'a> {
    pub(crate) v: &'a Residue,
    pub(crate) b: &'a Exponent,
}

/// The operands of the server's second step.
pub(crate) struct Handshake<'a> {
    pub(crate) a: Residue,
    pub(crate) v: &'a Residue,
    /// v^(2^64), v^(2^128), v^(2^192), if they were stored.
    pub(crate) powers: Option<&'a [Residue; 3]>,
    pub(crate) u: Exponent,
    pub(crate) b: &'a Exponent,
}

/// g^e.
pub(crate) fn generator_power(e: &Exponent) -> Residue {
    on_one!(generator_power(e))
}

/// The server's B = k v + g^b.
pub(crate) fn server_public(opening: &Opening<'_>) -> Residue {
    on_one!(server_public(opening))
}

/// The server's S = (A v^u)^b, in constant time except for u, which is public.
pub(crate) fn server_secret(handshake: &Handshake<'_>) -> Zeroizing<Residue> {
    Zeroizing::new(on_one!(server_secret(handshake)))
}

/// The server's S for many handshakes, in lanes if that is faster.
pub(crate) fn server_secrets(handshakes: &[Handshake<'_>]) -> Vec<Zeroizing<Residue>> {
    in_lanes!(handshakes, server_secret)
}

/// The server's B for many handshakes, in lanes if that is faster.
pub(crate) fn server_publics(openings: &[Opening<'_>]) -> Vec<Zeroizing<Residue>> {
    in_lanes!(openings, server_public)
}

/// v^(2^64), v^(2^128), v^(2^192), with which v^u takes 63 squarings instead of 252.
pub(crate) fn powers(v: &Residue) -> [Residue; 3] {
    on_one!(powers(v))
}

/// The client's S = (B - k g^x)^e with e = a + u x.
pub(crate) fn client_secret(b: &Residue, x: &Exponent, e: &Exponent) -> Zeroizing<Residue> {
    Zeroizing::new(on_one!(client_secret(b, x, e)))
}

// Declared here, after the macros that it uses.
#[cfg(feature = "__power")]
pub mod bare;
