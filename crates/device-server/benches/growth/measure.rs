//! The calls that are measured, one after the other.

use std::sync::Arc;

use device_server::Service;
use rustix::time::ClockId;
use serde_json::{Value, json};

use crate::caller::{Device, Spent, microseconds};
use crate::crowd::{Crowd, email, name, phone, preferred, scattered};

/// Microseconds of each call of one kind: until the answer, and of CPU.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) wall: Vec<f64>,
    pub(crate) cpu: Vec<f64>,
}

impl Taken {
    /// Runs an act. The client's own arithmetic does not count.
    async fn add(&mut self, act: impl AsyncFnOnce(&mut Spent)) {
        let mut spent = Spent::default();
        let started = microseconds(ClockId::ProcessCPUTime);
        act(&mut spent).await;
        self.cpu.push(microseconds(ClockId::ProcessCPUTime) - started - spent.computing);
        self.wall.push(spent.calls);
    }
}

/// Sign-ins of different users, and their access tokens.
pub(crate) async fn sign_ins(crowd: &Crowd) -> (Taken, Vec<String>) {
    let (mut taken, mut tokens) = (Taken::default(), Vec::new());
    for device in &crowd.members {
        let token = &mut String::new();
        taken.add(async |spent| *token = crowd.caller.sign_in(device, spent).await).await;
        tokens.push(std::mem::take(token));
    }
    (taken, tokens)
}

/// Sign-ins of the user who has the most devices, and an access token.
pub(crate) async fn sign_ins_of_one(crowd: &Crowd, rounds: usize) -> (Taken, String) {
    let (mut taken, mut token) = (Taken::default(), String::new());
    for _ in 0..rounds {
        let token = &mut token;
        taken.add(async |spent| *token = crowd.caller.sign_in(&crowd.most, spent).await).await;
    }
    (taken, token)
}

/// `ListDevices` with each of these tokens: the first page.
pub(crate) async fn lists(crowd: &Crowd, tokens: impl Iterator<Item = &str>) -> Taken {
    let mut taken = Taken::default();
    for token in tokens {
        let body = json!({ "AccessToken": token });
        taken
            .add(async |spent| {
                let answer = crowd.caller.timed("ListDevices", body, spent).await;
                assert!(answer["Devices"].as_array().is_some_and(|list| !list.is_empty()));
            })
            .await;
    }
    taken
}

/// Sign-ins of these users without a device, whose answers have the key of a new one.
pub(crate) async fn new_devices(crowd: &Crowd, of: impl Iterator<Item = &Device>) -> Vec<Value> {
    let mut answers = Vec::new();
    for Device { username, .. } in of {
        answers.push(crowd.caller.sign_in_anew(username).await);
    }
    answers
}

/// `ConfirmDevice` of the devices that these answers offer.
pub(crate) async fn confirmations(crowd: &Crowd, answers: Vec<Value>) -> Taken {
    let mut taken = Taken::default();
    for answer in answers {
        taken.add(async |spent| drop(crowd.caller.confirm(&answer, spent).await)).await;
    }
    taken
}

/// What `ListUsers` is asked: a name for the table, and the filter for a user's number.
type Search = (&'static str, fn(&Crowd, usize) -> String);

pub(crate) const SEARCHES: [Search; 14] = [
    ("username =", |_, n| format!("username = \"{}\"", name(n))),
    ("username ^=", |_, n| format!("username ^= \"{}\"", start(&name(n)))),
    ("email =", |_, n| format!("email = \"{}\"", email(n))),
    ("email ^=", |_, n| format!("email ^= \"{}\"", start(&name(n)))),
    ("phone_number =", |_, n| format!("phone_number = \"{}\"", phone(n))),
    ("phone_number ^=", |_, n| format!("phone_number ^= \"{}\"", start(&phone(n)))),
    ("preferred_username =", |_, n| format!("preferred_username = \"{}\"", preferred(n))),
    ("preferred_username ^=", |_, n| format!("preferred_username ^= \"{}\"", start(&preferred(n)))),
    ("sub =", |crowd, n| format!("sub = \"{}\"", sub(crowd, n))),
    ("sub ^=", |crowd, n| {
        // Digits enough for a page and no more.
        let digits = (crowd.users as f64 / 60.0).log(16.0).max(1.0) as usize;
        format!("sub ^= \"{}\"", &sub(crowd, n)[..digits])
    }),
    ("cognito:user_status =", |_, _| "cognito:user_status = \"CONFIRMED\"".to_owned()),
    ("cognito:user_status ^=", |_, _| "cognito:user_status ^= \"CONF\"".to_owned()),
    ("status =", |_, _| "status = \"Enabled\"".to_owned()),
    ("status = \"Disabled\"", |_, _| "status = \"Disabled\"".to_owned()),
];

/// A value without its last two digits, which a hundred users have.
fn start(value: &str) -> &str {
    &value[..value.len() - 2]
}

/// The `sub` of a user who is a copy. Users who can sign in have others.
fn sub(crowd: &Crowd, n: usize) -> String {
    let is_member = crowd.members.iter().any(|member| member.username == name(n));
    scattered(&crowd.sub, if is_member { n + 1 } else { n })
}

/// `ListUsers` with a filter, about users from anywhere in the pool.
pub(crate) async fn searches(crowd: &Crowd, (title, filter): Search, rounds: usize) -> Taken {
    let mut taken = Taken::default();
    for round in 0..rounds {
        let n = round.wrapping_mul(2_654_435_761) % crowd.users;
        let body = json!({ "UserPoolId": crowd.caller.pool, "Filter": filter(crowd, n) });
        let found = &mut Value::Null;
        taken.add(async |spent| *found = crowd.caller.timed("ListUsers", body, spent).await).await;
        let found = found["Users"].as_array().map_or(0, Vec::len);
        let is_right = match title {
            "status = \"Disabled\"" => found == 0,
            _ if title.ends_with("^=") || title.contains("status") => found > 0,
            _ => found == 1,
        };
        assert!(is_right, "{title} {found} {}", filter(crowd, n));
    }
    taken
}

/// What a server does once a minute.
pub(crate) async fn minutes(service: &Arc<Service>, rounds: usize) -> Taken {
    let mut taken = Taken::default();
    for _ in 0..rounds {
        taken
            .add(async |spent| {
                let started = std::time::Instant::now();
                service.maintain().await;
                spent.calls = started.elapsed().as_secs_f64() * 1e6;
            })
            .await;
    }
    taken
}
