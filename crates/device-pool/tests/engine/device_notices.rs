//! What users are told about their devices, and the link by which they forget one.

use std::sync::Arc;

use device_pool::store::{Change, Key, Store, Table, Write};
use device_pool::{
    Config, DeviceLink, DeviceMessages, Engine, Invocation, Medium, Message, Retention, Topic,
};
use device_store::MemoryStore;
use device_test::TestSigningKeys;
use device_wire::{ErrorCode, Operation};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::audit::stored;
use crate::device_policies::{challenges, with_remembered_device};
use crate::world::{Device, SignedIn, World};

const DAY: i64 = 24 * 60 * 60;

const DONE: DeviceLink = DeviceLink::Done;
const SIGNED_IN: DeviceLink = DeviceLink::SignedIn;
const INVALID: DeviceLink = DeviceLink::Invalid;

const EMAIL: [(&str, &str); 2] = [("email", "ada@example.com"), ("email_verified", "true")];
const PHONE: [(&str, &str); 2] = [("phone_number", "+15550100"), ("phone_number_verified", "true")];

/// A pool that tells its users of new devices, one user, and the store.
fn world(attributes: &[(&str, &str)]) -> (World, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new());
    (telling(World::over(store.clone(), 7), attributes), store)
}

fn telling(mut world: World, attributes: &[(&str, &str)]) -> World {
    world.set_devices(
        json!({"ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": false}),
    );
    world.user("ada");
    world.set_attributes("ada", attributes);
    world.tag("device:notify", "new-device");
    world
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

/// Where messages about a new device go.
fn told_addresses(world: &mut World) -> Vec<String> {
    world.confirmed_device("ada", None);
    world.outbox.iter().map(|message| message.destination.as_str().to_owned()).collect()
}

#[test]
fn an_address_that_a_token_removed_is_told_for_a_day() {
    for is_deleted in [true, false] {
        let (mut world, _) = world(&EMAIL);
        let signed_in = world.sign_in("ada", None, None);
        // As an attacker with the token may do before confirming a device.
        let token = signed_in.access_token();
        if is_deleted {
            let request = json!({"AccessToken": token, "UserAttributeNames": ["email"]});
            world.ok(Operation::DeleteUserAttributes, request);
        } else {
            for address in ["eve@example.com", "mallory@example.com"] {
                let email = json!([{"Name": "email", "Value": address}]);
                let request = json!({"AccessToken": token, "UserAttributes": email});
                world.ok(Operation::UpdateUserAttributes, request);
            }
        }
        assert_eq!(told_addresses(&mut world), ["ada@example.com"]);
        world.seconds(DAY);
        assert!(told_addresses(&mut world).is_empty());
    }
}

#[test]
fn an_address_that_an_administrator_changed_is_not_told() {
    let (mut world, _) = world(&EMAIL);
    world.set_attributes("ada", &[("email", "new@example.com"), ("email_verified", "true")]);
    assert_eq!(told_addresses(&mut world), ["new@example.com"]);
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
    let link = world.outbox[0].code.clone();
    let DeviceLink::Open { device_name, .. } = world.read(link.rsplit_once('/').unwrap().1) else {
        panic!("the device is there")
    };
    assert_eq!(device_name.unwrap(), "<a href=x>{link}</a>  you must call us a...", "as the page");
}

#[test]
fn device_messages_fill_subjects_and_escape_quotes() {
    let mut texts = DeviceMessages::default();
    texts.new_device.email_subject = "{device-name}, {username}".to_owned();
    texts.new_device.email_message = "<p title='{device-name}'><a href='{link}'>x</a>".to_owned();
    let config = Config {
        region: "eu-test-1".into(),
        account_id: "000000000000".into(),
        public_base_url: "http://localhost:9229".into(),
        retention: Retention::default(),
    };
    let keys = Arc::new(TestSigningKeys::default());
    let engine = Engine::builder(Arc::new(MemoryStore::new()), config, keys).device_messages(texts);
    let mut world = telling(World::around(engine, 7), &EMAIL);
    let signed_in = world.sign_in("ada", None, None);
    let device = world.issued_device(&signed_in);
    let mut request = world.confirmation(&signed_in.access_token(), &device);
    request["DeviceName"] = json!("Ada's & Eve's");
    world.ok(Operation::ConfirmDevice, request);
    let message = &world.outbox[0];
    assert_eq!(message.subject, "Ada's & Eve's, ada");
    assert!(message.body.contains("'Ada&#39;s &amp; Eve&#39;s'"), "{}", message.body.as_str());
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
    assert_eq!(event["reasons"], json!([reason, "The link ended sign-ins: 2"]));
    assert_eq!([world.read(&token), world.follow(&token)], [DONE; 2], "as a reload asks");
    assert_eq!(stored(&store).len(), events.len(), "nothing is left to do");
}

#[test]
fn wrong_and_expired_links_are_answered_alike() {
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
fn a_link_followed_twice_at_once_forgets_once() {
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
    assert_eq!(answers, [DONE; 8]);
    let events = stored(&store);
    let forgotten = events.iter().filter(|event| event["operation"] == "ForgetDevice");
    assert_eq!(forgotten.count(), 1);
    assert!(!world.devices_of("ada").contains(&device.key));
}

#[test]
fn a_link_to_a_gone_device_ends_its_sign_ins() {
    let (mut world, store) = world(&EMAIL);
    let elsewhere = world.sign_in("ada", None, None);
    let (device, first, message) = told_of_device(&mut world);
    let again = world.sign_in("ada", Some(&device), None);
    let token = token(&message);
    // As a thief may do, so that the link finds no device.
    world.forget("ada", &device);
    let before = stored(&store).len();
    assert_eq!([world.read(&token), world.read(&token)], [SIGNED_IN; 2]);
    assert!(world.is_signed_in(&first) && world.is_signed_in(&again));

    assert_eq!(world.follow(&token), DONE);
    assert!(!world.is_signed_in(&first) && !world.is_signed_in(&again));
    assert!(world.is_signed_in(&elsewhere), "it is not the device's");
    let events = stored(&store);
    assert_eq!(events.len(), before + 1);
    let event = events.iter().find(|event| event["kind"] == "sign_out").unwrap();
    let told = ["operation", "actor", "device_key"].map(|name| &event[name]);
    assert_eq!(told, ["RevokeUserSession", "link", device.key.as_str()]);
    assert_eq!(event["reasons"], json!(["The link ended sign-ins: 2"]));
    assert_eq!([world.read(&token), world.follow(&token)], [DONE; 2]);
    assert_eq!(stored(&store).len(), events.len(), "nothing is left to do");
}

#[test]
fn a_link_ends_the_sign_in_that_confirmed_the_device() {
    let (mut world, _) = world(&EMAIL);
    for is_gone in [false, true] {
        let issued_to = world.sign_in("ada", None, None);
        let confirmed_by = world.sign_in("ada", None, None);
        let elsewhere = world.sign_in("ada", None, None);
        let device = world.issued_device(&issued_to);
        let request = world.confirmation(&confirmed_by.access_token(), &device);
        world.ok(Operation::ConfirmDevice, request);
        let token = token(&world.outbox[0]);
        if is_gone {
            world.forget("ada", &device);
        }
        assert_eq!(world.follow(&token), DONE);
        assert!(!world.is_signed_in(&issued_to) && !world.is_signed_in(&confirmed_by));
        assert!(world.is_signed_in(&elsewhere));
    }
}

#[test]
fn a_link_finds_its_sign_ins_among_any_number() {
    // More than one change looks at, in which the order is by random ids.
    const OTHERS: usize = 1100;
    let (mut world, store) = world(&EMAIL);
    let (device, first, message) = told_of_device(&mut world);
    let token = token(&message);
    let (key, record) = store.scan(Table::UserGrant, "", None, 1).unwrap().remove(0);
    let mut entry: Value = serde_json::from_slice(&record.body).unwrap();
    let prefix = key.id.rsplit_once('/').unwrap().0;
    let others = (0..OTHERS).map(|number| {
        let origin = format!("00000000-0000-4000-8000-{number:012}");
        entry["origin"] = json!(origin);
        let key = Key { table: Table::UserGrant, id: format!("{prefix}/{origin}") };
        (key, Write::Put { body: serde_json::to_vec(&entry).unwrap(), expires_at: None })
    });
    store.apply(Change { expect: Vec::new(), writes: others.collect() }).unwrap();

    assert_eq!(world.follow(&token), DONE);
    assert!(!world.devices_of("ada").contains(&device.key));
    assert!(!world.is_signed_in(&first));
    assert_eq!(world.read(&token), DONE);
}

#[test]
fn a_link_to_a_deleted_users_device_says_it_is_done() {
    let (mut world, _) = world(&EMAIL);
    let (_, _, message) = told_of_device(&mut world);
    let token = token(&message);
    let user = json!({"UserPoolId": world.pool, "Username": "ada"});
    world.ok(Operation::AdminDeleteUser, user);
    // Another user with the same name and a device is not meant.
    world.user("ada");
    let (device, _) = world.confirmed_device("ada", None);
    assert_eq!([world.read(&token), world.follow(&token)], [DONE; 2]);
    assert_eq!(world.devices_of("ada"), [device.key].into());
}

#[test]
fn no_device_is_confirmed_untold_beyond_twenty_an_hour() {
    let (mut world, _) = world(&EMAIL);
    for _ in 0..20 {
        told_of_device(&mut world);
    }
    let signed_in = world.sign_in("ada", None, None);
    let device = world.issued_device(&signed_in);
    let request = world.confirmation(&signed_in.access_token(), &device);
    let refused = world.call(Operation::ConfirmDevice, request.clone()).unwrap_err();
    assert!(refused.to_string().contains("too many new devices"), "{refused}");
    assert_eq!(refused.code(), &ErrorCode::LimitExceeded);
    assert!(world.outbox.is_empty());
    assert_eq!(world.devices_of("ada").len(), 20);
    world.seconds(3600);
    world.confirmed_device("ada", None);
    assert_eq!(world.outbox.len(), 1);
    assert_eq!(world.devices_of("ada").len(), 21);
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
fn a_user_is_told_of_twenty_copied_devices_an_hour() {
    let store = Arc::new(MemoryStore::new());
    let mut world = World::over(store.clone(), 7);
    world.set_devices(
        json!({"ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": true}),
    );
    world.set_mfa("OPTIONAL");
    let (_, device, _) = copied(&mut world);
    world.set_attributes("ada", &EMAIL);
    let alarm = |world: &mut World| {
        world.set_status("ada", &device, "remembered");
        let asked = world.asked_for_device("ada", &device);
        world.prove_device("ada", &device, &asked["Session"], json!({})).unwrap_err();
        // The waits for failures in a row are not what limits the messages here.
        let attempts = store.scan(Table::Attempts, "", None, usize::MAX).unwrap();
        let writes = attempts.into_iter().map(|(key, _)| (key, Write::Delete)).collect();
        store.apply(Change { expect: Vec::new(), writes }).unwrap();
        world.warnings.len()
    };
    let told: Vec<usize> = (0..21).map(|_| alarm(&mut world)).collect();
    assert_eq!(told, [vec![1; 20], vec![0]].concat());
    world.seconds(3600);
    assert_eq!(alarm(&mut world), 1);
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
