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
    // the largest columns: all limbs that an element may have, and the four that may be larger
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

#[test]
fn reduction_holds_at_the_edges_of_its_columns() {
    let Some(cpu) = Avx2::detect() else { return };
    let n = number(&N);
    let limit = (&n * 19u8) / 10u8;
    // a column starts with at most 110 products of limbs
    let most = 110 << 56;
    for filling in [0, 1, MASK - 1, MASK, MASK + 1, most] {
        // above limb 216 the largest column would exceed every product
        for (from, to) in
            [(0, 217), (0, 28), (27, 57), (56, 84), (84, 112), (109, 113), (111, 112), (112, 217)]
        {
            for lowest in [0, 1, MASK, most] {
                let mut columns = [0; 224];
                columns[from..to].fill(filling);
                columns[from] = lowest;
                let t =
                    columns.iter().rev().fold(BigUint::ZERO, |high, column| (high << 28) + column);
                let mut space = Workspace::cell().into_inner();
                for (i, column) in columns.into_iter().enumerate().take(223) {
                    // the arrays overlap: array 0 holds the lower half here, and array 3 the upper
                    let (array, lane) = if i < 112 { (0, i / LEN) } else { (3, i / LEN - 3) };
                    let (lane, row) = if lane > 3 { (3, i % LEN + LEN) } else { (lane, i % LEN) };
                    space.columns[array][row].0[lane] = column;
                }
                let mut out = pack(&[0; LIMBS]);
                reduction::reduce(cpu, &mut space, &mut out);
                let reduced = value(&out);
                assert!(reduced < limit, "{filling:x} in {from}..{to}, {lowest:x} lowest");
                let equal = (reduced << 3136) % &n == t % &n;
                assert!(equal, "{filling:x} in {from}..{to}, {lowest:x} lowest");
            }
        }
    }
}
