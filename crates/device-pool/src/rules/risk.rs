//! The risk of a sign-in, and what the pool makes of it.

use std::collections::{BTreeMap, BTreeSet};

use device_wire::enums::{
    AccountTakeoverEventActionType, AdvancedSecurityModeType, FeedbackValueType,
};
use device_wire::shapes::{NotifyConfigurationType, RiskConfigurationType};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::transaction::Entity;
use crate::error::ServiceError;
use crate::host::risk::{Risk, SignInFacts};
use crate::records::audit_event::{AuditEvent, Kind, Outcome};
use crate::records::event_feedback::EventFeedback;
use crate::records::pool::Pool;
use crate::records::resource::{ALL_CLIENTS, Resource};
use crate::records::user::User;

/// The number of recent results of sign-ins that are considered.
const LOOK_BACK: usize = 60;

/// How often as many events are read to find them. Anyone can cause other events without end.
const MAX_LOOKS: usize = 10;

/// Failures that count if so many other events hide the results.
const FAILURES_IF_HIDDEN: usize = 3;

/// How much feedback on a user's events is considered.
const MAX_FEEDBACK: usize = 500;

/// The risk of a sign-in of `user`; none if the pool has no threat protection.
pub(crate) fn assess(cx: &Context<'_, '_>, pool: &Pool, user: &User) -> Result<Risk, ServiceError> {
    if pool.threat_protection() == AdvancedSecurityModeType::Off {
        return Ok(Risk::None);
    }
    let prefix = AuditEvent::listed_prefix(&pool.id, &user.sub);
    let feedback = Feedback::of(cx, pool, user)?;
    let mut known_ips = BTreeSet::new();
    let (mut latest, mut after, mut is_complete) = (Vec::new(), None::<String>, false);
    for _ in 0..MAX_LOOKS {
        let events: Vec<AuditEvent> = cx.tx.scan(&prefix, after.as_deref(), LOOK_BACK)?;
        let is_last = events.len() < LOOK_BACK;
        after = events.last().map(Entity::id);
        let ours = events.iter().filter(|event| feedback.is(event, &FeedbackValueType::Valid));
        known_ips.extend(ours.filter_map(AuditEvent::address));
        let is_result =
            |event: &AuditEvent| event.kind == Kind::SignIn && event.outcome != Outcome::InProgress;
        latest.extend(events.into_iter().filter(is_result));
        if is_last || latest.len() >= LOOK_BACK {
            is_complete = true;
            break;
        }
    }
    let passed = latest.iter().filter(|event| {
        event.outcome == Outcome::Passed && !feedback.is(event, &FeedbackValueType::Invalid)
    });
    known_ips.extend(passed.filter_map(AuditEvent::address));
    // Strangers fail elsewhere, and must not devalue the devices that the user signs in with.
    let source_ip = cx.invocation.source_ip;
    let is_known = source_ip.is_some_and(|ip| known_ips.contains(&ip));
    let counts = |event: &&AuditEvent| {
        event.outcome == Outcome::Failed
            && (!is_known || event.address() == source_ip)
            && !feedback.is(event, &FeedbackValueType::Valid)
    };
    let failures = latest.iter().take_while(|event| event.outcome != Outcome::Passed);
    let failures = failures.filter(counts).count();
    let failures = if is_complete || !known_ips.is_empty() {
        failures
    } else {
        failures.max(FAILURES_IF_HIDDEN)
    };
    Ok(cx.risk.evaluate(&SignInFacts { source_ip, known_ips, failures }))
}

/// What users and administrators said about a user's sign-ins, by the ids of events.
struct Feedback(BTreeMap<String, FeedbackValueType>);

impl Feedback {
    fn of(cx: &Context<'_, '_>, pool: &Pool, user: &User) -> Result<Self, ServiceError> {
        let prefix = EventFeedback::key(&pool.id, &user.sub, "");
        let given: Vec<EventFeedback> = cx.tx.scan(&prefix, None, MAX_FEEDBACK)?;
        Ok(Self(given.into_iter().map(|given| (given.event_id, given.value)).collect()))
    }

    fn is(&self, event: &AuditEvent, value: &FeedbackValueType) -> bool {
        event.kind == Kind::SignIn && self.0.get(event.id_on_wire()) == Some(value)
    }
}

/// What a pool makes of a sign-in's risk.
pub(crate) struct Response {
    pub(crate) demand: Demand,
    /// The message that tells the user, if one is to be sent.
    pub(crate) notice: Option<Notice>,
}

/// A message about a risky sign-in.
pub(crate) struct Notice {
    /// The action for the level of risk.
    pub(crate) action: AccountTakeoverEventActionType,
    /// The pool's texts, if it has any.
    pub(crate) texts: Option<NotifyConfigurationType>,
}

impl From<Demand> for Response {
    fn from(demand: Demand) -> Self {
        Self { demand, notice: None }
    }
}

/// What a sign-in must do because of its risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Demand {
    Nothing,
    /// A second factor, if the user has one.
    MfaIfConfigured,
    /// A second factor; a user without one is refused.
    MfaRequired,
    /// It is refused.
    Block,
}

impl Response {
    /// The response of a pool that enforces risk. A client's own configuration replaces the pool's.
    pub(crate) fn of(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        client_id: &str,
        risk: Risk,
    ) -> Result<Self, ServiceError> {
        if pool.threat_protection() != AdvancedSecurityModeType::Enforced {
            return Ok(Demand::Nothing.into());
        }
        let configuration = configuration(cx, pool, client_id)?;
        let exceptions = configuration.risk_exception_configuration.unwrap_or_default();
        let comes_from = |ranges: Option<Vec<String>>| {
            cx.invocation.source_ip.is_some_and(|ip| {
                let ranges = ranges.iter().flatten();
                ranges
                    .filter_map(|range| range.parse().ok())
                    .any(|range: IpNet| range.contains(&ip))
            })
        };
        if comes_from(exceptions.blocked_ip_range_list) {
            return Ok(Demand::Block.into());
        }
        if comes_from(exceptions.skipped_ip_range_list) {
            return Ok(Demand::Nothing.into());
        }
        let Some(takeover) = configuration.account_takeover_risk_configuration else {
            // Without a configuration, medium and high risk ask for the factor that there is.
            let asks = risk >= Risk::Medium;
            return Ok(if asks { Demand::MfaIfConfigured } else { Demand::Nothing }.into());
        };
        let action = match risk {
            Risk::None => None,
            Risk::Low => takeover.actions.low_action,
            Risk::Medium => takeover.actions.medium_action,
            Risk::High => takeover.actions.high_action,
        };
        let Some(action) = action else { return Ok(Demand::Nothing.into()) };
        let demand = match action.event_action {
            AccountTakeoverEventActionType::Block => Demand::Block,
            AccountTakeoverEventActionType::MfaRequired => Demand::MfaRequired,
            AccountTakeoverEventActionType::MfaIfConfigured => Demand::MfaIfConfigured,
            _ => Demand::Nothing,
        };
        let texts = takeover.notify_configuration;
        let notice = action.notify.then_some(Notice { action: action.event_action, texts });
        Ok(Self { demand, notice })
    }
}

/// The risk configuration that counts for this client: its own, or the pool's.
pub(crate) fn configuration(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    client_id: &str,
) -> Result<RiskConfigurationType, ServiceError> {
    type Configuration = Resource<RiskConfigurationType>;
    let configuration = match Configuration::find(cx, &pool.id, client_id)? {
        None => Configuration::find(cx, &pool.id, ALL_CLIENTS)?,
        own => own,
    };
    Ok(configuration.map(|found| found.description).unwrap_or_default())
}

impl Pool {
    /// Whether risk is recorded (`AUDIT`) and whether it is enforced (`ENFORCED`).
    pub(crate) fn threat_protection(&self) -> AdvancedSecurityModeType {
        let add_ons = self.description.user_pool_add_ons.as_ref();
        add_ons
            .map_or(AdvancedSecurityModeType::Off, |add_ons| add_ons.advanced_security_mode.clone())
    }
}
