//! The users of the benchmark `growth` are those that the engine would have written.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test")]

#[allow(dead_code, reason = "the benchmark needs more of it")]
#[path = "../benches/growth/caller.rs"]
mod caller;
#[allow(dead_code, reason = "the benchmark needs more of it")]
#[path = "../benches/growth/crowd.rs"]
mod crowd;

use device_pool::check_records;
use device_pool::store::Table;
use device_server::{MasterKeySource, Moment, Storage, is_own_record};
use serde_json::json;

use crate::caller::Spent;
use crate::crowd::{Crowd, Size, email};

#[tokio::test]
async fn planted_users_are_as_the_engine_writes_them() {
    let directory = tempfile::tempdir().unwrap();
    let storage = Storage::Directory(directory.path().to_owned());
    let key = MasterKeySource::OwnFile(directory.path().join("master.key"));
    let store = storage.open_sealed(key).unwrap();
    let (_service, caller) = crowd::serve(&store).await;
    let size = Size { users: 9, devices: 3, most_devices: 7, members: 2 };
    let crowd = Crowd::plant(caller, &*store, size).await;

    assert!(store.defects().unwrap().is_empty());
    let found = check_records(&*store, Moment::from_millis(0), &is_own_record, &mut |_| {});
    let found = found.unwrap();
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    assert_eq!(found.records[&Table::User], 10);
    assert_eq!(found.records[&Table::Device], 9 * 3 + 7);
    for device in crowd.members.iter().chain([&crowd.most]) {
        crowd.caller.sign_in(device, &mut Spent::default()).await;
    }
    for n in 0..10 {
        let filter = format!("email = \"{}\"", email(n));
        let body = json!({ "UserPoolId": crowd.caller.pool, "Filter": filter });
        let users = crowd.caller.call("ListUsers", body).await["Users"].take();
        assert_eq!(users.as_array().unwrap().len(), 1, "{users}");
        let body = json!({ "UserPoolId": crowd.caller.pool, "Username": email(n) });
        let listed = crowd.caller.call("AdminListDevices", body).await["Devices"].take();
        assert_eq!(listed.as_array().unwrap().len(), if n == 9 { 7 } else { 3 });
    }
}
