//! A server, a user with an authenticator app, her device's records, and the proxy in between.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use device_auth::{DeviceAuth, DeviceOwner, DeviceRecord, DeviceStore as _, MemoryStore};
use device_http::{Client, RetryPolicy};
use device_test::{FakeClock, PASSWORD, TestServer, totp_code};
use device_wire::Operation;
use serde_json::{Value, json};

use crate::proxy::Proxy;

pub(crate) const USER: &str = "ada";

/// A server whose pool asks its users about remembering, and where a remembered device stands in
/// for the second factor.
pub(crate) struct World {
    pub(crate) server: TestServer,
    pub(crate) proxy: Proxy,
    pool: String,
    client: String,
    store: MemoryStore,
    /// Of the authenticator app.
    secret: String,
}

/// Runs a test with a world of its own.
pub(crate) fn with_world<T>(test: impl AsyncFnOnce(&World) -> T) -> T {
    let world = World::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        world.proxy.serve();
        test(&world).await
    })
}

impl World {
    fn new() -> Self {
        let server = TestServer::start();
        // Proofs carry this machine's time, and the server accepts five minutes of difference. Its
        // clock begins three minutes behind, so that there is time for codes and for late messages.
        let now =
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap() - Duration::from_secs(3 * 60);
        let start = Duration::from_millis(FakeClock::START_MILLIS.unsigned_abs());
        server.clock().advance(now.saturating_sub(start));
        let pool = server.create_pool(json!({
            "DeviceConfiguration": {
                "ChallengeRequiredOnNewDevice": true,
                "DeviceOnlyRememberedOnUserPrompt": true,
            },
        }));
        let client = server.create_client(&pool, json!({}));
        server.create_user(&pool, USER);
        let secret = enrol(&server, &pool, &client);
        let proxy = Proxy::before(server.addr(), server.clock().clone());
        Self { server, proxy, pool, client, store: MemoryStore::new(), secret }
    }

    /// The app as it starts, with the records that were kept.
    pub(crate) fn app(&self, endpoint: &str, policy: RetryPolicy) -> DeviceAuth {
        let http = Client::builder().endpoint_url(endpoint).retry(policy).build().unwrap();
        let builder = DeviceAuth::builder(&self.pool, &self.client);
        builder.http(http).store(self.store.clone()).build().unwrap()
    }

    /// The next code of the authenticator app. Each is good once.
    pub(crate) fn code(&self) -> String {
        next_code(&self.server, &self.secret)
    }

    /// The device's record.
    pub(crate) async fn record(&self) -> Option<DeviceRecord> {
        let (user_pool_id, client_id) = (self.pool.clone(), self.client.clone());
        let owner = DeviceOwner { user_pool_id, client_id, username: USER.into() };
        let mut records = self.store.find(&owner).await.unwrap();
        assert!(records.len() <= 1, "{records:?}");
        records.pop()
    }

    /// Whether the server has a device under that key.
    pub(crate) fn tracks(&self, key: &str) -> bool {
        let device = json!({ "UserPoolId": self.pool, "Username": USER, "DeviceKey": key });
        self.server.execute(Operation::AdminGetDevice, device).is_ok()
    }

    /// How many devices the server has.
    pub(crate) fn devices(&self) -> usize {
        let list = json!({ "UserPoolId": self.pool, "Username": USER });
        let listed = self.server.execute(Operation::AdminListDevices, list).unwrap();
        listed["Devices"].as_array().map_or(0, Vec::len)
    }
}

/// Gives the user her authenticator app; returns its secret.
fn enrol(server: &TestServer, pool: &str, client: &str) -> String {
    let run = |operation, body: Value| server.execute(operation, body).unwrap();
    let software = json!({ "Enabled": true });
    run(
        Operation::SetUserPoolMfaConfig,
        json!({
            "UserPoolId": pool,
            "MfaConfiguration": "OPTIONAL",
            "SoftwareTokenMfaConfiguration": software,
        }),
    );
    let parameters = json!({ "USERNAME": USER, "PASSWORD": PASSWORD });
    let tokens = run(
        Operation::InitiateAuth,
        json!({
            "AuthFlow": "USER_PASSWORD_AUTH",
            "ClientId": client,
            "AuthParameters": parameters,
        }),
    );
    let token = &tokens["AuthenticationResult"]["AccessToken"];
    let associated = run(Operation::AssociateSoftwareToken, json!({ "AccessToken": token }));
    let secret = associated["SecretCode"].as_str().unwrap().to_owned();
    let code = next_code(server, &secret);
    run(Operation::VerifySoftwareToken, json!({ "AccessToken": token, "UserCode": code }));
    let preferred = json!({ "Enabled": true, "PreferredMfa": true });
    run(
        Operation::SetUserMFAPreference,
        json!({ "AccessToken": token, "SoftwareTokenMfaSettings": preferred }),
    );
    secret
}

fn next_code(server: &TestServer, secret: &str) -> String {
    server.clock().advance(Duration::from_secs(30));
    totp_code(secret, server.clock().now())
}
