//! With `--dev`: the last messages to users, codes included.

use axum::extract::Query;
use axum::response::Html;
use device_server::KeptMessage;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use crate::html::field;
use crate::html::frame::Place;
use crate::html::table::{cell, head, table};
use crate::html::text::{in_cell, shortened};
use crate::html::url;
use crate::problem::Problem;
use crate::visit::Visit;

/// Messages on a page.
const PAGE: usize = 15;

/// The longest part of a message in the list, in characters.
const MAX_BODY: usize = 120;

/// The query of the page.
#[derive(Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Asked {
    to: String,
    /// Earlier ones than that with this number alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<u64>,
}

/// `GET /console/messages`
pub(crate) async fn show(
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Problem> {
    let sought = asked.to.trim().to_lowercase();
    let is_wanted = |kept: &KeptMessage| {
        let (user, place) = (&kept.message.username, &kept.message.destination);
        asked.before.is_none_or(|before| kept.id < before)
            && [user, place].iter().any(|text| text.to_lowercase().contains(&sought))
    };
    let kept = visit.console.service.kept_messages(is_wanted, PAGE + 1);
    let mut kept = kept.ok_or(Problem::nothing_here())?;
    let has_more = kept.len() > PAGE;
    kept.truncate(PAGE);
    let rows: Vec<Markup> = kept.iter().map(|kept| row(&visit, kept)).collect();
    let last = kept.last().filter(|_| has_more).map(|kept| kept.id);
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
        @if last.is_some() {
            p.paging {
                a href=(url::with_query("/console/messages", &Asked { before: last, ..asked })) {
                    "Earlier messages"
                }
            }
        }
    };
    Ok(visit.page(&Place::new("Messages"), &body))
}

fn row(visit: &Visit, kept: &KeptMessage) -> Markup {
    let message = &kept.message;
    let address = url::path(&["messages", &kept.id.to_string()]);
    html! {
        (head("Sent", &html! {
            a href=(address) { (visit.clock().show_millis(kept.sent.millis())) }
        }))
        (cell("To", &html! {
            (in_cell(&message.destination))
            div.hint { (message.medium.name()) " to " (in_cell(&message.username)) }
        }))
        (cell("Code", &html! { code.code { (in_cell(&message.code)) } }))
        (cell("Text", &html! {
            @if !message.subject.is_empty() { strong { (in_cell(&message.subject)) } " " }
            (shortened(&message.body, MAX_BODY))
        }))
    }
}
