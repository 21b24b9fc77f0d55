//! Montgomery reduction: (t + q N) / R, with the q that makes the division exact.
//!
//! Because -1/N = 1 modulo 2^60, each digit of q equals the limb that it clears. Because the lowest
//! limb of N is 2^60 - 1, adding the digit times that limb takes one addition.

use super::{
    limbs::{BITS, Columns, Element, LEN, MASK, Quarter, carry, from_words},
    product::{Product, add_column, add_halves, add_quarters, for_columns, multiply},
};
use crate::group;

const N: Element = from_words(&group::N);

/// t / R modulo N: below N + 2^3030 for t below 2^6150.
pub(super) fn reduce(mut t: Product) -> Element {
    let [n0, n1, n2, n3] = &N;
    for half in [0, 2] {
        let columns = &mut t[half..];
        let low = add_quotient(columns, n0);
        add_quarters(&mut columns[1..], &low, n1);
        let high = add_quotient(&mut columns[1..], n0);
        add_quarters(&mut columns[2..], &high, n1);
        add_halves(&mut columns[2..], [&low, &high], [n2, n3]);
    }
    let mut carried = 0;
    let [_, _, _, _, upper @ ..] = &t;
    upper.each_ref().map(|columns| {
        let limbs;
        (limbs, carried) = carry(columns, carried);
        limbs
    })
}

/// Finds 13 digits of q, adds their product with N's lowest quarter, and returns the digits.
#[inline(never)]
fn add_quotient(columns: &mut [Columns], n: &Quarter) -> Quarter {
    let (mut digits, mut carried) = ([0; LEN], 0);
    for_columns!(0 1 2 3 4 5 6 7 8 9 10 11 12:
        find_digit(&columns[0], &mut digits, &mut carried, n));
    columns[1][0] += carried;
    for_columns!(13 14 15 16 17 18 19 20 21 22 23 24: add_column(&mut columns[1], &digits, n));
    digits
}

/// Computes the digit of q that clears a column, from the digits before it.
#[inline(always)]
fn find_digit<const COLUMN: usize>(
    columns: &Columns,
    digits: &mut Quarter,
    carried: &mut u128,
    n: &Quarter,
) {
    let mut column = columns[COLUMN] + *carried;
    let mut i = 0;
    while i < COLUMN {
        column += multiply(digits[i], n[COLUMN - i]);
        i += 1;
    }
    let digit = column as u64 & MASK;
    digits[COLUMN] = digit;
    // column + digit (2^60 - 1) = column - digit + digit 2^60
    *carried = (column >> BITS) + u128::from(digit);
}
