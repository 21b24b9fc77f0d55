//! Creating an app client.

use axum::extract::{Form, Path};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use device_pool::ServiceError;
use device_wire::requests::CreateUserPoolClientRequest;
use maud::html;
use serde::Deserialize;

use super::client::{Lifetimes, Settings};
use super::pool::Pool;
use crate::html::field;
use crate::html::frame::{Place, Tab};
use crate::html::notice::refusal;
use crate::html::url;
use crate::problem::{self, Problem};
use crate::visit::Visit;

/// A client as typed in.
#[derive(Deserialize)]
pub(crate) struct Typed {
    secret: Option<String>,
    #[serde(flatten)]
    settings: Settings,
}

/// `GET /console/pools/<pool>/new-client`
pub(crate) async fn show(
    visit: Visit,
    Path(pool_id): Path<String>,
) -> Result<Html<String>, Problem> {
    let typed = Typed { secret: None, settings: Settings::proposed() };
    page(&visit, &pool_id, &typed, None).await
}

/// `POST /console/pools/<pool>/new-client`
pub(crate) async fn create(
    visit: Visit,
    Path(pool_id): Path<String>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    match make(&visit, &pool_id, &typed).await {
        Ok(id) => {
            let there = url::path(&["pools", &pool_id, "clients", &id]) + "?done=client-created";
            Ok(Redirect::to(&there).into_response())
        }
        Err(error) => {
            let page = page(&visit, &pool_id, &typed, Some(&problem::said(&error))).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

async fn make(visit: &Visit, pool_id: &str, typed: &Typed) -> Result<String, ServiceError> {
    let settings = &typed.settings;
    let mut lifetimes = Lifetimes::default();
    lifetimes.set_access_minutes(settings.access_minutes()?);
    lifetimes.set_refresh_days(settings.refresh_days()?);
    let request = CreateUserPoolClientRequest {
        generate_secret: Some(typed.secret.is_some()),
        explicit_auth_flows: Some(settings.flows()),
        access_token_validity: lifetimes.access,
        id_token_validity: lifetimes.id,
        refresh_token_validity: lifetimes.refresh,
        token_validity_units: Some(lifetimes.units),
        prevent_user_existence_errors: Some(settings.hides_users()),
        ..CreateUserPoolClientRequest::new(pool_id, settings.name.trim())
    };
    let made = visit.call(&request).await?.user_pool_client.unwrap_or_default();
    let id = made.client_id.map(device_wire::Sensitive::into_inner);
    id.ok_or_else(|| ServiceError::internal("a new client has no id"))
}

async fn page(
    visit: &Visit,
    pool_id: &str,
    typed: &Typed,
    refused: Option<&str>,
) -> Result<Html<String>, Problem> {
    let pool = Pool::load(visit, pool_id).await?;
    let clients = url::path(&["pools", pool_id, "clients"]);
    let fields = html! {
        (typed.settings.fields(false))
        (field::switch("secret", "Has a secret",
            "For a server that signs users in. An app on a user's device can keep none.",
            typed.secret.is_some(), false))
    };
    let body = html! {
        @if let Some(refused) = refused { (refusal(refused)) }
        (visit.creation(&fields, "Create the app client", &clients))
    };
    let place = Place::of_pool("Create an app client", pool.named(), Tab::Clients)
        .below("App clients", clients);
    Ok(visit.page(&place, &body))
}
