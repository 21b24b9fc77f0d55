//! Users: managed by administrators; described and deleted by themselves.

use device_wire::enums::{DeliveryMediumType, MessageActionType, UserStatusType};
use device_wire::requests::{
    AdminCreateUserRequest, AdminDeleteUserRequest, AdminDisableUserRequest,
    AdminEnableUserRequest, AdminGetUserRequest, AdminSetUserPasswordRequest, DeleteUserRequest,
    GetUserRequest,
};
use device_wire::responses::{
    AdminCreateUserResponse, AdminDisableUserResponse, AdminEnableUserResponse,
    AdminGetUserResponse, AdminSetUserPasswordResponse, GetUserResponse,
};
use device_wire::{ErrorCode, Sensitive, Timestamp};

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::host::message::Medium;
use crate::records::address::Address;
use crate::records::login::Login;
use crate::records::password;
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::records::user_profile::UserProfile;
use crate::rules::caller::Caller;
use crate::rules::message_triggers::{Reason, Situation};
use crate::rules::names::AliasConflict;
use crate::rules::new_users::new_user;
use crate::rules::profile::{self, Author};
use crate::rules::sign_up_triggers::{self, Given};
use crate::rules::triggers::{NO_CLIENT, metadata};
use crate::rules::{lockout, stand_ins, user_deletion};

/// `AdminCreateUser`. `RESEND` invites a user who has not signed in yet again, with a new temporary
/// password.
pub(crate) fn create(
    cx: &mut Context<'_, '_>,
    request: AdminCreateUserRequest,
) -> Result<AdminCreateUserResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let existing = User::by_login(cx, &pool, &request.username)?;
    let resend = request.message_action == Some(MessageActionType::Resend);
    let mut user = match existing {
        Some(user) if resend => user,
        Some(_) => {
            return Err(ServiceError::new(
                ErrorCode::UsernameExists,
                "User account already exists",
            ));
        }
        None if resend => {
            return Err(ServiceError::new(ErrorCode::UserNotFound, "User does not exist."));
        }
        None => {
            let given = request.user_attributes.unwrap_or_default();
            let attributes = profile::initial(&pool, Author::Administrator, given)?;
            let status = UserStatusType::ForceChangePassword;
            let (mut user, mut profile) =
                new_user(cx, &pool, &request.username, status, attributes)?;
            let given = Given {
                validation: request.validation_data,
                metadata: request.client_metadata.clone(),
            };
            let source = "PreSignUp_AdminCreateUser";
            sign_up_triggers::before(cx, source, &pool, NO_CLIENT, &user, &profile, given)?
                .verify(&mut user, &mut profile);
            profile.put(cx, &user)?;
            let taken = match request.force_alias_creation {
                Some(true) => AliasConflict::TakeOver,
                _ => AliasConflict::Refuse,
            };
            Login::update(cx, &pool, None, &user, taken)?;
            stand_ins::note_name(cx, &pool, &user)?;
            user
        }
    };
    cx.notes.subject = Some(user.subject());
    if user.status != UserStatusType::ForceChangePassword {
        return Err(ServiceError::new(
            ErrorCode::UnsupportedUserState,
            format!("Resend not possible. User status is {}", user.status.as_str()),
        ));
    }
    let invited = match request.message_action {
        Some(MessageActionType::Suppress) => Vec::new(),
        _ => addresses(&user, request.desired_delivery_mediums.as_deref()),
    };
    // A generated password is useless if no one can receive it.
    let password = match request.temporary_password {
        Some(password) => Some(password),
        None if invited.is_empty() => None,
        None => Some(Sensitive::from(password::random(cx, &pool.password_policy()))),
    };
    if let Some(password) = password {
        user.set_password(cx, &pool, &password, UserStatusType::ForceChangePassword)?;
        let metadata = metadata(request.client_metadata);
        let situation = Situation::AdminCreateUser;
        let reason = Reason { situation, client_id: NO_CLIENT, metadata };
        for address in invited {
            address.send(cx, &pool, &user, &reason, &password)?;
        }
    }
    cx.tx.put(&user)?;
    let profile = UserProfile::of(cx, &user)?;
    Ok(AdminCreateUserResponse { user: Some(profile.describe(&user)) })
}

/// The destinations of an invitation: by the requested media, or the first that reaches the user.
fn addresses(user: &User, desired: Option<&[DeliveryMediumType]>) -> Vec<Address> {
    let reach = |medium| Address::of(user, medium);
    match desired {
        Some(desired) if !desired.is_empty() => [Medium::Sms, Medium::Email]
            .into_iter()
            .filter(|medium| desired.contains(&medium.on_wire()))
            .filter_map(reach)
            .collect(),
        _ => [Medium::Sms, Medium::Email].into_iter().find_map(reach).into_iter().collect(),
    }
}

/// `AdminEnableUser`.
pub(crate) fn enable(
    cx: &mut Context<'_, '_>,
    request: AdminEnableUserRequest,
) -> Result<AdminEnableUserResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let mut user = User::for_admin(cx, &pool, &request.username)?;
    user.enabled = true;
    user.modified = cx.now();
    cx.tx.put(&user)?;
    Ok(AdminEnableUserResponse {})
}

/// `AdminDisableUser`: the user may not sign in, and every token is revoked. Devices stay.
pub(crate) fn disable(
    cx: &mut Context<'_, '_>,
    request: AdminDisableUserRequest,
) -> Result<AdminDisableUserResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let mut user = User::for_admin(cx, &pool, &request.username)?;
    user.enabled = false;
    user.modified = cx.now();
    user.sign_out_everywhere(cx.now());
    cx.tx.put(&user)?;
    Ok(AdminDisableUserResponse {})
}

/// `AdminDeleteUser`.
pub(crate) fn admin_delete(
    cx: &mut Context<'_, '_>,
    request: AdminDeleteUserRequest,
) -> Result<(), ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let user = User::for_admin(cx, &pool, &request.username)?;
    user_deletion::begin(cx, &pool, &user)
}

/// `DeleteUser`.
pub(crate) fn delete(
    cx: &mut Context<'_, '_>,
    request: DeleteUserRequest,
) -> Result<(), ServiceError> {
    let Caller { pool, user, .. } = Caller::authenticate(cx, &request.access_token)?;
    user_deletion::begin(cx, &pool, &user)
}

/// `AdminSetUserPassword`.
pub(crate) fn set_password(
    cx: &mut Context<'_, '_>,
    request: AdminSetUserPasswordRequest,
) -> Result<AdminSetUserPasswordResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let mut user = User::for_admin(cx, &pool, &request.username)?;
    let status = match request.permanent {
        Some(true) => UserStatusType::Confirmed,
        _ => UserStatusType::ForceChangePassword,
    };
    let before = user.clone();
    user.replace_password(cx, &pool, &request.password, status)?;
    lockout::lift_by_administrator(cx, &user)?;
    // This may confirm the account, and confirmed users have a claim to their preferred name.
    Login::update(cx, &pool, Some(&before), &user, AliasConflict::Refuse)?;
    cx.tx.put(&user)?;
    Ok(AdminSetUserPasswordResponse {})
}

/// `AdminGetUser`.
pub(crate) fn describe(
    cx: &mut Context<'_, '_>,
    request: AdminGetUserRequest,
) -> Result<AdminGetUserResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let user = User::for_admin(cx, &pool, &request.username)?;
    Ok(AdminGetUserResponse {
        user_attributes: Some(UserProfile::of(cx, &user)?.list(&user)),
        user_create_date: Some(Timestamp::from(user.created)),
        user_last_modified_date: Some(Timestamp::from(user.modified)),
        enabled: Some(user.enabled),
        user_status: Some(user.status.clone()),
        preferred_mfa_setting: user.preferred_mfa(),
        user_mfa_setting_list: user.mfa_settings(),
        ..AdminGetUserResponse::new(user.username.clone())
    })
}

/// `GetUser`, limited to the attributes that the client may read.
pub(crate) fn current(
    cx: &mut Context<'_, '_>,
    request: GetUserRequest,
) -> Result<GetUserResponse, ServiceError> {
    let caller = Caller::authenticate(cx, &request.access_token)?;
    let client = caller.client(cx)?;
    let user = caller.user;
    let mut attributes = UserProfile::of(cx, &user)?.list(&user);
    attributes.retain(|attribute| client.may_read(&attribute.name));
    Ok(GetUserResponse {
        preferred_mfa_setting: user.preferred_mfa(),
        user_mfa_setting_list: user.mfa_settings(),
        ..GetUserResponse::new(user.username, attributes)
    })
}
