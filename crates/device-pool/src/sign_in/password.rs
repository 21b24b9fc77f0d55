//! The password as first factor, by SRP or in plain text.

use device_srp::{Identity, Verifier};
use device_wire::enums::UserStatusType;
use device_wire::{ErrorCode, param};

use crate::command::context::Context;
use crate::command::notes::Finding;
use crate::command::parameters::Parameters;
use crate::command::trail::Trail;
use crate::error::ServiceError;
use crate::host::moment::days;
use crate::records::app_client::AppClient;
use crate::records::attempts::{Attempt, Attempts};
use crate::records::device::Device;
use crate::records::pool::DevicePolicy;
use crate::records::spent::Spent;
use crate::records::user::User;
use crate::rules::account::Account;
use crate::rules::parties::Parties;
use crate::rules::risk;
use crate::sign_in::answer::Answer;
use crate::sign_in::progress::{ChallengeResult, Progress};
use crate::sign_in::session::invalid_session;
use crate::sign_in::srp::{Claim, Exchange, ExchangeFor, challenge_srp, incorrect};
use crate::sign_in::step::{Step, StepRequest};

/// `USER_SRP_AUTH`: salt and B for the verifier of a user or a decoy.
pub(crate) fn start_srp(
    cx: &mut Context<'_, '_>,
    request: &StepRequest,
) -> Result<Answer, ServiceError> {
    let StepRequest { pool, keys, client, given, .. } = request;
    let account = Account::find(cx, pool, keys, client, request.username()?)?;
    challenge_srp(cx, request, account, given.get(param::DEVICE_KEY), false)
}

/// The answer to `PASSWORD_VERIFIER`.
pub(crate) fn verify_srp(
    cx: &mut Context<'_, '_>,
    request: StepRequest,
) -> Result<Step, ServiceError> {
    let StepRequest { pool, keys, client, given, .. } = &request;
    let name = given.require(param::USERNAME)?;
    let claim = Claim::parse(given)?;
    let exchange = Exchange::open(cx, keys, client, &claim, incorrect)?;
    let ExchangeFor::User { username, device_key: offered, custom } = &exchange.context else {
        return Err(invalid_session());
    };
    let account = Account::find(cx, pool, keys, client, name)?;
    if account.username != *username {
        return Err(incorrect());
    }
    let device_key = given.get(param::DEVICE_KEY).or(offered.as_deref());
    let attempts = Attempts::permit(cx, account.whose(pool), Attempt::Password, device_key)?;
    let identity = Identity::user(pool.srp_name(), username);
    let proven = exchange.proves(cx, &claim, &identity, account.verifier)?;
    let user = conclude(cx, attempts, client, account.user, proven)?;
    Spent::mark(cx, &exchange.id, exchange.expires_at)?;
    let (parties, given) = request.with_user(user);
    let mut progress = password_proven(cx, &parties, &given, offered.as_deref())?;
    if *custom {
        progress.custom = Some(["SRP_A", "PASSWORD_VERIFIER"].map(ChallengeResult::passed).into());
    }
    Ok(Step::passed(parties, progress))
}

/// `USER_PASSWORD_AUTH` and `ADMIN_USER_PASSWORD_AUTH`.
pub(crate) fn sign_in_by_password(
    cx: &mut Context<'_, '_>,
    request: StepRequest,
) -> Result<Step, ServiceError> {
    let StepRequest { pool, keys, client, given, .. } = &request;
    given.require(param::USERNAME)?;
    given.require(param::PASSWORD)?;
    let account = Account::find(cx, pool, keys, client, request.username()?)?;
    prove(cx, request, account, None)
}

/// Passes if the request's `PASSWORD` is the account's.
pub(crate) fn prove(
    cx: &mut Context<'_, '_>,
    request: StepRequest,
    account: Account,
    offered: Option<&str>,
) -> Result<Step, ServiceError> {
    let StepRequest { pool, client, given, .. } = &request;
    let device_key = given.get(param::DEVICE_KEY).or(offered);
    let attempts = Attempts::permit(cx, account.whose(pool), Attempt::Password, device_key)?;
    let identity = Identity::user(pool.srp_name(), &account.username);
    let password = given.require(param::PASSWORD)?;
    let proven = Verifier::derive(&identity, password, &account.salt).ct_eq(&account.verifier);
    let user = conclude(cx, attempts, client, account.user, proven)?;
    let (parties, given) = request.with_user(user);
    let progress = password_proven(cx, &parties, &given, offered)?;
    Ok(Step::passed(parties, progress))
}

/// The user, if the password was proven; otherwise counts and records the attempt.
fn conclude(
    cx: &mut Context<'_, '_>,
    attempts: Attempts,
    client: &AppClient,
    user: Option<Box<User>>,
    proven: bool,
) -> Result<User, ServiceError> {
    match user {
        // The service says so before it checks the password, unless the client hides its users.
        Some(user) if user.status == UserStatusType::Unconfirmed && !client.hides_users() => {
            Err(ServiceError::new(ErrorCode::UserNotConfirmed, "User is not confirmed."))
        }
        Some(user) if proven => {
            attempts.succeeded(cx);
            Ok(*user)
        }
        _ => {
            attempts.failed(cx)?;
            let mut trail = Trail::start(cx.uuid().to_string(), cx.now());
            trail.password = Some(false);
            cx.notes.trail = Some(trail);
            Err(incorrect())
        }
    }
}

/// A sign-in whose password is proven, with the device that it presents.
///
/// `offered` is the device key from `InitiateAuth`. If it is unknown, it is ignored without an
/// error. A client that reads "Device does not exist." repeats its answer without the key, and
/// would fail again because of the key in the sealed block.
fn password_proven(
    cx: &mut Context<'_, '_>,
    parties: &Parties,
    answers: &Parameters,
    offered: Option<&str>,
) -> Result<Progress, ServiceError> {
    let mut progress = Progress::start(cx, &parties.user.username, Some(&parties.user), None);
    progress.password_proven = true;
    progress.trail.password = Some(true);
    cx.notes.judge(&progress.trail, answers.get(param::DEVICE_KEY), Finding::Proven);
    parties.user.admit()?;
    new_password_in_time(cx, parties)?;
    progress.device_key = match offered {
        Some(key) if parties.pool.device_policy() != DevicePolicy::Off => {
            Device::find(cx, &parties.pool, &parties.user, key)?.map(|device| device.key)
        }
        _ => None,
    };
    progress.trail.risk = risk::assess(cx, &parties.pool, &parties.user)?;
    progress.present_device(cx, &parties.pool, &parties.user, answers)?;
    Ok(progress)
}

/// Refuses an expired temporary password.
fn new_password_in_time(cx: &Context<'_, '_>, parties: &Parties) -> Result<(), ServiceError> {
    let User { status, password: Some(password), .. } = &parties.user else { return Ok(()) };
    let validity = parties.pool.password_policy().temporary_password_validity_days;
    let validity = days(validity.and_then(|days| days.try_into().ok()).unwrap_or(7));
    let age = cx.now().since(password.set_at);
    if *status == device_wire::enums::UserStatusType::ForceChangePassword && age > validity {
        return Err(ServiceError::not_authorized(
            "Temporary password has expired and must be reset by an administrator.",
        ));
    }
    Ok(())
}
