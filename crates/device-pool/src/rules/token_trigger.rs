//! The token trigger: the operator's changes to claims, scopes and groups.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::records::user_profile::UserProfile;
use crate::rules::roles::Roles;
use crate::rules::triggers::{Event, TokenVersion, Trigger, attributes, with_metadata};

/// Claims that no trigger may change.
const RESERVED: [&str; 23] = [
    "acr",
    "amr",
    "at_hash",
    "aud",
    "auth_time",
    "azp",
    "client_id",
    "cognito:groups",
    "cognito:preferred_role",
    "cognito:roles",
    "cognito:username",
    "device_key",
    "event_id",
    "exp",
    "iat",
    "iss",
    "jti",
    "nbf",
    "nonce",
    "origin_jti",
    "sub",
    "token_use",
    "username",
];

/// Why tokens are signed.
#[derive(Clone)]
pub(crate) struct Occasion {
    /// The situation, as `triggerSource` names it: `TokenGeneration_Authentication`.
    pub(crate) source: &'static str,
    pub(crate) metadata: Map<String, Value>,
}

/// The response of the trigger: of version 1, or of a later one.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Response {
    claims_override_details: Option<FirstVersion>,
    claims_and_scope_override_details: Option<Overrides>,
}

/// The changes of version 1, which are those of the id token.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FirstVersion {
    claims_to_add_or_override: Option<BTreeMap<String, String>>,
    claims_to_suppress: Option<Vec<String>>,
    group_override_details: Option<Groups>,
}

/// What the trigger changes.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Overrides {
    id_token_generation: Option<TokenChanges>,
    access_token_generation: Option<TokenChanges>,
    group_override_details: Option<Groups>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TokenChanges {
    claims_to_add_or_override: Option<Map<String, Value>>,
    claims_to_suppress: Option<Vec<String>>,
    scopes_to_add: Option<Vec<String>>,
    scopes_to_suppress: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Groups {
    groups_to_override: Option<Vec<String>>,
    iam_roles_to_override: Option<Vec<String>>,
    preferred_role: Option<String>,
}

impl Overrides {
    /// Asks the trigger, if the pool has one.
    pub(crate) fn ask(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        client_id: &str,
        user: &User,
        roles: &Roles,
        occasion: Occasion,
    ) -> Result<Self, ServiceError> {
        let Some(version) = TokenVersion::of(pool) else { return Ok(Self::default()) };
        let profile = UserProfile::of(cx, user)?;
        let mut request = json!({
            "userAttributes": attributes(user, &profile),
            "groupConfiguration": {
                "groupsToOverride": roles.groups,
                "iamRolesToOverride": roles.all,
                "preferredRole": roles.preferred,
            },
        });
        let response = if version == TokenVersion::One {
            json!({"claimsOverrideDetails": null})
        } else {
            if let Some(request) = request.as_object_mut() {
                request.insert("scopes".to_owned(), json!([SCOPE]));
            }
            json!({"claimsAndScopeOverrideDetails": null})
        };
        let event = Event {
            trigger: Trigger::PreTokenGeneration,
            source: occasion.source,
            pool,
            client_id,
            username: &user.username,
            request: with_metadata(request, &occasion.metadata),
            response,
        };
        let response: Response = event.call(cx)?.unwrap_or_default();
        Ok(if version == TokenVersion::One {
            response.claims_override_details.map(Self::from).unwrap_or_default()
        } else {
            response.claims_and_scope_override_details.unwrap_or_default()
        })
    }

    /// The roles with the trigger's groups in place of the user's, if it gives any.
    pub(crate) fn roles(&self, roles: Roles) -> Roles {
        match &self.group_override_details {
            None => roles,
            Some(given) => Roles {
                groups: given.groups_to_override.clone().unwrap_or_default(),
                all: given.iam_roles_to_override.clone().unwrap_or_default(),
                preferred: given.preferred_role.clone(),
            },
        }
    }

    /// Changes the claims of the access token, its scopes included.
    pub(crate) fn change_access(&self, claims: &mut Map<String, Value>) {
        let Some(changes) = &self.access_token_generation else { return };
        changes.apply(claims, &["scope"]);
        let scopes = claims.get("scope").and_then(Value::as_str).unwrap_or_default();
        let suppressed: BTreeSet<&str> =
            changes.scopes_to_suppress.iter().flatten().map(String::as_str).collect();
        let added = changes.scopes_to_add.iter().flatten().map(String::as_str);
        let scopes: Vec<&str> =
            scopes.split(' ').chain(added).filter(|scope| !suppressed.contains(scope)).collect();
        let scopes = scopes.join(" ");
        claims.insert("scope".to_owned(), json!(scopes.trim()));
    }

    /// Changes the claims of the id token.
    pub(crate) fn change_id(&self, claims: &mut Map<String, Value>) {
        if let Some(changes) = &self.id_token_generation {
            changes.apply(claims, &[]);
        }
    }
}

/// The scope of tokens that no hosted page issued.
pub(crate) const SCOPE: &str = "aws.cognito.signin.user.admin";

impl From<FirstVersion> for Overrides {
    fn from(given: FirstVersion) -> Self {
        let claims = given.claims_to_add_or_override.into_iter().flatten();
        Self {
            id_token_generation: Some(TokenChanges {
                claims_to_add_or_override: Some(
                    claims.map(|(name, value)| (name, Value::from(value))).collect(),
                ),
                claims_to_suppress: given.claims_to_suppress,
                ..TokenChanges::default()
            }),
            access_token_generation: None,
            group_override_details: given.group_override_details,
        }
    }
}

impl TokenChanges {
    /// Suppresses and sets claims. A claim that is both stays suppressed, as in the service.
    fn apply(&self, claims: &mut Map<String, Value>, also_reserved: &[&str]) {
        let may_change = |name: &&String| {
            !RESERVED.contains(&name.as_str()) && !also_reserved.contains(&name.as_str())
        };
        let set = self.claims_to_add_or_override.iter().flatten();
        for (name, value) in set.filter(|(name, _)| may_change(name)) {
            claims.insert(name.clone(), value.clone());
        }
        for name in self.claims_to_suppress.iter().flatten().filter(may_change) {
            claims.remove(name);
        }
    }
}
