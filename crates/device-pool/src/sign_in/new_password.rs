//! `NEW_PASSWORD_REQUIRED`: a temporary password only permits setting a new one.

use device_srp::Identity;
use device_wire::enums::{ChallengeNameType, EventFilterType, UserStatusType};
use device_wire::{ErrorCode, Sensitive, param};

use crate::command::context::Context;
use crate::command::parameters::Parameters;
use crate::error::ServiceError;
use crate::host::message::Medium;
use crate::records::login::Login;
use crate::records::user_profile::UserProfile;
use crate::rules::common_passwords;
use crate::rules::names::AliasConflict;
use crate::rules::parties::Parties;
use crate::rules::profile::{self, Author, missing_attributes};
use crate::sign_in::answer::Answer;
use crate::sign_in::progress::Progress;
use crate::sign_in::session::{OpenSession, Stage, invalid_session};
use crate::sign_in::step::{Step, StepRequest};

/// Asks for a new password.
pub(crate) fn ask(
    cx: &mut Context<'_, '_>,
    parties: &Parties,
    progress: &Progress,
) -> Result<Answer, ServiceError> {
    let session = progress.session(cx, &parties.keys, &parties.client, Stage::NewPassword)?;
    let profile = UserProfile::of(cx, &parties.user)?;
    let attributes: serde_json::Map<String, serde_json::Value> = profile
        .all(&parties.user)
        .into_iter()
        .filter(|(name, _)| parties.client.may_read(name))
        .map(|(name, value)| (name.to_owned(), serde_json::Value::from(value.as_str())))
        .collect();
    let required: Vec<String> = missing_attributes(&parties.pool, &parties.user, &profile)
        .map(|name| format!("{}{name}", param::USER_ATTRIBUTES_PREFIX))
        .collect();
    let parameters = Parameters::default()
        .with(param::USER_ID_FOR_SRP, parties.user.username.as_str())
        .with(param::USER_ATTRIBUTES, serde_json::Value::from(attributes).to_string())
        .with(param::REQUIRED_ATTRIBUTES, serde_json::Value::from(required).to_string());
    Ok(Answer::challenge(ChallengeNameType::NewPasswordRequired, parameters, Some(session)))
}

/// The answer: a new password, and attributes that the user may set with it.
pub(crate) fn answer(cx: &mut Context<'_, '_>, request: StepRequest) -> Result<Step, ServiceError> {
    request.given.require(param::NEW_PASSWORD)?;
    let (opened, mut parties, answers) = OpenSession::with_parties(cx, request)?;
    let password = answers.require(param::NEW_PASSWORD)?;
    if opened.stage != Stage::NewPassword {
        return Err(invalid_session());
    }
    let mut progress = opened.progress.clone();
    progress.present_device(cx, &parties.pool, &parties.user, &answers)?;
    let before = parties.user.clone();
    refuse_current(&parties, password)?;
    let (pool, client_id) = (&parties.pool, &parties.client.id);
    common_passwords::check(cx, pool, client_id, &EventFilterType::PasswordChange, password)?;
    parties.user.set_password(cx, &parties.pool, password, UserStatusType::Confirmed)?;
    let mut profile = UserProfile::of(cx, &parties.user)?;
    for (name, value) in answers.with_prefix(param::USER_ATTRIBUTES_PREFIX) {
        provide(&mut parties, &mut profile, name, value)?;
    }
    if let Some(name) = missing_attributes(&parties.pool, &parties.user, &profile).next() {
        return Err(ServiceError::invalid(format!("Invalid attributes given, {name} is missing")));
    }
    Login::update(cx, &parties.pool, Some(&before), &parties.user, AliasConflict::Refuse)?;
    profile.put(cx, &parties.user)?;
    opened.spend(cx)?;
    progress.password_changed(&parties.user);
    cx.tx.put(&parties.user)?;
    Ok(Step::passed(parties, progress))
}

/// Refuses the temporary password as the new one, since the administrator knows it.
fn refuse_current(parties: &Parties, password: &str) -> Result<(), ServiceError> {
    let identity = Identity::user(parties.pool.srp_name(), &parties.user.username);
    match &parties.user.password {
        Some(current) if current.is(&identity, password)? => Err(ServiceError::new(
            ErrorCode::PasswordHistoryPolicyViolation,
            "Password has previously been used",
        )),
        _ => Ok(()),
    }
}

/// Sets an attribute that the user lacks. An existing one may be repeated but not changed.
fn provide(
    parties: &mut Parties,
    profile: &mut UserProfile,
    name: &str,
    value: &str,
) -> Result<(), ServiceError> {
    let Parties { pool, client, user, .. } = parties;
    pool.check_attribute(name)?;
    // Users may not set their own `*_verified` flags.
    if matches!(name, "email_verified" | "phone_number_verified" | "identities")
        || name.starts_with("dev:")
    {
        return Err(ServiceError::invalid(format!(
            "Cannot modify an attribute that is not writable: {name}"
        )));
    }
    match profile.get(user, name) {
        Some(provided) if provided == value => {}
        Some(_) => {
            return Err(ServiceError::not_authorized(format!(
                "Cannot modify an already provided {name}"
            )));
        }
        None if value.is_empty() => {}
        None => {
            profile::check(pool, Author::User(client), name, value)?;
            profile.set(user, name, Sensitive::from(value));
            if let Some(medium) = Medium::of_attribute(name) {
                user.contact.remove(medium.verified_flag());
            }
        }
    }
    Ok(())
}
