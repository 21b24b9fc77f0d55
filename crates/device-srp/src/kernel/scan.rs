//! Table lookups that read the whole table, whichever entry is wanted.

use core::hint::black_box;

/// A mask for each entry of a table: all ones for entry `number`, zeros for the others.
pub(super) fn masks(number: u64) -> impl Iterator<Item = u64> {
    (0..).map(move |i| mask(equal(i, number)))
}

/// 1 if equal, else 0.
fn equal(a: u64, b: u64) -> u64 {
    let difference = a ^ b;
    1 ^ ((difference | difference.wrapping_neg()) >> 63)
}

/// All ones for 1, zeros for 0.
///
/// Opaque to the optimizer, which would otherwise turn a masked scan into a load by a secret index.
pub(super) fn mask(bit: u64) -> u64 {
    black_box(bit.wrapping_neg())
}
