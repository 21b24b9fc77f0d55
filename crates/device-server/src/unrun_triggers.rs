//! Triggers in a pool's settings that nothing here would run.

use device_pool::{HookError, Hooks, ServiceError, TRIGGERS};
use device_wire::{ErrorCode, Operation};
use serde_json::Value;

/// What becomes of settings with a trigger that nothing runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unrun {
    /// They are refused.
    Refused,
    /// They are stored, and the log says so.
    Logged,
}

/// The hooks of a server that has none and may leave no trigger out.
///
/// A pool may have triggers from a time when it was served with a hook. They guard sign-ups and
/// sign-ins, so a server that was started without the hook refuses what they guard. A message for a
/// custom sender is lost: refusing its operation would tell who exists.
pub(crate) struct NoHookSet;

impl Hooks for NoHookSet {
    fn call(&self, _function: Option<&str>, event: &Value) -> Result<Value, HookError> {
        let source = event.get("triggerSource").and_then(Value::as_str).unwrap_or_default();
        // Custom authentication asks for these in every pool, and says itself what is missing.
        if source.contains("AuthChallenge") {
            return Err(HookError::Missing);
        }
        Err(HookError::Failed("this server was started without a hook".to_owned()))
    }

    fn runs(&self, _function: Option<&str>) -> bool {
        false
    }

    fn deliver(&self, _function: &str, _event: &Value) -> Result<(), HookError> {
        Err(HookError::Refused("this server was started without a hook".to_owned()))
    }
}

/// Tells of triggers that `input` configures and that are not run: all of them if the server has no
/// hooks, else those that this release does not call.
pub(crate) fn check(
    operation: Operation,
    input: &Value,
    has_hooks: bool,
    unrun: Unrun,
) -> Result<(), ServiceError> {
    if !matches!(operation, Operation::CreateUserPool | Operation::UpdateUserPool) {
        return Ok(());
    }
    let configured = input.get("LambdaConfig").and_then(Value::as_object);
    let names = configured.into_iter().flat_map(|config| config.keys());
    let names = names.map(String::as_str).filter(|name| *name != "KMSKeyID");
    let idle: Vec<&str> = names.filter(|name| !(has_hooks && TRIGGERS.contains(name))).collect();
    if idle.is_empty() {
        return Ok(());
    }
    let triggers = idle.join(", ");
    match unrun {
        Unrun::Logged => {
            let reason = if has_hooks { "not called by this release" } else { "no hook is set" };
            tracing::warn!(triggers, reason, "configured triggers will not run");
            Ok(())
        }
        Unrun::Refused => {
            let way_out = if has_hooks { "" } else { "set --hook-url or --lambda-endpoint, or " };
            Err(ServiceError::new(
                ErrorCode::InvalidParameter,
                format!(
                    "This server would not run these triggers: {triggers}. Leave them out, \
                     {way_out}allow them with --allow-unrun-triggers."
                ),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn triggers_that_nothing_runs_are_refused_by_name() {
        let config = json!({"LambdaConfig": {"PreSignUp": "arn", "InboundFederation": {}}});
        let told = |has_hooks| {
            let create = Operation::CreateUserPool;
            check(create, &config, has_hooks, Unrun::Refused).unwrap_err().to_string()
        };
        assert!(told(false).contains("InboundFederation, PreSignUp. Leave"), "{}", told(false));
        assert!(told(true).contains("triggers: InboundFederation. Leave"), "{}", told(true));
        for (operation, input, unrun) in [
            (Operation::UpdateUserPool, &config, Unrun::Logged),
            (Operation::UpdateUserPool, &json!({"LambdaConfig": {}}), Unrun::Refused),
            (Operation::DescribeUserPool, &config, Unrun::Refused),
        ] {
            check(operation, input, false, unrun).unwrap();
        }
    }
}
