//! Creating a user.

use axum::extract::{Form, Path};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use device_wire::Sensitive;
use device_wire::enums::MessageActionType;
use device_wire::requests::{AdminCreateUserRequest, AdminSetUserPasswordRequest};
use device_wire::shapes::AttributeType;
use maud::html;
use serde::Deserialize;

use super::pool::Pool;
use crate::html::field;
use crate::html::frame::{Place, Tab};
use crate::html::notice::Refusal;
use crate::html::url;
use crate::problem::Problem;
use crate::visit::Visit;

/// A user as typed in.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Typed {
    username: String,
    email: String,
    phone: String,
    password: String,
    permanent: Option<String>,
    invite: Option<String>,
}

/// `GET /console/pools/<pool>/new-user`
pub(crate) async fn show(
    visit: Visit,
    Path(pool_id): Path<String>,
) -> Result<Html<String>, Problem> {
    page(&visit, &pool_id, &Typed::default(), None).await
}

/// `POST /console/pools/<pool>/new-user`
pub(crate) async fn create(
    visit: Visit,
    Path(pool_id): Path<String>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    match make(&visit, &pool_id, &typed).await {
        Ok(user) => {
            let there = url::path(&["pools", &pool_id, "users", &user]) + "?done=user-created";
            Ok(Redirect::to(&there).into_response())
        }
        Err(refused) => {
            let page = page(&visit, &pool_id, &typed, Some(&refused)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// Creates the user; returns its `sub`.
async fn make(visit: &Visit, pool_id: &str, typed: &Typed) -> Result<String, Refusal> {
    let attribute = |name: &str, value: &str| AttributeType {
        value: Some(Sensitive::from(value)),
        ..AttributeType::new(name)
    };
    let mut attributes = Vec::new();
    for (name, value) in [("email", &typed.email), ("phone_number", &typed.phone)] {
        if !value.trim().is_empty() {
            attributes.push(attribute(name, value.trim()));
            attributes.push(attribute(&format!("{name}_verified"), "true"));
        }
    }
    let is_permanent = typed.permanent.is_some() && !typed.password.is_empty();
    let temporary = (!typed.password.is_empty() && !is_permanent).then(|| &*typed.password);
    let request = AdminCreateUserRequest {
        user_attributes: Some(attributes),
        temporary_password: temporary.map(Sensitive::from),
        message_action: typed.invite.is_none().then_some(MessageActionType::Suppress),
        ..AdminCreateUserRequest::new(pool_id, typed.username.trim())
    };
    let made = visit.call(&request).await?.user.unwrap_or_default();
    let attributes = made.attributes.unwrap_or_default();
    let sub = attributes.into_iter().find(|attribute| attribute.name == "sub");
    let sub = sub.and_then(|sub| sub.value).map(Sensitive::into_inner);
    let sub = sub.unwrap_or_else(|| typed.username.trim().to_owned());
    if is_permanent {
        let request = AdminSetUserPasswordRequest {
            permanent: Some(true),
            ..AdminSetUserPasswordRequest::new(pool_id, &*sub, &*typed.password)
        };
        visit.call(&request).await.map_err(|error| {
            Refusal::after("The user was created, but without this password.", error)
        })?;
    }
    Ok(sub)
}

async fn page(
    visit: &Visit,
    pool_id: &str,
    typed: &Typed,
    refused: Option<&Refusal>,
) -> Result<Html<String>, Problem> {
    let pool = Pool::load(visit, pool_id).await?;
    let users = url::path(&["pools", pool_id, "users"]);
    let by_address = pool.description.username_attributes.as_ref().is_some_and(|by| !by.is_empty());
    let name_hint =
        if by_address { "In this pool, an e-mail address or a phone number." } else { "" };
    let fields = html! {
        (field::text("username", "Username", name_hint, "text", &typed.username, false))
        (field::text("email", "E-mail", "Optional. Counts as verified.", "email",
            &typed.email, false))
        (field::text("phone", "Phone", "Optional, like +14325551212. Counts as verified.",
            "tel", &typed.phone, false))
        (field::text("password", "Password",
            "Optional. Without one, an invitation carries a temporary one.", "password",
            "", false))
        (field::switch("permanent", "The password is permanent",
            "Otherwise it must be changed at the first sign-in.",
            typed.permanent.is_some(), false))
        (field::switch("invite", "Send an invitation",
            "By text message or e-mail, with the temporary password.",
            typed.invite.is_some(), false))
    };
    let body = html! {
        @if let Some(refused) = refused { (refused.show()) }
        (visit.creation(&fields, "Create the user", &users))
    };
    let place = Place::of_pool("Create a user", pool.named(), Tab::Users).below("Users", users);
    Ok(visit.page(&place, &body))
}
