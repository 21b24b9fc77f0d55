//! The group: the 3072-bit safe prime N of RFC 5054 appendix A (RFC 3526, group 15), with g = 2.

use alloc::vec::Vec;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

use crate::{error::Error, integer};

/// Number of bytes in N and in every residue.
pub(crate) const WIDTH: usize = 384;
/// Number of 64-bit limbs in N.
#[allow(clippy::integer_division_remainder_used, reason = "a constant")]
pub(crate) const LIMBS: usize = WIDTH / 8;

/// N, least significant limb first.
///
/// Its highest and lowest limbs are all ones. The kernels rely on that: -1/N = 1 modulo 2^64, and
/// 2^3072 - N is below 2^3008.
#[rustfmt::skip]
pub(crate) const N: [u64; LIMBS] = [
    0xffff_ffff_ffff_ffff, 0x4b82_d120_a93a_d2ca, 0x43db_5bfc_e0fd_108e, 0x08e2_4fa0_74e5_ab31,
    0x7709_88c0_bad9_46e2, 0xbbe1_1757_7a61_5d6c, 0x521f_2b18_177b_200c, 0xd876_0273_3ec8_6a64,
    0xf12f_fa06_d98a_0864, 0xcee3_d226_1ad2_ee6b, 0x1e8c_94e0_4a25_619d, 0xabf5_ae8c_db09_33d7,
    0xb397_0f85_a6e1_e4c7, 0x8aea_7157_5d06_0c7d, 0xecfb_8504_58db_ef0a, 0xa855_21ab_df1c_ba64,
    0xad33_170d_0450_7a33, 0x1572_8e5a_8aaa_c42d, 0x15d2_2618_98fa_0510, 0x3995_497c_ea95_6ae5,
    0xde2b_cbf6_9558_1718, 0xb5c5_5df0_6f4c_52c9, 0x9b27_83a2_ec07_a28f, 0xe39e_772c_180e_8603,
    0x3290_5e46_2e36_ce3b, 0xf174_6c08_ca18_217c, 0x670c_354e_4abc_9804, 0x9ed5_2907_7096_966d,
    0x1c62_f356_2085_52bb, 0x8365_5d23_dca3_ad96, 0x6916_3fa8_fd24_cf5f, 0x98da_4836_1c55_d39a,
    0xc200_7cb8_a163_bf05, 0x4928_6651_ece4_5b3d, 0xae9f_2411_7c4b_1fe6, 0xee38_6bfb_5a89_9fa5,
    0x0bff_5cb6_f406_b7ed, 0xf44c_42e9_a637_ed6b, 0xe485_b576_625e_7ec6, 0x4fe1_356d_6d51_c245,
    0x302b_0a6d_f25f_1437, 0xef95_19b3_cd3a_431b, 0x514a_0879_8e34_04dd, 0x020b_bea6_3b13_9b22,
    0x2902_4e08_8a67_cc74, 0xc4c6_628b_80dc_1cd1, 0xc90f_daa2_2168_c234, 0xffff_ffff_ffff_ffff,
];

/// k = SHA-256(PAD(N) | PAD(g)), the multiplier of SRP-6a.
const MULTIPLIER: [u64; 4] =
    [0x1b43_b8a5_b66d_9ee6, 0xf5b3_a6b0_8791_e501, 0xcbbd_e235_9fcf_67f9, 0x5382_82c4_3547_42d7];

/// An integer below N: limbs of 64 bits, least significant first.
///
/// Every operation is constant time, except [`Self::padded`], whose result has the number's length.
#[derive(Clone)]
pub(crate) struct Residue(pub(crate) [u64; LIMBS]);

impl Residue {
    /// Reduces an integer below 2^3072, which is below 2N.
    pub(crate) fn reduce(be: &[u8; WIDTH]) -> Self {
        Self::reduce_limbs(limbs(be))
    }

    /// Reduces an integer below 2^3072.
    pub(crate) fn reduce_limbs(limbs: [u64; LIMBS]) -> Self {
        let (reduced, borrow) = subtract(&limbs, &N);
        Self(select(&reduced, &limbs, borrow))
    }

    /// Reads a verifier: an integer below N, except 0, 1 and N - 1, whose powers are known.
    pub(crate) fn from_verifier_bytes(be: &[u8]) -> Result<Self, Error> {
        let limbs = limbs(&integer::right_aligned(be)?);
        let mut two = [0; LIMBS];
        two[0] = 2;
        let (n_minus_1, _) = subtract(&N, &{
            let mut one = two;
            one[0] = 1;
            one
        });
        let (_, below_two) = subtract(&limbs, &two);
        let (_, below_last) = subtract(&limbs, &n_minus_1);
        if bool::from(!below_two & below_last) {
            Ok(Self(limbs))
        } else {
            Err(Error::VerifierOutOfRange)
        }
    }

    /// The multiplier k.
    pub(crate) fn multiplier() -> Self {
        let mut limbs = [0; LIMBS];
        limbs.iter_mut().zip(MULTIPLIER).for_each(|(limb, k)| *limb = k);
        Self(limbs)
    }

    /// 2, which generates the group.
    pub(crate) fn generator() -> Self {
        let mut limbs = [0; LIMBS];
        limbs[0] = 2;
        Self(limbs)
    }

    /// N minus this residue, which must not be 0.
    pub(crate) fn negated(&self) -> Self {
        Self(subtract(&N, &self.0).0)
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.0.iter().fold(0, |all, limb| all | limb) == 0
    }

    pub(crate) fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }

    pub(crate) fn to_be_bytes(&self) -> [u8; WIDTH] {
        let mut be = [0; WIDTH];
        for (chunk, limb) in be.rchunks_exact_mut(8).zip(&self.0) {
            chunk.copy_from_slice(&limb.to_be_bytes());
        }
        be
    }

    /// `PAD` of this residue.
    ///
    /// The length of the result, and so the time, depends on the leading zero bits: the protocol
    /// hashes a message of that length.
    pub(crate) fn padded(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(integer::pad(Zeroizing::new(self.to_be_bytes()).as_slice()))
    }
}

impl Zeroize for Residue {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

fn limbs(be: &[u8; WIDTH]) -> [u64; LIMBS] {
    let mut limbs = [0; LIMBS];
    for (limb, chunk) in limbs.iter_mut().zip(be.rchunks_exact(8)) {
        *limb = chunk.iter().fold(0, |high, &byte| high << 8 | u64::from(byte));
    }
    limbs
}

/// a - b, and whether the subtraction borrowed.
pub(crate) fn subtract(a: &[u64; LIMBS], b: &[u64; LIMBS]) -> ([u64; LIMBS], Choice) {
    let (mut difference, mut borrow) = ([0; LIMBS], 0);
    for ((d, &a), &b) in difference.iter_mut().zip(a).zip(b) {
        let wide = u128::from(a).wrapping_sub(u128::from(b) + u128::from(borrow));
        *d = wide as u64;
        borrow = (wide >> 64) as u8 & 1;
    }
    (difference, Choice::from(borrow))
}

/// `b` if `choice`, else `a`.
fn select(a: &[u64; LIMBS], b: &[u64; LIMBS], choice: Choice) -> [u64; LIMBS] {
    let mut out = *a;
    out.iter_mut().zip(b).for_each(|(out, b)| out.conditional_assign(b, choice));
    out
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn only_valid_verifiers_are_accepted() {
        let n = Residue(N).to_be_bytes();
        let with_last = |last: u8| {
            let mut be = n;
            be[WIDTH - 1] = last;
            be
        };
        for (be, error) in [
            (vec![], Error::VerifierOutOfRange),
            (vec![0; 400], Error::VerifierOutOfRange),
            (vec![1], Error::VerifierOutOfRange),
            (with_last(0xfe).to_vec(), Error::VerifierOutOfRange),
            (n.to_vec(), Error::VerifierOutOfRange),
            (vec![0xff; WIDTH], Error::VerifierOutOfRange),
            (vec![1; WIDTH + 1], Error::TooLong),
        ] {
            assert_eq!(Residue::from_verifier_bytes(&be).err(), Some(error));
        }
        assert!(Residue::from_verifier_bytes(&[2]).is_ok());
        assert!(Residue::from_verifier_bytes(&with_last(0xfd)).is_ok());
    }

    #[test]
    fn reduction_is_exact_at_its_edges() {
        assert!(Residue::reduce_limbs(N).is_zero());
        let mut above = N;
        above[0] = 0; // N + 1 carries through the lowest limb
        above[1] += 1;
        assert_eq!(Residue::reduce_limbs(above).0[0], 1);
        let (top, _) = subtract(&[u64::MAX; LIMBS], &N);
        assert_eq!(Residue::reduce_limbs([u64::MAX; LIMBS]).0, top);
        assert_eq!(Residue::generator().negated().negated().0, Residue::generator().0);
    }
}
