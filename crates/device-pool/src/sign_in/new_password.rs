//! `NEW_PASSWORD_REQUIRED`: a temporary password is good for setting another.

use device_wire::{ChallengeNameType, UserStatusType, param};

use crate::client::Client;
use crate::context::Context;
use crate::error::ServiceError;
use crate::parameters::Parameters;
use crate::pool::Pool;
use crate::sign_in::progress::{OpenSession, Progress, Stage, invalid_session};
use crate::sign_in::{Answer, Parties, advance};

/// Asks for a password of the user's own.
pub(crate) fn ask(
    cx: &mut Context<'_, '_>,
    parties: &Parties,
    progress: &Progress,
) -> Result<Answer, ServiceError> {
    let session = progress.session(cx, &parties.keys, &parties.client, Stage::NewPassword)?;
    let attributes: serde_json::Map<String, serde_json::Value> = parties
        .user
        .attributes
        .iter()
        .map(|(name, value)| (name.clone(), serde_json::Value::from(value.as_str())))
        .collect();
    let parameters = Parameters::default()
        .with(param::USER_ID_FOR_SRP, parties.user.username.as_str())
        .with(param::USER_ATTRIBUTES, serde_json::Value::from(attributes).to_string())
        .with(param::REQUIRED_ATTRIBUTES, "[]");
    Ok(Answer::challenge(ChallengeNameType::NewPasswordRequired, parameters, Some(session)))
}

/// The answer: the new password, and attributes that the user may set along with it.
pub(crate) fn answer(
    cx: &mut Context<'_, '_>,
    pool: Pool,
    client: Client,
    session: Option<&str>,
    answers: &Parameters,
) -> Result<Answer, ServiceError> {
    let password = answers.require(param::NEW_PASSWORD)?;
    let (opened, mut parties) = OpenSession::open_for(cx, pool, client, session, answers)?;
    if opened.stage != Stage::NewPassword {
        return Err(invalid_session());
    }
    let mut progress = opened.progress.clone();
    progress.present_device(cx, &parties.pool, &parties.user, answers)?;
    parties.user.set_password(cx, &parties.pool, password, UserStatusType::Confirmed)?;
    for (name, value) in answers.with_prefix(param::USER_ATTRIBUTES_PREFIX) {
        // What proves something of a user can't be set by that user.
        if name.ends_with("_verified") || name == "sub" {
            return Err(ServiceError::invalid(format!(
                "Cannot modify an attribute that is not writable: {name}"
            )));
        }
        parties.user.attributes.insert(name.to_owned(), value.to_owned().into());
    }
    opened.spend(cx)?;
    progress.trail.note("New password set");
    cx.tx.put(&parties.user)?;
    advance(cx, &mut parties, progress)
}
