//! Eight residues at once, one in each lane: 60 vectors of limbs, R = 2^3120.
//!
//! Blocks of 15 limbs, whose columns fit in registers, are multiplied directly. Longer operands are
//! multiplied by Karatsuba's method, which takes 9 products of blocks instead of 16. The sum of two
//! halves may carry out; that carry is a mask of lanes.
//!
//! The reduction first clears the lower half of T. Because c N = F 2^1560 - 1, that half is its own
//! quotient. So this step is a product like any other, and Karatsuba's method saves 2 of its 8
//! products of blocks. 90 limbs are left, of which 30 are cleared by multiples of N itself. Because
//! N = -1 modulo 2^52, each quotient digit equals the limb that it clears, and adding digit * N
//! moves that limb up by one. N + 1, whose lowest limb is 0, takes the place of N, so that there is
//! no product for the lowest limb.
//!
//! Bounds. Limbs are below 2^52. Results of [`Kernel::mul`] are below 2 N and the sum of two of
//! them is below 4 N, so every T is below 16 N^2. F is below N / 2, so a reduced T is below
//! T / 2^3120 + F + N < 2 N.
//!
//! Columns are signed. A column of a product of blocks has at most 15 low and 15 high halves, so it
//! is below 2^57. A column of a product of halves combines two of those of each sign and two limbs:
//! it is below 2^58 + 2^53. A column of the whole product combines four of these and two limbs: it
//! is below 2^61. The reduction adds at most 5 columns of products of blocks, two limbs, 60 halves
//! and carries below 2^12. So everything stays below 2^62.
#![allow(unsafe_code, reason = "vector instructions and their loads")]
#![cfg_attr(
    device_srp_backend = "model",
    allow(unused_unsafe, reason = "the model's instructions are safe")
)]
#![expect(clippy::indexing_slicing, reason = "arrays of fixed length under constant indices")]

#[cfg(test)]
mod tests;

use alloc::{boxed::Box, vec::Vec};
use core::cell::RefCell;

use once_cell::race::OnceBox;

use super::{
    Ifma, Kernel, LIMBS, MASK, N,
    arch::{
        _mm512_add_epi64, _mm512_and_si512, _mm512_cmpeq_epi64_mask, _mm512_load_si512,
        _mm512_madd52hi_epu64, _mm512_madd52lo_epu64, _mm512_mask_add_epi64, _mm512_mask_mov_epi64,
        _mm512_mask_sub_epi64, _mm512_permutex2var_epi64, _mm512_set1_epi64, _mm512_setzero_si512,
        _mm512_srai_epi64, _mm512_store_si512, _mm512_sub_epi64, Lanes, Z,
    },
    canonical,
    constants::{FREE_HALF, LANES_ONE, LANES_SQUARED},
    from_words,
    single::vectorized,
};
use crate::{group::Residue, kernel::power::Comb};

/// Row i holds limb i of all eight residues.
#[derive(Clone)]
pub(in crate::kernel) struct Element(Box<[Lanes; LIMBS]>);

/// Row i holds limb i of 16 residues, in two vectors of eight.
pub(in crate::kernel) struct Shared(Box<[[Lanes; 2]; LIMBS]>);

static COMB: OnceBox<Comb<Shared>> = OnceBox::new();

/// N + 1 in every lane.
static N_PLUS_1: [Lanes; LIMBS] = {
    let mut limbs = splat(&N);
    // the lowest limb of N is 2^52 - 1, so adding 1 carries into the next limb
    limbs[0] = Lanes([0; 8]);
    limbs[1] = Lanes([N[1] + 1; 8]);
    limbs
};

/// F in every lane.
static F: [Lanes; LIMBS] = splat(&FREE_HALF);

/// The sum of F's first two blocks, less its carry of 2^780, and the sum of F's last two blocks.
static F_SUMS: [Lanes; HALF] = {
    let (mut sums, mut i) = ([Lanes([0; 8]); HALF], 0);
    let mut carry = 0;
    while i < HALF {
        let at = if i < BLOCK { i } else { i + BLOCK };
        if i == BLOCK {
            assert!(carry == 1, "the first sum carries");
            carry = 0;
        }
        let sum = FREE_HALF[at] + FREE_HALF[at + BLOCK] + carry;
        sums[i] = Lanes([sum & MASK; 8]);
        carry = sum >> 52;
        i += 1;
    }
    assert!(carry == 0, "the second sum does not");
    sums
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

/// The kernel in lanes: what the CPU can run, and the memory to work in.
#[derive(Clone, Copy)]
pub(in crate::kernel) struct InLanes<'a> {
    _proof: Ifma,
    space: &'a RefCell<Workspace>,
}

impl Ifma {
    /// The kernel in lanes. Only one method at a time borrows the workspace.
    pub(in crate::kernel) fn in_lanes(self, space: &RefCell<Workspace>) -> InLanes<'_> {
        InLanes { _proof: self, space }
    }
}

impl Kernel<8> for InLanes<'_> {
    type Element = Element;
    type Shared = Shared;

    fn load(self, x: [&Residue; 8]) -> Element {
        let mut element = Element::zero();
        for (lane, x) in x.iter().enumerate() {
            for (row, limb) in element.0.iter_mut().zip(from_words(&x.0)) {
                row.0[lane] = limb;
            }
        }
        self.mul_assign(&mut element, &Element(Box::new(splat(&LANES_SQUARED))));
        element
    }

    fn store(self, x: &Element) -> [Residue; 8] {
        let mut unit = Element::zero();
        unit.0[0] = Lanes([1; 8]);
        let plain = self.mul(x, &unit);
        core::array::from_fn(|lane| canonical(&plain.0.each_ref().map(|row| row.0[lane])))
    }

    fn one(self) -> Element {
        Element(Box::new(splat(&LANES_ONE)))
    }

    fn mul_assign(self, a: &mut Element, b: &Element) {
        // SAFETY: `self` proves that the CPU has the features
        unsafe { multiply(a, b, &mut self.space.borrow_mut()) };
    }

    fn square(self, a: &mut Element, times: usize) {
        let mut space = self.space.borrow_mut();
        for _ in 0..times {
            // SAFETY: `self` proves that the CPU has the features
            unsafe { square(a, &mut space) };
        }
    }

    fn add(self, a: &Element, b: &Element) -> Element {
        let mut sum = Element::zero();
        // SAFETY: `self` proves that the CPU has the features
        unsafe { add(a, b, &mut sum) };
        sum
    }

    fn select(self, table: &[Element], digits: &[u64; 8], to: &mut Element) {
        // SAFETY: `self` proves that the CPU has the features
        unsafe { select(table, &Lanes(*digits), to) };
    }

    fn select_vartime(self, table: &[Element], digits: &[u64; 8], to: &mut Element) {
        let entries = digits.map(|digit| &table[digit as usize]);
        for (i, row) in to.0.iter_mut().enumerate() {
            row.0 = core::array::from_fn(|lane| entries[lane].0[i].0[lane]);
        }
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

    fn select_shared(self, table: &Shared, digits: &[u64; 8], to: &mut Element) {
        // SAFETY: `self` proves that the CPU has the features
        unsafe { select_shared(table, &Lanes(*digits), to) };
    }

    fn comb(self) -> &'static OnceBox<Comb<Shared>> {
        &COMB
    }
}

/// Limbs of a block. A product of two blocks keeps its columns in registers, 15 at a time.
const BLOCK: usize = 15;
/// Limbs of half a residue.
const HALF: usize = 2 * BLOCK;

/// Memory that a multiplication works in, zeroed once for many multiplications.
pub(in crate::kernel) struct Workspace {
    /// 120 columns of a product.
    columns: [Lanes; 2 * LIMBS],
    /// Sums of halves, and the products of these sums: 120 rows to multiply whole residues, and 60
    /// to multiply their halves.
    scratch: [Lanes; 3 * LIMBS],
}

impl Workspace {
    /// In a cell, so that kernels which refer to it can be copied.
    pub(in crate::kernel) fn cell() -> RefCell<Self> {
        RefCell::new(Self { columns: [Lanes([0; 8]); _], scratch: [Lanes([0; 8]); _] })
    }
}

/// Invokes a macro once for each limb of a block.
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
        $macro!(12);
        $macro!(13);
        $macro!(14);
    };
}

vectorized! {
    #[inline]
    fn get(row: &Lanes) -> Z {
        // SAFETY: `Lanes` has 64 bytes and is aligned to 64
        unsafe { _mm512_load_si512(row.0.as_ptr().cast()) }
    }

    #[inline]
    fn put(row: &mut Lanes, x: Z) {
        // SAFETY: `Lanes` has 64 bytes and is aligned to 64
        unsafe { _mm512_store_si512(row.0.as_mut_ptr().cast(), x) };
    }

    #[inline]
    fn get_block(rows: &[Lanes]) -> [Z; BLOCK] {
        let mut block = [_mm512_setzero_si512(); BLOCK];
        for (to, from) in block.iter_mut().zip(&rows[..BLOCK]) {
            *to = get(from);
        }
        block
    }

    /// t = x y for blocks; t += x y if `ADD`.
    fn multiply_block<const ADD: bool>(x: &[Lanes], y: &[Lanes], t: &mut [Lanes]) {
        let (x, y, t) = (get_block(x), &y[..BLOCK], &mut t[..2 * BLOCK]);
        let mut w = [_mm512_setzero_si512(); 2 * BLOCK];
        if ADD {
            w[..BLOCK].copy_from_slice(&get_block(t));
        }
        macro_rules! row {
            ($j:literal) => {
                let b = get(&y[$j]);
                if ADD {
                    w[BLOCK + $j] = get(&t[BLOCK + $j]);
                }
                macro_rules! low {
                    ($i:literal) => {
                        w[$j + $i] = _mm512_madd52lo_epu64(w[$j + $i], x[$i], b);
                    };
                }
                macro_rules! high {
                    ($i:literal) => {
                        w[$j + $i + 1] = _mm512_madd52hi_epu64(w[$j + $i + 1], x[$i], b);
                    };
                }
                each!(low);
                put(&mut t[$j], w[$j]);
                each!(high);
            };
        }
        each!(row);
        for (to, column) in t[BLOCK..].iter_mut().zip(&w[BLOCK..]) {
            put(to, *column);
        }
    }

    /// t = x x for a block: computes the products of different limbs once, doubles them, and adds
    /// the squares of the limbs; t += x x if `ADD`.
    fn square_block<const ADD: bool>(x: &[Lanes], t: &mut [Lanes]) {
        let (x, t) = (get_block(x), &mut t[..2 * BLOCK]);
        let mut w = [_mm512_setzero_si512(); 2 * BLOCK];
        macro_rules! row {
            ($j:literal) => {
                macro_rules! low {
                    ($i:literal) => {
                        if $i > $j {
                            w[$j + $i] = _mm512_madd52lo_epu64(w[$j + $i], x[$i], x[$j]);
                        }
                    };
                }
                macro_rules! high {
                    ($i:literal) => {
                        if $i > $j {
                            w[$j + $i + 1] = _mm512_madd52hi_epu64(w[$j + $i + 1], x[$i], x[$j]);
                        }
                    };
                }
                each!(low);
                each!(high);
                // columns 2 j and 2 j + 1 now have all their products of different limbs
                let (even, odd) = (w[2 * $j], w[2 * $j + 1]);
                let mut even = _mm512_add_epi64(even, even);
                let mut odd = _mm512_add_epi64(odd, odd);
                if ADD {
                    even = _mm512_add_epi64(even, get(&t[2 * $j]));
                    odd = _mm512_add_epi64(odd, get(&t[2 * $j + 1]));
                }
                put(&mut t[2 * $j], _mm512_madd52lo_epu64(even, x[$j], x[$j]));
                put(&mut t[2 * $j + 1], _mm512_madd52hi_epu64(odd, x[$j], x[$j]));
            };
        }
        each!(row);
    }

    /// t = x y. More than a block goes by Karatsuba's method: from the products of the lower
    /// halves, of the upper halves, and of the sums of the halves.
    fn multiply_columns(x: &[Lanes], y: &[Lanes], t: &mut [Lanes], scratch: &mut [Lanes]) {
        if x.len() == BLOCK {
            return multiply_block::<false>(x, y, t);
        }
        let half = x.len() >> 1;
        let ((x0, x1), (y0, y1)) = (x.split_at(half), y.split_at(half));
        let (x_sum, scratch) = scratch.split_at_mut(half);
        let (y_sum, scratch) = scratch.split_at_mut(half);
        let (middle, scratch) = scratch.split_at_mut(2 * half);
        let carries = (add_limbs(x0, x1, x_sum), add_limbs(y0, y1, y_sum));
        multiply_columns(x0, y0, &mut t[..2 * half], scratch);
        multiply_columns(x1, y1, &mut t[2 * half..], scratch);
        if half == BLOCK {
            join(t, None, carries, (x_sum, y_sum));
            multiply_block::<true>(x_sum, y_sum, &mut t[half..]);
        } else {
            multiply_columns(x_sum, y_sum, middle, scratch);
            join(t, Some(middle), carries, (x_sum, y_sum));
        }
    }

    /// t = x x, by the same method as [`multiply_columns`].
    fn square_columns(x: &[Lanes], t: &mut [Lanes], scratch: &mut [Lanes]) {
        if x.len() == BLOCK {
            return square_block::<false>(x, t);
        }
        let half = x.len() >> 1;
        let (x0, x1) = x.split_at(half);
        let (sum, scratch) = scratch.split_at_mut(half);
        let (middle, scratch) = scratch.split_at_mut(2 * half);
        let carry = add_limbs(x0, x1, sum);
        square_columns(x0, &mut t[..2 * half], scratch);
        square_columns(x1, &mut t[2 * half..], scratch);
        if half == BLOCK {
            join(t, None, (carry, carry), (sum, sum));
            square_block::<true>(sum, &mut t[half..]);
        } else {
            square_columns(sum, middle, scratch);
            join(t, Some(middle), (carry, carry), (sum, sum));
        }
    }

    /// Writes the limbs of x + y. Returns the mask of the lanes in which the sum carries out.
    #[inline]
    fn add_limbs(x: &[Lanes], y: &[Lanes], sum: &mut [Lanes]) -> u8 {
        let mut carry = _mm512_setzero_si512();
        for ((to, x), y) in sum.iter_mut().zip(x).zip(y) {
            carry = put_limb(to, _mm512_add_epi64(get(x), get(y)), carry);
        }
        _mm512_cmpeq_epi64_mask(carry, _mm512_set1_epi64(1))
    }

    /// Writes the limb of a column with the carry into it. Returns the carry out. Like the column,
    /// a carry may be negative.
    #[inline]
    fn put_limb(to: &mut Lanes, column: Z, carry: Z) -> Z {
        let sum = _mm512_add_epi64(column, carry);
        put(to, _mm512_and_si512(sum, _mm512_set1_epi64(MASK as i64)));
        _mm512_srai_epi64::<52>(sum)
    }

    /// Adds Karatsuba's middle term to t, which has the products of the lower and of the upper
    /// halves. If s + c B^h is the sum of x's halves and r + d B^h that of y's, the middle term is
    /// s r + (c r + d s) B^h + c d B^(2 h), less both of those products. The columns of s r are
    /// `middle`; if that is `None`, the caller adds them.
    #[inline]
    fn join(
        t: &mut [Lanes],
        middle: Option<&[Lanes]>,
        (c, d): (u8, u8),
        (s, r): (&[Lanes], &[Lanes]),
    ) {
        let half = s.len();
        let (t0, t) = t.split_at_mut(half);
        let (t1, t) = t.split_at_mut(half);
        let (t2, t3) = t.split_at_mut(half);
        for i in 0..half {
            let between = _mm512_sub_epi64(get(&t1[i]), get(&t2[i]));
            let mut below = _mm512_sub_epi64(between, get(&t0[i]));
            let mut above = _mm512_sub_epi64(_mm512_setzero_si512(), between);
            above = _mm512_sub_epi64(above, get(&t3[i]));
            above = _mm512_mask_add_epi64(above, c, above, get(&r[i]));
            above = _mm512_mask_add_epi64(above, d, above, get(&s[i]));
            if let Some(middle) = middle {
                below = _mm512_add_epi64(below, get(&middle[i]));
                above = _mm512_add_epi64(above, get(&middle[half + i]));
            }
            put(&mut t1[i], below);
            put(&mut t2[i], above);
        }
        let top = get(&t3[0]);
        put(&mut t3[0], _mm512_mask_add_epi64(top, c & d, top, _mm512_set1_epi64(1)));
    }

    fn multiply(a: &mut Element, b: &Element, space: &mut Workspace) {
        multiply_columns(&a.0[..], &b.0[..], &mut space.columns, &mut space.scratch);
        reduce(space, a);
    }

    fn square(a: &mut Element, space: &mut Workspace) {
        square_columns(&a.0[..], &mut space.columns, &mut space.scratch);
        reduce(space, a);
    }

    /// T / 2^3120 modulo N.
    fn reduce(space: &mut Workspace, out: &mut Element) {
        let t = &mut space.columns;
        let (m, scratch) = space.scratch.split_at_mut(HALF);
        add_free_half(t, m, scratch);
        // clears the next 30 limbs by multiples of N, digit by digit inside a block
        for k in [HALF, HALF + BLOCK] {
            {
                let t = &mut t[k..k + 2 * BLOCK];
                let mut w = [_mm512_setzero_si512(); 2 * BLOCK];
                w[..BLOCK].copy_from_slice(&get_block(t));
                macro_rules! row {
                    ($i:literal) => {
                        put(&mut m[$i], w[$i]);
                        let digit = w[$i];
                        w[BLOCK + $i] = get(&t[BLOCK + $i]);
                        w[$i + 1] = _mm512_add_epi64(w[$i + 1], _mm512_srai_epi64::<52>(w[$i]));
                        macro_rules! low {
                            ($j:literal) => {
                                if $j > 0 {
                                    let n = get(&N_PLUS_1[$j]);
                                    w[$i + $j] = _mm512_madd52lo_epu64(w[$i + $j], digit, n);
                                }
                            };
                        }
                        macro_rules! high {
                            ($j:literal) => {
                                if $j > 0 {
                                    let (n, at) = (get(&N_PLUS_1[$j]), $i + $j + 1);
                                    w[at] = _mm512_madd52hi_epu64(w[at], digit, n);
                                }
                            };
                        }
                        each!(low);
                        each!(high);
                    };
                }
                each!(row);
                for (to, column) in t[BLOCK..].iter_mut().zip(&w[BLOCK..]) {
                    put(to, *column);
                }
            }
            for j in (BLOCK..LIMBS).step_by(BLOCK) {
                multiply_block::<true>(m, &N_PLUS_1[j..], &mut t[k + j..]);
            }
        }
        let mut carry = _mm512_setzero_si512();
        for (to, column) in out.0.iter_mut().zip(&t[LIMBS..]) {
            carry = put_limb(to, get(column), carry);
        }
    }

    /// Clears the lower half of T, which is m, by adding m F to the limbs above it.
    #[inline]
    fn add_free_half(t: &mut [Lanes; 2 * LIMBS], m: &mut [Lanes], scratch: &mut [Lanes]) {
        let mut carry = _mm512_setzero_si512();
        for (to, column) in m.iter_mut().zip(&*t) {
            carry = put_limb(to, get(column), carry);
        }
        let (sum, products) = scratch.split_at_mut(BLOCK);
        let (m0, m1) = m.split_at(BLOCK);
        let product = |i: usize, m: &[Lanes], products: &mut [Lanes]| {
            multiply_block::<false>(m, &F[BLOCK * i..], &mut products[2 * BLOCK * i..]);
        };
        product(0, m0, products);
        let c = add_limbs(m0, m1, sum);
        product(1, m1, products);
        product(2, m0, products);
        product(3, m1, products);
        multiply_block::<true>(sum, &F_SUMS, &mut t[HALF + BLOCK..]);
        multiply_block::<true>(sum, &F_SUMS[BLOCK..], &mut t[HALF + 3 * BLOCK..]);
        // combines the products with blocks 0 and 1 of F, and those with 2 and 3, as `join` does
        for i in 0..BLOCK {
            let half = |at: usize| get(&products[BLOCK * at + i]);
            let first = _mm512_sub_epi64(half(1), half(2));
            let second = _mm512_sub_epi64(half(4), half(3));
            let third = _mm512_sub_epi64(half(5), half(6));
            let mut middle = _mm512_add_epi64(_mm512_sub_epi64(second, first), get(&sum[i]));
            middle = _mm512_mask_add_epi64(middle, c, middle, get(&F_SUMS[i]));
            let mut last = _mm512_add_epi64(third, half(7));
            last = _mm512_mask_sub_epi64(last, c, last, get(&F_SUMS[BLOCK + i]));
            let mut block = |at: usize, change: Z| {
                let column = &mut t[HALF + BLOCK * at + i];
                put(column, _mm512_add_epi64(get(column), change));
            };
            block(0, half(0));
            block(1, _mm512_sub_epi64(first, half(0)));
            block(2, middle);
            block(3, _mm512_sub_epi64(third, second));
            block(4, _mm512_sub_epi64(_mm512_setzero_si512(), last));
            block(5, half(7));
        }
        let (next, top) = (get(&t[HALF]), get(&t[HALF + 3 * BLOCK]));
        put(&mut t[HALF], _mm512_add_epi64(next, carry));
        put(&mut t[HALF + 3 * BLOCK], _mm512_mask_add_epi64(top, c, top, _mm512_set1_epi64(1)));
    }

    fn add(a: &Element, b: &Element, out: &mut Element) {
        add_limbs(&a.0[..], &b.0[..], &mut out.0[..]);
    }

    /// Reads every entry, so that no address depends on a digit.
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

    /// Loads each row whole into two registers, from which a permutation picks by digit.
    fn select_shared(table: &Shared, digits: &Lanes, out: &mut Element) {
        let digits = get(digits);
        for (to, [low, high]) in out.0.iter_mut().zip(table.0.iter()) {
            put(to, _mm512_permutex2var_epi64(get(low), digits, get(high)));
        }
    }
}
