//! Software tokens of users who are signed in, and of users who must set one up to sign in.

use device_wire::{
    AssociateSoftwareTokenRequest, AssociateSoftwareTokenResponse, SetUserMFAPreferenceRequest,
    SetUserMFAPreferenceResponse, VerifySoftwareTokenRequest, VerifySoftwareTokenResponse,
    VerifySoftwareTokenResponseType,
};

use crate::context::Context;
use crate::error::ServiceError;
use crate::user::MfaPreference;
use crate::{sign_in, tokens, totp};

fn neither() -> ServiceError {
    ServiceError::invalid("Either an access token or a session is required.")
}

/// `AssociateSoftwareToken`: a new secret. It counts once `VerifySoftwareToken` has seen a code of it.
pub(crate) fn associate(
    cx: &mut Context<'_, '_>,
    request: AssociateSoftwareTokenRequest,
) -> Result<AssociateSoftwareTokenResponse, ServiceError> {
    let Some(token) = request.access_token else {
        return sign_in::associate_with_session(cx, &request.session.ok_or_else(neither)?);
    };
    let (_, _, mut user) = tokens::authenticate(cx, &token)?;
    let secret = totp::secret_code(cx.random());
    user.pending_token = Some(secret.clone());
    cx.tx.put(&user)?;
    Ok(AssociateSoftwareTokenResponse { secret_code: Some(secret), session: None })
}

/// `VerifySoftwareToken`.
pub(crate) fn verify(
    cx: &mut Context<'_, '_>,
    request: VerifySoftwareTokenRequest,
) -> Result<VerifySoftwareTokenResponse, ServiceError> {
    let Some(token) = request.access_token else {
        let session = request.session.ok_or_else(neither)?;
        return sign_in::verify_with_session(cx, &session, &request.user_code, request.friendly_device_name);
    };
    let (_, _, mut user) = tokens::authenticate(cx, &token)?;
    let secret = user.pending_token.clone().ok_or_else(|| {
        ServiceError::invalid("No software token to verify: call AssociateSoftwareToken first.")
    })?;
    sign_in::enrol(cx, &mut user, secret, &request.user_code, request.friendly_device_name)?;
    cx.tx.put(&user)?;
    Ok(VerifySoftwareTokenResponse { status: Some(VerifySoftwareTokenResponseType::Success), session: None })
}

/// `SetUserMFAPreference`.
pub(crate) fn set_preference(
    cx: &mut Context<'_, '_>,
    request: SetUserMFAPreferenceRequest,
) -> Result<SetUserMFAPreferenceResponse, ServiceError> {
    let (_, _, mut user) = tokens::authenticate(cx, &request.access_token)?;
    let wants = |enabled: Option<bool>| enabled == Some(true);
    if request.sms_mfa_settings.is_some_and(|s| wants(s.enabled))
        || request.email_mfa_settings.is_some_and(|s| wants(s.enabled))
    {
        return Err(ServiceError::invalid("SMS and e-mail MFA are not enabled for this user pool"));
    }
    if let Some(settings) = request.software_token_mfa_settings {
        let enabled = wants(settings.enabled);
        if enabled && user.software_token.is_none() {
            return Err(ServiceError::invalid("User has not verified software token mfa"));
        }
        user.mfa = MfaPreference {
            software_token_enabled: enabled,
            software_token_preferred: enabled && wants(settings.preferred_mfa),
        };
        user.modified = cx.now();
        cx.tx.put(&user)?;
    }
    Ok(SetUserMFAPreferenceResponse {})
}
