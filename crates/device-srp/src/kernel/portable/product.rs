//! Products of elements, without their reduction.
//!
//! Quarters are multiplied column by column, in loops with constant bounds that are unrolled.
//! Halves are multiplied by Karatsuba's method, which takes three products of quarters instead of
//! the schoolbook method's four.
//!
//! No column reaches 2^128. A product of elements adds at most 52 products below 2^120 to a column,
//! and its reduction 52 more. Karatsuba's middle term is 13 products below 2^122, or below 2^123 if
//! one factor is doubled. Tests are built with overflow checks.

#![allow(clippy::integer_division_remainder_used, reason = "public positions")]

use core::array;

use super::limbs::{Columns, Element, LEN, Quarter};

/// All columns of a product of elements.
pub(super) type Product = [Columns; 8];

/// Calls a function once per column, with the column's number as its const parameter.
macro_rules! for_columns {
    ($($column:literal)*: $call:ident $arguments:tt) => { $($call::<$column> $arguments;)* };
}
pub(super) use for_columns;

/// a b.
pub(super) fn product(a: &Element, b: &Element) -> Product {
    let mut columns = [[0; LEN]; 8];
    let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (a, b);
    add_halves(&mut columns[..4], [a0, a1], [b0, b1]);
    add_halves(&mut columns[2..6], [a0, a1], [b2, b3]);
    add_halves(&mut columns[2..6], [a2, a3], [b0, b1]);
    add_halves(&mut columns[4..], [a2, a3], [b2, b3]);
    columns
}

/// a^2: computes each product of two different limbs once, with one of them doubled.
pub(super) fn square(a: &Element) -> Product {
    let mut columns = [[0; LEN]; 8];
    let [a0, a1, a2, a3] = a;
    let [twice0, twice1, twice2, twice3] = &a.map(|quarter| quarter.map(|limb| limb << 1));
    add_square(&mut columns[0..], a0, twice0);
    add_quarters(&mut columns[1..], a0, twice1);
    add_square(&mut columns[2..], a1, twice1);
    add_halves(&mut columns[2..], [twice0, twice1], [a2, a3]);
    add_square(&mut columns[4..], a2, twice2);
    add_quarters(&mut columns[5..], a2, twice3);
    add_square(&mut columns[6..], a3, twice3);
    columns
}

/// Adds a b to the first four groups of columns.
///
/// With a = a0 + a1 X and b = b0 + b1 X, the middle term is (a0 + a1) (b0 + b1) - a0 b0 - a1 b1.
pub(super) fn add_halves(columns: &mut [Columns], a: [&Quarter; 2], b: [&Quarter; 2]) {
    let sum = |[low, high]: [&Quarter; 2]| -> Quarter { array::from_fn(|i| low[i] + high[i]) };
    let quarters = |a, b| {
        let mut columns = [[0; LEN]; 2];
        add_quarters(&mut columns, a, b);
        columns
    };
    let (low, high) = (quarters(a[0], b[0]), quarters(a[1], b[1]));
    let middle = quarters(&sum(a), &sum(b));
    for i in 0..LEN {
        columns[0][i] += low[0][i];
        columns[1][i] += low[1][i] + (middle[0][i] - low[0][i] - high[0][i]);
        columns[2][i] += high[0][i] + (middle[1][i] - low[1][i] - high[1][i]);
        columns[3][i] += high[1][i];
    }
}

/// Adds a b to the first two groups of columns.
#[inline(never)]
pub(super) fn add_quarters(columns: &mut [Columns], a: &Quarter, b: &Quarter) {
    for_columns!(0 1 2 3 4 5 6 7 8 9 10 11 12: add_column(&mut columns[0], a, b));
    for_columns!(13 14 15 16 17 18 19 20 21 22 23 24: add_column(&mut columns[1], a, b));
}

/// Adds the products that make up one column of a b.
#[inline(always)]
pub(super) fn add_column<const COLUMN: usize>(to: &mut Columns, a: &Quarter, b: &Quarter) {
    let mut i = COLUMN.saturating_sub(LEN - 1);
    while i < LEN && i <= COLUMN {
        to[COLUMN % LEN] += multiply(a[i], b[COLUMN - i]);
        i += 1;
    }
}

/// Adds a^2 to the first two groups of columns.
#[inline(never)]
fn add_square(columns: &mut [Columns], a: &Quarter, twice: &Quarter) {
    for_columns!(0 1 2 3 4 5 6 7 8 9 10 11 12: add_square_column(&mut columns[0], a, twice));
    for_columns!(13 14 15 16 17 18 19 20 21 22 23 24: add_square_column(&mut columns[1], a, twice));
}

/// Adds the products that make up one column of a^2.
#[inline(always)]
fn add_square_column<const COLUMN: usize>(to: &mut Columns, a: &Quarter, twice: &Quarter) {
    let mut i = COLUMN.saturating_sub(LEN - 1);
    while 2 * i < COLUMN {
        to[COLUMN % LEN] += multiply(twice[i], a[COLUMN - i]);
        i += 1;
    }
    if COLUMN.is_multiple_of(2) {
        to[COLUMN % LEN] += multiply(a[i], a[i]);
    }
}

/// The product in 128 bits.
#[inline(always)]
pub(super) fn multiply(a: u64, b: u64) -> u128 {
    u128::from(a) * u128::from(b)
}
