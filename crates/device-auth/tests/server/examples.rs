//! The examples, used as a person would.

use std::io::Cursor;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use axum::http::{Method, Request, StatusCode};
use device_auth::device_http::Client;
use device_testkit::PASSWORD;
use tower::ServiceExt as _;

use super::terminal::{Terminal, run};
use super::web::{Backend, app};
use super::*;

/// Types these lines; gives what was shown.
async fn typed(auth: &device_auth::DeviceAuth, lines: &[&str]) -> String {
    let mut terminal = Terminal { input: Cursor::new(lines.join("\n") + "\n"), output: Vec::new() };
    run(auth, &mut terminal).await.unwrap();
    String::from_utf8(terminal.output).unwrap()
}

#[tokio::test]
async fn the_terminal_app_asks_remembers_and_lists() {
    let world = World::new(Devices::OptIn, Mfa::Totp);
    let start = async || {
        let builder = world.builder("laptop").session_store(world.store("laptop"));
        builder.build_restored().await.unwrap()
    };
    let shown = typed(&start().await, &[USER, PASSWORD, "000000", &world.code(), "y", "quit"]).await;
    for text in ["authenticator app", "Remember this device?", "is remembered", "laptop (this one)"] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    let shown = typed(&start().await, &["sign out"]).await;
    assert!(shown.starts_with("Signed in as ada."), "{shown}");
    let shown = typed(&start().await, &[USER, PASSWORD, "forget", "remember", "quit"]).await;
    assert!(!shown.contains("authenticator") && shown.contains("not known"), "{shown}");
    assert!(shown.contains("this device is not tracked"), "{shown}");
}

/// A browser at the web backend.
struct Browser {
    app: Router,
    cookie: Option<String>,
}

impl Browser {
    async fn request(&mut self, method: Method, path: &str, form: &str) -> (StatusCode, String) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let request = request.body(Body::from(form.to_owned())).unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
        self.cookie = cookie.split(';').next().map(str::to_owned);
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// Sends a form; gives the page that follows.
    async fn post(&mut self, path: &str, form: &str) -> String {
        assert_eq!(self.request(Method::POST, path, form).await.0, StatusCode::SEE_OTHER);
        self.request(Method::GET, "/", "").await.1
    }

    async fn sign_in(&mut self) -> String {
        self.post("/sign-in", &format!("username={USER}&password={PASSWORD}")).await
    }
}

#[tokio::test]
async fn the_web_backend_keeps_the_devices_of_each_browser() {
    let world = World::new(Devices::OptIn, Mfa::Totp);
    let directory = tempfile::TempDir::new().unwrap();
    let start = || {
        let http = Client::builder().endpoint_url(world.server.url()).build().unwrap();
        app(Backend::new(world.pool.clone(), world.client.clone(), http, directory.path()))
    };
    let mut mine = Browser { app: start(), cookie: None };
    assert!(mine.request(Method::GET, "/", "").await.1.contains("Sign in"));
    assert!(mine.sign_in().await.contains("one-time-code"));
    assert!(mine.post("/code", "code=000000").await.contains("role=alert"));
    let page = mine.post("/code", &format!("code={}", world.code())).await;
    assert!(page.contains("<h1>ada</h1>") && page.contains("Remember this browser"), "{page}");
    let page = mine.post("/remember", "").await;
    assert!(page.contains("Browser (this one)") && !page.contains("Remember this"), "{page}");

    // Another browser is another device, and a made-up cookie is none.
    let mut other = Browser { app: mine.app.clone(), cookie: Some(format!("browser={:032x}", 1)) };
    assert!(other.sign_in().await.contains("one-time-code"));
    assert_ne!(other.cookie, mine.cookie);
    assert_ne!(other.cookie.as_deref(), Some("browser=00000000000000000000000000000001"));

    // The backend starts anew: the browser is signed in still, and remembered after it signs out.
    let mut mine = Browser { app: start(), cookie: mine.cookie };
    assert!(mine.request(Method::GET, "/", "").await.1.contains("<h1>ada</h1>"));
    assert!(mine.post("/sign-out", "").await.contains("Sign in"));
    let page = mine.sign_in().await;
    assert!(page.contains("Browser (this one)"), "no code was asked for: {page}");
    let key = page.split("value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    mine.post("/forget", &format!("key={key}")).await;
    mine.post("/sign-out", "").await;
    assert!(mine.sign_in().await.contains("one-time-code"));
}
