//! Steps of the clock, forwards and backwards.

use rand::RngExt as _;

use crate::work::Plan;
use crate::world::{CODE_SECONDS, Directory, Place, World};

const USERS: usize = 4;
const ACTS: usize = 10;

/// Seconds that the clock steps by, and the steps that follow.
const STEPS: [&[i64]; 6] =
    [&[300], &[-300], &[300, -300], &[-300, 300], &[600, -600], &[-1, 1, -60, 60]];

#[test]
fn clock_steps_end_nothing_and_repeat_nothing() {
    let mut plan = Plan::new();
    let rounds = if plan.is_long { 200 } else { 12 };
    let directory = Directory::new();
    let (world, users) = World::new(Place::Directory(directory.path().join("data")), USERS);
    let mut crew = plan.crew(users);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = world.start(|_| ());
    let link = world.link(&server);
    for round in 0..rounds {
        world.clock.step(CODE_SECONDS + 1);
        world.set_clock(&server);
        runtime.block_on(crew.work(&link, ACTS));
        let steps = match STEPS.get(round) {
            Some(steps) => steps,
            None => STEPS[plan.rng.random_range(0..STEPS.len())],
        };
        for seconds in steps {
            world.clock.step(*seconds);
            // The server removes what has expired by that clock.
            world.set_clock(&server);
        }
        // Sends every proof and code again that was accepted before the steps.
        runtime.block_on(crew.check(&link));
    }
    world.clock.step(CODE_SECONDS + 1);
    world.set_clock(&server);
    runtime.block_on(crew.check_devices(&link));
    drop(server);
    world.verify();
    plan.report(&format!("{rounds} rounds of clock steps"), &crew);
    assert!(crew.counts()["used proofs refused"] > 0);
}
