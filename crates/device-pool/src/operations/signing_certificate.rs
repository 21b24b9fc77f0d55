//! The certificate of a pool's signing key.

use device_wire::requests::GetSigningCertificateRequest;
use device_wire::responses::GetSigningCertificateResponse;

use crate::command::context::Context;
use crate::crypto::certificate;
use crate::error::ServiceError;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;

/// `GetSigningCertificate`: of the key that signs ID tokens, since there are no SAML requests.
pub(crate) fn describe(
    cx: &mut Context<'_, '_>,
    request: GetSigningCertificateRequest,
) -> Result<GetSigningCertificateResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let keys = PoolKeys::to_sign(cx, &pool.id)?;
    let certificate = certificate::self_signed(cx.key_ring, &keys.id, &pool.id)?;
    Ok(GetSigningCertificateResponse { certificate: Some(certificate) })
}
