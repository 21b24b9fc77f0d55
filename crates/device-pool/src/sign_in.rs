//! Signing in: from `InitiateAuth` through the challenges to tokens.
//!
//! [`rules`] decides what comes next and knows nothing else. The other modules each handle one kind of step: they check
//! what the client proved, note it in the [`Progress`], and call [`advance`].

mod device_proof;
mod mfa;
mod new_password;
mod password;
mod progress;
mod refresh;
pub(crate) mod rules;

use device_wire::{
    AuthFlowType, AuthenticationResultType, ChallengeNameType, InitiateAuthRequest, InitiateAuthResponse,
    RespondToAuthChallengeRequest, RespondToAuthChallengeResponse, Sensitive, param,
};

use crate::client::{Client, Permission};
use crate::context::Context;
use crate::device::{self, Device, IssuedAfter};
use crate::error::ServiceError;
use crate::event::Outcome;
use crate::parameters::Parameters;
use crate::pool::{DevicePolicy, Pool, PoolKeys};
use crate::tokens;
use crate::user::User;

pub(crate) use mfa::{associate_with_session, enrol, verify_with_session};
pub(crate) use progress::Progress;
pub(crate) use refresh::get_tokens_from_refresh_token;

/// Pool, client and user of a sign-in under way.
pub(crate) struct Parties {
    pub(crate) pool: Pool,
    pub(crate) keys: PoolKeys,
    pub(crate) client: Client,
    pub(crate) user: User,
}

/// What a step of a sign-in answers: a challenge, or tokens.
pub(crate) struct Answer {
    challenge: Option<(ChallengeNameType, Parameters)>,
    session: Option<String>,
    result: Option<AuthenticationResultType>,
}

impl Answer {
    pub(crate) fn challenge(
        name: ChallengeNameType,
        parameters: Parameters,
        session: Option<String>,
    ) -> Self {
        Self { challenge: Some((name, parameters)), session, result: None }
    }

    pub(crate) fn tokens(result: AuthenticationResultType) -> Self {
        Self { challenge: None, session: None, result: Some(result) }
    }
}

impl From<Answer> for RespondToAuthChallengeResponse {
    fn from(answer: Answer) -> Self {
        let (name, parameters) = answer.challenge.unzip();
        Self {
            challenge_name: name,
            session: answer.session.map(Sensitive::from),
            // Present and empty where there are tokens.
            challenge_parameters: Some(parameters.unwrap_or_default().into_wire()),
            authentication_result: answer.result,
            available_challenges: None,
        }
    }
}

impl From<Answer> for InitiateAuthResponse {
    fn from(answer: Answer) -> Self {
        let RespondToAuthChallengeResponse {
            challenge_name,
            session,
            challenge_parameters,
            authentication_result,
            available_challenges,
        } = answer.into();
        Self { challenge_name, session, challenge_parameters, authentication_result, available_challenges }
    }
}

/// `InitiateAuth`.
pub(crate) fn initiate_auth(
    cx: &mut Context<'_, '_>,
    request: InitiateAuthRequest,
) -> Result<InitiateAuthResponse, ServiceError> {
    let client = Client::load(cx, &request.client_id)?;
    let pool = Pool::load(cx, &client.pool_id)?;
    let parameters = Parameters::from_wire(request.auth_parameters);
    let answer = match request.auth_flow {
        AuthFlowType::UserSrpAuth => {
            client.permit(Permission::UserSrp)?;
            password::start_srp(cx, &pool, &client, &parameters)
        }
        AuthFlowType::UserPasswordAuth => {
            client.permit(Permission::UserPassword)?;
            password::sign_in_by_password(cx, pool, client, &parameters)
        }
        AuthFlowType::RefreshTokenAuth | AuthFlowType::RefreshToken => {
            client.permit(Permission::Refresh)?;
            refresh::refresh_token_auth(cx, &pool, &client, &parameters)
        }
        AuthFlowType::AdminNoSrpAuth | AuthFlowType::AdminUserPasswordAuth => {
            Err(ServiceError::invalid("Initiate Auth method not supported."))
        }
        flow => Err(ServiceError::invalid(format!("{flow} flow not enabled for this client"))),
    }?;
    Ok(answer.into())
}

/// `RespondToAuthChallenge`.
pub(crate) fn respond_to_auth_challenge(
    cx: &mut Context<'_, '_>,
    request: RespondToAuthChallengeRequest,
) -> Result<RespondToAuthChallengeResponse, ServiceError> {
    let client = Client::load(cx, &request.client_id)?;
    let pool = Pool::load(cx, &client.pool_id)?;
    let answers = Parameters::from_wire(request.challenge_responses);
    let username = answers.require(param::USERNAME)?;
    client.check_secret_hash(username, answers.get(param::SECRET_HASH))?;
    let session =
        request.session.as_ref().map(|session| session.as_str()).filter(|session| !session.is_empty());
    let answer = match request.challenge_name {
        ChallengeNameType::PasswordVerifier => password::verify_srp(cx, pool, client, &answers),
        ChallengeNameType::NewPasswordRequired => new_password::answer(cx, pool, client, session, &answers),
        ChallengeNameType::SoftwareTokenMfa => {
            mfa::answer_software_token(cx, pool, client, session, &answers)
        }
        ChallengeNameType::MfaSetup => mfa::answer_setup(cx, pool, client, session, &answers),
        ChallengeNameType::DeviceSrpAuth => device_proof::start(cx, pool, client, session, &answers),
        ChallengeNameType::DevicePasswordVerifier => {
            device_proof::verify(cx, pool, client, session, &answers)
        }
        name => Err(ServiceError::invalid(format!("{name} is not a challenge that can be answered here"))),
    }?;
    Ok(answer.into())
}

/// Asks for what is still due, or ends the sign-in in tokens.
pub(crate) fn advance(
    cx: &mut Context<'_, '_>,
    parties: &mut Parties,
    mut progress: Progress,
) -> Result<Answer, ServiceError> {
    let device = match progress.device_key.take() {
        Some(key) if parties.pool.device_policy() != DevicePolicy::Off => {
            Device::find(cx, &parties.user, &key)?
        }
        _ => None,
    };
    progress.device_key = device.as_ref().map(|device| device.key.clone());
    let situation = rules::Situation {
        must_change_password: parties.user.status == device_wire::UserStatusType::ForceChangePassword,
        mfa_due: parties.user.mfa_due(&parties.pool),
        has_second_factor: parties.pool.mfa.software_token && parties.user.software_token.is_some(),
        mfa_passed: progress.mfa_passed,
        devices: parties.pool.device_policy(),
        standing: rules::Standing::of(device.as_ref()),
        device_proven: progress.device_proven,
    };
    let (next, reason) = rules::next(&situation);
    if let Some(reason) = reason {
        progress.trail.note(reason.sentence(device.as_ref()));
    }
    match next {
        rules::Next::NewPassword => new_password::ask(cx, parties, &progress),
        rules::Next::SetUpMfa => mfa::ask_setup(cx, parties, &progress),
        rules::Next::SecondFactor => mfa::ask_software_token(cx, parties, &progress),
        rules::Next::DeviceProof => device_proof::ask(cx, parties, &progress),
        rules::Next::Tokens => finish(cx, parties, &progress, device),
    }
}

/// Ends a sign-in in tokens, and issues a device key where the pool tracks devices and none was presented.
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
        None if pool.device_policy() == DevicePolicy::Off => None,
        None => {
            let after =
                if progress.mfa_passed { IssuedAfter::SecondFactor } else { IssuedAfter::FirstFactor };
            let key = device::issue_key(cx, keys, user, after);
            new_device = Some(device_wire::NewDeviceMetadataType {
                device_key: Some(key.clone()),
                device_group_key: Some(device::group_key(keys, user)),
            });
            Some(key)
        }
    };
    let mut result = tokens::issue(cx, parties, device_key.as_deref(), &progress.trail.event_id)?;
    result.new_device_metadata = new_device;
    progress.trail.record(cx, &pool.id, &user.username, Outcome::Passed, device_key.as_deref())?;
    Ok(Answer::tokens(result))
}
