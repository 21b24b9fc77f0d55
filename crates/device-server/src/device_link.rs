//! The page of the link in a message about a new device: it forgets the device.
//!
//! Mail scanners and previews open links, so that `GET` only says what would happen. Only the form
//! on the page does it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{Response, StatusCode};
use axum::routing::get;
use device_pool::{DeviceLink, Moment, ServiceError};
use maud::{DOCTYPE, Markup, html};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::answer::{self, Failure};
use crate::request_log::{Named, Peer};
use crate::service::Service;

/// The pool and the token in a path. A path that is not UTF-8 has none.
type LinkPath = Result<Path<(String, String)>, PathRejection>;

/// The routes of the page.
pub(crate) fn routes(service: Arc<Service>) -> Router {
    Router::new()
        .route("/{pool_id}/forget-device/{token}", get(show).post(forget))
        .with_state(service)
}

/// `GET`: says what the link does.
async fn show(
    State(service): State<Arc<Service>>,
    peer: Option<Extension<Peer>>,
    path: LinkPath,
) -> Response<Body> {
    answer(&service, peer, path, false).await
}

/// `POST`: does it.
async fn forget(
    State(service): State<Arc<Service>>,
    peer: Option<Extension<Peer>>,
    path: LinkPath,
) -> Response<Body> {
    answer(&service, peer, path, true).await
}

async fn answer(
    service: &Arc<Service>,
    peer: Option<Extension<Peer>>,
    path: LinkPath,
    is_followed: bool,
) -> Response<Body> {
    let source_ip = peer.map(|Extension(peer)| peer.address());
    let mut response = match path {
        Ok(Path(link)) => {
            let (read, subject) = service.device_link(link, source_ip, is_followed).await;
            let mut response = read.map_or_else(unavailable, |link| page(&link));
            response.extensions_mut().insert(subject);
            response
        }
        Err(_) => page(&DeviceLink::Invalid),
    };
    response.extensions_mut().insert(Named("device-link"));
    response
}

fn page(link: &DeviceLink) -> Response<Body> {
    let (status, title, text) = match link {
        DeviceLink::Open { device_name, confirmed } => {
            let question = question(device_name.as_deref(), *confirmed);
            (StatusCode::OK, "Forget this device?", question)
        }
        DeviceLink::SignedIn => (
            StatusCode::OK,
            "The device is forgotten, but signed in",
            html! {
                p {
                    "It is no longer a device of your account. But a sign-in that was made with "
                    "it, or that made it a device of your account, goes on."
                }
                form method="post" { button type="submit" { "Sign it out" } }
            },
        ),
        DeviceLink::Done => (
            StatusCode::OK,
            "The device is forgotten",
            html! {
                p { "It is no longer a device of your account, and it is signed out." }
                p {
                    "Whoever used it knows your password. If that was not you, sign in and change "
                    "your password now."
                }
            },
        ),
        _ => (
            StatusCode::NOT_FOUND,
            "This link is not valid",
            html! {
                p {
                    "It is incomplete, or it is more than seven days old. Nothing was changed."
                }
                p { "If you do not know a device of your account, change your password." }
            },
        ),
    };
    answer::page(status, document(title, &text))
}

fn question(device_name: Option<&str>, confirmed: Moment) -> Markup {
    html! {
        p {
            @match device_name {
                Some(name) => { "The device \u{201c}" (name) "\u{201d}" }
                None => "A device without a name",
            }
            " signed in to your account" (at(confirmed)) "."
        }
        p {
            "If you forget it, it is signed out, and it has to sign in again as a new device. "
            "Your other devices stay signed in. You are not signed in by this page."
        }
        form method="post" { button type="submit" { "Forget this device" } }
        p { "If the device is yours, close this page. Nothing was changed yet." }
    }
}

/// The words for a point in time.
fn at(moment: Moment) -> String {
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
