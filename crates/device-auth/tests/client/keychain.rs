//! Records in a keychain.

use device_auth::KeychainStore;
use keyring_core::api::CredentialStoreApi as _;

use super::files::{owner, record};
use super::*;

fn keychain() -> Arc<keyring_core::mock::Store> {
    keyring_core::mock::Store::new().unwrap()
}

/// The last release stored a single record in an entry, without a list.
#[tokio::test]
async fn a_record_of_the_last_release_is_found() {
    let keychain = keychain();
    let record = record(USER, "eu_1");
    for (kind, contents) in
        [("device", serde_json::to_vec(&record).unwrap()), ("name", USER.as_bytes().to_vec())]
    {
        let user = format!("{kind}/{POOL}/{CLIENT}/{USER}");
        keychain.build("app", &user, None).unwrap().set_secret(&contents).unwrap();
    }
    let store = KeychainStore::within(keychain, "app");
    assert_eq!(found(&store, &owner(USER)).await, Some(record.clone()));
    let second = super::files::record(USER, "eu_2");
    store.save(&second, USER).await.unwrap();
    assert_eq!(store.find(&owner(USER)).await.unwrap(), [record, second]);
}

#[tokio::test]
async fn a_device_outlives_the_process() {
    let keychain = keychain();
    let service = Shared::new(Devices::Always, Mfa::Suppressed);
    let first = sign_in(&service.client_with(KeychainStore::within(keychain.clone(), "app"))).await;
    let auth = service.client_with(KeychainStore::within(keychain.clone(), "app"));
    let SignInStep::Done(second) = auth.sign_in(Credentials::srp(USER, PASSWORD)).await.unwrap()
    else {
        panic!("asked for a code")
    };
    assert_eq!(first.device_key(), second.device_key());
    let other = KeychainStore::within(keychain, "another app");
    assert_eq!(found(&other, &owner(USER)).await, None);
}

#[tokio::test]
async fn keychain_errors_do_not_quote_its_contents() {
    let keychain = keychain();
    let store = KeychainStore::within(keychain.clone(), "app");
    store.save(&record(USER, "eu_1"), USER).await.unwrap();
    let credential = keychain.inner.lock().unwrap().borrow()[0].clone();
    let broken = keyring_core::Error::BadEncoding(b"hush".to_vec());
    credential.set_error(broken);
    let error = store.find(&owner(USER)).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("104"), "the bytes of it: {error:?}");
    keyring_core::api::CredentialApi::set_secret(&*credential, b"hush").unwrap();
    let error = store.find(&owner(USER)).await.unwrap_err();
    assert!(!format!("{error} {error:?} {store:?}").contains("hush"), "{error:?}");
}
