//! Where the host makes token-signing keys.

use crate::error::ServiceError;

/// Where new token-signing keys come from: generation takes long and needs its own randomness.
pub trait SigningKeySource: Send + Sync {
    /// A new RSA-2048 key pair, PKCS#8 DER.
    ///
    /// # Errors
    /// [`ServiceError::internal`] when the generator fails.
    fn generate(&self) -> Result<Vec<u8>, ServiceError>;
}
