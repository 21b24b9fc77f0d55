//! Answers other than the page that was asked for.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use axum::response::{IntoResponse, Redirect};
use device_pool::ServiceError;
use device_wire::ErrorCode;
use maud::html;

use crate::html::document;

/// Why there is no page.
pub(crate) enum Problem {
    /// Look there instead.
    See(String),
    /// The service refused a call.
    Refused(ServiceError),
    /// The console refused the request.
    Stopped { status: StatusCode, title: &'static str, advice: &'static str },
}

impl Problem {
    pub(crate) const fn foreign() -> Self {
        Self::Stopped {
            status: StatusCode::FORBIDDEN,
            title: "This request came from another site",
            advice: "The console takes forms from its own pages only and, with --dev, is shown \
                     under localhost, an address, the public URL's host or a name listed with \
                     --dev-host. Open the console's own address and try again.",
        }
    }

    pub(crate) const fn stale_form() -> Self {
        Self::Stopped {
            status: StatusCode::FORBIDDEN,
            title: "This form is out of date",
            advice: "It was shown to another session, perhaps before you signed in again. Nothing \
                     was changed. Go back, reload the page and send the form again.",
        }
    }

    pub(crate) const fn read_only() -> Self {
        Self::Stopped {
            status: StatusCode::FORBIDDEN,
            title: "This session may only look",
            advice: "Nothing was changed. Sign out, and sign in without “Read only” to make \
                     changes.",
        }
    }

    pub(crate) const fn unreadable_form() -> Self {
        Self::Stopped {
            status: StatusCode::BAD_REQUEST,
            title: "This form cannot be read",
            advice: "It is longer than 64 KiB or was cut off. Nothing was changed. Go back and \
                     send it again.",
        }
    }

    pub(crate) const fn nothing_here() -> Self {
        Self::Stopped {
            status: StatusCode::NOT_FOUND,
            title: "Nothing is here",
            advice: "The address is not one of the console's, or what it named was deleted.",
        }
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        Self::Refused(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let (status, title, advice) = match &self {
            Self::See(location) => return Redirect::to(location).into_response(),
            Self::Refused(error) => (status(error.code()), said(error), ""),
            Self::Stopped { status, title, advice } => (*status, (*title).to_owned(), *advice),
        };
        let body = html! {
            h1 { (title) }
            @if !advice.is_empty() { p { (advice) } }
            p { a href="/console" { "Go to the user pools" } }
        };
        (status, document::bare(&title, &body)).into_response()
    }
}

/// What the service said, as a person should read it.
pub(crate) fn said(error: &ServiceError) -> String {
    match error.code() {
        ErrorCode::InternalError => {
            "The server could not do that. Its log says why; try again in a moment.".to_owned()
        }
        ErrorCode::TooManyRequests => {
            "The server is busy. Nothing was changed; try again in a moment.".to_owned()
        }
        _ => error.message().to_owned(),
    }
}

fn status(code: &ErrorCode) -> StatusCode {
    match code {
        ErrorCode::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::TooManyRequests => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::ResourceNotFound | ErrorCode::UserNotFound => StatusCode::NOT_FOUND,
        ErrorCode::AccessDenied => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    }
}
