//! The reduction of 120 columns to 60 limbs. The parent module states the bounds.
#![allow(unsafe_code, reason = "vector instructions and their loads")]
#![cfg_attr(
    device_srp_backend = "model",
    allow(unused_unsafe, reason = "the model's instructions are safe")
)]
#![expect(clippy::indexing_slicing, reason = "arrays of fixed length under constant indices")]

use core::hint::black_box;

use super::{
    super::{
        arch::*,
        constants::{FREE_QUOTIENT, NEGATED_INVERSE},
    },
    Columns, Element, MASK, N, put,
};

/// A constant shifted up by 0 to 8 limbs. Row s holds limbs -s to 71 - s; entry 9 s + q is vector q
/// of that row.
type Shifted = [Lanes; 81];

#[allow(clippy::integer_division_remainder_used, reason = "constants")]
const fn shifted(limbs: &[u64]) -> Shifted {
    let mut table = [Lanes([0; 8]); 81];
    let mut s = 0;
    while s < 9 {
        let mut i = 0;
        while i < limbs.len() {
            table[9 * s + (s + i) / 8].0[(s + i) % 8] = limbs[i];
            i += 1;
        }
        s += 1;
    }
    table
}

static F_SHIFTED: Shifted = shifted(&FREE_QUOTIENT);
static N_SHIFTED: Shifted = shifted(&N);
static C_SHIFTED: Shifted = shifted(&NEGATED_INVERSE);

/// Multiplies vectors `$q` of the rows of a shifted constant by eight digits.
///
/// Low halves are added to `$w[$at + q]`. High halves, which belong one limb higher and so to the
/// next shift, are added to `$v[$at + q]`. Two accumulators make the dependency chains shorter, and
/// one load serves both.
macro_rules! rows {
    ($w:ident $v:ident $y:ident $table:ident $at:expr; $($first:literal)?) => {
        rows!(@lo $w $y $table $at; 0: $($first)? 1 2 3 4 5 6 7);
        rows!(@both $w $v $y $table $at; 1 0: $($first)? 1 2 3 4 5 6 7);
        rows!(@both $w $v $y $table $at; 2 1: $($first)? 1 2 3 4 5 6 7);
        rows!(@both $w $v $y $table $at; 3 2: $($first)? 1 2 3 4 5 6 7);
        rows!(@both $w $v $y $table $at; 4 3: $($first)? 1 2 3 4 5 6 7);
        rows!(@both $w $v $y $table $at; 5 4: $($first)? 1 2 3 4 5 6 7 8);
        rows!(@both $w $v $y $table $at; 6 5: $($first)? 1 2 3 4 5 6 7 8);
        rows!(@both $w $v $y $table $at; 7 6: $($first)? 1 2 3 4 5 6 7 8);
        rows!(@hi $v $y $table $at; 8 7: 1 2 3 4 5 6 7 8);
    };
    (@lo $w:ident $y:ident $table:ident $at:expr; $s:literal: $($q:literal)*) => {
        $(lo!($w[$at + $q], $y[$s], entry($table, 9 * $s + $q));)*
    };
    (@hi $v:ident $y:ident $table:ident $at:expr; $s:literal $below:literal: $($q:literal)*) => {
        $(hi!($v[$at + $q], $y[$below], entry($table, 9 * $s + $q));)*
    };
    (
        @both $w:ident $v:ident $y:ident $table:ident $at:expr;
        $s:literal $below:literal: $($q:literal)*
    ) => {$(
        let x = entry($table, 9 * $s + $q);
        lo!($w[$at + $q], $y[$s], x);
        hi!($v[$at + $q], $y[$below], x);
    )*};
}

vectorized! {
    /// T / 2^3328 modulo N, within the bounds that the parent module states.
    #[inline(never)]
    pub(super) fn reduce(t: &Columns, out: &mut Element) {
        let zero = _mm512_setzero_si512();
        let (mut w, mut v) = (*t, [zero; 17]);
        let mut m = Lanes([0; 8]);
        // opaque, so that the loads keep one base register and short offsets
        let table = black_box(&F_SHIFTED);
        let mut carry = digits(w[0], 0, &mut m);
        macro_rules! quotient {
            () => {[
                broadcast(&m.0[0]), broadcast(&m.0[1]), broadcast(&m.0[2]), broadcast(&m.0[3]),
                broadcast(&m.0[4]), broadcast(&m.0[5]), broadcast(&m.0[6]), broadcast(&m.0[7]),
            ]};
        }
        macro_rules! step {
            ($k:literal) => {
                let y = quotient!();
                // the next block first, in four chains, because the next step waits for its digits
                let (mut p, mut r) = ([w[$k + 1], zero], [v[$k + 1], zero]);
                lo!(p[0], y[0], entry(table, 0));
                macro_rules! digit {
                    ($s:literal) => {
                        let x = entry(table, 9 * $s);
                        lo!(p[$s & 1], y[$s], x);
                        hi!(r[$s & 1], y[$s - 1], x);
                    };
                }
                each!(digit: 1 2 3 4 5 6 7);
                let [even, odd] = [0, 1].map(|i| _mm512_add_epi64(p[i], r[i]));
                w[$k + 1] = _mm512_add_epi64(even, odd);
                carry = digits(w[$k + 1], carry, &mut m);
                rows!(w v y table $k + 1;);
            };
        }
        each!(step: 0 1 2 3 4 5 6);
        let _ = carry; // the last block's carry is found below, once its quotient is added
        let y = quotient!();
        let (mut p0, mut p1, mut p2, mut p3) = (zero, zero, zero, zero);
        for s in (0..8).step_by(2) {
            lo!(p0, entry(&C_SHIFTED, 9 * s), y[s]);
            hi!(p1, entry(&C_SHIFTED, 9 * (s + 1)), y[s]);
            lo!(p2, entry(&C_SHIFTED, 9 * (s + 1)), y[s + 1]);
            hi!(p3, entry(&C_SHIFTED, 9 * (s + 2)), y[s + 1]);
        }
        digits(_mm512_add_epi64(_mm512_add_epi64(p0, p1), _mm512_add_epi64(p2, p3)), 0, &mut m);
        let y = quotient!();
        let table = black_box(&N_SHIFTED);
        v[7] = zero;
        rows!(w v y table 7; 0);
        let mut high = [zero; 8];
        for q in 0..8 {
            high[q] = _mm512_add_epi64(w[8 + q], v[8 + q]);
        }
        // Together with the carry into it, block 7 is now a multiple of 2^416. Its carry out is
        // column 7 together with the carry into that column, divided by 2^52. The carry in is below
        // 2^12, so adding half a limb to the column alone rounds to the same number.
        let block = _mm512_add_epi64(w[7], v[7]);
        let rounded = _mm512_srli_epi64::<52>(_mm512_add_epi64(block, _mm512_set1_epi64(1 << 51)));
        let carried = _mm512_maskz_permutexvar_epi64(1, _mm512_set1_epi64(7), rounded);
        high[0] = _mm512_add_epi64(high[0], carried);
        normalize(&high, out);
    }

    /// Loads an entry. Vector q of row s is entry 9 s + q.
    #[inline]
    fn entry(table: &Shifted, index: usize) -> Z {
        // SAFETY: `Lanes` has 64 bytes and is aligned to 64
        unsafe { _mm512_load_si512(table[index].0.as_ptr().cast()) }
    }

    /// Converts 64 columns below 2^64 to limbs. First the bits above the lowest 52 of every column
    /// move up at once, which leaves carries of 1 at most. These are then found by one 64-bit
    /// addition, with a bit per limb: a limb above 2^52 - 1 generates a carry, a limb of 2^52 - 1
    /// propagates one. A limb may end at 2^52 or above; only its low 52 bits count.
    #[inline]
    fn normalize(columns: &[Z; 8], out: &mut Element) {
        let full = _mm512_set1_epi64(MASK as i64);
        let (mut below, mut limbs) = (_mm512_setzero_si512(), *columns);
        let (mut generate, mut propagate) = (0, 0);
        for q in 0..8 {
            let carries = _mm512_srli_epi64::<52>(columns[q]);
            let shifted = _mm512_alignr_epi64::<7>(carries, below);
            below = carries;
            limbs[q] = _mm512_add_epi64(_mm512_and_si512(columns[q], full), shifted);
            generate |= u64::from(_mm512_cmpgt_epu64_mask(limbs[q], full)) << (8 * q);
            propagate |= u64::from(_mm512_cmpeq_epi64_mask(limbs[q], full)) << (8 * q);
        }
        let carried = (generate << 1).wrapping_add(propagate) ^ propagate;
        for (q, limb) in limbs.into_iter().enumerate() {
            let k = (carried >> (8 * q)) as u8;
            put(out, q, _mm512_mask_sub_epi64(limb, k, limb, _mm512_set1_epi64(-1)));
        }
    }

    #[inline]
    fn digits(columns: Z, carry: u64, digits: &mut Lanes) -> u64 {
        let mut buffer = Lanes([0; 8]);
        // SAFETY: `Lanes` has 64 bytes and is aligned to 64
        unsafe { _mm512_store_si512(buffer.0.as_mut_ptr().cast(), columns) };
        carry_through(&buffer, carry, digits)
    }
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;

    use super::{
        super::{
            Ifma,
            tests::{number, value},
        },
        *,
    };

    fn vectors<const COUNT: usize>(columns: &[u64]) -> [Z; COUNT] {
        core::array::from_fn(|q| {
            let lanes: [i64; 8] = core::array::from_fn(|i| columns[8 * q + i] as i64);
            let [a, b, c, d, e, f, g, h] = lanes;
            // SAFETY: the tests below return early unless `detect` finds the CPU features
            unsafe { _mm512_set_epi64(h, g, f, e, d, c, b, a) }
        })
    }

    #[test]
    fn carries_ripple_over_the_whole_length() {
        if Ifma::detect().is_none() {
            return;
        }
        let full = MASK;
        for low in [0, 1, full, full + 1, 1 << 60, u64::MAX] {
            for middle in [0, 1, full - 1, full, full + 1, (1 << 60) - 1] {
                for start in [0, 1, 7, 8, 31, 58] {
                    let mut columns = [0; 64];
                    columns[start] = low;
                    columns[start + 1..59].fill(middle);
                    let mut out = Element::ZERO;
                    // SAFETY: `detect` found the CPU features
                    unsafe { normalize(&vectors(&columns), &mut out) };
                    assert_eq!(value(&out), number(&columns), "{low:x} {middle:x} from {start}");
                }
            }
        }
    }

    #[test]
    fn reduction_holds_at_the_edges_of_its_columns() {
        if Ifma::detect().is_none() {
            return;
        }
        let n = number(&N);
        let r = BigUint::from(1u8) << 3328;
        let limit = (&n << 1) + (BigUint::from(1u8) << 2913);
        // a column starts with at most 120 halves of products, of 52 bits each
        for filling in [0, 1, MASK - 1, MASK, MASK + 1, 120 * MASK] {
            for (from, to) in [
                (0, 120),
                (0, 8),
                (8, 16),
                (0, 56),
                (48, 56),
                (56, 64),
                (55, 57),
                (63, 64),
                (64, 120),
                (119, 120),
            ] {
                for lowest in [0, 1, MASK, 1 << 52, 120 * MASK] {
                    let mut columns = [0; 136];
                    columns[from..to].fill(filling);
                    columns[from] = lowest;
                    if number(&columns).bits() > 6240 {
                        // no product of operands below 2^3120 has such a top column
                        columns[119] = 0;
                        columns[118] &= MASK;
                    }
                    let mut out = Element::ZERO;
                    // SAFETY: `detect` found the CPU features
                    unsafe { reduce(&vectors(&columns), &mut out) };
                    let got = value(&out);
                    assert!(got < limit, "{filling:x} in {from}..{to}, {lowest:x} lowest");
                    assert_eq!(
                        (got * &r) % &n,
                        number(&columns) % &n,
                        "{filling:x} in {from}..{to}, {lowest:x} lowest"
                    );
                }
            }
        }
    }
}
