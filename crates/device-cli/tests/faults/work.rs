//! The users at work, and what is done to them meanwhile.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::JoinSet;

use crate::user::{Lost, User};
use crate::world::{Enrolled, Link};

/// How long anything is waited for that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// How long to go on, and the seed of everything that is chosen at random.
pub(crate) struct Plan {
    pub(crate) is_long: bool,
    pub(crate) rng: StdRng,
    seed: u64,
}

impl Plan {
    /// Reads the plan of `cargo xtask faults`.
    pub(crate) fn new() -> Self {
        let seed = match env::var("DEVICE_FAULTS_SEED") {
            Ok(seed) => seed.parse().expect("DEVICE_FAULTS_SEED is no number"),
            Err(_) => rand::random(),
        };
        let is_long = env::var_os("DEVICE_FAULTS_LONG").is_some();
        println!("seed {seed}");
        Self { is_long, rng: StdRng::seed_from_u64(seed), seed }
    }

    pub(crate) fn crew(&mut self, enrolled: Vec<Enrolled>) -> Crew {
        let users = enrolled.into_iter().map(|app| User::new(app, self.rng.random()));
        Crew { users: users.collect() }
    }

    /// Prints what happened.
    pub(crate) fn report(&self, what: &str, crew: &Crew) {
        let mut text = format!("{what} (seed {})\n", self.seed);
        for (name, count) in crew.counts() {
            writeln!(text, "  {count:>7} {name}").unwrap();
        }
        print!("{text}");
    }
}

/// All users.
pub(crate) struct Crew {
    users: Vec<User>,
}

/// What all users do at a time.
#[derive(Clone, Copy)]
enum Task {
    Work { acts: usize },
    Check,
    CheckDevices,
    EndOrRest,
}

impl Crew {
    /// Everyone works, at most so many acts each. Who gets no answer stops.
    pub(crate) async fn work(&mut self, link: &Link, acts: usize) {
        self.perform(link, Task::Work { acts }).await;
    }

    /// Everyone checks all that was acknowledged. No fault may be in the way.
    pub(crate) async fn check(&mut self, link: &Link) {
        let all_answered = self.perform(link, Task::Check).await;
        assert!(all_answered, "no answer without a fault");
    }

    /// On a full disk, everyone ends the sessions. Those that cannot be ended must not go on.
    pub(crate) async fn end_or_rest(&mut self, link: &Link) {
        self.perform(link, Task::EndOrRest).await;
    }

    /// Everyone signs in with every device.
    pub(crate) async fn check_devices(&mut self, link: &Link) {
        let all_answered = self.perform(link, Task::CheckDevices).await;
        assert!(all_answered, "no answer without a fault");
    }

    /// Returns whether everyone got all answers.
    async fn perform(&mut self, link: &Link, task: Task) -> bool {
        let mut tasks = JoinSet::new();
        for (at, mut user) in std::mem::take(&mut self.users).into_iter().enumerate() {
            let link = link.clone();
            tasks.spawn(async move {
                let outcome = match task {
                    Task::Work { acts } => work(&mut user, &link, acts).await,
                    Task::Check => user.check(&link).await,
                    Task::CheckDevices => user.check_devices(&link).await,
                    Task::EndOrRest => user.end_or_rest(&link).await,
                };
                (at, user, outcome.is_ok())
            });
        }
        let mut all = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok(user) => all.push(user),
                Err(failed) => std::panic::resume_unwind(failed.into_panic()),
            }
        }
        all.sort_by_key(|(at, ..)| *at);
        let all_answered = all.iter().all(|(.., answered)| *answered);
        self.users = all.into_iter().map(|(_, user, _)| user).collect();
        all_answered
    }

    /// How often each thing happened, to all users.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        let mut total = BTreeMap::new();
        for (name, count) in self.users.iter().flat_map(|user| &user.counts) {
            *total.entry(*name).or_default() += count;
        }
        total
    }
}

async fn work(user: &mut User, link: &Link, acts: usize) -> Result<(), Lost> {
    for _ in 0..acts {
        if link.stop.load(Ordering::Relaxed) {
            break;
        }
        user.act(link).await?;
    }
    Ok(())
}
