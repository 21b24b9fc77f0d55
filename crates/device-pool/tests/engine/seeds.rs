//! Seeds: what a reset leaves if it is disturbed or refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use device_pool::store::{Change, Key, Record, Store, StoreError, Table, Write};
use device_pool::{Invocation, Moment, SeedError, SeedItem, SeedPool};
use device_store::MemoryStore;
use device_wire::Operation;
use device_wire::requests::CreateUserPoolRequest;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

use crate::world::World;

const POOL: &str = "us-east-1_Local0001";

/// A store that tells of a conflict, this often, when a pool is written.
#[derive(Default)]
struct Disturbed {
    store: MemoryStore,
    conflicts: AtomicUsize,
}

impl Store for Disturbed {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.store.get(key)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Record)>, StoreError> {
        self.store.scan(table, prefix, after, limit)
    }

    fn apply(&self, change: Change) -> Result<(), StoreError> {
        let is_pool = |(key, write): &(Key, Write)| {
            key.table == Table::Pool && matches!(write, Write::Put { .. })
        };
        let one_less = |left: usize| left.checked_sub(1);
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        if change.writes.iter().any(is_pool)
            && self.conflicts.fetch_update(set, get, one_less).is_ok()
        {
            return Err(StoreError::Conflict);
        }
        self.store.apply(change)
    }

    fn purge(&self, now_millis: i64) -> Result<usize, StoreError> {
        self.store.purge(now_millis)
    }
}

fn seed(id: &str) -> [SeedItem; 1] {
    let settings = CreateUserPoolRequest::new("seeded");
    [SeedItem::Pool(Box::new(SeedPool { id: id.to_owned(), settings, mfa: None }))]
}

fn reset(world: &World, items: &[SeedItem]) -> Result<(), SeedError> {
    let mut rng = StdRng::seed_from_u64(3);
    world.engine.reset(items, true, &mut Invocation::new(Moment::from_millis(world.now), &mut rng))
}

#[test]
fn a_reset_that_is_disturbed_is_done_again() {
    let store = Arc::new(Disturbed::default());
    let mut world = World::over(store.clone(), 7);
    store.conflicts.store(2, Ordering::Relaxed);
    reset(&world, &seed(POOL)).unwrap();
    assert_eq!(store.conflicts.load(Ordering::Relaxed), 0);
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
