//! A request of an administrator who is signed in.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use device_pool::ServiceError;
use device_server::{AdminSession, Administrator, Role};
use device_wire::Request;
use maud::{Markup, html};

use crate::clock::Clock;
use crate::console::Console;
use crate::csrf;
use crate::problem::Problem;

/// A request of an administrator who is signed in.
#[derive(Clone)]
pub(crate) struct Visit {
    pub(crate) console: Arc<Console>,
    pub(crate) session: AdminSession,
    pub(crate) source_ip: Option<IpAddr>,
    /// The token that the session's forms carry.
    pub(crate) token: String,
}

impl Visit {
    /// Makes a call as this administrator.
    pub(crate) async fn call<R: Request>(&self, request: &R) -> Result<R::Output, ServiceError> {
        let administrator =
            Administrator { key_id: self.session.key_id.clone(), role: self.session.role };
        self.console.service.call(&administrator, request, self.source_ip).await
    }

    /// Whether changes are offered.
    pub(crate) fn may_change(&self) -> bool {
        self.session.role == Role::Full
    }

    pub(crate) fn clock(&self) -> Clock {
        Clock { now: self.console.service.now_millis() }
    }

    /// The hidden field that every form has.
    pub(crate) fn token_field(&self) -> Markup {
        html! { input type="hidden" name=(csrf::FIELD) value=(self.token); }
    }
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let visit = parts.extensions.get::<Self>().cloned();
        visit.ok_or_else(|| ServiceError::internal("a page is outside of the guard").into())
    }
}
