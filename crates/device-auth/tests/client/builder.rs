//! Setting up a client.

use device_auth::{StoreError, Warning};

use super::*;

fn refused(builder: device_auth::Builder) -> String {
    match builder.build() {
        Err(Error::Configuration(problem)) => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_malformed_pool_id_is_refused_with_the_right_form() {
    for id in ["", "eu-west-1", "_Ab12Cd34E", "eu-west-1_"] {
        let problem = refused(DeviceAuth::builder(id, CLIENT));
        assert!(problem.contains(&format!("{id:?}")), "{problem}");
        assert!(problem.contains("<region>_<name>, such as eu-west-1_Ab12Cd34E"), "{problem}");
    }
    assert!(refused(DeviceAuth::builder(POOL, "")).contains("app client's id is empty"));
}

#[test]
fn a_setting_beside_a_given_http_client_is_refused() {
    let http = Client::builder().endpoint_url("http://pool.test").build().unwrap();
    let builder = || DeviceAuth::builder(POOL, CLIENT).http(http.clone());
    for (setting, builder) in [
        ("`observer`", builder().observer(|_| {})),
        ("`region`", builder().region("eu-west-2")),
        ("`endpoint_url`", builder().endpoint_url("http://other.test")),
    ] {
        assert!(refused(builder).starts_with(setting), "{setting}");
    }
    builder().build().unwrap();
}

#[test]
fn a_warning_describes_its_consequence() {
    let store = || StoreError::new("the disk is full");
    for (warning, follows) in [
        (Warning::DeviceNotConfirmed(Error::SignedOut), "not confirmed"),
        (Warning::DeviceNotRemembered(Error::SignedOut), "not remembered"),
        (Warning::RecordNotSaved(store()), "new at the next sign-in: the disk is full"),
        (Warning::RecordNotDeleted(store()), "not deleted: the disk is full"),
        (Warning::SessionNotSaved(store()), "not outlive this process: the disk is full"),
    ] {
        assert!(warning.to_string().contains(follows), "{warning}");
    }
}
