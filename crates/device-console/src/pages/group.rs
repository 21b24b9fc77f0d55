//! A group: its settings and its members.

use axum::extract::{Form, Path, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use device_pool::ServiceError;
use device_wire::requests::{
    AdminAddUserToGroupRequest, DeleteGroupRequest, GetGroupRequest, ListUsersInGroupRequest,
    UpdateGroupRequest,
};
use device_wire::shapes::{GroupType, UserType};
use maud::{Markup, html};
use serde::Deserialize;

use super::person::state;
use super::pool::Pool;
use crate::form::number;
use crate::html::confirm::Question;
use crate::html::field;
use crate::html::frame::{Place, Tab};
use crate::html::list::{Start, next_page};
use crate::html::notice::{After, refusal};
use crate::html::table::{cell, head, table};
use crate::html::text::{in_cell, shortened};
use crate::html::url;
use crate::problem::{self, Problem};
use crate::visit::Visit;

/// The most members on a page.
const PAGE: i32 = 25;

/// The length of a group's name, as addresses have it, beyond which a page has fewer members: each
/// is listed with a link that names the group.
const MAX_NAME: usize = 400;

/// The settings as forms have them.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    description: String,
    precedence: String,
}

impl Settings {
    fn of(group: &GroupType) -> Self {
        Self {
            description: group.description.clone().unwrap_or_default(),
            precedence: group.precedence.map(|number| number.to_string()).unwrap_or_default(),
        }
    }

    pub(super) fn description(&self) -> Option<String> {
        Some(self.description.trim().to_owned()).filter(|text| !text.is_empty())
    }

    pub(super) fn precedence(&self) -> Result<Option<i32>, ServiceError> {
        let text = self.precedence.trim();
        (!text.is_empty()).then(|| number("Precedence", text)).transpose()
    }

    pub(super) fn fields(&self, is_fixed: bool) -> Markup {
        html! {
            (field::text("description", "Description", "", "text", &self.description, is_fixed))
            (field::text("precedence", "Precedence",
                "A whole number from 0; lower ones come first. Once set, it can be changed and not \
                 removed.", "text", &self.precedence, is_fixed))
        }
    }
}

/// What a form of the page held, and why it was refused.
#[derive(Default)]
struct Draft {
    settings: Option<Settings>,
    member: String,
    refused: Option<String>,
}

type Named = Path<(String, String)>;

/// `GET /console/pools/<pool>/groups/<group>`
pub(crate) async fn show(
    visit: Visit,
    Path((pool_id, name)): Named,
    Query(start): Query<Start>,
    Query(after): Query<After>,
) -> Result<Html<String>, Problem> {
    page(&visit, &pool_id, &name, start.after, after, Draft::default()).await
}

/// `POST` to the same.
pub(crate) async fn save(
    visit: Visit,
    Path((pool_id, name)): Named,
    Form(settings): Form<Settings>,
) -> Result<Response, Problem> {
    match update(&visit, &pool_id, &name, &settings).await {
        Ok(()) => Ok(back(&pool_id, &name, "group-changed")),
        Err(error) => {
            let refused = Some(problem::said(&error));
            let draft = Draft { settings: Some(settings), refused, ..Draft::default() };
            again(&visit, &pool_id, &name, draft).await
        }
    }
}

async fn update(
    visit: &Visit,
    pool_id: &str,
    name: &str,
    settings: &Settings,
) -> Result<(), ServiceError> {
    let request = UpdateGroupRequest {
        // Not sent, it would stay.
        description: Some(settings.description().unwrap_or_default()),
        precedence: settings.precedence()?,
        ..UpdateGroupRequest::new(name, pool_id)
    };
    visit.call(&request).await.map(drop)
}

/// A user to be added.
#[derive(Deserialize)]
pub(crate) struct Member {
    user: String,
}

/// `POST /console/pools/<pool>/groups/<group>/members`
pub(crate) async fn add(
    visit: Visit,
    Path((pool_id, name)): Named,
    Form(Member { user }): Form<Member>,
) -> Result<Response, Problem> {
    let request = AdminAddUserToGroupRequest::new(&*pool_id, user.trim(), &*name);
    match visit.call(&request).await {
        Ok(()) => Ok(back(&pool_id, &name, "member-added")),
        Err(error) => {
            let refused = Some(problem::said(&error));
            let draft = Draft { member: user, refused, ..Draft::default() };
            again(&visit, &pool_id, &name, draft).await
        }
    }
}

/// `GET /console/pools/<pool>/groups/<group>/delete`
pub(crate) async fn ask_delete(
    visit: Visit,
    Path((pool_id, name)): Named,
) -> Result<Html<String>, Problem> {
    let pool = Pool::load(&visit, &pool_id).await?;
    visit.call(&GetGroupRequest::new(&*name, &*pool_id)).await?;
    let group = url::path(&["pools", &pool_id, "groups", &name]);
    let title = format!("Delete: {name}");
    let body = visit.ask(&Question {
        effects: &[
            "New tokens of its members no longer name it.",
            "No user is deleted. A later group of this name has none of these members.",
        ],
        button: "Delete the group",
        is_final: true,
        fields: html! {},
        action: &format!("{group}/delete"),
        cancel: &group,
    });
    let groups = url::path(&["pools", &pool_id, "groups"]);
    let place = Place::of_pool(&title, pool.named(), Tab::Groups)
        .below("Groups", groups)
        .below(&name, group.clone());
    Ok(visit.page(&place, &body))
}

/// `POST` to the same.
pub(crate) async fn delete(
    visit: Visit,
    Path((pool_id, name)): Named,
) -> Result<Redirect, Problem> {
    visit.call(&DeleteGroupRequest::new(&*name, &*pool_id)).await?;
    let groups = url::path(&["pools", &pool_id, "groups"]);
    Ok(Redirect::to(&(groups + "?done=group-deleted")))
}

fn back(pool_id: &str, name: &str, done: &str) -> Response {
    let group = url::path(&["pools", pool_id, "groups", name]);
    Redirect::to(&format!("{group}?done={done}")).into_response()
}

async fn again(
    visit: &Visit,
    pool_id: &str,
    name: &str,
    draft: Draft,
) -> Result<Response, Problem> {
    let page = page(visit, pool_id, name, None, After::default(), draft).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

async fn page(
    visit: &Visit,
    pool_id: &str,
    name: &str,
    after_member: Option<String>,
    after: After,
    draft: Draft,
) -> Result<Html<String>, Problem> {
    let pool = Pool::load(visit, pool_id).await?;
    let group = visit.call(&GetGroupRequest::new(name, pool_id)).await?.group.unwrap_or_default();
    let list = ListUsersInGroupRequest {
        limit: Some(if url::path(&[name]).len() > MAX_NAME { PAGE / 3 } else { PAGE }),
        next_token: after_member,
        ..ListUsersInGroupRequest::new(pool_id, name)
    };
    let members = visit.call(&list).await?;
    let rows = members.users.unwrap_or_default();
    let rows: Vec<Markup> = rows.iter().map(|user| row(visit, pool_id, name, user)).collect();
    let here = url::path(&["pools", pool_id, "groups", name]);
    let settings = draft.settings.unwrap_or_else(|| Settings::of(&group));
    let body = html! {
        (after.show())
        @if let Some(refused) = &draft.refused { (refusal(refused)) }
        form.card method="post" action=(here) {
            (visit.token_field())
            (settings.fields(!visit.may_change()))
            @if visit.may_change() {
                div.actions {
                    button type="submit" { "Save changes" }
                    a href=(format!("{here}/delete")) { "Delete the group" }
                }
            }
        }
        h2 { "Members" }
        @if visit.may_change() {
            form.search method="post" action=(format!("{here}/members")) {
                (visit.token_field())
                (field::text("user", "Add a user", "A user name, or another sign-in name.",
                    "text", &draft.member, false))
                button type="submit" { "Add" }
            }
        }
        (table("Members", &["User", "Status", "Created", ""], &rows, &html! {
            p { "No user is in this group." }
            @if visit.may_change() { p { "Add one by name above, or on the user's page." } }
        }))
        (next_page(&here, members.next_token.map(Start::after).as_ref()))
    };
    let groups = url::path(&["pools", pool_id, "groups"]);
    let place = Place::of_pool(name, pool.named(), Tab::Groups).below("Groups", groups);
    Ok(visit.page(&place, &body))
}

fn row(visit: &Visit, pool_id: &str, group: &str, user: &UserType) -> Markup {
    let username = user.username.as_ref().map(|name| name.as_str()).unwrap_or_default();
    let mut attributes = user.attributes.iter().flatten();
    let sub = attributes.find(|attribute| attribute.name == "sub");
    let id = sub.and_then(|sub| sub.value.as_deref()).map_or(username, String::as_str);
    let address = url::path(&["pools", pool_id, "users", id]);
    let remove = url::with_query(&format!("{address}/act/remove-from-group"), &[("group", group)]);
    html! {
        (head("User", &html! { a href=(address) { (in_cell(username)) } }))
        (cell("Status", &state(user.user_status.as_ref(), user.enabled)))
        (cell("Created", &visit.clock().show(user.user_create_date)))
        (cell("", &html! {
            @if visit.may_change() {
                a href=(remove) { "Remove" span.sr { " " (shortened(username, 30)) } }
            }
        }))
    }
}
