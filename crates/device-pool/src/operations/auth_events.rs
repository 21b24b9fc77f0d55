//! The audit trail for administrators.

use device_wire::Timestamp;
use device_wire::enums::{
    ChallengeName, ChallengeResponse, EventResponseType, EventType, RiskDecisionType,
};
use device_wire::requests::AdminListUserAuthEventsRequest;
use device_wire::responses::AdminListUserAuthEventsResponse;
use device_wire::shapes::{
    AuthEventType, ChallengeResponseType, EventContextDataType, EventRiskType,
};

use crate::command::context::Context;
use crate::command::page::{Page, page_length};
use crate::command::transaction::id_of;
use crate::error::ServiceError;
use crate::host::risk::Risk;
use crate::records::auth_event::{AuthEvent, Outcome};
use crate::records::pool::Pool;
use crate::records::user::User;

/// `AdminListUserAuthEvents`, the latest first.
pub(crate) fn list(
    cx: &mut Context<'_, '_>,
    request: AdminListUserAuthEventsRequest,
) -> Result<AdminListUserAuthEventsResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let user = User::for_admin(cx, &pool, &request.username)?;
    let length = page_length(request.max_results);
    let prefix = AuthEvent::prefix_of(&pool.id, &user.username);
    let after = request.next_token.map(|moment| id_of([&pool.id, &user.username, &moment]));
    let page: Page<AuthEvent> = Page::scan(&cx.tx, &prefix, after, length, |_| true)?;
    let next_token = page.next_token(AuthEvent::sort_key);
    let auth_events = Some(page.items.into_iter().map(describe).collect());
    Ok(AdminListUserAuthEventsResponse { auth_events, next_token })
}

/// The service's shape has no field for reasons. They are added to the device name, the one text
/// that only people read.
fn describe(event: AuthEvent) -> AuthEventType {
    let AuthEvent { trail, outcome, device_key, ip, .. } = event;
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
    let challenges = [
        answered(ChallengeName::Password, trail.password),
        answered(ChallengeName::Mfa, trail.mfa),
    ];
    let words: Vec<String> = device_key.into_iter().chain(trail.reasons).collect();
    AuthEventType {
        event_id: Some(trail.event_id),
        event_type: Some(EventType::SignIn),
        creation_date: Some(Timestamp::from(trail.started)),
        event_response: Some(match outcome {
            Outcome::Passed => EventResponseType::Pass,
            Outcome::Failed => EventResponseType::Fail,
        }),
        event_risk: Some(EventRiskType {
            risk_decision: Some(match trail.risk {
                Risk::None => RiskDecisionType::NoRisk,
                Risk::Low | Risk::Medium | Risk::High => RiskDecisionType::AccountTakeover,
            }),
            risk_level: trail.risk.on_wire(),
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
