//! The groups of a pool.

use axum::extract::{Path, Query};
use axum::response::Html;
use device_wire::requests::ListGroupsRequest;
use device_wire::shapes::GroupType;
use maud::{Markup, html};

use super::pool::Pool;
use crate::html::frame::{Place, Tab};
use crate::html::list::{Start, next_page};
use crate::html::notice::After;
use crate::html::table::{cell, head, table};
use crate::html::url;
use crate::problem::Problem;
use crate::visit::Visit;

/// Groups on a page.
const PAGE: i32 = 50;

/// `GET /console/pools/<pool>/groups`
pub(crate) async fn show(
    visit: Visit,
    Path(pool_id): Path<String>,
    Query(start): Query<Start>,
    Query(after): Query<After>,
) -> Result<Html<String>, Problem> {
    let pool = Pool::load(&visit, &pool_id).await?;
    let list = ListGroupsRequest {
        limit: Some(PAGE),
        next_token: start.after,
        ..ListGroupsRequest::new(&*pool_id)
    };
    let answer = visit.call(&list).await?;
    let row = |group: &GroupType| {
        let name = group.group_name.as_deref().unwrap_or_default();
        html! {
            (head("Name", &html! {
                a href=(url::path(&["pools", &pool_id, "groups", name])) { (name) }
            }))
            (cell("Description", &html! { (group.description.as_deref().unwrap_or("—")) }))
            (cell("Precedence", &html! {
                @match group.precedence { Some(number) => (number), None => "—" }
            }))
            (cell("Created", &visit.clock().show(group.creation_date)))
        }
    };
    let rows: Vec<Markup> = answer.groups.unwrap_or_default().iter().map(row).collect();
    let here = url::path(&["pools", &pool_id, "groups"]);
    let body = html! {
        (after.show())
        p { "Tokens name the groups of their user (cognito:groups), so that an app can tell what "
            "the user may do." }
        @if visit.may_change() {
            p.actions {
                a.button href=(url::path(&["pools", &pool_id, "new-group"])) { "Create a group" }
            }
        }
        (table("Groups", &["Name", "Description", "Precedence", "Created"], &rows, &html! {
            p { "There is no group yet." }
            p { "Create one, and add users to it on its page or on theirs." }
        }))
        (next_page(&here, answer.next_token))
    };
    Ok(visit.page(&Place::of_pool("Groups", pool.named(), Tab::Groups), &body))
}
