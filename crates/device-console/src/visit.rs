//! A request of an administrator who is signed in.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use device_pool::ServiceError;
use device_server::{AdminSession, Administrator, DeviceCount, Role, SignInHour};
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
    /// The administrator who opened the session, with what is permitted now.
    pub(crate) administrator: Administrator,
    pub(crate) source_ip: Option<IpAddr>,
    /// The token that the session's forms carry.
    pub(crate) token: String,
}

impl Visit {
    /// Makes a call as this administrator.
    pub(crate) async fn call<R: Request>(&self, request: &R) -> Result<R::Output, ServiceError> {
        self.console.service.call(&self.administrator, request, self.source_ip).await
    }

    /// The devices of a pool by status.
    pub(crate) async fn count_devices(&self, pool_id: &str) -> Result<DeviceCount, ServiceError> {
        self.console.service.count_devices(&self.administrator, pool_id.to_owned()).await
    }

    /// The sign-ins of a pool in each of the last hours, the earliest first.
    pub(crate) async fn sign_ins_by_hour(
        &self,
        pool_id: &str,
        hours: u16,
    ) -> Result<Vec<SignInHour>, ServiceError> {
        let service = &self.console.service;
        service.sign_ins_by_hour(&self.administrator, pool_id.to_owned(), hours).await
    }

    /// Whether changes are offered.
    pub(crate) fn may_change(&self) -> bool {
        self.administrator.role == Role::Full
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
