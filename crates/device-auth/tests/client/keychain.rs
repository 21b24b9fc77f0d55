//! Records in a keychain.

use device_auth::KeychainStore;

use super::files::{owner, record};
use super::service::ALIAS;
use super::*;

fn keychain() -> Arc<keyring_core::mock::Store> {
    keyring_core::mock::Store::new().unwrap()
}

#[tokio::test]
async fn records_are_found_by_any_name_and_removed_by_their_key() {
    let store = KeychainStore::within(keychain(), "app");
    assert_eq!(store.find(&owner(USER)).await.unwrap(), None);
    let (ada, bob) = (record(USER, "eu_1"), record("bob", "eu_2"));
    store.save(&ada, ALIAS).await.unwrap();
    store.save(&bob, "bob").await.unwrap();
    for name in [USER, ALIAS, &USER.to_uppercase(), &ALIAS.to_uppercase()] {
        assert_eq!(store.find(&owner(name)).await.unwrap().as_ref(), Some(&ada), "{name}");
    }
    store.save(&bob, ALIAS).await.unwrap();
    assert_eq!(
        store.find(&owner(ALIAS)).await.unwrap().as_ref(),
        Some(&bob),
        "the name is another's now"
    );
    store.remove(&owner(USER), "eu_9").await.unwrap();
    assert!(store.find(&owner(USER)).await.unwrap().is_some(), "of another device");
    store.remove(&owner(USER), "eu_1").await.unwrap();
    store.remove(&owner(USER), "eu_1").await.unwrap();
    assert_eq!(store.find(&owner(USER)).await.unwrap(), None);
}

/// Some pools tell names apart by case.
#[tokio::test]
async fn users_whose_names_differ_in_case_alone_each_keep_their_record() {
    let store = KeychainStore::within(keychain(), "app");
    let users = [record("ada", "eu_1"), record("Ada", "eu_2")];
    for user in &users {
        store.save(user, &user.owner.username).await.unwrap();
    }
    for user in &users {
        assert_eq!(store.find(&user.owner).await.unwrap().as_ref(), Some(user));
    }
    store.remove(&users[1].owner, "eu_2").await.unwrap();
    assert_eq!(store.find(&users[0].owner).await.unwrap().as_ref(), Some(&users[0]));
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
    assert_eq!(other.find(&owner(USER)).await.unwrap(), None);
}

#[tokio::test]
async fn what_the_keychain_refuses_is_told_without_what_it_holds() {
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
