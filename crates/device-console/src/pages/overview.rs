//! A pool at a glance.

use axum::extract::{Path, Query};
use axum::response::Html;
use maud::html;

use super::device_setting::Setting;
use super::pool::{Pool, mfa_in_words};
use crate::chart::{Bar, bars};
use crate::html::frame::{Place, Tab};
use crate::html::notice::After;
use crate::html::table::facts;
use crate::html::url;
use crate::problem::Problem;
use crate::visit::Visit;

/// `GET /console/pools/<pool>`
pub(crate) async fn show(
    visit: Visit,
    Path(pool_id): Path<String>,
    Query(after): Query<After>,
) -> Result<Html<String>, Problem> {
    let pool = Pool::load(&visit, &pool_id).await?;
    let description = &pool.description;
    let clock = visit.clock();
    let devices = visit.count_devices(&pool_id).await?;
    let address = |tab: &str| url::path(&["pools", &pool_id, tab]);
    let issuer = format!("{}/{pool_id}", visit.console.service.public_base_url());
    let body = html! {
        (after.show())
        (facts(&[
            ("Id", html! { code { (pool_id) } }),
            ("Users", html! { a href=(address("users")) { (pool.users()) } }),
            ("Devices", html! {
                a href=(address("devices")) { (Setting::of(&pool).in_words()) }
            }),
            ("MFA", html! {
                a href=(address("sign-in")) {
                    (mfa_in_words(description.mfa_configuration.as_ref()))
                }
            }),
            ("Created", clock.show(description.creation_date)),
            ("Last changed", clock.show(description.last_modified_date)),
            ("Issuer of tokens", html! { code { (issuer) } }),
        ]))
        h2 { "Devices" }
        @if devices.remembered + devices.not_remembered == 0 {
            div.empty { p { "No device is tracked yet." } }
        } @else {
            (bars("Devices by status", "Status", &[
                Bar { name: "Remembered", count: devices.remembered, class: "good" },
                Bar { name: "Not remembered", count: devices.not_remembered, class: "plain" },
            ]))
            @if devices.has_more {
                p.hint { "Of the first 1,000 devices. The pool has more." }
            }
        }
    };
    Ok(visit.page(&Place::of_pool("Overview", pool.named(), Tab::Overview), &body))
}
