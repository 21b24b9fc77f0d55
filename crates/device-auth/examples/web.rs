//! A web backend that signs users in and stores the device records of each browser.
//!
//! ```text
//! cargo run --example web -- <user pool id> <app client id> [<directory> [<address>]]
//! ```
//!
//! The directory stores devices and sessions; the address is the one to listen on. With
//! `AWS_ENDPOINT_URL=http://127.0.0.1:9229` it talks to a local `device serve`. The pool sees each
//! browser as a device. A browser has a cookie with a random name; a file of that name holds its
//! device records and its session. Tokens never leave the backend.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use device_auth::device_http::Client;
use device_auth::{
    Challenge, CodePrompt, Credentials, CurrentDevice, DeviceAuth, Error, FileStore, Pending,
    Sensitive, SignInStep,
};
use rand::RngExt as _;
use serde::Deserialize;
use tokio::sync::{Mutex, OwnedMutexGuard};

#[tokio::main]
async fn main() -> Result<(), Box<dyn StdError>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(pool), Some(client)) = (arguments.next(), arguments.next()) else {
        return Err("usage: web <user pool id> <app client id> [<directory> [<address>]]".into());
    };
    let directory = arguments.next().unwrap_or_else(|| "browsers".to_owned());
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let region = pool.split('_').next().unwrap_or_default();
    let http = Client::builder().region(region).build()?;
    let backend = Backend::new(pool, client, http, directory);
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app(backend)).await?)
}

/// The backend's routes.
fn app(backend: Backend) -> Router {
    Router::new()
        .route("/", get(show))
        .route("/sign-in", post(sign_in))
        .route("/code", post(code))
        .route("/remember", post(remember))
        .route("/forget", post(forget))
        .route("/sign-out", post(sign_out))
        .with_state(backend)
}

/// State shared by all requests.
#[derive(Clone)]
struct Backend {
    pool: String,
    client: String,
    /// One set of connections for all browsers.
    http: Client,
    directory: PathBuf,
    browsers: Arc<Mutex<HashMap<String, Arc<Mutex<Browser>>>>>,
}

/// A browser and the state of its user's sign-in.
struct Browser {
    auth: DeviceAuth,
    pending: Option<Pending<CodePrompt>>,
    notice: Option<String>,
}

/// The browser of a request, locked for the time of the request.
struct Visitor {
    id: String,
    browser: OwnedMutexGuard<Browser>,
}

impl Backend {
    fn new(pool: String, client: String, http: Client, directory: impl Into<PathBuf>) -> Self {
        Self { pool, client, http, directory: directory.into(), browsers: Arc::default() }
    }

    /// The browser with this id, or a new one if the id is not ours.
    async fn visitor(&self, id: Option<String>) -> Result<Visitor, Error> {
        let known =
            id.filter(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let mut browsers = self.browsers.lock().await;
        let id = known
            .filter(|id| browsers.contains_key(id) || self.file(id).exists())
            .unwrap_or_else(|| format!("{:032x}", rand::rng().random::<u128>()));
        let browser = match browsers.get(&id) {
            Some(browser) => Arc::clone(browser),
            None => {
                let store = FileStore::open(self.file(&id));
                let auth = DeviceAuth::builder(&self.pool, &self.client)
                    .device_name("Browser")
                    .http(self.http.clone())
                    .store(store.clone())
                    .session_store(store)
                    .build_restored()
                    .await?;
                let browser = Arc::new(Mutex::new(Browser { auth, pending: None, notice: None }));
                browsers.insert(id.clone(), Arc::clone(&browser));
                browser
            }
        };
        // Requests of one browser wait for each other; those of other browsers do not.
        drop(browsers);
        Ok(Visitor { id, browser: browser.lock_owned().await })
    }

    fn file(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{id}.json"))
    }
}

impl FromRequestParts<Backend> for Visitor {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, backend: &Backend) -> Result<Self, Failure> {
        let cookies =
            parts.headers.get(COOKIE).and_then(|cookies| cookies.to_str().ok()).unwrap_or_default();
        let id = cookies.split("; ").find_map(|cookie| cookie.strip_prefix("browser="));
        Ok(backend.visitor(id.map(str::to_owned)).await?)
    }
}

impl Visitor {
    /// The answer, with the cookie renewed for a year. Behind TLS the cookie should be `Secure`
    /// too.
    fn answer(&self, response: impl IntoResponse) -> Response {
        let cookie =
            format!("browser={}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Strict", self.id);
        (AppendHeaders([(SET_COOKIE, cookie)]), response).into_response()
    }

    /// Redirects to the page, which shows the error if there was one.
    fn done(mut self, result: Result<(), Error>) -> Response {
        if let Err(error) = result {
            self.browser.notice = Some(error.to_string());
        }
        self.answer(Redirect::to("/"))
    }
}

impl Browser {
    fn take(&mut self, step: SignInStep) {
        match step {
            SignInStep::Done(_) => {}
            SignInStep::Challenge(Challenge::Code(code)) => {
                self.notice = code.rejection().map(|rejection| rejection.message().to_owned());
                self.pending = Some(code);
            }
            SignInStep::Challenge(other) => {
                self.notice = Some(format!("This page has no answer to {}.", other.name()));
            }
        }
    }

    async fn sign_in(&mut self, form: SignInForm) -> Result<(), Error> {
        self.pending = None;
        let step = self.auth.sign_in(Credentials::srp(form.username, form.password)).await?;
        self.take(step);
        Ok(())
    }

    async fn answer(&mut self, code: &str) -> Result<(), Error> {
        if let Some(pending) = self.pending.take() {
            let step = pending.answer(code).await?;
            self.take(step);
        }
        Ok(())
    }

    async fn forget(&self, key: &str) -> Result<(), Error> {
        match self.auth.fetch_devices().await?.iter().find(|device| device.key == key) {
            Some(device) => self.auth.forget_device(&device.key).await,
            None => Ok(()),
        }
    }

    async fn page(&mut self) -> Result<String, Error> {
        let mut page = String::from("<!doctype html><title>Devices</title>");
        if let Some(notice) = self.notice.take() {
            page += &format!("<p role=alert>{}</p>", escaped(&notice));
        }
        if self.pending.is_some() {
            page += "<form method=post action=/code><input name=code \
                     autocomplete=one-time-code><button>Go on</button></form>";
            return Ok(page);
        }
        let session = match self.auth.session().await {
            Ok(session) => session,
            Err(Error::SignedOut | Error::SessionExpired) => {
                page += "<form method=post action=/sign-in><input name=username \
                         autocomplete=username>\
                         <input name=password type=password \
                         autocomplete=current-password><button>Sign in</button></form>";
                return Ok(page);
            }
            Err(error) => return Err(error),
        };
        page += &format!("<h1>{}</h1>", escaped(&session.username));
        if let Ok(CurrentDevice::Tracked { .. }) = self.auth.fetch_current_device().await {
            page +=
                "<form method=post action=/remember><button>Remember this browser</button></form>";
        }
        for device in self.auth.fetch_devices().await? {
            let name = device.name.as_deref().unwrap_or(&device.key);
            let this_one = if device.is_current { " (this one)" } else { "" };
            // Writing to a string cannot fail.
            let _ = write!(
                page,
                "<form method=post action=/forget>{}{this_one} <button name=key \
                 value=\"{}\">Forget</button></form>",
                escaped(name),
                escaped(&device.key),
            );
        }
        page += "<form method=post action=/sign-out><button>Sign out</button></form>";
        Ok(page)
    }
}

#[derive(Deserialize)]
struct SignInForm {
    username: String,
    password: Sensitive<String>,
}

#[derive(Deserialize)]
struct CodeForm {
    code: String,
}

#[derive(Deserialize)]
struct DeviceForm {
    key: String,
}

async fn show(mut visitor: Visitor) -> Result<Response, Failure> {
    let page = visitor.browser.page().await?;
    Ok(visitor.answer(Html(page)))
}

async fn sign_in(mut visitor: Visitor, Form(form): Form<SignInForm>) -> Response {
    let result = visitor.browser.sign_in(form).await;
    visitor.done(result)
}

async fn code(mut visitor: Visitor, Form(form): Form<CodeForm>) -> Response {
    let result = visitor.browser.answer(&form.code).await;
    visitor.done(result)
}

async fn remember(visitor: Visitor) -> Response {
    let result = visitor.browser.auth.remember_device().await;
    visitor.done(result)
}

async fn forget(visitor: Visitor, Form(form): Form<DeviceForm>) -> Response {
    let result = visitor.browser.forget(&form.key).await;
    visitor.done(result)
}

async fn sign_out(visitor: Visitor) -> Response {
    let result = visitor.browser.auth.sign_out().await;
    visitor.done(result)
}

/// An error while making a page. The browser is not told its text.
struct Failure(Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        eprintln!("{}", self.0);
        (axum::http::StatusCode::BAD_GATEWAY, "try again later").into_response()
    }
}

/// Escapes a text for HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
