//! Access keys that are added and revoked while the server runs.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use device_pool::store::{Change, Key, Store, Table, Write};
use device_server::{
    ACCESS_KEYS_PATH, ADD_ACCESS_KEY_TARGET, ADMINISTRATION_PATH, AccessKey, Administrators,
    LIST_ACCESS_KEYS_TARGET, REVOKE_ACCESS_KEY_TARGET, app,
};
use device_store::MemoryStore;
use device_test::{FakeClock, TestSigningKeys, access_key, config, service_in};
use device_wire::{Auth, Operation};
use serde_json::{Value, json};

use crate::{Answer, send};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// An access key: id and secret.
#[derive(Clone)]
struct Signer(String, String);

struct Site {
    app: Router,
    store: Arc<MemoryStore>,
    clock: FakeClock,
}

impl Site {
    fn new() -> Self {
        Self::over(Arc::new(MemoryStore::new()), access_key())
    }

    fn over(store: Arc<MemoryStore>, own: AccessKey) -> Self {
        let clock = FakeClock::new();
        let config = config("http://pool.test");
        let service =
            service_in(store.clone(), config, Arc::new(TestSigningKeys::default()), &clock)
                .allow_unrun_triggers()
                .administrators(Administrators::Signing(own));
        Self { app: app(service.build()), store, clock }
    }

    fn own(&self) -> Signer {
        Signer("AKIDEXAMPLE".to_owned(), SECRET.to_owned())
    }

    async fn signed(&self, signer: &Signer, path: &str, target: &str, members: Value) -> Answer {
        let body = members.to_string();
        let uri = format!("http://pool.test:9229{path}");
        let mut request = Request::post(&uri)
            .header("host", "pool.test:9229")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(body.clone())
            .unwrap();
        let identity = Credentials::new(&*signer.0, &*signer.1, None, None, "test").into();
        let now = u64::try_from(self.clock.now()).unwrap();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("cognito-idp")
            .time(UNIX_EPOCH + Duration::from_millis(now))
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let headers: Vec<_> = request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        let body = SignableBody::Bytes(body.as_bytes());
        let signable = SignableRequest::new("POST", &uri, headers.into_iter(), body).unwrap();
        let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
        instructions.apply_to_request_http1x(&mut request);
        send(self.app.clone(), request.map(Body::from)).await
    }

    /// An operation's answer, or the code of its refusal.
    async fn call(
        &self,
        signer: &Signer,
        operation: &str,
        members: Value,
    ) -> Result<Value, String> {
        let target = format!("AWSCognitoIdentityProviderService.{operation}");
        told(&self.signed(signer, "/", &target, members).await)
    }

    async fn about_keys(
        &self,
        signer: &Signer,
        target: &str,
        members: Value,
    ) -> Result<Value, String> {
        told(&self.signed(signer, ACCESS_KEYS_PATH, target, members).await)
    }

    async fn add(&self, members: Value) -> Signer {
        let added = self.about_keys(&self.own(), ADD_ACCESS_KEY_TARGET, members).await.unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Signer(text(&added["key"]["id"]), text(&added["secret"]))
    }

    async fn revoke(&self, name: &str) {
        let members = json!({ "name": name });
        self.about_keys(&self.own(), REVOKE_ACCESS_KEY_TARGET, members).await.unwrap();
    }

    async fn pool(&self, name: &str) -> String {
        let made = self.call(&self.own(), "CreateUserPool", json!({ "PoolName": name })).await;
        made.unwrap()["UserPool"]["Id"].as_str().unwrap().to_owned()
    }

    /// Operation and actor of the server's own events, the oldest first.
    fn events(&self, prefix: &str) -> Vec<(String, Value)> {
        let found = self.store.scan(Table::AuditEvent, prefix, None, 99).unwrap();
        let events = found.iter().map(|(_, record)| {
            let event: Value = serde_json::from_slice(&record.body).unwrap();
            (event["operation"].as_str().unwrap().to_owned(), event["actor"].clone())
        });
        events.rev().collect()
    }
}

fn told(answer: &Answer) -> Result<Value, String> {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    match answer.status.as_u16() {
        200 => Ok(body),
        _ => Err(format!("{} {}", body["__type"].as_str().unwrap(), body["message"])),
    }
}

fn is_refused(answer: &Result<Value, String>, code: &str) -> bool {
    answer.as_ref().is_err_and(|error| error.starts_with(code))
}

#[tokio::test]
async fn a_key_signs_from_its_addition_to_its_revocation() {
    let site = Site::new();
    let pool = site.pool("p").await;
    site.clock.advance(Duration::from_secs(1));
    let ada = site.add(json!({ "name": "ada@example.com", "role": "full" })).await;
    let group = json!({ "UserPoolId": pool, "GroupName": "g" });
    site.call(&ada, "CreateGroup", group.clone()).await.unwrap();
    let wrong = Signer(ada.0.clone(), "another secret of sixteen".to_owned());
    let answer = site.call(&wrong, "ListUserPools", json!({ "MaxResults": 9 })).await;
    assert!(is_refused(&answer, "InvalidSignatureException"), "{answer:?}");

    site.clock.advance(Duration::from_secs(1));
    site.revoke("ada@example.com").await;
    let answer = site.call(&ada, "DeleteGroup", group).await;
    assert!(is_refused(&answer, "UnrecognizedClientException"), "{answer:?}");

    let own = json!({ "administrator": "AKIDEXAMPLE" });
    let named = json!({ "administrator": format!("ada@example.com ({})", ada.0) });
    let expected = [("AddAccessKey".to_owned(), own.clone()), ("RevokeAccessKey".to_owned(), own)];
    assert_eq!(site.events("server/"), expected);
    assert!(site.events("pool/").contains(&("CreateGroup".to_owned(), named)));
}

#[tokio::test]
async fn a_read_only_key_changes_nothing() {
    let site = Site::new();
    let pool = site.pool("p").await;
    let key = site.add(json!({ "name": "look", "role": "read-only" })).await;
    let described = site.call(&key, "DescribeUserPool", json!({ "UserPoolId": pool })).await;
    assert_eq!(described.unwrap()["UserPool"]["Name"], "p");
    let reads = ["AdminGet", "AdminList", "Describe", "Get", "List"];
    for operation in Operation::ALL {
        let name = operation.name();
        if operation.auth() != Auth::SigV4 || reads.iter().any(|verb| name.starts_with(verb)) {
            continue;
        }
        let answer = site.call(&key, name, json!({})).await;
        assert!(is_refused(&answer, "AccessDeniedException"), "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn a_key_for_some_pools_reaches_no_other() {
    let site = Site::new();
    let (own, other) = (site.pool("own").await, site.pool("other").await);
    let key = site.add(json!({ "name": "own", "role": "full", "pools": [own] })).await;
    let arn = |pool: &str| format!("arn:aws:cognito-idp:us-east-1:123456789012:userpool/{pool}");
    let calls = [
        ("CreateGroup", json!({ "UserPoolId": own, "GroupName": "g" })),
        ("DescribeUserPool", json!({ "UserPoolId": own })),
        ("ListTagsForResource", json!({ "ResourceArn": arn(&own) })),
    ];
    for (operation, members) in calls {
        site.call(&key, operation, members.clone()).await.unwrap();
        let foreign = members.to_string().replace(&own, &other);
        let foreign = serde_json::from_str(&foreign).unwrap();
        let answer = site.call(&key, operation, foreign).await;
        assert!(is_refused(&answer, "AccessDeniedException"), "{operation}: {answer:?}");
    }
    let answer = site.call(&key, "CreateUserPool", json!({ "PoolName": "p" })).await;
    assert!(is_refused(&answer, "AccessDeniedException"), "{answer:?}");
}

#[tokio::test]
async fn a_key_for_some_pools_learns_no_other_id() {
    let site = Site::new();
    let mut pools = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        pools.push(site.pool(name).await);
    }
    pools.sort();
    let own = vec![pools[1].clone(), pools[3].clone()];
    let key = site.add(json!({ "name": "own", "role": "full", "pools": own })).await;
    let mut members = json!({ "MaxResults": 1 });
    let mut listed = Vec::new();
    loop {
        let page = site.call(&key, "ListUserPools", members.clone()).await.unwrap();
        let page_pools = page["UserPools"].as_array().unwrap();
        listed.extend(page_pools.iter().map(|pool| pool["Id"].as_str().unwrap().to_owned()));
        let Some(token) = page["NextToken"].as_str() else { break };
        let content = String::from_utf8(URL_SAFE_NO_PAD.decode(token).unwrap()).unwrap();
        let is_foreign = |pool: &&String| !own.contains(pool) && content.contains(&***pool);
        assert_eq!(pools.iter().find(is_foreign), None, "{content}");
        members["NextToken"] = page["NextToken"].clone();
    }
    assert_eq!(listed, own);
}

#[tokio::test]
async fn a_key_sees_the_domains_of_its_own_pools() {
    let site = Site::new();
    let (own, other) = (site.pool("own").await, site.pool("other").await);
    for (pool, domain) in [(&own, "mine"), (&other, "theirs")] {
        let members = json!({ "UserPoolId": pool, "Domain": domain });
        site.call(&site.own(), "CreateUserPoolDomain", members).await.unwrap();
    }
    let key = site.add(json!({ "name": "own", "role": "read-only", "pools": [own] })).await;
    for (domain, expected) in [("mine", json!(own)), ("theirs", Value::Null)] {
        let members = json!({ "Domain": domain });
        let told = site.call(&key, "DescribeUserPoolDomain", members).await.unwrap();
        assert_eq!(told["DomainDescription"]["UserPoolId"], expected, "{domain}");
    }
    let told = site.call(&key, "DescribeUserPoolDomain", json!({ "Domain": "none" })).await;
    let foreign = site.call(&key, "DescribeUserPoolDomain", json!({ "Domain": "theirs" })).await;
    assert_eq!(told, foreign);
}

#[tokio::test]
async fn a_key_for_some_pools_adds_no_function() {
    let site = Site::new();
    let own = site.pool("own").await;
    let key = site.add(json!({ "name": "own", "role": "full", "pools": [own] })).await;
    let config = |name: &str| {
        let arn = format!("arn:aws:lambda:us-east-1:123456789012:function:{name}");
        let sender = json!({ "LambdaVersion": "V1_0", "LambdaArn": arn });
        json!({ "PreSignUp": arn, "CustomEmailSender": sender })
    };
    let update = |name| json!({ "UserPoolId": own, "LambdaConfig": config(name) });
    let answer = site.call(&key, "UpdateUserPool", update("known")).await;
    assert!(is_refused(&answer, "AccessDeniedException"), "{answer:?}");
    site.call(&site.own(), "UpdateUserPool", update("known")).await.unwrap();
    let answer = site.call(&key, "UpdateUserPool", update("other")).await;
    assert!(is_refused(&answer, "AccessDeniedException"), "{answer:?}");
    for kept in [update("known"), json!({ "UserPoolId": own, "LambdaConfig": {} })] {
        site.call(&key, "UpdateUserPool", kept).await.unwrap();
    }
}

#[tokio::test]
async fn a_key_ends_with_its_days() {
    let site = Site::new();
    let key = site.add(json!({ "name": "week", "role": "full", "days": 7 })).await;
    let list = json!({ "MaxResults": 9 });
    site.clock.advance(Duration::from_secs(7 * 24 * 60 * 60 - 1));
    site.call(&key, "ListUserPools", list.clone()).await.unwrap();
    site.clock.advance(Duration::from_secs(1));
    let answer = site.call(&key, "ListUserPools", list).await;
    assert!(is_refused(&answer, "UnrecognizedClientException"), "{answer:?}");
    let keys = site.about_keys(&site.own(), LIST_ACCESS_KEYS_TARGET, json!({})).await.unwrap();
    assert_eq!(keys, json!({ "keys": [], "void": [] }));
    // Its name is free again.
    site.add(json!({ "name": "week", "role": "full" })).await;
}

#[tokio::test]
async fn only_the_servers_own_key_adds_and_lists_keys() {
    let site = Site::new();
    let key = site.add(json!({ "name": "full", "role": "full" })).await;
    for target in [ADD_ACCESS_KEY_TARGET, LIST_ACCESS_KEYS_TARGET, REVOKE_ACCESS_KEY_TARGET] {
        let answer = site.about_keys(&key, target, json!({ "name": "full" })).await;
        assert!(is_refused(&answer, "AccessDeniedException"), "{target}: {answer:?}");
    }
    let listed = site.about_keys(&site.own(), LIST_ACCESS_KEYS_TARGET, json!({})).await.unwrap();
    assert_eq!(listed["keys"][0]["name"], "full");
    assert_eq!(listed["keys"][0].get("secret"), None);
    for members in [
        json!({ "name": "full", "role": "full" }),
        json!({ "name": "", "role": "full" }),
        json!({ "name": "a b", "role": "full" }),
        json!({ "name": "-x", "role": "full" }),
        json!({ "name": "x".repeat(65), "role": "full" }),
        json!({ "name": "x", "role": "full", "pools": [] }),
        json!({ "name": "x", "role": "full", "pools": ["us-east-1_none"] }),
        json!({ "name": "x", "role": "full", "days": 0 }),
        json!({ "name": "x", "role": "root" }),
        json!({ "name": "x", "role": "full", "until": 1 }),
    ] {
        let answer = site.about_keys(&site.own(), ADD_ACCESS_KEY_TARGET, members.clone()).await;
        assert!(answer.is_err(), "{members}");
    }
    let unknown = json!({ "name": "nobody" });
    let answer = site.about_keys(&site.own(), REVOKE_ACCESS_KEY_TARGET, unknown).await;
    assert!(is_refused(&answer, "ResourceNotFoundException"), "{answer:?}");
}

#[tokio::test]
async fn a_stored_key_can_be_neither_read_nor_changed() {
    let site = Site::new();
    let key = site.add(json!({ "name": "look", "role": "read-only" })).await;
    let at = Key { table: Table::AccessKey, id: format!("key/{}", key.0) };
    let body = String::from_utf8(site.store.get(&at).unwrap().unwrap().body).unwrap();
    assert!(!body.contains(&key.1), "{body}");
    let list = json!({ "MaxResults": 9 });

    // Under another key of the server's own, nothing that was stored signs.
    let other = AccessKey::new("AKIDEXAMPLE", "another secret of sixteen").unwrap();
    let stolen = Site::over(site.store.clone(), other);
    let answer = stolen.call(&key, "ListUserPools", list.clone()).await;
    assert!(is_refused(&answer, "UnrecognizedClientException"), "{answer:?}");

    let body = body.replace("read-only", "full").into_bytes();
    let writes = vec![(at, Write::Put { body, expires_at: None })];
    site.store.apply(Change { expect: Vec::new(), writes }).unwrap();
    let answer = site.call(&key, "ListUserPools", list).await;
    assert!(is_refused(&answer, "UnrecognizedClientException"), "{answer:?}");
}

/// A site over the records of another one, whose own key was replaced.
fn with_another_own_key(site: &Site) -> (Site, Signer) {
    const OTHER: &str = "another secret of sixteen";
    let own = AccessKey::new("AKIDEXAMPLE", OTHER).unwrap();
    (Site::over(site.store.clone(), own), Signer("AKIDEXAMPLE".to_owned(), OTHER.to_owned()))
}

#[tokio::test]
async fn a_key_that_lost_its_name_never_comes_back() {
    let site = Site::new();
    // Both sites draw from the same seed; after this, not the same ids.
    site.pool("p").await;
    let lost = site.add(json!({ "name": "ada", "role": "full" })).await;
    let (later, own) = with_another_own_key(&site);
    let members = json!({ "name": "ada", "role": "full" });
    later.about_keys(&own, ADD_ACCESS_KEY_TARGET, members).await.unwrap();
    let stored = site.store.scan(Table::AccessKey, "key/", None, 9).unwrap();
    assert_eq!(stored.len(), 1, "{stored:?}");
    // Even if the server gets its former key again.
    let answer = site.call(&lost, "ListUserPools", json!({ "MaxResults": 9 })).await;
    assert!(is_refused(&answer, "UnrecognizedClientException"), "{answer:?}");
}

#[tokio::test]
async fn a_void_key_is_listed_as_void_and_revoked() {
    let site = Site::new();
    let void = site.add(json!({ "name": "ada", "role": "full" })).await;
    let (later, own) = with_another_own_key(&site);
    let listed = later.about_keys(&own, LIST_ACCESS_KEYS_TARGET, json!({})).await.unwrap();
    assert_eq!((&listed["keys"], &listed["void"][0]["name"]), (&json!([]), &json!("ada")));
    let members = json!({ "name": "ada" });
    later.about_keys(&own, REVOKE_ACCESS_KEY_TARGET, members).await.unwrap();
    assert_eq!(site.store.scan(Table::AccessKey, "", None, 9).unwrap().len(), 0);
    let answer = site.call(&void, "ListUserPools", json!({ "MaxResults": 9 })).await;
    assert!(is_refused(&answer, "UnrecognizedClientException"), "{answer:?}");
}

#[tokio::test]
async fn a_repeated_target_names_no_call_about_keys() {
    let call = async |targets: &[&str]| {
        let mut request = Request::post(ACCESS_KEYS_PATH);
        for target in targets {
            request = request.header("x-amz-target", *target);
        }
        told(&send(Site::new().app, request.body(Body::from("{}")).unwrap()).await)
    };
    let list = LIST_ACCESS_KEYS_TARGET;
    for targets in [&[list, list][..], &[], &["DeviceServer.Nothing"]] {
        let answer = call(targets).await;
        assert!(is_refused(&answer, "UnknownOperationException"), "{targets:?} {answer:?}");
    }
    let answer = call(&[list]).await;
    assert!(is_refused(&answer, "MissingAuthenticationTokenException"), "{answer:?}");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut *self.0.lock().unwrap(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_names_the_signer_besides_operations() {
    let site = Site::new();
    let key = site.add(json!({ "name": "ada", "role": "full" })).await;
    let wrong = Signer(key.0.clone(), "another secret of sixteen".to_owned());
    let title = format!("ada ({})", key.0);
    for (path, target) in [
        (ACCESS_KEYS_PATH, LIST_ACCESS_KEYS_TARGET),
        (ADMINISTRATION_PATH, "DeviceAdministration.TryPolicy"),
    ] {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone());
        let guard = tracing::subscriber::set_default(subscriber.finish());
        site.signed(&key, path, target, json!({})).await;
        site.signed(&wrong, path, target, json!({})).await;
        drop(guard);
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let requests = lines.filter(|line| line["fields"]["message"] == "request");
        let told: Vec<Value> =
            requests.map(|line| line["fields"]["administrator"].clone()).collect();
        // Until the signature was found right, the id is a claim.
        assert_eq!(told, [json!(title), json!(key.0)], "{path}");
    }
}

#[tokio::test]
async fn a_thousand_keys_are_enough() {
    let site = Site::new();
    let key = site.add(json!({ "name": "one", "role": "read-only" })).await;
    let id = |key: &str| Key { table: Table::AccessKey, id: format!("key/{key}") };
    let body = String::from_utf8(site.store.get(&id(&key.0)).unwrap().unwrap().body).unwrap();
    let writes = (1..1000).map(|number| {
        let own = format!("COPY{number:04}");
        let body = body.replace(&key.0, &own).replace("\"one\"", &format!("\"copy{number}\""));
        (id(&own), Write::Put { body: body.into_bytes(), expires_at: None })
    });
    site.store.apply(Change { expect: Vec::new(), writes: writes.collect() }).unwrap();
    let one_more = json!({ "name": "more", "role": "read-only" });
    let refused = site.about_keys(&site.own(), ADD_ACCESS_KEY_TARGET, one_more.clone()).await;
    assert!(is_refused(&refused, "LimitExceededException"), "{refused:?}");
    site.revoke("copy7").await;
    site.add(one_more).await;
}
