//! The operations by name, and the ones that are not a sign-in.

mod admin_users;
mod attributes;
mod auth_events;
mod clients;
mod devices;
mod groups;
mod list_users;
mod mfa;
mod passwords;
mod pools;
mod sessions;
mod sign_up;
mod software_token;
mod tags;
mod user_sessions;

use device_wire::{ErrorCode, Operation, Request};
use serde_json::Value;

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::sign_in;

/// Makes the table of operations, and the list that documents it.
macro_rules! table {
    ($($operation:ident => $handler:path,)*) => {
        /// The operations that this engine answers.
        pub const SUPPORTED: &[Operation] = &[$(Operation::$operation,)*];

        /// Decodes the request of `operation`, runs it, and encodes the response.
        pub(crate) fn dispatch(
            cx: &mut Context<'_, '_>,
            operation: Operation,
            body: &Value,
        ) -> Result<Option<Value>, ServiceError> {
            match operation {
                $(Operation::$operation => run(cx, operation, body, $handler),)*
                _ => Err(ServiceError::new(
                    ErrorCode::UnsupportedOperation,
                    format!("{operation} is not supported by this server"),
                )),
            }
        }
    };
}

table! {
    CreateUserPool => pools::create,
    DescribeUserPool => pools::describe,
    UpdateUserPool => pools::update,
    DeleteUserPool => pools::delete,
    ListUserPools => pools::list,
    AddCustomAttributes => pools::add_custom_attributes,
    SetUserPoolMfaConfig => pools::set_mfa_config,
    GetUserPoolMfaConfig => pools::mfa_config,
    CreateUserPoolClient => clients::create,
    DescribeUserPoolClient => clients::describe,
    UpdateUserPoolClient => clients::update,
    DeleteUserPoolClient => clients::delete,
    ListUserPoolClients => clients::list,
    TagResource => tags::tag,
    UntagResource => tags::untag,
    ListTagsForResource => tags::list,
    AdminCreateUser => admin_users::create,
    AdminSetUserPassword => admin_users::set_password,
    AdminGetUser => admin_users::describe,
    AdminEnableUser => admin_users::enable,
    AdminDisableUser => admin_users::disable,
    AdminDeleteUser => admin_users::admin_delete,
    DeleteUser => admin_users::delete,
    ListUsers => list_users::list,
    SignUp => sign_up::sign_up,
    ConfirmSignUp => sign_up::confirm,
    AdminConfirmSignUp => sign_up::admin_confirm,
    ResendConfirmationCode => sign_up::resend,
    ForgotPassword => passwords::forgot,
    ConfirmForgotPassword => passwords::confirm_forgot,
    ChangePassword => passwords::change,
    AdminResetUserPassword => passwords::admin_reset,
    UpdateUserAttributes => attributes::update,
    AdminUpdateUserAttributes => attributes::admin_update,
    DeleteUserAttributes => attributes::delete,
    AdminDeleteUserAttributes => attributes::admin_delete,
    GetUserAttributeVerificationCode => attributes::send_code,
    VerifyUserAttribute => attributes::verify,
    CreateGroup => groups::create,
    AdminAddUserToGroup => groups::add,
    AdminRemoveUserFromGroup => groups::remove,
    AdminListGroupsForUser => groups::list_for_user,
    InitiateAuth => sign_in::initiate_auth,
    RespondToAuthChallenge => sign_in::respond_to_auth_challenge,
    AdminInitiateAuth => sign_in::admin_initiate_auth,
    AdminRespondToAuthChallenge => sign_in::admin_respond_to_auth_challenge,
    GetTokensFromRefreshToken => sign_in::get_tokens_from_refresh_token,
    AdminListUserAuthEvents => auth_events::list,
    ListUserSessions => user_sessions::list,
    AdminListUserSessions => user_sessions::admin_list,
    RevokeUserSession => user_sessions::revoke,
    AdminRevokeUserSession => user_sessions::admin_revoke,
    AssociateSoftwareToken => software_token::associate,
    VerifySoftwareToken => software_token::verify,
    SetUserMFAPreference => mfa::set_preference,
    AdminSetUserMFAPreference => mfa::admin_set_preference,
    SetUserSettings => mfa::set_settings,
    AdminSetUserSettings => mfa::admin_set_settings,
    GetUserAuthFactors => mfa::auth_factors,
    AdminGetUserAuthFactors => mfa::admin_auth_factors,
    AdminDeleteSoftwareToken => software_token::admin_delete,
    GetUser => sessions::user,
    RevokeToken => sessions::revoke_token,
    GlobalSignOut => sessions::global_sign_out,
    AdminUserGlobalSignOut => sessions::admin_global_sign_out,
    ConfirmDevice => devices::confirm,
    UpdateDeviceStatus => devices::update_status,
    GetDevice => devices::describe,
    ListDevices => devices::list,
    ForgetDevice => devices::forget,
    AdminGetDevice => devices::admin_describe,
    AdminListDevices => devices::admin_list,
    AdminUpdateDeviceStatus => devices::admin_update_status,
    AdminForgetDevice => devices::admin_forget,
}

fn run<R: Request>(
    cx: &mut Context<'_, '_>,
    operation: Operation,
    body: &Value,
    handler: impl FnOnce(&mut Context<'_, '_>, R) -> Result<R::Output, ServiceError>,
) -> Result<Option<Value>, ServiceError> {
    // The parser's text may quote a value, so the caller is told no more than the fact.
    let request = R::deserialize(body).map_err(|_| {
        ServiceError::new(
            ErrorCode::Serialization,
            format!("The request is no {operation} request"),
        )
    })?;
    let output = handler(cx, request)?;
    if !operation.has_output() {
        return Ok(None);
    }
    serde_json::to_value(output)
        .map(Some)
        .map_err(|e| ServiceError::internal(format!("{operation} response: {e}")))
}
