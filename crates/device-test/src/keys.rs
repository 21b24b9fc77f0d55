//! Public key pairs, so that tests need not wait for a new one.

/// An RSA-2048 key pair for access tokens, PKCS#8 in DER. Public: never trust it outside of a test.
pub const ACCESS_KEY_PAIR: &[u8] = include_bytes!("../keys/access.pk8");

/// An RSA-2048 key pair for id tokens.
pub const ID_KEY_PAIR: &[u8] = include_bytes!("../keys/id.pk8");

/// Returns the two test keys in turn: a pool's access tokens get [`ACCESS_KEY_PAIR`], its id tokens
/// [`ID_KEY_PAIR`].
#[cfg(feature = "pool")]
#[derive(Debug, Default)]
pub struct TestSigningKeys {
    given: std::sync::atomic::AtomicUsize,
}

#[cfg(feature = "pool")]
impl device_pool::SigningKeySource for TestSigningKeys {
    fn generate(&self) -> Result<Vec<u8>, device_pool::ServiceError> {
        let given = self.given.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Ok(if given.is_multiple_of(2) { ACCESS_KEY_PAIR.to_vec() } else { ID_KEY_PAIR.to_vec() })
    }
}
