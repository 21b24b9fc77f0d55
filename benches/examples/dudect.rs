//! Tests with dudect's statistics whether the time of an operation depends on its secret.
//!
//! The times for one fixed secret are compared with those for random secrets (Reparaz, Balasch and
//! Verbauwhede, "Dude, is my code constant time?"). |t| above 5 means a difference. The absence of
//! a difference is evidence, not proof. The control, num-bigint with exponents of two lengths, must
//! differ, or the run shows nothing.
//!
//! A build measures one kernel; see README.md.

use std::hint::black_box;

use device_srp::{ClientEphemeral, Identity, PublicValue, Salt, ServerEphemeral, Verifier};
use dudect_bencher::{BenchRng, Class, CtRunner, ctbench_main};
use num_bigint::BigUint;

const USER: Identity<'_> = Identity::user("pool", "user");
const PASSWORD: &str = "correct horse battery staple";
/// Samples of both classes together.
const SAMPLES: usize = 20_000;

fn salt() -> Salt {
    Salt::from_hex("5b1ef2871d83ce2120f9c47a46db303d").unwrap_or_else(|_| unreachable!())
}

/// Draws from dudect's generator, which has an older interface than `rand` here.
fn bytes<const LENGTH: usize>(rng: &mut BenchRng) -> [u8; LENGTH] {
    use dudect_bencher::rand::Rng as _;
    let mut bytes = [0; LENGTH];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// Times `operation` over prepared inputs, in random order.
///
/// On the left all inputs have one secret, on the right each has its own. All are made before any
/// is timed.
fn fixed_against_random<T, R>(
    runner: &mut CtRunner,
    rng: &mut BenchRng,
    prepare: impl Fn([u8; 32]) -> T,
    operation: impl Fn(&T) -> R,
) {
    let fixed = bytes(rng);
    let inputs: Vec<_> = (0..SAMPLES)
        .map(|_| match bytes(rng) {
            [coin] if coin % 2 == 0 => (Class::Left, prepare(fixed)),
            [_] => (Class::Right, prepare(bytes(rng))),
        })
        .collect();
    // warms up the tables and the vector unit
    inputs.iter().take(100).for_each(|(_, input)| drop(black_box(operation(input))));
    for (class, input) in inputs {
        runner.run_one(class, || operation(&input));
    }
}

fn client_proof(runner: &mut CtRunner, rng: &mut BenchRng) {
    let b = PublicValue::from_be_bytes(&[0x77; 384]).unwrap_or_else(|_| unreachable!());
    let prepare = |secret: [u8; 32]| ClientEphemeral::danger_from_secret(&secret);
    fixed_against_random(runner, rng, prepare, |client| {
        client.session_key(&USER, PASSWORD, &salt(), &b).map(|key| key.sign(&USER, b"block", "now"))
    });
}

fn server_verification(runner: &mut CtRunner, rng: &mut BenchRng) {
    let verifier = Verifier::derive(&USER, PASSWORD, &salt());
    let client = ClientEphemeral::danger_from_secret(&[0x35; 32]);
    // Only b varies. B is fixed, and so is u, on which the time may depend. So no proof is right,
    // in either class.
    let b = PublicValue::from_be_bytes(&[0x77; 384]).unwrap_or_else(|_| unreachable!());
    let key = client.session_key(&USER, PASSWORD, &salt(), &b).unwrap_or_else(|_| unreachable!());
    let proof = key.sign(&USER, b"block", "now");
    let prepare = |secret: [u8; 32]| ServerEphemeral::restore(&secret, b.clone());
    fixed_against_random(runner, rng, prepare, |server| {
        let key = server.session_key(&verifier, client.public());
        key.map(|key| key.verify(&USER, b"block", "now", &proof))
    });
}

/// Computes g^a, by the comb.
fn generator_power(runner: &mut CtRunner, rng: &mut BenchRng) {
    fixed_against_random(
        runner,
        rng,
        |secret| secret,
        |secret| ClientEphemeral::danger_from_secret(secret),
    );
}

/// Computes g^x, from the password.
fn verifier_of_password(runner: &mut CtRunner, rng: &mut BenchRng) {
    let prepare = |secret: [u8; 32]| {
        secret.map(|byte| char::from(b'!' + byte % 64)).iter().collect::<String>()
    };
    fixed_against_random(runner, rng, prepare, |password| {
        Verifier::derive(&USER, password, &salt())
    });
}

/// The control, which must show a difference.
fn control_num_bigint(runner: &mut CtRunner, rng: &mut BenchRng) {
    let n = BigUint::from_bytes_be(&[0xff; 384]);
    for i in 0..400 {
        let exponent: [u8; 32] = bytes(rng);
        let (class, length) = if i % 2 == 0 { (Class::Left, 24) } else { (Class::Right, 32) };
        let exponent = BigUint::from_bytes_be(exponent.get(..length).unwrap_or_default());
        runner.run_one(class, || BigUint::from(3u8).modpow(&exponent, &n));
    }
}

ctbench_main!(
    client_proof,
    server_verification,
    generator_power,
    verifier_of_password,
    control_num_bigint
);
