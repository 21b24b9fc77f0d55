//! An administrator's session: a sealed cookie, and a record that lists and ends it.

use std::net::IpAddr;

use axum::http::header::{COOKIE, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue};
use cookie::{Cookie, SameSite};
use device_pool::ServiceError;
use device_server::{AdminSession, Administrator};

use crate::console::Console;

/// The longest name of a browser that is kept, in characters.
const MAX_USER_AGENT: usize = 200;

/// Which of the console's cookies.
#[derive(Clone, Copy)]
pub(crate) enum CookieKind {
    /// Holds the sealed id of a session.
    Session,
    /// Ties the sign-in form to the browser that it was shown to.
    SignInForm,
}

impl Console {
    /// Opens a session; returns the cookie to set. Its id is new: no cookie that was there
    /// before can become a session.
    pub(crate) async fn open_session(
        &self,
        administrator: Administrator,
        source_ip: Option<IpAddr>,
        headers: &HeaderMap,
    ) -> Result<HeaderValue, ServiceError> {
        let now = self.service.now_millis();
        let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        let session = AdminSession {
            id: self.random_id(),
            key_id: administrator.key_id.clone(),
            name: administrator.name.clone(),
            role: administrator.role,
            source_ip,
            user_agent: agent.unwrap_or_default().chars().take(MAX_USER_AGENT).collect(),
            started: now,
            seen: now,
        };
        let sealed = self.seal(&self.sessions, &session.id)?;
        self.service.start_admin_session(administrator, session).await?;
        Ok(self.cookie(CookieKind::Session, sealed))
    }

    /// The session whose cookie a request has and its administrator, unless it has ended.
    pub(crate) async fn session(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<(AdminSession, Administrator)>, ServiceError> {
        let id = self.read_cookie(CookieKind::Session, headers);
        match id.and_then(|sealed| self.sessions.open(&sealed)) {
            Some(id) => self.service.use_admin_session(id).await,
            None => Ok(None),
        }
    }

    /// A cookie that goes nowhere but to this host's console, and with no request of another site.
    pub(crate) fn cookie(&self, kind: CookieKind, value: String) -> HeaderValue {
        self.header(Cookie::build((self.cookie_name(kind), value)))
    }

    /// The header that removes a cookie.
    pub(crate) fn no_cookie(&self, kind: CookieKind) -> HeaderValue {
        let name = self.cookie_name(kind);
        self.header(Cookie::build((name, "")).max_age(cookie::time::Duration::ZERO))
    }

    fn header(&self, cookie: cookie::CookieBuilder<'_>) -> HeaderValue {
        let cookie = cookie
            .path(if self.is_secure { "/" } else { "/console" })
            .secure(self.is_secure)
            .http_only(true)
            .same_site(SameSite::Strict)
            .build();
        // Names and values are ours: letters, digits, `-` and `_`.
        HeaderValue::try_from(cookie.to_string()).unwrap_or(HeaderValue::from_static(""))
    }

    pub(crate) fn read_cookie(&self, kind: CookieKind, headers: &HeaderMap) -> Option<String> {
        let name = self.cookie_name(kind);
        let texts = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
        let mut cookies = texts.flat_map(|text| Cookie::split_parse(text).flatten());
        cookies.find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
    }

    /// Behind TLS, a browser takes the `__Host-` cookie from this very host only.
    fn cookie_name(&self, kind: CookieKind) -> &'static str {
        match (kind, self.is_secure) {
            (CookieKind::Session, true) => "__Host-device-console",
            (CookieKind::Session, false) => "device-console",
            (CookieKind::SignInForm, true) => "__Host-device-console-form",
            (CookieKind::SignInForm, false) => "device-console-form",
        }
    }
}
