//! Device secrets that are replaced at each sign-in (`device:rotate-secret`).

use std::future::poll_fn;
use std::task::Poll;

use device_auth::{DeviceRecord, DeviceStatus, DeviceStore as _};
use device_wire::Operation;
use serde_json::json;

use super::world::{done, password_of, sign_in_with_code};
use super::*;

/// A pool that rotates secrets, where Ada has a remembered device.
async fn rotating() -> World {
    let world = World::new(Devices::Always, Mfa::Totp);
    sign_in_with_code(&world.app(), &world).await;
    let pool = world.run(Operation::DescribeUserPool, json!({ "UserPoolId": world.pool }));
    let tags = json!({ "device:rotate-secret": "on" });
    let request = json!({ "ResourceArn": pool["UserPool"]["Arn"], "Tags": tags });
    world.run(Operation::TagResource, request);
    world
}

async fn record(world: &World, installation: &str) -> DeviceRecord {
    let records = world.store(installation).find(&world.owner()).await.unwrap();
    records.into_iter().next_back().expect("a record")
}

/// Copies the record of an installation, as a thief or a backup would.
async fn copy(world: &World, from: &str, to: &str) {
    world.store(to).save(&record(world, from).await, USER).await.unwrap();
}

#[tokio::test]
async fn each_sign_in_replaces_the_secret() {
    let world = rotating().await;
    let mut secrets = vec![record(&world, "device").await.password];
    for _ in 0..3 {
        let signed_in = done(world.app().sign_in(password_of(USER)).await.unwrap());
        assert!(signed_in.warnings.is_empty(), "{:?}", signed_in.warnings);
        let record = record(&world, "device").await;
        assert_eq!(record.status, DeviceStatus::Remembered);
        assert!(!secrets.contains(&record.password), "the secret was used before");
        secrets.push(record.password);
    }
    assert_eq!(world.all_devices().len(), 1);
}

/// After a copy was used, the next sign-in by the other side is noticed, whether that is the thief
/// or the owner. From then on the device no longer replaces a second factor.
#[tokio::test]
async fn a_copy_is_noticed_at_the_next_sign_in() {
    for (first, second) in [("thief", "device"), ("device", "thief")] {
        for uses in 1..=3 {
            let world = rotating().await;
            copy(&world, "device", "thief").await;
            for _ in 0..uses {
                done(world.app_at(first).sign_in(password_of(USER)).await.unwrap());
            }
            // The second side's secret is refused; it starts again and is asked for a code.
            sign_in_with_code(&world.app_at(second), &world).await;
            // From now on the first side is asked for a code too.
            sign_in_with_code(&world.app_at(first), &world).await;
        }
    }
}

/// A sign-in is dropped after one poll, another after two, and so on until one completes, as if the
/// app had ended. The next start signs in without a code.
#[tokio::test]
async fn a_sign_in_that_is_cut_off_costs_nothing() {
    let world = rotating().await;
    for cut in 1.. {
        let app = world.app();
        let mut sign_in = Box::pin(app.sign_in(password_of(USER)));
        let mut polls = 0;
        let finished = poll_fn(|cx| {
            if polls == cut {
                return Poll::Ready(false);
            }
            polls += 1;
            sign_in.as_mut().poll(cx).map(|step| {
                done(step.unwrap());
                true
            })
        })
        .await;
        drop(sign_in);
        let step = match world.app().sign_in(password_of(USER)).await {
            // The request of the dropped sign-in arrived during this one.
            Err(Error::Service(_)) => world.app().sign_in(password_of(USER)).await,
            step => step,
        };
        done(step.expect("the record is still valid"));
        assert_eq!(world.all_devices().len(), 1, "cut after {cut} polls");
        if finished {
            assert!(cut > 5, "a sign-in takes several polls");
            return;
        }
    }
}

/// Sign-ins of one device at once, by clients that share its store as processes would. One thread
/// for blocking work is enough: those that wait occupy none.
#[test]
fn sign_ins_of_a_device_at_once_all_pass() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.max_blocking_threads(1).enable_all().build().unwrap();
    runtime.block_on(sign_in_at_once());
}

async fn sign_in_at_once() {
    let world = rotating().await;
    let attempts: Vec<_> = (0..4)
        .map(|_| {
            let app = world.app();
            tokio::spawn(async move { app.sign_in(password_of(USER)).await })
        })
        .collect();
    for attempt in attempts {
        let signed_in = done(attempt.await.unwrap().expect("no alarm, and no lost session"));
        assert!(signed_in.warnings.is_empty(), "{:?}", signed_in.warnings);
    }
    done(world.app().sign_in(password_of(USER)).await.unwrap());
    assert_eq!(world.all_devices().len(), 1);
}

/// The device proves itself in a turn, which a sign-in gives back at its end.
#[tokio::test]
async fn a_device_waits_for_its_turn() {
    let world = rotating().await;
    let (store, app) = (world.store("device"), world.app());
    let key = record(&world, "device").await.device_key;
    let turn = store.take_device_turn(&key).await.unwrap();
    let waiting = tokio::spawn(async move { app.sign_in(password_of(USER)).await });
    while !world.calls().iter().any(|step| step == "PASSWORD_VERIFIER") {
        tokio::task::yield_now().await;
    }
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert!(!world.calls().iter().any(|step| step == "DEVICE_SRP_AUTH"));
    drop(turn);
    done(waiting.await.unwrap().unwrap());
    drop(store.take_device_turn(&key).await.unwrap());
}
