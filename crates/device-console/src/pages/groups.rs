//! The groups of a pool.

use axum::extract::{Path, Query};
use axum::response::Html;
use device_wire::requests::ListGroupsRequest;
use device_wire::shapes::GroupType;
use maud::{Markup, html};

use super::pool::Pool;
use crate::html::frame::{Place, Tab};
use crate::html::list::{Sought, Start, next_page, search};
use crate::html::notice::After;
use crate::html::table::{cell, head, table};
use crate::html::text::{in_cell, shortened};
use crate::html::url;
use crate::problem::Problem;
use crate::visit::Visit;

/// Groups on a page.
const PAGE: usize = 15;

/// `GET /console/pools/<pool>/groups`
pub(crate) async fn show(
    visit: Visit,
    Path(pool_id): Path<String>,
    Query(start): Query<Start>,
    Query(sought): Query<Sought>,
    Query(after): Query<After>,
) -> Result<Html<String>, Problem> {
    let pool = Pool::load(&visit, &pool_id).await?;
    let is_sought = |group: &GroupType| {
        let texts = [&group.group_name, &group.description];
        sought.is_in(&texts.map(|text| text.as_deref().unwrap_or_default()))
    };
    let (found, next) = search(start, PAGE, is_sought, async |next_token| {
        let list = ListGroupsRequest {
            limit: Some(sought.read_at_once(PAGE)),
            next_token,
            ..ListGroupsRequest::new(&*pool_id)
        };
        let answer = visit.call(&list).await?;
        Ok((answer.groups.unwrap_or_default(), answer.next_token))
    })
    .await?;
    let row = |group: &GroupType| {
        let name = group.group_name.as_deref().unwrap_or_default();
        html! {
            (head("Name", &html! {
                a href=(url::path(&["pools", &pool_id, "groups", name])) { (in_cell(name)) }
            }))
            (cell("Description", &html! {
                (shortened(group.description.as_deref().unwrap_or("—"), 100))
            }))
            (cell("Precedence", &html! {
                @match group.precedence { Some(number) => (number), None => "—" }
            }))
            (cell("Created", &visit.clock().show(group.creation_date)))
        }
    };
    let rows: Vec<Markup> = found.iter().map(row).collect();
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
        (sought.form("Name or description"))
        (table(
            "Groups",
            &["Name", "Description", "Precedence", "Created"],
            &rows,
            &sought.none(&here, html! {
                p { "There is no group yet." }
                p { "Create one, and add users to it on its page or on theirs." }
            }),
        ))
        (next_page(&sought.address(&here), next.as_ref()))
    };
    Ok(visit.page(&Place::of_pool("Groups", pool.named(), Tab::Groups), &body))
}
