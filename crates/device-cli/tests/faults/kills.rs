//! `kill -9` at random moments, half of them with a power cut.

use std::thread::sleep;
use std::time::Duration;

use rand::RngExt as _;

use crate::disk::Disk;
use crate::process::Serving;
use crate::work::Plan;
use crate::world::{CODE_SECONDS, Directory, Place, World, kill};

const USERS: usize = 6;

/// How often the stored data is verified as well.
const VERIFY_EVERY: usize = 40;

#[test]
fn nothing_acknowledged_is_lost_by_kills_and_power_cuts() {
    let mut plan = Plan::new();
    let rounds = if plan.is_long { 1000 } else { 40 };
    let directory = Directory::new();
    let data = directory.path().join("data");
    let (world, users) = World::new(Place::Directory(data.clone()), USERS);
    let mut crew = plan.crew(users);
    let disk = Disk::new(plan.rng.random());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (mut power_cuts, mut unsynced) = (0, 0);
    let mut end = |server: Serving, rng: &mut rand::rngs::StdRng| {
        drop(server);
        disk.settle();
        if rng.random() {
            power_cuts += 1;
            unsynced += disk.cut_power(&data, rng.random());
        }
    };
    for round in 1..=rounds {
        if plan.rng.random_range(0..10) == 0 {
            // A kill at the start, which may be while the server recovers from the last one.
            let mut serve = world.serve();
            disk.mount(&mut serve);
            let mut process = serve.stdout(std::process::Stdio::null()).spawn().unwrap();
            sleep(Duration::from_micros(plan.rng.random_range(0..60_000)));
            kill(&mut process);
            disk.settle();
        }
        let server = world.start(|serve| disk.mount(serve));
        let link = world.link(&server);
        runtime.block_on(crew.check(&link));
        world.clock.step(CODE_SECONDS + 1);
        world.set_clock(&server);
        // So many answers later, and a moment.
        let answers = plan.rng.random_range(0..40);
        let moment = Duration::from_micros(plan.rng.random_range(0..4000));
        let link = world.link(&server);
        runtime.block_on(async {
            let killer = async {
                link.answered(answers).await;
                sleep(moment);
                end(server, &mut plan.rng);
            };
            tokio::join!(crew.work(&link, usize::MAX), killer);
        });
        if round % VERIFY_EVERY == 0 {
            world.verify();
            println!("round {round}");
        }
    }
    let server = world.start(|serve| disk.mount(serve));
    let link = world.link(&server);
    runtime.block_on(async {
        crew.check(&link).await;
        crew.check_devices(&link).await;
    });
    drop(server);
    world.verify();
    plan.report(&format!("{rounds} kills, {power_cuts} power cuts, {unsynced} unsynced"), &crew);
    let counts = crew.counts();
    // In a few rounds, none may meet one.
    assert!(unsynced > 0 || !plan.is_long, "no power cut met a change that was not synced");
    for kind in ["confirmed devices", "forgotten devices", "refreshes", "used proofs refused"] {
        assert!(counts.get(kind).is_some_and(|count| *count > 0), "no {kind} in {counts:?}");
    }
}
