//! The body of the fuzz target `kernels`: built under `--cfg fuzzing` only.

use super::{Handshake, Kernel, Opening, PORTABLE, formula};
use crate::{
    exponent::Exponent,
    group::{Residue, WIDTH},
};

/// Cuts operands and exponents from the data, and runs every formula on every kernel that this CPU has.
///
/// # Panics
/// If two kernels disagree.
pub fn kernels_agree(data: &[u8]) {
    let mut data = data.iter().copied();
    let mut take = |buffer: &mut [u8]| buffer.iter_mut().zip(&mut data).for_each(|(to, from)| *to = from);
    let mut operands = [[0; WIDTH]; 2];
    let mut exponents = [[0; 32]; 2];
    operands.iter_mut().for_each(|operand| take(operand));
    exponents.iter_mut().for_each(|exponent| take(exponent));
    let operands = operands.map(|operand| Residue::reduce(&operand));
    let expected = results::<1, _>(PORTABLE, &operands, &exponents);
    #[cfg(target_arch = "x86_64")]
    if let Some(k) = super::Words::<super::Mulx>::detect() {
        assert_eq!(results::<1, _>(k, &operands, &exponents), expected);
    }
    #[cfg(target_arch = "x86_64")]
    if let super::Backend::Ifma(k) = super::Backend::detect() {
        assert_eq!(results::<1, _>(k, &operands, &exponents), expected);
        assert_eq!(results::<8, _>(k, &operands, &exponents), expected);
    }
}

/// Lane by lane the same operands, so that one lane's result stands for all.
fn results<const L: usize, K: Kernel<L>>(
    k: K,
    [a, v]: &[Residue; 2],
    [b, u]: &[[u8; 32]; 2],
) -> [[u8; WIDTH]; 7] {
    let same = |results: [Residue; L]| {
        let mut bytes = results.iter().map(Residue::to_be_bytes);
        let first = bytes.next().unwrap_or([0; WIDTH]);
        assert!(bytes.all(|other| other == first), "lanes disagree");
        first
    };
    let (e, x) = (Exponent::from_be_bytes(b), Exponent::from_be_bytes(u));
    let [powers] = formula::powers(PORTABLE, [v]);
    let handshake = |powers| Handshake { a: a.clone(), v, powers, u: Exponent::from_be_bytes(u), b: &e };
    let (x_a, x_v) = (k.load([a; L]), k.load([v; L]));
    let mut square = k.add(&x_a, &x_v);
    k.square(&mut square, 2);
    [
        same(k.store(&k.mul(&x_a, &x_v))),
        same(k.store(&square)),
        same(formula::generator_power(k, [&e; L])),
        same(formula::server_public(k, [&Opening { v, b: &e }; L])),
        same(formula::server_secret(k, [&handshake(None); L])),
        same(formula::server_secret(k, [&handshake(Some(&powers)); L])),
        same(formula::client_secret(k, [a; L], [&x; L], [&Exponent::combine(&e, &x, &x); L])),
    ]
}
