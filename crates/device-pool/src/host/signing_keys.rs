//! The source of token-signing keys.

use crate::error::ServiceError;

/// Generates token-signing keys. The host does it: generation is slow and needs an RNG of its own.
pub trait SigningKeySource: Send + Sync {
    /// A new RSA-2048 key pair as PKCS#8 DER.
    ///
    /// # Errors
    ///
    /// [`ServiceError::internal`] if the generator fails.
    fn generate(&self) -> Result<Vec<u8>, ServiceError>;
}
