//! A pool with any number of users and devices.
//!
//! A few users are made by calls, at even distances among all names: those can sign in. The records
//! of the others are copies of theirs under other ids, past the engine but through the store.

use std::sync::Arc;

use device_pool::store::{Change, Key, Record, Store, Table, Write};
use device_server::{Administrators, DevMode, SealedStore, Service, app};
use device_test::{TestSigningKeys, config};
use serde_json::{Value, json};

use crate::caller::{Caller, Device};

/// The most records of one change. PostgreSQL takes a lock for each, of 6,400 by default.
const BATCH: usize = 4000;

/// The kinds of records that a user has from the beginning.
const TABLES: [Table; 6] = [
    Table::User,
    Table::UserProfile,
    Table::PasswordHistory,
    Table::Login,
    Table::UserIndex,
    Table::Device,
];

/// How many users and devices there are.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) users: usize,
    /// The devices of each user.
    pub(crate) devices: usize,
    /// The devices of one further user.
    pub(crate) most_devices: usize,
    /// The users who can sign in.
    pub(crate) members: usize,
}

/// A service of the records in a store, and a pool whose users sign in with all kinds of names.
pub(crate) async fn serve(store: &Arc<SealedStore>) -> (Arc<Service>, Caller) {
    let records = Arc::<SealedStore>::clone(store);
    let service = Service::builder(records, config("http://pool.test"))
        .sealed(Arc::clone(store))
        .administrators(Administrators::Anyone(DevMode::default()))
        .signing_keys(Arc::new(TestSigningKeys::default()))
        .build();
    let names = ["email", "phone_number", "preferred_username"];
    let settings = json!({ "AliasAttributes": names });
    let caller = Caller::new(app(Arc::clone(&service)), settings).await;
    (service, caller)
}

/// A filled pool.
pub(crate) struct Crowd {
    pub(crate) caller: Caller,
    /// A device of each user who can sign in.
    pub(crate) members: Vec<Device>,
    /// A device of the user who has the most.
    pub(crate) most: Device,
    /// The `sub` of the first user, which those of the copies are made of.
    pub(crate) sub: String,
    pub(crate) users: usize,
}

impl Crowd {
    /// Fills an empty store, whose pools `caller` calls.
    pub(crate) async fn plant(caller: Caller, store: &dyn Store, size: Size) -> Self {
        let Size { users, devices, most_devices, members: count } = size;
        let mut members = vec![make(&caller, 0).await];
        let template = Template::of(store, &members[0]);
        let mut writes = Writes::new(store, &caller.pool);
        for n in 0..users {
            if n * count / users == members.len() {
                members.push(make(&caller, n).await);
            }
            let is_member = n == 0 || members.last().is_some_and(|last| last.username == name(n));
            if is_member {
                let own = Template::of_devices(store, &caller.pool, &members[members.len() - 1]);
                own.more_devices(n, 1..devices, &mut writes);
            } else {
                template.user(n, &mut writes);
                template.more_devices(n, 0..devices, &mut writes);
            }
        }
        let most = make(&caller, users).await;
        let own = Template::of_devices(store, &caller.pool, &most);
        own.more_devices(users, 1..most_devices, &mut writes);
        writes.apply();
        Self { caller, members, most, sub: template.sub, users }
    }
}

/// Makes a user with a device by calls.
async fn make(caller: &Caller, n: usize) -> Device {
    let attribute = |name: &str, value: String| json!({ "Name": name, "Value": value });
    let attributes = json!([
        attribute("email", email(n)),
        attribute("email_verified", "true".to_owned()),
        attribute("phone_number", phone(n)),
        attribute("phone_number_verified", "true".to_owned()),
        attribute("preferred_username", preferred(n)),
        attribute("given_name", "Ada".to_owned()),
        attribute("family_name", "Lovelace".to_owned()),
    ]);
    caller.remembered(&name(n), attributes).await
}

pub(crate) fn name(n: usize) -> String {
    format!("user{n:08}")
}

pub(crate) fn email(n: usize) -> String {
    format!("{}@example.com", name(n))
}

pub(crate) fn phone(n: usize) -> String {
    format!("+1{n:010}")
}

pub(crate) fn preferred(n: usize) -> String {
    format!("called-{}", name(n))
}

/// The same text with other first digits, which are different for each number.
pub(crate) fn scattered(uuid: &str, n: usize) -> String {
    let first = u32::try_from(n).unwrap().wrapping_add(1).wrapping_mul(2_654_435_761);
    format!("{first:08x}{}", &uuid[8..])
}

/// The records of a user, which those of others are made of.
struct Template {
    records: Vec<(Key, Record)>,
    devices: Vec<(Key, Record)>,
    sub: String,
    /// The device key without its region.
    device: String,
}

impl Template {
    /// That of the only user.
    fn of(store: &dyn Store, device: &Device) -> Self {
        let all = TABLES.into_iter().flat_map(|table| store.scan(table, "", None, 100).unwrap());
        let (devices, records): (Vec<_>, Vec<_>) =
            all.partition(|(key, _)| key.table == Table::Device);
        let user = records.iter().find(|(key, _)| key.table == Table::User).unwrap();
        let user: Value = serde_json::from_slice(&user.1.body).unwrap();
        let sub = user["sub"].as_str().unwrap().to_owned();
        Self { records, devices, sub, device: uuid_of(device) }
    }

    /// Only the devices.
    fn of_devices(store: &dyn Store, pool: &str, device: &Device) -> Self {
        let prefix = format!("{pool}/{}/", device.username);
        let devices = store.scan(Table::Device, &prefix, None, 1).unwrap();
        Self { records: Vec::new(), devices, sub: String::new(), device: uuid_of(device) }
    }

    /// Makes the user of this number, without devices.
    fn user(&self, n: usize, writes: &mut Writes<'_>) {
        for (key, record) in &self.records {
            writes.put(key, record, |text| self.renamed(text, n));
        }
        writes.users += 1;
    }

    /// Makes these devices of a user.
    fn more_devices(&self, n: usize, range: std::ops::Range<usize>, writes: &mut Writes<'_>) {
        for k in range {
            let other = scattered(&self.device, n);
            let other = format!("{}-{k:04x}{}", &other[..8], &other[13..]);
            for (key, record) in &self.devices {
                writes.put(key, record, |text| self.renamed(text, n).replace(&self.device, &other));
            }
            writes.devices += 1;
        }
    }

    /// What was said of the template, for another user. Their own records stay as they are.
    fn renamed(&self, text: &str, n: usize) -> String {
        if self.sub.is_empty() {
            return text.to_owned();
        }
        text.replace(&name(0), &name(n))
            .replace(&phone(0), &phone(n))
            .replace(&self.sub, &scattered(&self.sub, n))
    }
}

/// A device key without its region.
fn uuid_of(device: &Device) -> String {
    device.key.split_once('_').unwrap().1.to_owned()
}

/// Writes that wait to be applied together.
struct Writes<'s> {
    store: &'s dyn Store,
    pool: String,
    waiting: Vec<(Key, Write)>,
    users: usize,
    devices: usize,
    changes: usize,
}

impl<'s> Writes<'s> {
    fn new(store: &'s dyn Store, pool: &str) -> Self {
        let pool = pool.to_owned();
        Self { store, pool, waiting: Vec::new(), users: 0, devices: 0, changes: 0 }
    }

    fn put(&mut self, key: &Key, record: &Record, renamed: impl Fn(&str) -> String) {
        let key = Key { table: key.table, id: renamed(&key.id) };
        let body = renamed(std::str::from_utf8(&record.body).unwrap()).into_bytes();
        self.waiting.push((key, Write::Put { body, expires_at: None }));
        if self.waiting.len() >= BATCH {
            self.apply();
        }
    }

    /// Applies them. The counts go along, as with a command.
    fn apply(&mut self) {
        let counts = json!({ "users": self.users, "remembered": self.devices });
        let key =
            Key { table: Table::Count, id: format!("{}/change/{:032x}", self.pool, self.changes) };
        self.changes += 1;
        (self.users, self.devices) = (0, 0);
        let body = counts.to_string().into_bytes();
        self.waiting.push((key, Write::Put { body, expires_at: None }));
        let writes = std::mem::take(&mut self.waiting);
        self.store.apply(Change { expect: Vec::new(), writes }).unwrap();
    }
}
