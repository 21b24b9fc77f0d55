//! Seeds: what a reset leaves if it is disturbed or refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use device_pool::store::{Key, StoreError, Table, Write};
use device_pool::{Invocation, Moment, SeedError, SeedItem, SeedPool, SeedVerifiers};
use device_wire::Operation;
use device_wire::requests::CreateUserPoolRequest;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

use crate::meddled::{Call, Meddled};
use crate::world::World;

const POOL: &str = "us-east-1_Local0001";

fn seed(id: &str) -> [SeedItem; 1] {
    let settings = CreateUserPoolRequest::new("seeded");
    [SeedItem::Pool(Box::new(SeedPool { id: id.to_owned(), settings, mfa: None }))]
}

fn reset(world: &World, items: &[SeedItem]) -> Result<(), SeedError> {
    let mut rng = StdRng::seed_from_u64(3);
    let mut invocation = Invocation::new(Moment::from_millis(world.now), &mut rng);
    world.engine.reset(items, SeedVerifiers::OnFirstRead, &mut invocation)
}

#[test]
fn a_reset_that_is_disturbed_is_done_again() {
    let (store, conflicts) = (Arc::new(Meddled::default()), Arc::new(AtomicUsize::new(2)));
    let mut world = World::over(store.clone(), 7);
    let left = conflicts.clone();
    store.meddle(move |call| {
        let is_pool = |(key, write): &(Key, Write)| {
            key.table == Table::Pool && matches!(write, Write::Put { .. })
        };
        let plants = matches!(call, Call::Apply(change) if change.writes.iter().any(is_pool));
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        if plants && left.fetch_update(set, get, |left| left.checked_sub(1)).is_ok() {
            return Err(StoreError::Conflict);
        }
        Ok(())
    });
    reset(&world, &seed(POOL)).unwrap();
    assert_eq!(conflicts.load(Ordering::Relaxed), 0);
    let pools = world.ok(Operation::ListUserPools, json!({ "MaxResults": 9 }));
    assert_eq!(pools["UserPools"].as_array().map(Vec::len), Some(1));
    assert_eq!(pools["UserPools"][0]["Id"], POOL);
}

#[test]
fn a_reset_whose_seed_is_refused_removes_nothing() {
    let mut world = World::new();
    let before = world.ok(Operation::ListUserPools, json!({ "MaxResults": 9 }));
    let refused = reset(&world, &seed("no pool id")).unwrap_err();
    assert_eq!((refused.item, refused.field.as_str()), (0, "Id"));
    assert_eq!(world.ok(Operation::ListUserPools, json!({ "MaxResults": 9 })), before);
}
