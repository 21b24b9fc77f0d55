//! A user's sign-ins that can still refresh their tokens, and ending one.

use device_wire::{
    AdminListUserSessionsRequest, AdminListUserSessionsResponse, AdminRevokeUserSessionRequest,
    AdminRevokeUserSessionResponse, ListUserSessionsRequest, ListUserSessionsResponse,
    RevokeUserSessionRequest, RevokeUserSessionResponse, Sensitive, SessionDescriptionType,
    SessionTypeType, Timestamp,
};

use crate::command::context::Context;
use crate::command::page::{Page, page_length};
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
    let current = Some(claims.origin_jti.to_string());
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
    after: Option<&str>,
) -> Result<(Vec<SessionDescriptionType>, Option<String>), ServiceError> {
    let after = after.map(|origin| UserGrant::key(&user.pool_id, &user.username, origin));
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

fn describe(grant: Grant, ip: Option<String>) -> SessionDescriptionType {
    SessionDescriptionType {
        session_id: Some(grant.origin.to_string()),
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

/// Ends one of the user's sign-ins: its refresh token, and its access tokens. No session is linked
/// to another here.
fn end(cx: &mut Context<'_, '_>, user: &User, session_id: &str) -> Result<(), ServiceError> {
    let grant = cx.tx.find::<Grant>(session_id)?.filter(|grant| {
        grant.pool_id == user.pool_id && grant.username == user.username && grant.stands(user)
    });
    let mut grant = grant.ok_or_else(|| ServiceError::not_found("Session does not exist."))?;
    grant.revoked = true;
    cx.tx.put(&grant)
}
