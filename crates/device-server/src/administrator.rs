//! An administrator, and what its access key permits.

use device_pool::ServiceError;
use device_wire::{ErrorCode, Operation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An administrator who has proven to be one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Administrator {
    /// The id of the access key; `dev` if dev mode asks for none.
    pub key_id: String,
    /// The name of a key that was added; `None` for the server's own.
    pub name: Option<String>,
    /// What the key permits.
    pub role: Role,
    /// The pools that the key is for; `None` for all.
    pub pools: Option<Vec<String>>,
}

impl Administrator {
    /// The holder of a key without a name, for all pools.
    pub fn new(key_id: impl Into<String>, role: Role) -> Self {
        Self { key_id: key_id.into(), name: None, role, pools: None }
    }

    /// The key as people know it: its id, after the name of a key that has one.
    #[must_use]
    pub fn title(&self) -> String {
        title(&self.key_id, self.name.as_deref())
    }

    /// Whether the key is for this pool.
    #[must_use]
    pub fn has_pool(&self, pool_id: &str) -> bool {
        self.pools.as_ref().is_none_or(|pools| pools.iter().any(|pool| pool == pool_id))
    }

    /// Refuses a pool that the key is not for.
    pub(crate) fn check_pool_id(&self, pool_id: &str) -> Result<(), ServiceError> {
        if self.has_pool(pool_id) {
            return Ok(());
        }
        if pool_id.is_empty() {
            let key = self.title();
            return Err(denied(format!("{key} is for some pools only: name one of them.")));
        }
        Err(denied(format!("{} is not for the pool {pool_id}.", self.title())))
    }

    /// Refuses an operation that the key does not permit on any pool.
    pub(crate) fn check_role(&self, operation: Operation) -> Result<(), ServiceError> {
        if self.role.permits(operation) {
            return Ok(());
        }
        let key = self.title();
        Err(denied(format!("{key} may only read, and {operation} changes something.")))
    }

    /// Refuses a call about what is not in the key's pools.
    pub(crate) fn check_pool(
        &self,
        operation: Operation,
        input: &Value,
    ) -> Result<(), ServiceError> {
        // The engine leaves out other pools of what these show.
        let is_filtered =
            matches!(operation, Operation::ListUserPools | Operation::DescribeUserPoolDomain);
        if self.pools.is_none() || is_filtered {
            return Ok(());
        }
        let text = |name| input.get(name).and_then(Value::as_str);
        let of_arn = || text("ResourceArn").and_then(|arn| arn.split_once(":userpool/"));
        let pool = text("UserPoolId").or_else(|| of_arn().map(|(_, pool)| pool));
        match pool {
            Some(pool) => self.check_pool_id(pool),
            None => {
                let key = self.title();
                Err(denied(format!("{key} is for some pools only, and {operation} is for all.")))
            }
        }
    }

    /// Refuses functions in `config` that are not in `known`, if the key is for some pools only.
    ///
    /// These are a pool's new and old `LambdaConfig`. The server calls functions with a key of its
    /// own, which may call more of them than this administrator.
    pub(crate) fn check_functions(
        &self,
        config: &Value,
        known: &Value,
    ) -> Result<(), ServiceError> {
        let known = functions(known);
        match functions(config).into_iter().find(|function| !known.contains(function)) {
            Some(function) if self.pools.is_some() => Err(denied(format!(
                "{} is for some pools only, and the pool does not have the function {function} \
                 yet. Let the holder of a key for all pools add it.",
                self.title()
            ))),
            _ => Ok(()),
        }
    }
}

/// The functions and keys that a `LambdaConfig` names.
fn functions(config: &Value) -> Vec<&str> {
    match config {
        Value::String(name) => vec![name],
        Value::Object(members) => {
            let named = members.iter().filter(|(name, _)| *name != "LambdaVersion");
            named.flat_map(|(_, value)| functions(value)).collect()
        }
        _ => Vec::new(),
    }
}

/// A key as people know it.
pub(crate) fn title(key_id: &str, name: Option<&str>) -> String {
    name.map_or_else(|| key_id.to_owned(), |name| format!("{name} ({key_id})"))
}

/// What an administrator may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "to look, or to change: there is no third")]
pub enum Role {
    /// May see everything and change nothing.
    ReadOnly,
    /// May do everything.
    Full,
}

impl Role {
    /// Whether it permits an operation.
    #[must_use]
    pub fn permits(self, operation: Operation) -> bool {
        const READS: [&str; 5] = ["AdminGet", "AdminList", "Describe", "Get", "List"];
        self == Self::Full || READS.iter().any(|verb| operation.name().starts_with(verb))
    }
}

fn denied(message: String) -> ServiceError {
    ServiceError::new(ErrorCode::AccessDenied, message)
}
