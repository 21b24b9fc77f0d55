//! What the service stores instead of a password, for users and devices.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device_srp::{Salt, Verifier};
use device_wire::Sensitive;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::crypto::secret::Secret;
use crate::error::ServiceError;

/// An SRP salt and verifier as stored: the salt in hexadecimal, the verifier in base64.
///
/// Precomputed powers of the verifier are stored with it; they pay for themselves at the first
/// sign-in. A seed's users have none. They are only ever derived here, from the verifier in the
/// same record: anyone who could choose them could choose the password.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct StoredVerifier {
    salt: String,
    verifier: Secret,
    powers: Secret,
}

impl StoredVerifier {
    pub(crate) fn new(salt: &Salt, verifier: &Verifier) -> Self {
        let encode = |bytes: Zeroizing<Vec<u8>>| secret(STANDARD.encode(bytes));
        Self {
            salt: salt.to_hex(),
            verifier: encode(verifier.padded()),
            powers: encode(verifier.powers()),
        }
    }

    /// A verifier without powers. Computing them takes twice as long as the verifier.
    pub(crate) fn without_powers(salt: &Salt, verifier: &Verifier) -> Self {
        Self {
            salt: salt.to_hex(),
            verifier: secret(STANDARD.encode(verifier.padded())),
            powers: secret(String::new()),
        }
    }

    /// A decoy verifier of 383 bytes, which no password produced, for an unknown user. Its powers
    /// belong to another verifier: they cost the same time, and no proof can succeed anyway.
    pub(crate) fn that_no_password_has(salt: &Salt, verifier: &[u8]) -> Self {
        let padded = Sensitive::from([&[0], verifier].concat());
        let encode = |bytes: &[u8]| secret(STANDARD.encode(bytes));
        Self {
            salt: salt.to_hex(),
            verifier: encode(&padded),
            powers: encode(&Sensitive::from(padded.repeat(3))),
        }
    }

    /// A verifier that is not computed yet; see [`Self::is_pending`].
    pub(crate) fn pending(salt: &Salt) -> Self {
        let none = || secret(String::new());
        Self { salt: salt.to_hex(), verifier: none(), powers: none() }
    }

    /// Whether the verifier of a seed's password is still to be computed.
    pub(crate) fn is_pending(&self) -> bool {
        self.verifier.is_empty()
    }

    /// The salt, in hexadecimal. Every secret has its own.
    pub(crate) fn salt(&self) -> &str {
        &self.salt
    }

    pub(crate) fn parse(&self) -> Result<(Salt, Verifier), ServiceError> {
        let salt = Salt::from_hex(&self.salt).ok();
        let decode = |text: &Secret| STANDARD.decode(text.as_str()).ok().map(Sensitive::from);
        let verifier =
            decode(&self.verifier).and_then(|bytes| Verifier::from_be_bytes(&bytes).ok());
        let verifier = verifier.and_then(|verifier| match self.powers.is_empty() {
            true => Some(verifier),
            false => verifier.with_trusted_powers(&decode(&self.powers)?).ok(),
        });
        salt.zip(verifier).ok_or_else(|| ServiceError::internal("a stored verifier does not parse"))
    }
}

fn secret(text: String) -> Secret {
    Secret::from(Sensitive::from(text))
}

#[cfg(test)]
mod tests {
    use device_srp::Identity;

    use super::*;

    #[test]
    fn a_record_gives_back_the_verifier_with_its_own_powers() {
        let salt = Salt::from_hex("5a17").unwrap();
        let verifier = Verifier::derive(&Identity::user("pool", "user"), "password", &salt);
        let record = serde_json::to_value(StoredVerifier::new(&salt, &verifier)).unwrap();
        let (read_salt, read) =
            serde_json::from_value::<StoredVerifier>(record.clone()).unwrap().parse().unwrap();
        assert_eq!(read_salt, salt);
        assert!(read.ct_eq(&verifier));
        assert_eq!(read.powers(), verifier.powers());

        let mut cut = record;
        cut["powers"] = "AAAA".into();
        assert!(serde_json::from_value::<StoredVerifier>(cut).unwrap().parse().is_err());
    }

    #[test]
    fn a_verifier_can_be_stored_without_powers() {
        let salt = Salt::from_hex("5a17").unwrap();
        let verifier = Verifier::derive(&Identity::user("pool", "user"), "password", &salt);
        let stored = StoredVerifier::without_powers(&salt, &verifier);
        assert!(!stored.is_pending());
        assert!(stored.parse().unwrap().1.ct_eq(&verifier));
    }
}
