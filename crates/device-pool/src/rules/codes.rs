//! Codes that are sent to a user and typed in again: six digits, short-lived, good once, and proof
//! of one address.

use device_wire::{ErrorCode, Sensitive};
use subtle::ConstantTimeEq;

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::host::message::Medium;
use crate::records::address::Address;
use crate::records::attempts::{Attempt, Attempts};
use crate::records::code::{Code, CodePurpose, key};
use crate::records::sent_codes::SentCodes;
use crate::records::user::User;

/// Refuses one more code for this purpose to whoever was sent too many. The same holds for a name
/// that has no user, as long as codes are made for it too.
pub(crate) fn permit(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    username: &str,
    purpose: &CodePurpose,
) -> Result<(), ServiceError> {
    SentCodes::load(cx, pool_id, username, &purpose.name())?.permit().map(drop)
}

/// Makes a code that proves `to` to be the user's. Sending it is the caller's part.
pub(crate) fn issue(
    cx: &mut Context<'_, '_>,
    user: &User,
    purpose: CodePurpose,
    to: &Address,
) -> Result<Sensitive<String>, ServiceError> {
    issue_for_name(cx, &user.pool_id, &user.username, purpose, Some(to))
}

/// As [`issue`]. Where nobody may learn whether a name has a user, one that has none gets a code
/// too, which is sent to no one: the answers that follow are then the same.
pub(crate) fn issue_for_name(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    username: &str,
    purpose: CodePurpose,
    to: Option<&Address>,
) -> Result<Sensitive<String>, ServiceError> {
    let now = cx.now();
    let code = Sensitive::from(cx.random_text(b"0123456789", 6));
    // Those of a sign-in are counted together: each has a purpose of its own.
    if !matches!(purpose, CodePurpose::SignIn(_)) {
        SentCodes::load(cx, pool_id, username, &purpose.name())?.count(cx)?;
    }
    // Read so that an earlier code is replaced.
    cx.tx.find::<Code>(&key(pool_id, username, &purpose))?;
    cx.tx.put(&Code {
        pool_id: pool_id.to_owned(),
        username: Sensitive::from(username.to_owned()),
        expires_at: now.saturating_add(purpose.lifetime_millis()),
        purpose,
        code: code.clone(),
        sent_to: to.cloned(),
    })?;
    Ok(code)
}

/// Uses up the code, if it is the one that was sent, and says which address that proves. A wrong
/// one counts towards the lockout of codes and leaves it good. One whose address is no longer the
/// user's is good for nothing.
pub(crate) fn redeem(
    cx: &mut Context<'_, '_>,
    user: &User,
    purpose: &CodePurpose,
    given: &str,
) -> Result<Address, ServiceError> {
    redeem_if(cx, &user.pool_id, &user.username, purpose, given, |to| {
        purpose.is_proven_by(user, to)
    })?
    .ok_or_else(mismatch)
}

/// As [`redeem`], for a name that may have no user: what went to no one proves no address.
pub(crate) fn redeem_for_name(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    username: &str,
    purpose: &CodePurpose,
    given: &str,
) -> Result<Option<Address>, ServiceError> {
    redeem_if(cx, pool_id, username, purpose, given, |_| true)
}

fn redeem_if(
    cx: &mut Context<'_, '_>,
    pool_id: &str,
    username: &str,
    purpose: &CodePurpose,
    given: &str,
    still_proves: impl Fn(&Address) -> bool,
) -> Result<Option<Address>, ServiceError> {
    let attempts =
        Attempts::permit(cx, pool_id, purpose.attempt(), &purpose.counted_under(username))?;
    let id = key(pool_id, username, purpose);
    let now = cx.now();
    let alive =
        |code: &Code| now < code.expires_at && code.sent_to.as_ref().is_none_or(&still_proves);
    let Some(code) = cx.tx.find::<Code>(&id)?.filter(alive) else {
        attempts.failed(cx)?;
        return Err(ServiceError::new(
            ErrorCode::ExpiredCode,
            "Invalid code provided, please request a code again.",
        ));
    };
    if !bool::from(code.code.as_bytes().ct_eq(given.as_bytes())) {
        attempts.failed(cx)?;
        return Err(mismatch());
    }
    // A right code must not buy guesses at the next one for the same: only time clears the count of
    // those that are sent outside of a sign-in.
    if purpose.attempt() != Attempt::SentCode {
        attempts.succeeded(cx);
    }
    cx.tx.delete::<Code>(&id);
    Ok(code.sent_to)
}

/// What a wrong code is answered.
pub(crate) fn mismatch() -> ServiceError {
    ServiceError::new(
        ErrorCode::CodeMismatch,
        "Invalid verification code provided, please try again.",
    )
}

/// Takes every code outside of a sign-in away from a user who is being deleted, and the count of
/// them.
pub(crate) fn remove_all(cx: &mut Context<'_, '_>, user: &User) -> Result<(), ServiceError> {
    let attribute = |medium: Medium| CodePurpose::Attribute(medium.attribute().to_owned());
    let purposes = [
        CodePurpose::SignUp,
        CodePurpose::ForgotPassword,
        attribute(Medium::Sms),
        attribute(Medium::Email),
    ];
    for purpose in purposes {
        let id = key(&user.pool_id, &user.username, &purpose);
        if cx.tx.find::<Code>(&id)?.is_some() {
            cx.tx.delete::<Code>(&id);
        }
        SentCodes::load(cx, &user.pool_id, &user.username, &purpose.name())?.forget(cx);
    }
    SentCodes::of_sign_ins(cx, &user.pool_id, &user.username)?.forget(cx);
    Ok(())
}
