//! The second factor: requested, answered or set up.

pub(crate) mod email_setup;

use device_wire::enums::{ChallengeNameType, VerifySoftwareTokenResponseType};
use device_wire::responses::{AssociateSoftwareTokenResponse, VerifySoftwareTokenResponse};
use device_wire::{ErrorCode, param};
use serde_json::{Map, Value};

use crate::command::context::Context;
use crate::command::notes::Finding;
use crate::command::parameters::Parameters;
use crate::crypto::totp;
use crate::error::ServiceError;
use crate::host::message::Medium;
use crate::records::address::Address;
use crate::records::app_client::AppClient;
use crate::records::attempts::{Attempt, Attempts};
use crate::records::factor::Factor;
use crate::records::login::Login;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::user::User;
use crate::records::user_token::UserToken;
use crate::records::whose::Whose;
use crate::rules::names::AliasConflict;
use crate::rules::parties::Parties;
use crate::rules::profile;
use crate::rules::second_factors::check_software_tokens;
use crate::sign_in::answer::Answer;
use crate::sign_in::otp;
use crate::sign_in::progress::Progress;
use crate::sign_in::session::{self, OpenSession, Setup, Stage, invalid_session};
use crate::sign_in::step::{Step, StepRequest};

/// Asks for a second factor: the only one, the preferred one, or a choice.
pub(crate) fn ask(
    cx: &mut Context<'_, '_>,
    parties: &Parties,
    progress: &Progress,
    metadata: &Map<String, Value>,
) -> Result<Answer, ServiceError> {
    let factors = parties.user.second_factors(&parties.pool);
    let preferred = parties.user.mfa.preferred.filter(|preferred| factors.contains(preferred));
    match (preferred, factors.as_slice()) {
        (Some(factor), _) => ask_factor(cx, parties, progress, factor, metadata),
        (None, [factor]) => ask_factor(cx, parties, progress, *factor, metadata),
        _ => {
            let session =
                progress.session(cx, &parties.keys, &parties.client, Stage::SelectFactor)?;
            let parameters = Parameters::default()
                .with(param::MFAS_CAN_CHOOSE, Factor::list(&factors))
                .with(param::USER_ID_FOR_SRP, parties.user.username.as_str());
            Ok(Answer::challenge(ChallengeNameType::SelectMfaType, parameters, Some(session)))
        }
    }
}

/// Asks for a code of `factor`; sends it first if necessary.
fn ask_factor(
    cx: &mut Context<'_, '_>,
    parties: &Parties,
    progress: &Progress,
    factor: Factor,
    metadata: &Map<String, Value>,
) -> Result<Answer, ServiceError> {
    let Parties { pool, keys, client, user } = parties;
    let parameters = match factor.medium() {
        None => {
            let parameters =
                Parameters::default().with(param::USER_ID_FOR_SRP, user.username.as_str());
            match UserToken::of(cx, user)?.verified.and_then(|token| token.name) {
                Some(name) => parameters.with(param::FRIENDLY_DEVICE_NAME, name),
                None => parameters,
            }
        }
        Some(medium) => {
            let address = Address::of(user, medium).ok_or_else(invalid_session)?;
            otp::send(cx, pool, client, user, progress, &address, metadata.clone())?
        }
    };
    let session = progress.session(cx, keys, client, Stage::SecondFactor(factor))?;
    Ok(Answer::challenge(factor.challenge(), parameters, Some(session)))
}

fn not_enabled() -> ServiceError {
    ServiceError::new(
        ErrorCode::SoftwareTokenMfaNotFound,
        "Software token TOTP multi-factor authentication is not enabled",
    )
}

/// The answer to `SELECT_MFA_TYPE`.
pub(crate) fn answer_select(
    cx: &mut Context<'_, '_>,
    request: StepRequest,
) -> Result<Step, ServiceError> {
    request.given.require(param::ANSWER)?;
    let metadata = request.metadata.clone();
    let (opened, parties, answers) = OpenSession::with_parties(cx, request)?;
    let answers = &answers;
    let choice = answers.require(param::ANSWER)?;
    if opened.stage != Stage::SelectFactor {
        return Err(invalid_session());
    }
    let factor = Factor::of_challenge(choice)
        .filter(|factor| parties.user.second_factors(&parties.pool).contains(factor))
        .ok_or_else(|| ServiceError::invalid("ANSWER must be one of the factors offered"))?;
    let mut progress = opened.progress.clone();
    progress.present_device(cx, &parties.pool, &parties.user, answers)?;
    opened.spend(cx)?;
    ask_factor(cx, &parties, &progress, factor, &metadata).map(Step::from)
}

/// The answer to `SOFTWARE_TOKEN_MFA`, `SMS_MFA` or a second factor's `EMAIL_OTP`.
///
/// Older clients send `SMS_MFA_CODE` beside the code of a software token; it is ignored.
pub(crate) fn answer(
    cx: &mut Context<'_, '_>,
    opened: OpenSession,
    request: StepRequest,
    factor: Factor,
) -> Result<Step, ServiceError> {
    if opened.stage != Stage::SecondFactor(factor) {
        return Err(invalid_session());
    }
    let (mut parties, answers) = opened.parties(cx, request)?;
    // A factor that was disabled after it was requested no longer counts.
    if !parties.user.second_factors(&parties.pool).contains(&factor) {
        return Err(invalid_session());
    }
    let mut progress = opened.progress.clone();
    cx.notes.judge(&progress.trail, progress.device_key.as_deref(), Finding::Nothing);
    let address = factor.medium().and_then(|medium| Address::of(&parties.user, medium));
    let accepted = match factor {
        Factor::SoftwareToken => {
            let code = answers.require(param::SOFTWARE_TOKEN_MFA_CODE)?;
            accept_software_token(cx, &parties.user, code, progress.device_key.as_deref())
        }
        Factor::Sms => {
            let code = answers.require(param::SMS_MFA_CODE)?;
            otp::redeem(cx, Whose::user(&parties.user), &progress, code, address.as_ref())
        }
        Factor::Email => {
            let code = answers.require(param::EMAIL_OTP_CODE)?;
            otp::redeem(cx, Whose::user(&parties.user), &progress, code, address.as_ref())
        }
    };
    accepted.inspect_err(|_| note_wrong(cx))?;
    progress.present_device(cx, &parties.pool, &parties.user, &answers)?;
    opened.spend(cx)?;
    progress.pass_mfa(factor, format!("MFA passed: {}", factor.label()));
    if let (Factor::Sms, Some(phone)) = (factor, address) {
        prove_phone(cx, &parties.pool, &mut parties.user, phone)?;
    }
    cx.tx.put(&parties.user)?;
    Ok(Step::passed(parties, progress))
}

/// Marks the phone number as verified, after a right code by SMS. The service does so too. A number
/// that is another user's alias remains that user's.
fn prove_phone(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    user: &mut User,
    phone: Address,
) -> Result<(), ServiceError> {
    if user.contact.is_verified(Medium::Sms) {
        return Ok(());
    }
    let holder = Login::find(cx, pool, &pool.fold(&phone.destination))?;
    if holder.is_none_or(|login| login.username == user.username) {
        profile::prove(cx, pool, user, phone, AliasConflict::Refuse)?;
    }
    Ok(())
}

fn accept_software_token(
    cx: &mut Context<'_, '_>,
    user: &User,
    code: &str,
    device_key: Option<&str>,
) -> Result<(), ServiceError> {
    let attempts = Attempts::permit(cx, Whose::user(user), Attempt::MfaCode, device_key)?;
    let mut record = UserToken::of(cx, user)?;
    let token = record.verified.as_mut().ok_or_else(not_enabled)?;
    if let Err(error) = token.accept(code, cx.invocation.now) {
        attempts.failed(cx)?;
        return Err(error);
    }
    cx.tx.put(&record)?;
    attempts.succeeded(cx);
    Ok(())
}

/// Notes in the audit trail that the second factor failed, if a code was checked.
fn note_wrong(cx: &mut Context<'_, '_>) {
    if cx.notes.finding == Finding::Failed
        && let Some(trail) = &mut cx.notes.trail
    {
        trail.mfa = Some(false);
    }
}

/// Asks the user to set up a second factor.
pub(crate) fn ask_setup(
    cx: &mut Context<'_, '_>,
    parties: &Parties,
    progress: &Progress,
) -> Result<Answer, ServiceError> {
    let offered: Vec<Factor> =
        Factor::ALL.into_iter().filter(|factor| factor.is_offered(&parties.pool)).collect();
    if offered.is_empty() {
        return Err(ServiceError::new(
            ErrorCode::InvalidUserPoolConfiguration,
            "User pool requires MFA and offers no factor that the user could set up",
        ));
    }
    let session =
        progress.session(cx, &parties.keys, &parties.client, Stage::MfaSetup(Setup::Due))?;
    let parameters = Parameters::default()
        .with(param::MFAS_CAN_SETUP, Factor::list(&offered))
        .with(param::USER_ID_FOR_SRP, parties.user.username.as_str());
    Ok(Answer::challenge(ChallengeNameType::MfaSetup, parameters, Some(session)))
}

/// The answer to `MFA_SETUP`: the session of a successful `VerifySoftwareToken`, or an e-mail
/// address.
pub(crate) fn answer_setup(
    cx: &mut Context<'_, '_>,
    request: StepRequest,
) -> Result<Step, ServiceError> {
    let metadata = request.metadata.clone();
    let (opened, parties, answers) = OpenSession::with_parties(cx, request)?;
    let mut progress = opened.progress.clone();
    progress.present_device(cx, &parties.pool, &parties.user, &answers)?;
    match (&opened.stage, answers.get(param::EMAIL)) {
        (Stage::MfaSetup(Setup::Verified), _) if parties.user.has_software_token() => {
            opened.spend(cx)?;
            progress.pass_mfa(Factor::SoftwareToken, "MFA passed: software token set up");
            Ok(Step::passed(parties, progress))
        }
        (Stage::MfaSetup(Setup::Due), Some(address)) => {
            email_setup::send(cx, &parties, opened, &progress, address, metadata).map(Step::from)
        }
        _ => Err(invalid_session()),
    }
}

/// `AssociateSoftwareToken` during a sign-in: the secret stays in the session until a code has
/// verified it.
pub(crate) fn associate_with_session(
    cx: &mut Context<'_, '_>,
    session: &str,
) -> Result<AssociateSoftwareTokenResponse, ServiceError> {
    let (opened, keys, client, _) = open_setup(cx, session)?;
    let secret = totp::secret_code(cx.random());
    let progress = opened.spend(cx)?;
    let session = progress.session(
        cx,
        &keys,
        &client,
        Stage::MfaSetup(Setup::SecretShown(secret.clone())),
    )?;
    Ok(AssociateSoftwareTokenResponse { secret_code: Some(secret), session: Some(session.into()) })
}

/// `VerifySoftwareToken` during a sign-in.
pub(crate) fn verify_with_session(
    cx: &mut Context<'_, '_>,
    session: &str,
    code: &str,
    name: Option<String>,
) -> Result<VerifySoftwareTokenResponse, ServiceError> {
    let (opened, keys, client, mut user) = open_setup(cx, session)?;
    let Stage::MfaSetup(Setup::SecretShown(secret)) = &opened.stage else {
        return Err(invalid_session());
    };
    user.enrol_token(cx, secret.clone(), code, name)?;
    let progress = opened.spend(cx)?;
    let session = progress.session(cx, &keys, &client, Stage::MfaSetup(Setup::Verified))?;
    user.mfa.switch(Factor::SoftwareToken, true);
    cx.tx.put(&user)?;
    Ok(VerifySoftwareTokenResponse {
        status: Some(VerifySoftwareTokenResponseType::Success),
        session: Some(session.into()),
    })
}

/// Opens a session that comes without a client id.
///
/// The session names its client in clear text and is sealed for it. It may only set up a first
/// token: a second factor must not be replaced by an earlier sign-in that has proven only the
/// password.
fn open_setup(
    cx: &mut Context<'_, '_>,
    session: &str,
) -> Result<(OpenSession, PoolKeys, AppClient, User), ServiceError> {
    let client_id = OpenSession::client_id(session).ok_or_else(invalid_session)?;
    let client = cx.tx.find::<AppClient>(client_id)?.ok_or_else(invalid_session)?;
    // Nothing of the pool was read yet, and the pool may have been deleted before its clients.
    let keys = cx.tx.find::<PoolKeys>(&client.pool_id)?.ok_or_else(invalid_session)?;
    let opened = OpenSession::open(cx, &keys, &client, Some(session))?;
    if !matches!(opened.stage, Stage::MfaSetup(_)) {
        return Err(invalid_session());
    }
    let pool = cx.tx.find::<Pool>(&client.pool_id)?.ok_or_else(invalid_session)?;
    check_software_tokens(&pool)?;
    // A user who has a factor by now needs none, and it must not be replaced by someone who knows
    // only the password.
    let needs_one =
        |user: &User| !user.has_software_token() && user.second_factors(&pool).is_empty();
    let user = User::by_username(cx, &client.pool_id, &opened.progress.username)?
        .ok_or_else(invalid_session)?;
    session::admit(cx, &opened.progress, &user)?;
    if !needs_one(&user) {
        return Err(invalid_session());
    }
    Ok((opened, keys, client, user))
}
