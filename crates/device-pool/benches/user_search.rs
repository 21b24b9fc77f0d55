//! Measures how long searches take among many users, in SQLite.
//!
//! ```text
//! USERS=1000000 cargo bench -p device-pool --bench user_search
//! ```
//!
//! One user is created by the engine. The others are copies of its records under other names, which
//! are written past the engine.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for the terminal, which measures time"
)]

use std::sync::Arc;
use std::time::Instant;

use device_pool::store::{Change, Key, Store, Table, Write};
use device_pool::{Config, Engine, Invocation, Moment, Retention};
use device_store::SqliteStore;
use device_test::TestSigningKeys;
use device_wire::Operation;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

/// Users on a page.
const PAGE: usize = 20;

struct World {
    engine: Engine,
    rng: StdRng,
}

impl World {
    fn ok(&mut self, operation: Operation, body: Value) -> Value {
        let now = Moment::from_millis(1_790_000_000_000);
        let mut invocation = Invocation::new(now, &mut self.rng);
        let outcome = self.engine.execute(operation, body, &mut invocation).unwrap();
        outcome.body.unwrap_or_default()
    }
}

fn main() {
    let count: usize = std::env::var("USERS").map_or(100_000, |text| text.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(directory.path()).unwrap());
    let config = Config {
        region: "eu-test-1".to_owned(),
        account_id: "000000000000".to_owned(),
        public_base_url: "http://localhost".to_owned(),
        retention: Retention::default(),
    };
    let keys = Arc::new(TestSigningKeys::default());
    let engine = Engine::builder(Arc::clone(&store), config, keys).build();
    let mut world = World { engine, rng: StdRng::seed_from_u64(7) };
    let made = world.ok(Operation::CreateUserPool, json!({"PoolName": "people"}));
    let pool = made["UserPool"]["Id"].as_str().unwrap().to_owned();
    let sub = fill(&mut world, &*store, &pool, count);
    let middle = name(count / 2);
    for filter in [
        format!("username = \"{middle}\""),
        format!("username ^= \"{}\"", &middle[..9]),
        format!("email = \"{middle}@example.com\""),
        format!("email ^= \"{}\"", &middle[..10]),
        format!("email ^= \"{}\"", &middle[..8]),
        format!("email ^= \"{}\"", &middle[..7]),
        format!("email ^= \"{}\"", &middle[..5]),
        "email ^= \"nobody\"".to_owned(),
        format!("sub = \"{sub}\""),
        format!("sub ^= \"{}\"", &sub[..5]),
        "status = \"Disabled\"".to_owned(),
        "cognito:user_status = \"CONFIRMED\"".to_owned(),
        "cognito:user_status = \"FORCE_CHANGE_PASSWORD\"".to_owned(),
    ] {
        let request = json!({"UserPoolId": pool, "Filter": filter, "Limit": PAGE});
        let mut took: Vec<f64> = Vec::new();
        let mut users = 0;
        for _ in 0..9 {
            let start = Instant::now();
            let page = world.ok(Operation::ListUsers, request.clone());
            took.push(start.elapsed().as_secs_f64() * 1e3);
            users = page["Users"].as_array().unwrap().len();
        }
        took.sort_by(f64::total_cmp);
        println!("{filter:<52} {users:>3} users {:>8.2} ms", took[4]);
    }
}

fn name(number: usize) -> String {
    format!("user{number:07}")
}

/// Fills the pool with users; returns the `sub` of the first.
fn fill(world: &mut World, store: &dyn Store, pool: &str, count: usize) -> String {
    let email = format!("{}@example.com", name(0));
    let user = json!({"UserPoolId": pool, "Username": name(0), "MessageAction": "SUPPRESS",
        "UserAttributes": [{"Name": "email", "Value": email}]});
    let made = world.ok(Operation::AdminCreateUser, user);
    let attributes = made["User"]["Attributes"].as_array().unwrap();
    let sub = attributes.iter().find(|attribute| attribute["Name"] == "sub").unwrap();
    let sub = sub["Value"].as_str().unwrap().to_owned();
    let tables = [Table::User, Table::UserProfile, Table::Login, Table::UserIndex];
    let records: Vec<_> =
        tables.iter().flat_map(|table| store.scan(*table, "", None, 99).unwrap()).collect();
    let mut writes = Vec::new();
    for n in 1..count {
        let number = u64::try_from(n).unwrap();
        let other =
            format!("{:08x}{}", number.wrapping_mul(2_654_435_761) & 0xffff_ffff, &sub[8..]);
        for (key, record) in &records {
            let renamed = |text: &str| text.replace(&name(0), &name(n)).replace(&sub, &other);
            let body = renamed(std::str::from_utf8(&record.body).unwrap()).into_bytes();
            let key = Key { table: key.table, id: renamed(&key.id) };
            writes.push((key, Write::Put { body, expires_at: None }));
        }
        if writes.len() >= 10_000 || n + 1 == count {
            let writes = std::mem::take(&mut writes);
            store.apply(Change { expect: Vec::new(), writes }).unwrap();
        }
    }
    sub
}
