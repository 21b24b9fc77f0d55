//! The risk of a sign-in, and what the pool makes of it.

use std::collections::BTreeSet;

use device_wire::enums::{AccountTakeoverEventActionType, AdvancedSecurityModeType};
use device_wire::shapes::RiskConfigurationType;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::transaction::Entity;
use crate::error::ServiceError;
use crate::host::risk::{Risk, SignInFacts};
use crate::records::audit_event::{AuditEvent, Kind, Outcome};
use crate::records::pool::Pool;
use crate::records::resource::{ALL_CLIENTS, Resource};
use crate::records::user::User;

/// The number of recent results of sign-ins that are considered.
const LOOK_BACK: usize = 60;

/// How often as many events are read to find them. Anyone can cause other events without end.
const MAX_LOOKS: usize = 10;

/// Failures that count if so many other events hide the results.
const FAILURES_IF_HIDDEN: usize = 3;

/// The risk of a sign-in of `user`; none if the pool has no threat protection.
pub(crate) fn assess(cx: &Context<'_, '_>, pool: &Pool, user: &User) -> Result<Risk, ServiceError> {
    if pool.threat_protection() == AdvancedSecurityModeType::Off {
        return Ok(Risk::None);
    }
    let prefix = AuditEvent::listed_prefix(&pool.id, &user.sub);
    let (mut latest, mut after, mut is_complete) = (Vec::new(), None::<String>, false);
    for _ in 0..MAX_LOOKS {
        let events: Vec<AuditEvent> = cx.tx.scan(&prefix, after.as_deref(), LOOK_BACK)?;
        let is_last = events.len() < LOOK_BACK;
        after = events.last().map(Entity::id);
        let is_result =
            |event: &AuditEvent| event.kind == Kind::SignIn && event.outcome != Outcome::InProgress;
        latest.extend(events.into_iter().filter(is_result));
        if is_last || latest.len() >= LOOK_BACK {
            is_complete = true;
            break;
        }
    }
    let passed = latest.iter().filter(|event| event.outcome == Outcome::Passed);
    let known_ips: BTreeSet<_> =
        passed.filter_map(|event| event.ip.as_deref()?.parse().ok()).collect();
    // Strangers fail elsewhere, and must not devalue the devices that the user signs in with.
    let source_ip = cx.invocation.source_ip;
    let is_known = source_ip.is_some_and(|ip| known_ips.contains(&ip));
    let counts = |event: &&AuditEvent| {
        let ip = event.ip.as_deref().and_then(|ip| ip.parse().ok());
        event.outcome == Outcome::Failed && (!is_known || ip == source_ip)
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

impl Demand {
    /// The demand of a pool that enforces risk. A client's own configuration replaces the pool's.
    pub(crate) fn of(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        client_id: &str,
        risk: Risk,
    ) -> Result<Self, ServiceError> {
        if pool.threat_protection() != AdvancedSecurityModeType::Enforced {
            return Ok(Self::Nothing);
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
            return Ok(Self::Block);
        }
        if comes_from(exceptions.skipped_ip_range_list) {
            return Ok(Self::Nothing);
        }
        let Some(takeover) = configuration.account_takeover_risk_configuration else {
            // Without a configuration, medium and high risk ask for the factor that there is.
            let asks = risk >= Risk::Medium;
            return Ok(if asks { Self::MfaIfConfigured } else { Self::Nothing });
        };
        let action = match risk {
            Risk::None => None,
            Risk::Low => takeover.actions.low_action,
            Risk::Medium => takeover.actions.medium_action,
            Risk::High => takeover.actions.high_action,
        };
        Ok(match action.map(|action| action.event_action) {
            Some(AccountTakeoverEventActionType::Block) => Self::Block,
            Some(AccountTakeoverEventActionType::MfaRequired) => Self::MfaRequired,
            Some(AccountTakeoverEventActionType::MfaIfConfigured) => Self::MfaIfConfigured,
            _ => Self::Nothing,
        })
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
