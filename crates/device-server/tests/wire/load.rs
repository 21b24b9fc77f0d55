//! One caller must not stop the others: hooks, bodies, members, a full disk, a full house.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use device_pool::store::{Change, Key, Record, Store, StoreError, Table};
use device_pool::{HookError, Hooks};
use device_server::{
    ACCESS_KEYS_PATH, ADMINISTRATION_PATH, Administrator, Administrators, LIST_ACCESS_KEYS_TARGET,
    Limits, MessageObserver, PoolRates, Role, Service, ServiceBuilder, app,
};
use device_store::MemoryStore;
use device_test::{FakeClock, PASSWORD, TestSigningKeys, config, service, service_in};
use device_wire::enums::DeliveryMediumType;
use device_wire::requests::AdminCreateUserRequest;
use device_wire::shapes::AttributeType;
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use crate::{Answer, ok, request, router, send};

fn limited(change: impl FnOnce(&mut Limits)) -> impl FnOnce(ServiceBuilder) -> ServiceBuilder {
    let mut limits = Limits::default();
    change(&mut limits);
    |service| service.limits(limits)
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

fn code(answer: &Answer) -> String {
    answer.json()["__type"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_full_server_says_so() {
    let full = || router(limited(|limits| limits.max_in_flight = 0));
    // A body is not even parsed without a permit.
    for body in [r#"{"AccessToken":"x"}"#, "{"] {
        let answer = send(full(), request("GetUser", body)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(
            answer.json(),
            json!({ "__type": "TooManyRequestsException", "message": "Too many requests" })
        );
    }
    // Nor do strangers occupy threads with the calls that the service does not have.
    for (path, target) in [
        (ACCESS_KEYS_PATH, LIST_ACCESS_KEYS_TARGET),
        (ADMINISTRATION_PATH, "DeviceAdministration.TryPolicy"),
    ] {
        let request = Request::post(path).header("x-amz-target", target).body(Body::from("{}"));
        assert_eq!(code(&send(full(), request.unwrap()).await), "TooManyRequestsException");
    }
    // Health and the keys of tokens do not wait behind the calls.
    assert_eq!(send(full(), get("/health")).await.status, StatusCode::OK);
    let jwks = send(full(), get("/us-east-1_none/.well-known/jwks.json")).await;
    assert_eq!(jwks.status, StatusCode::NOT_FOUND, "the store was asked");
}

#[tokio::test]
async fn a_list_or_map_has_at_most_1000_members() {
    let entries: serde_json::Map<_, _> =
        (0..1001).map(|n| (format!("{n}!"), Value::from("x"))).collect();
    let names = vec!["not an attribute!"; 1001];
    for (operation, place, body) in [
        ("InitiateAuth", "clientMetadata", json!({ "ClientMetadata": entries })),
        ("AdminDeleteUserAttributes", "userAttributeNames", json!({ "UserAttributeNames": names })),
    ] {
        let answer = send(router(|service| service), request(operation, body.to_string())).await;
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        let expected = format!(
            "at '{place}' failed to satisfy constraint: Member must have length \
                                less than or equal to 1000"
        );
        assert!(message.contains(&expected), "{message}");
        assert!(!message.contains("x!"), "{message}");
    }
}

/// A body of spaces that does not end before `end` does.
struct Unfinished {
    bytes: Option<Bytes>,
    /// Told once the bytes were taken.
    taken: Option<oneshot::Sender<()>>,
    end: oneshot::Receiver<()>,
}

impl HttpBody for Unfinished {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.bytes.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None => {
                self.taken.take().map(|taken| taken.send(()));
                Pin::new(&mut self.end).poll(cx).map(|_| None)
            }
        }
    }
}

#[tokio::test]
async fn large_bodies_of_one_address_block_no_other() {
    let from = |address: &str, body: Body| {
        let mut request = request("GetUser", body);
        let peer: SocketAddr = format!("{address}:4711").parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    };
    let (small, large) = ("{}", format!("{{\"AccessToken\":\"{}\"}}", "x".repeat(40 * 1024)));
    // A quarter of this, 32 KiB, is one address's share.
    let router = router(limited(|limits| limits.max_body_bytes = 128 * 1024));
    let ((ends, end), (taken, held)) = (oneshot::channel(), oneshot::channel());
    let bytes = Some(vec![b' '; 30 * 1024].into());
    let half = Body::new(Unfinished { bytes, taken: Some(taken), end });
    let waiting = tokio::spawn(send(router.clone(), from("203.0.113.1", half)));
    let answer = async |address: &str, body: &str| {
        code(&send(router.clone(), from(address, body.to_owned().into())).await)
    };
    held.await.unwrap();
    assert_eq!(answer("203.0.113.1", &large).await, "TooManyRequestsException");
    assert_eq!(answer("203.0.113.1", small).await, "InvalidParameterException");
    assert_eq!(answer("203.0.113.2", &large).await, "NotAuthorizedException");
    drop(ends);
    assert_eq!(code(&waiting.await.unwrap()), "SerializationException", "only spaces");
    assert_eq!(answer("203.0.113.1", &large).await, "NotAuthorizedException", "free again");
}

#[tokio::test]
async fn an_address_guesses_under_all_names_together() {
    let clock = FakeClock::new();
    let service = limited(|limits| limits.max_guesses_per_address = 3)(service(&clock));
    let router = app(service.build());
    let made = ok(&router, "CreateUserPool", json!({"PoolName": "people"})).await;
    let flows = ["ALLOW_USER_PASSWORD_AUTH"];
    let client = json!({"UserPoolId": made["UserPool"]["Id"], "ClientName": "app",
        "ExplicitAuthFlows": flows});
    let client = ok(&router, "CreateUserPoolClient", client).await;
    let client = &client["UserPoolClient"]["ClientId"];
    let guess = async |address: &str, name: &str| {
        let body = json!({"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": {"USERNAME": name, "PASSWORD": "Password-1"}});
        let mut request = request("InitiateAuth", body.to_string());
        let peer: SocketAddr = format!("{address}:4711").parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        code(&send(router.clone(), request).await)
    };
    for name in ["ada", "bob", "cyd"] {
        assert_eq!(guess("203.0.113.1", name).await, "UserNotFoundException");
    }
    assert_eq!(guess("203.0.113.1", "dan").await, "TooManyRequestsException");
    assert_eq!(guess("203.0.113.2", "dan").await, "UserNotFoundException");
    clock.advance(Duration::from_secs(6));
    assert_eq!(guess("203.0.113.1", "dan").await, "UserNotFoundException");
    assert_eq!(guess("203.0.113.1", "eve").await, "TooManyRequestsException");
}

/// A server of a pool that a developer set up, whose pools have one failure a second.
struct Flooded {
    router: Router,
    clock: FakeClock,
    client: Value,
}

impl Flooded {
    async fn new() -> Self {
        let (clock, store) = (FakeClock::new(), Arc::new(MemoryStore::new()));
        let service = || {
            let (config, keys) = (config("http://pool.test"), Arc::new(TestSigningKeys::default()));
            service_in(Arc::clone(&store) as Arc<dyn Store>, config, keys, &clock)
        };
        let dev = app(service().build());
        let made = ok(&dev, "CreateUserPool", json!({"PoolName": "people"})).await;
        let pool = &made["UserPool"]["Id"];
        let client = json!({"UserPoolId": pool, "ClientName": "app",
            "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]});
        let client = ok(&dev, "CreateUserPoolClient", client).await;
        let client = client["UserPoolClient"]["ClientId"].clone();
        let ada = json!({"UserPoolId": pool, "Username": "ada", "Password": PASSWORD,
            "Permanent": true});
        let new = json!({"UserPoolId": pool, "Username": "ada"});
        ok(&dev, "AdminCreateUser", new).await;
        ok(&dev, "AdminSetUserPassword", ada).await;
        let rates = PoolRates { sign_ups: 1, code_requests: 1, failures: 1 };
        let limited = limited(|limits| limits.pool_rates = rates);
        let open = limited(service().administrators(Administrators::Nobody));
        Self { router: app(open.build()), clock, client }
    }

    async fn ask(&self, operation: &str, mut body: Value, address: &str) -> String {
        body["ClientId"] = self.client.clone();
        let mut request = request(operation, body.to_string());
        let peer: SocketAddr = format!("{address}:4711").parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        code(&send(self.router.clone(), request).await)
    }

    async fn sign_in(&self, name: &str, password: &str, address: &str) -> String {
        let parameters = json!({"USERNAME": name, "PASSWORD": password});
        let body = json!({"AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": parameters});
        self.ask("InitiateAuth", body, address).await
    }
}

#[tokio::test]
async fn a_pool_bears_so_many_failures_from_everywhere() {
    let pool = Flooded::new().await;
    assert_eq!(pool.sign_in("ada", PASSWORD, "198.51.100.7").await, "");
    for n in 0..10 {
        let wrong = pool.sign_in(&format!("user-{n}"), "Wrong-1", &format!("203.0.113.{n}")).await;
        assert_eq!(wrong, "UserNotFoundException");
    }
    assert_eq!(pool.sign_in("bob", "Wrong-1", "192.0.2.1").await, "TooManyRequestsException");
    assert_eq!(pool.sign_in("ada", PASSWORD, "192.0.2.1").await, "TooManyRequestsException");
    assert_eq!(pool.sign_in("ada", PASSWORD, "198.51.100.7").await, "", "signed in lately");
    pool.clock.advance(Duration::from_secs(1));
    assert_eq!(pool.sign_in("ada", PASSWORD, "192.0.2.1").await, "");
}

#[tokio::test]
async fn refreshes_neither_count_nor_wait_at_their_pool() {
    let pool = Flooded::new().await;
    let refresh = async |address: String| {
        let parameters = json!({"REFRESH_TOKEN": "made-up"});
        let body = json!({"AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": parameters});
        pool.ask("InitiateAuth", body, &address).await
    };
    for n in 0..40 {
        assert_eq!(refresh(format!("203.0.113.{n}")).await, "NotAuthorizedException");
    }
    for n in 0..10 {
        let wrong = pool.sign_in(&format!("user-{n}"), "Wrong-1", "198.51.100.7").await;
        assert_eq!(wrong, "UserNotFoundException", "{n}");
    }
    assert_eq!(pool.sign_in("ada", PASSWORD, "192.0.2.1").await, "TooManyRequestsException");
    assert_eq!(refresh("192.0.2.1".to_owned()).await, "NotAuthorizedException");
}

#[tokio::test]
async fn a_pool_takes_so_many_sign_ups_and_code_requests() {
    let pool = Flooded::new().await;
    assert_eq!(pool.sign_in("ada", PASSWORD, "198.51.100.7").await, "");
    for (operation, mut body) in
        [("SignUp", json!({"Password": PASSWORD})), ("ForgotPassword", json!({}))]
    {
        let mut last = String::new();
        for n in 0..11 {
            body["Username"] = json!(format!("user-{n}"));
            last = pool.ask(operation, body.clone(), &format!("203.0.113.{n}")).await;
            assert_eq!(last == "TooManyRequestsException", n == 10, "{operation} {n}: {last}");
        }
        assert_eq!(last, "TooManyRequestsException");
    }
    assert_eq!(pool.sign_in("ada", PASSWORD, "203.0.113.1").await, "", "no sign-up");
    let ada = json!({"Username": "ada"});
    let code = pool.ask("ForgotPassword", ada, "198.51.100.7").await;
    assert_ne!(code, "TooManyRequestsException", "signed in lately");
}

/// A hook that answers when it is told to.
struct SlowHook {
    asked: Sender<()>,
    told: Mutex<Receiver<()>>,
}

impl Hooks for SlowHook {
    fn call(&self, _: Option<&str>, _: &Value) -> Result<Value, HookError> {
        self.asked.send(()).unwrap();
        let _ = self.told.lock().unwrap().recv();
        Ok(json!({ "response": { "failAuthentication": true } }))
    }
}

/// The id of a new pool, and the body that begins a custom sign-in of its user.
async fn custom_sign_in(router: &Router) -> (String, String) {
    let pool = ok(router, "CreateUserPool", json!({ "PoolName": "p" })).await;
    let pool = pool["UserPool"]["Id"].as_str().unwrap().to_owned();
    let client = json!({
        "UserPoolId": pool, "ClientName": "c", "ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH"],
    });
    let client = ok(router, "CreateUserPoolClient", client).await;
    ok(router, "AdminCreateUser", json!({ "UserPoolId": pool, "Username": "ada" })).await;
    let start = json!({
        "AuthFlow": "CUSTOM_AUTH", "ClientId": client["UserPoolClient"]["ClientId"],
        "AuthParameters": { "USERNAME": "ada" },
    });
    (pool, start.to_string())
}

#[tokio::test]
async fn a_slow_hook_delays_no_other_call() {
    let ((asked, hears), (tell, told)) = (channel(), channel());
    let hooks = Arc::new(SlowHook { asked, told: Mutex::new(told) });
    // More calls wait for the hook than may be in flight.
    let limited = limited(|limits| (limits.max_in_flight, limits.max_hooks) = (1, 2));
    let router = app(limited(service(&FakeClock::new()).hooks(hooks)).build());
    let (pool, start) = custom_sign_in(&router).await;
    let (mut hears, mut waiting) = (hears, Vec::new());
    for _ in 0..2 {
        let start = request("InitiateAuth", start.clone());
        waiting.push(tokio::spawn(send(router.clone(), start)));
        let heard = spawn_blocking(move || {
            hears.recv_timeout(Duration::from_secs(20)).expect("the hook is asked");
            hears
        });
        hears = heard.await.unwrap();
    }

    ok(&router, "ListUserPools", json!({ "MaxResults": 1 })).await;
    let jwks = format!("/{pool}/.well-known/jwks.json");
    assert_eq!(send(router.clone(), get(&jwks)).await.status, StatusCode::OK);
    drop(tell);
    for answer in waiting {
        assert_eq!(code(&answer.await.unwrap()), "NotAuthorizedException", "the hook's answer");
    }
    ok(&router, "ListUserPools", json!({ "MaxResults": 1 })).await;
}

#[tokio::test]
async fn one_more_call_for_the_hook_is_refused() {
    let hooks = Arc::new(SlowHook { asked: channel().0, told: Mutex::new(channel().1) });
    let limited = limited(|limits| limits.max_hooks = 0);
    let router = app(limited(service(&FakeClock::new()).hooks(hooks)).build());
    let (_, start) = custom_sign_in(&router).await;
    let answer = send(router, request("InitiateAuth", start)).await;
    assert_eq!(code(&answer), "TooManyRequestsException");
}

/// A service whose calls wait at a hook, and what is sent to users.
struct Slow {
    service: Arc<Service>,
    hears: Receiver<()>,
    tell: Sender<()>,
    sent: Receiver<String>,
}

impl Slow {
    fn new() -> Self {
        let ((asked, hears), (tell, told), (send, sent)) = (channel(), channel(), channel());
        let hooks = Arc::new(SlowHook { asked, told: Mutex::new(told) });
        let observer: Arc<MessageObserver> = Arc::new(move |messages| {
            for message in messages {
                send.send(message.username.as_str().to_owned()).unwrap();
            }
        });
        let limited = limited(|limits| limits.max_guesses_per_address = 1);
        let service = limited(service(&FakeClock::new()).hooks(hooks)).message_observer(observer);
        Self { service: service.build(), hears, tell, sent }
    }

    /// Drops `call` while its hook is asked. Returns the recipient of the message that is sent when
    /// the hook has answered.
    async fn recipient_if_dropped(self, call: impl Future) -> String {
        let Self { hears, tell, sent, .. } = self;
        let heard = spawn_blocking(move || hears.recv_timeout(Duration::from_secs(20)));
        tokio::select! {
            biased;
            heard = heard => heard.unwrap().expect("the hook is asked"),
            _ = call => panic!("the hook has not answered"),
        }
        drop(tell);
        let sent = spawn_blocking(move || sent.recv_timeout(Duration::from_secs(20)));
        sent.await.unwrap().expect("a message is sent")
    }
}

/// A pool that calls a hook before a sign-up, and verifies e-mail addresses.
fn pool_with_a_hook() -> Value {
    json!({
        "PoolName": "p", "AutoVerifiedAttributes": ["email"],
        "LambdaConfig": { "PreSignUp": "arn:aws:lambda:eu-test-1:123456789012:function:f" },
    })
}

#[tokio::test]
async fn a_caller_who_hangs_up_is_sent_the_message() {
    let slow = Slow::new();
    let router = app(Arc::clone(&slow.service));
    let pool = ok(&router, "CreateUserPool", pool_with_a_hook()).await;
    let client = json!({ "UserPoolId": pool["UserPool"]["Id"], "ClientName": "c" });
    let client = ok(&router, "CreateUserPoolClient", client).await;
    let sign_up = |name: &str| {
        let body = json!({
            "ClientId": client["UserPoolClient"]["ClientId"], "Username": name,
            "Password": PASSWORD,
            "UserAttributes": [{ "Name": "email", "Value": "ada@example.com" }],
        });
        let mut request = request("SignUp", body.to_string());
        let peer: SocketAddr = "203.0.113.1:4711".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        send(router.clone(), request)
    };
    let recipient = slow.recipient_if_dropped(sign_up("ada")).await;
    assert_eq!(recipient, "ada");
    // The call counts, too.
    assert_eq!(code(&sign_up("bob").await), "TooManyRequestsException");
}

#[tokio::test]
async fn a_page_that_hangs_up_sends_the_message() {
    let slow = Slow::new();
    let router = app(Arc::clone(&slow.service));
    let pool = ok(&router, "CreateUserPool", pool_with_a_hook()).await;
    let mut create =
        AdminCreateUserRequest::new(pool["UserPool"]["Id"].as_str().unwrap(), "ada".to_owned());
    create.desired_delivery_mediums = Some(vec![DeliveryMediumType::Email]);
    create.user_attributes = Some(vec![AttributeType {
        value: Some("ada@example.com".to_owned().into()),
        ..AttributeType::new("email")
    }]);
    let service = Arc::clone(&slow.service);
    let administrator = Administrator::new("test", Role::Full);
    let call = service.call(&administrator, &create, None);
    let recipient = slow.recipient_if_dropped(call).await;
    assert_eq!(recipient, "ada");
}

/// A store on a disk that is full, or broken.
struct Failing {
    memory: MemoryStore,
    reads: bool,
}

impl Failing {
    fn router(reads: bool) -> Router {
        let store = Arc::new(Self { memory: MemoryStore::new(), reads });
        let keys = Arc::new(TestSigningKeys::default());
        app(service_in(store, config("http://pool.test"), keys, &FakeClock::new()).build())
    }

    fn read<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if self.reads { result } else { Err(StoreError::Failed("broken".to_owned())) }
    }
}

impl Store for Failing {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.read(self.memory.get(key))
    }

    fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Record)>, StoreError> {
        self.read(self.memory.scan(table, prefix, after, limit))
    }

    fn apply(&self, _: Change) -> Result<(), StoreError> {
        Err(StoreError::Failed("the disk is full".to_owned()))
    }

    fn purge(&self, now: i64) -> Result<usize, StoreError> {
        self.memory.purge(now)
    }
}

/// A store whose reads each wait for one more.
struct Meeting {
    memory: MemoryStore,
    two: Barrier,
}

impl Store for Meeting {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.two.wait();
        self.memory.get(key)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Record)>, StoreError> {
        self.memory.scan(table, prefix, after, limit)
    }

    fn apply(&self, change: Change) -> Result<(), StoreError> {
        self.memory.apply(change)
    }

    fn purge(&self, now: i64) -> Result<usize, StoreError> {
        self.memory.purge(now)
    }
}

#[tokio::test]
async fn a_slow_store_delays_no_other_call() {
    let store = Arc::new(Meeting { memory: MemoryStore::new(), two: Barrier::new(2) });
    let keys = Arc::new(TestSigningKeys::default());
    let service = service_in(store, config("http://pool.test"), keys, &FakeClock::new());
    let router = app(limited(|limits| limits.max_computing = 1)(service).build());
    let body = json!({ "UserPoolId": "us-east-1_none" }).to_string();
    let describe = || send(router.clone(), request("DescribeUserPool", body.clone()));
    let (one, other) = tokio::join!(describe(), describe());
    assert_eq!([code(&one), code(&other)], ["ResourceNotFoundException"; 2]);
}

#[tokio::test]
async fn health_fails_if_the_store_cannot_write() {
    for (reads, status, store) in
        [(true, "degraded", "not writable"), (false, "unavailable", "failing")]
    {
        let health = send(Failing::router(reads), get("/health")).await;
        assert_eq!(health.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            (&health.json()["status"], &health.json()["store"]),
            (&json!(status), &json!(store))
        );
    }
}

#[tokio::test]
async fn keys_that_cannot_be_read_are_a_503_and_never_a_400() {
    for name in ["jwks.json", "openid-configuration"] {
        let path = format!("/us-east-1_p/.well-known/{name}");
        let answer = send(Failing::router(false), get(&path)).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}
