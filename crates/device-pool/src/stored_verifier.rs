//! What the service keeps in place of a password, of a user's or of a device's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device_srp::{Salt, Verifier};
use device_wire::Sensitive;
use serde::{Deserialize, Serialize};

use crate::error::ServiceError;

/// An SRP salt and verifier as records hold them: the salt in hexadecimal, the verifier in base64.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct StoredVerifier {
    salt: String,
    verifier: Sensitive<String>,
}

impl StoredVerifier {
    pub(crate) fn new(salt: &Salt, verifier: &Verifier) -> Self {
        Self { salt: salt.to_hex(), verifier: Sensitive::from(STANDARD.encode(verifier.padded())) }
    }

    pub(crate) fn parse(&self) -> Result<(Salt, Verifier), ServiceError> {
        let salt = Salt::from_hex(&self.salt).ok();
        let verifier = STANDARD.decode(self.verifier.as_str()).ok().map(zeroize::Zeroizing::new);
        let verifier = verifier.and_then(|bytes| Verifier::from_be_bytes(&bytes).ok());
        salt.zip(verifier).ok_or_else(|| ServiceError::internal("a stored verifier does not parse"))
    }
}
