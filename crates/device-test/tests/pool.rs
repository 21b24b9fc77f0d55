//! A pool in the test's process, and the same over HTTP.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::{Duration, UNIX_EPOCH};

use device_auth::{Credentials, DeviceAuth, DeviceStore as _, MemoryStore, SignInStep};
use device_proto::{DeviceOutcome, DeviceRecord, DeviceStatus};
use device_server::Seed;
use device_test::{Expire, PASSWORD, TestPool, TestUser};
use device_wire::enums::{AuthFlowType, UserPoolMfaType};
use device_wire::requests::{
    AdminGetDeviceRequest, ForgotPasswordRequest, GetUserRequest, InitiateAuthRequest,
    RespondToAuthChallengeRequest, SignUpRequest,
};
use device_wire::shapes::{AttributeType, DeviceConfigurationType};
use device_wire::{Sensitive, param};

/// Starts a sign-in with a sent password; returns the challenge's session, if there is one.
fn begin(pool: &TestPool, user: &TestUser) -> Option<Sensitive<String>> {
    let parameters = [(param::USERNAME, user.username()), (param::PASSWORD, user.password())];
    let request = InitiateAuthRequest {
        auth_parameters: Some(Sensitive::from(parameters)),
        ..InitiateAuthRequest::new(AuthFlowType::UserPasswordAuth, pool.client_id())
    };
    pool.call(&request).unwrap().session
}

#[test]
fn a_remembered_device_needs_no_code() {
    let pool = TestPool::new();
    let ada = pool.user("ada").authenticator().create();
    let device = pool.device(&ada).name("tablet").create();
    let before = pool.clock().now();
    assert!(matches!(pool.sign_in_on(&ada, &device).device, DeviceOutcome::Known(_)));
    // A code would have moved the clock.
    assert_eq!(pool.clock().now(), before);
    assert!(matches!(pool.sign_in(&ada).device, DeviceOutcome::New { .. }));
    assert_eq!(pool.clock().now(), before + 30_000);
}

#[test]
fn a_device_may_be_tracked_and_not_remembered() {
    let pool = TestPool::new();
    let ada = pool.user("ada").create();
    let device = pool.device(&ada).not_remembered().create();
    assert_eq!(device.status, DeviceStatus::NotRemembered);
}

#[test]
fn required_factors_are_set_up_with_the_user() {
    let pool = TestPool::builder().mfa(UserPoolMfaType::On).build();
    let ada = pool.user("ada").authenticator().create();
    assert!(begin(&pool, &ada).is_some(), "a code is asked for");
    pool.device(&ada).create();
}

#[test]
fn tokens_expire_and_so_do_refresh_tokens() {
    // A session of a device is refreshed with the device's key.
    let pool = TestPool::builder().devices(None).build();
    let ada = pool.user("ada").create();
    let tokens = pool.sign_in(&ada).tokens;
    pool.expire(Expire::Tokens);
    let refused = pool.call(&GetUserRequest::new(tokens.access)).unwrap_err();
    assert_eq!(refused.message(), "Access Token has expired");

    let refresh = InitiateAuthRequest {
        auth_parameters: Some(Sensitive::from([(param::REFRESH_TOKEN, &*tokens.refresh.unwrap())])),
        ..InitiateAuthRequest::new(AuthFlowType::RefreshTokenAuth, pool.client_id())
    };
    pool.call(&refresh).unwrap();
    pool.expire(Expire::RefreshTokens);
    assert_eq!(pool.call(&refresh).unwrap_err().message(), "Refresh Token has expired");
}

#[test]
fn a_session_expires() {
    let pool = TestPool::builder().client(|client| client.auth_session_validity = Some(7)).build();
    let ada = pool.user("ada").authenticator().create();
    let session = begin(&pool, &ada);
    pool.expire(Expire::Sessions);
    let code = pool.authenticator_code(&ada);
    let answers = [(param::USERNAME, "ada"), (param::SOFTWARE_TOKEN_MFA_CODE, code.as_str())];
    let answer = RespondToAuthChallengeRequest {
        session,
        challenge_responses: Some(Sensitive::from(answers)),
        ..RespondToAuthChallengeRequest::new(
            pool.client_id(),
            device_wire::enums::ChallengeNameType::SoftwareTokenMfa,
        )
    };
    let refused = pool.call(&answer).unwrap_err();
    assert_eq!(refused.message(), "Invalid session for the user, session is expired.");
}

#[test]
fn an_expired_device_is_unknown_to_the_service() {
    let pool = TestPool::new();
    let ada = pool.user("ada").create();
    let device = pool.device(&ada).create();
    let get = AdminGetDeviceRequest::new(device.device_key.as_str(), pool.id(), "ada");
    pool.call(&get).unwrap();
    pool.expire(Expire::Device(&device));
    assert_eq!(pool.call(&get).unwrap_err().message(), "Device does not exist.");
}

#[test]
fn codes_are_read_back_by_name_and_address() {
    let pool = TestPool::new();
    pool.user("ada").email("ada@example.com").create();
    assert_eq!(pool.last_code("ada"), None);
    pool.call(&ForgotPasswordRequest::new(pool.client_id(), "ada")).unwrap();
    let code = pool.last_code("ada").unwrap();
    assert_eq!(pool.last_code("ada@example.com"), Some(code.clone()));
    assert_eq!(pool.messages().len(), 1);
    assert!(pool.messages()[0].body.contains(&code));
}

#[test]
fn a_seed_gives_the_same_pool_and_devices_again() {
    let world = |seed| {
        let pool = TestPool::builder().seed(seed).build();
        let device = pool.device(&pool.user("ada").authenticator().create()).create();
        (pool.id().to_owned(), pool.client_id().to_owned(), device)
    };
    assert_eq!(world(1), world(1));
    assert_ne!(world(1).0, world(2).0);
}

#[test]
fn reset_takes_users_messages_and_time_back() {
    let mut pool = TestPool::new();
    let start = pool.clock().now();
    let (id, client) = (pool.id().to_owned(), pool.client_id().to_owned());
    pool.user("ada").email("ada@example.com").create();
    pool.call(&ForgotPasswordRequest::new(pool.client_id(), "ada")).unwrap();
    pool.clock().advance(Duration::from_secs(5));
    pool.reset();
    assert_eq!((pool.id(), pool.client_id()), (&*id, &*client));
    assert!(pool.messages().is_empty());
    assert_eq!(pool.clock().now(), start);
    pool.user("ada").create();
}

#[test]
fn the_clock_is_set_and_advanced() {
    let pool = TestPool::builder().starts_at(UNIX_EPOCH + Duration::from_secs(1_000)).build();
    assert_eq!(pool.clock().now(), 1_000_000);
    pool.clock().set(UNIX_EPOCH + Duration::from_secs(2_000));
    pool.clock().advance(Duration::from_millis(1));
    assert_eq!(pool.clock().now(), 2_000_001);
    assert_eq!(pool.clock().system_time(), UNIX_EPOCH + Duration::from_millis(2_000_001));
}

#[tokio::test]
async fn a_served_pool_knows_devices_made_in_process() {
    let pool = TestPool::serve();
    let ada = pool.user("ada").authenticator().create();
    let device = pool.device(&ada).create();
    let store = MemoryStore::new();
    store.save(&device, "ada").await.unwrap();
    let auth = DeviceAuth::builder(pool.id(), pool.client_id())
        .endpoint_url(pool.url())
        .store(store)
        .build()
        .unwrap();
    let step = auth.sign_in(Credentials::srp("ada", PASSWORD)).await.unwrap();
    assert!(matches!(step, SignInStep::Done(_)), "no code is asked for");
}

#[tokio::test]
async fn codes_that_http_clients_asked_for_are_read_back() {
    let mut pool = TestPool::serve();
    pool.user("ada").email("ada@example.com").create();
    let client = device_auth::device_http::Client::builder().endpoint_url(pool.url());
    let client = client.build().unwrap();
    client.call(&ForgotPasswordRequest::new(pool.client_id(), "ada")).await.unwrap();
    assert!(pool.last_code("ada").is_some());
    pool.reset();
    assert_eq!(pool.last_code("ada"), None);
    pool.user("ada").create();
}

#[test]
fn a_pool_may_track_no_devices() {
    let untracked = TestPool::builder().devices(None).build();
    let ada = untracked.user("ada").create();
    assert!(matches!(untracked.sign_in(&ada).device, DeviceOutcome::Untracked));

    let always = DeviceConfigurationType {
        device_only_remembered_on_user_prompt: Some(false),
        challenge_required_on_new_device: Some(true),
    };
    let always = TestPool::builder().devices(Some(always)).build();
    let ada = always.user("ada").create();
    assert_eq!(always.device(&ada).not_remembered().create().status, DeviceStatus::Remembered);
}

#[test]
fn ids_and_codes_are_of_ones_choice() {
    let builder = TestPool::builder().id("us-east-1_Local0001").client_id("web").code("123456");
    let mut pool = builder.build();
    for _ in 0..2 {
        assert_eq!((pool.id(), pool.client_id()), ("us-east-1_Local0001", "web"));
        let ada = pool.user("ada").email("ada@example.com").create();
        pool.sign_in(&ada);
        pool.call(&ForgotPasswordRequest::new(pool.client_id(), "ada")).unwrap();
        assert_eq!(pool.last_code("ada").as_deref(), Some("123456"));
        pool.reset();
    }
}

#[test]
fn messages_have_numbers_and_times() {
    let pool = TestPool::new();
    pool.user("ada").email("ada@example.com").create();
    let forgot = ForgotPasswordRequest::new(pool.client_id(), "ada");
    pool.call(&forgot).unwrap();
    pool.clock().advance(Duration::from_secs(5));
    pool.call(&forgot).unwrap();
    let sent = pool.sent_messages(0);
    assert_eq!(sent.iter().map(|sent| sent.id).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(sent[1].time.duration_since(sent[0].time).unwrap(), Duration::from_secs(5));
    assert_eq!(pool.sent_messages(1).len(), 1);
    pool.clear_messages();
    assert!(pool.messages().is_empty());
    pool.call(&forgot).unwrap();
    assert_eq!(pool.sent_messages(0)[0].id, 3);
}

#[test]
fn a_user_who_signed_up_is_confirmed() {
    let pool = TestPool::new();
    let email =
        AttributeType { value: Some("eve@example.com".into()), ..AttributeType::new("email") };
    let sign_up = SignUpRequest {
        password: Some(PASSWORD.into()),
        user_attributes: Some(vec![email]),
        ..SignUpRequest::new(pool.client_id(), "eve")
    };
    pool.call(&sign_up).unwrap();
    pool.confirm("eve");
    pool.confirm("eve");
    pool.sign_in(&TestUser::of_seed("eve", PASSWORD));
    // Only a verified address recovers a password.
    pool.call(&ForgotPasswordRequest::new(pool.client_id(), "eve")).unwrap();
    assert!(pool.last_code("eve").is_some());
}

const SEED: &str = r#"
[[UserPools]]
Id = "us-east-1_Local0001"
MfaConfiguration = "OPTIONAL"
SoftwareTokenMfaConfiguration = { Enabled = true }
DeviceConfiguration = { ChallengeRequiredOnNewDevice = true }

[[UserPools.Clients]]
ClientId = "web"

[[UserPools.Users]]
Username = "ada"
Password = "Correct-Horse-7"
TotpSecret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

[[UserPools.Users.Devices]]
DeviceKey = "us-east-1_0a1b2c3d-0000-4000-8000-000000000001"
DeviceGroupKey = "-example1"
DevicePassword = "the password that the client stores"
"#;

/// The record of the seed's device, as a client stores it.
fn device_of_seed() -> DeviceRecord {
    serde_json::from_value(serde_json::json!({
        "user_pool_id": "us-east-1_Local0001", "client_id": "web", "username": "ada",
        "device_key": "us-east-1_0a1b2c3d-0000-4000-8000-000000000001",
        "group_key": "-example1", "password": "the password that the client stores",
        "status": "remembered", "name": null,
    }))
    .unwrap()
}

#[test]
fn a_client_signs_in_with_a_device_of_a_seed() {
    let seed = Seed::parse("seed.toml", SEED).unwrap();
    let mut pool = TestPool::builder().planted(&seed).build();
    let ada =
        TestUser::of_seed("ada", PASSWORD).with_authenticator("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    for _ in 0..2 {
        let before = pool.clock().now();
        let outcome = pool.sign_in_on(&ada, &device_of_seed());
        assert!(matches!(outcome.device, DeviceOutcome::Known(_)), "{:?}", outcome.device);
        assert_eq!(pool.clock().now(), before, "no code is asked for");
        assert!(matches!(pool.sign_in(&ada).device, DeviceOutcome::New { .. }));
        pool.reset();
    }
}

#[tokio::test]
async fn a_served_pool_knows_a_device_of_a_seed() {
    let seed = Seed::parse("seed.toml", SEED).unwrap();
    let pool = TestPool::builder().planted(&seed).serve();
    let store = MemoryStore::new();
    store.save(&device_of_seed(), "ada").await.unwrap();
    let auth = DeviceAuth::builder(pool.id(), pool.client_id())
        .endpoint_url(pool.url())
        .store(store)
        .build()
        .unwrap();
    let step = auth.sign_in(Credentials::srp("ada", PASSWORD)).await.unwrap();
    assert!(matches!(step, SignInStep::Done(_)), "no code is asked for");
}
