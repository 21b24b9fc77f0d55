//! A user: who it is, the devices, the sign-ins.

use axum::extract::{Path, Query};
use axum::response::Html;
use device_wire::enums::{EventResponseType, EventType};
use device_wire::requests::{
    AdminListDevicesRequest, AdminListGroupsForUserRequest, AdminListUserAuthEventsRequest,
    AdminListUserSessionsRequest,
};
use device_wire::shapes::{AuthEventType, DeviceType, SessionDescriptionType};
use maud::{Markup, html};

use super::person::{Person, state};
use super::pool::Pool;
use super::user_act::Act;
use super::user_device::{Device, DeviceAct};
use crate::html::frame::{Place, Tab};
use crate::html::notice::After;
use crate::html::table::{cell, facts, head, table};
use crate::html::url;
use crate::problem::Problem;
use crate::visit::Visit;

/// Devices, and sign-ins, on the page.
const MAX_SHOWN: i32 = 60;
const MAX_EVENTS: i32 = 20;

/// `GET /console/pools/<pool>/users/<user>`
pub(crate) async fn show(
    visit: Visit,
    Path((pool_id, user)): Path<(String, String)>,
    Query(after): Query<After>,
) -> Result<Html<String>, Problem> {
    let pool = Pool::load(&visit, &pool_id).await?;
    let person = Person::load(&visit, &pool_id, &user).await?;
    let devices = AdminListDevicesRequest {
        limit: Some(MAX_SHOWN),
        ..AdminListDevicesRequest::new(&*pool_id, &*user)
    };
    let devices = visit.call(&devices).await?.devices.unwrap_or_default();
    let sessions = AdminListUserSessionsRequest::new(&*pool_id, &*user);
    let sessions = visit.call(&sessions).await?.sessions.unwrap_or_default();
    let events = AdminListUserAuthEventsRequest {
        max_results: Some(MAX_EVENTS),
        ..AdminListUserAuthEventsRequest::new(&*pool_id, &*user)
    };
    let events = visit.call(&events).await?.auth_events.unwrap_or_default();
    let groups = AdminListGroupsForUserRequest::new(&*user, &*pool_id);
    let groups = visit.call(&groups).await?.groups.unwrap_or_default();
    let groups: Vec<&str> = groups.iter().filter_map(|group| group.group_name.as_deref()).collect();

    let here = |parts: &[&str]| url::path(&[&["pools", &pool_id, "users", &user], parts].concat());
    let body = html! {
        (after.show())
        (account(&visit, &pool_id, &person, &groups))
        @if visit.may_change() {
            ul.acts aria-label="What can be done with this user" {
                @for act in Act::offered(&person) {
                    li { a.button.quiet.final[act.is_final()] href=(here(&["act", act.slug()])) {
                            (act.label())
                        } }
                }
            }
        }
        h2 id="devices" { "Devices" }
        (device_table(&visit, &devices, here))
        @if visit.may_change() && devices.len() > 1 {
            p { a.button.quiet href=(here(&["act", Act::ForgetDevices.slug()])) {
                "Forget all devices" } }
        }
        h2 { "Sessions" }
        (session_table(&visit, &sessions, here))
        h2 { "Sign-ins and passwords" }
        (event_table(&visit, &events))
        h2 { "Attributes" }
        (attributes(&person))
    };
    let users = url::path(&["pools", &pool_id, "users"]);
    let place = Place::of_pool(person.name(), pool.named(), Tab::Users).below("Users", users);
    Ok(visit.page(&place, &body))
}

fn account(visit: &Visit, pool_id: &str, person: &Person, groups: &[&str]) -> Markup {
    let clock = visit.clock();
    let user = person.described();
    let factors = user.user_mfa_setting_list.clone().unwrap_or_default();
    let preferred = user.preferred_mfa_setting.as_deref();
    facts(&[
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
                @for group in groups {
                    a href=(url::path(&["pools", pool_id, "groups", group])) { (group) } " "
                }
            },
        ),
        ("Created", clock.show(user.user_create_date)),
        ("Last changed", clock.show(user.user_last_modified_date)),
    ])
}

fn factor_in_words(factor: &str) -> &str {
    match factor {
        "SOFTWARE_TOKEN_MFA" => "Authenticator app",
        "SMS_MFA" => "Text message",
        "EMAIL_OTP" => "E-mail",
        other => other,
    }
}

fn device_table(visit: &Visit, devices: &[DeviceType], here: impl Fn(&[&str]) -> String) -> Markup {
    let clock = visit.clock();
    let row = |found: &DeviceType| {
        let device = Device::from(found);
        html! {
            (head("Device", &html! {
                (device.name()) div.hint { code { (device.key) } }
            }))
            (cell("Status", &device.badge()))
            (cell("First tracked", &clock.show(found.device_create_date)))
            (cell("Last authenticated", &clock.show(found.device_last_authenticated_date)))
            (cell("Last IP", &html! { (device.last_ip.unwrap_or("—")) }))
            (cell("", &html! {
                @if visit.may_change() {
                    ul.row-acts {
                        @for act in device.offered() {
                            li {
                                a href=(here(&["devices", device.key, act.slug()])) {
                                    (act.label()) span.sr { " " (device.name()) }
                                }
                            }
                        }
                    }
                }
            }))
        }
    };
    let rows: Vec<Markup> = devices.iter().map(row).collect();
    let columns = ["Device", "Status", "First tracked", "Last authenticated", "Last IP", ""];
    table(
        "Devices of this user",
        &columns,
        &rows,
        &html! {
            p { "No device is tracked." }
            p { "One appears here when an app confirms it after a sign-in (ConfirmDevice), if the "
                "pool's Devices setting is Always or User opt-in." }
        },
    )
}

fn session_table(
    visit: &Visit,
    sessions: &[SessionDescriptionType],
    here: impl Fn(&[&str]) -> String,
) -> Markup {
    let clock = visit.clock();
    let row = |session: &SessionDescriptionType| {
        let id = session.session_id.as_deref().unwrap_or_default();
        html! {
            (head("Began", &clock.show(session.create_date)))
            (cell("Last active", &clock.show(session.last_active_date)))
            (cell("App client", &html! {
                code { (session.client_id.as_ref().map_or("—", |id| id.as_str())) }
            }))
            (cell("Last IP", &html! {
                (session.last_ip_address.as_ref().map_or("—", |address| address.as_str()))
            }))
            (cell("", &html! {
                @if visit.may_change() {
                    a href=(format!("{}?session={id}", here(&["act", Act::EndSession.slug()]))) {
                        "End this one"
                    }
                }
            }))
        }
    };
    let rows: Vec<Markup> = sessions.iter().map(row).collect();
    let columns = ["Began", "Last active", "App client", "Last IP", ""];
    table(
        "Sign-ins that can still refresh their tokens",
        &columns,
        &rows,
        &html! {
            p { "This user is signed in nowhere." }
        },
    )
}

fn event_table(visit: &Visit, events: &[AuthEventType]) -> Markup {
    let clock = visit.clock();
    let row = |event: &AuthEventType| {
        let context = event.event_context_data.as_ref();
        let said = context.and_then(|context| context.device_name.as_deref()).unwrap_or_default();
        html! {
            (head("When", &clock.show(event.creation_date)))
            (cell("What", &html! { (kind_in_words(event.event_type.as_ref())) }))
            (cell("Outcome", &html! {
                @match event.event_response {
                    Some(EventResponseType::Pass) => { span.badge.good { "Passed" } }
                    Some(EventResponseType::InProgress) => { span.badge { "More was asked" } }
                    _ => { span.badge.bad { "Failed" } }
                }
            }))
            (cell("What was asked, and why", &html! {
                @if said.is_empty() { span.muted { "—" } } @else {
                    ul.reasons {
                        @for reason in said.split("; ") {
                            li { @if is_key(reason) { code { (reason) } } @else { (reason) } }
                        }
                    }
                }
            }))
            (cell("IP", &html! {
                (context.and_then(|context| context.ip_address.as_deref()).unwrap_or("—"))
            }))
        }
    };
    let rows: Vec<Markup> = events.iter().map(row).collect();
    let columns = ["When", "Outcome", "What was asked, and why", "IP"];
    table(
        "The latest sign-ins",
        &columns,
        &rows,
        &html! {
            p { "No sign-in was recorded." }
        },
    )
}

fn kind_in_words(kind: Option<&EventType>) -> &str {
    match kind {
        Some(EventType::SignIn) => "Sign-in",
        Some(EventType::SignUp) => "Sign-up",
        Some(EventType::ForgotPassword) => "Password reset",
        Some(EventType::PasswordChange) => "Password change",
        Some(EventType::ResendCode) => "Code sent again",
        Some(other) => other.as_str(),
        None => "—",
    }
}

/// Whether a word is a device's key: a region and a UUID.
fn is_key(text: &str) -> bool {
    text.rsplit_once('_').is_some_and(|(_, id)| id.len() == 36 && !id.contains(' '))
}

fn attributes(person: &Person) -> Markup {
    let attributes = person.described().user_attributes.as_deref().unwrap_or_default();
    html! {
        dl.facts {
            @for attribute in attributes {
                div {
                    dt { (attribute.name) }
                    dd { (attribute.value.as_ref().map_or("", |value| value.as_str())) }
                }
            }
        }
    }
}

impl DeviceAct {
    /// The text of its link.
    fn label(self) -> &'static str {
        match self {
            Self::Remember => "Remember",
            Self::DoNotRemember => "Don't remember",
            Self::Forget => "Forget",
        }
    }
}
