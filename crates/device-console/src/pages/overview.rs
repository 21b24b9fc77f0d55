//! A pool at a glance.

use axum::extract::{Path, Query};
use axum::response::Html;
use device_server::SignInHour;
use maud::{Markup, html};

use super::device_setting::Setting;
use super::pool::{Pool, mfa_in_words};
use crate::chart::{self, Bar, Stack, bars};
use crate::clock::utc;
use crate::html::frame::{Place, Tab};
use crate::html::notice::After;
use crate::html::table::facts;
use crate::html::url;
use crate::problem::Problem;
use crate::visit::Visit;

/// Hours of which sign-ins are shown.
const HOURS: u16 = 24;

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
    let hours = visit.sign_ins_by_hour(&pool_id, HOURS).await?;
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
        h2 { "Sign-ins" }
        (sign_ins(&hours))
        h2 { "Devices" }
        @if devices.remembered + devices.not_remembered == 0 {
            div.empty {
                p { "No device is tracked yet." }
                p { "One is, when an app confirms it after a sign-in (ConfirmDevice), if the "
                    a href=(address("devices")) { "Devices setting" }
                    " is Always or User opt-in." }
            }
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

fn sign_ins(hours: &[SignInHour]) -> Markup {
    let sum = |count: fn(&SignInHour) -> u64| hours.iter().map(count).sum::<u64>();
    let (passed, by_device) = (sum(|hour| hour.passed), sum(|hour| hour.by_device));
    if passed + sum(|hour| hour.failed) == 0 {
        return html! {
            div.empty {
                p { "Nobody signed in within the last 24 hours." }
                p { "Each sign-in is counted here, and each wrong password or code." }
            }
        };
    }
    let stack = |hour: &SignInHour| Stack {
        name: utc(hour.start).replace(":00 UTC", " UTC"),
        good: hour.passed,
        bad: hour.failed,
    };
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let stacks: Vec<Stack> = hours.iter().map(stack).collect();
    html! {
        (chart::stacks(
            "Sign-ins of the last 24 hours: passed, and above them failed attempts",
            ["Hour", "Passed", "Failed"],
            &stacks,
        ))
        (bars("Passed sign-ins in which a remembered device replaced MFA", "MFA", &[
            Bar { name: "Replaced by a device", count: count(by_device), class: "good" },
            Bar { name: "Not replaced", count: count(passed - by_device), class: "plain" },
        ]))
    }
}
