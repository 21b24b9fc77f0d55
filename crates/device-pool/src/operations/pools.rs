//! User pools and their settings.

use device_wire::Timestamp;
use device_wire::enums::{
    AuthFactorType, DefaultEmailOptionType, DeletionProtectionType, EmailSendingAccountType,
    UserPoolMfaType, UserPoolTierType,
};
use device_wire::requests::{
    AddCustomAttributesRequest, CreateUserPoolRequest, DeleteUserPoolRequest,
    DescribeUserPoolRequest, GetUserPoolMfaConfigRequest, ListUserPoolsRequest,
    SetUserPoolMfaConfigRequest, UpdateUserPoolRequest,
};
use device_wire::responses::{
    AddCustomAttributesResponse, CreateUserPoolResponse, DescribeUserPoolResponse,
    GetUserPoolMfaConfigResponse, ListUserPoolsResponse, SetUserPoolMfaConfigResponse,
    UpdateUserPoolResponse,
};
use device_wire::shapes::{
    PasswordPolicyType, SmsMfaConfigType, SoftwareTokenMfaConfigType, UserPoolDescriptionType,
    UserPoolType,
};

use crate::command::context::Context;
use crate::command::page::{self, Page, page_length};
use crate::command::transaction::id_of;
use crate::error::ServiceError;
use crate::host::development::CHOSEN_POOL_ID;
use crate::operations::tags;
use crate::records::deleted_pool::DeletedPool;
use crate::records::pool::{MfaMethods, Pool};
use crate::records::pool_keys::PoolKeys;
use crate::records::schema;
use crate::records::user::User;
use crate::rules::pool_counts;

/// The maximum number of users that a pool's description counts. A larger count would take long and
/// is omitted.
const MAX_COUNTED: usize = 1000;

const ID_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `CreateUserPool`.
pub(crate) fn create(
    cx: &mut Context<'_, '_>,
    request: CreateUserPoolRequest,
) -> Result<CreateUserPoolResponse, ServiceError> {
    let id = match chosen_id(cx, &request)? {
        Some(id) => id,
        None => format!("{}_{}", cx.config.region, cx.random_text(ID_ALPHABET, 9)),
    };
    let pool = put_new(cx, id, request)?;
    let keys = PoolKeys::generate(cx, &pool.id)?;
    cx.tx.put(&keys)?;
    Ok(CreateUserPoolResponse { user_pool: Some(with_defaults(pool.description)) })
}

/// The id that the caller chose by a tag, where ids may be chosen. LocalStack knows the same tag.
fn chosen_id(
    cx: &mut Context<'_, '_>,
    request: &CreateUserPoolRequest,
) -> Result<Option<String>, ServiceError> {
    let tag = request.user_pool_tags.as_ref().and_then(|tags| tags.get(CHOSEN_POOL_ID));
    let Some(id) = tag.filter(|_| cx.development.chosen_ids) else { return Ok(None) };
    if cx.tx.find::<Pool>(id)?.is_some() {
        return Err(ServiceError::invalid(format!("{CHOSEN_POOL_ID}: there is a user pool {id}.")));
    }
    check_id(id)?;
    check_erased(cx, id)?;
    Ok(Some(id.clone()))
}

/// Refuses the id of a deleted pool while its records are still being removed.
pub(crate) fn check_erased(cx: &mut Context<'_, '_>, id: &str) -> Result<(), ServiceError> {
    match cx.tx.find::<DeletedPool>(id)? {
        None => Ok(()),
        Some(_) => Err(ServiceError::invalid(format!(
            "the deleted user pool {id} is still being removed: try again."
        ))),
    }
}

/// Refuses a pool id that clients cannot use: they read the region before the `_`.
pub(crate) fn check_id(id: &str) -> Result<(), ServiceError> {
    let fits = |text: &str, others: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
    };
    match id.split_once('_') {
        Some((region, name)) if id.len() <= 55 && fits(region, "-") && fits(name, "") => Ok(()),
        _ => Err(ServiceError::invalid(format!(
            "{id} is no pool id: it is like us-east-1_Local0001, a region, an underscore, and \
             letters and digits."
        ))),
    }
}

/// Stores a new pool, without its keys.
pub(crate) fn put_new(
    cx: &mut Context<'_, '_>,
    id: String,
    request: CreateUserPoolRequest,
) -> Result<Pool, ServiceError> {
    let now = Timestamp::from(cx.now());
    let description = UserPoolType {
        id: Some(id.clone()),
        name: Some(request.pool_name.clone()),
        arn: Some(format!(
            "arn:aws:cognito-idp:{}:{}:userpool/{id}",
            cx.config.region, cx.config.account_id
        )),
        creation_date: Some(now),
        last_modified_date: Some(now),
        schema_attributes: Some(schema::with_standard(request.schema.clone().unwrap_or_default())?),
        ..settings(request.into())?
    };
    check_mfa(&description)?;
    let mfa = MfaMethods { sms: sms_method(&description), ..MfaMethods::default() };
    let pool = Pool { id: id.clone(), description, mfa, names_have_case: true, is_listed: true };
    cx.notes.pool_id = Some(id);
    cx.tx.put(&pool)?;
    Ok(pool)
}

/// The settings in a request, with the service's defaults for the rest.
fn settings(mut description: UserPoolType) -> Result<UserPoolType, ServiceError> {
    let mut policies = description.policies.take().unwrap_or_default();
    policies.password_policy.get_or_insert(PasswordPolicyType {
        minimum_length: Some(8),
        require_uppercase: Some(true),
        require_lowercase: Some(true),
        require_numbers: Some(true),
        require_symbols: Some(true),
        temporary_password_validity_days: Some(7),
        ..PasswordPolicyType::default()
    });
    description.policies = Some(policies);
    description.mfa_configuration.get_or_insert(UserPoolMfaType::Off);
    if let Some(tags) = &description.user_pool_tags {
        tags::check(tags)?;
    }
    Ok(description)
}

/// Refuses a new pool that requires SMS MFA but cannot send messages. The service does so too.
/// `SetUserPoolMfaConfig` sets up software tokens.
fn check_mfa(description: &UserPoolType) -> Result<(), ServiceError> {
    let asks =
        description.mfa_configuration.as_ref().is_some_and(|mfa| *mfa != UserPoolMfaType::Off);
    if asks && description.sms_configuration.is_none() {
        return Err(ServiceError::invalid(
            "SMS configuration and Auto verification for phone_number are required when MFA is \
             required/optional",
        ));
    }
    Ok(())
}

/// SMS MFA, if the pool's settings ask for MFA and configure SMS.
fn sms_method(description: &UserPoolType) -> Option<SmsMfaConfigType> {
    description.mfa_configuration.as_ref().filter(|mode| **mode != UserPoolMfaType::Off)?;
    Some(SmsMfaConfigType {
        sms_authentication_message: description.sms_authentication_message.clone(),
        sms_configuration: Some(description.sms_configuration.clone()?),
    })
}

/// `DescribeUserPool`.
pub(crate) fn describe(
    cx: &mut Context<'_, '_>,
    request: DescribeUserPoolRequest,
) -> Result<DescribeUserPoolResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let users = if pool.is_listed {
        usize::try_from(pool_counts::read(cx.tx.store(), &pool)?.users).ok()
    } else {
        cx.tx.count::<User>(&id_of([&pool.id, ""]), MAX_COUNTED)?
    };
    let estimated_number_of_users = users.and_then(|users| i32::try_from(users).ok());
    Ok(DescribeUserPoolResponse {
        user_pool: Some(UserPoolType {
            estimated_number_of_users,
            ..with_defaults(pool.description)
        }),
    })
}

/// A pool with the members that the service always returns. Members whose absence differs from a
/// default, such as the recovery setting, stay absent.
fn with_defaults(mut pool: UserPoolType) -> UserPoolType {
    pool.estimated_number_of_users = Some(0);
    pool.deletion_protection.get_or_insert(DeletionProtectionType::Inactive);
    pool.lambda_config.get_or_insert_default();
    pool.user_pool_tier.get_or_insert(UserPoolTierType::Essentials);
    pool.user_pool_tags.get_or_insert_default();
    let template = pool.verification_message_template.get_or_insert_default();
    template.default_email_option.get_or_insert(DefaultEmailOptionType::ConfirmWithCode);
    let updates = pool.user_attribute_update_settings.get_or_insert_default();
    updates.attributes_require_verification_before_update.get_or_insert_default();
    let email = pool.email_configuration.get_or_insert_default();
    email.email_sending_account.get_or_insert(EmailSendingAccountType::CognitoDefault);
    let policies = pool.policies.get_or_insert_default();
    let first_factors =
        &mut policies.sign_in_policy.get_or_insert_default().allowed_first_auth_factors;
    first_factors.get_or_insert_with(|| vec![AuthFactorType::Password]);
    let passwords = policies.password_policy.get_or_insert_default();
    passwords.require_uppercase.get_or_insert(false);
    passwords.require_lowercase.get_or_insert(false);
    passwords.require_numbers.get_or_insert(false);
    passwords.require_symbols.get_or_insert(false);
    let days = *passwords.temporary_password_validity_days.get_or_insert(7);
    let invitations = pool.admin_create_user_config.get_or_insert_default();
    invitations.allow_admin_create_user_only.get_or_insert(false);
    invitations.unused_account_validity_days.get_or_insert(days);
    pool
}

/// `UpdateUserPool`. Settings that the request omits return to their defaults.
pub(crate) fn update(
    cx: &mut Context<'_, '_>,
    request: UpdateUserPoolRequest,
) -> Result<UpdateUserPoolResponse, ServiceError> {
    let mut pool = Pool::load(cx, &request.user_pool_id)?;
    let old = pool.description;
    let name = request.pool_name.clone().or(old.name);
    let updated = settings(request.into())?;
    pool.description = UserPoolType {
        id: old.id,
        name,
        arn: old.arn,
        status: old.status,
        creation_date: old.creation_date,
        last_modified_date: Some(Timestamp::from(cx.now())),
        // These settings are fixed when a pool is created.
        schema_attributes: old.schema_attributes,
        alias_attributes: old.alias_attributes,
        username_attributes: old.username_attributes,
        username_configuration: old.username_configuration,
        // The operations on domains set these.
        domain: old.domain,
        custom_domain: old.custom_domain,
        // Infrastructure tools set tags separately, with the tag operations.
        user_pool_tags: updated.user_pool_tags.or(old.user_pool_tags),
        ..updated
    };
    let sms = sms_method(&pool.description);
    if pool.mfa.is_empty() {
        check_mfa(&pool.description)?;
        pool.mfa.sms = sms;
    } else if pool.mfa.sms.is_some() {
        // The pool has one way to send messages, which both operations set.
        pool.mfa.sms = sms.or(pool.mfa.sms);
    }
    cx.tx.put(&pool)?;
    Ok(UpdateUserPoolResponse {})
}

/// `DeleteUserPool`. The pool becomes unreachable at once; [`Engine::purge`](crate::Engine::purge)
/// removes its records.
pub(crate) fn delete(
    cx: &mut Context<'_, '_>,
    request: DeleteUserPoolRequest,
) -> Result<(), ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    if pool.description.deletion_protection == Some(DeletionProtectionType::Active) {
        return Err(ServiceError::invalid(
            "The user pool cannot be deleted because deletion protection is activated. \
             Deletion protection must be inactivated first.",
        ));
    }
    if pool.description.domain.is_some() || pool.description.custom_domain.is_some() {
        return Err(ServiceError::invalid(
            "User pool cannot be deleted. It has a domain configured that should be deleted first.",
        ));
    }
    cx.tx.delete::<PoolKeys>(&pool.id);
    cx.tx.delete::<Pool>(&pool.id);
    cx.tx.put(&DeletedPool { pool_id: pool.id })
}

/// `ListUserPools`, in the order of their ids. Tokens name no pool that is not shown.
pub(crate) fn list(
    cx: &mut Context<'_, '_>,
    request: ListUserPoolsRequest,
) -> Result<ListUserPoolsResponse, ServiceError> {
    let length = page_length(Some(request.max_results));
    let after = page::position(request.next_token.as_deref())?;
    let page: Page<Pool> =
        Page::scan(&cx.tx, "", after, length, |pool: &Pool| cx.shows_pool(&pool.id))?;
    let next_token = page.next_token(|last| last.id.clone());
    let describe = |pool: Pool| UserPoolDescriptionType {
        id: Some(pool.id),
        name: pool.description.name,
        lambda_config: pool.description.lambda_config,
        last_modified_date: pool.description.last_modified_date,
        creation_date: pool.description.creation_date,
        ..UserPoolDescriptionType::default()
    };
    Ok(ListUserPoolsResponse {
        user_pools: Some(page.items.into_iter().map(describe).collect()),
        next_token,
    })
}

/// `AddCustomAttributes`.
pub(crate) fn add_custom_attributes(
    cx: &mut Context<'_, '_>,
    request: AddCustomAttributesRequest,
) -> Result<AddCustomAttributesResponse, ServiceError> {
    let mut pool = Pool::load(cx, &request.user_pool_id)?;
    let known = pool.description.schema_attributes.get_or_insert_default();
    schema::extend(known, request.custom_attributes)?;
    pool.description.last_modified_date = Some(Timestamp::from(cx.now()));
    cx.tx.put(&pool)?;
    Ok(AddCustomAttributesResponse {})
}

/// `SetUserPoolMfaConfig`.
pub(crate) fn set_mfa_config(
    cx: &mut Context<'_, '_>,
    request: SetUserPoolMfaConfigRequest,
) -> Result<SetUserPoolMfaConfigResponse, ServiceError> {
    let mut pool = Pool::load(cx, &request.user_pool_id)?;
    let mode = request.mfa_configuration.unwrap_or(UserPoolMfaType::Off);
    pool.mfa = MfaMethods {
        software_token: request
            .software_token_mfa_configuration
            .and_then(|c| c.enabled)
            .unwrap_or(false),
        sms: request.sms_mfa_configuration,
        email: request.email_mfa_configuration,
        web_authn: request.web_authn_configuration.or(pool.mfa.web_authn.take()),
    };
    match (&mode, pool.mfa.is_empty()) {
        (UserPoolMfaType::Off, false) => {
            return Err(ServiceError::invalid(
                "Invalid MFA configuration given, can't turn off MFA and configure an MFA \
                 together.",
            ));
        }
        (UserPoolMfaType::On | UserPoolMfaType::Optional, true) => {
            return Err(ServiceError::invalid(
                "Invalid MFA configuration given, can't disable all MFAs with a required or \
                 optional configuration.",
            ));
        }
        _ => {}
    }
    if let Some(sms) = &pool.mfa.sms {
        let SmsMfaConfigType { sms_authentication_message, sms_configuration } = sms.clone();
        let settings = &mut pool.description;
        settings.sms_configuration = sms_configuration.or(settings.sms_configuration.take());
        settings.sms_authentication_message =
            sms_authentication_message.or(settings.sms_authentication_message.take());
    }
    pool.description.mfa_configuration = Some(mode);
    pool.description.last_modified_date = Some(Timestamp::from(cx.now()));
    cx.tx.put(&pool)?;
    Ok(config_of(pool).into())
}

/// `GetUserPoolMfaConfig`.
pub(crate) fn mfa_config(
    cx: &mut Context<'_, '_>,
    request: GetUserPoolMfaConfigRequest,
) -> Result<GetUserPoolMfaConfigResponse, ServiceError> {
    Ok(config_of(Pool::load(cx, &request.user_pool_id)?))
}

fn config_of(pool: Pool) -> GetUserPoolMfaConfigResponse {
    GetUserPoolMfaConfigResponse {
        mfa_configuration: Some(pool.mfa_mode()),
        // The service omits software tokens while MFA is off.
        software_token_mfa_configuration: (pool.mfa_mode() != UserPoolMfaType::Off)
            .then_some(SoftwareTokenMfaConfigType { enabled: Some(pool.mfa.software_token) }),
        sms_mfa_configuration: pool.mfa.sms,
        email_mfa_configuration: pool.mfa.email,
        web_authn_configuration: pool.mfa.web_authn,
    }
}
