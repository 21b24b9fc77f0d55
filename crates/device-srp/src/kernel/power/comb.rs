//! Powers of g from a table that is derived once.

#![expect(clippy::indexing_slicing, reason = "tables under the bounds of their own construction")]

use core::array;

use crate::{exponent::Exponent, group::Residue, kernel::Kernel};

/// Lim and Lee's comb for g and exponents of 256 bits.
///
/// The exponent is cut into 4 teeth of 64 bits, each tooth into 8 strips of 8 bits. Each strip has
/// a table of the 16 combinations of teeth. A power takes 7 squarings and 63 multiplications.
pub(in crate::kernel) struct Comb<S>([S; STRIPS]);

const TEETH: usize = 4;
const STRIPS: usize = 8;
const STRIP_BITS: usize = 8;

impl<S> Comb<S> {
    pub(super) const BITS: usize = TEETH * STRIPS * STRIP_BITS;

    pub(super) fn derive<const L: usize, K: Kernel<L, Shared = S>>(k: K) -> Self {
        let mut tables: [[K::Element; 1 << TEETH]; STRIPS] =
            array::from_fn(|_| array::from_fn(|_| k.one()));
        // g^(2^i) for i = 64 tooth + 8 strip
        let mut position = k.load([&Residue::generator(); L]);
        for tooth in 0..TEETH {
            for table in &mut tables {
                let (without, with) = table.split_at_mut(1 << tooth);
                for (with, without) in with.iter_mut().zip(without) {
                    *with = k.mul(without, &position);
                }
                k.square(&mut position, STRIP_BITS);
            }
        }
        Self(tables.each_ref().map(|table| k.share(table)))
    }

    pub(super) fn power<const L: usize, K: Kernel<L, Shared = S>>(
        &self,
        k: K,
        e: [&Exponent; L],
    ) -> K::Element {
        let digit = |strip: usize, column: usize| {
            e.map(|e| {
                (0..TEETH).fold(0, |digit, t| {
                    let at = (t * STRIPS + strip) * STRIP_BITS + column;
                    digit | e.window(at, 1) << t
                })
            })
        };
        let select = |strip: usize, column: usize, to: &mut K::Element| {
            k.select_shared(&self.0[strip], &digit(strip, column), to);
        };
        let mut power = k.one();
        select(0, STRIP_BITS - 1, &mut power);
        let mut factor = power.clone();
        for column in (0..STRIP_BITS).rev() {
            let top = column == STRIP_BITS - 1;
            if !top {
                k.square(&mut power, 1);
            }
            for strip in usize::from(top)..STRIPS {
                select(strip, column, &mut factor);
                k.mul_assign(&mut power, &factor);
            }
        }
        power
    }
}
