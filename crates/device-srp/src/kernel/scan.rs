//! Table look-ups that read the whole table, whatever they look for.

use core::hint::black_box;

/// For each entry of a table all ones if it has this number, else zeros.
pub(super) fn masks(number: u64) -> impl Iterator<Item = u64> {
    (0..).map(move |i| mask(equal(i, number)))
}

/// 1 if equal, else 0.
fn equal(a: u64, b: u64) -> u64 {
    let difference = a ^ b;
    1 ^ ((difference | difference.wrapping_neg()) >> 63)
}

/// All ones for 1, none for 0. Opaque, or the optimizer makes a secret-indexed load of a masked
/// scan.
pub(super) fn mask(bit: u64) -> u64 {
    black_box(bit.wrapping_neg())
}
