use alloc::vec::Vec;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

/// A secret exponent of public length: 64-bit words, least significant first. Never empty.
pub(crate) struct Exponent(Zeroizing<Vec<u64>>);

impl Exponent {
    /// The number of random bytes in an ephemeral secret.
    pub(crate) const EPHEMERAL_LEN: usize = 32;

    /// Draws 256 uniformly random bits.
    pub(crate) fn random(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; Self::EPHEMERAL_LEN]);
        rng.fill_bytes(bytes.as_mut_slice());
        Self::from_be_bytes(bytes.as_slice())
    }

    /// Reads a big-endian integer. Its length in bytes, leading zeros included, is not secret.
    pub(crate) fn from_be_bytes(be: &[u8]) -> Self {
        let mut words = Zeroizing::new(Vec::with_capacity(be.len().div_ceil(8).max(1)));
        words.extend(
            be.rchunks(8)
                .map(|chunk| chunk.iter().fold(0, |high, &byte| high << 8 | u64::from(byte))),
        );
        if words.is_empty() {
            words.push(0);
        }
        Self(words)
    }

    /// The low 256 bits, big-endian.
    pub(crate) fn to_be_bytes(&self) -> Zeroizing<[u8; Self::EPHEMERAL_LEN]> {
        let mut bytes = Zeroizing::new([0; Self::EPHEMERAL_LEN]);
        for (chunk, word) in bytes.rchunks_exact_mut(8).zip(self.0.iter()) {
            chunk.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    /// Computes a + u x for u and x of 256 bits, without reduction.
    ///
    /// If a has 256 bits, the sum is shorter than the order of g. A longer a only costs time.
    pub(crate) fn combine(a: &Self, u: &Self, x: &Self) -> Self {
        let product = u.0.len() + x.0.len();
        // If a is no longer than x, the sum is below 2^(64 * product), because a < 2^(bits of x),
        // so that a + u x < 2^(bits of x) (u + 1) <= 2^(bits of x) 2^(bits of u).
        let len = if a.0.len() <= x.0.len() { product } else { product.max(a.0.len()) + 1 };
        let mut sum = Zeroizing::new(Vec::with_capacity(len));
        sum.extend_from_slice(&a.0);
        sum.resize(len, 0);
        for (i, &u) in u.0.iter().enumerate() {
            let mut carry = 0;
            for (j, word) in sum.iter_mut().skip(i).enumerate() {
                let x = x.0.get(j).copied().unwrap_or(0);
                let wide = u128::from(u) * u128::from(x) + u128::from(*word) + u128::from(carry);
                *word = wide as u64;
                carry = (wide >> 64) as u64;
            }
        }
        Self(sum)
    }

    /// The length in bits, a multiple of 64.
    pub(crate) fn bits(&self) -> usize {
        64 * self.0.len()
    }

    #[cfg(device_srp_taint)]
    pub(crate) fn words(&self) -> &[u64] {
        &self.0
    }

    /// Bits `at` to `at + width` as a number, zeros beyond the end, for a `width` below 64.
    ///
    /// Branches depend on the position only.
    #[allow(clippy::integer_division_remainder_used, reason = "a public position")]
    pub(crate) fn window(&self, at: usize, width: usize) -> u64 {
        let word = |i: usize| self.0.get(i).copied().unwrap_or(0);
        let (i, shift) = (at / 64, at % 64);
        let mut window = word(i) >> shift;
        if shift + width > 64 {
            window |= word(i + 1) << (64 - shift);
        }
        window & ((1 << width) - 1)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use num_bigint::BigUint;

    use super::*;

    fn big(e: &Exponent) -> BigUint {
        e.0.iter().rev().fold(BigUint::ZERO, |high, &word| (high << 64) + word)
    }

    #[test]
    fn combining_equals_plain_arithmetic_at_the_extremes() {
        for length in [1, 8, 31, 32, 33, 63, 64, 65, 128, 1024] {
            for fill in [0, 1, 0xff] {
                let a = vec![fill; length];
                let (u, x) = ([0xff; 32], [0xff; 32]);
                let [ea, eu, ex] = [&a[..], &u, &x].map(Exponent::from_be_bytes);
                let [ba, bu, bx] = [&a[..], &u, &x].map(BigUint::from_bytes_be);
                assert_eq!(
                    big(&Exponent::combine(&ea, &eu, &ex)),
                    ba + bu * bx,
                    "{length} bytes of {fill:#x}"
                );
            }
        }
    }

    #[test]
    fn windows_cross_words_and_end_in_zeros() {
        let e = Exponent::from_be_bytes(&[0x01, 0x80, 0, 0, 0, 0, 0, 0, 0x01]);
        assert_eq!(e.bits(), 128);
        assert_eq!(e.window(0, 4), 1);
        assert_eq!(e.window(62, 4), 0b0110);
        assert_eq!(e.window(124, 8), 0);
        assert_eq!(e.window(200, 5), 0);
        assert_eq!(Exponent::from_be_bytes(&[]).bits(), 64);
        assert_eq!(e.to_be_bytes()[23..], [1, 0x80, 0, 0, 0, 0, 0, 0, 1]);
    }
}
