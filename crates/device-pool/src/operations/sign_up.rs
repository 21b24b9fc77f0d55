//! Self-service accounts: sign-up and confirmation.

use device_wire::enums::{AliasAttributeType, EventFilterType, UserStatusType};
use device_wire::requests::{
    AdminConfirmSignUpRequest, ConfirmSignUpRequest, ResendConfirmationCodeRequest, SignUpRequest,
};
use device_wire::responses::{
    AdminConfirmSignUpResponse, ConfirmSignUpResponse, ResendConfirmationCodeResponse,
    SignUpResponse,
};
use device_wire::shapes::AttributeType;
use device_wire::{ErrorCode, Sensitive};

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::host::message::Medium;
use crate::records::address::Address;
use crate::records::app_client::AppClient;
use crate::records::code::CodePurpose;
use crate::records::login::Login;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::user::User;
use crate::rules::account::Account;
use crate::rules::codes::{self, Recipient};
use crate::rules::message_triggers::{Reason, Situation};
use crate::rules::names::AliasConflict;
use crate::rules::new_users::new_user;
use crate::rules::profile::{self, Author};
use crate::rules::sign_up_triggers::{self, Given};
use crate::rules::triggers::{NO_CLIENT, metadata};
use crate::rules::{common_passwords, stand_ins};
use crate::sign_in::user_auth;

/// The trigger source of a confirmed account.
const CONFIRMED: &str = "PostConfirmation_ConfirmSignUp";

/// `SignUp`.
pub(crate) fn sign_up(
    cx: &mut Context<'_, '_>,
    request: SignUpRequest,
) -> Result<SignUpResponse, ServiceError> {
    let (pool, client) =
        public_client(cx, &request.client_id, &request.username, request.secret_hash.as_ref())?;
    let config = pool.description.admin_create_user_config.as_ref();
    if config.is_some_and(|config| config.allow_admin_create_user_only == Some(true)) {
        return Err(ServiceError::not_authorized("SignUp is not permitted for this user pool"));
    }
    // A user who can sign in with codes alone needs no password.
    let by_code =
        [Medium::Email, Medium::Sms].into_iter().any(|medium| pool.signs_in_by_code(medium));
    if request.password.is_none() && !by_code {
        return Err(ServiceError::invalid("Missing required parameter Password"));
    }
    let given = request.user_attributes.unwrap_or_default();
    check_no_preferred_alias(&pool, &given)?;
    let (mut user, mut profile) = new_user(
        cx,
        &pool,
        &request.username,
        UserStatusType::Unconfirmed,
        profile::initial(&pool, Author::User(&client), given)?,
    )?;
    profile::check_required(&pool, &user, &profile)?;
    if let Some(password) = &request.password {
        common_passwords::check(cx, &pool, &client.id, &EventFilterType::SignUp, password)?;
        user.set_password(cx, &pool, password, UserStatusType::Unconfirmed)?;
    }
    if User::by_login(cx, &pool, &request.username)?.is_some() {
        return Err(ServiceError::new(ErrorCode::UsernameExists, "User already exists"));
    }
    let given =
        Given { validation: request.validation_data, metadata: request.client_metadata.clone() };
    let source = "PreSignUp_SignUp";
    let approval = sign_up_triggers::before(cx, source, &pool, &client.id, &user, &profile, given)?;
    approval.verify(&mut user, &mut profile);
    if approval.confirms() {
        user.status = UserStatusType::Confirmed;
    }
    cx.notes.subject = Some(user.subject());
    Login::update(cx, &pool, None, &user, AliasConflict::Refuse)?;
    stand_ins::note_name(cx, &pool, &user)?;
    cx.tx.put(&user)?;
    profile.put(cx, &user)?;
    if approval.confirms() {
        let metadata = request.client_metadata;
        sign_up_triggers::after(cx, CONFIRMED, &pool, &client.id, &user, metadata)?;
        return Ok(SignUpResponse::new(true, user.sub.as_str()));
    }
    let address = address_to_confirm(&pool, &user);
    if let Some(address) = &address {
        codes::permit(cx, Recipient::user(&user, address), &CodePurpose::SignUp)?;
        let metadata = metadata(request.client_metadata);
        let reason = Reason { situation: Situation::SignUp, client_id: &client.id, metadata };
        send_code(cx, &pool, &user, address, &reason)?;
    }
    Ok(SignUpResponse {
        code_delivery_details: address.map(|address| address.details()),
        ..SignUpResponse::new(false, user.sub.as_str())
    })
}

/// Refuses a preferred name that would be an alias: only confirmed users may claim one.
fn check_no_preferred_alias(pool: &Pool, given: &[AttributeType]) -> Result<(), ServiceError> {
    let aliases = pool.description.alias_attributes.as_deref().unwrap_or_default();
    let is_given = given.iter().any(|AttributeType { name, value }| {
        name == "preferred_username" && value.as_ref().is_some_and(|value| !value.is_empty())
    });
    if is_given && aliases.contains(&AliasAttributeType::PreferredUsername) {
        return Err(ServiceError::invalid(
            "Preferred username cannot be provided for unconfirmed account, since user pool is \
             configured for preferred username alias.",
        ));
    }
    Ok(())
}

/// Loads pool and client of a public operation, and checks the secret hash. The hash is over the
/// request's name.
pub(crate) fn public_client(
    cx: &mut Context<'_, '_>,
    client_id: &str,
    username: &str,
    secret_hash: Option<&Sensitive<String>>,
) -> Result<(Pool, AppClient), ServiceError> {
    let client = AppClient::load(cx, client_id)?;
    client.check_secret_hash(username, secret_hash.map(|hash| hash.as_str()))?;
    let pool = Pool::load(cx, &client.pool_id)?;
    Ok((pool, client))
}

/// The destination of the code that confirms an account, if the pool requires one. Phone numbers
/// have precedence.
fn address_to_confirm(pool: &Pool, user: &User) -> Option<Address> {
    media_to_confirm(pool).find_map(|medium| Address::of(user, medium))
}

fn media_to_confirm(pool: &Pool) -> impl Iterator<Item = Medium> {
    [Medium::Sms, Medium::Email].into_iter().filter(|medium| pool.verifies(*medium))
}

fn send_code(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    user: &User,
    address: &Address,
    reason: &Reason<'_>,
) -> Result<(), ServiceError> {
    let code = codes::issue(cx, Recipient::user(user, address), CodePurpose::SignUp)?;
    address.send(cx, pool, user, reason, &code)
}

/// `ConfirmSignUp`. Also verifies the code's destination. If such a code could sign the user in,
/// the response has a session for that, so that no second code is needed.
pub(crate) fn confirm(
    cx: &mut Context<'_, '_>,
    request: ConfirmSignUpRequest,
) -> Result<ConfirmSignUpResponse, ServiceError> {
    let (pool, client) =
        public_client(cx, &request.client_id, &request.username, request.secret_hash.as_ref())?;
    let keys = PoolKeys::load(cx, &pool.id)?;
    let account = Account::find(cx, &pool, &keys, &client, &request.username)?;
    if let Some(user) = &account.user
        && let Err(refusal) = check_unconfirmed(user)
    {
        // If the client hides users, nobody may learn that this one has confirmed already.
        if !client.hides_users() {
            return Err(refusal);
        }
        let (purpose, code) = (CodePurpose::SignUp, &request.confirmation_code);
        return Err(account.refuse(cx, &pool, &client, &purpose, code));
    }
    let (mut user, address) =
        account.redeem(cx, &pool, &client, &CodePurpose::SignUp, &request.confirmation_code)?;
    let conflict = if request.force_alias_creation == Some(true) {
        AliasConflict::TakeOver
    } else {
        AliasConflict::Refuse
    };
    let medium = address.medium;
    confirm_user(cx, &pool, &mut user, Some(address), conflict)?;
    let metadata = request.client_metadata;
    sign_up_triggers::after(cx, CONFIRMED, &pool, &client.id, &user, metadata)?;
    let session = user_auth::session_after_sign_up(cx, &pool, &keys, &client, &user, medium)?;
    Ok(ConfirmSignUpResponse { session: session.map(Sensitive::from) })
}

/// `AdminConfirmSignUp`: confirms the account without a code; verifies no address.
pub(crate) fn admin_confirm(
    cx: &mut Context<'_, '_>,
    request: AdminConfirmSignUpRequest,
) -> Result<AdminConfirmSignUpResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let mut user = User::for_admin(cx, &pool, &request.username)?;
    check_unconfirmed(&user)?;
    confirm_user(cx, &pool, &mut user, None, AliasConflict::Refuse)?;
    let metadata = request.client_metadata;
    sign_up_triggers::after(cx, CONFIRMED, &pool, NO_CLIENT, &user, metadata)?;
    Ok(AdminConfirmSignUpResponse {})
}

fn confirm_user(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    user: &mut User,
    proven: Option<Address>,
    conflict: AliasConflict,
) -> Result<(), ServiceError> {
    let before = user.clone();
    user.status = UserStatusType::Confirmed;
    user.modified = cx.now();
    // Confirmed users have a claim to their preferred name.
    Login::update(cx, pool, Some(&before), user, conflict)?;
    if let Some(address) = proven {
        profile::prove(cx, pool, user, address, conflict)?;
    }
    cx.notes.subject = Some(user.subject());
    cx.tx.put(user)
}

fn check_unconfirmed(user: &User) -> Result<(), ServiceError> {
    if user.status == UserStatusType::Unconfirmed {
        return Ok(());
    }
    Err(ServiceError::not_authorized(format!(
        "User cannot be confirmed. Current status is {}",
        user.status.as_str()
    )))
}

/// `ResendConfirmationCode`. If the client hides users, the answer is the same for an unknown user
/// and for one who has confirmed the account.
pub(crate) fn resend(
    cx: &mut Context<'_, '_>,
    request: ResendConfirmationCodeRequest,
) -> Result<ResendConfirmationCodeResponse, ServiceError> {
    let (pool, client) =
        public_client(cx, &request.client_id, &request.username, request.secret_hash.as_ref())?;
    let keys = PoolKeys::load(cx, &pool.id)?;
    let account = Account::find(cx, &pool, &keys, &client, &request.username)?;
    let none = || ServiceError::invalid("Cannot resend codes. Auto verification not turned on.");
    let media: Vec<Medium> = media_to_confirm(&pool).collect();
    if media.is_empty() {
        return Err(none());
    }
    let unconfirmed =
        account.user.as_deref().filter(|user| user.status == UserStatusType::Unconfirmed);
    let reached = unconfirmed.and_then(|user| Some((user, address_to_confirm(&pool, user)?)));
    if reached.is_none() && client.hides_users() {
        let to = Recipient::no_one(account.whose(&pool));
        codes::permit(cx, to, &CodePurpose::SignUp)?;
        codes::issue(cx, to, CodePurpose::SignUp)?;
        let details = account.pretended_details(&pool, &keys, &media);
        return Ok(ResendConfirmationCodeResponse { code_delivery_details: Some(details) });
    }
    if unconfirmed.is_none() {
        return Err(ServiceError::invalid("User is already confirmed."));
    }
    let (user, address) = reached.ok_or_else(none)?;
    codes::permit(cx, Recipient::user(user, &address), &CodePurpose::SignUp)?;
    let metadata = metadata(request.client_metadata);
    let reason = Reason { situation: Situation::ResendCode, client_id: &client.id, metadata };
    send_code(cx, &pool, user, &address, &reason)?;
    Ok(ResendConfirmationCodeResponse { code_delivery_details: Some(address.details()) })
}
