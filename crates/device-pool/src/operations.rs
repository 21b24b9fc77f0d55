//! The table of operations, and the operations other than sign-in.

mod appearance;
mod attributes;
mod auth_events;
mod client_secrets;
mod clients;
mod devices;
mod domains;
mod factors;
mod grants;
mod groups;
mod identity_providers;
mod list_users;
mod log_delivery;
mod passwords;
mod pools;
mod resource_servers;
mod risk_configuration;
pub(crate) mod seed;
mod sign_up;
mod signing_certificate;
mod software_token;
mod tags;
mod terms;
mod tokens;
mod user_import;
mod users;

use device_wire::{ErrorCode, Operation, Request};
use serde_json::Value;

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::sign_in;

/// Generates the table of operations and the list of them.
macro_rules! table {
    ($($operation:ident => $handler:path,)*) => {
        /// The operations that this engine supports.
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
    GetSigningCertificate => signing_certificate::describe,
    AddCustomAttributes => pools::add_custom_attributes,
    SetUserPoolMfaConfig => pools::set_mfa_config,
    GetUserPoolMfaConfig => pools::mfa_config,
    CreateUserPoolClient => clients::create,
    DescribeUserPoolClient => clients::describe,
    UpdateUserPoolClient => clients::update,
    DeleteUserPoolClient => clients::delete,
    ListUserPoolClients => clients::list,
    GetCSVHeader => user_import::header,
    CreateUserImportJob => user_import::create,
    DescribeUserImportJob => user_import::describe,
    ListUserImportJobs => user_import::list,
    StartUserImportJob => user_import::start,
    StopUserImportJob => user_import::stop,
    AddUserPoolClientSecret => client_secrets::add,
    ListUserPoolClientSecrets => client_secrets::list,
    DeleteUserPoolClientSecret => client_secrets::delete,
    CreateUserPoolDomain => domains::create,
    DescribeUserPoolDomain => domains::describe,
    UpdateUserPoolDomain => domains::update,
    DeleteUserPoolDomain => domains::delete,
    CreateResourceServer => resource_servers::create,
    DescribeResourceServer => resource_servers::describe,
    UpdateResourceServer => resource_servers::update,
    DeleteResourceServer => resource_servers::delete,
    ListResourceServers => resource_servers::list,
    CreateIdentityProvider => identity_providers::create,
    DescribeIdentityProvider => identity_providers::describe,
    GetIdentityProviderByIdentifier => identity_providers::by_idp_identifier,
    UpdateIdentityProvider => identity_providers::update,
    DeleteIdentityProvider => identity_providers::delete,
    ListIdentityProviders => identity_providers::list,
    SetRiskConfiguration => risk_configuration::set,
    DescribeRiskConfiguration => risk_configuration::describe,
    SetLogDeliveryConfiguration => log_delivery::set,
    GetLogDeliveryConfiguration => log_delivery::describe,
    SetUICustomization => appearance::customize,
    GetUICustomization => appearance::customization,
    CreateManagedLoginBranding => appearance::create_branding,
    DescribeManagedLoginBranding => appearance::branding,
    DescribeManagedLoginBrandingByClient => appearance::branding_of_client,
    UpdateManagedLoginBranding => appearance::update_branding,
    DeleteManagedLoginBranding => appearance::delete_branding,
    CreateTerms => terms::create,
    DescribeTerms => terms::describe,
    DescribeTermsByClient => terms::describe_by_client,
    UpdateTerms => terms::update,
    DeleteTerms => terms::delete,
    ListTerms => terms::list,
    TagResource => tags::tag,
    UntagResource => tags::untag,
    ListTagsForResource => tags::list,
    AdminCreateUser => users::create,
    AdminSetUserPassword => users::set_password,
    AdminGetUser => users::describe,
    AdminEnableUser => users::enable,
    AdminDisableUser => users::disable,
    AdminDeleteUser => users::admin_delete,
    DeleteUser => users::delete,
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
    GetGroup => groups::describe,
    UpdateGroup => groups::update,
    DeleteGroup => groups::delete,
    ListGroups => groups::list,
    ListUsersInGroup => list_users::list_in_group,
    AdminAddUserToGroup => groups::add,
    AdminRemoveUserFromGroup => groups::remove,
    AdminListGroupsForUser => groups::list_for_user,
    InitiateAuth => sign_in::initiate_auth,
    RespondToAuthChallenge => sign_in::respond_to_auth_challenge,
    AdminInitiateAuth => sign_in::admin_initiate_auth,
    AdminRespondToAuthChallenge => sign_in::admin_respond_to_auth_challenge,
    GetTokensFromRefreshToken => sign_in::get_tokens_from_refresh_token,
    AdminListUserAuthEvents => auth_events::list,
    AdminUpdateAuthEventFeedback => auth_events::feedback,
    UpdateAuthEventFeedback => auth_events::feedback_by_token,
    ListUserSessions => grants::list,
    AdminListUserSessions => grants::admin_list,
    RevokeUserSession => grants::revoke,
    AdminRevokeUserSession => grants::admin_revoke,
    AssociateSoftwareToken => software_token::associate,
    VerifySoftwareToken => software_token::verify,
    SetUserMFAPreference => factors::set_preference,
    AdminSetUserMFAPreference => factors::admin_set_preference,
    SetUserSettings => factors::set_settings,
    AdminSetUserSettings => factors::admin_set_settings,
    GetUserAuthFactors => factors::auth_factors,
    AdminGetUserAuthFactors => factors::admin_auth_factors,
    AdminDeleteSoftwareToken => software_token::admin_delete,
    GetUser => users::current,
    RevokeToken => tokens::revoke_token,
    GlobalSignOut => tokens::global_sign_out,
    AdminUserGlobalSignOut => tokens::admin_global_sign_out,
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

/// Operations that store and describe settings which have no effect in this server, and why.
pub const WITHOUT_EFFECT: &[(Operation, &str)] = &[
    (Operation::CreateUserPoolDomain, NO_PAGES),
    (Operation::CreateResourceServer, "no token is issued for its scopes"),
    (Operation::CreateIdentityProvider, "no one can sign in with an identity provider"),
    (
        Operation::SetRiskConfiguration,
        "actions, messages, address ranges and the check of new passwords have one; `From`, \
         `ReplyTo` and `SourceArn` are not used",
    ),
    (Operation::SetLogDeliveryConfiguration, "this server writes its own log"),
    (Operation::SetUICustomization, NO_PAGES),
    (Operation::CreateManagedLoginBranding, NO_PAGES),
    (Operation::CreateTerms, NO_PAGES),
];

const NO_PAGES: &str = "this server has no sign-in pages";

fn run<R: Request>(
    cx: &mut Context<'_, '_>,
    operation: Operation,
    body: &Value,
    handler: impl FnOnce(&mut Context<'_, '_>, R) -> Result<R::Output, ServiceError>,
) -> Result<Option<Value>, ServiceError> {
    // The parser's message may quote a value, so it is not passed on.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::audit_event::Kind;

    #[test]
    fn all_operations_but_those_that_read_are_audited() {
        let writes = |operation: &Operation| {
            let reads = ["Get", "List", "Describe", "AdminGet", "AdminList"];
            let exceptions =
                [Operation::GetTokensFromRefreshToken, Operation::GetUserAttributeVerificationCode];
            exceptions.contains(operation)
                || !reads.iter().any(|verb| operation.name().starts_with(verb))
        };
        for operation in SUPPORTED {
            assert_eq!(Kind::of(*operation).is_some(), writes(operation), "{operation}");
        }
    }
}
