//! Inputs of the targets that compute keys and proofs.

use arbitrary::{Arbitrary, Unstructured};

use crate::numbers::{CASES, EDGES, bytes, name};
use crate::{Input, Seed, encoding};

/// The server's side of a handshake.
#[derive(Arbitrary, Debug, PartialEq)]
pub struct ServerKey {
    /// The secret exponent, big-endian. Only the first 32 bytes are used.
    pub b: Vec<u8>,
    /// The client's public value, big-endian.
    pub a: Vec<u8>,
    /// If it is at least 128, the verifier has its powers. If it is 7 modulo 8, a batch is verified
    /// too.
    pub choice: u8,
}

impl ServerKey {
    /// Whether the verifier has its powers.
    #[must_use]
    pub fn with_powers(&self) -> bool {
        self.choice >= 128
    }

    /// The number of claims to verify at once. 0 for most inputs, since a batch takes long.
    #[must_use]
    pub fn batch(&self) -> usize {
        if self.choice % 8 == 7 { usize::from(self.choice % 18) } else { 0 }
    }
}

impl Input for ServerKey {
    const TARGET: &'static str = "server";

    fn decode(data: &[u8]) -> Option<Self> {
        Self::arbitrary_take_rest(Unstructured::new(data)).ok()
    }

    fn encode(&self) -> Vec<u8> {
        [encoding::bytes(&self.b), encoding::bytes(&self.a), vec![self.choice]].concat()
    }

    fn describe(&self) -> String {
        let numbers = format!("b_{}-a_{}", name(&self.b), name(&self.a));
        let powers = if self.with_powers() { "-with_powers" } else { "" };
        match self.batch() {
            0 => format!("{numbers}{powers}"),
            count => format!("{numbers}{powers}-batch_of_{count}"),
        }
    }
}

/// The client's side of a handshake.
#[derive(Arbitrary, Debug, PartialEq)]
pub struct ClientKey {
    /// The secret exponent, big-endian. Only the first 40 bytes are used.
    pub a: Vec<u8>,
    /// The server's public value, big-endian.
    pub b: Vec<u8>,
    /// The salt, big-endian.
    pub salt: Vec<u8>,
    /// The password, which is converted to text.
    pub password: Vec<u8>,
}

impl Input for ClientKey {
    const TARGET: &'static str = "client";

    fn decode(data: &[u8]) -> Option<Self> {
        Self::arbitrary_take_rest(Unstructured::new(data)).ok()
    }

    fn encode(&self) -> Vec<u8> {
        [&self.a, &self.b, &self.salt, &self.password].map(|field| encoding::bytes(field)).concat()
    }

    fn describe(&self) -> String {
        let [a, b, salt] = [&self.a, &self.b, &self.salt].map(|number| name(number));
        let password = encoding::text_name(&self.password);
        format!("a_{a}-b_{b}-salt_{salt}-password_{password}")
    }
}

/// The parts of a signed message, and one bit to change in its proof.
#[derive(Arbitrary, Debug, PartialEq)]
pub struct SignedMessage {
    /// The pool's name, or the device's group key, which is converted to text.
    pub realm: Vec<u8>,
    /// The user's name, or the device's key, which is converted to text.
    pub name: Vec<u8>,
    /// The secret block.
    pub block: Vec<u8>,
    /// The timestamp, which is converted to text.
    pub timestamp: Vec<u8>,
    /// The letter of the proof to change, and the bit in that letter.
    pub flip: u8,
}

impl Input for SignedMessage {
    const TARGET: &'static str = "proof";

    fn decode(data: &[u8]) -> Option<Self> {
        Self::arbitrary_take_rest(Unstructured::new(data)).ok()
    }

    fn encode(&self) -> Vec<u8> {
        let lists = [&self.realm, &self.name, &self.block, &self.timestamp];
        [lists.map(|field| encoding::bytes(field)).concat(), vec![self.flip]].concat()
    }

    fn describe(&self) -> String {
        let [realm, name, timestamp] =
            [&self.realm, &self.name, &self.timestamp].map(|field| encoding::text_name(field));
        let (block, flip) = (self.block.len(), self.flip);
        format!("realm_{realm}-name_{name}-block_{block}_bytes-time_{timestamp}-flip_{flip}")
    }
}

pub(crate) fn seeds(seeds: &mut Vec<Seed>) {
    servers(seeds);
    clients(seeds);
    proofs(seeds);
}

/// Secret exponents at the edges of windows.
fn exponents() -> [Vec<u8>; 5] {
    let every_digit = (0..32).map(|i| (i * 89 + 171) as u8).collect();
    let top_bit = [vec![0x80], vec![0; 31]].concat();
    [Vec::new(), vec![1], vec![0xff; 32], top_bit, every_digit]
}

fn servers(seeds: &mut Vec<Seed>) {
    let mut put = |b: &[u8], a: Vec<u8>, choice, note: &str| {
        seeds.push(Seed::typed(&ServerKey { b: b.to_vec(), a, choice }, note));
    };
    for case in &*CASES {
        // alone, alone with powers, a batch smaller than the lanes, and a larger one
        for choice in [0, 128, 7, 135] {
            put(&[0x0f; 32], bytes(&case.public_a), choice, "");
        }
    }
    for (_, a) in &*EDGES {
        put(&[0x0f; 32], bytes(a), 128, "");
    }
    for b in exponents() {
        put(&b, vec![5], 15, "");
    }
    put(&[1; 32], [vec![0; 20], vec![5]].concat(), 0, "zeros_before_a");
    put(&[1; 40], vec![5], 0, "b_too_long");
}

fn clients(seeds: &mut Vec<Seed>) {
    let mut put = |a: &[u8], b: Vec<u8>, salt: &[u8], password: &[u8], note: &str| {
        let (a, salt, password) = (a.to_vec(), salt.to_vec(), password.to_vec());
        seeds.push(Seed::typed(&ClientKey { a, b, salt, password }, note));
    };
    let salt = &[0x0a, 0xbc];
    for case in &*CASES {
        put(&[0x0f; 32], bytes(&case.public_b), &bytes(&case.salt), b"password", "");
    }
    for (_, b) in &*EDGES {
        put(&[0x0f; 32], bytes(b), salt, b"password", "");
    }
    for a in exponents() {
        put(&a, vec![5], salt, b"password", "");
    }
    put(&[0xa5; 40], vec![5], salt, b"password", "");
    for password in ["".as_bytes(), "pässwörd ☃".as_bytes(), &[0xff, 0xfe], &[b'p'; 256]] {
        put(&[7], vec![5], salt, password, "");
    }
    let top_bit = [vec![0x80], vec![1; 15]].concat();
    for (salt, note) in [
        (Vec::new(), "none"),
        (vec![0; 16], "zeros"),
        (top_bit, "top_bit"),
        (vec![0xff; 64], "longest"),
        (vec![1; 65], "too_long"),
    ] {
        put(&[7], vec![5], &salt, b"password", note);
    }
}

fn proofs(seeds: &mut Vec<Seed>) {
    let mut put = |[realm, name, block, timestamp]: [&[u8]; 4], flip| {
        let [realm, name, block, timestamp] = [realm, name, block, timestamp].map(<[u8]>::to_vec);
        let message = SignedMessage { realm, name, block, timestamp, flip };
        seeds.push(Seed::typed(&message, ""));
    };
    let usual: [&[u8]; 4] =
        [b"-Ab1Cd2Ef", b"us-east-1_0f1e2d3c", b"block", b"Thu Jan 1 00:00:00 UTC 1970"];
    // the first letter, a middle one, the last, and the padding
    for flip in [0, 20, 42, 43] {
        put(usual, flip);
    }
    put([b"", b"", b"", b""], 0);
    put([b"\xff", b"\xc3(", &[0; 64], b"\xf0\x28"], 9);
    put([b"g", b"k", &[0x5a; 1024], b"t"], 31);
}
