//! HTTP requests to the whole server: signatures, proxies, JSON, constraints, filters.
//!
//! No request makes the service fail internally.
#![no_main]

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderName, HeaderValue, Request as HttpRequest, StatusCode};
use device_fuzz_inputs::{Input, Request};
use device_server::{Administrators, TrustedProxies, app};
use device_store::MemoryStore;
use device_test::{FakeClock, PASSWORD, TestSigningKeys, access_key, config, service_in};
use http_body_util::BodyExt as _;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::new());
}

/// After this number of requests the service is replaced, so that its audit trail stays short.
const REQUESTS: u32 = 1000;

/// A pool with two users, behind a service without authentication and one that checks signatures.
struct World {
    runtime: Runtime,
    open: Router,
    signing: Router,
    pool: String,
    client: String,
    token: String,
    requests: u32,
}

impl World {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let store = Arc::new(MemoryStore::new());
        let (keys, clock) = (Arc::new(TestSigningKeys::default()), FakeClock::new());
        let service = |administrators: Option<Administrators>| {
            let proxies = TrustedProxies::new(["10.0.0.0/8", "fd00::/8"]).unwrap();
            let service =
                service_in(store.clone(), config("http://pool.test"), keys.clone(), &clock)
                    .trusted_proxies(proxies);
            match administrators {
                Some(administrators) => service.administrators(administrators),
                None => service,
            }
        };
        let (open, signing) = runtime.block_on(async {
            let signing = service(Some(Administrators::Signing(access_key())));
            (app(service(None).build()), app(signing.build()))
        });
        let [pool, client, token] = [const { String::new() }; 3];
        let mut world = Self { runtime, open, signing, pool, client, token, requests: 0 };
        world.set_up();
        world
    }

    fn set_up(&mut self) {
        let pool = json!({"PoolName": "p", "AliasAttributes": ["email"],
            "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": true,
                "DeviceOnlyRememberedOnUserPrompt": true}});
        let made = self.ok("CreateUserPool", pool);
        self.pool = text(&made["UserPool"]["Id"]);
        let flows = [
            "ALLOW_USER_SRP_AUTH",
            "ALLOW_USER_PASSWORD_AUTH",
            "ALLOW_REFRESH_TOKEN_AUTH",
            "ALLOW_CUSTOM_AUTH",
            "ALLOW_USER_AUTH",
            "ALLOW_ADMIN_USER_PASSWORD_AUTH",
        ];
        let client = json!({"UserPoolId": self.pool, "ClientName": "c",
            "ExplicitAuthFlows": flows});
        let made = self.ok("CreateUserPoolClient", client);
        self.client = text(&made["UserPoolClient"]["ClientId"]);
        for user in ["ada", "bob"] {
            let email = json!([{"Name": "email", "Value": format!("{user}@example.com")}]);
            self.ok(
                "AdminCreateUser",
                json!({"UserPoolId": self.pool, "Username": user,
                "UserAttributes": email}),
            );
            self.ok(
                "AdminSetUserPassword",
                json!({"UserPoolId": self.pool, "Username": user,
                "Password": PASSWORD, "Permanent": true}),
            );
        }
        let signed_in = self.ok(
            "InitiateAuth",
            json!({"AuthFlow": "USER_PASSWORD_AUTH",
            "ClientId": self.client, "AuthParameters": {"USERNAME": "ada", "PASSWORD": PASSWORD}}),
        );
        self.token = text(&signed_in["AuthenticationResult"]["AccessToken"]);
    }

    fn ok(&self, operation: &str, body: Value) -> Value {
        let request = http(operation, body.to_string()).unwrap();
        let (status, answer) = self.call(&self.open, request);
        assert_eq!(status, 200, "{operation}: {}", String::from_utf8_lossy(&answer));
        serde_json::from_slice(&answer).unwrap_or_default()
    }

    fn call(&self, app: &Router, request: HttpRequest<Body>) -> (StatusCode, Vec<u8>) {
        let app = app.clone();
        self.runtime.block_on(async move {
            let response = app.oneshot(request).await.unwrap();
            let status = response.status();
            (status, response.into_body().collect().await.unwrap().to_bytes().to_vec())
        })
    }

    /// Sends a request. `None` if HTTP does not allow it.
    fn send(&self, request: &Request) -> Option<(StatusCode, Vec<u8>)> {
        let body = request.body.replace("POOL", &self.pool).replace("CLIENT", &self.client);
        let mut http = http(&request.operation, body.replace("TOKEN", &self.token))?;
        let mut given = Vec::new();
        for (name, value) in &request.headers {
            let (name, value): (HeaderName, HeaderValue) =
                (name.parse().ok()?, value.parse().ok()?);
            // the first header of a name replaces the usual one, further ones are added
            if given.contains(&name) {
                http.headers_mut().append(name, value);
            } else {
                http.headers_mut().insert(name.clone(), value);
                given.push(name);
            }
        }
        let app = if request.signed { &self.signing } else { &self.open };
        Some(self.call(app, http))
    }
}

/// A request with the usual headers, from behind a proxy.
fn http(operation: &str, body: String) -> Option<HttpRequest<Body>> {
    HttpRequest::post("/")
        .header("host", "localhost")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
        .extension(ConnectInfo::<SocketAddr>(([10, 0, 0, 1], 80).into()))
        .body(Body::from(body))
        .ok()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Whether an operation changes nothing except counters and the audit trail.
fn only_reads(operation: &str) -> bool {
    ["Describe", "Get", "List", "AdminGet", "AdminList"]
        .iter()
        .any(|verb| operation.starts_with(verb))
}

fuzz_target!(|data: &[u8]| {
    let Some(request) = Request::decode(data) else { return };
    WORLD.with_borrow_mut(|world| {
        let Some((status, answer)) = world.send(&request) else { return };
        let answer = String::from_utf8_lossy(&answer);
        assert!(status.as_u16() < 500, "{}: {status} {answer}", request.operation);
        world.requests += 1;
        // the changes of one input must not affect the next
        if world.requests > REQUESTS || status == StatusCode::OK && !only_reads(&request.operation)
        {
            *world = World::new();
        }
    });
});
