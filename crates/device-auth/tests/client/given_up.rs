//! A sign-in that is given up: its future is dropped at each of its awaits.

use std::pin::pin;
use std::task::Poll;

use device_auth::{DeviceOwner, DeviceRecord, StoreError};
use tokio::task::yield_now;

use super::*;

/// Has whoever calls it wait before anything is done, and again after.
struct Hesitant<T>(T);

impl HttpClient for Hesitant<Shared> {
    fn send<'a>(
        &'a self,
        request: ::http::Request<&'a [u8]>,
    ) -> BoxFuture<'a, Result<::http::Response<Zeroizing<Vec<u8>>>, SendError>> {
        // Inside, so that nothing is sent before the first wait is over.
        hesitate(async move { self.0.send(request).await })
    }
}

impl DeviceStore for Hesitant<MemoryStore> {
    fn find<'a>(&'a self, owner: &'a DeviceOwner) -> BoxFuture<'a, Result<Option<DeviceRecord>, StoreError>> {
        hesitate(async move { self.0.find(owner).await })
    }

    fn save<'a>(&'a self, record: &'a DeviceRecord, alias: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        hesitate(async move { self.0.save(record, alias).await })
    }

    fn remove<'a>(
        &'a self,
        owner: &'a DeviceOwner,
        device_key: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        hesitate(async move { self.0.remove(owner, device_key).await })
    }
}

fn hesitate<'a, T: Send>(work: impl Future<Output = T> + Send + 'a) -> BoxFuture<'a, T> {
    Box::pin(async move {
        yield_now().await;
        let done = work.await;
        yield_now().await;
        done
    })
}

/// What a future ends in if it waits no more than so many times; at the next wait it is dropped.
async fn within<F: Future>(mut waits: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if waits == 0 => Poll::Ready(None),
        Poll::Pending => {
            waits -= 1;
            Poll::Pending
        }
    })
    .await
}

async fn kept(store: &MemoryStore) -> Option<String> {
    let owner = DeviceOwner {
        user_pool_id: POOL.to_owned(),
        client_id: CLIENT.to_owned(),
        username: USER.to_owned(),
    };
    store.find(&owner).await.unwrap().map(|record| record.device_key)
}

/// Gives a sign-in up at its first await, in a world of the same kind at its second, and so on until it is not given up. `prepare`
/// makes the world, and says which device of the store the service does not accept.
async fn given_up_at_each_await(prepare: impl AsyncFn() -> (Shared, MemoryStore, Option<String>)) {
    for waits in 0.. {
        let (service, store, stale) = prepare().await;
        let auth = Shared::client_over(Hesitant(service.clone()), Hesitant(store.clone()));
        let is_whole = within(waits, sign_in(&auth)).await.is_some();
        let calls = service.steps().len();

        let left = kept(&store).await;
        if let Some(key) = auth.current_device_key() {
            assert_eq!(left, Some(key), "after {waits} waits, the session names a device without a record");
        }
        let again = sign_in(&auth).await;
        assert!(again.warnings.is_empty(), "after {waits} waits: {:?}", again.warnings);
        if left.is_some() && left != stale {
            assert_eq!(again.session.device_key, left, "after {waits} waits, half a record was kept");
        }
        assert_eq!(again.session.device_key, kept(&store).await, "after {waits} waits");
        service.steps();
        sign_in(&auth).await;
        assert_eq!(
            service.steps(),
            ["USER_SRP_AUTH", "PASSWORD_VERIFIER", "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER"],
            "after {waits} waits, what is kept proves the device"
        );
        if is_whole {
            assert!(waits > 2 * calls, "{waits} waits do not go through {calls} calls");
            return;
        }
    }
}

#[tokio::test]
async fn a_sign_in_on_a_new_device_that_is_given_up_anywhere_leaves_no_half_of_it() {
    given_up_at_each_await(async || {
        (Shared::new(Devices::Always, Mfa::Suppressed), MemoryStore::new(), None)
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_that_replaces_a_device_and_is_given_up_anywhere_leaves_the_old_one_or_the_new() {
    given_up_at_each_await(async || {
        let (service, store) = (Shared::new(Devices::Always, Mfa::Suppressed), MemoryStore::new());
        let stale = sign_in(&service.client_with(store.clone())).await.session.device_key;
        service.with(Service::forget_devices);
        service.steps();
        (service, store, stale)
    })
    .await;
}
