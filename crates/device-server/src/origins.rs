//! The web pages that may read answers.

use std::time::Duration;

use axum::http::HeaderValue;
use axum::http::header::DATE;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use crate::answer::{ERROR_MESSAGE, ERROR_TYPE, REQUEST_ID};
use crate::setup_error::SetupError;

/// The origins whose web pages may read answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(Option<Vec<HeaderValue>>);

impl Origins {
    /// Pages of any origin, since no answer depends on a cookie. In dev mode, foreign pages still
    /// may not administrate.
    #[must_use]
    pub fn any() -> Self {
        Self(None)
    }

    /// Pages of these origins, such as `https://app.example.com`.
    ///
    /// # Errors
    /// Names the first text that is not an origin.
    pub fn only<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Self, SetupError> {
        let parse = |origin: &str| {
            let host =
                origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"))?;
            let is_host = !host.is_empty() && !host.contains('/');
            is_host.then(|| origin.parse().ok()).flatten()
        };
        let list: Result<Vec<_>, _> = origins
            .into_iter()
            .map(|origin| {
                parse(origin).ok_or_else(|| {
                    SetupError::setting(format!(
                        "the CORS origin \"{origin}\" is not like https://app.example.com"
                    ))
                })
            })
            .collect();
        Ok(Self(Some(list?)))
    }

    /// Whether `origin` was listed by name.
    pub(crate) fn lists(&self, origin: &HeaderValue) -> bool {
        self.0.as_ref().is_some_and(|list| list.contains(origin))
    }

    /// The CORS layer.
    pub(crate) fn cors(&self) -> CorsLayer {
        let origin = match &self.0 {
            None => AllowOrigin::any(),
            Some(list) => AllowOrigin::list(list.iter().cloned()),
        };
        // Without this, browsers repeat the preflight after five seconds. Two hours is the maximum
        // that browsers keep it.
        CorsLayer::new()
            .max_age(Duration::from_secs(2 * 60 * 60))
            .allow_origin(origin)
            .allow_methods(AllowMethods::mirror_request())
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers([REQUEST_ID, ERROR_TYPE, ERROR_MESSAGE, DATE])
    }
}
