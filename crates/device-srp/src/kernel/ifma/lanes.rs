//! Eight residues at once, one in each lane: 60 vectors of limbs, R = 2^3120.
//!
//! N = -1 modulo 2^52, so the low limb is the quotient digit and adding digit * N clears it by moving it up one limb:
//! with N + 1, whose lowest limb is 0, in place of N there is no product for that limb. Work goes in blocks of 12 by 12
//! limbs, whose 24 columns stay in registers.
//!
//! Bounds. Products a b below 2^3120 N reduce to below a b / 2^3120 + N; what [`Kernel::mul`] gives is below 2 N, and a sum
//! of two such below 4 N, so every product is below 16 N^2 and its result below N + 2^3028 < 2 N. A column takes at most
//! 120 halves from the product and 118 in the reduction, and carries below 2^12: it stays below 240 * 2^52 < 2^60.
#![allow(unsafe_code, reason = "vector instructions and their loads")]
#![cfg_attr(device_srp_backend = "model", allow(unused_unsafe, reason = "the model's instructions are safe"))]
#![expect(clippy::indexing_slicing, reason = "arrays of fixed length under constant indices")]

use alloc::{boxed::Box, vec::Vec};

use once_cell::race::OnceBox;

use super::{
    Ifma, Kernel, LIMBS, MASK, N,
    arch::{
        _mm512_add_epi64, _mm512_and_si512, _mm512_cmpeq_epi64_mask, _mm512_load_si512,
        _mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_mask_mov_epi64, _mm512_permutex2var_epi64,
        _mm512_set1_epi64, _mm512_setzero_si512, _mm512_srli_epi64, _mm512_store_si512, Lanes, Z,
    },
    canonical,
    constants::{LANES_ONE, LANES_SQUARED},
    from_words,
    single::vectorized,
};
use crate::{group::Residue, kernel::power::Comb};

/// Limb i of all eight residues in row i.
#[derive(Clone)]
pub(in crate::kernel) struct Element(Box<[Lanes; LIMBS]>);

/// Limb i of sixteen residues in row i, eight and eight.
pub(in crate::kernel) struct Shared(Box<[[Lanes; 2]; LIMBS]>);

static COMB: OnceBox<Comb<Shared>> = OnceBox::new();

/// N + 1 in every lane.
static N_PLUS_1: [Lanes; LIMBS] = {
    let mut limbs = splat(&N);
    // the lowest limb of N is full; so the sum carries once
    limbs[0] = Lanes([0; 8]);
    limbs[1] = Lanes([N[1] + 1; 8]);
    limbs
};

const fn splat(limbs: &[u64; LIMBS]) -> [Lanes; LIMBS] {
    let mut lanes = [Lanes([0; 8]); LIMBS];
    let mut i = 0;
    while i < LIMBS {
        lanes[i] = Lanes([limbs[i]; 8]);
        i += 1;
    }
    lanes
}

impl Element {
    fn zero() -> Self {
        Self(Box::new([Lanes([0; 8]); LIMBS]))
    }
}

// SAFETY, for every call into a `vectorized!` function below: `self` exists only if the CPU has the features.
impl Kernel<8> for Ifma {
    type Element = Element;
    type Shared = Shared;

    fn load(self, x: [&Residue; 8]) -> Element {
        let mut element = Element::zero();
        for (lane, x) in x.iter().enumerate() {
            for (row, limb) in element.0.iter_mut().zip(from_words(&x.0)) {
                row.0[lane] = limb;
            }
        }
        Kernel::<8>::mul(self, &element, &Element(Box::new(splat(&LANES_SQUARED))))
    }

    fn store(self, x: &Element) -> [Residue; 8] {
        let mut unit = Element::zero();
        unit.0[0] = Lanes([1; 8]);
        let plain = Kernel::<8>::mul(self, x, &unit);
        core::array::from_fn(|lane| canonical(&plain.0.each_ref().map(|row| row.0[lane])))
    }

    fn one(self) -> Element {
        Element(Box::new(splat(&LANES_ONE)))
    }

    fn mul(self, a: &Element, b: &Element) -> Element {
        let mut product = Element::zero();
        // SAFETY: see above
        unsafe { multiply(a, b, &mut product) };
        product
    }

    fn square(self, a: &mut Element, times: usize) {
        for _ in 0..times {
            // SAFETY: see above
            unsafe { square(a) };
        }
    }

    fn add(self, a: &Element, b: &Element) -> Element {
        let mut sum = Element::zero();
        // SAFETY: see above
        unsafe { add(a, b, &mut sum) };
        sum
    }

    fn select(self, table: &[Element], digits: &[u64; 8]) -> Element {
        let mut picked = Element::zero();
        // SAFETY: see above
        unsafe { select(table, &Lanes(*digits), &mut picked) };
        picked
    }

    fn select_vartime(self, table: &[Element], digits: &[u64; 8]) -> Element {
        let mut picked = Element::zero();
        for (lane, digit) in digits.iter().enumerate() {
            let entry = &table[*digit as usize];
            picked.0.iter_mut().zip(entry.0.iter()).for_each(|(to, from)| to.0[lane] = from.0[lane]);
        }
        picked
    }

    #[allow(clippy::integer_division_remainder_used, reason = "a public position")]
    fn share(self, table: &[Element; 16]) -> Shared {
        let mut shared = Box::new([[Lanes([0; 8]); 2]; LIMBS]);
        for (i, row) in shared.iter_mut().enumerate() {
            for (entry, element) in table.iter().enumerate() {
                row[entry / 8].0[entry % 8] = element.0[i].0[0];
            }
        }
        Shared(shared)
    }

    fn select_shared(self, table: &Shared, digits: &[u64; 8]) -> Element {
        let mut picked = Element::zero();
        // SAFETY: see above
        unsafe { select_shared(table, &Lanes(*digits), &mut picked) };
        picked
    }

    fn comb(self) -> &'static OnceBox<Comb<Shared>> {
        &COMB
    }
}

/// Limbs of a block, whose columns are in registers.
const BLOCK: usize = 12;
/// 120 columns of a product, and the block above that a last triangle reads.
type Columns = [Lanes; 2 * LIMBS + BLOCK];

/// A macro once for each limb of a block.
macro_rules! each {
    ($macro:ident) => {
        $macro!(0);
        $macro!(1);
        $macro!(2);
        $macro!(3);
        $macro!(4);
        $macro!(5);
        $macro!(6);
        $macro!(7);
        $macro!(8);
        $macro!(9);
        $macro!(10);
        $macro!(11);
    };
}

vectorized! {
    #[inline]
    fn get(row: &Lanes) -> Z {
        // SAFETY: 64 bytes aligned to 64
        unsafe { _mm512_load_si512(row.0.as_ptr().cast()) }
    }

    #[inline]
    fn put(row: &mut Lanes, x: Z) {
        // SAFETY: 64 bytes aligned to 64
        unsafe { _mm512_store_si512(row.0.as_mut_ptr().cast(), x) };
    }

    #[inline]
    fn get_block(rows: &[Lanes], at: usize) -> [Z; BLOCK] {
        let mut block = [_mm512_setzero_si512(); BLOCK];
        for (to, from) in block.iter_mut().zip(&rows[at..at + BLOCK]) {
            *to = get(from);
        }
        block
    }

    #[inline]
    fn put_block(rows: &mut [Lanes], at: usize, block: &[Z; BLOCK]) {
        for (to, from) in rows[at..at + BLOCK].iter_mut().zip(block) {
            put(to, *from);
        }
    }

    /// t[at..at + 24] += x * y[from..from + 12]; the lower half of those columns is in `acc` before, the upper after.
    #[inline]
    fn multiply_block(x: &[Z; BLOCK], y: &[Lanes; LIMBS], from: usize, acc: &mut [Z; BLOCK], t: &mut Columns, at: usize) {
        let y: &[Lanes] = &y[from..from + BLOCK];
        let t = &mut t[at..at + 2 * BLOCK];
        let mut w = [_mm512_setzero_si512(); 2 * BLOCK];
        w[..BLOCK].copy_from_slice(acc);
        macro_rules! row {
            ($j:literal) => {
                let b = get(&y[$j]);
                w[BLOCK + $j] = get(&t[BLOCK + $j]);
                macro_rules! low { ($i:literal) => { w[$j + $i] = _mm512_madd52lo_epu64(w[$j + $i], x[$i], b); } }
                macro_rules! high { ($i:literal) => { w[$j + $i + 1] = _mm512_madd52hi_epu64(w[$j + $i + 1], x[$i], b); } }
                each!(low);
                put(&mut t[$j], w[$j]);
                each!(high);
            };
        }
        each!(row);
        acc.copy_from_slice(&w[BLOCK..]);
    }

    /// The same for the products of different limbs of x, each once.
    #[inline]
    fn square_block(x: &[Z; BLOCK], acc: &mut [Z; BLOCK], t: &mut Columns, at: usize) {
        let t = &mut t[at..at + 2 * BLOCK];
        let mut w = [_mm512_setzero_si512(); 2 * BLOCK];
        w[..BLOCK].copy_from_slice(acc);
        macro_rules! row {
            ($j:literal) => {
                w[BLOCK + $j] = get(&t[BLOCK + $j]);
                macro_rules! low { ($i:literal) => { if $i > $j { w[$j + $i] = _mm512_madd52lo_epu64(w[$j + $i], x[$i], x[$j]); } } }
                macro_rules! high { ($i:literal) => { if $i > $j { w[$j + $i + 1] = _mm512_madd52hi_epu64(w[$j + $i + 1], x[$i], x[$j]); } } }
                each!(low);
                each!(high);
                put(&mut t[$j], w[$j]);
            };
        }
        each!(row);
        acc.copy_from_slice(&w[BLOCK..]);
    }

    fn multiply(a: &Element, b: &Element, out: &mut Element) {
        let mut t: Columns = [Lanes([0; 8]); 2 * LIMBS + BLOCK];
        for i in (0..LIMBS).step_by(BLOCK) {
            let x = get_block(&a.0[..], i);
            let mut acc = get_block(&t, i);
            for j in (0..LIMBS).step_by(BLOCK) {
                multiply_block(&x, &b.0, j, &mut acc, &mut t, i + j);
            }
            put_block(&mut t, i + LIMBS, &acc);
        }
        reduce(&mut t, out);
    }

    /// Columns of the halves stay below 2^58 before they double.
    fn square(a: &mut Element) {
        let mut t: Columns = [Lanes([0; 8]); 2 * LIMBS + BLOCK];
        for i in (0..LIMBS).step_by(BLOCK) {
            let x = get_block(&a.0[..], i);
            let mut acc = get_block(&t, 2 * i);
            square_block(&x, &mut acc, &mut t, 2 * i);
            for j in (i + BLOCK..LIMBS).step_by(BLOCK) {
                multiply_block(&x, &a.0, j, &mut acc, &mut t, i + j);
            }
            put_block(&mut t, i + LIMBS, &acc);
        }
        for (row, columns) in a.0.iter().zip(t.chunks_exact_mut(2)) {
            let x = get(row);
            let (even, odd) = (get(&columns[0]), get(&columns[1]));
            put(&mut columns[0], _mm512_madd52lo_epu64(_mm512_add_epi64(even, even), x, x));
            put(&mut columns[1], _mm512_madd52hi_epu64(_mm512_add_epi64(odd, odd), x, x));
        }
        reduce(&mut t, a);
    }

    /// T / 2^3120 modulo N, block by block: the first block of N + 1 finds the digits, the others follow.
    #[inline]
    fn reduce(t: &mut Columns, out: &mut Element) {
        for k in (0..LIMBS).step_by(BLOCK) {
            let mut m = [_mm512_setzero_si512(); BLOCK];
            let mut acc = [_mm512_setzero_si512(); BLOCK];
            {
                let t = &mut t[k..k + 2 * BLOCK];
                let mut w = [_mm512_setzero_si512(); 2 * BLOCK];
                macro_rules! take { ($i:literal) => { w[$i] = get(&t[$i]); } }
                each!(take);
                macro_rules! row {
                    ($i:literal) => {
                        m[$i] = w[$i];
                        w[BLOCK + $i] = get(&t[BLOCK + $i]);
                        w[$i + 1] = _mm512_add_epi64(w[$i + 1], _mm512_srli_epi64::<52>(w[$i]));
                        macro_rules! low { ($j:literal) => { if $j > 0 { w[$i + $j] = _mm512_madd52lo_epu64(w[$i + $j], m[$i], get(&N_PLUS_1[$j])); } } }
                        macro_rules! high { ($j:literal) => { if $j > 0 { w[$i + $j + 1] = _mm512_madd52hi_epu64(w[$i + $j + 1], m[$i], get(&N_PLUS_1[$j])); } } }
                        each!(low);
                        each!(high);
                    };
                }
                each!(row);
                acc.copy_from_slice(&w[BLOCK..]);
            }
            for j in (BLOCK..LIMBS).step_by(BLOCK) {
                multiply_block(&m, &N_PLUS_1, j, &mut acc, t, k + j);
            }
            put_block(t, k + LIMBS, &acc);
        }
        let mut carry = _mm512_setzero_si512();
        for (to, column) in out.0.iter_mut().zip(&t[LIMBS..]) {
            let limb = _mm512_add_epi64(get(column), carry);
            put(to, limb);
            carry = _mm512_srli_epi64::<52>(limb);
        }
    }

    fn add(a: &Element, b: &Element, out: &mut Element) {
        let full = _mm512_set1_epi64(MASK as i64);
        let mut carry = _mm512_setzero_si512();
        for ((to, a), b) in out.0.iter_mut().zip(a.0.iter()).zip(b.0.iter()) {
            let sum = _mm512_add_epi64(_mm512_and_si512(get(a), full), _mm512_and_si512(get(b), full));
            let limb = _mm512_add_epi64(sum, carry);
            put(to, limb);
            carry = _mm512_srli_epi64::<52>(limb);
        }
    }

    /// Reads every entry.
    fn select(table: &[Element], digits: &Lanes, out: &mut Element) {
        let digits = get(digits);
        let mut masks = Vec::with_capacity(table.len());
        for i in 0..table.len() {
            masks.push(_mm512_cmpeq_epi64_mask(digits, _mm512_set1_epi64(i as i64)));
        }
        for (i, to) in out.0.iter_mut().enumerate() {
            let mut picked = _mm512_setzero_si512();
            for (entry, k) in table.iter().zip(&masks) {
                picked = _mm512_mask_mov_epi64(picked, *k, get(&entry.0[i]));
            }
            put(to, picked);
        }
    }

    /// Each row is two registers, and a permutation picks a digit from them.
    fn select_shared(table: &Shared, digits: &Lanes, out: &mut Element) {
        let digits = get(digits);
        for (to, [low, high]) in out.0.iter_mut().zip(table.0.iter()) {
            put(to, _mm512_permutex2var_epi64(get(low), digits, get(high)));
        }
    }
}
