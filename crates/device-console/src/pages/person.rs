//! What several pages show of a user.

use device_pool::ServiceError;
use device_wire::enums::UserStatusType;
use device_wire::requests::AdminGetUserRequest;
use device_wire::responses::AdminGetUserResponse;
use device_wire::shapes::{AttributeType, UserType};
use maud::{Markup, html};

use crate::visit::Visit;

/// A user as administrators see one.
pub(super) struct Person(AdminGetUserResponse);

impl From<AdminGetUserResponse> for Person {
    fn from(answer: AdminGetUserResponse) -> Self {
        Self(answer)
    }
}

impl Person {
    pub(super) async fn load(
        visit: &Visit,
        pool_id: &str,
        user: &str,
    ) -> Result<Self, ServiceError> {
        visit.call(&AdminGetUserRequest::new(pool_id, user)).await.map(Self)
    }

    /// As the API describes the user.
    pub(super) fn described(&self) -> &AdminGetUserResponse {
        &self.0
    }

    pub(super) fn name(&self) -> &str {
        self.0.username.as_str()
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.0.enabled != Some(false)
    }

    pub(super) fn status(&self) -> Option<&UserStatusType> {
        self.0.user_status.as_ref()
    }

    pub(super) fn attributes(&self) -> &[AttributeType] {
        self.0.user_attributes.as_deref().unwrap_or_default()
    }

    /// As a list has it.
    pub(super) fn into_listed(self) -> UserType {
        UserType {
            username: Some(self.0.username),
            attributes: self.0.user_attributes,
            user_create_date: self.0.user_create_date,
            user_last_modified_date: self.0.user_last_modified_date,
            enabled: self.0.enabled,
            user_status: self.0.user_status,
            ..UserType::default()
        }
    }
}

/// How an account stands, as a badge.
pub(super) fn state(status: Option<&UserStatusType>, enabled: Option<bool>) -> Markup {
    let text = match status {
        Some(UserStatusType::Confirmed) => "Confirmed",
        Some(UserStatusType::Unconfirmed) => "Unconfirmed",
        Some(UserStatusType::ForceChangePassword) => "Must change password",
        Some(UserStatusType::ResetRequired) => "Must reset password",
        Some(other) => other.as_str(),
        None => "Unknown",
    };
    let is_good = status == Some(&UserStatusType::Confirmed);
    html! {
        @if enabled == Some(false) { span.badge.bad { "Disabled" } " " }
        span.badge.good[is_good] { (text) }
    }
}
