//! A whole sign-in over real HTTP.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::net::TcpListener;

use super::*;

#[tokio::test]
async fn sign_in_remember_sign_in_again() {
    let service = Shared::new(Devices::OptIn, Mfa::Suppressed);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shared = service.clone();
    let serve = move |headers: HeaderMap, body: Bytes| async move {
        let (status, body) =
            shared.answer(headers["x-amz-target"].to_str().unwrap(), &body).unwrap();
        (StatusCode::from_u16(status).unwrap(), body)
    };
    tokio::spawn(axum::serve(listener, Router::new().route("/", post(serve))).into_future());

    let calls = Arc::new(Mutex::new(Vec::new()));
    let seen = calls.clone();
    let auth = DeviceAuth::builder(POOL, CLIENT)
        .endpoint_url(format!("http://{address}"))
        .device_name("device")
        .observer(move |call| {
            seen.lock().unwrap().push(call.step.unwrap_or(call.operation.name()).to_owned())
        })
        .build()
        .unwrap();
    assert!(sign_in(&auth).await.should_ask_to_remember());
    auth.remember_device().await.unwrap();
    assert!(matches!(
        auth.sign_in(Credentials::srp(USER, PASSWORD)).await,
        Ok(SignInStep::Done(_))
    ));
    assert_eq!(auth.fetch_devices().await.unwrap().len(), 1);
    auth.forget_this_device().await.unwrap();
    assert!(matches!(
        auth.sign_in(Credentials::srp(USER, PASSWORD)).await,
        Ok(SignInStep::Challenge(_))
    ));
    assert_eq!(*calls.lock().unwrap(), service.steps());
}
