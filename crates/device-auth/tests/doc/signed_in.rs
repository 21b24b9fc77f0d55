// The environment of the documentation's examples: a real server in the same process, and the user
// Ada, who is signed in on her device.
use device_auth::{Credentials, Device, DeviceAuth, Error, SignInStep};

fn with_ada_signed_in(example: impl AsyncFn(&DeviceAuth) -> Result<(), Error>) {
    let pool = device_test::TestPool::serve();
    let ada = pool.user("ada").create();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        let auth = DeviceAuth::builder(pool.id(), pool.client_id())
            .endpoint_url(pool.url())
            .device_name("Ada's device")
            .build()
            .unwrap();
        let step = auth.sign_in(Credentials::srp(ada.username(), ada.password())).await.unwrap();
        assert!(matches!(step, SignInStep::Done(_)));
        example(&auth).await.unwrap();
    });
}
