//! Abandoned sign-ins: the future is dropped at each wait for the service or the store.

use std::sync::atomic::{AtomicUsize, Ordering};

use device_auth::StoreError;
use tokio::sync::Notify;

use super::files::owner;
use super::*;

/// The number of waits that still end. The wait after them never does.
#[derive(Clone)]
struct Patience {
    left: Arc<AtomicUsize>,
    over: Arc<Notify>,
}

impl Patience {
    fn new(waits: usize) -> Self {
        Self { left: Arc::new(AtomicUsize::new(waits)), over: Arc::default() }
    }

    /// Waits before the work, when nothing is done yet, and after it, before the caller has its
    /// result.
    fn around<'a, T: Send>(
        &'a self,
        work: impl Future<Output = T> + Send + 'a,
    ) -> BoxFuture<'a, T> {
        Box::pin(async move {
            self.wait().await;
            let done = work.await;
            self.wait().await;
            done
        })
    }

    async fn wait(&self) {
        let one_less = |left: usize| left.checked_sub(1);
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_err() {
            self.over.notify_one();
            std::future::pending().await
        }
    }

    /// The result of the work. `None` if it was dropped at its last wait.
    async fn spend_on<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let done = tokio::select! {
            done = work => Some(done),
            () = self.over.notified() => None,
        };
        self.left.store(usize::MAX, Ordering::SeqCst);
        done
    }
}

struct Waiting<T>(T, Patience);

impl HttpClient for Waiting<Shared> {
    fn send<'a>(
        &'a self,
        request: HttpRequest<'a>,
    ) -> BoxFuture<'a, Result<HttpResponse, SendError>> {
        // An async block, because the fake service acts when `send` is called, not when it is
        // polled.
        self.1.around(async move { self.0.send(request).await })
    }
}

impl DeviceStore for Waiting<MemoryStore> {
    fn find<'a>(
        &'a self,
        owner: &'a DeviceOwner,
    ) -> BoxFuture<'a, Result<Vec<DeviceRecord>, StoreError>> {
        self.1.around(async move { self.0.find(owner).await })
    }

    fn save<'a>(
        &'a self,
        record: &'a DeviceRecord,
        alias: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.1.around(async move { self.0.save(record, alias).await })
    }

    fn remove<'a>(
        &'a self,
        owner: &'a DeviceOwner,
        device_key: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.1.around(async move { self.0.remove(owner, device_key).await })
    }
}

async fn kept(store: &MemoryStore) -> Option<String> {
    found(store, &owner(USER)).await.map(|record| record.device_key)
}

/// Abandons a sign-in at its first wait, another at its second, and so on until one completes.
///
/// `prepare` makes a service and a store for each, and returns the device in the store that the
/// service does not accept. A sign-in uses the store `uses` times.
async fn given_up_at_each_wait(
    uses: usize,
    prepare: impl AsyncFn() -> (Shared, MemoryStore, Option<String>),
) {
    for waits in 0.. {
        let (service, store, stale) = prepare().await;
        let patience = Patience::new(waits);
        let waiting = Waiting(store.clone(), patience.clone());
        let auth = Shared::client_over(Waiting(service.clone(), patience.clone()), waiting);
        let is_whole = patience.spend_on(sign_in(&auth)).await.is_some();
        let calls = service.steps().len();

        let left = kept(&store).await;
        if let Some(key) = auth.current_device_key() {
            assert_eq!(
                left,
                Some(key),
                "after {waits} waits, the session names a device without a record"
            );
        }
        let again = sign_in(&auth).await;
        assert!(again.warnings.is_empty(), "after {waits} waits: {:?}", again.warnings);
        if left.is_some() && left != stale {
            assert_eq!(
                again.session.device_key, left,
                "after {waits} waits, half a record was kept"
            );
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
            assert_eq!(
                waits,
                2 * (calls + uses),
                "there is a wait before and after each call and each use of the store"
            );
            return;
        }
    }
}

#[tokio::test]
async fn giving_up_on_a_new_device_leaves_no_half_record() {
    // The store is searched under the typed and under the internal name, and saved to.
    given_up_at_each_wait(3, async || {
        (Shared::new(Devices::Always, Mfa::Suppressed), MemoryStore::new(), None)
    })
    .await;
}

#[tokio::test]
async fn an_abandoned_replacement_leaves_one_of_the_two() {
    // The store is searched, removed from, and saved to.
    given_up_at_each_wait(3, async || {
        let (service, store) = (Shared::new(Devices::Always, Mfa::Suppressed), MemoryStore::new());
        let stale = sign_in(&service.client_with(store.clone())).await.session.device_key;
        service.with(Service::forget_devices);
        service.steps();
        (service, store, stale)
    })
    .await;
}
