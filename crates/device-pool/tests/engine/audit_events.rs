//! Events of the audit trail, read in pages.

use device_pool::AuditEventsRequest;
use device_wire::Operation;
use serde_json::{Value, json};

use crate::audit::stored;
use crate::audit_log::{DAY, world};
use crate::world::World;

/// All events that a call finds, the oldest first, and the number of its pages.
fn found(world: &World, mut request: AuditEventsRequest) -> (Vec<Value>, usize) {
    let (mut events, mut pages) = (Vec::new(), 0);
    loop {
        let page = world.engine.audit_events(&request).unwrap();
        pages += 1;
        events.extend(page.events);
        request.next = page.next;
        if request.next.is_none() {
            break;
        }
    }
    events.sort_by_key(|event| event["at"].as_i64());
    (events, pages)
}

#[test]
fn events_since_a_time_are_found_on_every_page() {
    let (mut world, store) = world();
    let pool = world.pool.clone();
    let user = |number: usize| json!({ "UserPoolId": pool, "Username": format!("u{number}") });
    for number in 0..120 {
        world.seconds(1);
        let mut created = user(number);
        created["MessageAction"] = json!("SUPPRESS");
        world.ok(Operation::AdminCreateUser, created);
    }
    world.seconds(30 * DAY);
    let since = world.now;
    for number in [3, 60, 119] {
        world.ok(Operation::AdminDisableUser, user(number));
        world.seconds(1);
    }
    let all = stored(&store);
    let mut request = AuditEventsRequest::default();
    assert_eq!(found(&world, request.clone()), (all.clone(), 1));

    // Old events of a user are skipped, and so many users do not fit on one page.
    request.since = since;
    let (events, pages) = found(&world, request.clone());
    assert_eq!(events, all[all.len() - 3..]);
    assert!(pages > 1, "{pages}");

    request.pool_id.clone_from(&pool);
    request.sub = events[1]["sub"].as_str().map(str::to_owned);
    assert_eq!(found(&world, request.clone()).0, events[1..2]);
    request.since = 0;
    assert_eq!(found(&world, request.clone()).0.len(), 2, "the user's creation as well");
    request.sub = None;
    "us-east-1_other".clone_into(&mut request.pool_id);
    assert_eq!(found(&world, request.clone()).0, [] as [Value; 0]);

    request.pool_id.clear();
    request.sub = Some("5f".to_owned());
    let refused = world.engine.audit_events(&request).unwrap_err();
    assert!(refused.to_string().contains("name the pool"), "{refused}");
}
