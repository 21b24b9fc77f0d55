//! The operations that are timed, with the same inputs for this project and every peer.
//!
//! The results are compared before any timing.

use std::hint::black_box;

use device_srp::{
    Claim, ClientEphemeral, Identity, Proof, PublicValue, Salt, ServerEphemeral, Verifier, bare,
    verify_batch,
};
use num_bigint::BigUint;
use rand::{SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha256};

use crate::numbers::{N, Numbers, PASSWORD, SALT};
use crate::peer::Peer;

/// Does an operation by this project.
pub type Ours = Box<dyn Fn()>;
/// Does an operation by a peer; `None` if the peer cannot.
pub type Theirs = Box<dyn Fn(&dyn Peer) -> Option<()>>;

/// One operation, by this project and by a peer.
pub struct Work {
    /// The name of the operation.
    pub name: &'static str,
    /// How many handshakes one call of `ours` does.
    pub count: usize,
    /// The least allowed ratio of the best constant-time peer's time to ours: about a tenth below
    /// the measured one (see README.md).
    pub floor: Floor,
    /// Does it by this project.
    pub ours: Ours,
    /// Does it once by a peer.
    pub theirs: Theirs,
}

/// A floor for each kernel.
#[derive(Clone, Copy)]
pub struct Floor {
    /// With AVX-512 IFMA, on a CPU with a single multiply-add a cycle.
    pub ifma: f64,
    /// With AVX2.
    pub avx2: f64,
    /// In plain Rust, on x86-64.
    pub portable: f64,
}

impl Floor {
    /// The floor for the kernel that this CPU and this build use.
    #[must_use]
    pub fn here(self) -> f64 {
        match bare::kernel() {
            "ifma" => self.ifma,
            "avx2" => self.avx2,
            _ => self.portable,
        }
    }
}

const fn floor(ifma: f64, avx2: f64, portable: f64) -> Floor {
    Floor { ifma, avx2, portable }
}

const USER: Identity<'_> = Identity::user("pool", "user");

/// The stored and the received values of one handshake, as bytes and text.
struct Handshake {
    verifier: Vec<u8>,
    powers: Option<Vec<u8>>,
    secret: [u8; 32],
    a: String,
    b: String,
    proof: String,
}

fn hash(parts: &[&[u8]]) -> BigUint {
    BigUint::from_bytes_be(
        &parts.iter().fold(Sha256::new(), |hasher, part| hasher.chain_update(part)).finalize(),
    )
}

/// Unwraps a result that cannot be an error, since the value was made here.
fn sound<T, E>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|_| unreachable!())
}

fn salt() -> Salt {
    sound(Salt::from_hex(SALT))
}

fn client(bytes: usize) -> ClientEphemeral {
    ClientEphemeral::danger_from_secret(&secret(bytes))
}

fn secret(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| (i * 89 + 171) as u8).collect()
}

impl Handshake {
    fn new(a_bytes: usize, prepared: bool, index: u64) -> Self {
        let verifier = Verifier::derive(&USER, PASSWORD, &salt());
        let client = client(a_bytes);
        let server = ServerEphemeral::generate(&mut StdRng::seed_from_u64(index), &verifier);
        let key = sound(client.session_key(&USER, PASSWORD, &salt(), server.public()));
        Self {
            verifier: verifier.padded().to_vec(),
            powers: prepared.then(|| verifier.powers().to_vec()),
            secret: *server.to_secret_bytes(),
            a: client.public().to_hex(),
            b: server.public().to_hex(),
            proof: key.sign(&USER, b"block", "now").to_base64(),
        }
    }

    fn verifier(&self) -> Verifier {
        let verifier = sound(Verifier::from_be_bytes(&self.verifier));
        match &self.powers {
            Some(powers) => sound(verifier.with_trusted_powers(powers)),
            None => verifier,
        }
    }

    fn numbers(&self, a_bytes: usize) -> Numbers {
        let inner = Sha256::digest(format!("pooluser:{PASSWORD}"));
        let [a, b] = [&self.a, &self.b].map(|hex| sound(PublicValue::from_hex(hex)));
        Numbers {
            a: BigUint::from_bytes_be(&secret(a_bytes)),
            b: BigUint::from_bytes_be(&self.secret),
            x: hash(&[&salt().padded(), &inner]),
            v: BigUint::from_bytes_be(&self.verifier),
            k: hash(&[&[0], &N.to_bytes_be(), &[2]]),
            u: hash(&[&a.padded(), &b.padded()]),
            public_a: (&a).into(),
            public_b: (&b).into(),
        }
    }
}

/// Does the server's two round trips: makes B, then checks the claim.
fn serve(handshakes: &[Handshake]) {
    let verifiers: Vec<_> = handshakes.iter().map(Handshake::verifier).collect();
    let opened = ServerEphemeral::generate_batch(
        &mut StdRng::seed_from_u64(1),
        &verifiers.iter().collect::<Vec<_>>(),
    );
    for ephemeral in opened {
        black_box((ephemeral.public().to_hex(), ephemeral.to_secret_bytes()));
    }

    let read = |h: &Handshake| {
        let ephemeral = ServerEphemeral::restore(&h.secret, sound(PublicValue::from_hex(&h.b)));
        (
            h.verifier(),
            ephemeral,
            sound(PublicValue::from_hex(&h.a)),
            sound(Proof::from_base64(&h.proof)),
        )
    };
    let parts: Vec<_> = handshakes.iter().map(read).collect();
    let claim = |(verifier, ephemeral, a, proof)| Claim {
        ephemeral,
        verifier,
        a,
        identity: USER,
        secret_block: b"block",
        timestamp: "now",
        proof,
    };
    let claims: Vec<_> =
        parts.iter().map(|(v, ephemeral, a, proof)| claim((v, ephemeral, a, proof))).collect();
    assert!(verify_batch(&claims).iter().all(Result::is_ok));
}

/// The numbers of a handshake whose a has 32 or 128 bytes, made once.
fn numbers(a_bytes: usize) -> &'static Numbers {
    use std::sync::LazyLock;
    static SHORT: LazyLock<Numbers> = LazyLock::new(|| Handshake::new(32, false, 0).numbers(32));
    static LONG: LazyLock<Numbers> = LazyLock::new(|| Handshake::new(128, false, 0).numbers(128));
    if a_bytes == 32 { &SHORT } else { &LONG }
}

/// All operations, after a check that peers give the same results as this project.
///
/// # Panics
/// If a peer disagrees.
#[must_use]
pub fn works(peers: &[Box<dyn Peer>]) -> Vec<Work> {
    peers.iter().for_each(|peer| check(&**peer));
    let mut works = clients();
    works.extend(powers());
    works.extend(servers());
    works
}

#[expect(clippy::panic, reason = "a benchmark of wrong results is worse than none")]
fn check(peer: &dyn Peer) {
    let oracle = |base: &BigUint, e: &BigUint| base.modpow(e, &N);
    for bytes in [32, 128] {
        let n = numbers(bytes);
        let secret = oracle(&(&n.public_a * oracle(&n.v, &n.u) % &*N), &n.b);
        for (given, expected) in [
            (peer.generator_power(&n.x), &n.v),
            (peer.generator_power(&n.a), &n.public_a),
            (peer.server_public(n), &n.public_b),
            (peer.server_secret(n), &secret),
            (peer.client_secret(n), &secret),
        ] {
            if given.is_some_and(|given| given != *expected) {
                panic!("{} disagrees", peer.name());
            }
        }
    }
}

fn clients() -> Vec<Work> {
    let mut works = vec![Work {
        name: "verifier, g^x of 256 bits",
        count: 1,
        floor: floor(9.0, 4.9, 2.6),
        ours: Box::new(|| {
            black_box(Verifier::derive(&USER, PASSWORD, &salt()));
        }),
        theirs: Box::new(|peer| peer.verifier(numbers(32))),
    }];
    for (name, bytes, floor) in [
        ("ephemeral, g^a of 256 bits", 32, floor(9.0, 4.9, 2.6)),
        ("ephemeral, g^a of 1024 bits", 128, floor(2.4, 1.22, 0.67)),
    ] {
        works.push(Work {
            name,
            count: 1,
            floor,
            ours: Box::new(move || {
                black_box(client(bytes));
            }),
            theirs: Box::new(move |peer| peer.client_public(numbers(bytes))),
        });
    }
    for (name, bytes, floor) in [
        ("client proof, a of 256 bits", 32, floor(3.4, 1.65, 0.9)),
        ("client proof, a of 1024 bits", 128, floor(2.7, 1.34, 0.75)),
    ] {
        let (ours, b) = (client(bytes), Handshake::new(bytes, false, 0).b);
        works.push(Work {
            name,
            count: 1,
            floor,
            ours: Box::new(move || {
                let key =
                    ours.session_key(&USER, PASSWORD, &salt(), &sound(PublicValue::from_hex(&b)));
                black_box(sound(key).sign(&USER, b"block", "now").to_base64());
            }),
            theirs: Box::new(move |peer| peer.client_proof(numbers(bytes))),
        });
    }
    works
}

/// Exponentiations of a number, by exponents of 256 and of 512 bits.
fn powers() -> Vec<Work> {
    let work = |(name, count, bytes, floor)| {
        let (base, exponent) = (&numbers(32).public_a, secret(bytes));
        let (ours, e) = (sound(PublicValue::try_from(base)), BigUint::from_bytes_be(&exponent));
        let right = bare::powers(&[(&ours, &exponent)])
            .iter()
            .all(|p| BigUint::from(p) == base.modpow(&e, &N));
        assert!(right, "num-bigint disagrees");
        Work {
            name,
            count,
            floor,
            ours: Box::new(move || {
                black_box(bare::powers(&vec![(&ours, exponent.as_slice()); count]));
            }),
            theirs: Box::new(move |peer| peer.power(base, &e).map(drop)),
        }
    };
    [
        ("power of 256 bits", 1, 32, floor(3.0, 1.28, 0.69)),
        ("power of 512 bits", 1, 64, floor(2.9, 1.22, 0.66)),
        ("power of 256 bits, batch of 8", 8, 32, floor(3.6, 1.28, 0.69)),
        ("power of 512 bits, batch of 8", 8, 64, floor(3.6, 1.22, 0.66)),
    ]
    .map(work)
    .into()
}

fn servers() -> Vec<Work> {
    let work = |(name, count, prepared, floor)| {
        let handshakes: Vec<_> =
            (0..count as u64).map(|i| Handshake::new(32, prepared, i)).collect();
        Work {
            name,
            count,
            floor,
            ours: Box::new(move || serve(&handshakes)),
            theirs: Box::new(|peer| {
                black_box(peer.server_public(numbers(32))?);
                black_box(peer.server_secret(numbers(32))?);
                Some(())
            }),
        }
    };
    [
        ("server, one", 1, false, floor(3.4, 1.75, 0.95)),
        ("server, one with stored powers", 1, true, floor(4.4, 2.2, 1.2)),
        ("server, batch of 2", 2, false, floor(3.3, 1.75, 0.92)),
        ("server, batch of 4", 4, false, floor(3.3, 1.75, 0.9)),
        ("server, batch of 6", 6, false, floor(3.3, 1.75, 0.92)),
        ("server, batch of 8", 8, false, floor(4.3, 1.75, 0.92)),
        ("server, batch of 8 with stored powers", 8, true, floor(5.3, 2.2, 1.2)),
        ("server, batch of 16", 16, false, floor(4.3, 1.75, 0.92)),
    ]
    .map(work)
    .into()
}
