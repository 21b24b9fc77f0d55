//! The pages of the links in a message about a risky sign-in: whether it was the user's own.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use device_pool::FeedbackLink;
use device_wire::enums::FeedbackValueType;
use maud::html;

use crate::link_page;
use crate::service::Service;

/// The routes of the pages.
pub(crate) fn routes(service: Arc<Service>) -> Router {
    Router::new()
        .route(
            "/{pool_id}/sign-in-feedback/{value}/{token}",
            link_page::methods("feedback-link", answer),
        )
        .with_state(service)
}

async fn answer(
    service: Arc<Service>,
    source_ip: Option<IpAddr>,
    path: Option<(String, String, String)>,
    is_followed: bool,
) -> Response<Body> {
    let link = path.and_then(|(pool_id, value, token)| Some((pool_id, feedback(&value)?, token)));
    match link {
        Some((pool_id, value, token)) => {
            let given = value.clone();
            let answered = service.follow_link(source_ip, move |engine, invocation| {
                if is_followed {
                    engine.follow_feedback_link(&pool_id, &token, &given, invocation)
                } else {
                    engine.read_feedback_link(&pool_id, &token, invocation)
                }
            });
            link_page::answer(answered.await, |link| page(link, &value))
        }
        None => page(&FeedbackLink::Invalid, &FeedbackValueType::Invalid),
    }
}

fn feedback(value: &str) -> Option<FeedbackValueType> {
    match value {
        "valid" => Some(FeedbackValueType::Valid),
        "invalid" => Some(FeedbackValueType::Invalid),
        _ => None,
    }
}

fn page(link: &FeedbackLink, value: &FeedbackValueType) -> Response<Body> {
    let was_user = *value == FeedbackValueType::Valid;
    match link {
        FeedbackLink::Open { at, address } => {
            let title = if was_user { "Was it you?" } else { "Was it not you?" };
            let button = if was_user { "It was me" } else { "It was not me" };
            let text = html! {
                p {
                    "Someone tried to sign in to your account" (link_page::at(*at))
                    @if let Some(address) = address { ", from the address " (address) }
                    "."
                }
                form method="post" { button type="submit" { (button) } }
                p { "Nothing was recorded yet. You are not signed in by this page." }
            };
            link_page::page(StatusCode::OK, title, &text)
        }
        FeedbackLink::Done => {
            let text = html! {
                @if was_user {
                    p { "The address that you signed in from counts as yours from now on." }
                } @else {
                    p {
                        "Someone else knows your password. Change it now, and sign out everywhere."
                    }
                }
            };
            link_page::page(StatusCode::OK, "Thank you", &text)
        }
        _ => {
            let text = html! {
                p {
                    "It is incomplete, or it is more than seven days old. Nothing was recorded."
                }
            };
            link_page::page(StatusCode::NOT_FOUND, "This link is not valid", &text)
        }
    }
}
