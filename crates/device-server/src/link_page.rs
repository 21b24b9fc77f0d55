//! What the pages of links in messages share.
//!
//! Mail scanners and previews open links, so that `GET` only says what would happen. Only the form
//! on a page does it.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{Response, StatusCode};
use axum::routing::{MethodRouter, get};
use device_pool::{Moment, ServiceError};
use maud::{DOCTYPE, Markup, html};
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::answer::{self, Failure};
use crate::request_log::{Named, Peer};
use crate::service::Service;
use crate::subject::Subject;

/// The methods of a link's page: `GET` says what the link does, `POST` does it.
///
/// `answer` gets what the path says, if it is UTF-8, and whether the link is followed. The log
/// calls the page `name`.
pub(crate) fn methods<P, F>(
    name: &'static str,
    answer: fn(Arc<Service>, Option<IpAddr>, Option<P>, bool) -> F,
) -> MethodRouter<Arc<Service>>
where
    P: DeserializeOwned + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let handler = move |is_followed| {
        move |State(service): State<Arc<Service>>,
              peer: Option<Extension<Peer>>,
              path: Result<Path<P>, PathRejection>| async move {
            let source_ip = peer.map(|Extension(peer)| peer.address());
            let path = path.ok().map(|Path(path)| path);
            let mut response = answer(service, source_ip, path, is_followed).await;
            response.extensions_mut().insert(Named(name));
            response
        }
    };
    get(handler(false)).post(handler(true))
}

/// The page of what a link led to, or of a server that is busy.
pub(crate) fn answer<T>(
    (read, subject): (Result<T, ServiceError>, Subject),
    page: impl FnOnce(&T) -> Response<Body>,
) -> Response<Body> {
    let mut response = read.map_or_else(unavailable, |link| page(&link));
    response.extensions_mut().insert(subject);
    response
}

/// A page with this title and text.
pub(crate) fn page(status: StatusCode, title: &str, text: &Markup) -> Response<Body> {
    answer::page(status, document(title, text))
}

/// The words for a point in time.
pub(crate) fn at(moment: Moment) -> String {
    const MINUTE: &[BorrowedFormatItem<'_>] =
        format_description!(" on [year]-[month]-[day] at [hour]:[minute] UTC");
    let time = OffsetDateTime::from_unix_timestamp(moment.millis().div_euclid(1000));
    time.ok().and_then(|time| time.format(MINUTE).ok()).unwrap_or_default()
}

fn unavailable(error: ServiceError) -> Response<Body> {
    let text = html! { p { "Nothing was changed. Open the link again in a minute." } };
    let document = document("The server is busy", &text);
    let mut response = answer::page(StatusCode::SERVICE_UNAVAILABLE, document);
    response.extensions_mut().insert(Failure(error));
    response
}

fn document(title: &str, text: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) }
            }
            body { main { h1 { (title) } (text) } }
        }
    };
    page.into_string()
}
