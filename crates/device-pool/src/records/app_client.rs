//! App clients: the flows that they may use, and the lifetimes of their tokens.

use std::sync::Arc;
use std::time::Duration;

use device_wire::enums::{
    ExplicitAuthFlowsType, FeatureType, PreventUserExistenceErrorTypes, TimeUnitsType,
};
use device_wire::shapes::{TokenValidityUnitsType, UserPoolClientType};
use device_wire::{ErrorCode, Sensitive, sentence};
use serde::{Deserialize, Serialize};
use subtle::{Choice, ConstantTimeEq};

use crate::command::context::Context;
use crate::command::transaction::{Entity, id_of};
use crate::error::ServiceError;
use crate::host::moment::{days, hours, minutes};
use crate::records::client_secret::ClientSecret;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::store::Table;

/// An app client, stored in the shape of `DescribeUserPoolClient`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AppClient {
    pub(crate) id: String,
    pub(crate) pool_id: String,
    /// All but the secret, which [`AppClient::shared`] moves to `secrets`.
    pub(crate) description: UserPoolClientType,
    /// The oldest first. Records of earlier releases have the one in their description.
    #[serde(default)]
    pub(crate) secrets: Vec<ClientSecret>,
}

impl Entity for AppClient {
    const TABLE: Table = Table::Client;

    fn id(&self) -> String {
        self.id.clone()
    }
}

/// A client's entry in its pool, `<pool>/<client>`, for listing the clients.
#[derive(Serialize, Deserialize)]
pub(crate) struct PoolClient {
    pub(crate) pool_id: String,
    pub(crate) client_id: String,
}

impl Entity for PoolClient {
    const TABLE: Table = Table::PoolClient;

    fn id(&self) -> String {
        id_of([&self.pool_id, &self.client_id])
    }
}

/// A way to start a sign-in, which a client may be allowed to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthFlow {
    UserSrp,
    UserPassword,
    AdminPassword,
    /// `USER_AUTH`.
    UserChoice,
    Custom,
    Refresh,
}

impl AuthFlow {
    /// The setting that allows this flow.
    const fn setting(self) -> ExplicitAuthFlowsType {
        match self {
            Self::UserSrp => ExplicitAuthFlowsType::AllowUserSrpAuth,
            Self::UserPassword => ExplicitAuthFlowsType::AllowUserPasswordAuth,
            Self::AdminPassword => ExplicitAuthFlowsType::AllowAdminUserPasswordAuth,
            Self::UserChoice => ExplicitAuthFlowsType::AllowUserAuth,
            Self::Custom => ExplicitAuthFlowsType::AllowCustomAuth,
            Self::Refresh => ExplicitAuthFlowsType::AllowRefreshTokenAuth,
        }
    }

    const fn flow(self) -> &'static str {
        match self {
            Self::UserSrp => "USER_SRP_AUTH",
            Self::UserPassword => "USER_PASSWORD_AUTH",
            Self::AdminPassword => "ADMIN_USER_PASSWORD_AUTH",
            Self::UserChoice => "USER_AUTH",
            Self::Custom => "CUSTOM_AUTH",
            Self::Refresh => "REFRESH_TOKEN_AUTH",
        }
    }
}

impl AppClient {
    /// Loads a client, to change or describe it.
    pub(crate) fn load(cx: &mut Context<'_, '_>, id: &str) -> Result<Self, ServiceError> {
        Self::shared(cx, id).map(Arc::unwrap_or_clone)
    }

    /// Loads a client, decoded only if it has changed. Its secrets are opened each time.
    pub(crate) fn shared(cx: &mut Context<'_, '_>, id: &str) -> Result<Arc<Self>, ServiceError> {
        let client: Option<Arc<Self>> = cx.tx.find_shared(id)?;
        let mut client = client.ok_or_else(|| {
            ServiceError::not_found(format!("User pool client {id} does not exist."))
        })?;
        if client.description.client_secret.is_some() || !client.secrets.is_empty() {
            let opened = Arc::make_mut(&mut client);
            let in_clear = opened.description.client_secret.take();
            opened.open_secrets(cx, in_clear)?;
        }
        cx.notes.client_id = Some(client.id.clone());
        Ok(client)
    }

    fn open_secrets(
        &mut self,
        cx: &mut Context<'_, '_>,
        in_clear: Option<Sensitive<String>>,
    ) -> Result<(), ServiceError> {
        let keys: Option<Arc<PoolKeys>> = cx.tx.find_shared(&self.pool_id)?;
        let keys = keys.ok_or_else(|| {
            ServiceError::not_found(format!("User pool {} does not exist.", self.pool_id))
        })?;
        if let Some(value) = in_clear {
            // The id stays the same until the record is written, sealed, by the next change.
            let secret = ClientSecret::new(cx, &keys, &self.id, self.id.clone(), value)?;
            self.secrets.insert(0, secret);
        }
        self.secrets.iter_mut().try_for_each(|secret| secret.open(&keys, &self.id))
    }

    /// Loads a client of this pool, for administrators.
    pub(crate) fn of_pool(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        id: &str,
    ) -> Result<Self, ServiceError> {
        Self::shared_of_pool(cx, pool, id).map(Arc::unwrap_or_clone)
    }

    /// As [`Self::of_pool`] and [`Self::shared`].
    pub(crate) fn shared_of_pool(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        id: &str,
    ) -> Result<Arc<Self>, ServiceError> {
        let client = Self::shared(cx, id)?;
        if client.pool_id != pool.id {
            return Err(ServiceError::not_found(format!("User pool client {id} does not exist.")));
        }
        Ok(client)
    }

    /// Refuses a flow that the client does not allow.
    ///
    /// A client without settings allows SRP, custom authentication and refresh. One that has only
    /// the legacy settings keeps SRP and refresh.
    pub(crate) fn permit(&self, flow: AuthFlow) -> Result<(), ServiceError> {
        let named = self.description.explicit_auth_flows.as_deref().unwrap_or_default();
        let allowed = if named.iter().any(|flow| flow.as_str().starts_with("ALLOW_")) {
            named.contains(&flow.setting())
        } else {
            match flow {
                AuthFlow::UserSrp => !named.contains(&ExplicitAuthFlowsType::CustomAuthFlowOnly),
                AuthFlow::UserPassword => named.contains(&ExplicitAuthFlowsType::UserPasswordAuth),
                AuthFlow::AdminPassword => named.contains(&ExplicitAuthFlowsType::AdminNoSrpAuth),
                AuthFlow::UserChoice => false,
                AuthFlow::Custom => {
                    named.is_empty() || named.contains(&ExplicitAuthFlowsType::CustomAuthFlowOnly)
                }
                AuthFlow::Refresh => true,
            }
        };
        if allowed {
            Ok(())
        } else {
            Err(ServiceError::invalid(format!("{} flow not enabled for this client", flow.flow())))
        }
    }

    /// Checks `SECRET_HASH` against the username exactly as the request carries it. Any of the
    /// client's secrets will do.
    pub(crate) fn check_secret_hash(
        &self,
        username: &str,
        given: Option<&str>,
    ) -> Result<(), ServiceError> {
        match (self.secrets.is_empty(), given) {
            (true, None) => Ok(()),
            (true, Some(_)) => Err(self.unverified_secret()),
            (false, None) => Err(ServiceError::not_authorized(format!(
                "Client {} is configured with secret but SECRET_HASH was not received",
                self.id
            ))),
            (false, Some(given)) => {
                let hash = |secret: &str| device_srp::secret_hash(username, &self.id, secret);
                if self.any_secret(|secret| hash(secret).as_bytes().ct_eq(given.as_bytes())) {
                    Ok(())
                } else {
                    Err(self.unverified_secret())
                }
            }
        }
    }

    /// Whether one of the secrets matches. All are compared, so timing does not tell which.
    fn any_secret(&self, matches: impl Fn(&str) -> Choice) -> bool {
        let matched = self.secrets.iter().map(|secret| matches(&secret.value));
        bool::from(matched.fold(Choice::from(0), |any, this| any | this))
    }

    fn unverified_secret(&self) -> ServiceError {
        ServiceError::not_authorized(format!("Unable to verify secret hash for client {}", self.id))
    }

    /// Checks the client secret itself, which the token operations carry.
    pub(crate) fn check_secret(&self, given: Option<&str>) -> Result<(), ServiceError> {
        let matches = match (self.secrets.is_empty(), given) {
            (true, _) => true,
            (false, None) => false,
            (false, Some(given)) => {
                self.any_secret(|secret| secret.as_bytes().ct_eq(given.as_bytes()))
            }
        };
        if matches {
            Ok(())
        } else {
            Err(ServiceError::not_authorized(format!(
                "Unable to verify secret for client {}",
                self.id
            )))
        }
    }

    /// Whether an unknown user must look like a wrong password.
    pub(crate) fn hides_users(&self) -> bool {
        self.description.prevent_user_existence_errors
            == Some(PreventUserExistenceErrorTypes::Enabled)
    }

    /// The refusal for an unknown user, as detailed as this client's setting permits.
    pub(crate) fn unknown_user(&self) -> ServiceError {
        if self.hides_users() {
            ServiceError::not_authorized(sentence::INCORRECT_CREDENTIALS)
        } else {
            ServiceError::new(ErrorCode::UserNotFound, "User does not exist.")
        }
    }

    /// Whether each refresh replaces the refresh token.
    pub(crate) fn rotates(&self) -> bool {
        let rotation = self.description.refresh_token_rotation.as_ref();
        rotation.is_some_and(|rotation| rotation.feature == FeatureType::Enabled)
    }

    /// How long a replaced refresh token is still accepted, since clients retry.
    pub(crate) fn rotation_grace(&self) -> Duration {
        let rotation = self.description.refresh_token_rotation.as_ref();
        let grace = rotation.and_then(|rotation| rotation.retry_grace_period_seconds);
        Duration::from_secs(grace.and_then(|seconds| seconds.try_into().ok()).unwrap_or(0))
    }

    /// Whether users may write this attribute through the client. A client without a list may write
    /// all.
    pub(crate) fn may_write(&self, attribute: &str) -> bool {
        let named = self.description.write_attributes.as_deref().unwrap_or_default();
        named.is_empty() || named.iter().any(|name| name == attribute)
    }

    /// Whether the client may read this attribute of its users.
    ///
    /// A client without a list reads all attributes except those reserved for administrators. Every
    /// client may read `sub`.
    pub(crate) fn may_read(&self, attribute: &str) -> bool {
        let named = self.description.read_attributes.as_deref().unwrap_or_default();
        let readable = named.is_empty() || named.iter().any(|name| name == attribute);
        attribute == "sub" || readable && !attribute.starts_with("dev:")
    }

    /// The lifetime of a challenge session.
    pub(crate) fn session_life(&self) -> Duration {
        let given = self.description.auth_session_validity;
        minutes(given.and_then(|minutes| minutes.try_into().ok()).unwrap_or(3))
    }

    /// The lifetime of an access token.
    pub(crate) fn access_token_life(&self) -> Duration {
        let unit = self.units().and_then(|u| u.access_token.as_ref());
        life(self.description.access_token_validity, unit, TimeUnitsType::Hours, hours(1))
    }

    /// The lifetime of an id token.
    pub(crate) fn id_token_life(&self) -> Duration {
        let unit = self.units().and_then(|u| u.id_token.as_ref());
        life(self.description.id_token_validity, unit, TimeUnitsType::Hours, hours(1))
    }

    /// The lifetime of a refresh token.
    pub(crate) fn refresh_token_life(&self) -> Duration {
        let unit = self.units().and_then(|u| u.refresh_token.as_ref());
        life(self.description.refresh_token_validity, unit, TimeUnitsType::Days, days(30))
    }

    fn units(&self) -> Option<&TokenValidityUnitsType> {
        self.description.token_validity_units.as_ref()
    }
}

/// A setting of 0 means the default, as in the service.
fn life(
    value: Option<i32>,
    unit: Option<&TimeUnitsType>,
    default_unit: TimeUnitsType,
    default: Duration,
) -> Duration {
    let value = value.and_then(|value| u64::try_from(value).ok()).unwrap_or(0);
    if value == 0 {
        return default;
    }
    match unit.unwrap_or(&default_unit) {
        TimeUnitsType::Seconds => Duration::from_secs(value),
        TimeUnitsType::Minutes => minutes(value),
        TimeUnitsType::Hours => hours(value),
        _ => days(value),
    }
}
