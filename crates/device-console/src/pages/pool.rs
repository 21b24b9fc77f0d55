//! What several pages read of a pool.

use device_pool::ServiceError;
use device_wire::enums::UserPoolMfaType;
use device_wire::requests::{
    DescribeUserPoolRequest, GetUserPoolMfaConfigRequest, UpdateUserPoolRequest,
};
use device_wire::responses::GetUserPoolMfaConfigResponse;
use device_wire::shapes::UserPoolType;

use crate::visit::Visit;

/// A pool as it is described.
pub(super) struct Pool {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: UserPoolType,
}

impl Pool {
    pub(super) async fn load(visit: &Visit, id: &str) -> Result<Self, ServiceError> {
        let answer = visit.call(&DescribeUserPoolRequest::new(id)).await?;
        let description = answer.user_pool.unwrap_or_default();
        let name = description.name.clone().unwrap_or_else(|| id.to_owned());
        Ok(Self { id: id.to_owned(), name, description })
    }

    /// Id and name, for the frame.
    pub(super) fn named(&self) -> (&str, &str) {
        (&self.id, &self.name)
    }

    /// How many users there are, as far as it is known.
    pub(super) fn users(&self) -> String {
        match self.description.estimated_number_of_users {
            Some(users) => users.to_string(),
            None => "more than 1,000".to_owned(),
        }
    }

    /// The request that leaves all settings as they are: what an update leaves out goes back to its
    /// default.
    pub(super) fn unchanged(&self) -> UpdateUserPoolRequest {
        UpdateUserPoolRequest::keeping(&self.id, self.description.clone())
    }
}

/// How a pool's second factors are set up.
pub(super) async fn mfa_of(
    visit: &Visit,
    pool_id: &str,
) -> Result<GetUserPoolMfaConfigResponse, ServiceError> {
    visit.call(&GetUserPoolMfaConfigRequest::new(pool_id)).await
}

/// Whether second factors are asked for.
pub(super) fn mfa_in_words(mode: Option<&UserPoolMfaType>) -> &'static str {
    match mode {
        Some(UserPoolMfaType::On) => "Required",
        Some(UserPoolMfaType::Optional) => "Optional",
        _ => "Off",
    }
}
