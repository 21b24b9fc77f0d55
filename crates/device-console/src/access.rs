//! Who may see a page, and whether a form is the console's own.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method, Request, Response};
use axum::middleware::Next;
use axum::response::IntoResponse;
use device_server::Peer;

use crate::console::Console;
use crate::csrf;
use crate::form;
use crate::html::url;
use crate::problem::Problem;
use crate::visit::Visit;

/// Refuses what dev mode does not trust, and forms that other origins send.
pub(crate) async fn own_pages_only(
    State(console): State<Arc<Console>>,
    request: Request<Body>,
    next: Next,
) -> Response<Body> {
    let (method, headers) = (request.method(), request.headers());
    // A form is refused under a foreign name, too, and a browser may send one without an origin.
    let is_foreign = console.service.is_foreign(method, headers)
        || console.service.is_foreign(&Method::GET, headers);
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    if is_foreign || (!is_read && !is_same_origin(headers, console.service.public_base_url())) {
        return Problem::foreign().into_response();
    }
    if is_read {
        return next.run(request).await;
    }
    // Read here, before anything is checked that a stranger does not have: no form may hold a
    // connection for longer than the API lets one.
    let (head, body) = request.into_parts();
    match form::read(body).await {
        Ok(bytes) => next.run(Request::from_parts(head, Body::from(bytes))).await,
        Err(problem) => problem.into_response(),
    }
}

/// Lets only administrators on, and takes only forms that they were shown.
pub(crate) async fn administrators_only(
    State(console): State<Arc<Console>>,
    request: Request<Body>,
    next: Next,
) -> Response<Body> {
    match admit(console, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn admit(console: Arc<Console>, request: Request<Body>) -> Result<Request<Body>, Problem> {
    let session = console.session(request.headers()).await?;
    let Some((session, administrator)) = session else {
        let target = request.uri().path_and_query().map(|target| target.as_str());
        let target = target.filter(|_| request.method() == Method::GET);
        return Err(Problem::See(url::sign_in(target)));
    };
    let source_ip = request.extensions().get::<Peer>().map(|peer| peer.address());
    let token = console.tokens.token(&session.id);
    let visit = Visit { console: Arc::clone(&console), session, administrator, source_ip, token };
    let (mut head, body) = request.into_parts();
    let mut bytes = Bytes::new();
    if !matches!(head.method, Method::GET | Method::HEAD) {
        bytes = form::read(body).await?;
        let token = field(&bytes, csrf::FIELD).unwrap_or_default();
        if !console.tokens.is_token(&visit.session.id, &token) {
            return Err(Problem::stale_form());
        }
        let is_own_session = head.uri.path().starts_with("/console/sessions/")
            || head.uri.path() == "/console/sign-out";
        let changes_nothing = is_own_session || is_trial(head.uri.path(), &bytes);
        if !visit.may_change() && !changes_nothing {
            return Err(Problem::read_only());
        }
    }
    head.extensions.insert(visit);
    Ok(Request::from_parts(head, Body::from(bytes)))
}

/// Whether a form only asks what its device settings would change.
fn is_trial(path: &str, form: &[u8]) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let has_trials = matches!(parts[..], ["", "console", "pools", _, "devices" | "policies"]);
    has_trials && field(form, "try").is_some()
}

/// A field of a form as a browser sends it.
fn field(form: &[u8], name: &str) -> Option<String> {
    let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(form).ok()?;
    fields.into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// Whether a form comes from a page of this origin, as far as the browser tells. Its host is the
/// one that the request names, or that of the public URL where a proxy names another.
fn is_same_origin(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return false;
    }
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    let is_public = public_url == origin || public_url.starts_with(&format!("{origin}/"));
    is_public || (authority.is_some() && authority == text(HOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_told_from_what_changes_something() {
        for (path, form, expected) in [
            ("/console/pools/p/devices", "csrf=x&try=yes", true),
            ("/console/pools/p/policies", "try=", true),
            ("/console/pools/p/devices", "csrf=x", false),
            ("/console/pools/p/devices/x", "try=yes", false),
            ("/console/pools/p/sign-in", "try=yes", false),
            ("/console/pools/p/q/devices", "try=yes", false),
        ] {
            assert_eq!(is_trial(path, form.as_bytes()), expected, "{path} {form}");
        }
    }

    #[test]
    fn a_form_of_another_origin_is_told() {
        for (host, origin, site, expected) in [
            ("localhost:9229", Some("http://localhost:9229"), None, true),
            ("localhost:9229", Some("http://localhost:9229"), Some("same-origin"), true),
            ("localhost:9229", None, Some("same-origin"), true),
            ("localhost:9229", None, None, true),
            ("proxied:80", Some("https://auth.example.com"), None, true),
            ("localhost:9229", Some("http://localhost:5173"), None, false),
            ("localhost:9229", Some("http://localhost:9229"), Some("same-site"), false),
            ("localhost:9229", None, Some("cross-site"), false),
            ("localhost:9229", Some("null"), None, false),
            ("localhost:9229", Some(""), None, false),
            ("proxied:80", Some("https://auth.example.co"), None, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(ORIGIN, origin.parse().unwrap());
            }
            if let Some(site) = site {
                headers.insert("sec-fetch-site", site.parse().unwrap());
            }
            let found = is_same_origin(&headers, "https://auth.example.com");
            assert_eq!(found, expected, "{host} {origin:?} {site:?}");
        }
    }
}
