//! An app client: its flows, and how long its tokens live.

use axum::extract::{Form, Path, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use device_pool::ServiceError;
use device_wire::enums::{ExplicitAuthFlowsType, PreventUserExistenceErrorTypes, TimeUnitsType};
use device_wire::requests::{
    DeleteUserPoolClientRequest, DescribeUserPoolClientRequest, UpdateUserPoolClientRequest,
};
use device_wire::shapes::{TokenValidityUnitsType, UserPoolClientType};
use maud::{Markup, html};
use serde::Deserialize;

use super::pool::Pool;
use crate::form::number;
use crate::html::confirm::Question;
use crate::html::field;
use crate::html::frame::{Place, Tab};
use crate::html::notice::{After, refusal};
use crate::html::table::facts;
use crate::html::url;
use crate::problem::{self, Problem};
use crate::visit::Visit;

/// The settings as forms have them.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    pub(super) name: String,
    srp: Option<String>,
    password: Option<String>,
    user_auth: Option<String>,
    admin: Option<String>,
    custom: Option<String>,
    refresh: Option<String>,
    access_minutes: String,
    refresh_days: String,
    hide_users: Option<String>,
}

impl Settings {
    /// What a new client is proposed.
    pub(super) fn proposed() -> Self {
        let on = || Some("on".to_owned());
        Self {
            srp: on(),
            refresh: on(),
            hide_users: on(),
            access_minutes: "60".to_owned(),
            refresh_days: "30".to_owned(),
            ..Self::default()
        }
    }

    fn of(client: &UserPoolClientType) -> Self {
        use ExplicitAuthFlowsType as Flow;
        let flows = client.explicit_auth_flows.as_deref().unwrap_or_default();
        let on = |flow: &Flow| flows.contains(flow).then(|| "on".to_owned());
        let units = client.token_validity_units.clone().unwrap_or_default();
        let minutes = |count: i32, unit: Option<&TimeUnitsType>, default: TimeUnitsType| {
            let minutes = match unit.unwrap_or(&default) {
                TimeUnitsType::Seconds => return (i64::from(count) / 60).max(1),
                TimeUnitsType::Minutes => 1,
                TimeUnitsType::Days => 24 * 60,
                _ => 60,
            };
            i64::from(count) * minutes
        };
        let access = client.access_token_validity.filter(|count| *count > 0).unwrap_or(1);
        let access = minutes(access, units.access_token.as_ref(), TimeUnitsType::Hours);
        let refresh = client.refresh_token_validity.filter(|count| *count > 0).unwrap_or(30);
        let refresh = minutes(refresh, units.refresh_token.as_ref(), TimeUnitsType::Days);
        let hides = client.prevent_user_existence_errors.as_ref();
        Self {
            name: client.client_name.clone().unwrap_or_default(),
            srp: on(&Flow::AllowUserSrpAuth),
            password: on(&Flow::AllowUserPasswordAuth),
            user_auth: on(&Flow::AllowUserAuth),
            admin: on(&Flow::AllowAdminUserPasswordAuth),
            custom: on(&Flow::AllowCustomAuth),
            refresh: on(&Flow::AllowRefreshTokenAuth),
            access_minutes: access.to_string(),
            refresh_days: (refresh / (24 * 60)).max(1).to_string(),
            hide_users: (hides == Some(&PreventUserExistenceErrorTypes::Enabled))
                .then(|| "on".to_owned()),
        }
    }

    /// The flows that the form shows, and whether each is on.
    fn shown_flows(&self) -> [(bool, ExplicitAuthFlowsType); 6] {
        use ExplicitAuthFlowsType as Flow;
        [
            (&self.srp, Flow::AllowUserSrpAuth),
            (&self.password, Flow::AllowUserPasswordAuth),
            (&self.user_auth, Flow::AllowUserAuth),
            (&self.admin, Flow::AllowAdminUserPasswordAuth),
            (&self.custom, Flow::AllowCustomAuth),
            (&self.refresh, Flow::AllowRefreshTokenAuth),
        ]
        .map(|(switch, flow)| (switch.is_some(), flow))
    }

    pub(super) fn flows(&self) -> Vec<ExplicitAuthFlowsType> {
        self.shown_flows().into_iter().filter_map(|(is_on, flow)| is_on.then_some(flow)).collect()
    }

    /// The flows of the form, and those of `client` that it does not show.
    fn flows_with_hidden(&self, client: &UserPoolClientType) -> Vec<ExplicitAuthFlowsType> {
        let shown = self.shown_flows();
        let is_hidden = |flow: &ExplicitAuthFlowsType| shown.iter().all(|(_, one)| one != flow);
        let before = client.explicit_auth_flows.iter().flatten();
        self.flows().into_iter().chain(before.filter(|flow| is_hidden(flow)).cloned()).collect()
    }

    pub(super) fn access_minutes(&self) -> Result<i32, ServiceError> {
        number("Minutes that an access token is good", &self.access_minutes)
    }

    pub(super) fn refresh_days(&self) -> Result<i32, ServiceError> {
        number("Days that a refresh token is good", &self.refresh_days)
    }

    pub(super) fn hides_users(&self) -> PreventUserExistenceErrorTypes {
        match self.hide_users {
            Some(_) => PreventUserExistenceErrorTypes::Enabled,
            None => PreventUserExistenceErrorTypes::Legacy,
        }
    }

    /// Whether a flow lets a device prove itself.
    fn knows_devices(&self) -> bool {
        self.srp.is_some() || self.user_auth.is_some() || self.password.is_some()
    }

    pub(super) fn fields(&self, is_fixed: bool) -> Markup {
        let switch = |name, label, hint, is_on: &Option<String>| {
            field::switch(name, label, hint, is_on.is_some(), is_fixed)
        };
        html! {
            (field::text("name", "Name", "", "text", &self.name, is_fixed))
            fieldset disabled[is_fixed] {
                legend { "Flows" }
                (switch("srp", "Secure remote password (SRP)",
                    "The password never leaves the user's device. What apps with remembered \
                     devices use.", &self.srp))
                (switch("password", "Password sent to the server", "USER_PASSWORD_AUTH.",
                    &self.password))
                (switch("user_auth", "Choice of first factor", "USER_AUTH: a password, or a code \
                     by e-mail or text message.", &self.user_auth))
                (switch("admin", "Password sent by your own server",
                    "ADMIN_USER_PASSWORD_AUTH.", &self.admin))
                (switch("custom", "Your own challenges", "CUSTOM_AUTH, decided by your hook.",
                    &self.custom))
                (switch("refresh", "Refresh tokens", "Users stay signed in.", &self.refresh))
            }
            fieldset disabled[is_fixed] {
                legend { "Tokens" }
                (field::text("access_minutes", "Minutes that an access token is good",
                    "5 minutes to a day. ID tokens live as long.", "number",
                    &self.access_minutes, is_fixed))
                (field::text("refresh_days", "Days that a refresh token is good",
                    "1 to 3650.", "number", &self.refresh_days, is_fixed))
                (switch("hide_users", "Hide whether a user exists",
                    "A sign-in of an unknown user fails as one with a wrong password does.",
                    &self.hide_users))
            }
        }
    }
}

/// `GET /console/pools/<pool>/clients/<client>`
pub(crate) async fn show(
    visit: Visit,
    Path((pool_id, client_id)): Path<(String, String)>,
    Query(after): Query<After>,
) -> Result<Html<String>, Problem> {
    let pool = Pool::load(&visit, &pool_id).await?;
    let client = load(&visit, &pool_id, &client_id).await?;
    Ok(page(&visit, &pool, &client, &Settings::of(&client), after, None))
}

/// `POST /console/pools/<pool>/clients/<client>`
pub(crate) async fn save(
    visit: Visit,
    Path((pool_id, client_id)): Path<(String, String)>,
    Form(typed): Form<Settings>,
) -> Result<Response, Problem> {
    let pool = Pool::load(&visit, &pool_id).await?;
    let client = load(&visit, &pool_id, &client_id).await?;
    match write(&visit, &pool_id, &client_id, client.clone(), &typed).await {
        Ok(()) => {
            let there = url::path(&["pools", &pool_id, "clients", &client_id]) + "?done=saved";
            Ok(Redirect::to(&there).into_response())
        }
        Err(error) => {
            let said = problem::said(&error);
            let page = page(&visit, &pool, &client, &typed, After::default(), Some(&said));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

async fn load(
    visit: &Visit,
    pool_id: &str,
    client_id: &str,
) -> Result<UserPoolClientType, ServiceError> {
    let answer = visit.call(&DescribeUserPoolClientRequest::new(pool_id, client_id)).await?;
    Ok(answer.user_pool_client.unwrap_or_default())
}

/// How long a client's tokens live, as the API has it.
#[derive(Default)]
pub(super) struct Lifetimes {
    pub(super) access: Option<i32>,
    pub(super) id: Option<i32>,
    pub(super) refresh: Option<i32>,
    pub(super) units: TokenValidityUnitsType,
}

impl Lifetimes {
    fn of(client: &UserPoolClientType) -> Self {
        Self {
            access: client.access_token_validity,
            id: client.id_token_validity,
            refresh: client.refresh_token_validity,
            units: client.token_validity_units.clone().unwrap_or_default(),
        }
    }

    /// Sets the lifetime of access tokens, and of ID tokens, which live as long.
    pub(super) fn set_access_minutes(&mut self, minutes: i32) {
        (self.access, self.units.access_token) = (Some(minutes), Some(TimeUnitsType::Minutes));
        (self.id, self.units.id_token) = (Some(minutes), Some(TimeUnitsType::Minutes));
    }

    pub(super) fn set_refresh_days(&mut self, days: i32) {
        (self.refresh, self.units.refresh_token) = (Some(days), Some(TimeUnitsType::Days));
    }
}

/// Writes the form's settings. All others stay: what an update leaves out goes back to its default.
async fn write(
    visit: &Visit,
    pool_id: &str,
    client_id: &str,
    before: UserPoolClientType,
    typed: &Settings,
) -> Result<(), ServiceError> {
    let explicit_auth_flows = typed.flows_with_hidden(&before);
    let mut lifetimes = Lifetimes::of(&before);
    let shown = Settings::of(&before);
    // The form rounds to minutes and days, so only what was typed anew is written.
    if typed.access_minutes != shown.access_minutes {
        lifetimes.set_access_minutes(typed.access_minutes()?);
    }
    if typed.refresh_days != shown.refresh_days {
        lifetimes.set_refresh_days(typed.refresh_days()?);
    }
    let request = UpdateUserPoolClientRequest {
        client_name: Some(typed.name.trim().to_owned()),
        explicit_auth_flows: Some(explicit_auth_flows),
        access_token_validity: lifetimes.access,
        id_token_validity: lifetimes.id,
        refresh_token_validity: lifetimes.refresh,
        token_validity_units: Some(lifetimes.units),
        prevent_user_existence_errors: Some(typed.hides_users()),
        read_attributes: before.read_attributes,
        write_attributes: before.write_attributes,
        supported_identity_providers: before.supported_identity_providers,
        callback_urls: before.callback_urls,
        logout_urls: before.logout_urls,
        default_redirect_uri: before.default_redirect_uri,
        allowed_o_auth_flows: before.allowed_o_auth_flows,
        allowed_o_auth_scopes: before.allowed_o_auth_scopes,
        allowed_o_auth_flows_user_pool_client: before.allowed_o_auth_flows_user_pool_client,
        analytics_configuration: before.analytics_configuration,
        enable_token_revocation: before.enable_token_revocation,
        enable_propagate_additional_user_context_data: before
            .enable_propagate_additional_user_context_data,
        auth_session_validity: before.auth_session_validity,
        refresh_token_rotation: before.refresh_token_rotation,
        ..UpdateUserPoolClientRequest::new(pool_id, client_id)
    };
    visit.call(&request).await.map(drop)
}

fn page(
    visit: &Visit,
    pool: &Pool,
    client: &UserPoolClientType,
    typed: &Settings,
    after: After,
    refused: Option<&str>,
) -> Html<String> {
    let id = client.client_id.as_ref().map(|id| id.as_str()).unwrap_or_default();
    let name = client.client_name.as_deref().unwrap_or(id);
    let clock = visit.clock();
    let body = html! {
        (after.show())
        @if let Some(refused) = refused { (refusal(refused)) }
        (facts(&[
            ("Client id", html! { code { (id) } }),
            ("Secret", html! {
                @if client.client_secret.is_some() { "Has one (DescribeUserPoolClient shows it)" }
                @else { "None, as apps on users' devices need it" }
            }),
            ("Created", clock.show(client.creation_date)),
            ("Last changed", clock.show(client.last_modified_date)),
        ]))
        @if !typed.knows_devices() {
            p.notice { "No flow of this client lets a device be tracked." }
        }
        form.card method="post" {
            (visit.token_field())
            (typed.fields(!visit.may_change()))
            @if visit.may_change() {
                div.actions {
                    button type="submit" { "Save changes" }
                    a href=(url::path(&["pools", &pool.id, "clients", id, "delete"])) {
                        "Delete this client"
                    }
                }
            }
        }
    };
    let clients = url::path(&["pools", &pool.id, "clients"]);
    let place = Place::of_pool(name, pool.named(), Tab::Clients).below("App clients", clients);
    visit.page(&place, &body)
}

/// `GET /console/pools/<pool>/clients/<client>/delete`
pub(crate) async fn ask_delete(
    visit: Visit,
    Path((pool_id, client_id)): Path<(String, String)>,
) -> Result<Html<String>, Problem> {
    let pool = Pool::load(&visit, &pool_id).await?;
    let client = load(&visit, &pool_id, &client_id).await?;
    let name = client.client_name.as_deref().unwrap_or(&client_id);
    let back = url::path(&["pools", &pool_id, "clients", &client_id]);
    let body = visit.ask(&Question {
        effects: &[
            "Apps with this client id can no longer sign in or refresh tokens.",
            "Access tokens live out their time. Users and their devices stay.",
            "This cannot be undone.",
        ],
        button: "Delete the app client",
        is_final: true,
        fields: html! {},
        action: &url::path(&["pools", &pool_id, "clients", &client_id, "delete"]),
        cancel: &back,
    });
    let title = format!("Delete {name}?");
    let place = Place::of_pool(&title, pool.named(), Tab::Clients)
        .below("App clients", url::path(&["pools", &pool_id, "clients"]))
        .below(name, back.clone());
    Ok(visit.page(&place, &body))
}

/// `POST` to the same.
pub(crate) async fn delete(
    visit: Visit,
    Path((pool_id, client_id)): Path<(String, String)>,
) -> Result<Redirect, Problem> {
    visit.call(&DeleteUserPoolClientRequest::new(&*pool_id, &*client_id)).await?;
    Ok(Redirect::to(&(url::path(&["pools", &pool_id, "clients"]) + "?done=client-deleted")))
}
