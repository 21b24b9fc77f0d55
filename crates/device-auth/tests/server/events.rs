//! Events that an app receives.

use device_auth::{Event, Events};

use super::world::sign_in;
use super::*;

fn heard(events: &mut Events) -> Vec<Event> {
    std::iter::from_fn(|| events.try_next()).collect()
}

#[tokio::test]
async fn a_subscriber_hears_of_the_session_and_its_device() {
    let world = World::new(Devices::OptIn, Mfa::Off);
    let app = world.app();
    let (mut events, dropped) = (app.events(), app.events());
    drop(dropped);
    let username = || USER.to_owned();

    let key = sign_in(&app).await.device_key().unwrap().to_owned();
    assert_eq!(heard(&mut events), [Event::SignedIn { username: username() }]);
    app.clone().remember_device().await.unwrap();
    app.do_not_remember_device().await.unwrap();
    assert_eq!(
        heard(&mut events),
        [
            Event::DeviceRemembered { key: key.clone() },
            Event::DeviceNotRemembered { key: key.clone() }
        ]
    );
    app.forget_this_device().await.unwrap();
    assert_eq!(heard(&mut events), [Event::DeviceForgotten { key }]);
    app.sign_out().await.unwrap();
    app.sign_out().await.unwrap();
    assert_eq!(heard(&mut events), [Event::SignedOut { username: username() }], "once");

    let key = sign_in(&app).await.device_key().unwrap().to_owned();
    heard(&mut events);
    world.forget(&key);
    let (first, second) = tokio::join!(app.refresh(), app.refresh());
    assert!(first.is_err() && second.is_err());
    assert_eq!(heard(&mut events), [Event::SessionExpired { username: username() }], "once");

    drop(app);
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_subscriber_hears_of_replaced_and_remembered_devices() {
    let world = World::new(Devices::Always, Mfa::Off);
    let app = world.app();
    let mut events = app.events();
    let old = sign_in(&app).await.device_key().unwrap().to_owned();
    let signed_in = Event::SignedIn { username: USER.to_owned() };
    assert_eq!(
        heard(&mut events),
        [signed_in.clone(), Event::DeviceRemembered { key: old.clone() }]
    );
    world.forget(&old);
    let new = sign_in(&app).await.device_key().unwrap().to_owned();
    assert_eq!(
        heard(&mut events),
        [
            Event::DeviceForgotten { key: old },
            signed_in.clone(),
            Event::DeviceRemembered { key: new }
        ]
    );
    sign_in(&app).await;
    assert_eq!(
        heard(&mut events),
        [signed_in],
        "the device was remembered before, which is no event"
    );
}
