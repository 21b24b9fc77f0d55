//! The lists of a user: their first items on the user's page, and all on pages of their own.

use axum::extract::{Path, Query};
use axum::response::Html;
use device_pool::ServiceError;
use device_wire::enums::{ChallengeName, EventResponseType, EventType};
use device_wire::requests::{
    AdminListDevicesRequest, AdminListGroupsForUserRequest, AdminListUserAuthEventsRequest,
    AdminListUserSessionsRequest,
};
use device_wire::shapes::{AuthEventType, DeviceType, GroupType, SessionDescriptionType};
use maud::{Markup, html};
use serde::Deserialize;

use super::person::Person;
use super::pool::Pool;
use super::user_act::Act;
use super::user_device::Device;
use crate::html::field;
use crate::html::frame::{Place, Tab};
use crate::html::list::{Start, next_page, search};
use crate::html::notice::After;
use crate::html::table::{cell, head, table};
use crate::html::text::{in_cell, shortened, up_to};
use crate::html::url;
use crate::problem::Problem;
use crate::visit::Visit;

/// Sign-ins that are read at once, unless some of them are sought.
const MAX_SIGN_INS: i32 = 21;

/// Which of a user's lists.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UserList {
    Devices,
    Sessions,
    SignIns,
    Groups,
    Attributes,
}

impl UserList {
    fn slug(self) -> &'static str {
        match self {
            Self::Devices => "devices",
            Self::Sessions => "sessions",
            Self::SignIns => "sign-ins",
            Self::Groups => "groups",
            Self::Attributes => "attributes",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Devices => "Devices",
            Self::Sessions => "Sessions",
            Self::SignIns => "Sign-ins and passwords",
            Self::Groups => "Groups",
            Self::Attributes => "Attributes",
        }
    }

    /// The link to all of its items.
    pub(super) fn link(self) -> &'static str {
        match self {
            Self::Devices => "All devices",
            Self::Sessions => "All sessions",
            Self::SignIns => "All sign-ins",
            Self::Groups => "All groups",
            Self::Attributes => "All attributes, in full",
        }
    }
}

/// Sign-ins of one outcome only.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Only {
    Passed,
    Failed,
    #[serde(other)]
    All,
}

/// What a list is filtered by.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    only: Option<Only>,
}

impl Asked {
    fn slug(&self) -> &'static str {
        match self.only {
            Some(Only::Passed) => "passed",
            Some(Only::Failed) => "failed",
            Some(Only::All) | None => "",
        }
    }

    fn address(&self, address: &str) -> String {
        let slug = self.slug();
        url::with_query(address, &(!slug.is_empty()).then_some([("only", slug)]))
    }

    fn form(&self) -> Markup {
        let outcomes = [("", "all"), ("passed", "passed"), ("failed", "failed")];
        html! {
            form.search method="get" {
                (field::select("only", "Outcome", &outcomes, self.slug()))
                button type="submit" { "Show" }
            }
        }
    }
}

/// `GET /console/pools/<pool>/users/<user>/<list>`
pub(crate) async fn show(
    visit: Visit,
    Path((pool_id, user, list)): Path<(String, String, UserList)>,
    Query(start): Query<Start>,
    Query(asked): Query<Asked>,
    Query(after): Query<After>,
) -> Result<Html<String>, Problem> {
    let pool = Pool::load(&visit, &pool_id).await?;
    let person = Person::load(&visit, &pool_id, &user).await?;
    let lists = Lists { visit: &visit, pool_id: &pool_id, user: &user };
    let (shown, next) = match list {
        UserList::Devices => lists.devices(20, start).await?,
        UserList::Sessions => lists.sessions(30, start).await?,
        UserList::SignIns => lists.sign_ins(20, start, asked.only).await?,
        UserList::Groups => lists.groups(start).await?,
        UserList::Attributes => attributes(&person, start),
    };
    let address = asked.address(&lists.address_of(list));
    let body = html! {
        (after.show())
        @if list == UserList::SignIns { (asked.form()) }
        (shown)
        (next_page(&address, next.as_ref()))
    };
    let users = url::path(&["pools", &pool_id, "users"]);
    let back = lists.address(&[]);
    let title = format!("{}: {}", list.title(), shortened(person.name(), 40));
    let place = Place::of_pool(&title, pool.named(), Tab::Users)
        .below("Users", users)
        .below(person.name(), back);
    Ok(visit.page(&place, &body))
}

/// The lists of one user.
pub(super) struct Lists<'a> {
    pub(super) visit: &'a Visit,
    pub(super) pool_id: &'a str,
    /// The user, as the address names it.
    pub(super) user: &'a str,
}

/// Some of a list's items, and where the next ones are.
type Shown = (Markup, Option<Start>);

impl Lists<'_> {
    /// A page below the user's.
    pub(super) fn address(&self, parts: &[&str]) -> String {
        url::path(&[&["pools", self.pool_id, "users", self.user], parts].concat())
    }

    pub(super) fn address_of(&self, list: UserList) -> String {
        self.address(&[list.slug()])
    }

    pub(super) async fn devices(&self, most: i32, start: Start) -> Result<Shown, ServiceError> {
        let request = AdminListDevicesRequest {
            limit: Some(most),
            pagination_token: start.after,
            ..AdminListDevicesRequest::new(self.pool_id, self.user)
        };
        let answer = self.visit.call(&request).await?;
        let devices = answer.devices.unwrap_or_default();
        let rows: Vec<Markup> = devices.iter().map(|device| self.device(device)).collect();
        let columns = ["Device", "Status", "First tracked", "Last authenticated", "Last IP", ""];
        let empty = html! {
            p { "No device is tracked." }
            p { "One appears here when an app confirms it after a sign-in (ConfirmDevice), if the "
                "pool's Devices setting is Always or User opt-in." }
        };
        let shown = html! {
            (table("Devices of this user", &columns, &rows, &empty))
            @if self.visit.may_change() && devices.len() > 1 {
                p.paging {
                    a.button.quiet href=(self.address(&["act", Act::ForgetDevices.slug()])) {
                        "Forget all devices"
                    }
                }
            }
        };
        Ok((shown, answer.pagination_token.map(Start::after)))
    }

    fn device(&self, found: &DeviceType) -> Markup {
        let clock = self.visit.clock();
        let device = Device::from(found);
        html! {
            (head("Device", &html! {
                (in_cell(device.name())) div.hint { code { (device.key) } }
            }))
            (cell("Status", &device.badge()))
            (cell("First tracked", &clock.show(found.device_create_date)))
            (cell("Last authenticated", &clock.show(found.device_last_authenticated_date)))
            (cell("Last IP", &html! { (device.last_ip.unwrap_or("—")) }))
            (cell("", &html! {
                @if self.visit.may_change() {
                    ul.row-acts {
                        @for act in device.offered() {
                            li {
                                a href=(self.address(&["devices", device.key, act.slug()])) {
                                    (act.label())
                                    span.sr { " " (shortened(device.name(), 30)) }
                                }
                            }
                        }
                    }
                }
            }))
        }
    }

    pub(super) async fn sessions(&self, most: usize, start: Start) -> Result<Shown, ServiceError> {
        let request = AdminListUserSessionsRequest {
            next_token: start.after.clone(),
            ..AdminListUserSessionsRequest::new(self.pool_id, self.user)
        };
        let answer = self.visit.call(&request).await?;
        let mut sessions = answer.sessions.unwrap_or_default();
        let last_active = |session: &SessionDescriptionType| {
            session.last_active_date.map(device_wire::Timestamp::as_millis)
        };
        sessions.sort_by_key(|session| std::cmp::Reverse(last_active(session)));
        let shown = sessions.iter().skip(start.left_out()).take(most);
        let rows: Vec<Markup> = shown.map(|session| self.session(session)).collect();
        let columns = ["Began", "Last active", "App client", "Last IP", ""];
        let empty = html! {
            p { "This user is signed in nowhere." }
            p { "A session appears here when an app signs the user in, for as long as it can "
                "refresh its tokens." }
        };
        let shown = table("Sign-ins that can still refresh their tokens", &columns, &rows, &empty);
        Ok((shown, start.next(rows.len(), sessions.len(), answer.next_token)))
    }

    fn session(&self, session: &SessionDescriptionType) -> Markup {
        let clock = self.visit.clock();
        let id = session.session_id.as_deref().unwrap_or_default();
        let end = self.address(&["act", Act::EndSession.slug()]);
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
                @if self.visit.may_change() {
                    a href=(url::with_query(&end, &[("session", id)])) { "End this one" }
                }
            }))
        }
    }

    pub(super) async fn sign_ins(
        &self,
        most: usize,
        start: Start,
        only: Option<Only>,
    ) -> Result<Shown, ServiceError> {
        let is_wanted = |event: &AuthEventType| match only {
            None | Some(Only::All) => true,
            Some(Only::Passed) => event.event_response == Some(EventResponseType::Pass),
            Some(Only::Failed) => event.event_response == Some(EventResponseType::Fail),
        };
        let (events, next) = search(start, most, is_wanted, async |next_token| {
            let request = AdminListUserAuthEventsRequest {
                max_results: Some(if only.is_some() { 60 } else { MAX_SIGN_INS }),
                next_token,
                ..AdminListUserAuthEventsRequest::new(self.pool_id, self.user)
            };
            let answer = self.visit.call(&request).await?;
            Ok((answer.auth_events.unwrap_or_default(), answer.next_token))
        })
        .await?;
        let rows: Vec<Markup> = events.iter().map(|event| self.sign_in(event)).collect();
        let columns = ["When", "What", "Outcome", "What was asked, and why", "IP"];
        let empty = html! {
            @if next.is_some() { p { "None is among the latest. The next page goes on." } }
            @else if only.is_some() { p { "No sign-in had this outcome." } }
            @else {
                p { "No sign-in was recorded." }
                p { "Each sign-in of this user appears here, with the reason why a code was asked "
                    "for or not." }
            }
        };
        Ok((table("The latest sign-ins", &columns, &rows, &empty), next))
    }

    fn sign_in(&self, event: &AuthEventType) -> Markup {
        let context = event.event_context_data.as_ref();
        let said = context.and_then(|context| context.device_name.as_deref()).unwrap_or_default();
        html! {
            (head("When", &self.visit.clock().show(event.creation_date)))
            (cell("What", &html! { (kind_in_words(event.event_type.as_ref())) }))
            (cell("Outcome", &html! {
                @match event.event_response {
                    Some(EventResponseType::Pass) => { span.badge.good { "Passed" } }
                    Some(EventResponseType::InProgress) => { span.badge { "More was asked" } }
                    _ => { span.badge.bad { "Failed" } }
                }
            }))
            (cell("What was asked, and why", &html! {
                @if said.is_empty() && !is_without_mfa(event) { span.muted { "—" } } @else {
                    ul.reasons {
                        @if is_without_mfa(event) {
                            li { "MFA not asked: it is off in the pool, or the user has no second "
                                "factor" }
                        }
                        @for reason in said.split("; ").filter(|reason| !reason.is_empty()) {
                            li {
                                @if is_key(reason) { code { (reason) } }
                                @else { (shortened(reason, 200)) }
                            }
                        }
                    }
                }
            }))
            (cell("IP", &html! {
                (context.and_then(|context| context.ip_address.as_deref()).unwrap_or("—"))
            }))
        }
    }

    async fn groups(&self, start: Start) -> Result<Shown, ServiceError> {
        let (groups, next) = self.groups_of(15, start.after).await?;
        let row = |group: &GroupType| {
            let name = group.group_name.as_deref().unwrap_or_default();
            html! {
                (head("Name", &self.group_link(name)))
                (cell("Description", &html! {
                    (shortened(group.description.as_deref().unwrap_or("—"), 100))
                }))
            }
        };
        let rows: Vec<Markup> = groups.iter().map(row).collect();
        let empty = html! {
            p { "This user is in no group." }
            p { a href=(self.address(&["act", Act::AddToGroup.slug()])) { "Add to a group" } }
        };
        let shown = table("Groups of this user", &["Name", "Description"], &rows, &empty);
        Ok((shown, next))
    }

    /// The groups of the user, as the API has them.
    pub(super) async fn groups_of(
        &self,
        most: i32,
        after: Option<String>,
    ) -> Result<(Vec<GroupType>, Option<Start>), ServiceError> {
        let request = AdminListGroupsForUserRequest {
            limit: Some(most),
            next_token: after,
            ..AdminListGroupsForUserRequest::new(self.user, self.pool_id)
        };
        let answer = self.visit.call(&request).await?;
        Ok((answer.groups.unwrap_or_default(), answer.next_token.map(Start::after)))
    }

    pub(super) fn group_link(&self, name: &str) -> Markup {
        html! {
            a href=(url::path(&["pools", self.pool_id, "groups", name])) { (in_cell(name)) }
        }
    }
}

/// As many attributes as a page holds, in full.
fn attributes(person: &Person, start: Start) -> Shown {
    const MAX_BYTES: usize = 30_000;
    let all = person.attributes();
    let named = all.iter().skip(start.left_out()).map(|attribute| {
        let value = attribute.value.as_ref().map_or("", |value| value.as_str());
        html! { div { dt { (attribute.name) } dd { (value) } } }
    });
    let (shown, count) = up_to(MAX_BYTES, named);
    (html! { dl.facts { (shown) } }, start.next(count, all.len(), None))
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

/// Whether a sign-in by password ended in tokens although MFA was neither passed nor skipped. The
/// audit trail gives a reason for what was asked or skipped, and here nothing was.
fn is_without_mfa(event: &AuthEventType) -> bool {
    let answers = event.challenge_responses.as_deref().unwrap_or_default();
    let asked = |name| answers.iter().any(|answer| answer.challenge_name.as_ref() == Some(&name));
    let context = event.event_context_data.as_ref();
    let said = context.and_then(|context| context.device_name.as_deref()).unwrap_or_default();
    event.event_type == Some(EventType::SignIn)
        && event.event_response == Some(EventResponseType::Pass)
        && asked(ChallengeName::Password)
        && !asked(ChallengeName::Mfa)
        && !said.contains("MFA")
}

/// Whether a word is a device's key: a region and a UUID.
fn is_key(text: &str) -> bool {
    text.rsplit_once('_').is_some_and(|(_, id)| id.len() == 36 && !id.contains(' '))
}
