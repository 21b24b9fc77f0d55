//! The first factor: the password, by SRP or as it is.

use device_srp::{Identity, Verifier};
use device_wire::param;

use crate::command::context::Context;
use crate::command::parameters::Parameters;
use crate::error::ServiceError;
use crate::records::app_client::AppClient;
use crate::records::attempts::{Attempt, Attempts};
use crate::records::auth_event::Trail;
use crate::records::device::Device;
use crate::records::pool::{DevicePolicy, Pool};
use crate::records::pool_keys::PoolKeys;
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

/// `USER_SRP_AUTH`: salt and B for the user's verifier, or for that of a stand-in.
pub(crate) fn start_srp(
    cx: &mut Context<'_, '_>,
    request: &StepRequest,
) -> Result<Answer, ServiceError> {
    let StepRequest { pool, client, given: parameters, .. } = request;
    let name = parameters.require(param::USERNAME)?;
    client.check_secret_hash(name, parameters.get(param::SECRET_HASH))?;
    let keys = PoolKeys::load(cx, &pool.id)?;
    let account = Account::find(cx, pool, &keys, client, name)?;
    let device_key = parameters.get(param::DEVICE_KEY);
    challenge_srp(cx, &keys, client, account, parameters, device_key, false)
}

/// The answer to `PASSWORD_VERIFIER`.
pub(crate) fn verify_srp(
    cx: &mut Context<'_, '_>,
    request: StepRequest,
) -> Result<Step, ServiceError> {
    let StepRequest { pool, client, given: answers, .. } = request;
    let answers = &answers;
    let name = answers.require(param::USERNAME)?;
    let claim = Claim::parse(answers)?;
    let keys = PoolKeys::load(cx, &pool.id)?;
    let exchange = Exchange::open(cx, &keys, &client, &claim)?;
    let ExchangeFor::User { username, device_key: offered, custom } = &exchange.context else {
        return Err(invalid_session());
    };
    let account = Account::find(cx, &pool, &keys, &client, name)?;
    if account.username != *username {
        return Err(incorrect());
    }
    let attempts = Attempts::permit(cx, &pool.id, Attempt::Password, username)?;
    let identity = Identity::user(pool.srp_name(), username);
    let proven = exchange.proves(cx, &claim, &identity, account.verifier)?;
    let user = conclude(cx, attempts, &pool, username, account.user, proven)?;
    Spent::mark(cx, &exchange.id, exchange.expires_at)?;
    let parties = Parties { pool, keys, client, user };
    let mut progress = password_proven(cx, &parties, answers, offered.as_deref())?;
    if *custom {
        progress.custom = Some(["SRP_A", "PASSWORD_VERIFIER"].map(ChallengeResult::passed).into());
    }
    Ok(Step::passed(parties, progress))
}

/// `USER_PASSWORD_AUTH`, and `ADMIN_USER_PASSWORD_AUTH`.
pub(crate) fn sign_in_by_password(
    cx: &mut Context<'_, '_>,
    request: StepRequest,
) -> Result<Step, ServiceError> {
    let StepRequest { pool, client, given: parameters, .. } = request;
    let parameters = &parameters;
    let name = parameters.require(param::USERNAME)?;
    let password = parameters.require(param::PASSWORD)?;
    client.check_secret_hash(name, parameters.get(param::SECRET_HASH))?;
    let keys = PoolKeys::load(cx, &pool.id)?;
    let account = Account::find(cx, &pool, &keys, &client, name)?;
    prove(cx, pool, keys, client, account, password, parameters, None)
}

/// Goes on if `password` is the account's.
#[expect(
    clippy::too_many_arguments,
    reason = "the parts of a sign-in before there are its parties"
)]
pub(crate) fn prove(
    cx: &mut Context<'_, '_>,
    pool: Pool,
    keys: PoolKeys,
    client: AppClient,
    account: Account,
    password: &str,
    answers: &Parameters,
    offered: Option<&str>,
) -> Result<Step, ServiceError> {
    let attempts = Attempts::permit(cx, &pool.id, Attempt::Password, &account.username)?;
    let identity = Identity::user(pool.srp_name(), &account.username);
    let given = Verifier::derive(&identity, password, &account.salt);
    let proven = given.ct_eq(&account.verifier);
    let user = conclude(cx, attempts, &pool, &account.username, account.user, proven)?;
    let parties = Parties { pool, keys, client, user };
    let progress = password_proven(cx, &parties, answers, offered)?;
    Ok(Step::passed(parties, progress))
}

/// The user, if the password was proven; otherwise counts the attempt and notes it in the audit
/// trail.
fn conclude(
    cx: &mut Context<'_, '_>,
    attempts: Attempts,
    pool: &Pool,
    username: &str,
    user: Option<Box<User>>,
    proven: bool,
) -> Result<User, ServiceError> {
    match user {
        Some(user) if proven => {
            attempts.succeeded(cx);
            Ok(*user)
        }
        user => {
            attempts.failed(cx)?;
            let mut trail = Trail::start(cx);
            trail.password = Some(false);
            trail.note("Refused: the password was not proven");
            trail.record_guess(cx, &pool.id, username, user.is_some())?;
            Err(incorrect())
        }
    }
}

/// A sign-in whose password is proven, with the device that it presents.
///
/// `offered` is the device key that came with `InitiateAuth` only. Where it is unknown it is passed
/// over in silence: a client that is told "Device does not exist." repeats its answer without the
/// key, and the key in the sealed block must not stand in its way.
fn password_proven(
    cx: &mut Context<'_, '_>,
    parties: &Parties,
    answers: &Parameters,
    offered: Option<&str>,
) -> Result<Progress, ServiceError> {
    parties.user.admit()?;
    new_password_in_time(cx, parties)?;
    let device_key = match offered {
        Some(key) if parties.pool.device_policy() != DevicePolicy::Off => {
            Device::find(cx, &parties.user, key)?.map(|device| device.key)
        }
        _ => None,
    };
    let mut progress = Progress::start(cx, &parties.user.username, Some(&parties.user), device_key);
    progress.password_proven = true;
    progress.trail.password = Some(true);
    progress.trail.risk = risk::assess(cx, &parties.pool, &parties.user)?;
    progress.present_device(cx, &parties.pool, &parties.user, answers)?;
    Ok(progress)
}

/// Refuses a temporary password that has outlived its days.
fn new_password_in_time(cx: &Context<'_, '_>, parties: &Parties) -> Result<(), ServiceError> {
    const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
    let User { status, password: Some(password), .. } = &parties.user else { return Ok(()) };
    let days = parties.pool.password_policy().temporary_password_validity_days.unwrap_or(7);
    let age = cx.now().saturating_sub(password.set_at);
    if *status == device_wire::UserStatusType::ForceChangePassword
        && age > i64::from(days) * DAY_MILLIS
    {
        return Err(ServiceError::not_authorized(
            "Temporary password has expired and must be reset by an administrator.",
        ));
    }
    Ok(())
}
