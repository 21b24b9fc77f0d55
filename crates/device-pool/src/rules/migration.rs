//! `UserMigration`: users of another directory, made when they are first needed.

use std::collections::BTreeMap;

use device_srp::Identity;
use device_wire::ErrorCode;
use device_wire::enums::UserStatusType;
use device_wire::shapes::AttributeType;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::host::message::Medium;
use crate::records::address::Address;
use crate::records::app_client::AppClient;
use crate::records::attempts::{Attempt, Attempts};
use crate::records::code::CodePurpose;
use crate::records::factor::Factor;
use crate::records::login::Login;
use crate::records::password::Password;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::user::User;
use crate::rules::account::Account;
use crate::rules::codes::{self, Recipient};
use crate::rules::names::AliasConflict;
use crate::rules::new_users::new_user;
use crate::rules::profile::{self, Author};
use crate::rules::stand_ins;
use crate::rules::triggers::{Event, Trigger, with_metadata};

/// Why a user is needed.
pub(crate) enum Occasion<'a> {
    /// A sign-in with this password; the metadata of `InitiateAuth` are the validation data.
    SignIn {
        password: &'a str,
        validation: &'a Map<String, Value>,
    },
    ForgottenPassword {
        metadata: Map<String, Value>,
    },
}

/// The response of the trigger. `messageAction` and `desiredDeliveryMediums` are not read: a
/// welcome would have to contain the user's own password.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Response {
    user_attributes: Option<BTreeMap<String, Value>>,
    final_user_status: Option<UserStatusType>,
    force_alias_creation: Option<bool>,
    #[serde(rename = "enableSMSMFA")]
    enable_sms_mfa: Option<bool>,
}

/// Asks the trigger for a user whom the pool does not have, and makes the user.
///
/// The user stays, however the command ends: the password was right, and a reset may be required
/// first. Without an answer the name stays unknown. Each name has a limited number of questions, as
/// it has of passwords and codes.
pub(crate) fn migrate(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    keys: &PoolKeys,
    client: &AppClient,
    name: &str,
    occasion: &Occasion<'_>,
) -> Result<(), ServiceError> {
    if !Trigger::UserMigration.is_configured(pool) {
        return Ok(());
    }
    let (account, subject) = Account::look_up(cx, pool, keys, name)?;
    if account.user.is_some() {
        return Ok(());
    }
    cx.notes.subject = Some(subject);
    let whose = account.whose(pool);
    let attempts = match occasion {
        Occasion::SignIn { .. } => Attempts::permit(cx, whose, Attempt::Password, None)?,
        Occasion::ForgottenPassword { .. } => {
            let purpose = CodePurpose::ForgotPassword;
            codes::permit(cx, Recipient::no_one(whose), &purpose)?;
            let subject = purpose.counted_under(whose.username);
            Attempts::permit_under(cx, whose, purpose.attempt(), &subject, None)?
        }
    };
    let attributes = match ask(cx, pool, client, name, occasion) {
        Ok(Some(response)) if response.user_attributes.is_some() => response,
        // The flow continues as for any unknown name, and counts if the client hides its users.
        Ok(_) if client.hides_users() => return Ok(()),
        Ok(_) => return attempts.failed(cx),
        Err(error) => {
            if *error.code() == ErrorCode::UserLambdaValidation {
                attempts.failed(cx)?;
            }
            return Err(error);
        }
    };
    let user = make(cx, pool, client, name, occasion, attributes)?;
    attempts.succeeded(cx);
    cx.notes.subject = Some(user.subject());
    cx.notes.reason("The user was migrated from another directory");
    cx.tx.keep_all();
    Ok(())
}

fn ask(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    client: &AppClient,
    name: &str,
    occasion: &Occasion<'_>,
) -> Result<Option<Response>, ServiceError> {
    let (source, request) = match occasion {
        Occasion::SignIn { password, validation } => (
            "UserMigration_Authentication",
            json!({
                "password": password,
                "validationData": (!validation.is_empty()).then_some(validation),
            }),
        ),
        Occasion::ForgottenPassword { metadata } => {
            ("UserMigration_ForgotPassword", with_metadata(json!({}), metadata))
        }
    };
    let event = Event {
        trigger: Trigger::UserMigration,
        source,
        pool,
        client_id: &client.id,
        username: name,
        request,
        response: json!({
            "userAttributes": null, "forceAliasCreation": null, "enableSMSMFA": null,
            "finalUserStatus": null, "messageAction": null, "desiredDeliveryMediums": null,
        }),
    };
    let answer = event.call::<Option<Response>>(cx).map_err(|error| match error.code() {
        ErrorCode::InvalidLambdaResponse => unusable(client, "its response is no response"),
        _ => error,
    })?;
    Ok(answer.flatten())
}

/// Makes the user that the trigger described.
fn make(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    client: &AppClient,
    name: &str,
    occasion: &Occasion<'_>,
    response: Response,
) -> Result<User, ServiceError> {
    let refused = |error: ServiceError| match error.code() {
        ErrorCode::AliasExists
        | ErrorCode::InvalidParameter
        | ErrorCode::NotAuthorized
        | ErrorCode::UsernameExists => unusable(client, error.message()),
        _ => error,
    };
    let mut given = response.user_attributes.unwrap_or_default();
    // Users who sign in with an alias have another name.
    let own_name = given.remove("username");
    let username = own_name.as_ref().and_then(Value::as_str).unwrap_or(name);
    let attributes = given.into_iter().filter_map(|(name, value)| {
        let value = match value {
            Value::Null => return None,
            Value::String(text) => text,
            other => other.to_string(),
        };
        Some(AttributeType { value: Some(value.into()), ..AttributeType::new(name) })
    });
    let attributes = profile::initial(pool, Author::Administrator, attributes.collect());
    let status = match (response.final_user_status, occasion) {
        (Some(UserStatusType::Confirmed), _) => UserStatusType::Confirmed,
        (Some(UserStatusType::ResetRequired), _) | (None, Occasion::ForgottenPassword { .. }) => {
            UserStatusType::ResetRequired
        }
        (None | Some(UserStatusType::ForceChangePassword), Occasion::SignIn { .. }) => {
            UserStatusType::ForceChangePassword
        }
        _ => return Err(unusable(client, "finalUserStatus is no status for it")),
    };
    let attributes = attributes.map_err(refused)?;
    let (mut user, mut profile) =
        new_user(cx, pool, username, status, attributes).map_err(refused)?;
    if let Occasion::SignIn { password, .. } = occasion {
        // The password is as good as the other directory wanted it: the policy is not asked.
        let username = user.username.clone();
        let identity = Identity::user(pool.srp_name(), &username);
        user.password = Some(Password::new(cx, &identity, password));
    }
    if response.enable_sms_mfa == Some(true) && Address::of(&user, Medium::Sms).is_some() {
        user.mfa.switch(Factor::Sms, true);
    }
    let conflict = match response.force_alias_creation {
        Some(true) => AliasConflict::TakeOver,
        _ => AliasConflict::Refuse,
    };
    Login::update(cx, pool, None, &user, conflict).map_err(refused)?;
    stand_ins::note_name(cx, pool, &user)?;
    cx.tx.put(&user)?;
    profile.put(cx, &user)?;
    let found = User::by_login(cx, pool, name)?;
    if found.is_none_or(|found| found.sub != user.sub) {
        return Err(unusable(client, "the user could not sign in with this name"));
    }
    Ok(user)
}

/// The service's error for an answer of which no user can be made.
fn unusable(client: &AppClient, reason: &str) -> ServiceError {
    let id = &client.id;
    ServiceError::new(
        ErrorCode::UserNotFound,
        format!("Exception migrating user in app client {id}: {reason}"),
    )
}
