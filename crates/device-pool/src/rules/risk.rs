//! The risk of a sign-in, judged by the host's evaluator.

use device_wire::enums::AdvancedSecurityModeType;

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::host::risk::{Risk, SignInFacts};
use crate::records::audit_event::{AuditEvent, Kind, Outcome};
use crate::records::pool::Pool;
use crate::records::user::User;

/// The number of recent events that are considered: about thirty sign-ins.
const LOOK_BACK: usize = 60;

/// The risk of a sign-in of `user`; none if the pool has no threat protection.
pub(crate) fn assess(cx: &Context<'_, '_>, pool: &Pool, user: &User) -> Result<Risk, ServiceError> {
    if pool.threat_protection() == AdvancedSecurityModeType::Off {
        return Ok(Risk::None);
    }
    let prefix = AuditEvent::listed_prefix(&pool.id, &user.sub);
    let mut latest: Vec<AuditEvent> = cx.tx.scan(&prefix, None, LOOK_BACK)?;
    latest.retain(|event| event.kind == Kind::SignIn);
    let passed = latest.iter().filter(|event| event.outcome == Outcome::Passed);
    let known_ips = passed.filter_map(|event| event.ip.as_deref()?.parse().ok()).collect();
    let failures = latest.iter().take_while(|event| event.outcome != Outcome::Passed);
    let failures = failures.filter(|event| event.outcome == Outcome::Failed).count();
    Ok(cx.risk.evaluate(&SignInFacts { source_ip: cx.invocation.source_ip, known_ips, failures }))
}

impl Pool {
    /// Whether risk is recorded (`AUDIT`) and whether it is enforced (`ENFORCED`).
    pub(crate) fn threat_protection(&self) -> AdvancedSecurityModeType {
        let add_ons = self.description.user_pool_add_ons.as_ref();
        add_ons
            .map_or(AdvancedSecurityModeType::Off, |add_ons| add_ons.advanced_security_mode.clone())
    }
}
