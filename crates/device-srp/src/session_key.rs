use alloc::{boxed::Box, string::String, vec::Vec};
use core::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{error::Error, identity::Identity, mac};

/// The secret key of 16 bytes that both sides hold if the password is right.
// Boxed, so that a move leaves no copy that is not wiped.
pub struct SessionKey(pub(crate) Box<Zeroizing<[u8; Self::LEN]>>);

impl SessionKey {
    pub(crate) const LEN: usize = 16;

    /// `PASSWORD_CLAIM_SIGNATURE`: HMAC-SHA256 over both names, the secret block and the timestamp.
    ///
    /// `secret_block` is the decoded `SECRET_BLOCK`. `timestamp` is the `TIMESTAMP` of the same
    /// request, letter for letter; it is hashed, not checked. Write it with
    /// [`Timestamp`](crate::Timestamp): the service refuses any other form.
    #[must_use]
    pub fn sign(&self, identity: &Identity<'_>, secret_block: &[u8], timestamp: &str) -> Proof {
        let message = [
            identity.realm.as_bytes(),
            identity.name.as_bytes(),
            secret_block,
            timestamp.as_bytes(),
        ];
        Proof(*mac::hmac(self.0.as_slice(), message))
    }

    /// Checks the peer's proof, in constant time.
    ///
    /// `timestamp` is hashed, not checked: any text passes, an old timestamp too. The server must
    /// read it with [`Timestamp::parse`](crate::Timestamp::parse) and compare it with its clock.
    /// Without that, a stolen proof is valid for as long as its secret block.
    ///
    /// # Errors
    /// [`Error::ProofMismatch`], whatever differs.
    pub fn verify(
        &self,
        identity: &Identity<'_>,
        secret_block: &[u8],
        timestamp: &str,
        proof: &Proof,
    ) -> Result<(), Error> {
        let expected = self.sign(identity, secret_block, timestamp);
        if bool::from(expected.0.ct_eq(&proof.0)) { Ok(()) } else { Err(Error::ProofMismatch) }
    }

    /// The bytes, to compare with known answers. Anyone who has them can sign as the peer.
    #[must_use]
    pub fn danger_expose(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(..)")
    }
}

/// A password claim signature of 32 bytes, worth nothing without its secret block.
///
/// Compare it with [`SessionKey::verify`]; there is deliberately no `PartialEq`.
#[derive(Clone, Debug)]
pub struct Proof(pub(crate) [u8; 32]);

impl Proof {
    /// Reads `PASSWORD_CLAIM_SIGNATURE`: standard base64, padded, of exactly 32 bytes.
    ///
    /// # Errors
    /// [`Error::NotBase64`].
    pub fn from_base64(text: &str) -> Result<Self, Error> {
        let bytes: Vec<u8> = STANDARD.decode(text).map_err(|_| Error::NotBase64)?;
        bytes.try_into().map(Self).map_err(|_| Error::NotBase64)
    }

    /// Standard base64 with padding, 44 characters.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }
}
