//! The page of the link in a message about a new device: it forgets the device.
//!
//! Mail scanners and previews open links, so that `GET` only says what would happen. Only the form
//! on the page does it.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use device_pool::{DeviceLink, Moment};
use maud::{Markup, html};

use crate::link_page;
use crate::service::Service;

/// The routes of the page.
pub(crate) fn routes(service: Arc<Service>) -> Router {
    Router::new()
        .route("/{pool_id}/forget-device/{token}", link_page::methods("device-link", answer))
        .with_state(service)
}

async fn answer(
    service: Arc<Service>,
    source_ip: Option<IpAddr>,
    path: Option<(String, String)>,
    is_followed: bool,
) -> Response<Body> {
    match path {
        Some((pool_id, token)) => {
            let answered = service.follow_link(source_ip, move |engine, invocation| {
                if is_followed {
                    engine.follow_device_link(&pool_id, &token, invocation)
                } else {
                    engine.read_device_link(&pool_id, &token, invocation)
                }
            });
            link_page::answer(answered.await, page)
        }
        None => page(&DeviceLink::Invalid),
    }
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
                    "If you did not use it, someone else knows your password: sign in and change "
                    "it now."
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
    link_page::page(status, title, &text)
}

fn question(device_name: Option<&str>, confirmed: Moment) -> Markup {
    html! {
        p {
            @match device_name {
                Some(name) => { "The device \u{201c}" (name) "\u{201d}" }
                None => "A device without a name",
            }
            " signed in to your account" (link_page::at(confirmed)) "."
        }
        p {
            "If you forget it, it is signed out, and it has to sign in again as a new device. "
            "Your other devices stay signed in. You are not signed in by this page."
        }
        form method="post" { button type="submit" { "Forget this device" } }
        p { "If the device is yours, close this page. Nothing was changed yet." }
    }
}
