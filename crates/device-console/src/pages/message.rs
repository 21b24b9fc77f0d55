//! With `--dev`: one message to a user, in full.

use axum::extract::Path;
use axum::response::Html;
use maud::html;

use crate::html::frame::Place;
use crate::html::table::facts;
use crate::html::text::shortened;
use crate::problem::Problem;
use crate::visit::Visit;

/// The longest part of a message that is shown, in characters.
const MAX_BODY: usize = 6000;

/// `GET /console/messages/<message>`
pub(crate) async fn show(visit: Visit, Path(id): Path<u64>) -> Result<Html<String>, Problem> {
    let kept = visit.console.service.kept_messages(|kept| kept.id == id, 1);
    let kept = kept.and_then(|mut kept| kept.pop()).ok_or(Problem::nothing_here())?;
    let message = &kept.message;
    let is_cut = message.body.chars().nth(MAX_BODY).is_some();
    let body = html! {
        p { a href="/console/messages" { "All messages" } }
        (facts(&[
            ("Sent", visit.clock().show_millis(kept.sent.millis())),
            ("To", html! { (message.destination.as_str()) }),
            ("By", html! { (message.medium.name()) }),
            ("User", html! { (message.username.as_str()) }),
            ("Pool", html! { code { (message.pool_id) } }),
            ("Code", html! { code.code { (message.code.as_str()) } }),
        ]))
        @if !message.subject.is_empty() { h2 { (message.subject) } }
        p.message { (shortened(&message.body, MAX_BODY)) }
        @if is_cut {
            p.hint { "This is the start of a long message. " code { "GET /dev/messages" }
                " has all of it." }
        }
    };
    Ok(visit.page(&Place::new("Message"), &body))
}
