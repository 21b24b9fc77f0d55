//! Creating a group.

use axum::extract::{Form, Path};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use device_pool::ServiceError;
use device_wire::requests::CreateGroupRequest;
use maud::html;
use serde::Deserialize;

use super::group::Settings;
use super::pool::Pool;
use crate::html::field;
use crate::html::frame::{Place, Tab};
use crate::html::notice::refusal;
use crate::html::url;
use crate::problem::{self, Problem};
use crate::visit::Visit;

/// A group as typed in.
#[derive(Default, Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    name: String,
    #[serde(flatten)]
    settings: Settings,
}

/// `GET /console/pools/<pool>/new-group`
pub(crate) async fn show(
    visit: Visit,
    Path(pool_id): Path<String>,
) -> Result<Html<String>, Problem> {
    page(&visit, &pool_id, &Typed::default(), None).await
}

/// `POST /console/pools/<pool>/new-group`
pub(crate) async fn create(
    visit: Visit,
    Path(pool_id): Path<String>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    match make(&visit, &pool_id, &typed).await {
        Ok(()) => {
            let group = url::path(&["pools", &pool_id, "groups", typed.name.trim()]);
            Ok(Redirect::to(&(group + "?done=group-created")).into_response())
        }
        Err(error) => {
            let page = page(&visit, &pool_id, &typed, Some(&problem::said(&error))).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

async fn make(visit: &Visit, pool_id: &str, typed: &Typed) -> Result<(), ServiceError> {
    let request = CreateGroupRequest {
        description: typed.settings.description(),
        precedence: typed.settings.precedence()?,
        ..CreateGroupRequest::new(typed.name.trim(), pool_id)
    };
    visit.call(&request).await.map(drop)
}

async fn page(
    visit: &Visit,
    pool_id: &str,
    typed: &Typed,
    refused: Option<&str>,
) -> Result<Html<String>, Problem> {
    let pool = Pool::load(visit, pool_id).await?;
    let groups = url::path(&["pools", pool_id, "groups"]);
    let fields = html! {
        (field::text("name", "Name", "It stays as it is.", "text", &typed.name, false))
        (typed.settings.fields(false))
    };
    let body = html! {
        @if let Some(refused) = refused { (refusal(refused)) }
        (visit.creation(&fields, "Create the group", &groups))
    };
    let place = Place::of_pool("Create a group", pool.named(), Tab::Groups).below("Groups", groups);
    Ok(visit.page(&place, &body))
}
