//! Clients that share one session.

use device_auth::{DeviceAuth, FileStore, MemoryStore, SessionStore};
use serde_json::json;
use tempfile::TempDir;

use super::world::{password_of, sign_in};
use super::*;

/// A pool whose refresh tokens are valid once, without a grace period: using one again ends the
/// session.
pub(crate) fn rotating() -> World {
    let mut world = World::new(Devices::Always, Mfa::Off);
    let rotation = json!({
        "RefreshTokenRotation": { "Feature": "ENABLED", "RetryGracePeriodSeconds": 0 },
        "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"],
    });
    world.client = world.server.create_client(&world.pool, rotation);
    world
}

async fn start(world: &World, store: impl SessionStore) -> DeviceAuth {
    world.builder("device").session_store(store).build_restored().await.unwrap()
}

/// The number of refreshes since the last call of this function.
fn refreshes(world: &World) -> usize {
    world.calls().iter().filter(|call| *call == "GetTokensFromRefreshToken").count()
}

async fn share(world: &World, first: impl SessionStore, second: impl SessionStore) {
    let first = start(world, first).await;
    sign_in(&first).await;
    let second = start(world, second).await;
    world.calls();
    let (one, other) = tokio::join!(first.refresh(), second.refresh());
    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(refreshes(world), 1, "both share one exchange");

    for _ in 0..2 {
        let fresh = first.refresh().await.unwrap();
        assert_eq!(
            second.refresh().await.unwrap(),
            fresh,
            "the second client has the first one's session"
        );
        assert_eq!(refreshes(world), 1);
        second.refresh().await.unwrap();
        first.refresh().await.unwrap();
        assert_eq!(refreshes(world), 1);
    }
    assert_eq!(first.fetch_devices().await.unwrap().len(), 1);
    assert_eq!(second.fetch_devices().await.unwrap().len(), 1);
}

#[tokio::test]
async fn clients_that_share_a_file_refresh_in_turn() {
    let (world, directory) = (rotating(), TempDir::new().unwrap());
    let store = || FileStore::open(directory.path().join("session.json"));
    share(&world, store(), store()).await;
}

#[tokio::test]
async fn clients_that_share_a_memory_refresh_in_turn() {
    let (world, store) = (rotating(), MemoryStore::new());
    share(&world, store.clone(), store).await;
}

#[tokio::test]
async fn a_session_that_another_client_replaced_is_taken_up() {
    let (world, directory) = (rotating(), TempDir::new().unwrap());
    let store = || FileStore::open(directory.path().join("session.json"));
    let first = start(&world, store()).await;
    sign_in(&first).await;
    let second = start(&world, store()).await;
    first.sign_out().await.unwrap();
    let anew = sign_in(&first).await;
    assert_eq!(
        second.fetch_devices().await.unwrap().len(),
        1,
        "the old token is revoked, and the store has another"
    );
    assert_eq!(second.session().await.unwrap(), anew.session);

    first.sign_out().await.unwrap();
    assert!(
        matches!(second.fetch_devices().await, Err(Error::SessionExpired)),
        "the store has no session now"
    );
}

#[tokio::test]
async fn ending_one_users_session_leaves_anothers_in_the_store() {
    let (world, store) = (rotating(), MemoryStore::new());
    world.server.create_user(&world.pool, "bob");
    let first = start(&world, store.clone()).await;
    sign_in(&first).await;
    let second = start(&world, store.clone()).await;
    let step = first.sign_in(password_of("bob")).await.unwrap();
    assert!(matches!(step, SignInStep::Done(_)), "{step:?}");
    second.sign_out().await.unwrap();
    assert_eq!(start(&world, store).await.session().await.unwrap().username, "bob");
}

/// A refresh whose caller stopped waiting still ends its turn.
#[tokio::test]
async fn a_turn_ends_with_the_refresh_that_took_it() {
    let (world, directory) = (rotating(), TempDir::new().unwrap());
    let store = FileStore::open(directory.path().join("session.json"));
    let app = start(&world, store.clone()).await;
    sign_in(&app).await;
    let turn = store.take_turn(&world.client).await.unwrap();
    {
        let waiting = std::pin::pin!(app.refresh());
        assert!(is_pending(waiting).await, "the refresh waits for its turn");
    }
    drop(turn);
    app.refresh().await.unwrap();
}

/// Polls a future once. Returns whether it is still pending.
async fn is_pending<F: Future>(mut future: std::pin::Pin<&mut F>) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}
