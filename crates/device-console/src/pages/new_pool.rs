//! Creating a user pool, with the choices that matter.

use axum::extract::Form;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use device_pool::ServiceError;
use device_wire::ErrorCode;
use device_wire::enums::{UserPoolMfaType, UsernameAttributeType, VerifiedAttributeType};
use device_wire::requests::{CreateUserPoolRequest, SetUserPoolMfaConfigRequest};
use device_wire::shapes::{SoftwareTokenMfaConfigType, UsernameConfigurationType};
use maud::html;
use serde::Deserialize;

use super::device_setting::Setting;
use crate::html::field::{self, Choice, choices};
use crate::html::frame::Place;
use crate::html::notice::Refusal;
use crate::html::url;
use crate::visit::Visit;

/// A pool as typed in.
#[derive(Deserialize)]
pub(crate) struct Typed {
    name: String,
    sign_in_with: String,
    mfa: String,
    remember: String,
    suppress: Option<String>,
}

impl Default for Typed {
    fn default() -> Self {
        Self {
            name: String::new(),
            sign_in_with: "username".to_owned(),
            mfa: "optional".to_owned(),
            remember: "opt-in".to_owned(),
            suppress: Some("on".to_owned()),
        }
    }
}

/// `GET /console/new-pool`
pub(crate) async fn show(visit: Visit) -> Html<String> {
    page(&visit, &Typed::default(), None)
}

/// `POST /console/new-pool`
pub(crate) async fn create(visit: Visit, Form(typed): Form<Typed>) -> Response {
    match make(&visit, &typed).await {
        Ok(id) => {
            let there = url::path(&["pools", &id]) + "?done=pool-created";
            Redirect::to(&there).into_response()
        }
        Err(refused) => {
            let page = page(&visit, &typed, Some(&refused));
            (StatusCode::UNPROCESSABLE_ENTITY, page).into_response()
        }
    }
}

async fn make(visit: &Visit, typed: &Typed) -> Result<String, Refusal> {
    let invalid = |text: &'static str| ServiceError::new(ErrorCode::InvalidParameter, text);
    let devices = Setting::new(&typed.remember, typed.suppress.is_some());
    if let Some(contradiction) = devices.contradiction(typed.mfa != "off") {
        return Err(invalid(contradiction).into());
    }
    let by_email = typed.sign_in_with == "email";
    let request = CreateUserPoolRequest {
        device_configuration: devices.configuration(),
        username_attributes: by_email.then(|| vec![UsernameAttributeType::Email]),
        auto_verified_attributes: by_email.then(|| vec![VerifiedAttributeType::Email]),
        username_configuration: Some(UsernameConfigurationType::new(false)),
        ..CreateUserPoolRequest::new(typed.name.trim())
    };
    let made = visit.call(&request).await?.user_pool.and_then(|pool| pool.id);
    let id = made.ok_or_else(|| ServiceError::internal("a new pool has no id"))?;
    if typed.mfa != "off" {
        let mode = match typed.mfa.as_str() {
            "required" => UserPoolMfaType::On,
            _ => UserPoolMfaType::Optional,
        };
        let request = SetUserPoolMfaConfigRequest {
            mfa_configuration: Some(mode),
            software_token_mfa_configuration: Some(SoftwareTokenMfaConfigType {
                enabled: Some(true),
            }),
            ..SetUserPoolMfaConfigRequest::new(&*id)
        };
        visit.call(&request).await.map_err(|error| {
            Refusal::after("The user pool was created, but without MFA.", error)
        })?;
    }
    Ok(id)
}

fn page(visit: &Visit, typed: &Typed, refused: Option<&Refusal>) -> Html<String> {
    let choice = |value, label, hint| Choice { value, label, hint, effect: None };
    let fields = html! {
        (field::text("name", "Name", "Letters, digits, spaces and + = , . @ -", "text",
            &typed.name, false))
        (choices("sign_in_with", "What do users sign in with?", &[
            choice("username", "A username", "Chosen by the user or by you."),
            choice("email", "An e-mail address",
                "Proven by a code at sign-up. This cannot be changed later."),
        ], &typed.sign_in_with, false))
        (choices("mfa", "Multi-factor authentication (MFA)", &[
            choice("optional", "Optional", "Users may set up an authenticator app."),
            choice("required", "Required", "Every user must set one up to sign in."),
            choice("off", "Off", "A password is enough."),
        ], &typed.mfa, false))
        (choices("remember", "Do you want to remember your users' devices?", &[
            choice("always", "Always",
                "Every device used by your application's users is remembered."),
            choice("opt-in", "User opt-in",
                "A user's device is only remembered if that user opts to remember it."),
            choice("no", "No", "Devices are not remembered."),
        ], &typed.remember, false))
        (field::switch("suppress", "A remembered device suppresses MFA",
            "No code is asked for on a remembered device.", typed.suppress.is_some(),
            false))
    };
    let body = html! {
        @if let Some(refused) = refused { (refused.show()) }
        (visit.creation(&fields, "Create the user pool", "/console"))
    };
    visit.page(&Place::new("Create a user pool"), &body)
}
