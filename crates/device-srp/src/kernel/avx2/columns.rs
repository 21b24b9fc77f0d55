//! Columns of products, without carries between them.
#![allow(unsafe_code, reason = "assembly")]

use super::{
    Avx2, assembly,
    limbs::{Element, LEN, Lanes, PACKED, unpack},
};

/// The columns of a product, an array for each lane of the second factor.
///
/// In array m, lane l of row j counts as limb `ROWS / 2 * (l + m) + j`.
///
/// The last row is 0 always.
pub(super) type Columns<const ROWS: usize> = [[Lanes; ROWS]; 4];

/// Rows that the assembly multiplies by as many limbs at a time.
pub(super) const CHUNK: usize = 7;

/// t = a b.
pub(super) fn multiply(cpu: Avx2, a: &Element, b: &Element, t: &mut Columns<{ 2 * LEN }>) {
    let a = &unpack(a);
    for (lane, t) in t.iter_mut().enumerate() {
        run(cpu, assembly::start, t, a, b, 2 * lane);
        for j in (CHUNK..LEN).step_by(CHUNK) {
            let (y, word) = limbs_from(b, j, lane);
            run(cpu, assembly::extend, &mut t[j..], a, y, word);
        }
    }
}

/// t = a a.
///
/// Products of different limbs are computed once and doubled, except those in rows of the same
/// number.
pub(super) fn square(cpu: Avx2, a: &Element, t: &mut Columns<{ 2 * LEN }>) {
    let x = &unpack(a);
    for (lane, t) in t.iter_mut().enumerate() {
        run(cpu, assembly::start_square, t, x, a, 2 * lane);
        for j in (CHUNK..LEN).step_by(CHUNK) {
            let (y, word) = limbs_from(a, j, lane);
            run(cpu, assembly::extend_square, &mut t[2 * j..], &x[j..], y, word);
        }
    }
}

/// The limbs of a lane from row j on, for [`run`].
fn limbs_from(x: &Element, j: usize, lane: usize) -> (&[Lanes], usize) {
    if j < PACKED { (&x[j..], 2 * lane) } else { (&x[j - PACKED..], 2 * lane + 1) }
}

/// One of the functions in assembly: pointers to t, x and y, and the number of chunks.
type Pass = unsafe extern "sysv64" fn(*mut Lanes, *const Lanes, *const u32, u64);

/// Multiplies the rows of x by the words with number `word` in seven rows of y.
#[inline(always)]
#[allow(clippy::integer_division_remainder_used, reason = "a public length")]
pub(super) fn run(_: Avx2, pass: Pass, t: &mut [Lanes], x: &[Lanes], y: &[Lanes], word: usize) {
    let chunks = x.len() / CHUNK;
    assert!(chunks > 0 && t.len() >= CHUNK * chunks + CHUNK - 1, "t has room");
    assert!(y.len() >= CHUNK && word < 8, "y has the limbs");
    // SAFETY: an `Avx2` proves that the CPU has the instructions; the assertions above, the types
    // and the borrows are what the functions ask for
    unsafe {
        pass(t.as_mut_ptr(), x.as_ptr(), y.as_ptr().cast::<u32>().add(word), chunks as u64);
    }
}
