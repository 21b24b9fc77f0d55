//! How users of a pool sign in: second factors, passwords, risk.

use axum::extract::{Form, Path, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use device_pool::ServiceError;
use device_wire::enums::{AdvancedSecurityModeType, UserPoolMfaType};
use device_wire::requests::{SetUserPoolMfaConfigRequest, UpdateUserPoolRequest};
use device_wire::responses::GetUserPoolMfaConfigResponse;
use device_wire::shapes::{
    PasswordPolicyType, SoftwareTokenMfaConfigType, UserPoolAddOnsType, UserPoolPolicyType,
};
use maud::html;
use serde::Deserialize;

use super::pool::{Pool, mfa_of};
use crate::form::number;
use crate::html::field::{self, Choice, choices};
use crate::html::frame::{Place, Tab};
use crate::html::notice::{After, Refusal};
use crate::html::url;
use crate::problem::Problem;
use crate::visit::Visit;

/// The settings as the form has them.
#[derive(Deserialize)]
pub(crate) struct Typed {
    mfa: String,
    totp: Option<String>,
    email_codes: Option<String>,
    min_length: String,
    uppercase: Option<String>,
    lowercase: Option<String>,
    numbers: Option<String>,
    symbols: Option<String>,
    temporary_days: String,
    risk: String,
}

impl Typed {
    fn of(pool: &Pool, mfa: &GetUserPoolMfaConfigResponse) -> Self {
        let on = |is_on: bool| is_on.then(|| "on".to_owned());
        let totp = mfa.software_token_mfa_configuration.as_ref();
        let policies = pool.description.policies.clone().unwrap_or_default();
        let passwords = policies.password_policy.unwrap_or_default();
        let add_ons = pool.description.user_pool_add_ons.as_ref();
        Self {
            mfa: match mfa.mfa_configuration {
                Some(UserPoolMfaType::On) => "required",
                Some(UserPoolMfaType::Optional) => "optional",
                _ => "off",
            }
            .to_owned(),
            totp: on(totp.is_some_and(|totp| totp.enabled == Some(true))),
            email_codes: on(mfa.email_mfa_configuration.is_some()),
            min_length: passwords.minimum_length.unwrap_or(8).to_string(),
            uppercase: on(passwords.require_uppercase == Some(true)),
            lowercase: on(passwords.require_lowercase == Some(true)),
            numbers: on(passwords.require_numbers == Some(true)),
            symbols: on(passwords.require_symbols == Some(true)),
            temporary_days: passwords.temporary_password_validity_days.unwrap_or(7).to_string(),
            risk: match add_ons.map(|add_ons| &add_ons.advanced_security_mode) {
                Some(AdvancedSecurityModeType::Enforced) => "enforced",
                Some(AdvancedSecurityModeType::Audit) => "audit",
                _ => "off",
            }
            .to_owned(),
        }
    }

    /// The pool's settings with these.
    fn pool_request(&self, pool: &Pool) -> Result<UpdateUserPoolRequest, ServiceError> {
        let before = pool.unchanged();
        let policies = before.policies.clone().unwrap_or_default();
        let passwords = policies.password_policy.clone().unwrap_or_default();
        let add_ons = before.user_pool_add_ons.clone();
        let mode = match self.risk.as_str() {
            "enforced" => Some(AdvancedSecurityModeType::Enforced),
            "audit" => Some(AdvancedSecurityModeType::Audit),
            _ => add_ons.as_ref().map(|_| AdvancedSecurityModeType::Off),
        };
        Ok(UpdateUserPoolRequest {
            policies: Some(UserPoolPolicyType {
                password_policy: Some(PasswordPolicyType {
                    minimum_length: Some(number("Minimum length", &self.min_length)?),
                    require_uppercase: Some(self.uppercase.is_some()),
                    require_lowercase: Some(self.lowercase.is_some()),
                    require_numbers: Some(self.numbers.is_some()),
                    require_symbols: Some(self.symbols.is_some()),
                    temporary_password_validity_days: Some(number(
                        "Days that a temporary password is good",
                        &self.temporary_days,
                    )?),
                    ..passwords
                }),
                ..policies
            }),
            user_pool_add_ons: mode.map(|mode| match add_ons {
                Some(add_ons) => UserPoolAddOnsType { advanced_security_mode: mode, ..add_ons },
                None => UserPoolAddOnsType::new(mode),
            }),
            ..before
        })
    }

    /// The pool's second factors with these. What the form does not show stays.
    fn mfa_request(
        &self,
        pool_id: &str,
        before: GetUserPoolMfaConfigResponse,
    ) -> SetUserPoolMfaConfigRequest {
        let mode = match self.mfa.as_str() {
            "required" => UserPoolMfaType::On,
            "optional" => UserPoolMfaType::Optional,
            _ => {
                // A pool without MFA has no factors.
                return SetUserPoolMfaConfigRequest {
                    mfa_configuration: Some(UserPoolMfaType::Off),
                    ..SetUserPoolMfaConfigRequest::new(pool_id)
                };
            }
        };
        let email = before.email_mfa_configuration;
        SetUserPoolMfaConfigRequest {
            mfa_configuration: Some(mode),
            software_token_mfa_configuration: Some(SoftwareTokenMfaConfigType {
                enabled: Some(self.totp.is_some()),
            }),
            email_mfa_configuration: self.email_codes.is_some().then(|| email.unwrap_or_default()),
            sms_mfa_configuration: before.sms_mfa_configuration,
            web_authn_configuration: before.web_authn_configuration,
            ..SetUserPoolMfaConfigRequest::new(pool_id)
        }
    }
}

/// `GET /console/pools/<pool>/sign-in`
pub(crate) async fn show(
    visit: Visit,
    Path(pool_id): Path<String>,
    Query(after): Query<After>,
) -> Result<Html<String>, Problem> {
    let pool = Pool::load(&visit, &pool_id).await?;
    let mfa = mfa_of(&visit, &pool_id).await?;
    Ok(page(&visit, &pool, &mfa, &Typed::of(&pool, &mfa), after, None))
}

/// `POST /console/pools/<pool>/sign-in`
pub(crate) async fn save(
    visit: Visit,
    Path(pool_id): Path<String>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let pool = Pool::load(&visit, &pool_id).await?;
    let mfa = mfa_of(&visit, &pool_id).await?;
    match write(&visit, &pool, mfa.clone(), &typed).await {
        Ok(()) => {
            let there = url::path(&["pools", &pool_id, "sign-in"]) + "?done=saved";
            Ok(Redirect::to(&there).into_response())
        }
        Err(refused) => {
            let page = page(&visit, &pool, &mfa, &typed, After::default(), Some(&refused));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

async fn write(
    visit: &Visit,
    pool: &Pool,
    mfa: GetUserPoolMfaConfigResponse,
    typed: &Typed,
) -> Result<(), Refusal> {
    // Most of what can be refused is in this one, so it goes first. It leaves MFA as it is.
    visit.call(&typed.pool_request(pool)?).await?;
    visit.call(&typed.mfa_request(&pool.id, mfa)).await.map_err(|error| {
        Refusal::after("The passwords and the risk setting were saved, MFA was not.", error)
    })?;
    Ok(())
}

fn page(
    visit: &Visit,
    pool: &Pool,
    mfa: &GetUserPoolMfaConfigResponse,
    typed: &Typed,
    after: After,
    refused: Option<&Refusal>,
) -> Html<String> {
    let fixed = !visit.may_change();
    let choice = |value, label, hint| Choice { value, label, hint, effect: None };
    let body = html! {
        (after.show())
        @if let Some(refused) = refused { (refused.show()) }
        form.card method="post" {
            (visit.token_field())
            (choices("mfa", "Multi-factor authentication (MFA)", &[
                choice("optional", "Optional", "Asked of users who have set up a second factor."),
                choice("required", "Required", "Every user must have a second factor."),
                choice("off", "Off", "Nobody is asked, and no device can suppress anything."),
            ], &typed.mfa, fixed))
            fieldset disabled[fixed] {
                legend { "Second factors" }
                (field::switch("totp", "Authenticator apps",
                    "Codes of 30 seconds (TOTP), which need no message.",
                    typed.totp.is_some(), fixed))
                (field::switch("email_codes", "E-mail", "A code by e-mail.",
                    typed.email_codes.is_some(), fixed))
                p.hint {
                    "Text messages: "
                    @if mfa.sms_mfa_configuration.is_some() { "set up." }
                    @else { "not set up. They need an SMS configuration (SetUserPoolMfaConfig)." }
                }
            }
            fieldset disabled[fixed] {
                legend { "Passwords" }
                (field::text("min_length", "Minimum length", "6 to 99 characters.", "number",
                    &typed.min_length, fixed))
                (field::switch("uppercase", "An upper-case letter", "A to Z.",
                    typed.uppercase.is_some(), fixed))
                (field::switch("lowercase", "A lower-case letter", "a to z.",
                    typed.lowercase.is_some(), fixed))
                (field::switch("numbers", "A number", "0 to 9.", typed.numbers.is_some(), fixed))
                (field::switch("symbols", "A symbol", "Anything else on a keyboard.",
                    typed.symbols.is_some(), fixed))
                (field::text("temporary_days", "Days that a temporary password is good",
                    "0 to 365.", "number", &typed.temporary_days, fixed))
            }
            (choices("risk", "Risk", &[
                choice("off", "Off", "Sign-ins are not judged."),
                choice("audit", "Watch", "Each sign-in is judged, and the verdict recorded."),
                choice("enforced", "Act", "A risky sign-in asks for a second factor. Where \
                    devices are Always remembered and suppress MFA, not on a remembered one."),
            ], &typed.risk, fixed))
            @if !fixed { div.actions { button type="submit" { "Save changes" } } }
        }
        p {
            "Which flows an app may use, and how long its tokens live, is a setting of the app: "
            a href=(url::path(&["pools", &pool.id, "clients"])) { "App clients" } "."
        }
    };
    visit.page(&Place::of_pool("Sign-in", pool.named(), Tab::SignIn), &body)
}
