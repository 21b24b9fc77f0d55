// What the examples in the documentation run in: a real server in the same process, and Ada, signed
// in on a device of hers.
use device_auth::{Credentials, Device, DeviceAuth, Error, SignInStep};

fn with_ada_signed_in(example: impl AsyncFn(&DeviceAuth) -> Result<(), Error>) {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use device_test::{FakeClock, PASSWORD, TestServer};

    let server = TestServer::start();
    // Proofs are stamped by this machine's clock.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    server.clock().advance(now - Duration::from_millis(FakeClock::START_MILLIS as u64));
    let devices = serde_json::json!({ "DeviceOnlyRememberedOnUserPrompt": true });
    let pool = server.create_pool(serde_json::json!({ "DeviceConfiguration": devices }));
    let client = server.create_client(&pool, serde_json::json!({}));
    server.create_user(&pool, "ada");
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        let auth = DeviceAuth::builder(pool, client)
            .endpoint_url(server.url())
            .device_name("Ada's device")
            .build()
            .unwrap();
        let step = auth.sign_in(Credentials::srp("ada", PASSWORD)).await.unwrap();
        assert!(matches!(step, SignInStep::Done(_)));
        example(&auth).await.unwrap();
    });
}
