//! Sessions that this client did not start.

use device_auth::{Device, DeviceAuth, SessionOrigin, Tokens};
use device_wire::Operation;
use serde_json::json;

use super::*;

/// Tokens that an app received elsewhere. (Here they do not show their origin.)
fn tokens(world: &World) -> Tokens {
    let parameters = json!({ "USERNAME": USER, "PASSWORD": device_test::PASSWORD });
    let begin = json!({
        "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": world.client, "AuthParameters": parameters,
    });
    let result = &world.run(Operation::InitiateAuth, begin)["AuthenticationResult"];
    let mut tokens = Tokens::new(result["AccessToken"].as_str().unwrap());
    tokens.refresh = result["RefreshToken"].as_str().map(Into::into);
    tokens
}

async fn refusals(app: &DeviceAuth, listed: &Device) -> Vec<Error> {
    vec![
        app.remember_device().await.unwrap_err(),
        app.do_not_remember_device().await.unwrap_err(),
        app.forget_this_device().await.unwrap_err(),
        app.forget_device(&listed.key).await.unwrap_err(),
        app.forget_all_devices().await.unwrap_err(),
        app.fetch_devices().await.unwrap_err(),
        app.fetch_current_device().await.unwrap_err(),
        app.confirm_device().await.unwrap_err(),
    ]
}

#[tokio::test]
async fn device_calls_of_sessions_from_elsewhere_are_refused() {
    let world = World::new(Devices::Off, Mfa::Off);
    let app = world.app();
    let listed =
        Device::from_wire(serde_json::from_value(json!({ "DeviceKey": "eu_1" })).unwrap(), None);
    for (origin, reason) in
        [(SessionOrigin::Federated, "identity provider"), (SessionOrigin::HostedUi, "hosted UI")]
    {
        let session = app.use_session(tokens(&world), origin).await.unwrap();
        assert_eq!((session.username.as_str(), session.origin), (USER, origin));
        assert_eq!(app.current_device_key(), None);
        world.calls();
        for error in refusals(&app, &listed).await {
            assert!(matches!(error, Error::DevicesElsewhere(of) if of == origin), "{error:?}");
            assert!(error.to_string().contains(reason), "{error}");
        }
        assert!(world.calls().is_empty(), "no call was made");

        let refreshed = app.refresh().await.unwrap();
        assert_eq!(refreshed.origin, origin, "a refresh keeps the origin");
        assert_ne!(refreshed.access_token, session.access_token);
        app.sign_out().await.unwrap();
    }
}

#[tokio::test]
async fn an_adopted_sign_in_session_has_devices() {
    let world = World::new(Devices::Always, Mfa::Off);
    let app = world.app();
    app.use_session(tokens(&world), SessionOrigin::SignIn).await.unwrap();
    assert_eq!(app.fetch_devices().await.unwrap(), []);
    assert!(matches!(app.remember_device().await, Err(Error::DeviceNotTracked)));
}

#[tokio::test]
async fn a_token_without_a_user_is_refused() {
    let world = World::new(Devices::Always, Mfa::Off);
    let app = world.app();
    let used = app.use_session(Tokens::new("opaque"), SessionOrigin::Federated).await;
    assert!(matches!(used, Err(Error::UnusableToken)));
    assert!(matches!(app.session().await, Err(Error::SignedOut)));
}
