//! What is timed: the same inputs for this project and for every peer, and the outcomes compared before any timing.

use std::hint::black_box;

use device_srp::{Claim, ClientEphemeral, Identity, Proof, Salt, ServerEphemeral, Verifier, verify_batch};
use num_bigint::BigUint;
use rand::{SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha256};

use crate::{Peer, peer::N};

/// Does an operation by this project.
pub type Ours = Box<dyn Fn()>;
/// Does an operation with a peer's exponentiation.
pub type Theirs = Box<dyn Fn(&dyn Peer)>;

/// One operation, by this project and by a peer.
pub struct Work {
    /// What is done.
    pub name: &'static str,
    /// How many handshakes one call of `ours` does.
    pub count: usize,
    /// How many times as fast as the best constant-time peer this must be on a CPU with AVX-512 IFMA: about a tenth less
    /// than was measured on one with a single multiply-add a cycle (see README.md).
    pub floor: f64,
    /// Does it here.
    pub ours: Ours,
    /// Does it once with a peer's exponentiation.
    pub theirs: Theirs,
}

const USER: Identity<'_> = Identity::user("pool", "user");
const PASSWORD: &str = "correct horse battery staple";

/// All numbers of one handshake, as a peer needs them.
struct Numbers {
    a: BigUint,
    b: BigUint,
    x: BigUint,
    v: BigUint,
    k: BigUint,
    u: BigUint,
    public_a: BigUint,
    public_b: BigUint,
}

/// One handshake up to the client's claim.
struct Handshake {
    verifier: Verifier,
    client: ClientEphemeral,
    server: ServerEphemeral,
    proof: Proof,
}

fn hash(parts: &[&[u8]]) -> BigUint {
    BigUint::from_bytes_be(
        &parts.iter().fold(Sha256::new(), |hasher, part| hasher.chain_update(part)).finalize(),
    )
}

fn salt() -> Salt {
    Salt::from_hex("5b1ef2871d83ce2120f9c47a46db303d").unwrap_or_else(|_| unreachable!())
}

fn client(bytes: usize) -> ClientEphemeral {
    ClientEphemeral::danger_from_secret(&secret(bytes))
}

fn secret(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| (i * 89 + 171) as u8).collect()
}

fn handshake(prepared: bool, index: u64) -> Handshake {
    let mut verifier = Verifier::derive(&USER, PASSWORD, &salt());
    if prepared {
        verifier.prepare();
    }
    let client = client(32);
    let server = ServerEphemeral::generate(&mut StdRng::seed_from_u64(index), &verifier);
    let key =
        client.session_key(&USER, PASSWORD, &salt(), server.public()).unwrap_or_else(|_| unreachable!());
    let proof = key.sign(&USER, b"block", "now");
    Handshake { verifier, client, server, proof }
}

impl Handshake {
    fn claim(&self) -> Claim<'_> {
        Claim {
            ephemeral: &self.server,
            verifier: &self.verifier,
            a: self.client.public(),
            identity: USER,
            secret_block: b"block",
            timestamp: "now",
            proof: &self.proof,
        }
    }

    fn numbers(&self, a_bytes: usize) -> Numbers {
        let inner = Sha256::digest(format!("pooluser:{PASSWORD}"));
        let a = client(a_bytes);
        Numbers {
            a: BigUint::from_bytes_be(&secret(a_bytes)),
            b: BigUint::from_bytes_be(self.server.to_secret_bytes().as_slice()),
            x: hash(&[&salt().padded(), &inner]),
            v: BigUint::from_bytes_be(&self.verifier.padded()),
            k: hash(&[&[0], &N.to_bytes_be(), &[2]]),
            u: hash(&[&a.public().padded(), &self.server.public().padded()]),
            public_a: a.public().into(),
            public_b: self.server.public().into(),
        }
    }
}

impl Numbers {
    fn server_opens(&self, peer: &dyn Peer) -> BigUint {
        (&self.k * &self.v + peer.power(&BigUint::from(2u8), &self.b)) % &*N
    }

    fn server_secret(&self, peer: &dyn Peer) -> BigUint {
        peer.power(&(&self.public_a * peer.power(&self.v, &self.u) % &*N), &self.b)
    }

    fn client_secret(&self, peer: &dyn Peer) -> BigUint {
        let unmasked = &self.public_b + (&*N - &self.k) * peer.power(&BigUint::from(2u8), &self.x);
        peer.power(&(unmasked % &*N), &(&self.a + &self.u * &self.x))
    }
}

/// Every operation, after checking that the peers give what this project gives.
///
/// # Panics
/// If a peer disagrees.
#[must_use]
#[expect(clippy::panic, reason = "a benchmark of wrong results is worse than none")]
pub fn works(peers: &[Box<dyn Peer>]) -> Vec<Work> {
    let numbers = handshake(false, 0).numbers(32);
    for peer in peers {
        let agree = numbers.server_opens(&**peer) == numbers.public_b
            && numbers.server_secret(&**peer) == numbers.client_secret(&**peer)
            && peer.power(&BigUint::from(2u8), &numbers.x) == numbers.v;
        if !agree {
            panic!("{} disagrees", peer.name());
        }
    }
    let mut works = vec![
        Work {
            name: "verifier, g^x of 256 bits",
            count: 1,
            floor: 9.0,
            ours: Box::new(|| {
                black_box(Verifier::derive(&USER, PASSWORD, &salt()));
            }),
            theirs: Box::new(|peer| {
                let n = handshake_numbers(32);
                black_box(peer.power(&BigUint::from(2u8), &n.x));
            }),
        },
        Work {
            name: "ephemeral, g^a of 256 bits",
            count: 1,
            floor: 9.0,
            ours: Box::new(|| {
                black_box(client(32));
            }),
            theirs: Box::new(|peer| {
                black_box(peer.power(&BigUint::from(2u8), &handshake_numbers(32).a));
            }),
        },
        Work {
            name: "ephemeral, g^a of 1024 bits",
            count: 1,
            floor: 2.4,
            ours: Box::new(|| {
                black_box(client(128));
            }),
            theirs: Box::new(|peer| {
                black_box(peer.power(&BigUint::from(2u8), &handshake_numbers(128).a));
            }),
        },
    ];
    for (name, bytes, floor) in
        [("client proof, a of 256 bits", 32, 3.4), ("client proof, a of 1024 bits", 128, 2.7)]
    {
        let (ours, server) = (client(bytes), handshake(false, 0).server);
        works.push(Work {
            name,
            count: 1,
            floor,
            ours: Box::new(move || {
                let key = ours.session_key(&USER, PASSWORD, &salt(), server.public());
                black_box(key.map(|key| key.sign(&USER, b"block", "now"))).ok();
            }),
            theirs: Box::new(move |peer| {
                black_box(handshake_numbers(bytes).client_secret(peer));
            }),
        });
    }
    for (name, count, prepared, floor) in [
        ("server, one", 1, false, 3.4),
        ("server, one with stored powers", 1, true, 4.4),
        ("server, batch of 2", 2, false, 3.3),
        ("server, batch of 4", 4, false, 3.3),
        ("server, batch of 6", 6, false, 3.3),
        ("server, batch of 8", 8, false, 4.3),
        ("server, batch of 8 with stored powers", 8, true, 5.3),
        ("server, batch of 16", 16, false, 4.3),
    ] {
        let handshakes: Vec<_> = (0..count as u64).map(|i| handshake(prepared, i)).collect();
        works.push(Work {
            name,
            count,
            floor,
            ours: Box::new(move || {
                let verifiers: Vec<_> = handshakes.iter().map(|h| &h.verifier).collect();
                black_box(ServerEphemeral::generate_batch(&mut StdRng::seed_from_u64(1), &verifiers));
                let claims: Vec<_> = handshakes.iter().map(Handshake::claim).collect();
                assert!(verify_batch(&claims).iter().all(Result::is_ok));
            }),
            theirs: Box::new(|peer| {
                let numbers = handshake_numbers(32);
                black_box(numbers.server_opens(peer));
                black_box(numbers.server_secret(peer));
            }),
        });
    }
    works
}

/// The numbers of the first handshake, made once.
fn handshake_numbers(a_bytes: usize) -> &'static Numbers {
    use std::sync::LazyLock;
    static SHORT: LazyLock<Numbers> = LazyLock::new(|| handshake(false, 0).numbers(32));
    static LONG: LazyLock<Numbers> = LazyLock::new(|| handshake(false, 0).numbers(128));
    if a_bytes == 32 { &SHORT } else { &LONG }
}
