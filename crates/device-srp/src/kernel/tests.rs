//! Compares every kernel with num-bigint, on operands where arithmetic errors are likely.

use alloc::{vec, vec::Vec};

use num_bigint::BigUint;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;
use crate::group::{LIMBS, N};

fn number(x: &Residue) -> BigUint {
    BigUint::from_bytes_be(&x.to_be_bytes())
}

fn residue(x: &BigUint) -> Residue {
    let x = x % number(&Residue(N));
    let mut limbs = x.to_u64_digits();
    limbs.resize(LIMBS, 0);
    Residue(limbs.try_into().unwrap())
}

/// 0, 1, 2, N - 1, N - 2, powers of two; for limbs of 28, 52 and 60 bits (those of the kernels),
/// runs of ones at every third limb boundary and numbers of extreme limbs; random numbers.
fn operands() -> Vec<Residue> {
    let (n, one, mut rng) = (number(&Residue(N)), BigUint::from(1u8), StdRng::seed_from_u64(11));
    let mut numbers = vec![
        BigUint::ZERO,
        one.clone(),
        &one + 1u8,
        &n - 1u8,
        &n - 2u8,
        &n >> 1,
        &one << 3071,
        &one << 1536,
    ];
    for radix in [28, 52, 60] {
        for limb in (0..3072 / radix).step_by(3) {
            numbers.push(((&one << radix) - 1u8) << (radix * limb));
            numbers.push(&n - 1u8 - (&one << (radix * limb)));
            numbers.push((&one << (radix * (limb + 1))) - 1u8);
        }
        for _ in 0..24 {
            let limb = |rng: &mut StdRng| match rng.random_range(0..4) {
                0 => BigUint::ZERO,
                1 => &one << (radix - 1),
                2 => (&one << radix) - 2u8,
                _ => (&one << radix) - 1u8,
            };
            numbers.push(
                (0..3072 / radix).fold(BigUint::ZERO, |high, _| (high << radix) + limb(&mut rng)),
            );
        }
    }
    numbers.resize_with(numbers.len() + 32, || {
        BigUint::from_bytes_be(&rng.random::<[[u8; 32]; 12]>().concat())
    });
    numbers.iter().map(residue).collect()
}

fn check<const L: usize, K: Kernel<L>>(k: K) {
    let (n, operands) = (number(&Residue(N)), operands());
    let lanes =
        |at: usize| core::array::from_fn::<_, L, _>(|lane| &operands[(at + lane) % operands.len()]);
    let numbers = |x: [&Residue; L]| x.map(number);
    for at in (0..operands.len()).step_by(L) {
        for offset in [0, 1, 17] {
            let (a, b) = (lanes(at), lanes(at + offset));
            let (x, y) = (k.load(a), k.load(b));
            let [sum, product] = [k.add(&x, &y), k.mul(&x, &y)].map(|z| k.store(&z));
            let mut squared = k.add(&x, &y);
            k.square(&mut squared, 3);
            let squared = k.store(&squared);
            let product_of_sums = k.store(&k.mul(&k.add(&x, &y), &k.add(&y, &y)));
            for (lane, (a, b)) in numbers(a).into_iter().zip(numbers(b)).enumerate() {
                let total = (&a + &b) % &n;
                assert_eq!(number(&product[lane]), &a * &b % &n);
                assert_eq!(number(&sum[lane]), total);
                assert_eq!(number(&squared[lane]), total.modpow(&BigUint::from(8u8), &n));
                assert_eq!(number(&product_of_sums[lane]), total * &b * 2u8 % &n);
            }
        }
    }
    assert!(k.store(&k.one()).iter().all(|one| number(one) == BigUint::from(1u8)));
    let table: Vec<_> = (0..16).map(|i| k.load(lanes(7 * i))).collect();
    let shared = k.share(table.as_slice().try_into().unwrap_or_else(|_| unreachable!()));
    for first in 0..16 {
        let digits = core::array::from_fn(|lane| (first + 5 * lane as u64) % 16);
        let mut picked = k.one();
        k.select(&table, &digits, &mut picked);
        let scanned = k.store(&picked);
        k.select_vartime(&table, &digits, &mut picked);
        let direct = k.store(&picked);
        k.select_shared(&shared, &digits, &mut picked);
        let common = k.store(&picked);
        for lane in 0..L {
            let entry = 7 * digits[lane] as usize;
            assert_eq!(scanned[lane].0, lanes(entry)[lane].0);
            assert_eq!(direct[lane].0, lanes(entry)[lane].0);
            assert_eq!(common[lane].0, lanes(entry)[0].0);
        }
    }
    check_formulas(k);
}

fn check_formulas<const L: usize, K: Kernel<L>>(k: K) {
    let (n, mut rng) = (number(&Residue(N)), StdRng::seed_from_u64(12));
    let two = BigUint::from(2u8);
    let edges: [&[u8]; 8] =
        [&[0; 32], &[0xff; 32], &[0x80], &[1], &[0xaa; 32], &[0xff; 33], &[0x01; 128], &[0xf0; 65]];
    let modulus_edges = operands();
    for round in 0..edges.len() {
        let secrets: [Vec<u8>; L] = core::array::from_fn(|lane| match (round + lane) % 3 {
            0 => edges[round].to_vec(),
            _ => (&mut rng).random_iter().take(edges[round].len()).collect(),
        });
        let publics: [Vec<u8>; L] = core::array::from_fn(|lane| match round + lane {
            0 => vec![0; 32],
            1 => vec![0xff; 32],
            2 => [vec![0; 31], vec![1]].concat(),
            3 => [vec![0x80], vec![0; 31]].concat(),
            4 => vec![0x11; 32],
            _ => (&mut rng).random_iter().take(32).collect(),
        });
        let v: [Residue; L] = core::array::from_fn(|lane| {
            modulus_edges[(9 * round + lane) % modulus_edges.len()].clone()
        });
        let a: [Residue; L] = core::array::from_fn(|lane| {
            modulus_edges[(5 * round + 40 + lane) % modulus_edges.len()].clone()
        });
        let e: [Exponent; L] = secrets.each_ref().map(|e| Exponent::from_be_bytes(e));
        let big_e = secrets.each_ref().map(|e| BigUint::from_bytes_be(e));
        let big_u = publics.each_ref().map(|u| BigUint::from_bytes_be(u));
        let multiplier = number(&Residue::multiplier());

        let g = formula::generator_power(k, e.each_ref());
        let openings: [Opening<'_>; L] = core::array::from_fn(|i| Opening { v: &v[i], b: &e[i] });
        let b = formula::server_public(k, openings.each_ref());
        let powers = formula::powers(k, v.each_ref());
        let handshake = |i: usize, with: bool| Handshake {
            a: a[i].clone(),
            v: &v[i],
            powers: with.then_some(&powers[i]),
            u: Exponent::from_be_bytes(&publics[i]),
            b: &e[i],
        };
        let without: [Handshake<'_>; L] = core::array::from_fn(|i| handshake(i, false));
        let with: [Handshake<'_>; L] = core::array::from_fn(|i| handshake(i, true));
        let mixed: [Handshake<'_>; L] = core::array::from_fn(|i| handshake(i, i != 1));
        let secrets = [without, with, mixed].map(|h| formula::server_secret(k, h.each_ref()));
        let x: [Exponent; L] = publics.each_ref().map(|x| Exponent::from_be_bytes(x));
        let client = formula::client_secret(k, a.each_ref(), x.each_ref(), e.each_ref());

        for lane in 0..L {
            let (v, a) = (number(&v[lane]), number(&a[lane]));
            let power = two.modpow(&big_e[lane], &n);
            assert_eq!(number(&g[lane]), power);
            assert_eq!(number(&b[lane]), (&multiplier * &v + power) % &n);
            let expected = (&a * v.modpow(&big_u[lane], &n) % &n).modpow(&big_e[lane], &n);
            for secret in &secrets {
                assert_eq!(number(&secret[lane]), expected);
            }
            let unmasked = &a + (&n - &multiplier) * two.modpow(&big_u[lane], &n);
            assert_eq!(number(&client[lane]), unmasked.modpow(&big_e[lane], &n));
        }
    }
}

#[test]
fn portable_equals_plain_arithmetic() {
    check::<1, _>(Portable);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn avx2_equals_plain_arithmetic() {
    if let Some(k) = Avx2::detect() {
        check::<1, _>(k.with(&avx2::Workspace::cell()));
    }
}

#[cfg(any(target_arch = "x86_64", device_srp_backend = "model"))]
#[test]
fn ifma_equals_plain_arithmetic() {
    if let Some(k) = ifma::Ifma::detect() {
        check::<1, _>(k);
    }
}

#[cfg(any(target_arch = "x86_64", device_srp_backend = "model"))]
#[test]
fn ifma_in_lanes_equals_plain_arithmetic() {
    if let Some(k) = ifma::Ifma::detect() {
        check::<8, _>(k.in_lanes(&ifma::Workspace::cell()));
    }
}
