//! Arithmetic by AVX2: 112 limbs of 28 bits in Montgomery form, R = 2^3136.
//!
//! `vpmuludq` multiplies the lower halves of four 64-bit lanes. A product of limbs has 56 bits, so
//! a column has room for all 224 products of a multiplication and its reduction, without carries
//! between them. Lane l of row j has limb 28 l + j, so a carry out of a row goes to the next row.
//!
//! The reduction clears a quarter of 28 limbs at a time. Because c N = F 2^784 - 1, the first three
//! quarters are their own quotients. The quotient of the fourth is the quarter times c, and that
//! step adds a multiple of N itself.
//!
//! Bounds. F is below 0.85 N, so a reduced T is below T / R + F (1 + 2^-783) + N, and that is below
//! 1.9 N for operands below 4 N, such as the sum of two results. So limbs 110 and 111 are 0. Limbs
//! are below 2^28, except limbs 1, 29, 57 and 85, which are below 2^28 + 2^9. A column gets at most
//! 110 products of limbs, 112 products of a digit below 2^28 with a limb of F or N, and a carry
//! below 2^37. So it stays below 223 * 2^56, and no sum reaches 2^64.

#![allow(unsafe_code, reason = "functions that are compiled for AVX2")]
#![expect(clippy::indexing_slicing, reason = "arrays of fixed length under constant bounds")]

mod assembly;
mod columns;
mod limbs;
mod reduction;
#[cfg(test)]
mod tests;

use core::cell::RefCell;

use once_cell::race::OnceBox;

use super::{Kernel, power::Comb};
use crate::group::Residue;
use columns::Columns;
use limbs::{Element, LEN, Lanes, PACKED, canonical, from_words, pack};

/// Proof that this CPU and its operating system support AVX2.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

/// The kernel: what the CPU can run, and the memory to work in.
#[derive(Clone, Copy)]
pub(super) struct WithSpace<'a> {
    proof: Avx2,
    space: &'a RefCell<Workspace>,
}

/// Memory that a multiplication works in, zeroed once for many multiplications.
pub(super) struct Workspace {
    /// Columns of a product of elements.
    columns: Columns<{ 2 * LEN }>,
    /// Columns of the product of a quarter and c.
    quotient: Columns<{ LEN >> 1 }>,
}

/// The comb for g, derived at first use.
static COMB: OnceBox<Comb<[Element; 16]>> = OnceBox::new();

/// R modulo N: 2^3072 - N is 2^3072 modulo N and below 2^3007, so 2^64 times that is below N.
const ONE: Element = {
    let mut one = [0; _];
    one[1] = 1;
    let mut i = 2;
    while i < one.len() {
        one[i] = !crate::group::N[i - 1];
        i += 1;
    }
    pack(&from_words(&one))
};

/// R^2 modulo N.
#[rustfmt::skip]
const R_SQUARED: Element = pack(&from_words(&[
    0x5840_647b_2c90_9a94, 0xfd8a_4771_a2df_3a7e, 0x86c3_c48e_1e17_d4c0, 0x1ecb_4624_59cb_9f5e,
    0xec61_c415_5ee0_aa85, 0xa8c3_69e5_013e_ef39, 0xb70f_8f65_5940_9db1, 0x2b76_124a_b39f_13d2,
    0x71a7_a666_d9af_17f9, 0x5c15_2ae4_daca_4f7c, 0x0c00_c7eb_6df0_2630, 0xb418_b7d1_015e_6963,
    0x31da_d397_41d8_aa9e, 0x35e9_802d_ead6_bc02, 0x825d_e9f6_7bd6_27b4, 0x9e48_f2ee_df1a_aa92,
    0x11b6_9f12_7767_4ac4, 0x6012_c929_45ea_241f, 0x79dd_2d80_ca37_7bb2, 0x581a_f13c_0e38_6d30,
    0xb60f_f8b2_63c3_728c, 0x12e2_b6e8_4253_0ced, 0xcffd_b635_3ce3_966f, 0x5cd4_baaf_5ca4_1c1b,
    0x01a0_5b11_bcc4_c874, 0x8f9e_e227_04e7_ac0e, 0x6b0b_e963_c27a_1f9a, 0x12b0_7751_5eb6_4efe,
    0xcab6_81ab_b506_e97b, 0x8f09_184d_bc84_672d, 0xa807_0801_3bec_65b0, 0x3f88_fc63_e221_838d,
    0xea97_eef1_d9fd_e973, 0x3b1a_3ffb_7f06_0d37, 0x5908_0fb7_ea48_9e60, 0xc023_09aa_4fed_242f,
    0x0280_acb1_4295_d549, 0x7530_7f15_6ec9_ed07, 0x7454_23e6_07e3_55a7, 0x6b64_49c1_d0d8_7e04,
    0xac0a_e449_6ab9_e875, 0x03d2_81ab_dcc5_a2e4, 0xaee2_485a_797c_08d2, 0x129c_7ad5_9a26_baab,
    0xabea_8fc2_2507_1fbe, 0x629c_4bba_7e32_d49e, 0x7459_742f_ae59_05c1, 0xc5e7_4aec_4431_efb2,
]));

impl Workspace {
    /// In a cell, so that kernels which refer to it can be copied.
    pub(super) fn cell() -> RefCell<Self> {
        let zero = Lanes([0; _]);
        RefCell::new(Self { columns: [[zero; _]; _], quotient: [[zero; _]; _] })
    }
}

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        cpufeatures::new!(cpu, "avx2");
        cpu::get().then_some(Self(()))
    }

    /// The kernel. Only one method at a time borrows the workspace.
    pub(super) fn with(self, space: &RefCell<Workspace>) -> WithSpace<'_> {
        WithSpace { proof: self, space }
    }
}

impl Kernel<1> for WithSpace<'_> {
    type Element = Element;
    type Shared = [Element; 16];

    fn load(self, [x]: [&Residue; 1]) -> Element {
        self.mul(&pack(&from_words(&x.0)), &R_SQUARED)
    }

    fn store(self, x: &Element) -> [Residue; 1] {
        let mut unit = [Lanes([0; _]); PACKED];
        unit[0].0[0] = 1;
        [canonical(&self.mul(x, &unit))]
    }

    fn one(self) -> Element {
        ONE
    }

    fn mul_assign(self, a: &mut Element, b: &Element) {
        let space = &mut self.space.borrow_mut();
        columns::multiply(self.proof, a, b, &mut space.columns);
        reduction::reduce(self.proof, space, a);
    }

    fn square(self, a: &mut Element, times: usize) {
        let space = &mut self.space.borrow_mut();
        for _ in 0..times {
            columns::square(self.proof, a, &mut space.columns);
            reduction::reduce(self.proof, space, a);
        }
    }

    fn add(self, a: &Element, b: &Element) -> Element {
        // SAFETY: `self` proves that the CPU has AVX2
        unsafe { limbs::add(a, b) }
    }

    fn select(self, table: &[Element], [digit]: &[u64; 1], to: &mut Element) {
        // SAFETY: `self` proves that the CPU has AVX2
        *to = unsafe { limbs::select(table, *digit) };
    }

    fn select_vartime(self, table: &[Element], [digit]: &[u64; 1], to: &mut Element) {
        *to = table[*digit as usize];
    }

    fn share(self, table: &[Element; 16]) -> [Element; 16] {
        *table
    }

    fn select_shared(self, table: &[Element; 16], digits: &[u64; 1], to: &mut Element) {
        self.select(table, digits, to);
    }

    fn comb(self) -> &'static OnceBox<Comb<[Element; 16]>> {
        &COMB
    }
}
