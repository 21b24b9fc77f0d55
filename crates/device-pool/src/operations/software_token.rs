//! Software tokens, set up by signed-in users or during a sign-in.

use device_wire::enums::VerifySoftwareTokenResponseType;
use device_wire::requests::{
    AdminDeleteSoftwareTokenRequest, AssociateSoftwareTokenRequest, VerifySoftwareTokenRequest,
};
use device_wire::responses::{
    AdminDeleteSoftwareTokenResponse, AssociateSoftwareTokenResponse, VerifySoftwareTokenResponse,
};

use crate::command::context::Context;
use crate::crypto::totp;
use crate::error::ServiceError;
use crate::records::factor::Factor;
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::records::user_token::UserToken;
use crate::rules::caller::Caller;
use crate::rules::second_factors::check_software_tokens;
use crate::sign_in;

fn neither() -> ServiceError {
    ServiceError::invalid("Either an access token or a session is required.")
}

/// `AssociateSoftwareToken`: a new secret, which `VerifySoftwareToken` must verify with a code.
pub(crate) fn associate(
    cx: &mut Context<'_, '_>,
    request: AssociateSoftwareTokenRequest,
) -> Result<AssociateSoftwareTokenResponse, ServiceError> {
    let Some(token) = request.access_token else {
        return sign_in::associate_with_session(cx, &request.session.ok_or_else(neither)?);
    };
    let Caller { pool, user, .. } = Caller::authenticate_afresh(cx, &token)?;
    check_software_tokens(&pool)?;
    let secret = totp::secret_code(cx.random());
    let mut token = UserToken::of(cx, &user)?;
    token.pending = Some(secret.clone().into());
    cx.tx.put(&token)?;
    // No token may go along with a deletion of the user. Both write the user.
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
        return sign_in::verify_with_session(
            cx,
            &session,
            &request.user_code,
            request.friendly_device_name,
        );
    };
    let Caller { pool, mut user, .. } = Caller::authenticate_afresh(cx, &token)?;
    check_software_tokens(&pool)?;
    let secret = UserToken::of(cx, &user)?.pending.ok_or_else(|| {
        ServiceError::invalid("No software token to verify: call AssociateSoftwareToken first.")
    })?;
    user.enrol_token(cx, (*secret).clone(), &request.user_code, request.friendly_device_name)?;
    cx.tx.put(&user)?;
    Ok(VerifySoftwareTokenResponse {
        status: Some(VerifySoftwareTokenResponseType::Success),
        session: None,
    })
}

/// `AdminDeleteSoftwareToken`. It is no error if the user has no token.
pub(crate) fn admin_delete(
    cx: &mut Context<'_, '_>,
    request: AdminDeleteSoftwareTokenRequest,
) -> Result<AdminDeleteSoftwareTokenResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let mut user = User::for_admin(cx, &pool, &request.username)?;
    UserToken::of(cx, &user)?.remove(cx);
    user.has_token = false;
    user.mfa.switch(Factor::SoftwareToken, false);
    user.modified = cx.now();
    cx.tx.put(&user)?;
    Ok(AdminDeleteSoftwareTokenResponse {})
}
