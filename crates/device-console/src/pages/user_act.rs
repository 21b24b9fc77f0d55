//! What an administrator does with a user. Each is confirmed, and says beforehand what it does.

use axum::extract::{Form, Path, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use device_pool::ServiceError;
use device_wire::enums::UserStatusType;
use device_wire::requests::{
    AdminAddUserToGroupRequest, AdminConfirmSignUpRequest, AdminDeleteUserRequest,
    AdminDisableUserRequest, AdminEnableUserRequest, AdminForgetDeviceRequest,
    AdminListDevicesRequest, AdminRemoveUserFromGroupRequest, AdminResetUserPasswordRequest,
    AdminRevokeUserSessionRequest, AdminSetUserPasswordRequest, AdminUserGlobalSignOutRequest,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::person::Person;
use super::pool::Pool;
use crate::html::confirm::Question;
use crate::html::field;
use crate::html::frame::{Place, Tab};
use crate::html::notice::refusal;
use crate::html::url;
use crate::problem::{self, Problem};
use crate::visit::Visit;

/// What can be done with a user.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Act {
    Confirm,
    SetPassword,
    ResetPassword,
    SignOut,
    AddToGroup,
    RemoveFromGroup,
    Disable,
    Enable,
    Delete,
    ForgetDevices,
    EndSession,
}

impl Act {
    /// Those that a user's page offers at its top.
    pub(super) fn offered(person: &Person) -> Vec<Self> {
        let mut acts = Vec::new();
        if person.status() == Some(&UserStatusType::Unconfirmed) {
            acts.push(Self::Confirm);
        }
        acts.extend([Self::SetPassword, Self::ResetPassword, Self::SignOut]);
        acts.extend([Self::AddToGroup, Self::RemoveFromGroup]);
        acts.push(if person.is_enabled() { Self::Disable } else { Self::Enable });
        acts.push(Self::Delete);
        acts
    }

    pub(super) fn slug(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::SetPassword => "set-password",
            Self::ResetPassword => "reset-password",
            Self::SignOut => "sign-out",
            Self::AddToGroup => "add-to-group",
            Self::RemoveFromGroup => "remove-from-group",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Delete => "delete",
            Self::ForgetDevices => "forget-devices",
            Self::EndSession => "end-session",
        }
    }

    /// The text of its link and of its button.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Confirm => "Confirm sign-up",
            Self::SetPassword => "Set a password",
            Self::ResetPassword => "Reset the password",
            Self::SignOut => "Sign out everywhere",
            Self::AddToGroup => "Add to a group",
            Self::RemoveFromGroup => "Remove from a group",
            Self::Disable => "Disable",
            Self::Enable => "Enable",
            Self::Delete => "Delete",
            Self::ForgetDevices => "Forget all devices",
            Self::EndSession => "End this session",
        }
    }

    fn effects(self) -> &'static [&'static str] {
        match self {
            Self::Confirm => &["The account is confirmed without a code, and can sign in."],
            Self::SetPassword => &[
                "The old password stops working at once.",
                "A temporary one must be changed at the next sign-in; a permanent one need not.",
                "Devices stay as they are. A lockout is lifted.",
            ],
            Self::ResetPassword => &[
                "The password stops working. The user is sent a code to choose a new one.",
                "Without a verified e-mail address or phone number this is refused.",
            ],
            Self::SignOut => &[
                "Every refresh token and access token of this user is revoked.",
                "Devices stay: the next sign-in is as usual.",
            ],
            Self::AddToGroup => &["New tokens of this user name the group."],
            Self::RemoveFromGroup => &["New tokens of this user no longer name the group."],
            Self::Disable => &[
                "The user cannot sign in, and every token is revoked.",
                "Nothing is deleted: devices, attributes and the password stay.",
            ],
            Self::Enable => &["The user can sign in again, with the devices from before."],
            Self::Delete => {
                &["The user, all names, devices and codes are removed.", "This cannot be undone."]
            }
            Self::ForgetDevices => &[
                "No device of this user is tracked any more, and no key is accepted again.",
                "A code is asked for at the next sign-in on each, where MFA is on.",
            ],
            Self::EndSession => &["Its refresh token stops working. The device stays."],
        }
    }

    pub(super) fn is_final(self) -> bool {
        matches!(self, Self::Delete | Self::ForgetDevices)
    }
}

/// What is typed in beside a confirmation.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Typed {
    password: String,
    permanent: Option<String>,
    group: String,
    session: String,
}

type Named = Path<(String, String, Act)>;

/// `GET /console/pools/<pool>/users/<user>/act/<act>`
pub(crate) async fn ask(
    visit: Visit,
    Path((pool_id, user, act)): Named,
    Query(typed): Query<Typed>,
) -> Result<Html<String>, Problem> {
    page(&visit, &pool_id, &user, act, &typed, None).await
}

/// `POST` to the same.
pub(crate) async fn run(
    visit: Visit,
    Path((pool_id, user, act)): Named,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    if let Err(error) = perform(&visit, &pool_id, &user, act, &typed).await {
        let said = problem::said(&error);
        let page = page(&visit, &pool_id, &user, act, &typed, Some(&said)).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let there = match act {
        Act::Delete => url::path(&["pools", &pool_id, "users"]) + "?done=user-deleted",
        Act::ForgetDevices => {
            url::path(&["pools", &pool_id, "users", &user]) + "?done=devices-forgotten#devices"
        }
        Act::EndSession => url::path(&["pools", &pool_id, "users", &user]) + "?done=session-ended",
        _ => url::path(&["pools", &pool_id, "users", &user]) + "?done=user-changed",
    };
    Ok(Redirect::to(&there).into_response())
}

async fn perform(
    visit: &Visit,
    pool_id: &str,
    user: &str,
    act: Act,
    typed: &Typed,
) -> Result<(), ServiceError> {
    match act {
        Act::Confirm => visit.call(&AdminConfirmSignUpRequest::new(pool_id, user)).await.map(drop),
        Act::SetPassword => {
            let request = AdminSetUserPasswordRequest {
                permanent: Some(typed.permanent.is_some()),
                ..AdminSetUserPasswordRequest::new(pool_id, user, &*typed.password)
            };
            visit.call(&request).await.map(drop)
        }
        Act::ResetPassword => {
            visit.call(&AdminResetUserPasswordRequest::new(pool_id, user)).await.map(drop)
        }
        Act::SignOut => {
            visit.call(&AdminUserGlobalSignOutRequest::new(pool_id, user)).await.map(drop)
        }
        Act::AddToGroup => {
            let group = typed.group.trim();
            visit.call(&AdminAddUserToGroupRequest::new(pool_id, user, group)).await
        }
        Act::RemoveFromGroup => {
            let group = typed.group.trim();
            visit.call(&AdminRemoveUserFromGroupRequest::new(pool_id, user, group)).await
        }
        Act::Disable => visit.call(&AdminDisableUserRequest::new(pool_id, user)).await.map(drop),
        Act::Enable => visit.call(&AdminEnableUserRequest::new(pool_id, user)).await.map(drop),
        Act::Delete => visit.call(&AdminDeleteUserRequest::new(pool_id, user)).await,
        Act::ForgetDevices => forget_all(visit, pool_id, user).await,
        Act::EndSession => {
            let session = &*typed.session;
            let request = AdminRevokeUserSessionRequest::new(pool_id, user, session);
            visit.call(&request).await.map(drop)
        }
    }
}

/// Forgets devices until there are none.
async fn forget_all(visit: &Visit, pool_id: &str, user: &str) -> Result<(), ServiceError> {
    loop {
        let list = AdminListDevicesRequest::new(pool_id, user);
        let devices = visit.call(&list).await?.devices.unwrap_or_default();
        if devices.is_empty() {
            return Ok(());
        }
        for key in devices.into_iter().filter_map(|device| device.device_key) {
            visit.call(&AdminForgetDeviceRequest::new(pool_id, user, key)).await?;
        }
    }
}

async fn page(
    visit: &Visit,
    pool_id: &str,
    user: &str,
    act: Act,
    typed: &Typed,
    refused: Option<&str>,
) -> Result<Html<String>, Problem> {
    let pool = Pool::load(visit, pool_id).await?;
    let person = Person::load(visit, pool_id, user).await?;
    let back = url::path(&["pools", pool_id, "users", user]);
    let title = format!("{}: {}", act.label(), person.name());
    let body = html! {
        @if let Some(refused) = refused { (refusal(refused)) }
        (visit.ask(&Question {
            effects: act.effects(),
            button: act.label(),
            is_final: act.is_final(),
            fields: fields(act, typed),
            action: &url::path(&["pools", pool_id, "users", user, "act", act.slug()]),
            cancel: &back,
        }))
    };
    let users = url::path(&["pools", pool_id, "users"]);
    let place = Place::of_pool(&title, pool.named(), Tab::Users)
        .below("Users", users)
        .below(person.name(), back.clone());
    Ok(visit.page(&place, &body))
}

fn fields(act: Act, typed: &Typed) -> Markup {
    match act {
        // Not filled in again: a password does not come back in a page.
        Act::SetPassword => html! {
            (field::text("password", "New password", "As the pool's password policy says.",
                "password", "", false))
            (field::switch("permanent", "Permanent", "The user need not change it.",
                typed.permanent.is_some(), false))
        },
        Act::AddToGroup | Act::RemoveFromGroup => {
            field::text("group", "Group", "Its name.", "text", &typed.group, false)
        }
        Act::EndSession => html! {
            input type="hidden" name="session" value=(typed.session);
        },
        _ => html! {},
    }
}
