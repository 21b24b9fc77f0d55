//! Hashes of the protocol: u, x, and the session key. H is SHA-256.

use alloc::boxed::Box;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{
    error::Error, exponent::Exponent, group::Residue, identity::Identity, mac,
    public_value::PublicValue, salt::Salt, session_key::SessionKey,
};

/// The `info` of HKDF.
const INFO: &[u8] = b"Caldera Derived Key";

/// u = H(PAD(A) | PAD(B)), a public number.
pub(crate) struct Scrambler([u8; 32]);

impl Scrambler {
    pub(crate) fn new(a: &PublicValue, b: &PublicValue) -> Result<Self, Error> {
        let u: [u8; 32] =
            Sha256::new().chain_update(a.padded()).chain_update(b.padded()).finalize().into();
        if u == [0; 32] { Err(Error::ZeroScrambler) } else { Ok(Self(u)) }
    }

    pub(crate) fn exponent(&self) -> Exponent {
        Exponent::from_be_bytes(&self.0)
    }

    /// HKDF with salt PAD(u), input PAD(S), 16 bytes out.
    pub(crate) fn session_key(&self, secret: &Residue) -> SessionKey {
        let block = mac::hkdf_block(&crate::integer::pad(&self.0), &secret.padded(), INFO);
        let mut key = Box::new(Zeroizing::new([0; SessionKey::LEN]));
        key.iter_mut().zip(block.iter()).for_each(|(to, from)| *to = *from);
        SessionKey(key)
    }
}

/// x = H(PAD(salt) | H(id1 | id2 | ":" | password)).
pub(crate) fn private_key(identity: &Identity<'_>, password: &str, salt: &Salt) -> Exponent {
    let x: Zeroizing<[u8; 32]> = Zeroizing::new(
        Sha256::new()
            .chain_update(salt.padded())
            .chain_update(credential_hash(identity, password).as_slice())
            .finalize()
            .into(),
    );
    Exponent::from_be_bytes(x.as_slice())
}

fn credential_hash(identity: &Identity<'_>, password: &str) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(
        Sha256::new()
            .chain_update(identity.realm)
            .chain_update(identity.name)
            .chain_update(":")
            .chain_update(password)
            .finalize()
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;

    /// The expected hash is from the tests of the .NET extension library's `GetDeviceKeyHash`.
    #[test]
    fn the_inner_hash_is_the_published_one() {
        let hash = credential_hash(&Identity::device("Pj8nlkpKR", "User5"), "Password1!");
        assert_eq!(
            STANDARD.encode(hash.as_slice()),
            "rJra60Rbj/4QW4UdYVl7wde78eMoiaw7Wk+WoDqo5K8="
        );
    }

    /// Compiles only if the hash wipes its state, which holds the key of an HMAC.
    #[test]
    fn a_hash_wipes_its_input() {
        fn wipes(_: impl zeroize::ZeroizeOnDrop) {}
        wipes(Sha256::new());
    }
}
