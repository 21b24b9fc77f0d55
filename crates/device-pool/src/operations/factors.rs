//! The factors of a user, and which of them are enabled.

use device_wire::enums::DeliveryMediumType;
use device_wire::requests::{
    AdminGetUserAuthFactorsRequest, AdminSetUserMFAPreferenceRequest, AdminSetUserSettingsRequest,
    GetUserAuthFactorsRequest, SetUserMFAPreferenceRequest, SetUserSettingsRequest,
};
use device_wire::responses::{
    AdminGetUserAuthFactorsResponse, AdminSetUserMFAPreferenceResponse,
    AdminSetUserSettingsResponse, GetUserAuthFactorsResponse, SetUserMFAPreferenceResponse,
    SetUserSettingsResponse,
};
use device_wire::shapes::{
    EmailMfaSettingsType, MFAOptionType, SMSMfaSettingsType, SoftwareTokenMfaSettingsType,
};

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::records::factor::Factor;
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::rules::caller::Caller;

/// A requested change to one factor; `None` leaves it unchanged.
struct FactorChange {
    factor: Factor,
    enabled: bool,
    preferred: bool,
}

/// The three settings that both operations share.
fn changes(
    sms: Option<SMSMfaSettingsType>,
    token: Option<SoftwareTokenMfaSettingsType>,
    email: Option<EmailMfaSettingsType>,
) -> Vec<FactorChange> {
    let change = |factor, enabled: Option<bool>, preferred: Option<bool>| FactorChange {
        factor,
        enabled: enabled == Some(true),
        preferred: preferred == Some(true),
    };
    let sms = sms.map(|sms| change(Factor::Sms, sms.enabled, sms.preferred_mfa));
    let token =
        token.map(|token| change(Factor::SoftwareToken, token.enabled, token.preferred_mfa));
    let email = email.map(|email| change(Factor::Email, email.enabled, email.preferred_mfa));
    [sms, token, email].into_iter().flatten().collect()
}

/// Enables and disables factors, all of them or none.
fn prefer(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    mut user: User,
    changes: &[FactorChange],
) -> Result<(), ServiceError> {
    let mut preferred = changes.iter().filter(|change| change.enabled && change.preferred);
    let favourite = preferred.next().map(|change| change.factor);
    if preferred.next().is_some() {
        return Err(ServiceError::invalid("Only one MFA factor can be the preferred one"));
    }
    for FactorChange { factor, enabled, preferred } in changes {
        if *enabled {
            check_available(pool, &user, *factor)?;
        }
        user.mfa.switch(*factor, *enabled);
        if !*preferred && user.mfa.preferred == Some(*factor) {
            user.mfa.preferred = None;
        }
    }
    user.mfa.preferred = favourite.or(user.mfa.preferred);
    user.modified = cx.now();
    cx.tx.put(&user)
}

/// Refuses to enable a factor that the user could not answer.
fn check_available(pool: &Pool, user: &User, factor: Factor) -> Result<(), ServiceError> {
    let name = factor.challenge();
    // A software token may be enabled before the pool offers it.
    if factor != Factor::SoftwareToken && !factor.is_offered(pool) {
        return Err(ServiceError::invalid(format!("{name} is not enabled for this user pool")));
    }
    if user.has(factor) {
        return Ok(());
    }
    Err(ServiceError::invalid(match factor {
        Factor::SoftwareToken => "User has not verified software token mfa".to_owned(),
        Factor::Sms | Factor::Email => {
            format!("User does not have delivery config set to turn on {name}")
        }
    }))
}

/// `SetUserMFAPreference`.
pub(crate) fn set_preference(
    cx: &mut Context<'_, '_>,
    request: SetUserMFAPreferenceRequest,
) -> Result<SetUserMFAPreferenceResponse, ServiceError> {
    let Caller { pool, user, .. } = Caller::authenticate_afresh(cx, &request.access_token)?;
    let changes = changes(
        request.sms_mfa_settings,
        request.software_token_mfa_settings,
        request.email_mfa_settings,
    );
    prefer(cx, &pool, user, &changes)?;
    Ok(SetUserMFAPreferenceResponse {})
}

/// `AdminSetUserMFAPreference`.
pub(crate) fn admin_set_preference(
    cx: &mut Context<'_, '_>,
    request: AdminSetUserMFAPreferenceRequest,
) -> Result<AdminSetUserMFAPreferenceResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let user = User::for_admin(cx, &pool, &request.username)?;
    let changes = changes(
        request.sms_mfa_settings,
        request.software_token_mfa_settings,
        request.email_mfa_settings,
    );
    prefer(cx, &pool, user, &changes)?;
    Ok(AdminSetUserMFAPreferenceResponse {})
}

/// The legacy settings, which know only SMS codes. A list without SMS disables them.
fn settings(options: &[MFAOptionType]) -> Result<FactorChange, ServiceError> {
    let is_sms = |option: &MFAOptionType| {
        option.delivery_medium == Some(DeliveryMediumType::Sms)
            && option.attribute_name.as_deref() == Some("phone_number")
    };
    if !options.iter().all(is_sms) {
        return Err(ServiceError::invalid(
            "Only SMS to phone_number is supported as an MFA option",
        ));
    }
    Ok(FactorChange { factor: Factor::Sms, enabled: !options.is_empty(), preferred: false })
}

/// `SetUserSettings`.
pub(crate) fn set_settings(
    cx: &mut Context<'_, '_>,
    request: SetUserSettingsRequest,
) -> Result<SetUserSettingsResponse, ServiceError> {
    let Caller { pool, user, .. } = Caller::authenticate_afresh(cx, &request.access_token)?;
    prefer(cx, &pool, user, &[settings(&request.mfa_options)?])?;
    Ok(SetUserSettingsResponse {})
}

/// `AdminSetUserSettings`.
pub(crate) fn admin_set_settings(
    cx: &mut Context<'_, '_>,
    request: AdminSetUserSettingsRequest,
) -> Result<AdminSetUserSettingsResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let user = User::for_admin(cx, &pool, &request.username)?;
    prefer(cx, &pool, user, &[settings(&request.mfa_options)?])?;
    Ok(AdminSetUserSettingsResponse {})
}

/// `GetUserAuthFactors`.
pub(crate) fn auth_factors(
    cx: &mut Context<'_, '_>,
    request: GetUserAuthFactorsRequest,
) -> Result<GetUserAuthFactorsResponse, ServiceError> {
    let Caller { pool, user, .. } = Caller::authenticate(cx, &request.access_token)?;
    Ok(GetUserAuthFactorsResponse {
        preferred_mfa_setting: user.preferred_mfa(),
        user_mfa_setting_list: user.mfa_settings(),
        configured_user_auth_factors: Some(user.first_factors(&pool)),
        ..GetUserAuthFactorsResponse::new(user.username)
    })
}

/// `AdminGetUserAuthFactors`.
pub(crate) fn admin_auth_factors(
    cx: &mut Context<'_, '_>,
    request: AdminGetUserAuthFactorsRequest,
) -> Result<AdminGetUserAuthFactorsResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let user = User::for_admin(cx, &pool, &request.username)?;
    Ok(AdminGetUserAuthFactorsResponse {
        preferred_mfa_setting: user.preferred_mfa(),
        user_mfa_setting_list: user.mfa_settings(),
        configured_user_auth_factors: Some(user.first_factors(&pool)),
        ..AdminGetUserAuthFactorsResponse::new(user.username)
    })
}
