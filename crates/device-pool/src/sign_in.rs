//! Signing in: from `InitiateAuth` through the challenges to tokens.
//!
//! [`rules`] decides what comes next and knows nothing else. The other modules each handle one kind
//! of step: they check what the client proved, note it in the [`Progress`], and call [`advance`].

mod admin;
mod answer;
pub(crate) mod custom;
mod device_proof;
mod mfa;
mod new_password;
pub(crate) mod next;
mod otp;
mod password;
pub(crate) mod progress;
mod refresh;
pub(crate) mod session;
pub(crate) mod srp;
pub(crate) mod user_auth;

use std::collections::BTreeMap;

use device_wire::{
    AdvancedSecurityModeType, AuthFlowType, ChallengeNameType, InitiateAuthRequest,
    InitiateAuthResponse, RespondToAuthChallengeRequest, RespondToAuthChallengeResponse, Sensitive,
    param,
};
use serde_json::{Map, Value};

use crate::command::context::Context;
use crate::command::parameters::Parameters;
use crate::error::ServiceError;
use crate::host::risk::Risk;
use crate::records::auth_event::Outcome;
use crate::records::client::{Client, Permission};
use crate::records::device::Device;
use crate::records::pool::{DevicePolicy, Pool};
use crate::records::pool_keys::PoolKeys;
use crate::rules::device_keys::IssuedAfter;
use crate::rules::device_keys::group_key;
use crate::rules::device_keys::issue_key;
use crate::rules::parties::Parties;
use crate::rules::tokens;
use crate::sign_in::answer::Answer;
use crate::sign_in::next::{Next, Situation, Standing};
use crate::sign_in::progress::Progress;
use crate::sign_in::session::invalid_session;
use crate::sign_in::session::{OpenSession, Setup, Stage};

pub(crate) use admin::{admin_initiate_auth, admin_respond_to_auth_challenge};
pub(crate) use mfa::{associate_with_session, enrol, verify_with_session};
pub(crate) use refresh::get_tokens_from_refresh_token;

/// `InitiateAuth`.
pub(crate) fn initiate_auth(
    cx: &mut Context<'_, '_>,
    request: InitiateAuthRequest,
) -> Result<InitiateAuthResponse, ServiceError> {
    let client = Client::load(cx, &request.client_id)?;
    let pool = Pool::load(cx, &client.pool_id)?;
    if matches!(
        request.auth_flow,
        AuthFlowType::AdminNoSrpAuth | AuthFlowType::AdminUserPasswordAuth
    ) {
        return Err(ServiceError::invalid("Initiate Auth method not supported."));
    }
    let metadata = hook_metadata(request.client_metadata);
    let session = request.session.as_ref();
    let parameters = request.auth_parameters;
    start(cx, pool, client, request.auth_flow, session, parameters, &metadata).map(Answer::into)
}

/// What a client has for the operator's hooks.
fn hook_metadata(metadata: Option<BTreeMap<String, String>>) -> Map<String, Value> {
    metadata.into_iter().flatten().map(|(name, value)| (name, Value::from(value))).collect()
}

/// Starts a sign-in by `flow`.
fn start(
    cx: &mut Context<'_, '_>,
    pool: Pool,
    client: Client,
    flow: AuthFlowType,
    session: Option<&Sensitive<String>>,
    parameters: Option<Sensitive<BTreeMap<String, String>>>,
    metadata: &Map<String, Value>,
) -> Result<Answer, ServiceError> {
    let parameters = Parameters::from_wire(parameters);
    match flow {
        AuthFlowType::UserSrpAuth => {
            client.permit(Permission::UserSrp)?;
            password::start_srp(cx, &pool, &client, &parameters)
        }
        AuthFlowType::UserPasswordAuth => {
            client.permit(Permission::UserPassword)?;
            password::sign_in_by_password(cx, pool, client, &parameters)
        }
        AuthFlowType::AdminNoSrpAuth | AuthFlowType::AdminUserPasswordAuth => {
            client.permit(Permission::AdminPassword)?;
            password::sign_in_by_password(cx, pool, client, &parameters)
        }
        AuthFlowType::UserAuth => {
            client.permit(Permission::UserChoice)?;
            user_auth::start(cx, pool, client, given(session), &parameters)
        }
        AuthFlowType::CustomAuth => {
            client.permit(Permission::Custom)?;
            custom::start(cx, pool, client, &parameters, metadata)
        }
        AuthFlowType::RefreshTokenAuth | AuthFlowType::RefreshToken => {
            client.permit(Permission::Refresh)?;
            refresh::refresh_token_auth(cx, &pool, &client, &parameters)
        }
        flow => Err(ServiceError::invalid(format!("{flow} flow not enabled for this client"))),
    }
}

/// `RespondToAuthChallenge`.
pub(crate) fn respond_to_auth_challenge(
    cx: &mut Context<'_, '_>,
    request: RespondToAuthChallengeRequest,
) -> Result<RespondToAuthChallengeResponse, ServiceError> {
    let client = Client::load(cx, &request.client_id)?;
    let pool = Pool::load(cx, &client.pool_id)?;
    let metadata = hook_metadata(request.client_metadata);
    let session = request.session.as_ref();
    let responses = request.challenge_responses;
    respond(cx, pool, client, request.challenge_name, session, responses, &metadata)
        .map(Answer::into)
}

/// A session, where there is more to it than empty text.
fn given(session: Option<&Sensitive<String>>) -> Option<&str> {
    session.map(|session| session.as_str()).filter(|session| !session.is_empty())
}

/// Goes on with the answer to a challenge.
fn respond(
    cx: &mut Context<'_, '_>,
    pool: Pool,
    client: Client,
    challenge: ChallengeNameType,
    session: Option<&Sensitive<String>>,
    responses: Option<Sensitive<BTreeMap<String, String>>>,
    metadata: &Map<String, Value>,
) -> Result<Answer, ServiceError> {
    let answers = Parameters::from_wire(responses);
    let username = answers.require(param::USERNAME)?;
    client.check_secret_hash(username, answers.get(param::SECRET_HASH))?;
    let session = given(session);
    match challenge {
        ChallengeNameType::PasswordVerifier => {
            password::verify_srp(cx, pool, client, &answers, metadata)
        }
        ChallengeNameType::SelectChallenge => {
            user_auth::answer(cx, pool, client, session, answers.require(param::ANSWER)?, &answers)
        }
        ChallengeNameType::Password => {
            answers.require(param::PASSWORD)?;
            user_auth::answer(cx, pool, client, session, challenge.as_str(), &answers)
        }
        ChallengeNameType::CustomChallenge => {
            custom::answer(cx, pool, client, session, &answers, metadata)
        }
        ChallengeNameType::NewPasswordRequired => {
            new_password::answer(cx, pool, client, session, &answers)
        }
        ChallengeNameType::SmsMfa
        | ChallengeNameType::SoftwareTokenMfa
        | ChallengeNameType::EmailOtp
        | ChallengeNameType::SmsOtp => answer_code(cx, pool, client, &challenge, session, &answers),
        ChallengeNameType::SelectMfaType => mfa::answer_select(cx, pool, client, session, &answers),
        ChallengeNameType::MfaSetup => mfa::answer_setup(cx, pool, client, session, &answers),
        ChallengeNameType::DeviceSrpAuth => {
            device_proof::start(cx, pool, client, session, &answers)
        }
        ChallengeNameType::DevicePasswordVerifier => {
            device_proof::verify(cx, pool, client, session, &answers)
        }
        name => Err(ServiceError::invalid(format!(
            "{name} is not a challenge that can be answered here"
        ))),
    }
}

/// A code, of which only the session tells what it is for.
fn answer_code(
    cx: &mut Context<'_, '_>,
    pool: Pool,
    client: Client,
    challenge: &ChallengeNameType,
    session: Option<&str>,
    answers: &Parameters,
) -> Result<Answer, ServiceError> {
    let keys = PoolKeys::load(cx, &pool.id)?;
    let opened = OpenSession::open(cx, &keys, &client, session)?;
    match &opened.stage {
        Stage::SecondFactor(factor) if factor.challenge() == *challenge => {
            let factor = *factor;
            let parties = opened.parties(cx, pool, keys, client, answers)?;
            mfa::answer(cx, opened, parties, factor, answers)
        }
        Stage::MfaSetup(Setup::EmailSent(_)) if *challenge == ChallengeNameType::EmailOtp => {
            let parties = opened.parties(cx, pool, keys, client, answers)?;
            mfa::email_setup::answer(cx, opened, parties, answers)
        }
        Stage::OneTimePassword(medium) if user_auth::challenge_of(*medium) == *challenge => {
            user_auth::answer_code(cx, opened, pool, keys, client, answers)
        }
        _ => Err(invalid_session()),
    }
}

/// Asks for what is still due, or ends the sign-in in tokens.
pub(crate) fn advance(
    cx: &mut Context<'_, '_>,
    parties: &mut Parties,
    mut progress: Progress,
) -> Result<Answer, ServiceError> {
    let devices = progress.device_policy(&parties.pool);
    let device = match progress.device_key.take() {
        Some(key) if devices != DevicePolicy::Off => Device::find(cx, &parties.user, &key)?,
        _ => None,
    };
    progress.device_key = device.as_ref().map(|device| device.key.clone());
    let situation = Situation {
        // Whoever came in without a password has none to change.
        must_change_password: progress.password_proven
            && parties.user.status == device_wire::UserStatusType::ForceChangePassword,
        mfa_due: parties.user.mfa_due(&parties.pool),
        has_second_factor: !parties.user.second_factors(&parties.pool).is_empty(),
        risk: match parties.pool.threat_protection() {
            AdvancedSecurityModeType::Enforced => progress.trail.risk,
            _ => Risk::None,
        },
        mfa_passed: progress.mfa_passed,
        devices,
        standing: Standing::of(device.as_ref()),
        device_proven: progress.device_proven,
    };
    let (next, reason) = next::next(&situation);
    if let Some(reason) = reason {
        progress.trail.note(reason.sentence(device.as_ref()));
    }
    match next {
        Next::NewPassword => new_password::ask(cx, parties, &progress),
        Next::SetUpMfa => mfa::ask_setup(cx, parties, &progress),
        Next::SecondFactor => mfa::ask(cx, parties, &progress),
        Next::DeviceProof => device_proof::ask(cx, parties, &progress),
        Next::Tokens => finish(cx, parties, &progress, device),
    }
}

/// Ends a sign-in in tokens, and issues a device key where the pool tracks devices and none was
/// presented.
fn finish(
    cx: &mut Context<'_, '_>,
    parties: &Parties,
    progress: &Progress,
    device: Option<Device>,
) -> Result<Answer, ServiceError> {
    let Parties { pool, keys, user, .. } = parties;
    let mut new_device = None;
    let device_key = match device {
        Some(mut device) => {
            device.seen(cx);
            device.seen_mfa |= progress.mfa_passed;
            cx.tx.put(&device)?;
            Some(device.key)
        }
        None if progress.device_policy(pool) == DevicePolicy::Off => None,
        None => {
            let after = if progress.mfa_passed {
                IssuedAfter::SecondFactor
            } else {
                IssuedAfter::FirstFactor
            };
            let key = issue_key(cx, keys, user, after);
            new_device = Some(device_wire::NewDeviceMetadataType {
                device_key: Some(key.clone()),
                device_group_key: Some(group_key(keys, user)),
            });
            Some(key)
        }
    };
    let mut result = tokens::issue(cx, parties, device_key.as_deref(), &progress.trail.event_id)?;
    result.new_device_metadata = new_device;
    progress.trail.record(cx, &pool.id, &user.username, Outcome::Passed, device_key.as_deref())?;
    Ok(Answer::tokens(result))
}
