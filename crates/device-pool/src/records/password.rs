//! Passwords: the pool's policy, and what is stored.

use device_srp::{Identity, Salt, Verifier};
use device_wire::shapes::PasswordPolicyType;
use device_wire::{ErrorCode, Sensitive};
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::crypto::stored_verifier::StoredVerifier;
use crate::error::ServiceError;
use crate::host::moment::Moment;

/// A password, of which only a verifier is stored.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Password {
    #[serde(flatten)]
    pub(crate) secret: StoredVerifier,
    pub(crate) set_at: Moment,
}

impl Password {
    pub(crate) fn new(cx: &mut Context<'_, '_>, identity: &Identity<'_>, password: &str) -> Self {
        let salt = Salt::random(&mut cx.rng());
        let verifier = Verifier::derive(identity, password, &salt);
        Self { secret: StoredVerifier::new(&salt, &verifier), set_at: cx.now() }
    }

    /// A password of a seed. Most of its users never sign in, so only the verifier is computed.
    pub(crate) fn of_seed(
        cx: &mut Context<'_, '_>,
        identity: &Identity<'_>,
        password: &str,
    ) -> Self {
        let salt = Salt::random(&mut cx.rng());
        let verifier = Verifier::derive(identity, password, &salt);
        Self { secret: StoredVerifier::without_powers(&salt, &verifier), set_at: cx.now() }
    }

    /// A password of a seed, whose verifier is computed when the user is first read. A thousand
    /// verifiers would delay the start.
    pub(crate) fn pending(cx: &mut Context<'_, '_>, password: Sensitive<String>) -> Self {
        let salt = Salt::random(&mut cx.rng());
        let secret = StoredVerifier::pending(&salt);
        cx.development.hold(secret.salt(), password);
        Self { secret, set_at: cx.now() }
    }

    /// Whether its verifier is still to be computed.
    pub(crate) fn is_pending(&self) -> bool {
        self.secret.is_pending()
    }

    /// A pending password with its verifier; `None` if the process that held it has ended.
    pub(crate) fn complete(
        self,
        cx: &mut Context<'_, '_>,
        identity: &Identity<'_>,
    ) -> Option<Self> {
        let password = cx.development.held(self.secret.salt())?;
        let salt = Salt::from_hex(self.secret.salt()).ok()?;
        let verifier = Verifier::derive(identity, &password, &salt);
        cx.notes.completed.push(self.secret.salt().to_owned());
        Some(Self { secret: StoredVerifier::new(&salt, &verifier), ..self })
    }

    /// Whether `password` matches, compared in constant time.
    pub(crate) fn is(&self, identity: &Identity<'_>, password: &str) -> Result<bool, ServiceError> {
        let (salt, verifier) = self.secret.parse()?;
        Ok(Verifier::derive(identity, password, &salt).ct_eq(&verifier))
    }
}

/// Refuses a password that violates the pool's policy.
pub(crate) fn check_policy(
    policy: &PasswordPolicyType,
    password: &str,
) -> Result<(), ServiceError> {
    let refuse = |reason: &str| {
        Err(ServiceError::new(
            ErrorCode::InvalidPassword,
            format!("Password did not conform with policy: {reason}"),
        ))
    };
    let minimum = usize::try_from(policy.minimum_length.unwrap_or(8)).unwrap_or(8);
    if password.chars().count() < minimum {
        return refuse("Password not long enough");
    }
    let lacks = |required: Option<bool>, class: fn(char) -> bool| {
        required == Some(true) && !password.chars().any(class)
    };
    if lacks(policy.require_lowercase, |c| c.is_ascii_lowercase()) {
        return refuse("Password must have lowercase characters");
    }
    if lacks(policy.require_uppercase, |c| c.is_ascii_uppercase()) {
        return refuse("Password must have uppercase characters");
    }
    if lacks(policy.require_numbers, |c| c.is_ascii_digit()) {
        return refuse("Password must have numeric characters");
    }
    // A space counts within a password, not at its ends.
    let symbol = password.trim_matches(' ').chars().any(is_symbol);
    if policy.require_symbols == Some(true) && !symbol {
        return refuse("Password must have symbol characters");
    }
    Ok(())
}

/// The service's list of symbols: printable ASCII except letters and digits.
fn is_symbol(c: char) -> bool {
    c.is_ascii_punctuation() || c == ' '
}

/// A random password that satisfies any policy of up to 16 characters; for longer policies, a
/// longer one.
pub(crate) fn random(cx: &mut Context<'_, '_>, policy: &PasswordPolicyType) -> String {
    // No letters or digits that look alike: people read this in a message and type it.
    const CLASSES: [&[u8]; 4] =
        [b"abcdefghjkmnpqrstuvwxyz", b"ABCDEFGHJKMNPQRSTUVWXYZ", b"23456789", b"!#%+-=?@"];
    let length = usize::try_from(policy.minimum_length.unwrap_or(0)).unwrap_or(0).max(16);
    (0..length.div_ceil(CLASSES.len()))
        .flat_map(|_| CLASSES)
        .map(|class| cx.random_text(class, 1))
        .collect()
}
