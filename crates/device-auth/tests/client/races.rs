//! Concurrent calls on a session, and abandoned calls.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use device_auth::{SessionOrigin, StoreError, Tokens};
use device_wire::ErrorCode;
use serde_json::json;
use tokio::sync::{Notify, Semaphore};

use super::files::owner;
use super::*;

/// Blocks a task until it is let go.
#[derive(Clone)]
struct Gate {
    reached: Arc<Notify>,
    open: Arc<Semaphore>,
}

impl Gate {
    fn new() -> Self {
        Self { reached: Arc::default(), open: Arc::new(Semaphore::new(0)) }
    }

    async fn pass(&self) {
        self.reached.notify_one();
        self.open.acquire().await.unwrap().forget();
    }

    async fn reached(&self) {
        self.reached.notified().await;
    }

    fn let_go(&self) {
        self.open.add_permits(1);
    }
}

/// The service, with a gate before every call of one operation.
struct Slow(Shared, Gate, &'static str);

impl HttpClient for Slow {
    fn send<'a>(
        &'a self,
        request: HttpRequest<'a>,
    ) -> BoxFuture<'a, Result<HttpResponse, SendError>> {
        Box::pin(async move {
            let target = request.header("x-amz-target").unwrap();
            if target.ends_with(self.2) {
                self.1.pass().await;
            }
            self.0.send(request).await
        })
    }
}

/// A signed-in client whose next refresh rotates the refresh token, and the gate that blocks that
/// refresh.
async fn with_slow_refresh() -> (Shared, DeviceAuth, Gate) {
    let (service, gate) = (Shared::new(Devices::Always, Mfa::Off), Gate::new());
    let slow = Slow(service.clone(), gate.clone(), "GetTokensFromRefreshToken");
    let auth = Shared::client_over(slow, MemoryStore::new());
    sign_in(&auth).await;
    let result = json!({"AccessToken": "new", "RefreshToken": "rotated", "ExpiresIn": 3600});
    let rotated = Fault::Answer(json!({ "AuthenticationResult": result }));
    service.with(|service| service.fault("GetTokensFromRefreshToken", rotated));
    (service, auth, gate)
}

/// The refresh token that the client has. The fake service knows only the first one, so the refresh
/// itself may fail.
async fn next_refresh_token(service: &Shared, auth: &DeviceAuth) -> serde_json::Value {
    let _ = auth.refresh().await;
    service.with(|service| service.last("GetTokensFromRefreshToken")["RefreshToken"].clone())
}

#[tokio::test]
async fn forgetting_the_device_during_a_refresh_loses_neither() {
    let (service, auth, gate) = with_slow_refresh().await;
    let forget = async {
        gate.reached().await;
        let forget = tokio::spawn({
            let auth = auth.clone();
            async move { auth.forget_this_device().await }
        });
        while service.with(|service| service.log.iter().all(|(step, _)| step != "ForgetDevice")) {
            tokio::task::yield_now().await;
        }
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        gate.let_go();
        forget.await.unwrap()
    };
    let (refreshed, forgotten) = tokio::join!(auth.refresh(), forget);
    assert_eq!(refreshed.unwrap().access_token.as_str(), "new");
    forgotten.unwrap();
    assert_eq!(auth.current_device_key(), None);
    assert_eq!(auth.session().await.unwrap().access_token.as_str(), "new");
    gate.let_go();
    assert_eq!(next_refresh_token(&service, &auth).await, "rotated");
}

#[tokio::test]
async fn an_abandoned_refresh_is_not_lost() {
    let (service, auth, gate) = with_slow_refresh().await;
    tokio::select! {
        _ = auth.refresh() => panic!("it is held back"),
        () = gate.reached() => {}
    }
    gate.let_go();
    gate.let_go();
    assert_eq!(auth.refresh().await.unwrap().access_token.as_str(), "new");
    assert_eq!(next_refresh_token(&service, &auth).await, "rotated");
}

#[tokio::test]
async fn signing_out_during_a_refresh_signs_out() {
    let (_, auth, gate) = with_slow_refresh().await;
    let sign_out = async {
        gate.reached().await;
        auth.sign_out().await.unwrap();
        gate.let_go();
    };
    let (refreshed, ()) = tokio::join!(auth.refresh(), sign_out);
    assert!(matches!(refreshed, Err(Error::SignedOut)), "{refreshed:?}");
    assert!(matches!(auth.session().await, Err(Error::SignedOut)));
}

/// Deletes Ada's account, and signs Bob in before the service answers.
async fn delete_ada_while_bob_signs_in(
    answer: Fault,
) -> (Shared, DeviceAuth, MemoryStore, Result<(), Error>) {
    let (service, gate, store) =
        (Shared::new(Devices::Always, Mfa::Off), Gate::new(), MemoryStore::new());
    let auth =
        Shared::client_over(Slow(service.clone(), gate.clone(), "DeleteUser"), store.clone());
    sign_in(&auth).await;
    service.steps();
    service.with(|service| service.fault("DeleteUser", answer));
    let bob = async {
        gate.reached().await;
        let token = format!("access.{}.signature", URL_SAFE_NO_PAD.encode(r#"{"username":"bob"}"#));
        auth.use_session(Tokens::new(token), SessionOrigin::SignIn).await.unwrap();
        // The second time for a repeated call, if there is one.
        gate.let_go();
        gate.let_go();
    };
    let (deleted, ()) = tokio::join!(auth.delete_user(), bob);
    (service, auth, store, deleted)
}

#[tokio::test]
async fn deleting_a_user_leaves_anothers_new_session() {
    let (_, auth, store, deleted) = delete_ada_while_bob_signs_in(Fault::Answer(json!({}))).await;
    deleted.unwrap();
    assert_eq!(auth.session().await.unwrap().username, "bob");
    assert_eq!(found(&store, &owner(USER)).await, None, "Ada's record is deleted");
}

#[tokio::test]
async fn no_call_is_repeated_as_another_user() {
    let expired = Fault::Refuse(ErrorCode::NotAuthorized, "Access Token has expired");
    let (service, auth, _, deleted) = delete_ada_while_bob_signs_in(expired).await;
    assert!(matches!(deleted, Err(Error::SessionExpired)), "{deleted:?}");
    assert_eq!(service.steps(), ["DeleteUser"], "the call was sent once, as Ada");
    assert_eq!(auth.session().await.unwrap().username, "bob");
}

/// A store with a gate before it saves a record.
struct SlowStore(MemoryStore, Gate);

impl DeviceStore for SlowStore {
    fn find<'a>(
        &'a self,
        owner: &'a DeviceOwner,
    ) -> BoxFuture<'a, Result<Vec<DeviceRecord>, StoreError>> {
        self.0.find(owner)
    }

    fn save<'a>(
        &'a self,
        record: &'a DeviceRecord,
        alias: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.1.pass().await;
            self.0.save(record, alias).await
        })
    }

    fn remove<'a>(
        &'a self,
        owner: &'a DeviceOwner,
        device_key: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.0.remove(owner, device_key)
    }
}

#[tokio::test]
async fn an_abandoned_confirmation_can_be_repeated() {
    let (service, gate) = (Shared::new(Devices::Always, Mfa::Off), Gate::new());
    service.with(|service| {
        service.fault("ConfirmDevice", Fault::Refuse(ErrorCode::InternalError, "later"))
    });
    let auth = service.client_with(SlowStore(MemoryStore::new(), gate.clone()));
    sign_in(&auth).await;
    tokio::select! {
        _ = auth.confirm_device() => panic!("it is held back"),
        () = gate.reached() => {}
    }
    assert_eq!(auth.current_device_key(), None, "no record was saved yet");
    for _ in 0..2 {
        gate.let_go();
    }
    let device = auth.confirm_device().await.unwrap();
    assert_eq!(sign_in(&auth).await.device_key(), device.key());
}
