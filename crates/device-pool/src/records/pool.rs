//! User pools: their settings as the service describes them.

use std::sync::Arc;

use device_wire::enums::{UserPoolMfaType, UsernameAttributeType};
use device_wire::shapes::{
    EmailMfaConfigType, PasswordPolicyType, SchemaAttributeType, SmsMfaConfigType, UserPoolType,
    WebAuthnConfigurationType,
};
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::transaction::Entity;
use crate::error::ServiceError;
use crate::host::message::{Medium, verified_attribute};
use crate::records::schema;
use crate::store::Table;

/// A user pool. The settings are stored in the shape of `DescribeUserPool`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Pool {
    pub(crate) id: String,
    pub(crate) description: UserPoolType,
    pub(crate) mfa: MfaMethods,
    /// Whether names are case-sensitive if the pool does not say so. The service's default is that
    /// they are. Pools of earlier releases were created without the setting, and their users' names
    /// are stored without case.
    #[serde(default)]
    pub(crate) names_have_case: bool,
    /// Whether all users and devices have their entries and are counted.
    #[serde(default)]
    pub(crate) is_listed: bool,
}

/// The second factors that the pool offers, as set by `SetUserPoolMfaConfig`.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct MfaMethods {
    pub(crate) software_token: bool,
    pub(crate) sms: Option<SmsMfaConfigType>,
    pub(crate) email: Option<EmailMfaConfigType>,
    /// Stored and described only; passkeys are not supported.
    #[serde(default)]
    pub(crate) web_authn: Option<WebAuthnConfigurationType>,
}

impl MfaMethods {
    pub(crate) fn is_empty(&self) -> bool {
        !self.software_token && self.sms.is_none() && self.email.is_none()
    }
}

impl Entity for Pool {
    const TABLE: Table = Table::Pool;

    fn id(&self) -> String {
        self.id.clone()
    }
}

/// The pool's device policy: the console's three choices, and whether a remembered device replaces
/// MFA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DevicePolicy {
    /// "Don't remember": no device is tracked, and a device key is ignored.
    Off,
    /// Devices are tracked.
    On {
        /// When a confirmed device counts as remembered.
        remember: Remember,
        /// Whether a remembered device's proof replaces the second factor.
        suppress_mfa: bool,
    },
}

/// When a confirmed device counts as remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Remember {
    /// At once.
    Always,
    /// When its user chooses so.
    OptIn,
}

impl Pool {
    /// Loads a pool, to change or describe it.
    pub(crate) fn load(cx: &mut Context<'_, '_>, id: &str) -> Result<Self, ServiceError> {
        Self::shared(cx, id).map(Arc::unwrap_or_clone)
    }

    /// Loads a pool, decoded only if it has changed.
    pub(crate) fn shared(cx: &mut Context<'_, '_>, id: &str) -> Result<Arc<Self>, ServiceError> {
        let pool: Arc<Self> = cx
            .tx
            .find_shared(id)?
            .ok_or_else(|| ServiceError::not_found(format!("User pool {id} does not exist.")))?;
        cx.notes.pool_id = Some(pool.id.clone());
        Ok(pool)
    }

    /// The part of the id that SRP hashes: everything after the first `_`.
    pub(crate) fn srp_name(&self) -> &str {
        Self::srp_name_of(&self.id)
    }

    /// As [`Self::srp_name`], of the pool with this id.
    pub(crate) fn srp_name_of(id: &str) -> &str {
        id.split_once('_').map_or("", |(_, name)| name)
    }

    /// The device policy. Any `DeviceConfiguration`, even `{false, false}`, switches tracking on.
    pub(crate) fn device_policy(&self) -> DevicePolicy {
        match &self.description.device_configuration {
            None => DevicePolicy::Off,
            Some(configuration) => DevicePolicy::On {
                remember: match configuration.device_only_remembered_on_user_prompt {
                    Some(true) => Remember::OptIn,
                    _ => Remember::Always,
                },
                suppress_mfa: configuration.challenge_required_on_new_device == Some(true),
            },
        }
    }

    pub(crate) fn mfa_mode(&self) -> UserPoolMfaType {
        self.description.mfa_configuration.clone().unwrap_or(UserPoolMfaType::Off)
    }

    /// A name in the form that the pool compares: in lower case if the pool ignores case.
    pub(crate) fn fold(&self, name: &str) -> String {
        let configuration = self.description.username_configuration.as_ref();
        let has_case = configuration
            .map_or(self.names_have_case, |configuration| configuration.case_sensitive);
        if has_case { name.to_owned() } else { name.to_lowercase() }
    }

    /// Whether all usernames are stored as [`fold`](Self::fold) has them.
    pub(crate) fn stores_folded_names(&self) -> bool {
        self.names_have_case || self.description.username_configuration.is_some()
    }

    /// A new username in the form that the pool stores. If the pool was created case-insensitive,
    /// its names are in lower case.
    pub(crate) fn username(&self, name: &str) -> String {
        match &self.description.username_configuration {
            Some(configuration) if !configuration.case_sensitive => name.to_lowercase(),
            _ => name.to_owned(),
        }
    }

    /// The attributes that users sign in with instead of a username. If there are any, the internal
    /// name is the `sub`.
    pub(crate) fn username_attributes(&self) -> &[UsernameAttributeType] {
        self.description.username_attributes.as_deref().unwrap_or_default()
    }

    /// Whether the pool verifies addresses of this medium.
    pub(crate) fn verifies(&self, medium: Medium) -> bool {
        let verified = self.description.auto_verified_attributes.as_deref().unwrap_or_default();
        verified.contains(&verified_attribute(medium))
    }

    /// Refuses an attribute name that the schema does not have.
    pub(crate) fn check_attribute(&self, name: &str) -> Result<(), ServiceError> {
        self.attribute(name).map(drop)
    }

    /// Refuses a value that the schema does not allow.
    pub(crate) fn check_value(&self, name: &str, value: &str) -> Result<(), ServiceError> {
        schema::check_value(self.attribute(name)?, value)
    }

    /// The schema of an attribute. `sub` is reserved for the service.
    fn attribute(&self, name: &str) -> Result<&SchemaAttributeType, ServiceError> {
        let named =
            self.schema().iter().find(|known| known.name.as_deref() == Some(name) && name != "sub");
        named.ok_or_else(|| {
            ServiceError::invalid(format!(
                "Attributes did not conform to the schema: {name}: Attribute does not exist in the \
                 schema."
            ))
        })
    }

    /// Whether an attribute may change after it was first set.
    pub(crate) fn is_mutable(&self, name: &str) -> bool {
        self.attribute(name).is_ok_and(|attribute| attribute.mutable != Some(false))
    }

    /// The attributes that every user of this pool must have.
    pub(crate) fn required_attributes(&self) -> impl Iterator<Item = &str> {
        self.schema()
            .iter()
            .filter(|known| known.required == Some(true))
            .filter_map(|known| known.name.as_deref())
    }

    fn schema(&self) -> &[SchemaAttributeType] {
        self.description.schema_attributes.as_deref().unwrap_or_default()
    }

    pub(crate) fn password_policy(&self) -> PasswordPolicyType {
        self.description
            .policies
            .as_ref()
            .and_then(|policies| policies.password_policy.clone())
            .unwrap_or_default()
    }
}
