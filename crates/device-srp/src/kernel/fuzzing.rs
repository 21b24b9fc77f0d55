//! The body of the fuzz target `kernels`. Built under `--cfg fuzzing` only.

use super::{Handshake, Kernel, Opening, Portable, formula};
use crate::{
    exponent::Exponent,
    group::{Residue, WIDTH},
};

/// Runs a formula with operands and exponents from the data on every kernel.
///
/// # Panics
/// If two kernels disagree.
pub fn kernels_agree(data: &[u8]) {
    let mut data = data.iter().copied();
    let Some(formula) = data.next() else { return };
    // most inputs get 64-bit exponents: these take every path except that of long exponents, in a
    // quarter of the time
    let length = if formula < 192 { 8 } else { 32 };
    let mut take =
        |buffer: &mut [u8]| buffer.iter_mut().zip(&mut data).for_each(|(to, from)| *to = from);
    let mut operands = [[0; WIDTH]; 2];
    let mut exponents = [[0; 32]; 2];
    operands.iter_mut().for_each(|operand| take(operand));
    exponents.iter_mut().for_each(|exponent| take(&mut exponent[..length]));
    let operands = operands.map(|operand| Residue::reduce(&operand));
    let exponents = exponents.each_ref().map(|exponent| &exponent[..length]);
    let expected = result::<1, _>(Portable, formula, &operands, exponents);
    #[cfg(target_arch = "x86_64")]
    if let Some(k) = super::Avx2::detect() {
        let space = super::avx2::Workspace::cell();
        let k = k.with(&space);
        assert_eq!(result::<1, _>(k, formula, &operands, exponents), expected);
    }
    #[cfg(target_arch = "x86_64")]
    if let super::Backend::Ifma(k) = super::Backend::detect() {
        assert_eq!(result::<1, _>(k, formula, &operands, exponents), expected);
        let space = super::ifma::Workspace::cell();
        let k = k.in_lanes(&space);
        assert_eq!(result::<8, _>(k, formula, &operands, exponents), expected);
    }
}

/// Runs a formula with the same operands in every lane, and asserts that all lanes agree.
fn result<const L: usize, K: Kernel<L>>(
    k: K,
    formula: u8,
    [a, v]: &[Residue; 2],
    [b, u]: [&[u8]; 2],
) -> [u8; WIDTH] {
    let (e, x) = (Exponent::from_be_bytes(b), Exponent::from_be_bytes(u));
    let handshake =
        |powers| Handshake { a: a.clone(), v, powers, u: Exponent::from_be_bytes(u), b: &e };
    let (x_a, x_v) = (k.load([a; L]), k.load([v; L]));
    let results = match formula % 16 {
        0 => formula::generator_power(k, [&e; L]),
        1 => formula::server_public(k, [&Opening { v, b: &e }; L]),
        2 => formula::server_secret(k, [&handshake(None); L]),
        3 => formula::server_secret(k, [&handshake(Some(&formula::powers(k, [v; L])[0])); L]),
        4 => formula::client_secret(k, [a; L], [&x; L], [&Exponent::combine(&e, &x, &x); L]),
        times @ 5..8 => {
            let mut square = k.add(&x_a, &x_v);
            k.square(&mut square, times.into());
            k.store(&square)
        }
        8..12 => k.store(&k.mul(&k.add(&x_a, &x_v), &x_v)),
        _ => k.store(&k.mul(&x_a, &x_v)),
    };
    let mut bytes = results.iter().map(Residue::to_be_bytes);
    let first = bytes.next().unwrap_or([0; WIDTH]);
    assert!(bytes.all(|other| other == first), "lanes disagree");
    first
}
