//! A browser that keeps cookies and follows no redirects, for the console.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use device_console::routes;
use device_pool::store::{Store, Table};
use device_server::{Administrators, Service, ServiceBuilder, app_with_pages};
use device_store::MemoryStore;
use device_test::{FakeClock, TestSigningKeys, access_key, config, service_in};
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(crate) const KEY_ID: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

pub(crate) const PASSWORD: &str = "Correct-Horse-7";

/// A service with a console, and its clock.
pub(crate) struct Site {
    pub(crate) app: Router,
    pub(crate) service: Arc<Service>,
    pub(crate) clock: FakeClock,
    pub(crate) store: Arc<dyn Store>,
}

impl Site {
    /// A site whose administrators have a key.
    pub(crate) fn with_key() -> Self {
        Self::build(|service| service.administrators(Administrators::Signing(access_key())))
    }

    /// A site in dev mode.
    pub(crate) fn dev() -> Self {
        Self::build(|service| service)
    }

    pub(crate) fn build(change: impl FnOnce(ServiceBuilder) -> ServiceBuilder) -> Self {
        Self::in_store(Arc::new(MemoryStore::new()), change)
    }

    /// A site whose records are in `store`.
    pub(crate) fn in_store(
        store: Arc<dyn Store>,
        change: impl FnOnce(ServiceBuilder) -> ServiceBuilder,
    ) -> Self {
        let clock = FakeClock::new();
        let keys = Arc::new(TestSigningKeys::default());
        let service = service_in(Arc::clone(&store), config("http://pool.test"), keys, &clock);
        let service = change(service).build();
        let app = app_with_pages(Arc::clone(&service), routes(Arc::clone(&service)));
        Self { app, service, clock, store }
    }

    /// The server's own events in the audit trail.
    pub(crate) fn server_events(&self) -> Vec<Value> {
        let found = self.store.scan(Table::AuditEvent, "server/", None, 99).unwrap();
        found.iter().map(|(_, record)| serde_json::from_slice(&record.body).unwrap()).collect()
    }
}

/// The response that a browser shows.
pub(crate) struct Shown {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Shown {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The value of the first hidden field of this name.
    pub(crate) fn field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let at = self.body.find(&start).unwrap_or_else(|| panic!("no {name} in {}", self.body));
        let rest = &self.body[at + start.len()..];
        rest[..rest.find('"').unwrap()].to_owned()
    }

    /// The letters, digits, `-` and `_` behind the first occurrence of `mark`.
    pub(crate) fn after(&self, mark: &str) -> String {
        let at = self.body.find(mark).unwrap_or_else(|| panic!("no {mark} in {}", self.body));
        let rest = self.body[at + mark.len()..].chars();
        rest.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect()
    }

    /// Where the first link with this text leads, if there is one.
    pub(crate) fn link(&self, text: &str) -> Option<String> {
        let at = self.body.find(&format!("\">{text}</a>"))?;
        let start = self.body[..at].rfind("href=\"").unwrap() + 6;
        Some(self.body[start..at].replace("&amp;", "&"))
    }

    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.body);
        self.header("location")
    }
}

/// A browser with its own cookies.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) app: Router,
    pub(crate) cookies: BTreeMap<String, String>,
    /// The headers that every request has.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The address that its requests come from, if any.
    pub(crate) address: Option<IpAddr>,
}

impl Browser {
    pub(crate) fn new(site: &Site) -> Self {
        let headers = vec![("host", "localhost:9229".to_owned())];
        Self { app: site.app.clone(), cookies: BTreeMap::new(), headers, address: None }
    }

    /// A browser that has signed in.
    pub(crate) async fn signed_in(site: &Site) -> Self {
        let mut browser = Self::new(site);
        let shown = browser.sign_in(&[]).await;
        assert_eq!(shown.location(), "/console");
        browser
    }

    /// Fills in the sign-in form, with these further fields.
    pub(crate) async fn sign_in(&mut self, more: &[(&str, &str)]) -> Shown {
        let form = self.get("/console/sign-in").await;
        let token = form.field("csrf");
        let mut fields = vec![("csrf", &*token), ("access_key_id", KEY_ID)];
        fields.push(("secret_access_key", SECRET));
        fields.extend_from_slice(more);
        self.post("/console/sign-in", &fields).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Shown {
        self.send(Method::GET, path, Body::empty()).await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Shown {
        let form = serde_urlencoded::to_string(fields).unwrap();
        self.send(Method::POST, path, Body::from(form)).await
    }

    /// Sends the form of a page, with its token.
    pub(crate) async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Shown {
        let token = self.get(path).await.field("csrf");
        let fields: Vec<_> = [("csrf", &*token)].iter().chain(fields).copied().collect();
        self.post(path, &fields).await
    }

    pub(crate) async fn send(&mut self, method: Method, path: &str, body: Body) -> Shown {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if !self.cookies.is_empty() {
            let cookies: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", cookies.join("; "));
        }
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let mut request = request.body(body).unwrap();
        if let Some(address) = self.address {
            request.extensions_mut().insert(ConnectInfo(SocketAddr::from((address, 50_000))));
        }
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        for cookie in head.headers.get_all("set-cookie") {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let (value, attributes) = rest.split_once(';').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8(bytes.to_vec()).unwrap();
        Shown { status: head.status, headers: head.headers, body }
    }
}

/// Makes an administrator's call without HTTP.
pub(crate) async fn call<R: device_wire::Request>(site: &Site, request: R) -> R::Output {
    let administrator = device_server::Administrator::new("test", device_server::Role::Full);
    site.service.call(&administrator, &request, None).await.unwrap()
}

/// An API request with these members.
pub(crate) fn request<R: serde::de::DeserializeOwned>(members: Value) -> R {
    serde_json::from_value(members).unwrap()
}

/// Creates a pool with MFA and opt-in devices. Returns its id.
pub(crate) async fn make_pool(site: &Site, name: &str) -> String {
    use device_wire::requests::{CreateUserPoolRequest, SetUserPoolMfaConfigRequest};
    let devices =
        json!({ "ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": true });
    let members = json!({ "PoolName": name, "DeviceConfiguration": devices });
    let pool = call(site, request::<CreateUserPoolRequest>(members)).await.user_pool.unwrap();
    let id = pool.id.unwrap();
    let members = json!({ "UserPoolId": id, "MfaConfiguration": "OPTIONAL",
        "SoftwareTokenMfaConfiguration": { "Enabled": true } });
    call(site, request::<SetUserPoolMfaConfigRequest>(members)).await;
    id
}

/// Creates a user with these attributes. Returns the `sub`.
pub(crate) async fn make_user(site: &Site, pool: &str, name: &str, attributes: Value) -> String {
    use device_wire::requests::AdminCreateUserRequest;
    let members = json!({ "UserPoolId": pool, "Username": name, "MessageAction": "SUPPRESS",
        "UserAttributes": attributes });
    let user = call(site, request::<AdminCreateUserRequest>(members)).await.user.unwrap();
    let attributes = user.attributes.unwrap();
    let sub = attributes.into_iter().find(|attribute| attribute.name == "sub").unwrap();
    sub.value.unwrap().into_inner()
}

/// Makes a call of an app, and expects it to succeed.
pub(crate) async fn api(site: &Site, operation: &str, members: Value) -> Value {
    let request = Request::post("/")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
        .body(Body::from(members.to_string()))
        .unwrap();
    let response = site.app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{operation}: {body:?}");
    serde_json::from_slice(&body).unwrap_or_default()
}

/// Creates an app client that allows sign-in with a sent password. Returns its id.
pub(crate) async fn make_client(site: &Site, pool: &str) -> String {
    use device_wire::requests::CreateUserPoolClientRequest;
    let members = json!({ "UserPoolId": pool, "ClientName": "app",
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"] });
    let made = call(site, request::<CreateUserPoolClientRequest>(members)).await;
    made.user_pool_client.unwrap().client_id.unwrap().into_inner()
}

/// Signs a user in and confirms a device of this name; returns its key.
pub(crate) async fn confirm_device(site: &Site, pool: &str, user: &str, name: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use device_wire::requests::AdminSetUserPasswordRequest;
    let client = make_client(site, pool).await;
    let members = json!({ "UserPoolId": pool, "Username": user, "Password": PASSWORD,
        "Permanent": true });
    call(site, request::<AdminSetUserPasswordRequest>(members)).await;
    let members = json!({ "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": client,
        "AuthParameters": { "USERNAME": user, "PASSWORD": PASSWORD } });
    let result = api(site, "InitiateAuth", members).await["AuthenticationResult"].clone();
    let key = result["NewDeviceMetadata"]["DeviceKey"].as_str().unwrap().to_owned();
    let members = json!({ "AccessToken": result["AccessToken"], "DeviceKey": key,
        "DeviceName": name, "DeviceSecretVerifierConfig": {
            "PasswordVerifier": STANDARD.encode([1; 384]), "Salt": STANDARD.encode([1; 16]) } });
    api(site, "ConfirmDevice", members).await;
    key
}
