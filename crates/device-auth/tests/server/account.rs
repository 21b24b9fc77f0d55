//! The user's own account.

use device_auth::ErrorCode;

use super::world::{EMAIL, PHONE, done, password_of, sign_in};
use super::*;

#[tokio::test]
async fn a_user_reads_and_changes_attributes() {
    let world = World::with_aliases(Devices::Off, Mfa::Off);
    let app = world.app();
    assert!(matches!(app.fetch_user().await, Err(Error::SignedOut)));
    sign_in(&app).await;
    let user = app.fetch_user().await.unwrap();
    assert_eq!(user.username, USER);
    let attribute = |name: &str| user.attributes.get(name).map(String::as_str);
    assert_eq!([attribute("email"), attribute("phone_number")], [Some(EMAIL), Some(PHONE)]);

    let changes = [("name", "Ada Lovelace"), ("locale", "en")];
    assert_eq!(
        app.update_user_attributes(&changes).await.unwrap(),
        [],
        "without a change of address no code is sent"
    );
    app.delete_user_attributes(&["locale"]).await.unwrap();
    let user = app.fetch_user().await.unwrap();
    assert_eq!(user.attributes.get("name").map(String::as_str), Some("Ada Lovelace"));
    assert_eq!(user.attributes.get("locale"), None);
}

#[tokio::test]
async fn an_address_is_verified_by_the_code_sent_to_it() {
    let world = World::with_aliases(Devices::Off, Mfa::Off);
    let app = world.app();
    sign_in(&app).await;
    let delivery = app.send_user_attribute_code("email").await.unwrap();
    assert_eq!(delivery.attribute.as_deref(), Some("email"));
    assert!(delivery.destination.is_some_and(|masked| masked != EMAIL));
    let error = app.verify_user_attribute("email", "000000").await.unwrap_err();
    assert_eq!(error.as_service_error().unwrap().code(), &ErrorCode::CodeMismatch);
    app.verify_user_attribute("email", &world.sent_code()).await.unwrap();

    let [delivery] =
        &app.update_user_attributes(&[("email", "lovelace@example.com")]).await.unwrap()[..]
    else {
        panic!("one code")
    };
    assert_eq!(delivery.attribute.as_deref(), Some("email"));
    app.verify_user_attribute("email", &world.sent_code()).await.unwrap();
    done(world.app().sign_in(password_of("lovelace@example.com")).await.unwrap());
}

#[tokio::test]
async fn a_changed_password_is_required_from_then_on() {
    let world = World::new(Devices::Always, Mfa::Off);
    let app = world.app();
    let key = sign_in(&app).await.device_key().unwrap().to_owned();
    let error = app.change_password("Wrong-Horse-7", "Other-Horse-8").await.unwrap_err();
    assert_eq!(error.as_service_error().unwrap().code(), &ErrorCode::NotAuthorized);
    app.change_password(device_test::PASSWORD, "Other-Horse-8").await.unwrap();
    assert!(app.session().await.is_ok(), "the session stays valid");
    assert!(app.sign_in(password_of(USER)).await.is_err());
    let again = done(app.sign_in(Credentials::srp(USER, "Other-Horse-8")).await.unwrap());
    assert_eq!(again.device_key(), Some(&*key), "the device stays the same");
}
