//! Access keys that are added and revoked while the server runs.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use device_pool::store::{Change, Key, Store, Table, Write};
use device_server::{
    ACCESS_KEYS_PATH, ADD_ACCESS_KEY_TARGET, AccessKey, Administrators, LIST_ACCESS_KEYS_TARGET,
    REVOKE_ACCESS_KEY_TARGET, app,
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
    let for_all = [
        ("CreateUserPool", json!({ "PoolName": "p" })),
        ("DescribeUserPoolDomain", json!({ "Domain": "d" })),
    ];
    for (operation, members) in for_all {
        let answer = site.call(&key, operation, members).await;
        assert!(is_refused(&answer, "AccessDeniedException"), "{operation}: {answer:?}");
    }
    let listed = site.call(&key, "ListUserPools", json!({ "MaxResults": 9 })).await.unwrap();
    let listed: Vec<_> = listed["UserPools"].as_array().unwrap().iter().collect();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["Id"], *own);
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
    assert_eq!(keys, json!({ "keys": [] }));
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
