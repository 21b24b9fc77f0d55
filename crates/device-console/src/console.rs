//! What all requests to the console share.

use std::sync::Arc;

use device_pool::ServiceError;
use device_server::Service;

use crate::attempts::Attempts;
use crate::csrf::TokenKey;
use crate::seal::{SealingKey, encode};

/// The console of one service.
pub(crate) struct Console {
    pub(crate) service: Arc<Service>,
    pub(crate) sessions: SealingKey,
    pub(crate) links: SealingKey,
    pub(crate) tokens: TokenKey,
    pub(crate) attempts: Attempts,
    /// Whether browsers reach it by TLS.
    pub(crate) is_secure: bool,
}

impl Console {
    pub(crate) fn new(service: Arc<Service>) -> Self {
        let key = |purpose| service.derived_key(purpose);
        Self {
            sessions: SealingKey::new(key("device-console session")),
            links: SealingKey::new(key("device-console link")),
            tokens: TokenKey::new(key("device-console form")),
            attempts: Attempts::default(),
            is_secure: service.public_base_url().starts_with("https://"),
            service,
        }
    }

    /// The sealed `text`, under a nonce of its own.
    pub(crate) fn seal(&self, key: &SealingKey, text: &str) -> Result<String, ServiceError> {
        let mut nonce = [0; 12];
        self.service.fill_random(&mut nonce);
        key.seal(text, nonce).ok_or_else(|| ServiceError::internal("a value was not sealed"))
    }

    /// 128 random bits as text that a URL may hold.
    pub(crate) fn random_id(&self) -> String {
        let mut bytes = [0; 16];
        self.service.fill_random(&mut bytes);
        encode(&bytes)
    }
}
