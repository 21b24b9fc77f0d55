//! Compares products and reductions in lanes with num-bigint, where carries are rarest.

use num_bigint::{BigInt, BigUint};

use super::*;

fn value(x: &Element, lane: usize) -> BigUint {
    x.0.iter().rev().fold(BigUint::ZERO, |high, row| {
        assert!(row.0[lane] <= MASK, "a limb is beyond 52 bits");
        (high << 52) + row.0[lane]
    })
}

fn element(lanes: &[[u64; LIMBS]; 8]) -> Element {
    let mut element = Element::zero();
    for (i, row) in element.0.iter_mut().enumerate() {
        row.0 = lanes.each_ref().map(|limbs| limbs[i]);
    }
    element
}

fn modulus() -> BigUint {
    N.iter().rev().fold(BigUint::ZERO, |high, &limb| (high << 52) + limb)
}

/// The highest limb is small enough for the value to stay within the kernel's bound.
#[test]
fn products_and_squares_of_full_limbs() {
    let Some(k) = Ifma::detect() else { return };
    let space = Workspace::cell();
    let k = k.in_lanes(&space);
    let (n, r) = (modulus(), BigUint::from(1u8) << 3120);
    let full = |count: usize| {
        core::array::from_fn(|i| if i < count { if i == LIMBS - 1 { 15 } else { MASK } } else { 0 })
    };
    let mut operands: Vec<[u64; LIMBS]> =
        alloc::vec![[0; LIMBS], N, full(60), full(59), full(30), full(15), full(1)];
    for i in 0..LIMBS - 1 {
        let mut limbs = [0; LIMBS];
        limbs[i] = MASK;
        operands.push(limbs);
        limbs = full(60);
        limbs[i] = 0;
        operands.push(limbs);
        // halves and blocks whose sums are full limbs, and those whose sums are one more
        limbs = [0; LIMBS];
        limbs[..=i].fill(MASK >> 1);
        limbs[i] += 1;
        operands.push(limbs);
    }
    for (at, offset) in (0..operands.len()).step_by(4).zip((1..7).cycle()) {
        let lanes =
            |from: usize| core::array::from_fn(|lane| operands[(from + lane) % operands.len()]);
        let (a, b) = (element(&lanes(at)), element(&lanes(at * offset + offset)));
        let product = k.mul(&a, &b);
        let mut square = a.clone();
        k.square(&mut square, 1);
        for lane in 0..8 {
            let (x, y) = (value(&a, lane), value(&b, lane));
            let (product, square) = (value(&product, lane), value(&square, lane));
            assert!(product < &n * 2u8 && square < &n * 2u8);
            assert_eq!(product * &r % &n, &x * y % &n);
            assert_eq!(square * &r % &n, &x * &x % &n);
        }
    }
}

/// Columns of either sign, as Karatsuba's method leaves them, up to 2^61.
#[test]
fn reduction_holds_at_the_edges_of_its_columns() {
    if Ifma::detect().is_none() {
        return;
    }
    let (n, r) = (BigInt::from(modulus()), BigInt::from(1u8) << 3120);
    for filling in
        [0, 1, MASK as i64 - 1, MASK as i64, 1 << 52, (1 << 61) - 1, -1, -(1 << 52), 1 - (1 << 61)]
    {
        for (from, to) in
            [(0, 118), (0, 1), (0, 15), (14, 31), (29, 30), (30, 45), (44, 61), (59, 60), (60, 118)]
        {
            for (lowest, highest) in [(0, 1), (-1, 1 << 12), (1, 1 << 12), (MASK as i64, 1 << 12)] {
                let mut columns = [0_i64; 2 * LIMBS];
                columns[from..to].fill(filling);
                columns[from] = lowest;
                // makes the number positive
                columns[118] = highest + (1 << 10);
                let mut space = Workspace::cell().into_inner();
                for (i, (row, column)) in space.columns.iter_mut().zip(columns).enumerate() {
                    // odd lanes have the opposite sign, except in the top column
                    row.0 = core::array::from_fn(
                        |lane| if lane % 2 == 0 || i == 118 { column } else { -column } as u64,
                    );
                }
                let mut out = Element::zero();
                // SAFETY: `detect` found the CPU features
                unsafe { reduce(&mut space, &mut out) };
                for (lane, sign) in [(0, 1), (1, -1), (6, 1)] {
                    let whole = (0..2 * LIMBS).rev().fold(BigInt::ZERO, |high, i| {
                        (high << 52) + if i == 118 { columns[i] } else { sign * columns[i] }
                    });
                    let got = BigInt::from(value(&out, lane));
                    assert!(got < &n << 1, "{filling:x} in {from}..{to}");
                    assert_eq!(
                        (got * &r - whole) % &n,
                        BigInt::ZERO,
                        "{filling:x} in {from}..{to}, {lowest:x} lowest"
                    );
                }
            }
        }
    }
}
