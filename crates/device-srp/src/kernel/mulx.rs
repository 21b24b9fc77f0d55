//! Arithmetic by `mulx`, `adcx` and `adox`, for x86-64 without AVX-512 IFMA: 48 limbs of 64 bits in
//! Montgomery form, R = 2^3072.
//!
//! Because -1/N = 1 modulo 2^64, the quotient digit of a reduction step is the limb to be cleared
//! itself. Values are kept below R rather than below N: for a, b < R the reduction gives (a b + q
//! N) / R < R + N, and one subtraction of N when that reaches R brings it below R again.
#![expect(
    clippy::indexing_slicing,
    reason = "arrays of fixed length under loops of constant bounds"
)]

mod assembly;
mod product;

use once_cell::race::OnceBox;

use super::{Kernel, power::Comb, scan::masks};
use crate::group::{LIMBS, N, Residue};
use product::{Limbs, mac, subtract_n_if};

/// Proof that this CPU has `mulx`, `adcx` and `adox`.
#[derive(Clone, Copy)]
pub(super) struct Mulx(());

/// The comb for g, derived at first use.
static COMB: OnceBox<Comb<[Limbs; 16]>> = OnceBox::new();

/// R^2 modulo N.
#[rustfmt::skip]
const R_SQUARED: Limbs = [
    0x2697_ca91_38d2_41cd, 0x3587_f069_60e7_f138, 0x4f30_b920_e5c1_db66, 0x9582_3215_b15b_a577,
    0x4335_aacb_6489_4d96, 0xae12_8402_3c6e_d6a3, 0xfc11_87a5_fa84_06ab, 0x682a_ab9a_15b1_7ffa,
    0xbc2b_64cf_26e3_35d7, 0x8aa6_1391_abb0_b76a, 0x1ef2_2571_e41a_52b2, 0x1d93_075a_a993_d147,
    0xfea5_187f_a77d_edda, 0xaf80_d4b5_4435_61c6, 0xb186_424b_83df_2859, 0x1cae_fc18_8a59_bc7f,
    0x1b9d_0127_1d18_f0c8, 0x3efe_f29d_c3c0_b3f4, 0x7854_83c6_0810_8c0c, 0x4f12_7682_56e8_8b53,
    0xbfd9_61d5_38d6_fcdd, 0xb41a_05f0_7802_4208, 0x19cc_8d59_5637_06fb, 0x5a77_95d8_6ecc_4987,
    0x9a67_8bf4_439f_12eb, 0x7cda_502e_c043_f99c, 0x0672_a33d_61e3_7f74, 0x19c2_883e_efc8_02af,
    0x7ded_489e_670d_9c6f, 0xa73d_0103_2c4b_8e90, 0x8c6c_bd34_d596_5134, 0x77a5_c747_d85b_0a83,
    0x109d_099e_16fd_7568, 0xa5da_f736_bc8d_5e9e, 0x7139_d0ab_24b7_e495, 0x49cd_9d70_5da1_84d5,
    0x2276_cb40_571f_2c1c, 0xaf0e_c45c_dc39_6086, 0xaa05_da05_c27f_dd33, 0x9875_d4c1_67db_7edc,
    0x5caa_6900_9fbf_543f, 0xfa02_2336_f28d_e772, 0xfae1_cd10_648b_ee54, 0x2ad4_79fe_6969_5c75,
    0x8489_5a7c_5542_f96c, 0xa332_e8e3_e066_9e0f, 0x44c4_e4e4_31ad_0295, 0x5ac8_b4fb_51df_35da,
];

impl Mulx {
    pub(super) fn detect() -> Option<Self> {
        cpufeatures::new!(mulx, "bmi2", "adx");
        // valgrind runs the instructions but does not report ADX
        (mulx::get() || cfg!(device_srp_taint)).then_some(Self(()))
    }
}

impl Kernel<1> for Mulx {
    type Element = Limbs;
    type Shared = [Limbs; 16];

    fn load(self, [x]: [&Residue; 1]) -> Limbs {
        self.mul(&x.0, &R_SQUARED)
    }

    fn store(self, x: &Limbs) -> [Residue; 1] {
        let mut one = [0; LIMBS];
        one[0] = 1;
        // (x + m N) / R with m < R is at most N
        [Residue::reduce_limbs(self.mul(x, &one))]
    }

    fn one(self) -> Limbs {
        // R - N is R modulo N, as N lies between R / 2 and R
        let mut one = N.map(|limb| !limb);
        one[0] = 1;
        one
    }

    fn mul_assign(self, a: &mut Limbs, b: &Limbs) {
        *a = product::product(self, a, b);
    }

    fn square(self, a: &mut Limbs, times: usize) {
        for _ in 0..times {
            *a = product::square(self, a);
        }
    }

    fn add(self, a: &Limbs, b: &Limbs) -> Limbs {
        let (mut sum, mut carry) = ([0; LIMBS], 0);
        for ((s, &a), &b) in sum.iter_mut().zip(a).zip(b) {
            (*s, carry) = mac(a, b, 1, carry);
        }
        // The sum is below 2 R. After one subtraction of N it may still be R or more, by less than
        // 2^3008, so a second one follows.
        let mut top = carry;
        for _ in 0..2 {
            top -= subtract_n_if(&mut sum, top);
        }
        sum
    }

    fn select(self, table: &[Limbs], [digit]: &[u64; 1], to: &mut Limbs) {
        *to = [0; LIMBS];
        for (entry, mask) in table.iter().zip(masks(*digit)) {
            to.iter_mut().zip(entry).for_each(|(to, limb)| *to |= limb & mask);
        }
    }

    fn select_vartime(self, table: &[Limbs], [digit]: &[u64; 1], to: &mut Limbs) {
        *to = table[*digit as usize];
    }

    fn share(self, table: &[Limbs; 16]) -> [Limbs; 16] {
        *table
    }

    fn select_shared(self, table: &[Limbs; 16], digits: &[u64; 1], to: &mut Limbs) {
        self.select(table, digits, to);
    }

    fn comb(self) -> &'static OnceBox<Comb<[Limbs; 16]>> {
        &COMB
    }
}
