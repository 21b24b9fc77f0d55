//! The users of a pool, found by a name or page by page.

use axum::extract::{Path, Query};
use axum::response::Html;
use device_pool::ServiceError;
use device_wire::ErrorCode;
use device_wire::requests::{AdminGetUserRequest, ListUsersRequest};
use device_wire::shapes::{AttributeType, UserType};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use super::person::{Person, state};
use super::pool::Pool;
use crate::html::field;
use crate::html::frame::{Place, Tab};
use crate::html::notice::After;
use crate::html::table::{cell, head, table};
use crate::html::text::in_cell;
use crate::html::url;
use crate::problem::{self, Problem};
use crate::visit::Visit;

/// Users on a page.
const PAGE: i32 = 25;

/// The attributes that a list shows.
const SHOWN: [&str; 3] = ["sub", "email", "phone_number"];

/// What can be searched for: names of the API, and what people call them.
const FIELDS: [(&str, &str); 4] = [
    ("username", "Username"),
    ("email", "E-mail"),
    ("phone_number", "Phone"),
    ("sub", "User id (sub)"),
];

/// The query of the page.
#[derive(Clone, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Search {
    /// Which of the fields.
    by: String,
    /// `is` or `starts`.
    r#match: String,
    q: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

impl Default for Search {
    fn default() -> Self {
        let (by, r#match) = ("username".to_owned(), "starts".to_owned());
        Self { by, r#match, q: String::new(), after: None }
    }
}

impl Search {
    fn is_exact(&self) -> bool {
        self.r#match == "is"
    }

    /// As the API filters. A value stands in quotes, so that it cannot say anything else.
    fn filter(&self) -> Option<String> {
        let q = self.q.trim();
        let by = FIELDS.iter().map(|(name, _)| *name).find(|name| *name == self.by)?;
        let value = q.replace('\\', "\\\\").replace('"', "\\\"");
        let relation = if self.is_exact() { "=" } else { "^=" };
        (!q.is_empty()).then(|| format!("{by} {relation} \"{value}\""))
    }
}

/// Found users, and the token of the next page.
type Found = (Vec<UserType>, Option<String>);

/// `GET /console/pools/<pool>/users`
pub(crate) async fn show(
    visit: Visit,
    Path(pool_id): Path<String>,
    Query(search): Query<Search>,
    Query(after): Query<After>,
) -> Result<Html<String>, Problem> {
    let pool = Pool::load(&visit, &pool_id).await?;
    let (found, refused) = match find(&visit, &pool_id, &search).await {
        Ok(found) => (found, None),
        Err(error) => ((Vec::new(), None), Some(problem::said(&error))),
    };
    let (users, next) = found;
    let rows: Vec<Markup> = users.iter().map(|user| row(&visit, &pool_id, user)).collect();
    let here = url::path(&["pools", &pool_id, "users"]);
    let add = url::path(&["pools", &pool_id, "new-user"]);
    let body = html! {
        (after.show())
        @if let Some(refused) = refused {
            p.notice.bad role="alert" { (refused) }
        }
        form.search method="get" {
            (field::select("by", "Search by", &FIELDS, &search.by))
            (field::select("match", "Which", &[("starts", "starts with"), ("is", "is exactly")],
                &search.r#match))
            (field::text("q", "Text", "", "search", &search.q, false))
            button type="submit" { "Search" }
        }
        @if visit.may_change() { p.actions { a.button href=(add) { "Create a user" } } }
        (table(
            "Users",
            &["User", "Contact", "Status", "Created"],
            &rows,
            &html! {
                @if next.is_some() {
                    p { "None is among the names that were looked at. The next page goes on." }
                } @else if search.q.trim().is_empty() {
                    p { "This pool has no users here." }
                    p { "Create one, or let your app sign users up." }
                } @else {
                    p { "No user was found. " a href=(here) { "Show all users" } }
                }
            },
        ))
        p.paging {
            @if search.after.is_some() {
                a href=(url::with_query(&here, &Search { after: None, ..search.clone() })) {
                    "First page"
                }
            }
            @if next.is_some() {
                a href=(url::with_query(&here, &Search { after: next, ..search.clone() })) {
                    "Next page"
                }
            }
        }
    };
    Ok(visit.page(&Place::of_pool("Users", pool.named(), Tab::Users), &body))
}

async fn find(visit: &Visit, pool_id: &str, search: &Search) -> Result<Found, ServiceError> {
    let q = search.q.trim();
    // One read, however many users there are.
    if search.is_exact() && !q.is_empty() && matches!(search.by.as_str(), "username" | "sub") {
        return match visit.call(&AdminGetUserRequest::new(pool_id, q)).await {
            Ok(user) => Ok((vec![Person::from(user).into_listed()], None)),
            Err(error) if *error.code() == ErrorCode::UserNotFound => Ok((Vec::new(), None)),
            Err(error) => Err(error),
        };
    }
    let request = ListUsersRequest {
        limit: Some(PAGE),
        filter: search.filter(),
        pagination_token: search.after.clone(),
        ..ListUsersRequest::new(pool_id)
    };
    let answer = visit.call(&request).await?;
    Ok((answer.users.unwrap_or_default(), answer.pagination_token))
}

fn row(visit: &Visit, pool_id: &str, user: &UserType) -> Markup {
    let attributes = user.attributes.as_deref().unwrap_or_default();
    let value = |name: &str| {
        let found = attributes.iter().find(|attribute| attribute.name == name);
        found.and_then(|attribute: &AttributeType| attribute.value.as_deref())
    };
    let [sub, email, phone] = SHOWN.map(value);
    let username = user.username.as_ref().map(|name| name.as_str()).unwrap_or_default();
    let address = url::path(&["pools", pool_id, "users", sub.map_or(username, String::as_str)]);
    html! {
        (head("User", &html! { a href=(address) { (in_cell(username)) } }))
        (cell("Contact", &html! {
            @for text in [email, phone].into_iter().flatten() { div { (in_cell(text)) } }
        }))
        (cell("Status", &state(user.user_status.as_ref(), user.enabled)))
        (cell("Created", &visit.clock().show(user.user_create_date)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_cannot_leave_its_quotes() {
        let search =
            |by: &str, q: &str| Search { by: by.to_owned(), q: q.to_owned(), ..Search::default() };
        assert_eq!(search("email", " ada ").filter().unwrap(), "email ^= \"ada\"");
        assert_eq!(search("email", "a\"b\\").filter().unwrap(), "email ^= \"a\\\"b\\\\\"");
        assert_eq!(search("email", "  ").filter(), None);
        assert_eq!(search("password", "x").filter(), None);
        let exact = Search { r#match: "is".to_owned(), ..search("sub", "1") };
        assert_eq!(exact.filter().unwrap(), "sub = \"1\"");
    }
}
