//! The app clients of a pool.

use axum::extract::{Path, Query};
use axum::response::Html;
use device_wire::requests::ListUserPoolClientsRequest;
use device_wire::shapes::UserPoolClientDescription;
use maud::{Markup, html};

use super::pool::Pool;
use crate::html::frame::{Place, Tab};
use crate::html::list::{Sought, Start, next_page, search};
use crate::html::notice::After;
use crate::html::table::{cell, head, table};
use crate::html::url;
use crate::problem::Problem;
use crate::visit::Visit;

/// Clients on a page.
const PAGE: usize = 40;

/// `GET /console/pools/<pool>/clients`
pub(crate) async fn show(
    visit: Visit,
    Path(pool_id): Path<String>,
    Query(start): Query<Start>,
    Query(sought): Query<Sought>,
    Query(after): Query<After>,
) -> Result<Html<String>, Problem> {
    let pool = Pool::load(&visit, &pool_id).await?;
    let is_sought = |client: &UserPoolClientDescription| {
        let id = client.client_id.as_ref().map(|id| id.as_str()).unwrap_or_default();
        sought.is_in(&[client.client_name.as_deref().unwrap_or_default(), id])
    };
    let (found, next) = search(start, PAGE, is_sought, async |next_token| {
        let list = ListUserPoolClientsRequest {
            max_results: Some(sought.read_at_once(PAGE)),
            next_token,
            ..ListUserPoolClientsRequest::new(&*pool_id)
        };
        let answer = visit.call(&list).await?;
        Ok((answer.user_pool_clients.unwrap_or_default(), answer.next_token))
    })
    .await?;
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
    let rows: Vec<Markup> = found.iter().map(row).collect();
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
        (sought.form("Name or id"))
        (table("App clients", &["Name", "Id"], &rows, &sought.none(&here, html! {
            p { "There is no app client yet. An app needs one to sign users in." }
            @if visit.may_change() { p { "Create one, and put its id into your app." } }
        })))
        (next_page(&sought.address(&here), next.as_ref()))
    };
    Ok(visit.page(&Place::of_pool("App clients", pool.named(), Tab::Clients), &body))
}
