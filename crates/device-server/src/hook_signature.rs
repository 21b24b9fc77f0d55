//! Signatures of hook requests, as Standard Webhooks has them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device_wire::Sensitive;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The fewest characters of a secret.
const MIN_SECRET: usize = 16;

/// The headers that carry a request's id, its time, and its signature.
pub(crate) const HEADERS: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];

/// A secret that the hook shares with the server.
pub(crate) struct HookSecret(Sensitive<String>);

impl HookSecret {
    /// A secret of at least 16 characters; `None` for a shorter one.
    pub(crate) fn new(secret: String) -> Option<Self> {
        (secret.chars().count() >= MIN_SECRET).then(|| Self(secret.into()))
    }

    /// The signature over id, time and body: `v1,` and base64.
    pub(crate) fn sign(&self, id: &str, unix_seconds: u64, body: &str) -> String {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).expect("HMAC takes any key");
        for part in [id, ".", &unix_seconds.to_string(), ".", body] {
            mac.update(part.as_bytes());
        }
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's `hmac` and `base64`.
    #[test]
    fn a_signature_covers_id_time_and_body() {
        let secret = HookSecret::new("a-secret-of-the-hook".to_owned()).unwrap();
        let signature = secret.sign("e1", 1_790_000_000, r#"{"version":"1"}"#);
        assert_eq!(signature, "v1,6fDVh/nXmRmq1DQJ6scQDprRuNbiHx/lb3wbtCiwxlo=");
        assert!(HookSecret::new("short".to_owned()).is_none());
    }
}
