//! Arithmetic in safe Rust for any target: 52 limbs of 60 bits in Montgomery form, R = 2^3120.
//!
//! A column of 128 bits has room for 256 products of limbs of 60 bits, so a sum of products needs
//! no carries between them. The compiler turns each product into one multiplication with a two-word
//! result, one addition and one addition with carry.
//!
//! R is 48 bits longer than N, so no subtraction of N is needed at the end: for a, b below 2^3075,
//! (a b + q N) / R is below N + 2^3030. Every element is below that bound, except a sum, which is
//! below twice the bound.

#![expect(clippy::indexing_slicing, reason = "arrays of fixed length under constant bounds")]

mod limbs;
mod product;
mod reduction;

#[cfg(target_has_atomic = "ptr")]
use once_cell::race::OnceBox;

#[cfg(target_has_atomic = "ptr")]
use super::power::Comb;
use super::{Kernel, scan::masks};
use crate::group::{self, Residue};
use limbs::{Element, from_words, to_words};

/// The kernel that runs everywhere.
#[derive(Clone, Copy)]
pub(super) struct Portable;

/// The comb for g, derived at first use.
#[cfg(target_has_atomic = "ptr")]
static COMB: OnceBox<Comb<[Element; 16]>> = OnceBox::new();

/// R^2 modulo N.
#[rustfmt::skip]
const R_SQUARED: Element = from_words(&[
    0x51df_35da_5840_647b, 0x315f_f5f8_966e_2172, 0xdaee_19de_ebd5_1f4a, 0xd1cd_8386_c3e1_0fd6,
    0x8534_ca68_86af_364e, 0x352b_2cb3_d92d_1ae9, 0xa608_7c29_5297_5637, 0xb476_a74a_7cc6_93b4,
    0xea54_fef0_8f0a_684f, 0xd099_0c25_c640_ecaf, 0x4e21_22cb_91bd_e7fe, 0xa1ef_ffb2_4e03_2719,
    0xf76c_8e5a_9862_e5a2, 0x6e97_20b8_52c2_f231, 0x5557_abd2_6383_36ba, 0xfd6e_5591_a0c8_3eb5,
    0x5e1d_3d6b_232e_0976, 0x3e89_d6cd_52b2_e6b2, 0x0f84_6d83_2a67_0541, 0xe01b_6bcc_3f34_34fd,
    0xc7fc_d8f9_9c73_5e9c, 0x6d2c_3007_0ddf_6205, 0x0259_d261_543b_e69e, 0xb953_4f9f_e512_2dda,
    0x8d8c_ffaf_2d38_7db7, 0xc73c_cfc4_7798_7422, 0x7783_2642_c70e_47d2, 0x7eb5_9673_7c23_dfe8,
    0x32e2_0885_6856_343d, 0xca43_12fa_0dc2_c1ab, 0x75f5_ab7e_a5c0_3654, 0x91fd_35d4_d879_f95d,
    0xc203_2956_417f_07b5, 0x7d03_afd4_76cf_2ffb, 0xb8bc_aebb_53ee_4256, 0xbbe4_fe71_5aa9_404b,
    0x1e38_37b5_28c2_c0a6, 0x40ae_d608_5d86_d86b, 0x7d92_604b_6c49_d675, 0x9cb2_8259_f012_8c29,
    0xfa65_4797_2cb3_bc9b, 0xdc80_bf89_93e4_fb61, 0xb615_8282_df99_3c44, 0x8ba2_476a_21bf_4c2a,
    0x8f7c_c6eb_20c8_817b, 0x533d_d329_e533_80a9, 0x3aa1_a105_13fa_2e52, 0x2c90_9a94_c5e7_4aec,
]);

/// R modulo N: 2^3072 - N is 2^3072 modulo N and below 2^3008, so 2^48 times that is below N.
const ONE: Element = {
    let mut one = [0; group::LIMBS];
    one[0] = 1 << 48;
    let mut i = 1;
    while i < group::LIMBS {
        one[i] = !group::N[i] << 48 | if i > 1 { !group::N[i - 1] >> 16 } else { 0 };
        i += 1;
    }
    from_words(&one)
};

impl Kernel<1> for Portable {
    type Element = Element;
    type Shared = [Element; 16];

    fn load(self, [x]: [&Residue; 1]) -> Element {
        self.mul(&from_words(&x.0), &R_SQUARED)
    }

    fn store(self, x: &Element) -> [Residue; 1] {
        let mut one = [[0; _]; _];
        one[0][0] = 1;
        // (x + q N) / R with q < R is at most N
        [Residue::reduce_limbs(to_words(&self.mul(x, &one)))]
    }

    fn one(self) -> Element {
        ONE
    }

    fn mul_assign(self, a: &mut Element, b: &Element) {
        *a = reduction::reduce(product::product(a, b));
    }

    fn square(self, a: &mut Element, times: usize) {
        for _ in 0..times {
            *a = reduction::reduce(product::square(a));
        }
    }

    fn add(self, a: &Element, b: &Element) -> Element {
        limbs::add(a, b)
    }

    fn select(self, table: &[Element], [digit]: &[u64; 1], to: &mut Element) {
        *to = [[0; _]; _];
        for (entry, mask) in table.iter().zip(masks(*digit)) {
            let limbs = to.as_flattened_mut().iter_mut().zip(entry.as_flattened());
            limbs.for_each(|(to, limb)| *to |= limb & mask);
        }
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

    #[cfg(target_has_atomic = "ptr")]
    fn comb(self) -> &'static OnceBox<Comb<[Element; 16]>> {
        &COMB
    }
}
