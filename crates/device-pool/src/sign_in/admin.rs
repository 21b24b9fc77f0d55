//! Sign-ins that an administrator's server performs for its users.

use std::net::IpAddr;

use device_wire::enums::AuthFlowType;
use device_wire::requests::{AdminInitiateAuthRequest, AdminRespondToAuthChallengeRequest};
use device_wire::responses::{AdminInitiateAuthResponse, AdminRespondToAuthChallengeResponse};
use device_wire::shapes::ContextDataType;

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::records::app_client::AppClient;
use crate::records::pool::Pool;
use crate::sign_in::step::StepRequest;
use crate::sign_in::{initiate, respond};

/// `AdminInitiateAuth`.
pub(crate) fn admin_initiate_auth(
    cx: &mut Context<'_, '_>,
    request: AdminInitiateAuthRequest,
) -> Result<AdminInitiateAuthResponse, ServiceError> {
    let pool = Pool::shared(cx, &request.user_pool_id)?;
    let client = AppClient::shared_of_pool(cx, &pool, &request.client_id)?;
    if request.auth_flow == AuthFlowType::UserPasswordAuth {
        return Err(ServiceError::invalid("Initiate Auth method not supported."));
    }
    take_source(cx, request.context_data.as_ref())?;
    let AdminInitiateAuthRequest { auth_flow, session, auth_parameters, client_metadata, .. } =
        request;
    let request = StepRequest::new(cx, pool, client, session, auth_parameters, client_metadata)?;
    initiate(cx, auth_flow, request).map(Into::into)
}

/// `AdminRespondToAuthChallenge`.
pub(crate) fn admin_respond_to_auth_challenge(
    cx: &mut Context<'_, '_>,
    request: AdminRespondToAuthChallengeRequest,
) -> Result<AdminRespondToAuthChallengeResponse, ServiceError> {
    let pool = Pool::shared(cx, &request.user_pool_id)?;
    let client = AppClient::shared_of_pool(cx, &pool, &request.client_id)?;
    take_source(cx, request.context_data.as_ref())?;
    let AdminRespondToAuthChallengeRequest {
        challenge_name,
        session,
        challenge_responses,
        client_metadata,
        ..
    } = request;
    let request =
        StepRequest::new(cx, pool, client, session, challenge_responses, client_metadata)?;
    respond(cx, &challenge_name, request).map(Into::into)
}

/// Replaces the server's address by the user's address, as the administrator's server reports it.
fn take_source(
    cx: &mut Context<'_, '_>,
    context: Option<&ContextDataType>,
) -> Result<(), ServiceError> {
    let Some(context) = context else { return Ok(()) };
    let address: IpAddr = context
        .ip_address
        .parse()
        .map_err(|_| ServiceError::invalid("ContextData.IpAddress is no IP address"))?;
    cx.invocation.source_ip = Some(address);
    Ok(())
}
