//! Signing in: from `InitiateAuth` through the challenges to tokens.
//!
//! The order of steps is decided here and nowhere else: [`run`] is the one loop, and the pure
//! function [`next::next`] decides what is due. Each other module handles one kind of step: it
//! checks what the client proved, notes it in the [`Progress`], and returns a [`Step`].

mod admin;
mod answer;
pub(crate) mod custom;
mod device_proof;
mod mfa;
mod migration;
mod new_password;
pub(crate) mod next;
mod otp;
mod password;
pub(crate) mod policy_trial;
pub(crate) mod progress;
mod refresh;
mod replay;
pub(crate) mod session;
pub(crate) mod srp;
mod step;
#[cfg(test)]
mod tests;
mod triggers;
pub(crate) mod user_auth;

use device_wire::enums::{AuthFlowType, ChallengeNameType};
use device_wire::param;
use device_wire::requests::{InitiateAuthRequest, RespondToAuthChallengeRequest};
use device_wire::responses::{InitiateAuthResponse, RespondToAuthChallengeResponse};
use serde_json::Map;

use crate::command::context::Context;
use crate::command::notes::Finding;
use crate::error::ServiceError;
use crate::records::app_client::{AppClient, AuthFlow};
use crate::records::device::Device;
use crate::records::device_tags::DeviceTags;
use crate::records::pool::{DevicePolicy, Pool};
use crate::rules::device_keys::{IssuedAfter, group_key, issue_key};
use crate::rules::parties::Parties;
use crate::rules::risk::{self, Notice};
use crate::rules::risk_notices::{self, Consequence};
use crate::rules::token_trigger::Occasion;
use crate::rules::tokens;
use crate::sign_in::answer::Answer;
use crate::sign_in::next::{Facts, Next, Presented, Reason, Situation, Standing};
use crate::sign_in::progress::Progress;
use crate::sign_in::session::{OpenSession, Setup, Stage, invalid_session};
use crate::sign_in::step::{Step, StepRequest};

pub(crate) use admin::{admin_initiate_auth, admin_respond_to_auth_challenge};
pub(crate) use mfa::{associate_with_session, verify_with_session};
pub(crate) use refresh::get_tokens_from_refresh_token;

/// The trigger source of tokens for a sign-in.
const AUTHENTICATION: &str = "TokenGeneration_Authentication";

/// `InitiateAuth`.
pub(crate) fn initiate_auth(
    cx: &mut Context<'_, '_>,
    request: InitiateAuthRequest,
) -> Result<InitiateAuthResponse, ServiceError> {
    let client = AppClient::shared(cx, &request.client_id)?;
    let pool = Pool::shared(cx, &client.pool_id)?;
    if matches!(
        request.auth_flow,
        AuthFlowType::AdminNoSrpAuth | AuthFlowType::AdminUserPasswordAuth
    ) {
        return Err(ServiceError::invalid("Initiate Auth method not supported."));
    }
    let InitiateAuthRequest { auth_flow, session, auth_parameters, client_metadata, .. } = request;
    let request = StepRequest::new(cx, pool, client, session, auth_parameters, client_metadata)?;
    initiate(cx, auth_flow, request)
}

/// `RespondToAuthChallenge`.
pub(crate) fn respond_to_auth_challenge(
    cx: &mut Context<'_, '_>,
    request: RespondToAuthChallengeRequest,
) -> Result<RespondToAuthChallengeResponse, ServiceError> {
    let client = AppClient::shared(cx, &request.client_id)?;
    let pool = Pool::shared(cx, &client.pool_id)?;
    let RespondToAuthChallengeRequest {
        challenge_name,
        session,
        challenge_responses,
        client_metadata,
        ..
    } = request;
    let request =
        StepRequest::new(cx, pool, client, session, challenge_responses, client_metadata)?;
    respond(cx, &challenge_name, request).map(Into::into)
}

/// Starts a sign-in with `flow`.
fn initiate(
    cx: &mut Context<'_, '_>,
    flow: AuthFlowType,
    request: StepRequest,
) -> Result<InitiateAuthResponse, ServiceError> {
    // The service does not pass the ClientMetadata of `InitiateAuth` to the triggers of a custom
    // flow.
    let StepRequest { metadata, .. } = &request;
    let refreshes = matches!(flow, AuthFlowType::RefreshTokenAuth | AuthFlowType::RefreshToken);
    if !refreshes {
        migration::before(cx, &flow, &request)?;
        triggers::before(cx, &request, metadata)?;
    }
    let request = StepRequest { metadata: Map::new(), ..request };
    let step = first_step(cx, flow, request)?;
    run(cx, step, &Occasion { source: AUTHENTICATION, metadata: Map::new() }).map(Answer::into)
}

/// Handles the answer to a challenge.
fn respond(
    cx: &mut Context<'_, '_>,
    challenge: &ChallengeNameType,
    request: StepRequest,
) -> Result<InitiateAuthResponse, ServiceError> {
    let source = match challenge {
        ChallengeNameType::NewPasswordRequired => "TokenGeneration_NewPasswordChallenge",
        ChallengeNameType::DevicePasswordVerifier => "TokenGeneration_AuthenticateDevice",
        _ => AUTHENTICATION,
    };
    let mut metadata = request.metadata.clone();
    // A device's new secret is not for the operator's hooks.
    metadata.remove(param::NEW_DEVICE_SALT);
    metadata.remove(param::NEW_DEVICE_VERIFIER);
    let occasion = Occasion { source, metadata };
    let step = next_step(cx, challenge, request)?;
    run(cx, step, &occasion).map(Answer::into)
}

/// The one loop: a passed step leads to the next one due, until the client must answer or has
/// tokens.
fn run(
    cx: &mut Context<'_, '_>,
    mut step: Step,
    occasion: &Occasion,
) -> Result<Answer, ServiceError> {
    let mut secret_rotated = false;
    let answer = loop {
        step = match step {
            Step::Answer(answer) => break *answer,
            Step::Passed(parties, progress) => {
                secret_rotated |= progress.secret_rotated;
                let due = due(cx, &parties, *progress)?;
                // In a custom flow the operator decides between the second factor and the device.
                if due.progress.custom.is_some()
                    && matches!(due.next, Next::DeviceProof | Next::Tokens)
                {
                    custom::decide(cx, *parties, due.progress, occasion.metadata.clone())?
                } else {
                    break ask(cx, &parties, due, occasion)?;
                }
            }
        };
    };
    // With any answer after the device's proof, since the client may never get tokens.
    Ok(if secret_rotated {
        answer.with_parameter(param::DEVICE_SECRET_ROTATED, "true")
    } else {
        answer
    })
}

fn first_step(
    cx: &mut Context<'_, '_>,
    flow: AuthFlowType,
    request: StepRequest,
) -> Result<Step, ServiceError> {
    let permit = |flow| request.client.permit(flow);
    match flow {
        AuthFlowType::UserSrpAuth => {
            permit(AuthFlow::UserSrp)?;
            password::start_srp(cx, &request).map(Step::from)
        }
        AuthFlowType::UserPasswordAuth => {
            permit(AuthFlow::UserPassword)?;
            password::sign_in_by_password(cx, request)
        }
        AuthFlowType::AdminNoSrpAuth | AuthFlowType::AdminUserPasswordAuth => {
            permit(AuthFlow::AdminPassword)?;
            password::sign_in_by_password(cx, request)
        }
        AuthFlowType::UserAuth => {
            permit(AuthFlow::UserChoice)?;
            user_auth::start(cx, request)
        }
        AuthFlowType::CustomAuth => {
            permit(AuthFlow::Custom)?;
            custom::start(cx, request)
        }
        AuthFlowType::RefreshTokenAuth | AuthFlowType::RefreshToken => {
            permit(AuthFlow::Refresh)?;
            refresh::refresh_token_auth(cx, request).map(Step::from)
        }
        flow => Err(ServiceError::invalid(format!("{flow} flow not enabled for this client"))),
    }
}

fn next_step(
    cx: &mut Context<'_, '_>,
    challenge: &ChallengeNameType,
    request: StepRequest,
) -> Result<Step, ServiceError> {
    request.username()?;
    match challenge {
        ChallengeNameType::PasswordVerifier => password::verify_srp(cx, request),
        ChallengeNameType::SelectChallenge => {
            let chosen = request.given.require(param::ANSWER)?.to_owned();
            user_auth::answer(cx, request, &chosen)
        }
        ChallengeNameType::Password => {
            request.given.require(param::PASSWORD)?;
            user_auth::answer(cx, request, challenge.as_str())
        }
        ChallengeNameType::CustomChallenge => custom::answer(cx, request),
        ChallengeNameType::NewPasswordRequired => new_password::answer(cx, request),
        ChallengeNameType::SmsMfa
        | ChallengeNameType::SoftwareTokenMfa
        | ChallengeNameType::EmailOtp
        | ChallengeNameType::SmsOtp => answer_code(cx, challenge, request),
        ChallengeNameType::SelectMfaType => mfa::answer_select(cx, request),
        ChallengeNameType::MfaSetup => mfa::answer_setup(cx, request),
        ChallengeNameType::DeviceSrpAuth => device_proof::start(cx, request).map(Step::from),
        ChallengeNameType::DevicePasswordVerifier => device_proof::verify(cx, request),
        name => Err(ServiceError::invalid(format!(
            "{name} is not a challenge that can be answered here"
        ))),
    }
}

/// Handles a code; only the session tells what it is for.
fn answer_code(
    cx: &mut Context<'_, '_>,
    challenge: &ChallengeNameType,
    request: StepRequest,
) -> Result<Step, ServiceError> {
    let opened = OpenSession::of_request(cx, &request)?;
    match &opened.stage {
        Stage::SecondFactor(factor) if factor.challenge() == *challenge => {
            let factor = *factor;
            mfa::answer(cx, opened, request, factor)
        }
        Stage::MfaSetup(Setup::EmailSent(_)) if *challenge == ChallengeNameType::EmailOtp => {
            mfa::email_setup::answer(cx, opened, request)
        }
        Stage::OneTimePassword(medium) if user_auth::challenge_of(*medium) == *challenge => {
            user_auth::answer_code(cx, opened, request)
        }
        _ => Err(invalid_session()),
    }
}

/// What is due in a sign-in, with the device that takes part in it.
struct Due {
    next: Next,
    reason: Option<Reason>,
    progress: Progress,
    device: Option<Device>,
    /// The message about the risk, if one is to be sent, and what it says.
    notice: Option<(Notice, Consequence)>,
}

/// Determines what is due after a passed step.
fn due(
    cx: &mut Context<'_, '_>,
    parties: &Parties,
    mut progress: Progress,
) -> Result<Due, ServiceError> {
    let devices = progress.device_policy(&parties.pool);
    let device = match progress.device_key.take() {
        Some(key) if devices != DevicePolicy::Off => {
            Device::find(cx, &parties.pool, &parties.user, &key)?
        }
        _ => None,
    };
    progress.meet(device.as_ref());
    let presented = device.as_ref().map(Presented::of);
    let mfa_every = DeviceTags::of(&parties.pool).mfa_every;
    let risk::Response { demand, notice } =
        risk::Response::of(cx, &parties.pool, &parties.client.id, progress.trail.risk)?;
    let situation = Situation {
        // A user who signed in without a password has none to change.
        must_change_password: progress.password_proven
            && parties.user.status == device_wire::enums::UserStatusType::ForceChangePassword,
        mfa_due: parties.user.mfa_due(&parties.pool),
        has_second_factor: !parties.user.second_factors(&parties.pool).is_empty(),
        risk: progress.trail.risk,
        demand,
        mfa_passed: progress.mfa_passed,
        devices,
        standing: Standing::of(presented, mfa_every, cx.now()),
        device_proven: progress.device_proven,
    };
    let password_proven = progress.password_proven;
    cx.notes.situation = serde_json::to_value(Facts { situation, password_proven, presented }).ok();
    if situation.ignores_risk() {
        progress.trail.note_once(
            "MFA for the risk not asked: the pool lets devices that it always remembers replace it",
        );
    }
    let (next, reason) = next::next(&situation);
    let consequence = match next {
        Next::Refused => Consequence::Refused,
        _ if situation.asks_for_risk() => Consequence::MfaAsked,
        _ => Consequence::Admitted,
    };
    let notice = notice.map(|notice| (notice, consequence));
    Ok(Due { next, reason, progress, device, notice })
}

/// Asks for what is due, or issues tokens.
fn ask(
    cx: &mut Context<'_, '_>,
    parties: &Parties,
    due: Due,
    occasion: &Occasion,
) -> Result<Answer, ServiceError> {
    let Due { next, reason, mut progress, device, notice } = due;
    if let Some(reason) = reason {
        progress.trail.note(reason.sentence(device.as_ref()));
        cx.notes.mfa = reason.mfa_decision();
    }
    if let Some((notice, consequence)) = notice.filter(|_| !progress.trail.notified) {
        // Tokens carry the id of the sign-in, and their event is known by it.
        let event_id = if next == Next::Tokens {
            progress.trail.event_id.clone()
        } else {
            let id = cx.uuid().to_string();
            cx.notes.event_id = Some(id.clone());
            id
        };
        risk_notices::send(cx, parties, device.as_ref(), notice, consequence, &event_id)?;
        progress.trail.notified = true;
    }
    let finding = if next == Next::Refused { Finding::Failed } else { Finding::InProgress };
    cx.notes.judge(&progress.trail, progress.device_key.as_deref(), finding);
    match next {
        Next::Refused => {
            Err(ServiceError::not_authorized("Request not allowed due to security reasons."))
        }
        Next::NewPassword => new_password::ask(cx, parties, &progress),
        Next::SetUpMfa => mfa::ask_setup(cx, parties, &progress),
        Next::SecondFactor => mfa::ask(cx, parties, &progress, &occasion.metadata),
        Next::DeviceProof => device_proof::ask(cx, parties, &progress),
        Next::Tokens => finish(cx, parties, &progress, device, occasion),
    }
}

/// Completes a sign-in with tokens. Issues a device key if the pool tracks devices and none was
/// presented.
fn finish(
    cx: &mut Context<'_, '_>,
    parties: &Parties,
    progress: &Progress,
    device: Option<Device>,
    occasion: &Occasion,
) -> Result<Answer, ServiceError> {
    let Parties { pool, keys, user, .. } = parties;
    let mut new_device = None;
    let device_key = match device {
        Some(mut device) => {
            device.seen(cx);
            if progress.mfa_passed {
                device.saw_mfa(cx.now());
            }
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
            new_device = Some(device_wire::shapes::NewDeviceMetadataType {
                device_key: Some(key.clone()),
                device_group_key: Some(group_key(keys, user)),
            });
            Some(key)
        }
    };
    triggers::after(cx, parties, new_device.is_some(), &occasion.metadata)?;
    let mut result = tokens::issue(
        cx,
        parties,
        device_key.as_deref(),
        progress.methods(),
        &progress.trail.event_id,
        occasion.clone(),
    )?;
    result.new_device_metadata = new_device;
    cx.notes.judge(&progress.trail, device_key.as_deref(), Finding::Tokens);
    Ok(Answer::tokens(result))
}
