//! A user's grants: listed and revoked as the service's "user sessions".

use device_wire::enums::SessionTypeType;
use device_wire::requests::{
    AdminListUserSessionsRequest, AdminRevokeUserSessionRequest, ListUserSessionsRequest,
    RevokeUserSessionRequest,
};
use device_wire::responses::{
    AdminListUserSessionsResponse, AdminRevokeUserSessionResponse, ListUserSessionsResponse,
    RevokeUserSessionResponse,
};
use device_wire::shapes::SessionDescriptionType;
use device_wire::{Sensitive, Timestamp};
use uuid::Uuid;

use crate::command::context::Context;
use crate::command::page::{self, Page, page_length};
use crate::error::ServiceError;
use crate::records::grant::{Grant, UserGrant};
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::rules::caller::Caller;

/// `ListUserSessions`.
pub(crate) fn list(
    cx: &mut Context<'_, '_>,
    request: ListUserSessionsRequest,
) -> Result<ListUserSessionsResponse, ServiceError> {
    let Caller { user, claims, .. } = Caller::authenticate(cx, &request.access_token)?;
    let current = Some(session_id(claims.origin_jti));
    let (mut sessions, next_token) = page(cx, &user, request.next_token.as_deref())?;
    for session in &mut sessions {
        session.is_current_session = Some(session.session_id == current);
    }
    Ok(ListUserSessionsResponse { sessions: Some(sessions), next_token })
}

/// `AdminListUserSessions`.
pub(crate) fn admin_list(
    cx: &mut Context<'_, '_>,
    request: AdminListUserSessionsRequest,
) -> Result<AdminListUserSessionsResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let user = User::for_admin(cx, &pool, &request.username)?;
    let (sessions, next_token) = page(cx, &user, request.next_token.as_deref())?;
    Ok(AdminListUserSessionsResponse { sessions: Some(sessions), next_token })
}

fn page(
    cx: &mut Context<'_, '_>,
    user: &User,
    token: Option<&str>,
) -> Result<(Vec<SessionDescriptionType>, Option<String>), ServiceError> {
    let after =
        page::position(token)?.map(|origin| UserGrant::key(&user.pool_id, &user.username, &origin));
    let prefix = UserGrant::key(&user.pool_id, &user.username, "");
    let page: Page<UserGrant> = Page::scan(&cx.tx, &prefix, after, page_length(None), |_| true)?;
    let next_token = page.next_token(|last| last.origin.to_string());
    let mut sessions = Vec::new();
    for UserGrant { origin, ip, .. } in page.items {
        let grant = cx.tx.find::<Grant>(&origin.to_string())?;
        if let Some(grant) =
            grant.filter(|grant| grant.stands(user) && !grant.has_expired(cx.now()))
        {
            sessions.push(describe(grant, ip));
        }
    }
    Ok((sessions, next_token))
}

/// The session id of a grant in the model's form: `tkn` and 25 digits in base 36.
fn session_id(origin: Uuid) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut rest = origin.as_u128();
    let mut digits = [b'0'; 25];
    for digit in digits.iter_mut().rev() {
        // The remainder is below 36, so the digit exists.
        *digit = DIGITS.get((rest % 36) as usize).copied().unwrap_or(b'0');
        rest /= 36;
    }
    std::iter::once("tkn").chain(std::str::from_utf8(&digits)).collect()
}

/// The grant with this session id; `None` if the id is malformed.
fn origin(session_id: &str) -> Option<Uuid> {
    let digits = session_id.strip_prefix("tkn").filter(|digits| digits.len() == 25)?;
    u128::from_str_radix(digits, 36).ok().map(Uuid::from_u128)
}

fn describe(grant: Grant, ip: Option<String>) -> SessionDescriptionType {
    SessionDescriptionType {
        session_id: Some(session_id(grant.origin)),
        session_type: Some(SessionTypeType::Token),
        client_id: Some(Sensitive::from(grant.client_id)),
        create_date: Some(Timestamp::from(grant.issued)),
        last_active_date: Some(Timestamp::from(grant.issued)),
        last_ip_address: ip.map(Sensitive::from),
        ..SessionDescriptionType::default()
    }
}

/// `RevokeUserSession`.
pub(crate) fn revoke(
    cx: &mut Context<'_, '_>,
    request: RevokeUserSessionRequest,
) -> Result<RevokeUserSessionResponse, ServiceError> {
    let user = Caller::authenticate(cx, &request.access_token)?.user;
    end(cx, &user, &request.session_id)?;
    Ok(RevokeUserSessionResponse {})
}

/// `AdminRevokeUserSession`.
pub(crate) fn admin_revoke(
    cx: &mut Context<'_, '_>,
    request: AdminRevokeUserSessionRequest,
) -> Result<AdminRevokeUserSessionResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let user = User::for_admin(cx, &pool, &request.username)?;
    end(cx, &user, &request.session_id)?;
    Ok(AdminRevokeUserSessionResponse {})
}

/// Revokes one grant of the user: its refresh token and its access tokens. Sessions are not linked
/// to each other here.
fn end(cx: &mut Context<'_, '_>, user: &User, session_id: &str) -> Result<(), ServiceError> {
    let missing = || ServiceError::not_found("Session does not exist.");
    let origin = origin(session_id).ok_or_else(missing)?;
    let grant = cx.tx.find::<Grant>(&origin.to_string())?.filter(|grant| {
        grant.pool_id == user.pool_id && grant.username == user.username && grant.stands(user)
    });
    let mut grant = grant.ok_or_else(missing)?;
    grant.revoked = true;
    cx.tx.put(&grant)
}
