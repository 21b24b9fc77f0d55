//! Dev mode: its settings, and what developers control by `dev_calls`.
//!
//! In dev mode administrators do not sign. Foreign web pages may neither administrate nor control
//! the server.

pub(crate) mod clock;
mod duration;
mod expired;
pub(crate) mod messages;
mod pages;

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, Method};
use device_pool::{CHOSEN_CLIENT_ID, SeedItem, SeedVerifiers, ServiceError};
use device_wire::{ErrorCode, Operation, Sensitive};
use serde_json::Value;

use crate::constraint;
use crate::origins::Origins;
use crate::setup_error::SetupError;

pub(crate) use clock::DevClock;
use expired::Expired;
pub use messages::KeptMessage;
use messages::Messages;
use pages::Pages;

/// The error for a foreign page, or for a request to a foreign name.
pub(crate) const REFUSED: &str = "\
    In dev mode, only pages on localhost or from a listed origin may do this (--cors-origin lists \
    one), and codes are read under localhost, an address, the public URL's host or a listed name \
    (--dev-host NAME lists one).";

/// The settings of dev mode. Use it only on your own machine: anyone who reaches the server is an
/// administrator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DevMode {
    hosts: Vec<String>,
    code: Option<Sensitive<String>>,
    keeps_data: Option<String>,
}

impl DevMode {
    /// Dev mode in which codes may also be read under these host names.
    ///
    /// For example, the service's name in a compose file. A web page whose host is listed can read
    /// codes too.
    #[must_use]
    pub fn with_hosts<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Self {
        Self { hosts: hosts.into_iter().map(str::to_ascii_lowercase).collect(), ..Self::default() }
    }

    /// Sends users this code, of four to eight digits, instead of a random one.
    ///
    /// # Errors
    /// If it is anything else.
    pub fn code(mut self, code: &str) -> Result<Self, SetupError> {
        if !(4..=8).contains(&code.len()) || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SetupError::setting("code must have four to eight digits"));
        }
        self.code = Some(code.into());
        Ok(self)
    }

    /// Refuses `POST /dev/reset` for this reason, since the data is not a developer's alone.
    #[must_use]
    pub fn keep_data(mut self, reason: &str) -> Self {
        self.keeps_data = Some(reason.to_owned());
        self
    }

    /// The code for all users, if there is one.
    pub(crate) fn fixed_code(&self) -> Option<&Sensitive<String>> {
        self.code.as_ref()
    }
}

/// A server's dev mode.
pub(crate) struct Dev {
    pages: Pages,
    pub(crate) messages: Messages,
    pub(crate) expired: Expired,
    pub(crate) clock: Arc<DevClock>,
    /// Why a reset is refused, if it is.
    pub(crate) keeps_data: Option<String>,
    planted: Mutex<Planted>,
}

/// The seed that a reset goes back to.
#[derive(Clone, Default)]
pub(crate) struct Planted {
    pub(crate) items: Arc<[SeedItem]>,
    pub(crate) verifiers: SeedVerifiers,
}

impl Dev {
    /// Creates dev mode. `public_url` is the URL at which clients reach the server.
    pub(crate) fn new(
        mode: DevMode,
        origins: Origins,
        public_url: &str,
        clock: Arc<DevClock>,
    ) -> Self {
        Self {
            pages: Pages::new(origins, public_url, mode.hosts),
            messages: Messages::default(),
            expired: Expired::default(),
            clock,
            keeps_data: mode.keeps_data,
            planted: Mutex::default(),
        }
    }

    /// Refuses an administrator's call by a foreign web page.
    pub(crate) fn admit(&self, method: &Method, headers: &HeaderMap) -> Result<(), ServiceError> {
        if self.pages.is_foreign(method, headers) {
            return Err(ServiceError::new(ErrorCode::AccessDenied, REFUSED));
        }
        Ok(())
    }

    /// Checks a body against the model, and refuses what a developer expired. A name that chooses
    /// an app client's id may have the colon that the model forbids.
    pub(crate) fn check(
        &self,
        operation: Operation,
        mut body: Value,
    ) -> Result<Value, ServiceError> {
        let names = [Operation::CreateUserPoolClient, Operation::UpdateUserPoolClient];
        let name = body.get("ClientName").and_then(Value::as_str);
        let chosen =
            name.filter(|name| name.starts_with(CHOSEN_CLIENT_ID) && names.contains(&operation));
        let chosen = chosen.map(str::to_owned);
        if let Some(name) = &chosen {
            set_name(&mut body, name.replacen(':', "=", 1));
        }
        let mut input = constraint::check(operation, body)?;
        if let Some(name) = chosen {
            set_name(&mut input, name);
        }
        self.expired.check(operation, &input)?;
        Ok(input)
    }

    /// Sets what a reset goes back to.
    pub(crate) fn remember(&self, planted: Planted) {
        *self.planted.lock().unwrap_or_else(PoisonError::into_inner) = planted;
    }

    /// What a reset goes back to.
    pub(crate) fn planted(&self) -> Planted {
        self.planted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Goes back to how dev mode began: no messages, the system's time.
    pub(crate) fn reset(&self) {
        self.messages.delete(&messages::Wanted::default());
        self.expired.clear();
        self.clock.reset();
    }
}

fn set_name(body: &mut Value, name: String) {
    if let Some(fields) = body.as_object_mut() {
        fields.insert("ClientName".to_owned(), name.into());
    }
}
