//! A user pool: its settings as the service describes them, and its secrets.

use device_wire::{
    EmailMfaConfigType, PasswordPolicyType, SchemaAttributeType, SmsMfaConfigType, UserPoolMfaType,
    UserPoolType, UsernameAttributeType, WebAuthnConfigurationType,
};
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::transaction::Entity;
use crate::error::ServiceError;
use crate::host::message::{Medium, verified_attribute};
use crate::records::schema;
use crate::store::Table;

/// A pool. Its settings are kept in the very shape in which `DescribeUserPool` shows them.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Pool {
    pub(crate) id: String,
    pub(crate) description: UserPoolType,
    pub(crate) mfa: MfaMethods,
    /// Whether names differ by case if the pool does not say. It is the service's default; pools of
    /// earlier releases were made without it, and their users' names are kept without case.
    #[serde(default)]
    pub(crate) names_have_case: bool,
}

/// Which second factors the pool offers; `SetUserPoolMfaConfig` sets them.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct MfaMethods {
    pub(crate) software_token: bool,
    pub(crate) sms: Option<SmsMfaConfigType>,
    pub(crate) email: Option<EmailMfaConfigType>,
    /// Stored and described; passkeys are not answered.
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

/// What the pool does with devices: the console's three choices, and whether a remembered one
/// stands in for MFA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DevicePolicy {
    /// "Don't remember": nothing is tracked, and a device key is ignored.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remember {
    /// At once.
    Always,
    /// When its user says so.
    OptIn,
}

impl Pool {
    pub(crate) fn load(cx: &mut Context<'_, '_>, id: &str) -> Result<Self, ServiceError> {
        cx.tx
            .find(id)?
            .ok_or_else(|| ServiceError::not_found(format!("User pool {id} does not exist.")))
    }

    /// The part of the id that SRP hashes: what follows the first `_`.
    pub(crate) fn srp_name(&self) -> &str {
        self.id.split_once('_').map_or("", |(_, name)| name)
    }

    /// Any `DeviceConfiguration`, even `{false, false}`, switches tracking on.
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

    /// A name as the pool compares names: as it is, or in lower case if case makes no difference.
    pub(crate) fn fold(&self, name: &str) -> String {
        let configuration = self.description.username_configuration.as_ref();
        let has_case = configuration
            .map_or(self.names_have_case, |configuration| configuration.case_sensitive);
        if has_case { name.to_owned() } else { name.to_lowercase() }
    }

    /// A new username as the pool keeps it: one that was made case-insensitive shows its names in
    /// lower case.
    pub(crate) fn username(&self, name: &str) -> String {
        match &self.description.username_configuration {
            Some(configuration) if !configuration.case_sensitive => name.to_lowercase(),
            _ => name.to_owned(),
        }
    }

    /// What users sign in with in place of a username, if so: then the internal name is the `sub`.
    pub(crate) fn username_attributes(&self) -> &[UsernameAttributeType] {
        self.description.username_attributes.as_deref().unwrap_or_default()
    }

    /// Whether the pool has its users prove addresses of this kind.
    pub(crate) fn verifies(&self, medium: Medium) -> bool {
        let verified = self.description.auto_verified_attributes.as_deref().unwrap_or_default();
        verified.contains(&verified_attribute(medium))
    }

    /// Refuses the name of an attribute that users of this pool can't have.
    pub(crate) fn check_attribute(&self, name: &str) -> Result<(), ServiceError> {
        self.attribute(name).map(drop)
    }

    /// Refuses a value that the attribute of this name can't have.
    pub(crate) fn check_value(&self, name: &str, value: &str) -> Result<(), ServiceError> {
        schema::check_value(self.attribute(name)?, value)
    }

    /// What the schema says of an attribute. `sub` is the service's own.
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

    /// Whether an attribute may change once it was given.
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
