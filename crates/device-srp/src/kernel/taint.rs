//! Runs every formula on every kernel, with secrets that are marked for a checking tool.
//!
//! For `examples/constant_time.rs`. Built under `--cfg device_srp_taint` only.

use core::hint::black_box;

use subtle::{Choice, ConstantTimeEq};

use super::{Avx2, Handshake, Kernel, Opening, Portable, avx2, formula, ifma};
use crate::{
    exponent::Exponent, group::Residue, identity::Identity, kdf::Scrambler,
    public_value::PublicValue,
};

/// Calls `section` with the name of each kernel and a function that runs its formulas.
///
/// That function passes the memory of every secret to `secret`, which marks it.
pub fn kernels(secret: fn(&[u64]), mut section: impl FnMut(&str, &dyn Fn())) {
    section("portable", &|| run::<1, _>(Portable, secret));
    #[expect(clippy::expect_used, reason = "a kernel that was not run must not pass")]
    let avx2 = Avx2::detect().expect("this check needs a CPU with AVX2");
    let space = avx2::Workspace::cell();
    section("avx2", &|| run::<1, _>(avx2.with(&space), secret));
    #[expect(clippy::expect_used, reason = "a kernel that was not run must not pass")]
    let ifma = ifma::Ifma::detect().expect("this check needs the model of AVX-512 IFMA");
    section("ifma", &|| run::<1, _>(ifma, secret));
    let space = ifma::Workspace::cell();
    section("ifma in lanes", &|| run::<8, _>(ifma.in_lanes(&space), secret));
}

/// Runs HKDF, HMAC and the comparison of a proof.
///
/// The caller branches on the outcome. The tool must report that branch; if it does not, it has
/// lost track of the secret. The highest limb of S is not marked, since the length of PAD(S), the
/// one exception to constant time, depends on it.
pub fn proof(secret: fn(&[u64])) -> Choice {
    let s = Residue([7; _]);
    let [low @ .., _] = &s.0;
    secret(low);
    // By value: the compiler might otherwise use the limbs that it knows.
    let s = black_box(s);
    let identity = Identity::user("pool", "user");
    let [a, b] = [3, 5].map(|limb| PublicValue::from_residue(&Residue([limb; _])));
    #[expect(clippy::expect_used, reason = "u is a hash of these two numbers, and not 0")]
    let u = Scrambler::new(&a, &b).expect("u is not 0");
    let proof = u.session_key(&s).sign(&identity, b"block", "now");
    proof.0.ct_eq(&[0; 32])
}

/// Runs the one formula whose timing depends on an operand, u, with a secret u.
///
/// The tool must report it.
pub fn secret_scrambler(secret: fn(&[u64])) {
    let [u, b] = [0xa5, 0x3c].map(|fill| Exponent::from_be_bytes(&[fill; 32]));
    secret(u.words());
    let v = Residue([7; _]);
    let handshake = Handshake { a: Residue([3; _]), v: &v, powers: None, u, b: &b };
    black_box(formula::server_secret(Portable, [&handshake]));
}

fn run<const L: usize, K: Kernel<L>>(k: K, secret: fn(&[u64])) {
    let exponent = |fill: u8, words: usize| {
        let e = Exponent::from_be_bytes(&[[fill; 8], [fill ^ 0x5a; 8]].concat().repeat(words / 2));
        secret(e.words());
        e
    };
    let [short, long]: [[Exponent; L]; 2] =
        [4, 8].map(|words| core::array::from_fn(|i| exponent(i as u8, words)));
    let u: [Exponent; L] = core::array::from_fn(|i| Exponent::from_be_bytes(&[0xa0 | i as u8; 32]));
    let v: [Residue; L] = core::array::from_fn(|i| {
        let v = Residue([i as u64 + 7; _]);
        secret(&v.0);
        v
    });
    let public = Residue([3; _]);

    let e = Exponent::combine(&short[0], &u[0], &short[L - 1]);
    let openings: [_; L] = core::array::from_fn(|i| Opening { v: &v[i], b: &short[i] });
    let powers = formula::powers(k, v.each_ref());
    let handshake = |i: usize, powers| Handshake {
        a: public.clone(),
        v: &v[i],
        powers,
        u: Exponent::from_be_bytes(&[0xa0 | i as u8; 32]),
        b: &short[i],
    };
    let plain: [_; L] = core::array::from_fn(|i| handshake(i, None));
    let prepared: [_; L] = core::array::from_fn(|i| handshake(i, Some(&powers[i])));
    black_box(formula::generator_power(k, short.each_ref()));
    black_box(formula::generator_power(k, long.each_ref()));
    black_box(formula::server_public(k, openings.each_ref()));
    black_box(formula::server_secret(k, plain.each_ref()));
    black_box(formula::server_secret(k, prepared.each_ref()));
    black_box(formula::client_secret(k, [&public; L], short.each_ref(), [&e; L]));
}
