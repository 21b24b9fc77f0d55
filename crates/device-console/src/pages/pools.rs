//! The user pools.

use axum::extract::Query;
use axum::response::Html;
use device_server::DeviceCount;
use device_wire::requests::ListUserPoolsRequest;
use device_wire::shapes::UserPoolDescriptionType;
use maud::{Markup, html};

use super::device_setting::Setting;
use super::pool::{Pool, mfa_in_words};
use crate::html::frame::Place;
use crate::html::list::{Sought, Start, next_page, search};
use crate::html::notice::After;
use crate::html::table::{cell, head, table};
use crate::html::url;
use crate::problem::Problem;
use crate::visit::Visit;

/// Pools on a page. Each is described by a call of its own.
const PAGE: usize = 10;

/// `GET /console`
pub(crate) async fn show(
    visit: Visit,
    Query(start): Query<Start>,
    Query(sought): Query<Sought>,
    Query(after): Query<After>,
) -> Result<Html<String>, Problem> {
    let is_sought = |pool: &UserPoolDescriptionType| {
        let texts = [&pool.name, &pool.id].map(|text| text.as_deref().unwrap_or_default());
        sought.is_in(&texts)
    };
    let (found, next) = search(start, PAGE, is_sought, async |next_token| {
        let list = ListUserPoolsRequest {
            next_token,
            ..ListUserPoolsRequest::new(sought.read_at_once(PAGE))
        };
        let answer = visit.call(&list).await?;
        Ok((answer.user_pools.unwrap_or_default(), answer.next_token))
    })
    .await?;
    let mut rows = Vec::new();
    for id in found.into_iter().filter_map(|pool| pool.id) {
        // A pool may be deleted between the two calls.
        if let Ok(pool) = Pool::load(&visit, &id).await {
            let devices = visit.count_devices(&id).await?;
            rows.push(row(&pool, devices));
        }
    }
    let body = html! {
        (after.show())
        @if visit.may_change() && visit.administrator.pools.is_none() {
            p.actions { a.button href="/console/new-pool" { "Create a user pool" } }
        }
        (sought.form("Name or id"))
        (table(
            "User pools of this server",
            &["Name", "Id", "Users", "Devices", "Device setting", "MFA"],
            &rows,
            &sought.none("/console", html! {
                p { "There is no user pool yet." }
                p { "Create one here, or with any Cognito SDK at this server's address." }
            }),
        ))
        (next_page(&sought.address("/console"), next.as_ref()))
    };
    Ok(visit.page(&Place::new("User pools"), &body))
}

fn row(pool: &Pool, devices: DeviceCount) -> Markup {
    let mfa = pool.description.mfa_configuration.as_ref();
    html! {
        (head("Name", &html! { a href=(url::path(&["pools", &pool.id])) { (pool.name) } }))
        (cell("Id", &html! { code { (pool.id) } }))
        (cell("Users", &html! { (pool.users()) }))
        (cell("Devices", &html! {
            @if devices.has_more { "more than " }
            (devices.remembered + devices.not_remembered)
        }))
        (cell("Device setting", &html! { (Setting::of(pool).in_words()) }))
        (cell("MFA", &html! { (mfa_in_words(mfa)) }))
    }
}
