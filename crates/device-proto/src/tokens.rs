//! The tokens of a session.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use device_wire::shapes::AuthenticationResultType;
use device_wire::{Operation, Sensitive};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The tokens of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tokens {
    /// The access token, which tells the service and the app's backends who calls.
    pub access: Sensitive<String>,
    /// The id token, which tells the app who the user is.
    pub id: Option<Sensitive<String>>,
    /// The refresh token, which is exchanged for new tokens.
    pub refresh: Option<Sensitive<String>>,
    /// The lifetime of the access and id token after they were issued.
    pub expires_in: Option<Duration>,
}

impl Tokens {
    /// An access token from elsewhere. Set the other members afterwards.
    #[must_use]
    pub fn new(access: impl Into<Sensitive<String>>) -> Self {
        Self { access: access.into(), id: None, refresh: None, expires_in: None }
    }

    pub(crate) fn from_wire(
        operation: Operation,
        result: AuthenticationResultType,
    ) -> Result<Self, Error> {
        let present = |token: Option<Sensitive<String>>| token.filter(|token| !token.is_empty());
        Ok(Self {
            access: present(result.access_token)
                .ok_or(Error::malformed(operation, "it grants no access token"))?,
            id: present(result.id_token),
            refresh: present(result.refresh_token),
            expires_in: result
                .expires_in
                .and_then(|seconds| u64::try_from(seconds).ok())
                .map(Duration::from_secs),
        })
    }

    /// Reads the access token's claims, without verifying its signature.
    ///
    /// The token came from the service itself, which is enough to know its user. It is never enough
    /// for granting access.
    #[must_use]
    pub fn claims(&self) -> Claims {
        let payload = self.access.split('.').nth(1).unwrap_or_default();
        let json = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).unwrap_or_default();
        serde_json::from_slice(&json).unwrap_or_default()
    }
}

/// The claims of an access token that matter to its client.
///
/// A claim is absent if the token does not have it. All are absent if the token cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[non_exhaustive]
pub struct Claims {
    /// The user's internal name.
    pub username: Option<String>,
    /// The user's id, which is never reused.
    pub sub: Option<String>,
    /// The device that the session belongs to.
    pub device_key: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(access: &str) -> Tokens {
        Tokens { access: access.into(), id: None, refresh: None, expires_in: None }
    }

    #[test]
    fn claims_are_read_from_the_middle_part() {
        let payload =
            URL_SAFE_NO_PAD.encode(r#"{"username":"ada","device_key":"eu_1","exp":1.5,"more":[]}"#);
        let claims = tokens(&format!("head.{payload}.signature")).claims();
        assert_eq!(
            (claims.username.as_deref(), claims.device_key.as_deref()),
            (Some("ada"), Some("eu_1"))
        );
        assert_eq!(claims.sub, None);
        assert_eq!(tokens(&format!("head.{payload}==.signature")).claims(), claims);
    }

    #[test]
    fn an_unreadable_token_claims_nothing() {
        for token in ["", "opaque", "a.b.c", "a.!.c", "a.W10.c"] {
            assert_eq!(tokens(token).claims(), Claims::default(), "{token}");
        }
    }
}
