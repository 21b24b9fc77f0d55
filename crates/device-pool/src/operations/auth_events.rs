//! The audit trail, as the service shows it to administrators.

use device_wire::enums::{
    AdvancedSecurityModeType, ChallengeName, ChallengeResponse, EventResponseType, RiskDecisionType,
};
use device_wire::requests::{
    AdminListUserAuthEventsRequest, AdminUpdateAuthEventFeedbackRequest,
    UpdateAuthEventFeedbackRequest,
};
use device_wire::responses::{
    AdminListUserAuthEventsResponse, AdminUpdateAuthEventFeedbackResponse,
    UpdateAuthEventFeedbackResponse,
};
use device_wire::shapes::{
    AuthEventType, ChallengeResponseType, EventContextDataType, EventRiskType,
};
use device_wire::{ErrorCode, Timestamp};

use crate::command::context::Context;
use crate::command::page::{self, Page, page_length};
use crate::error::ServiceError;
use crate::host::risk::Risk;
use crate::records::audit_event::{Actor, AuditEvent, Kind, Outcome};
use crate::records::event_feedback::{EventFeedback, Provider};
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::rules::event_feedback::Subject;

/// `AdminListUserAuthEvents`, the latest first.
pub(crate) fn list(
    cx: &mut Context<'_, '_>,
    request: AdminListUserAuthEventsRequest,
) -> Result<AdminListUserAuthEventsResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let user = User::for_admin(cx, &pool, &request.username)?;
    let prefix = AuditEvent::listed_prefix(&pool.id, &user.sub);
    let after = page::position(request.next_token.as_deref())?;
    let after = after.map(|last| format!("{prefix}{last}"));
    let length = page_length(request.max_results);
    let page: Page<AuditEvent> = Page::scan(&cx.tx, &prefix, after, length, |_| true)?;
    let next_token = page.next_token(AuditEvent::sort_key);
    let mut auth_events = Vec::with_capacity(page.items.len());
    for event in page.items {
        let mut described = describe(event);
        let id = described.event_id.as_deref().unwrap_or_default();
        let key = EventFeedback::key(&pool.id, &user.sub, id);
        described.event_feedback = cx.tx.find(&key)?.map(EventFeedback::describe);
        auth_events.push(described);
    }
    let auth_events = Some(auth_events);
    Ok(AdminListUserAuthEventsResponse { auth_events, next_token })
}

/// `AdminUpdateAuthEventFeedback`: whether the event was the user's own act.
pub(crate) fn feedback(
    cx: &mut Context<'_, '_>,
    request: AdminUpdateAuthEventFeedbackRequest,
) -> Result<AdminUpdateAuthEventFeedbackResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    check_protection(&pool)?;
    let user = User::for_admin(cx, &pool, &request.username)?;
    let subject = Subject::find(cx, user, &request.event_id)?.ok_or_else(|| {
        ServiceError::not_found(format!("Event {} does not exist.", request.event_id))
    })?;
    subject.record(cx, request.feedback_value, Provider::Administrator)?;
    Ok(AdminUpdateAuthEventFeedbackResponse {})
}

/// `UpdateAuthEventFeedback`: the same, from the holder of a token in a message to the user.
pub(crate) fn feedback_by_token(
    cx: &mut Context<'_, '_>,
    request: UpdateAuthEventFeedbackRequest,
) -> Result<UpdateAuthEventFeedbackResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    check_protection(&pool)?;
    let invalid = || ServiceError::not_authorized("Invalid feedback token.");
    // First, so that callers without a token do not learn which users exist.
    let subject = Subject::of_token(cx, &pool, &request.feedback_token)?.ok_or_else(invalid)?;
    let user = User::for_admin(cx, &pool, &request.username)?;
    if user.sub != subject.user.sub || !subject.is_of(&request.event_id) {
        return Err(invalid());
    }
    subject.record(cx, request.feedback_value, Provider::User)?;
    Ok(UpdateAuthEventFeedbackResponse {})
}

fn check_protection(pool: &Pool) -> Result<(), ServiceError> {
    if pool.threat_protection() == AdvancedSecurityModeType::Off {
        return Err(ServiceError::new(
            ErrorCode::UserPoolAddOnNotEnabled,
            "Threat protection is not enabled for this user pool.",
        ));
    }
    Ok(())
}

/// An event in the service's shape, which has no field for reasons. They are added to the device
/// name, the one text that only people read.
fn describe(event: AuditEvent) -> AuthEventType {
    let event_id = event.id_on_wire().to_owned();
    let AuditEvent { sign_in, outcome, device_key, ip, .. } = event;
    let answered = |name, passed: Option<bool>| {
        passed.map(|passed| ChallengeResponseType {
            challenge_name: Some(name),
            challenge_response: Some(if passed {
                ChallengeResponse::Success
            } else {
                ChallengeResponse::Failure
            }),
        })
    };
    let challenges = sign_in.as_ref().map_or([None, None], |sign_in| {
        [
            answered(ChallengeName::Password, sign_in.password),
            answered(ChallengeName::Mfa, sign_in.mfa),
        ]
    });
    let risk = sign_in.as_ref().map_or(Risk::None, |sign_in| sign_in.risk);
    let administrator = match (&event.actor, event.kind) {
        // An administrator's server signs users in on their behalf.
        (_, Kind::SignIn) | (Actor::User | Actor::Anyone | Actor::Link | Actor::Server, _) => None,
        (Actor::Administrator(key), _) => {
            let key = key.as_deref().unwrap_or("without a signature");
            Some(format!("{} by administrator {key}", event.operation))
        }
    };
    let words: Vec<String> =
        device_key.into_iter().chain(event.reasons).chain(administrator).collect();
    AuthEventType {
        event_id: Some(event_id),
        event_type: event.kind.on_wire(),
        creation_date: Some(Timestamp::from(event.at)),
        event_response: Some(match outcome {
            Outcome::Passed => EventResponseType::Pass,
            Outcome::InProgress => EventResponseType::InProgress,
            Outcome::Failed => EventResponseType::Fail,
        }),
        event_risk: Some(EventRiskType {
            risk_decision: Some(match risk {
                Risk::None => RiskDecisionType::NoRisk,
                Risk::Low | Risk::Medium | Risk::High => RiskDecisionType::AccountTakeover,
            }),
            risk_level: risk.on_wire(),
            compromised_credentials_detected: Some(false),
        }),
        challenge_responses: Some(challenges.into_iter().flatten().collect()),
        event_context_data: Some(EventContextDataType {
            ip_address: ip,
            device_name: (!words.is_empty()).then(|| words.join("; ")),
            ..EventContextDataType::default()
        }),
        event_feedback: None,
    }
}
