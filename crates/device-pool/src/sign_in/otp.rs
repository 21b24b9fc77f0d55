//! One-time codes sent to a user during a sign-in.

use device_wire::{ErrorCode, param};
use serde_json::{Map, Value};

use crate::command::context::Context;
use crate::command::notes::Finding;
use crate::command::parameters::Parameters;
use crate::error::ServiceError;
use crate::host::message::Medium;
use crate::records::address::Address;
use crate::records::app_client::AppClient;
use crate::records::code::CodePurpose;
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::records::whose::Whose;
use crate::rules::codes::{self, Recipient};
use crate::rules::message_triggers::{Reason, Situation};
use crate::sign_in::progress::Progress;

/// Sends a code for this sign-in, unless too many were sent; returns the masked destination.
pub(crate) fn send(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    client: &AppClient,
    user: &User,
    progress: &Progress,
    to: &Address,
    metadata: Map<String, Value>,
) -> Result<Parameters, ServiceError> {
    let (recipient, purpose) = (Recipient::user(user, to), purpose(progress));
    codes::permit(cx, recipient, &purpose)?;
    let code = codes::issue(cx, recipient, purpose)?;
    let reason = Reason { situation: Situation::Authentication, client_id: &client.id, metadata };
    to.send(cx, pool, user, &reason, &code)?;
    Ok(delivered(to.medium, to.medium.mask(&to.destination), &user.username))
}

/// The challenge parameters that describe a sent code.
pub(crate) fn delivered(medium: Medium, masked: String, username: &str) -> Parameters {
    Parameters::default()
        .with(param::CODE_DELIVERY_DELIVERY_MEDIUM, medium.name())
        .with(param::CODE_DELIVERY_DESTINATION, masked)
        .with(param::USER_ID_FOR_SRP, username)
}

/// Redeems the code of this sign-in. The error for a wrong one has its own wording.
pub(crate) fn redeem(
    cx: &mut Context<'_, '_>,
    whose: Whose<'_>,
    progress: &Progress,
    given: &str,
    address: Option<&Address>,
) -> Result<(), ServiceError> {
    let device_key = progress.device_key.as_deref();
    let sent_to = codes::redeem_for_name(cx, whose, &purpose(progress), given, device_key)
        .map_err(|error| match error.code() {
            ErrorCode::CodeMismatch => mismatch(),
            _ => error,
        })?;
    // A code sent to an address that is no longer the user's proves nothing.
    if sent_to.as_ref() != address {
        cx.notes.finding = Finding::Failed;
        cx.notes.reason("Refused: the code was sent to an address that is no longer the user's");
        return Err(mismatch());
    }
    Ok(())
}

/// Creates a code without sending it.
pub(crate) fn pretend(
    cx: &mut Context<'_, '_>,
    whose: Whose<'_>,
    progress: &Progress,
) -> Result<(), ServiceError> {
    let (recipient, purpose) = (Recipient::no_one(whose), purpose(progress));
    codes::permit(cx, recipient, &purpose)?;
    codes::issue(cx, recipient, purpose).map(drop)
}

pub(crate) fn mismatch() -> ServiceError {
    ServiceError::new(ErrorCode::CodeMismatch, "Invalid code or auth state for the user.")
}

fn purpose(progress: &Progress) -> CodePurpose {
    CodePurpose::SignIn(progress.trail.event_id.clone())
}
