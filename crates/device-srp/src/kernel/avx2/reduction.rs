//! Montgomery reduction, a quarter of the limbs at a time. The parent module states the bounds.
#![allow(unsafe_code, reason = "a function that is compiled for AVX2")]

use core::arch::x86_64::{
    _mm256_add_epi64, _mm256_blend_epi32, _mm256_permute4x64_epi64, _mm256_set_epi64x,
    _mm256_setzero_si256,
};

use super::{
    Avx2, Workspace, assembly,
    columns::{CHUNK, Columns, run},
    limbs::{BITS, Element, LEN, LIMBS, Lanes, MASK, N, Rows, carry, get, rows},
};

/// c = -1/N modulo 2^784, and F = (c N + 1) / 2^784.
///
/// Because -1/N = 1 modulo 2^28, each limb of c equals the limb of 1 + c N that it clears.
const INVERSE: ([u64; LEN], [u64; LIMBS]) = {
    let (mut t, mut c) = ([0; LIMBS + LEN], [0; LEN]);
    t[0] = 1;
    let mut i = 0;
    while i < LEN {
        c[i] = t[i];
        let (mut j, mut carry) = (0, 0);
        while i + j < t.len() {
            let sum = t[i + j] + carry + if j < LIMBS { c[i] * N[j] } else { 0 };
            (t[i + j], carry) = (sum & MASK, sum >> BITS);
            j += 1;
        }
        assert!(t[i] == 0, "the limb is cleared");
        i += 1;
    }
    let mut f = [0; LIMBS];
    let mut j = 0;
    while j < LIMBS {
        f[j] = t[LEN + j];
        j += 1;
    }
    (c, f)
};

static C_ROWS: [Lanes; CHUNK] = rows(&INVERSE.0);
static F_ROWS: Rows = rows(&INVERSE.1);
static N_ROWS: Rows = rows(&N);

/// T / R modulo N, for the columns of T in the workspace.
pub(super) fn reduce(cpu: Avx2, space: &mut Workspace, out: &mut Element) {
    let (t, quotient) = (&mut space.columns, &mut space.quotient);
    let mut digits = [Lanes([0; 4]); LEN];
    let carry = take::<0, _>(t, 0, &mut digits);
    add_multiple(cpu, &mut t[1], &F_ROWS, &digits);
    let carry = take::<1, _>(t, carry, &mut digits);
    add_multiple(cpu, &mut t[2], &F_ROWS, &digits);
    let carry = take::<2, _>(t, carry, &mut digits);
    add_multiple(cpu, &mut t[3], &F_ROWS, &digits);
    take::<3, _>(t, carry, &mut digits);

    for (t, digits) in quotient.iter_mut().zip(digits.chunks_exact(CHUNK)) {
        run(cpu, assembly::start, t, &C_ROWS, digits, 0);
    }
    let carry = take::<0, _>(quotient, 0, &mut digits);
    let carry = take::<1, _>(quotient, carry, &mut digits[CHUNK..]);
    let carry = take::<2, _>(quotient, carry, &mut digits[2 * CHUNK..]);
    take::<3, _>(quotient, carry, &mut digits[3 * CHUNK..]);
    add_multiple(cpu, &mut t[3], &N_ROWS, &digits);

    // SAFETY: an `Avx2` proves that the CPU has the instructions
    *out = unsafe { upper_half(t) };
}

/// t += x times the 28 digits in the first lane.
#[inline(never)]
fn add_multiple(cpu: Avx2, t: &mut [Lanes; 2 * LEN], x: &Rows, digits: &Rows) {
    for i in (0..LEN).step_by(CHUNK) {
        run(cpu, assembly::add, &mut t[i..], x, &digits[i..], 0);
    }
}

/// Carries through a quarter of the columns. Returns the carry out; `digits` are the limbs.
#[inline(never)]
fn take<const QUARTER: usize, const ROWS: usize>(
    t: &Columns<ROWS>,
    mut carry: u64,
    digits: &mut [Lanes],
) -> u64 {
    let digits = &mut digits[..ROWS >> 1];
    // two loops, because the compiler would add up each column in the chain of carries
    for (j, digit) in digits.iter_mut().enumerate() {
        digit.0[0] = column::<QUARTER, _>(t, j);
    }
    for digit in digits {
        let sum = digit.0[0] + carry;
        digit.0[0] = sum & MASK;
        carry = sum >> BITS;
    }
    carry
}

/// Column j of a quarter.
#[inline(always)]
fn column<const QUARTER: usize, const ROWS: usize>(t: &Columns<ROWS>, j: usize) -> u64 {
    let (before, upper) = (t.iter().enumerate().take(QUARTER), j + (ROWS >> 1));
    before.fold(t[QUARTER][j].0[0], |sum, (m, t)| {
        sum + t[j].0[QUARTER - m] + t[upper].0[QUARTER - 1 - m]
    })
}

/// The limbs of the upper four quarters.
#[target_feature(enable = "avx2")]
fn upper_half(t: &Columns<{ 2 * LEN }>) -> Element {
    // The fourth quarter, with what is carried into it, is a multiple of R, so its last three
    // columns tell what it carries out. The carry into these three changes their sum by less than
    // 2, and the sum is a multiple of 2^28.
    let [a, b, c] = [3, 2, 1].map(|from_end| column::<3, _>(t, LEN - from_end));
    let into = (c + ((b + (a >> BITS)) >> BITS) + 2) >> BITS;
    let zero = _mm256_setzero_si256();
    let down = |x| _mm256_blend_epi32::<0xc0>(_mm256_permute4x64_epi64::<0b00_11_10_01>(x), zero);
    let plus = |x, row| _mm256_add_epi64(x, get(row));
    let [t0, t1, t2, t3] = t;
    carry(
        |j| {
            let upper = j + LEN;
            let sum = down(plus(get(&t1[j]), &t0[upper]));
            let sum = down(plus(plus(sum, &t2[j]), &t1[upper]));
            let sum = down(plus(plus(sum, &t3[j]), &t2[upper]));
            plus(sum, &t3[upper])
        },
        _mm256_set_epi64x(0, 0, 0, into as i64),
    )
}
