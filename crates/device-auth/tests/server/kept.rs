//! Sessions that survive a restart of the app.

use device_auth::{DeviceAuth, FileStore, SessionStore};
use tempfile::TempDir;

use super::world::sign_in;
use super::*;

/// The app after a start, with devices and session in one file.
async fn start(world: &World, store: &FileStore) -> DeviceAuth {
    let builder = world.builder("device").store(store.clone()).session_store(store.clone());
    builder.build_restored().await.unwrap()
}

#[tokio::test]
async fn a_user_stays_signed_in_after_a_restart() {
    let world = World::new(Devices::OptIn, Mfa::Off);
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("state.json");
    let store = FileStore::open(&path);
    let app = start(&world, &store).await;
    assert!(matches!(app.session().await, Err(Error::SignedOut)));
    let signed_in = sign_in(&app).await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    let app = start(&world, &store).await;
    world.calls();
    assert_eq!(app.session().await.unwrap(), signed_in.session);
    assert!(world.calls().is_empty(), "restoring needs no call");
    app.remember_device().await.unwrap();
    let refreshed = app.refresh().await.unwrap();

    let app = start(&world, &store).await;
    assert_eq!(app.session().await.unwrap(), refreshed, "the newer tokens are stored");
    assert_eq!(app.current_device_key().as_deref(), signed_in.device_key());
    app.forget_this_device().await.unwrap();

    let app = start(&world, &store).await;
    assert_eq!(app.current_device_key(), None);
    app.sign_out().await.unwrap();
    assert!(matches!(start(&world, &store).await.session().await, Err(Error::SignedOut)));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        !text.contains(signed_in.session.access_token.as_str()) && !text.contains("eyJ"),
        "{text}"
    );
}

#[tokio::test]
async fn a_session_that_has_expired_is_not_kept() {
    let world = World::new(Devices::Always, Mfa::Off);
    let directory = TempDir::new().unwrap();
    let store = FileStore::open(directory.path().join("state.json"));
    let key = sign_in(&start(&world, &store).await).await.device_key().unwrap().to_owned();
    world.forget(&key);
    let app = start(&world, &store).await;
    assert!(matches!(app.refresh().await, Err(Error::SessionExpired)));
    assert_eq!(store.load_session(&world.client).await.unwrap(), None);
}

#[tokio::test]
async fn a_session_of_another_client_is_left_alone() {
    let mut world = World::new(Devices::Always, Mfa::Off);
    let directory = TempDir::new().unwrap();
    let store = FileStore::open(directory.path().join("state.json"));
    sign_in(&start(&world, &store).await).await;
    let first = std::mem::replace(
        &mut world.client,
        world.server.create_client(&world.pool, serde_json::json!({})),
    );
    let other = start(&world, &store).await;
    assert!(matches!(other.session().await, Err(Error::SignedOut)));
    sign_in(&other).await;
    other.sign_out().await.unwrap();
    assert!(store.load_session(&first).await.unwrap().is_some());
}

#[tokio::test]
async fn a_session_that_cannot_be_kept_is_a_warning() {
    let world = World::new(Devices::Always, Mfa::Off);
    let directory = TempDir::new().unwrap();
    // A directory takes the place of the lock file, so that saving fails.
    std::fs::create_dir(directory.path().join("state.json.lock")).unwrap();
    let store = FileStore::open(directory.path().join("state.json"));
    let app = world.builder("device").session_store(store).build().unwrap();
    let signed_in = sign_in(&app).await;
    assert!(
        matches!(signed_in.warnings[..], [device_auth::Warning::SessionNotSaved(_)]),
        "{:?}",
        signed_in.warnings
    );
    assert!(app.session().await.is_ok());
    assert!(matches!(app.sign_out().await, Err(Error::Store(_))));
    assert!(matches!(app.session().await, Err(Error::SignedOut)));
}
