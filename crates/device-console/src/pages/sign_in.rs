//! Signing in: by an access key on a form, by a one-time link, or in dev mode at once.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use device_server::{Administrator, Peer, Role};
use maud::{Markup, html};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::attempts::Counted;
use crate::console::Console;
use crate::csrf;
use crate::html::{document, field, notice, url};
use crate::link;
use crate::problem::Problem;
use crate::session::CookieKind;
use crate::visit::Visit;

/// Why an access key was not taken. Does not say which half was wrong.
const WRONG_KEY: &str = "This is no access key of this server. Both parts are in credentials.toml \
                         in its data directory, unless it was started with others.";

const TOO_MANY: &str = "Too many wrong keys came from your address. Wait a quarter of an hour, or \
                        run “device console” where the key is kept.";

const DEAD_LINK: &str = "This link was used, or is older than a minute. Run “device console” again \
                         for a new one.";

/// The query of the sign-in page.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    next: Option<String>,
    link: Option<String>,
}

/// `GET /console/sign-in`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let form = FormCookie::of(&console, &headers);
    let page = match asked.link.as_deref() {
        Some(link) => link_form(&console, &form, link).await?,
        // Dev mode asks for no key.
        None if !console.service.asks_for_proof() => {
            let administrator = Administrator::new("dev", Role::Full);
            return enter(&console, administrator, peer, &headers, asked.next.as_deref()).await;
        }
        None => key_form(&form, &KeyForm { next: asked.next, ..KeyForm::default() }, None),
    };
    Ok(form.with(StatusCode::OK, page))
}

/// An access key as it is typed in.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct KeyForm {
    csrf: String,
    access_key_id: String,
    secret_access_key: String,
    read_only: Option<String>,
    next: Option<String>,
}

/// `POST /console/sign-in`
pub(crate) async fn sign_in(
    State(console): State<Arc<Console>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Form(typed): Form<KeyForm>,
) -> Result<Response, Problem> {
    let form = FormCookie::of(&console, &headers);
    if !form.is_own(&console, &typed.csrf) {
        return Err(Problem::stale_form());
    }
    let (source, now) = (address(peer), console.service.now_millis());
    let key_id = typed.access_key_id.trim().to_owned();
    let counted = Counted::new(source, &key_id);
    if !console.attempts.may_try(&counted, now) {
        let page = key_form(&form, &typed, Some(TOO_MANY));
        return Ok(form.with(StatusCode::TOO_MANY_REQUESTS, page));
    }
    let secret = Zeroizing::new(typed.secret_access_key.trim().to_owned());
    let Some(mut administrator) = console.service.holder(key_id, secret).await? else {
        console.attempts.failed(counted, now);
        let page = key_form(&form, &typed, Some(WRONG_KEY));
        return Ok(form.with(StatusCode::FORBIDDEN, page));
    };
    if typed.read_only.is_some() {
        administrator.role = Role::ReadOnly;
    }
    enter(&console, administrator, peer, &headers, typed.next.as_deref()).await
}

/// A one-time link that is about to be used.
#[derive(Deserialize)]
pub(crate) struct LinkForm {
    csrf: String,
    link: String,
}

/// `POST /console/sign-in/link`
pub(crate) async fn sign_in_by_link(
    State(console): State<Arc<Console>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Form(LinkForm { csrf, link }): Form<LinkForm>,
) -> Result<Response, Problem> {
    let form = FormCookie::of(&console, &headers);
    if !form.is_own(&console, &csrf) {
        return Err(Problem::stale_form());
    }
    match link::redeem(&console, &link).await? {
        Some(administrator) => enter(&console, administrator, peer, &headers, None).await,
        None => {
            let page = dead_link(&console, &form);
            Ok(form.with(StatusCode::FORBIDDEN, page))
        }
    }
}

/// `POST /console/sign-out`
pub(crate) async fn sign_out(visit: Visit) -> Result<Response, Problem> {
    let console = &visit.console;
    let (id, source_ip) = (visit.session.id.clone(), visit.source_ip);
    console.service.end_admin_session(&visit.administrator, id, source_ip).await?;
    let cookie = (SET_COOKIE, console.no_cookie(CookieKind::Session));
    Ok((AppendHeaders([cookie]), Redirect::to("/console/sign-in")).into_response())
}

/// Opens a session, ends the one that the browser had, and leads on.
async fn enter(
    console: &Console,
    administrator: Administrator,
    peer: Option<Extension<Peer>>,
    headers: &HeaderMap,
    next: Option<&str>,
) -> Result<Response, Problem> {
    let source_ip = address(peer);
    if let Some((before, holder)) = console.session(headers).await? {
        console.service.end_admin_session(&holder, before.id, source_ip).await?;
    }
    let cookie = console.open_session(administrator, source_ip, headers).await?;
    Ok((AppendHeaders([(SET_COOKIE, cookie)]), Redirect::to(url::own(next))).into_response())
}

fn address(peer: Option<Extension<Peer>>) -> Option<std::net::IpAddr> {
    peer.map(|Extension(peer)| peer.address())
}

/// What ties the form to the browser that it is shown to, before there is a session.
struct FormCookie {
    id: String,
    token: String,
    /// Set if the browser does not have it yet.
    header: Option<HeaderValue>,
}

impl FormCookie {
    fn of(console: &Console, headers: &HeaderMap) -> Self {
        let held = console.read_cookie(CookieKind::SignInForm, headers);
        let is_new = held.is_none();
        let id = held.unwrap_or_else(|| console.random_id());
        let header = is_new.then(|| console.cookie(CookieKind::SignInForm, id.clone()));
        Self { token: console.tokens.token(&format!("form {id}")), id, header }
    }

    /// Whether the form with this token was shown to this browser.
    fn is_own(&self, console: &Console, token: &str) -> bool {
        self.header.is_none() && console.tokens.is_token(&format!("form {}", self.id), token)
    }

    fn with(self, status: StatusCode, page: Html<String>) -> Response {
        let cookie = self.header.map(|header| (SET_COOKIE, header));
        (status, AppendHeaders(cookie), page).into_response()
    }
}

fn key_form(form: &FormCookie, typed: &KeyForm, problem: Option<&str>) -> Html<String> {
    let body = html! {
        h1 { "Sign in" }
        @if let Some(problem) = problem { (notice::refusal(problem)) }
        form.card method="post" action="/console/sign-in" {
            input type="hidden" name=(csrf::FIELD) value=(form.token);
            @if let Some(next) = &typed.next { input type="hidden" name="next" value=(next); }
            (field::text("access_key_id", "Access key id", "", "text", &typed.access_key_id, false))
            (secret_field())
            (field::switch("read_only", "Read only", "See everything, change nothing.",
                typed.read_only.is_some(), false))
            div.actions { button type="submit" { "Sign in" } }
        }
        p {
            "Or run " code { "device console" }
            " where the key is kept: it opens this page signed in."
        }
    };
    document::bare("Sign in", &body)
}

/// Never filled in again: a secret that was typed does not come back in a page.
fn secret_field() -> Markup {
    html! {
        div.field {
            label for="secret_access_key" { "Secret access key" }
            input type="password" id="secret_access_key" name="secret_access_key"
                autocomplete="current-password";
        }
    }
}

fn dead_link(console: &Console, form: &FormCookie) -> Html<String> {
    if console.service.asks_for_proof() {
        return key_form(form, &KeyForm::default(), Some(DEAD_LINK));
    }
    let body = html! {
        h1 { "Sign in" }
        (notice::refusal(DEAD_LINK))
        p { a href="/console/sign-in" { "Open the console, to make changes as well" } }
    };
    document::bare("Sign in", &body)
}

async fn link_form(
    console: &Console,
    form: &FormCookie,
    link: &str,
) -> Result<Html<String>, Problem> {
    let Some(administrator) = link::look(console, link).await? else {
        return Ok(dead_link(console, form));
    };
    let body = html! {
        h1 { "Sign in" }
        form.card method="post" action="/console/sign-in/link" {
            input type="hidden" name=(csrf::FIELD) value=(form.token);
            input type="hidden" name="link" value=(link);
            p {
                "As " strong { (administrator.title()) }
                @if administrator.role == Role::ReadOnly { ", to look and change nothing" }
                "."
            }
            div.actions { button type="submit" { "Sign in" } }
        }
        p.hint { "If you did not run " code { "device console" } ", close this page." }
    };
    Ok(document::bare("Sign in", &body))
}
