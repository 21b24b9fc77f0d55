use num_bigint::BigUint;
use sha2::Sha256;
use srp::{
    Client, Group, Server,
    bigint::{
        BoxedUint, U3072,
        modular::{ConstMontyForm, ConstMontyParams},
    },
};

use super::Peer;
use crate::numbers::Numbers;

srp::bigint::const_monty_params!(
    Modulus,
    U3072,
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa051015728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6e1e4c7abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200cbbe117577a615d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a93ad2caffffffffffffffff"
);

/// The group of Cognito: the crate's own 3072-bit group has g = 5, but its formulas take any group.
struct Cognito;

impl Group for Cognito {
    type Element =
        ConstMontyForm<Modulus, { <Modulus as ConstMontyParams<{ U3072::LIMBS }>>::LIMBS }>;
    const G: Self::Element = ConstMontyForm::new(&U3072::from_u8(2));
}

/// The formulas of the crate `srp`.
pub(super) struct Srp {
    client: Client<Cognito, Sha256>,
    server: Server<Cognito, Sha256>,
}

fn boxed(x: &BigUint) -> BoxedUint {
    BoxedUint::from_be_slice_vartime(&x.to_bytes_be())
}

fn number(x: &BoxedUint) -> BigUint {
    BigUint::from_bytes_be(&x.to_be_bytes())
}

impl Srp {
    pub(super) fn new() -> Self {
        Self { client: Client::new(), server: Server::new() }
    }
}

impl Peer for Srp {
    fn name(&self) -> &'static str {
        "srp 0.7.0-rc.3"
    }

    fn constant_time(&self) -> bool {
        true
    }

    fn power(&self, _: &BigUint, _: &BigUint) -> Option<BigUint> {
        None
    }

    fn generator_power(&self, exponent: &BigUint) -> Option<BigUint> {
        Some(number(&self.client.compute_g_x(&boxed(exponent))))
    }

    fn server_public(&self, n: &Numbers) -> Option<BigUint> {
        Some(number(&self.server.compute_b_pub(&boxed(&n.b), &boxed(&n.k), &boxed(&n.v))))
    }

    fn server_secret(&self, n: &Numbers) -> Option<BigUint> {
        let [a, v, u, b] = [&n.public_a, &n.v, &n.u, &n.b].map(boxed);
        Some(number(&self.server.compute_premaster_secret(&a, &v, &u, &b)))
    }

    fn client_secret(&self, n: &Numbers) -> Option<BigUint> {
        let [public_b, k, x, a, u] = [&n.public_b, &n.k, &n.x, &n.a, &n.u].map(boxed);
        Some(number(&self.client.compute_premaster_secret(&public_b, &k, &x, &a, &u)))
    }
}
