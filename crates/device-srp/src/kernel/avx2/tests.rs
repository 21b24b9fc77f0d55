use alloc::vec;

use num_bigint::BigUint;

use super::{
    limbs::{LIMBS, MASK, N, unpack},
    *,
};

fn number(limbs: &[u64; LIMBS]) -> BigUint {
    limbs.iter().rev().fold(BigUint::ZERO, |high, limb| (high << 28) + limb)
}

/// Checks the bound of each limb as well.
fn value(x: &Element) -> BigUint {
    let rows = unpack(x);
    let limbs = core::array::from_fn(|i| rows[i % LEN].0[i / LEN] & u64::from(u32::MAX));
    for (i, &limb) in limbs.iter().enumerate() {
        assert!(limb <= MASK + if i % LEN == 1 { 1 << 9 } else { 0 }, "limb {i}: {limb:x}");
    }
    number(&limbs)
}

#[test]
fn products_and_squares_of_full_limbs() {
    let Some(cpu) = Avx2::detect() else { return };
    let space = Workspace::cell();
    let k = cpu.with(&space);
    let n = number(&N);
    let limit = (&n * 19u8) / 10u8;
    // the largest columns: all limbs that an element may have, and the one that may be larger
    let full: [u64; LIMBS] = core::array::from_fn(|i| match i {
        110.. => 0,
        1 | 29 | 57 | 85 => MASK + (1 << 9),
        _ => MASK,
    });
    let one_limb = |at: usize| core::array::from_fn(|i| if i == at { full[i] } else { 0 });
    let half = |upper: bool| core::array::from_fn(|i| if (i < 56) == upper { 0 } else { full[i] });
    let mut operands = vec![full, half(false), half(true), [0; LIMBS], N];
    operands.extend([0, 1, 27, 28, 29, 55, 56, 83, 84, 85, 109].map(one_limb));
    for a in &operands {
        let mut squared = pack(a);
        k.square(&mut squared, 1);
        let squared = value(&squared);
        assert!(squared < limit);
        assert_eq!((&squared << 3136) % &n, number(a) * number(a) % &n);
        for b in &operands {
            let product = value(&k.mul(&pack(a), &pack(b)));
            assert!(product < limit);
            assert_eq!((&product << 3136) % &n, number(a) * number(b) % &n);
        }
    }
}
