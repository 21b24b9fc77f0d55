//! Codes that are sent to a user and typed in again: six digits, short-lived, good once.

use device_wire::{ErrorCode, Sensitive};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::attempts::{Attempt, Attempts};
use crate::context::Context;
use crate::error::ServiceError;
use crate::store::Table;
use crate::transaction::{Entity, id_of};
use crate::user::User;

const MINUTE_MILLIS: i64 = 60_000;
const HOUR_MILLIS: i64 = 60 * MINUTE_MILLIS;

/// What a code is good for. A newer code for the same replaces the older one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CodePurpose {
    SignUp,
    ForgotPassword,
    /// Proves the attribute of this name.
    Attribute(String),
    /// A factor of the sign-in whose session has this id.
    SignIn(String),
}

impl CodePurpose {
    fn name(&self) -> String {
        match self {
            Self::SignUp => "sign_up".to_owned(),
            Self::ForgotPassword => "forgot_password".to_owned(),
            Self::Attribute(name) => format!("attribute {name}"),
            Self::SignIn(session) => format!("sign_in {session}"),
        }
    }

    /// Which lockout wrong ones count towards.
    fn attempt(&self) -> Attempt {
        match self {
            Self::SignIn(_) => Attempt::MfaCode,
            Self::SignUp | Self::ForgotPassword | Self::Attribute(_) => Attempt::SentCode,
        }
    }

    fn lifetime_millis(&self) -> i64 {
        match self {
            Self::SignUp | Self::Attribute(_) => 24 * HOUR_MILLIS,
            Self::ForgotPassword => HOUR_MILLIS,
            Self::SignIn(_) => 15 * MINUTE_MILLIS,
        }
    }
}

/// A code that waits to be typed in.
#[derive(Serialize, Deserialize)]
struct Code {
    pool_id: String,
    username: Sensitive<String>,
    purpose: CodePurpose,
    code: Sensitive<String>,
    expires_at: i64,
}

impl Entity for Code {
    const TABLE: Table = Table::Code;

    fn id(&self) -> String {
        key(&self.pool_id, &self.username, &self.purpose)
    }

    fn expires_at(&self) -> Option<i64> {
        Some(self.expires_at)
    }
}

fn key(pool_id: &str, username: &str, purpose: &CodePurpose) -> String {
    id_of([pool_id, username, &purpose.name()])
}

/// Makes a code for `user`. Sending it is the caller's part.
pub(crate) fn issue(
    cx: &mut Context<'_, '_>,
    user: &User,
    purpose: CodePurpose,
) -> Result<Sensitive<String>, ServiceError> {
    issue_for_name(cx, &user.pool_id, &user.username, purpose)
}

/// As [`issue`]. Where nobody may learn whether a name has a user, one that has none gets a code too, which is sent to no
/// one: the answers that follow are then the same.
pub(crate) fn issue_for_name(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    username: &str,
    purpose: CodePurpose,
) -> Result<Sensitive<String>, ServiceError> {
    let code = Sensitive::from(cx.random_text(b"0123456789", 6));
    let entity = Code {
        pool_id: pool_id.to_owned(),
        username: Sensitive::from(username.to_owned()),
        expires_at: cx.now().saturating_add(purpose.lifetime_millis()),
        purpose,
        code: code.clone(),
    };
    // Read so that an earlier code is replaced.
    cx.tx.find::<Code>(&entity.id())?;
    cx.tx.put(&entity)?;
    Ok(code)
}

/// Uses up the code, if it is the one that was sent. A wrong one counts towards the lockout of codes and leaves it good.
pub(crate) fn redeem(
    cx: &mut Context<'_, '_>,
    user: &User,
    purpose: &CodePurpose,
    given: &str,
) -> Result<(), ServiceError> {
    redeem_for_name(cx, &user.pool_id, &user.username, purpose, given)
}

/// As [`redeem`], for a name that may have no user.
pub(crate) fn redeem_for_name(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    username: &str,
    purpose: &CodePurpose,
    given: &str,
) -> Result<(), ServiceError> {
    let attempts = Attempts::permit(cx, pool_id, purpose.attempt(), username)?;
    let id = key(pool_id, username, purpose);
    let expired =
        || ServiceError::new(ErrorCode::ExpiredCode, "Invalid code provided, please request a code again.");
    let code = cx.tx.find::<Code>(&id)?.filter(|code| cx.now() < code.expires_at);
    let Some(code) = code else {
        attempts.failed(cx)?;
        return Err(expired());
    };
    if !bool::from(code.code.as_bytes().ct_eq(given.as_bytes())) {
        attempts.failed(cx)?;
        return Err(mismatch());
    }
    // A code for one thing must not buy guesses at a code for another: those sent outside of a sign-in share one count,
    // which only time clears.
    if purpose.attempt() != Attempt::SentCode {
        attempts.succeeded(cx);
    }
    cx.tx.delete::<Code>(&id);
    Ok(())
}

/// What a wrong code is answered.
pub(crate) fn mismatch() -> ServiceError {
    ServiceError::new(ErrorCode::CodeMismatch, "Invalid verification code provided, please try again.")
}

/// Makes a code that was sent good for nothing: what it would prove is no longer so.
pub(crate) fn withdraw(
    cx: &mut Context<'_, '_>,
    user: &User,
    purpose: &CodePurpose,
) -> Result<(), ServiceError> {
    let id = key(&user.pool_id, &user.username, purpose);
    if cx.tx.find::<Code>(&id)?.is_some() {
        cx.tx.delete::<Code>(&id);
    }
    Ok(())
}
