use std::hint::black_box;

use aws_cognito_srp::{SrpClient, UntrackedDevice, User};
use num_bigint::BigUint;

use super::Peer;
use crate::numbers::{Numbers, PASSWORD, SALT};

/// The client `aws-cognito-srp`. It draws its own a of 1024 bits, and shows no number except A.
pub(super) struct AwsCognitoSrp {
    user: SrpClient<User>,
    device: SrpClient<UntrackedDevice>,
}

/// The block that a proof signs.
const SECRET_BLOCK: &str = "YmxvY2s=";

impl AwsCognitoSrp {
    pub(super) fn new() -> Self {
        let user = User::new("region_pool", "user", PASSWORD);
        let device = UntrackedDevice::new("region_pool", "group", "key");
        Self {
            user: SrpClient::new(user, "client", None),
            device: SrpClient::new(device, "client", None),
        }
    }

    /// Whether an exponent has the length that this client draws.
    fn draws(exponent: &BigUint) -> Option<()> {
        (exponent.bits() > 512).then_some(())
    }
}

impl Peer for AwsCognitoSrp {
    fn name(&self) -> &'static str {
        "aws-cognito-srp 0.2"
    }

    fn constant_time(&self) -> bool {
        false
    }

    fn power(&self, _: &BigUint, _: &BigUint) -> Option<BigUint> {
        None
    }

    fn verifier(&self, _: &Numbers) -> Option<()> {
        black_box(self.device.get_password_verifier());
        Some(())
    }

    fn client_public(&self, n: &Numbers) -> Option<()> {
        Self::draws(&n.a)?;
        let _ = black_box(self.user.get_auth_parameters());
        Some(())
    }

    fn client_proof(&self, n: &Numbers) -> Option<()> {
        Self::draws(&n.a)?;
        let proof = self.user.verify(SECRET_BLOCK, "user", SALT, &n.public_b.to_str_radix(16));
        let _ = black_box(proof.ok()?);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use device_srp::{Identity, Proof, PublicValue, Salt, ServerEphemeral, Verifier};
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn our_server_accepts_its_proof() {
        let (peer, identity) = (AwsCognitoSrp::new(), Identity::user("pool", "user"));
        let verifier = Verifier::derive(&identity, PASSWORD, &Salt::from_hex(SALT).unwrap());
        let server = ServerEphemeral::generate(&mut StdRng::seed_from_u64(1), &verifier);
        let a = PublicValue::from_hex(&peer.user.get_auth_parameters().a).unwrap();
        let said = peer.user.verify(SECRET_BLOCK, "user", SALT, &server.public().to_hex()).unwrap();
        let proof = Proof::from_base64(&said.password_claim_signature).unwrap();
        let key = server.session_key(&verifier, &a).unwrap();
        assert_eq!(key.verify(&identity, b"block", &said.timestamp, &proof), Ok(()));
    }
}
