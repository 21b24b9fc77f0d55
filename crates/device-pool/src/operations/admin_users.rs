//! Users, as administrators make and see them.

use std::collections::BTreeMap;

use device_wire::{
    AdminCreateUserRequest, AdminCreateUserResponse, AdminGetUserRequest, AdminGetUserResponse,
    AdminSetUserPasswordRequest, AdminSetUserPasswordResponse, AttributeType, ErrorCode, MessageActionType,
    Sensitive, Timestamp, UserStatusType, UsernameAttributeType,
};

use crate::context::Context;
use crate::error::ServiceError;
use crate::pool::Pool;
use crate::user::{Login, MfaPreference, User};

/// `AdminCreateUser`.
pub(crate) fn create(
    cx: &mut Context<'_, '_>,
    request: AdminCreateUserRequest,
) -> Result<AdminCreateUserResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    if request.message_action == Some(MessageActionType::Resend) {
        return Err(ServiceError::invalid("RESEND is not supported: this server delivers no messages yet"));
    }
    let mut attributes = attributes(&pool, request.user_attributes.unwrap_or_default())?;
    let sub = cx.uuid().to_string();
    let given = request.username.as_str();
    // In a pool whose users sign in with an e-mail address or phone number, that is an attribute and the internal
    // name is the sub.
    let username = match pool.username_attributes() {
        [] => given.to_owned(),
        kinds => {
            let attribute = if given.contains('@') {
                UsernameAttributeType::Email
            } else {
                UsernameAttributeType::PhoneNumber
            };
            if !kinds.contains(&attribute)
                || (attribute == UsernameAttributeType::PhoneNumber && !is_phone(given))
            {
                return Err(ServiceError::invalid(
                    "Username should be an email or phone number, as the pool requires.",
                ));
            }
            attributes.insert(attribute.as_str().to_owned(), Sensitive::from(given.to_owned()));
            sub.clone()
        }
    };
    if User::by_login(cx, &pool, given)?.is_some() {
        return Err(ServiceError::new(ErrorCode::UsernameExists, "User account already exists"));
    }
    let now = cx.now();
    let mut user = User {
        pool_id: pool.id.clone(),
        username,
        sub,
        status: UserStatusType::ForceChangePassword,
        enabled: true,
        attributes,
        created: now,
        modified: now,
        password: None,
        software_token: None,
        pending_token: None,
        mfa: MfaPreference::default(),
        signed_out_at: None,
    };
    if let Some(password) = &request.temporary_password {
        user.set_password(cx, &pool, password, UserStatusType::ForceChangePassword)?;
    }
    for name in [given, &user.username, &user.sub] {
        let name = Sensitive::from(pool.fold(name));
        cx.tx.put(&Login { pool_id: pool.id.clone(), name, username: user.username.clone() })?;
    }
    cx.tx.put(&user)?;
    Ok(AdminCreateUserResponse { user: Some(user.describe()) })
}

fn attributes(
    pool: &Pool,
    given: Vec<AttributeType>,
) -> Result<BTreeMap<String, Sensitive<String>>, ServiceError> {
    given
        .into_iter()
        .map(|AttributeType { name, value }| {
            pool.check_attribute(&name)?;
            Ok((name, value.unwrap_or_default()))
        })
        .collect()
}

/// E.164: a plus sign and up to fifteen digits.
fn is_phone(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (1..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
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
    user.set_password(cx, &pool, &request.password, status)?;
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
        user_attributes: Some(user.attribute_list()),
        user_create_date: Some(Timestamp::from_millis(user.created)),
        user_last_modified_date: Some(Timestamp::from_millis(user.modified)),
        enabled: Some(user.enabled),
        user_status: Some(user.status.clone()),
        preferred_mfa_setting: user.preferred_mfa(),
        user_mfa_setting_list: user.mfa_settings(),
        ..AdminGetUserResponse::new(user.username.clone())
    })
}
