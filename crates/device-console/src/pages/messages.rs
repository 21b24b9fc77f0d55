//! With `--dev`: the last messages to users, codes included.

use axum::extract::Query;
use axum::response::Html;
use device_server::KeptMessage;
use maud::{Markup, html};
use serde::Deserialize;

use crate::html::field;
use crate::html::frame::Place;
use crate::html::table::{cell, head, table};
use crate::problem::Problem;
use crate::visit::Visit;

/// Messages on the page.
const MAX_SHOWN: usize = 50;

/// The query of the page.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    to: String,
}

/// `GET /console/messages`
pub(crate) async fn show(
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Problem> {
    let messages = visit.console.service.kept_messages().ok_or(Problem::nothing_here())?;
    let sought = asked.to.trim().to_lowercase();
    let is_sought = |kept: &&KeptMessage| {
        let (user, place) = (&kept.message.username, &kept.message.destination);
        [user, place].iter().any(|text| text.to_lowercase().contains(&sought))
    };
    let shown = messages.iter().filter(is_sought).take(MAX_SHOWN);
    let rows: Vec<Markup> = shown.map(|kept| row(&visit, kept)).collect();
    let body = html! {
        p { "What users were sent since this server started, the latest first. Shown with "
            code { "--dev" } " only." }
        form.search method="get" {
            (field::text("to", "User or address", "", "search", &asked.to, false))
            button type="submit" { "Search" }
        }
        (table(
            "Messages to users",
            &["Sent", "To", "Code", "Text"],
            &rows,
            &html! {
                @if sought.is_empty() {
                    p { "Nothing was sent yet. Sign up, or sign in with a code, and it is here." }
                } @else {
                    p { "Nothing was sent to that. " a href="/console/messages" { "Show all" } }
                }
            },
        ))
    };
    Ok(visit.page(&Place::new("Messages"), &body))
}

fn row(visit: &Visit, kept: &KeptMessage) -> Markup {
    let message = &kept.message;
    html! {
        (head("Sent", &visit.clock().show_millis(kept.sent.millis())))
        (cell("To", &html! {
            (message.destination.as_str())
            div.hint { (message.medium.name()) " to " (message.username.as_str()) }
        }))
        (cell("Code", &html! { code.code { (message.code.as_str()) } }))
        (cell("Text", &html! {
            @if !message.subject.is_empty() { strong { (message.subject) } " " }
            (message.body.as_str())
        }))
    }
}
