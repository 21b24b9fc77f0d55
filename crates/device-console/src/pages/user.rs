//! A user: who it is, the devices, the sessions, the sign-ins.

use axum::extract::{Path, Query};
use axum::response::Html;
use device_pool::ServiceError;
use maud::{Markup, html};

use super::person::{Person, state};
use super::pool::Pool;
use super::user_act::Act;
use super::user_list::{Lists, UserList};
use crate::html::frame::{Place, Tab};
use crate::html::list::Start;
use crate::html::notice::After;
use crate::html::table::facts;
use crate::html::text::{shortened, up_to};
use crate::html::url;
use crate::problem::Problem;
use crate::visit::Visit;

/// Bytes of groups, and of attributes, on the page.
const MAX_BYTES: usize = 4000;

/// `GET /console/pools/<pool>/users/<user>`
pub(crate) async fn show(
    visit: Visit,
    Path((pool_id, user)): Path<(String, String)>,
    Query(after): Query<After>,
) -> Result<Html<String>, Problem> {
    let pool = Pool::load(&visit, &pool_id).await?;
    let person = Person::load(&visit, &pool_id, &user).await?;
    let lists = Lists { visit: &visit, pool_id: &pool_id, user: &user };
    let (devices, more_devices) = lists.devices(10, Start::default()).await?;
    let (sessions, more_sessions) = lists.sessions(5, Start::default()).await?;
    let (sign_ins, more_sign_ins) = lists.sign_ins(10, Start::default(), None).await?;
    let more = |list: UserList, more: Option<Start>| {
        html! {
            @if more.is_some() { p.paging { a href=(lists.address_of(list)) { (list.link()) } } }
        }
    };
    let body = html! {
        (after.show())
        (account(&person, &lists).await?)
        @if visit.may_change() {
            ul.acts aria-label="What can be done with this user" {
                @for act in Act::offered(&person) {
                    li {
                        a.button.quiet.final[act.is_final()]
                            href=(lists.address(&["act", act.slug()])) { (act.label()) }
                    }
                }
            }
        }
        h2 id="devices" { (UserList::Devices.title()) }
        (devices)
        (more(UserList::Devices, more_devices))
        h2 { (UserList::Sessions.title()) }
        (sessions)
        (more(UserList::Sessions, more_sessions))
        h2 { (UserList::SignIns.title()) }
        (sign_ins)
        (more(UserList::SignIns, more_sign_ins))
        h2 { (UserList::Attributes.title()) }
        (attributes(&person, &lists))
    };
    let users = url::path(&["pools", &pool_id, "users"]);
    let place = Place::of_pool(person.name(), pool.named(), Tab::Users).below("Users", users);
    Ok(visit.page(&place, &body))
}

async fn account(person: &Person, lists: &Lists<'_>) -> Result<Markup, ServiceError> {
    let clock = lists.visit.clock();
    let user = person.described();
    let factors = user.user_mfa_setting_list.clone().unwrap_or_default();
    let preferred = user.preferred_mfa_setting.as_deref();
    let (groups, more) = lists.groups_of(20, None).await?;
    let names = groups.iter().filter_map(|group| group.group_name.as_deref());
    let links = names.map(|name| html! { (lists.group_link(name)) " " });
    let (links, shown) = up_to(MAX_BYTES, links);
    Ok(facts(&[
        ("Status", state(person.status(), user.enabled)),
        (
            "Second factors",
            html! {
                @if factors.is_empty() { span.muted { "None" } }
                @for factor in &factors {
                    span.badge {
                        (factor_in_words(factor))
                        @if Some(factor.as_str()) == preferred { ", preferred" }
                    }
                    " "
                }
            },
        ),
        (
            "Groups",
            html! {
                @if groups.is_empty() { span.muted { "None" } }
                (links)
                @if more.is_some() || shown < groups.len() {
                    a href=(lists.address_of(UserList::Groups)) { (UserList::Groups.link()) }
                }
            },
        ),
        ("Created", clock.show(user.user_create_date)),
        ("Last changed", clock.show(user.user_last_modified_date)),
    ]))
}

fn factor_in_words(factor: &str) -> &str {
    match factor {
        "SOFTWARE_TOKEN_MFA" => "Authenticator app",
        "SMS_MFA" => "Text message",
        "EMAIL_OTP" => "E-mail",
        other => other,
    }
}

/// The first attributes, each in part if it is long.
fn attributes(person: &Person, lists: &Lists<'_>) -> Markup {
    const MAX_VALUE: usize = 100;
    let all = person.attributes();
    let value = |at: usize| {
        all.get(at).and_then(|found| found.value.as_ref()).map_or("", |value| value.as_str())
    };
    let named = all.iter().enumerate().map(|(at, attribute)| {
        html! { div { dt { (attribute.name) } dd { (shortened(value(at), MAX_VALUE)) } } }
    });
    let (shown, count) = up_to(MAX_BYTES, named);
    let is_cut = (0..count).any(|at| value(at).chars().nth(MAX_VALUE).is_some());
    html! {
        dl.facts { (shown) }
        @if is_cut || count < all.len() {
            p.paging {
                a href=(lists.address_of(UserList::Attributes)) { (UserList::Attributes.link()) }
            }
        }
    }
}
