//! What users are told about their devices, and the link by which they forget one.

use std::sync::Arc;

use device_pool::{DeviceLink, Invocation, Medium, Message, Topic};
use device_store::MemoryStore;
use device_wire::Operation;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::audit::stored;
use crate::device_policies::{challenges, with_remembered_device};
use crate::world::{Device, SignedIn, World};

const DAY: i64 = 24 * 60 * 60;

const DONE: DeviceLink = DeviceLink::Done;
const INVALID: DeviceLink = DeviceLink::Invalid;

const EMAIL: [(&str, &str); 2] = [("email", "ada@example.com"), ("email_verified", "true")];
const PHONE: [(&str, &str); 2] = [("phone_number", "+15550100"), ("phone_number_verified", "true")];

/// A pool that tells its users of new devices, one user, and the store.
fn world(attributes: &[(&str, &str)]) -> (World, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new());
    let mut world = World::over(store.clone(), 7);
    world.set_devices(
        json!({"ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": false}),
    );
    world.user("ada");
    world.set_attributes("ada", attributes);
    world.tag("device:notify", "new-device");
    (world, store)
}

/// Confirms a device; returns it, its sign-in, and the message about it.
fn told_of_device(world: &mut World) -> (Device, SignedIn, Message) {
    let (device, signed_in) = world.confirmed_device("ada", None);
    assert!(world.warnings.is_empty());
    let [message] = &world.outbox[..] else { panic!("{:?}", world.outbox) };
    (device, signed_in, message.clone())
}

/// The reasons in the event of the last confirmed device.
fn reasons(store: &MemoryStore) -> Value {
    let events = stored(store);
    let confirmations = events.iter().filter(|event| event["operation"] == "ConfirmDevice");
    confirmations.max_by_key(|event| event["at"].as_i64()).unwrap()["reasons"].clone()
}

/// The token in the link of a message.
fn token(message: &Message) -> String {
    message.code.rsplit_once('/').unwrap().1.to_owned()
}

impl World {
    fn link(&mut self, token: &str, follow: bool) -> DeviceLink {
        let mut invocation = Invocation {
            source_ip: Some([198, 51, 100, 7].into()),
            ..Invocation::new(self.moment(), &mut self.rng)
        };
        let (engine, pool) = (&self.engine, &self.pool);
        if follow {
            engine.follow_device_link(pool, token, &mut invocation).unwrap()
        } else {
            engine.read_device_link(pool, token, &mut invocation).unwrap()
        }
    }

    fn read(&mut self, token: &str) -> DeviceLink {
        self.link(token, false)
    }

    fn follow(&mut self, token: &str) -> DeviceLink {
        self.link(token, true)
    }

    fn is_signed_in(&mut self, signed_in: &SignedIn) -> bool {
        let request = json!({"AccessToken": signed_in.access_token()});
        match self.call(Operation::GetUser, request) {
            Ok(_) => true,
            Err(error) => {
                assert!(error.to_string().ends_with("Access Token has been revoked"), "{error}");
                false
            }
        }
    }
}

#[test]
fn a_new_device_is_told_by_mail_or_else_by_text() {
    for (attributes, medium, destination) in [
        (&EMAIL[..], Medium::Email, "ada@example.com"),
        (&PHONE, Medium::Sms, "+15550100"),
        (&[EMAIL, PHONE].concat(), Medium::Email, "ada@example.com"),
        (&[&EMAIL[..1], &PHONE].concat(), Medium::Sms, "+15550100"),
    ] {
        let (mut world, _) = world(attributes);
        let (_, _, message) = told_of_device(&mut world);
        assert_eq!((message.medium, message.destination.as_str()), (medium, destination));
        assert_eq!((message.topic, message.username.as_str()), (Topic::NewDevice, "ada"));
        let link = format!("http://localhost:9229/{}/forget-device/", world.pool);
        assert!(message.code.starts_with(&link), "{}", message.code.as_str());
        for part in ["a device", "2026-09-21 ", " UTC", message.code.as_str()] {
            assert!(message.body.contains(part), "{part}: {}", message.body.as_str());
        }
        let has_address = message.body.contains("203.0.113.9");
        assert_eq!(has_address, medium == Medium::Email, "{}", message.body.as_str());
    }
}

#[test]
fn nothing_is_told_without_the_tag_or_an_address() {
    let (mut world, store) = world(&[("email", "ada@example.com")]);
    world.confirmed_device("ada", None);
    assert!(world.outbox.is_empty(), "an address that is not verified may be somebody else's");
    let untold = json!(["No message was sent to the user: there is no verified address"]);
    assert_eq!(reasons(&store), untold);

    world.set_attributes("ada", &EMAIL);
    let arn = world.ok(Operation::DescribeUserPool, json!({"UserPoolId": world.pool}));
    let untag = json!({"ResourceArn": arn["UserPool"]["Arn"], "TagKeys": ["device:notify"]});
    world.ok(Operation::UntagResource, untag);
    world.confirmed_device("ada", None);
    assert!(world.outbox.is_empty());
}

#[test]
fn a_device_name_writes_no_html_and_no_second_message() {
    let (mut world, _) = world(&EMAIL);
    let signed_in = world.sign_in("ada", None, None);
    let device = world.issued_device(&signed_in);
    let mut request = world.confirmation(&signed_in.access_token(), &device);
    request["DeviceName"] = json!("<a href=x>{link}</a>\r\nyou must call us at once, or else");
    world.ok(Operation::ConfirmDevice, request);
    let body = world.outbox[0].body.as_str();
    assert!(body.contains("&lt;a href=x&gt;{link}&lt;/a&gt;  you must call us a..."), "{body}");
}

#[test]
fn a_link_forgets_the_device_and_ends_its_sign_ins() {
    let (mut world, store) = world(&EMAIL);
    let elsewhere = world.sign_in("ada", None, None);
    let (kept, ..) = told_of_device(&mut world);
    let (device, first, message) = told_of_device(&mut world);
    let again = world.sign_in("ada", Some(&device), None);
    let token = token(&message);

    let confirmed = world.moment();
    let name = Some("a device".to_owned());
    world.seconds(60);
    let open = DeviceLink::Open { device_name: name, confirmed };
    assert_eq!([world.read(&token), world.read(&token)], [open.clone(), open], "nothing changed");
    assert!(world.is_signed_in(&first) && world.is_signed_in(&again));

    let before = stored(&store).len();
    assert_eq!(world.follow(&token), DeviceLink::Done);
    assert_eq!(world.devices_of("ada"), [kept.key].into());
    assert!(!world.is_signed_in(&first) && !world.is_signed_in(&again));
    assert!(world.is_signed_in(&elsewhere), "it is not the device's");

    let events = stored(&store);
    let [event] = &events[before..] else { panic!("{events:?}") };
    let told = ["kind", "operation", "outcome", "actor", "device_key", "ip"]
        .map(|member| event[member].as_str().unwrap());
    let key = device.key.as_str();
    assert_eq!(told, ["device_change", "ForgetDevice", "passed", "link", key, "198.51.100.7"]);
    let reason = "Forgotten by the link in the message about the new device";
    assert_eq!(event["reasons"], json!([reason]));
    assert_eq!([world.read(&token), world.follow(&token)], [INVALID; 2], "used");
    assert_eq!(stored(&store).len(), events.len());
}

#[test]
fn wrong_used_and_expired_links_are_answered_alike() {
    let (mut world, _) = world(&EMAIL);
    let (device, _, message) = told_of_device(&mut world);
    let token = token(&message);
    let mut wrong = vec!["x".to_owned(), "%".to_owned(), token[1..].to_owned()];
    for at in [0, 40, token.len() - 2] {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        wrong.push(String::from_utf8(changed).unwrap());
    }
    for wrong in &wrong {
        assert_eq!([world.read(wrong), world.follow(wrong)], [INVALID; 2], "{wrong}");
    }
    // Another pool, and none.
    let here = world.pool.clone();
    let made = world.ok(Operation::CreateUserPool, json!({"PoolName": "others"}));
    for pool in [made["UserPool"]["Id"].as_str().unwrap(), "eu-test-1_nowhere"] {
        world.pool = pool.to_owned();
        assert_eq!([world.read(&token), world.follow(&token)], [INVALID; 2]);
    }
    world.pool = here;
    assert_eq!(world.devices_of("ada"), [device.key].into());
    world.seconds(7 * DAY - 1);
    assert!(matches!(world.read(&token), DeviceLink::Open { .. }));
    world.seconds(1);
    assert_eq!([world.read(&token), world.follow(&token)], [INVALID; 2], "expired");
}

#[test]
fn a_link_that_is_followed_twice_at_once_is_used_once() {
    let (mut world, store) = world(&EMAIL);
    let (device, _, message) = told_of_device(&mut world);
    let token = token(&message);
    let (engine, pool, now) = (&world.engine, &world.pool, world.moment());
    let answers: Vec<DeviceLink> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8)
            .map(|seed| {
                let token = &token;
                scope.spawn(move || {
                    let mut rng = StdRng::seed_from_u64(seed);
                    let mut invocation = Invocation::new(now, &mut rng);
                    engine.follow_device_link(pool, token, &mut invocation).unwrap()
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|answer| **answer == DONE).count(), 1, "{answers:?}");
    let events = stored(&store);
    let forgotten = events.iter().filter(|event| event["operation"] == "ForgetDevice");
    assert_eq!(forgotten.count(), 1);
    assert!(!world.devices_of("ada").contains(&device.key));
}

#[test]
fn a_link_to_a_device_that_is_gone_says_it_is_done() {
    let (mut world, store) = world(&EMAIL);
    let (device, _, message) = told_of_device(&mut world);
    let token = token(&message);
    world.forget("ada", &device);
    let before = stored(&store).len();
    assert_eq!([world.read(&token), world.follow(&token)], [DONE; 2]);
    assert_eq!(stored(&store).len(), before, "nothing was done");

    let (_, _, message) = told_of_device(&mut world);
    let token = self::token(&message);
    let user = json!({"UserPoolId": world.pool, "Username": "ada"});
    world.ok(Operation::AdminDeleteUser, user);
    // Another user with the same name and a device is not meant.
    world.user("ada");
    let (device, _) = world.confirmed_device("ada", None);
    assert_eq!([world.read(&token), world.follow(&token)], [DONE; 2]);
    assert_eq!(world.devices_of("ada"), [device.key].into());
}

#[test]
fn a_user_is_told_of_twenty_devices_an_hour() {
    let (mut world, store) = world(&EMAIL);
    for _ in 0..20 {
        told_of_device(&mut world);
    }
    world.seconds(1);
    world.confirmed_device("ada", None);
    assert!(world.outbox.is_empty());
    let untold = "No message was sent to the user: too many about new devices in this hour";
    assert_eq!(reasons(&store), json!([untold]));
    world.seconds(3600);
    told_of_device(&mut world);
}

#[test]
fn a_new_device_is_told_beside_its_event() {
    let (mut world, store) = world(&EMAIL);
    told_of_device(&mut world);
    assert_eq!(reasons(&store), json!(["A message was sent to the user by EMAIL"]));
    let written = json!(stored(&store)).to_string();
    assert!(!written.contains("example.com") && !written.contains("forget-device"), "{written}");
}

/// A user of a pool with changing secrets, whose device was used, and the earlier device.
fn copied(world: &mut World) -> (String, Device, Device) {
    let (totp, device) = with_remembered_device(world, "ada");
    world.tag("device:rotate-secret", "on");
    let (_, renewed) = world.sign_in_and_offer("ada", &device);
    (totp, device, renewed)
}

#[test]
fn a_copied_device_is_told_once_although_it_is_refused() {
    let mut world = World::opt_in();
    let (totp, device, renewed) = copied(&mut world);
    world.set_attributes("ada", &EMAIL);
    let attempts = [(), ()].map(|()| world.asked_for_device("ada", &device));
    let mut sent = Vec::new();
    for asked in &attempts {
        world.prove_device("ada", &device, &asked["Session"], json!({})).unwrap_err();
        sent.append(&mut world.warnings);
    }
    let [message] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((message.topic, message.code.as_str()), (Topic::CopiedDevice, ""));
    assert_eq!((message.medium, message.destination.as_str()), (Medium::Email, "ada@example.com"));
    for part in ["a device", "203.0.113.9", "refused"] {
        assert!(message.body.contains(part), "{}", message.body.as_str());
    }
    assert_eq!(challenges(&mut world, "ada", &renewed, &totp), "code");
    assert!(world.warnings.is_empty());
}

#[test]
fn a_device_forgotten_for_being_idle_leaves_an_event() {
    let (mut world, store) = world(&EMAIL);
    let (device, ..) = told_of_device(&mut world);
    world.tag("device:forget-after-idle", "30d");
    world.seconds(31 * DAY + 5);
    for _ in 0..2 {
        world.engine.purge(world.moment()).unwrap();
    }
    let is_forgetting = |event: &Value| event["operation"] == "ForgetDevice";
    let events: Vec<Value> = stored(&store).into_iter().filter(is_forgetting).collect();
    let [event] = &events[..] else { panic!("{events:?}") };
    let user = world
        .ok(Operation::AdminGetUser, json!({"UserPoolId": world.pool, "Username": "ada"}))
        .to_string();
    assert!(user.contains(event["sub"].as_str().unwrap()));
    let told = ["kind", "outcome", "actor", "device_key"].map(|name| event[name].as_str().unwrap());
    assert_eq!(told, ["device_change", "passed", "server", device.key.as_str()]);
    assert_eq!(
        event["reasons"],
        json!([
            "Forgotten by the server: last used 31 days ago, the pool keeps unused devices for \
                30 days"
        ])
    );
    assert_eq!(event["at"], json!(world.now));
}
