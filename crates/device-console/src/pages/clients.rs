//! The app clients of a pool.

use axum::extract::{Path, Query};
use axum::response::Html;
use device_wire::requests::ListUserPoolClientsRequest;
use device_wire::shapes::UserPoolClientDescription;
use maud::{Markup, html};

use super::pool::Pool;
use crate::html::frame::{Place, Tab};
use crate::html::list::{Start, next_page};
use crate::html::notice::After;
use crate::html::table::{cell, head, table};
use crate::html::url;
use crate::problem::Problem;
use crate::visit::Visit;

/// Clients on a page.
const PAGE: i32 = 50;

/// `GET /console/pools/<pool>/clients`
pub(crate) async fn show(
    visit: Visit,
    Path(pool_id): Path<String>,
    Query(start): Query<Start>,
    Query(after): Query<After>,
) -> Result<Html<String>, Problem> {
    let pool = Pool::load(&visit, &pool_id).await?;
    let list = ListUserPoolClientsRequest {
        max_results: Some(PAGE),
        next_token: start.after,
        ..ListUserPoolClientsRequest::new(&*pool_id)
    };
    let answer = visit.call(&list).await?;
    let row = |client: &UserPoolClientDescription| {
        let id = client.client_id.as_ref().map(|id| id.as_str()).unwrap_or_default();
        let address = url::path(&["pools", &pool_id, "clients", id]);
        html! {
            (head("Name", &html! {
                a href=(address) { (client.client_name.as_deref().unwrap_or(id)) }
            }))
            (cell("Id", &html! { code { (id) } }))
        }
    };
    let rows: Vec<Markup> = answer.user_pool_clients.unwrap_or_default().iter().map(row).collect();
    let here = url::path(&["pools", &pool_id, "clients"]);
    let body = html! {
        (after.show())
        p { "An app signs in as a client: its id goes into the app, and its flows and the lives "
            "of its tokens are set here." }
        @if visit.may_change() {
            p.actions {
                a.button href=(url::path(&["pools", &pool_id, "new-client"])) {
                    "Create an app client"
                }
            }
        }
        (table("App clients", &["Name", "Id"], &rows, &html! {
            p { "There is no app client yet. An app needs one to sign users in." }
        }))
        (next_page(&here, answer.next_token))
    };
    Ok(visit.page(&Place::of_pool("App clients", pool.named(), Tab::Clients), &body))
}
