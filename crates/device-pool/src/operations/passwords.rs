//! Passwords: changed with the old one, or reset with a code.

use device_srp::Identity;
use device_wire::enums::{EventFilterType, RecoveryOptionNameType, UserStatusType};
use device_wire::requests::{
    AdminResetUserPasswordRequest, ChangePasswordRequest, ConfirmForgotPasswordRequest,
    ForgotPasswordRequest,
};
use device_wire::responses::{
    AdminResetUserPasswordResponse, ChangePasswordResponse, ConfirmForgotPasswordResponse,
    ForgotPasswordResponse,
};
use device_wire::{ErrorCode, sentence};

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::host::message::Medium;
use crate::operations::sign_up::public_client;
use crate::records::address::Address;
use crate::records::attempts::{Attempt, Attempts};
use crate::records::code::CodePurpose;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::user::User;
use crate::records::whose::Whose;
use crate::rules::account::Account;
use crate::rules::caller::Caller;
use crate::rules::codes::{self, Recipient};
use crate::rules::message_triggers::{Reason, Situation};
use crate::rules::migration::{Occasion, migrate};
use crate::rules::triggers::{NO_CLIENT, metadata};
use crate::rules::{common_passwords, lockout, sign_up_triggers};

/// `ChangePassword`.
pub(crate) fn change(
    cx: &mut Context<'_, '_>,
    request: ChangePasswordRequest,
) -> Result<ChangePasswordResponse, ServiceError> {
    let Caller { pool, mut user, claims, .. } = Caller::authenticate(cx, &request.access_token)?;
    let incorrect = || ServiceError::not_authorized(sentence::INCORRECT_CREDENTIALS);
    let attempts = Attempts::permit(cx, Whose::user(&user), Attempt::PasswordChange, None)?;
    let identity = Identity::user(pool.srp_name(), &user.username);
    let proven = match (&user.password, &request.previous_password) {
        (Some(password), Some(given)) => password.is(&identity, given)?,
        // A user without a password has none to prove.
        (None, None) => true,
        _ => false,
    };
    if !proven {
        attempts.failed(cx)?;
        return Err(incorrect());
    }
    attempts.succeeded(cx);
    let status = user.status.clone();
    let (client_id, password) = (&claims.client_id, &request.proposed_password);
    common_passwords::check(cx, &pool, client_id, &EventFilterType::PasswordChange, password)?;
    user.replace_password(cx, &pool, password, status)?;
    cx.tx.put(&user)?;
    Ok(ChangePasswordResponse {})
}

/// `ForgotPassword`. If the client hides users, the answer for an unknown user is the same.
pub(crate) fn forgot(
    cx: &mut Context<'_, '_>,
    request: ForgotPasswordRequest,
) -> Result<ForgotPasswordResponse, ServiceError> {
    let (pool, client) =
        public_client(cx, &request.client_id, &request.username, request.secret_hash.as_ref())?;
    let keys = PoolKeys::load(cx, &pool.id)?;
    let metadata = metadata(request.client_metadata);
    let occasion = Occasion::ForgottenPassword { metadata: metadata.clone() };
    migrate(cx, &pool, &keys, &client, &request.username, &occasion)?;
    let account = Account::find(cx, &pool, &keys, &client, &request.username)?;
    let recipient = recipient(&pool, &account);
    // Always create a code, so that later answers do not reveal whether a message was sent.
    let to = match &recipient {
        Ok((user, address)) => Recipient::user(user, address),
        Err(_) => Recipient::no_one(account.whose(&pool)),
    };
    codes::permit(cx, to, &CodePurpose::ForgotPassword)?;
    let code = codes::issue(cx, to, CodePurpose::ForgotPassword)?;
    let details = match recipient {
        Ok((user, address)) => {
            let situation = Situation::ForgotPassword;
            let reason = Reason { situation, client_id: &client.id, metadata };
            address.send(cx, &pool, user, &reason, &code)?;
            address.details()
        }
        Err(_) if client.hides_users() => {
            let media =
                recovery_media(&pool, None).unwrap_or_else(|| vec![Medium::Sms, Medium::Email]);
            account.pretended_details(&pool, &keys, &media)
        }
        Err(refusal) => return Err(refusal),
    };
    Ok(ForgotPasswordResponse { code_delivery_details: Some(details) })
}

/// The user who may reset the password, and the destination of the code.
fn recipient<'a>(pool: &Pool, account: &'a Account) -> Result<(&'a User, Address), ServiceError> {
    let user = account
        .user
        .as_deref()
        .ok_or_else(|| ServiceError::new(ErrorCode::UserNotFound, "User does not exist."))?;
    if !user.enabled {
        return Err(ServiceError::not_authorized(sentence::DISABLED_USER));
    }
    let address = recovery_address(pool, user)?;
    Ok((user, address))
}

/// The address that may receive the code for a password reset.
fn recovery_address(pool: &Pool, user: &User) -> Result<Address, ServiceError> {
    if user.status == UserStatusType::ForceChangePassword {
        return Err(ServiceError::not_authorized(
            "User password cannot be reset in the current state.",
        ));
    }
    let media = recovery_media(pool, Some(user))
        .ok_or_else(|| ServiceError::not_authorized("Contact administrator to reset password."))?;
    media.into_iter().find_map(|medium| Address::verified(user, medium)).ok_or_else(|| {
        ServiceError::invalid(
            "Cannot reset password for the user as there is no registered/verified email or \
             phone_number",
        )
    })
}

/// The media that may reset a password, in order of preference; `None` if only administrators may.
///
/// If the pool has a recovery setting, a medium that carries a second factor of the user is
/// excluded: its holder would have both factors. Without the setting the service keeps its older
/// behaviour.
fn recovery_media(pool: &Pool, user: Option<&User>) -> Option<Vec<Medium>> {
    let setting = pool.description.account_recovery_setting.as_ref();
    let Some(mut mechanisms) = setting.and_then(|setting| setting.recovery_mechanisms.clone())
    else {
        return Some(vec![Medium::Sms, Medium::Email]);
    };
    mechanisms.sort_by_key(|mechanism| mechanism.priority);
    let admin_only =
        mechanisms.iter().any(|mechanism| mechanism.name == RecoveryOptionNameType::AdminOnly);
    let factors = user.map(|user| user.second_factors(pool)).unwrap_or_default();
    let second_factor =
        |medium: &Medium| factors.iter().any(|factor| factor.medium() == Some(*medium));
    let media = mechanisms.iter().filter_map(|mechanism| medium_of(&mechanism.name));
    (!admin_only).then(|| media.filter(|medium| !second_factor(medium)).collect())
}

fn medium_of(mechanism: &RecoveryOptionNameType) -> Option<Medium> {
    match mechanism {
        RecoveryOptionNameType::VerifiedEmail => Some(Medium::Email),
        RecoveryOptionNameType::VerifiedPhoneNumber => Some(Medium::Sms),
        _ => None,
    }
}

/// `ConfirmForgotPassword`.
pub(crate) fn confirm_forgot(
    cx: &mut Context<'_, '_>,
    request: ConfirmForgotPasswordRequest,
) -> Result<ConfirmForgotPasswordResponse, ServiceError> {
    let (pool, client) =
        public_client(cx, &request.client_id, &request.username, request.secret_hash.as_ref())?;
    let keys = PoolKeys::load(cx, &pool.id)?;
    let account = Account::find(cx, &pool, &keys, &client, &request.username)?;
    let code = request.confirmation_code.as_str();
    let (mut user, _) = account.redeem(cx, &pool, &client, &CodePurpose::ForgotPassword, code)?;
    if !user.enabled {
        return Err(ServiceError::not_authorized(sentence::DISABLED_USER));
    }
    if user.status == UserStatusType::Unconfirmed {
        return Err(ServiceError::new(ErrorCode::UserNotConfirmed, "User is not confirmed."));
    }
    // A temporary password is replaced by signing in with it.
    if user.status == UserStatusType::ForceChangePassword {
        return Err(codes::mismatch());
    }
    let password = &request.password;
    common_passwords::check(cx, &pool, &client.id, &EventFilterType::PasswordChange, password)?;
    user.replace_password(cx, &pool, password, UserStatusType::Confirmed)?;
    lockout::lift_by_recovery(cx, &user)?;
    cx.tx.put(&user)?;
    let source = "PostConfirmation_ConfirmForgotPassword";
    let metadata = request.client_metadata;
    sign_up_triggers::after(cx, source, &pool, &client.id, &user, metadata)?;
    Ok(ConfirmForgotPasswordResponse {})
}

/// `AdminResetUserPassword`: the password becomes unusable until the user sets a new one with the
/// sent code.
pub(crate) fn admin_reset(
    cx: &mut Context<'_, '_>,
    request: AdminResetUserPasswordRequest,
) -> Result<AdminResetUserPasswordResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let mut user = User::for_admin(cx, &pool, &request.username)?;
    if user.status == UserStatusType::Unconfirmed {
        return Err(ServiceError::not_authorized(
            "User password cannot be reset in the current state.",
        ));
    }
    let address = recovery_address(&pool, &user)?;
    lockout::lift_by_administrator(cx, &user)?;
    user.status = UserStatusType::ResetRequired;
    user.modified = cx.now();
    let code = codes::issue(cx, Recipient::user(&user, &address), CodePurpose::ForgotPassword)?;
    let metadata = metadata(request.client_metadata);
    let reason = Reason { situation: Situation::ForgotPassword, client_id: NO_CLIENT, metadata };
    address.send(cx, &pool, &user, &reason, &code)?;
    cx.tx.put(&user)?;
    Ok(AdminResetUserPasswordResponse {})
}
