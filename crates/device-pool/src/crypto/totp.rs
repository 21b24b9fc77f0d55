//! Time-based one-time passwords (RFC 6238): SHA-1, six digits, 30 seconds, as in authenticator
//! apps.

use device_wire::{ErrorCode, Sensitive};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use totp_rs::{Algorithm, Builder};

use crate::crypto::secret::Secret;
use crate::error::ServiceError;
use crate::host::moment::Moment;

const STEP_SECONDS: i64 = 30;

/// A software token that its user has verified.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SoftwareToken {
    secret: Secret,
    /// The name that the user gave it.
    pub(crate) name: Option<String>,
    /// The step of the last accepted code. Codes of this step and earlier ones are used up.
    last_step: i64,
}

impl SoftwareToken {
    /// Enrols a token if `code` is right at `now`; `None` if it is wrong. The code is then used up.
    pub(crate) fn enrol(
        secret: Sensitive<String>,
        code: &str,
        now: Moment,
        name: Option<String>,
    ) -> Option<Self> {
        let last_step = matching_step(&secret, code, now)?;
        Some(Self { secret: secret.into(), name, last_step })
    }

    /// The token of a seed; `None` if the secret is not base32.
    pub(crate) fn of_seed(secret: Sensitive<String>) -> Option<Self> {
        totp_rs::Secret::try_from_base32(secret.as_str()).ok()?;
        Some(Self { secret: secret.into(), name: None, last_step: 0 })
    }

    /// Accepts a code of the current step or an adjacent one, once.
    pub(crate) fn accept(&mut self, code: &str, now: Moment) -> Result<(), ServiceError> {
        match matching_step(&self.secret, code, now) {
            None => {
                Err(ServiceError::new(ErrorCode::CodeMismatch, "Invalid code received for user"))
            }
            Some(step) if step <= self.last_step => Err(ServiceError::new(
                ErrorCode::ExpiredCode,
                "Your software token has already been used once.",
            )),
            Some(step) => {
                self.last_step = step;
                Ok(())
            }
        }
    }
}

/// A new secret in base32, as `SecretCode` shows it: 160 bits (RFC 4226 section 4, R6).
pub(crate) fn secret_code(bytes: [u8; 20]) -> Sensitive<String> {
    Sensitive::from(totp_rs::Secret::new(Box::from(bytes)).to_base32())
}

/// The latest of the three steps around `now` that has this code. Always compares all three, so
/// timing reveals nothing.
fn matching_step(secret: &str, code: &str, now: Moment) -> Option<i64> {
    let secret = totp_rs::Secret::try_from_base32(secret).ok()?;
    let totp =
        Builder::new().with_algorithm(Algorithm::SHA1).with_secret(secret).build_noncompliant();
    let current = now.unix_seconds().div_euclid(STEP_SECONDS);
    [current - 1, current, current + 1].into_iter().fold(None, |found, step| {
        let time = u64::try_from(step * STEP_SECONDS).unwrap_or(0);
        let right = totp.generate(time).to_string().as_bytes().ct_eq(code.as_bytes());
        if bool::from(right) { Some(step) } else { found }
    })
}
