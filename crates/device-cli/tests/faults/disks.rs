//! A disk whose reads and writes fail, or that is full.

use rand::RngExt as _;
use serde_json::json;

use crate::disk::{Disk, Fault};
use crate::work::Plan;
use crate::world::{CODE_SECONDS, Directory, Place, World};

const USERS: usize = 6;
/// The most that a user does in a round. Most are stopped by a fault before.
const ACTS: usize = 40;

#[test]
fn nothing_acknowledged_is_lost_on_a_failing_disk() {
    let mut plan = Plan::new();
    let rounds = if plan.is_long { 300 } else { 24 };
    let directory = Directory::new();
    let data = directory.path().join("data");
    let (world, users) = World::new(Place::Directory(data.clone()), USERS);
    let mut crew = plan.crew(users);
    let disk = Disk::new(plan.rng.random());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut running = None;
    let mut power_cuts = 0;
    for round in 0..rounds {
        let server = running.take().unwrap_or_else(|| world.start(|serve| disk.mount(serve)));
        let link = world.link(&server);
        // A change that failed may still be in the log. The next one overwrites it, and until then
        // it would be there again after a crash.
        server.ok("TagResource", &world.tag(round));
        runtime.block_on(crew.check(&link));
        world.clock.step(CODE_SECONDS + 1);
        world.set_clock(&server);
        // The first rounds have the faults that are asserted below.
        let kind = if round < 2 { round + 1 } else { plan.rng.random_range(0..4) };
        let (fault, every) = match kind {
            0 => (Fault::FailingReads, plan.rng.random_range(2..30)),
            1 => (Fault::Full, 1),
            2 => (Fault::FailingWrites, 1),
            _ => (Fault::FailingWrites, plan.rng.random_range(2..60)),
        };
        disk.set(fault, every);
        runtime.block_on(crew.work(&link, ACTS));
        if (fault, every) == (Fault::FailingWrites, 1) {
            // No write succeeds.
            let (status, health) = server.get("/health");
            assert_eq!((status, &health["status"]), (503, &json!("degraded")));
        }
        if fault == Fault::Full {
            runtime.block_on(crew.end_or_rest(&link));
        }
        disk.set(Fault::None, 1);
        if plan.rng.random() {
            drop(server);
            disk.settle();
            if plan.rng.random() {
                power_cuts += 1;
                disk.cut_power(&data, plan.rng.random());
            }
        } else {
            running = Some(server);
        }
    }
    let server = running.unwrap_or_else(|| world.start(|serve| disk.mount(serve)));
    let link = world.link(&server);
    server.ok("TagResource", &world.tag(rounds));
    runtime.block_on(async {
        crew.check(&link).await;
        crew.check_devices(&link).await;
    });
    drop(server);
    world.verify();
    let failed = disk.failed();
    plan.report(
        &format!("{rounds} rounds of disk faults, {failed} failures, {power_cuts} power cuts"),
        &crew,
    );
    let rested = crew.counts().get("sessions at rest on a full disk").copied();
    assert!(failed > 0 && rested > Some(0), "{failed} failures, {rested:?} sessions at rest");
}
