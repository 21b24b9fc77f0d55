//! Alterations of an export of the audit log, which a verification finds without the server.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng};
use serde_json::{Value, json};

use crate::audit_log::{
    DAY, delete, export, keeping, line_of, seal, sign_in, verify, verify_against, world,
};
use crate::world::World;

/// An export of about 170 events, with erased and expired ones among them.
fn rich_export() -> (World, Vec<String>) {
    let (mut world, _) = keeping(40);
    world.user("ada");
    world.user("bob");
    sign_in(&mut world, "bob", 10);
    world.seconds(39 * DAY);
    sign_in(&mut world, "ada", 150);
    delete(&mut world, "bob");
    world.seconds(2 * DAY);
    let now = world.moment();
    world.engine.purge(now).unwrap();
    world.user("eve");
    sign_in(&mut world, "eve", 10);
    delete(&mut world, "eve");
    let lines = export(&mut world);
    (world, lines)
}

/// The number of the event of a line, or of the next one that has a number.
fn event_at(lines: &[String], place: usize) -> Option<u64> {
    lines[place..].iter().find_map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["index"].as_u64()
    })
}

#[test]
fn any_single_alteration_is_found_and_named() {
    let (_, lines) = rich_export();
    let verdict = verify(&lines).unwrap();
    assert!(verdict.removed > 10 && verdict.erased > 5 && verdict.size > 150, "{verdict:?}");
    let size = verdict.size;
    let is_event = |line: &String| line.contains("\"index\":");
    let is_end = |line: &String| line.starts_with("{\"page\":");
    let mut rng = StdRng::seed_from_u64(21);
    for round in 0..240 {
        let place = rng.random_range(0..lines.len());
        let mut changed = lines.clone();
        let what = round % 6;
        // `Some` where an event must be named.
        let expected = match what {
            // Dropped.
            0 => {
                changed.remove(place);
                (place > 0 && !is_end(&lines[place]))
                    .then(|| event_at(&lines, place).unwrap_or(size))
            }
            // A line twice.
            1 => {
                changed.insert(place, lines[place].clone());
                let again = if is_event(&lines[place]) { place + 1 } else { place };
                (place > 0).then(|| event_at(&lines, again.min(lines.len())).unwrap_or(size))
            }
            // Two lines in each other's place.
            2 => {
                let other = rng.random_range(0..lines.len());
                if place == other {
                    continue;
                }
                changed.swap(place, other);
                let first = place.min(other);
                (first > 0).then(|| event_at(&lines, first).unwrap())
            }
            // Cut off, between lines or within one.
            3 => {
                changed.truncate(place);
                if place > 0 && rng.random_bool(0.5) {
                    let last = changed.last_mut().unwrap();
                    last.truncate(last.len() / 2);
                    (place > 1).then(|| event_at(&lines, place - 1).unwrap_or(size))
                } else {
                    let is_cut = place > 0 && !is_end(&lines[place]);
                    is_cut.then(|| event_at(&lines, place).unwrap_or(size))
                }
            }
            // A character.
            4 => {
                let at = rng.random_range(0..lines[place].len());
                let mut bytes = lines[place].clone().into_bytes();
                bytes[at] = if bytes[at] == b'7' { b'3' } else { b'7' };
                let Ok(text) = String::from_utf8(bytes) else { continue };
                changed[place] = text;
                (place > 0 && is_event(&lines[place])).then(|| event_at(&lines, place).unwrap())
            }
            // A value of an event, spelled as an export spells it.
            _ => {
                let mut line: Value = serde_json::from_str(&lines[place]).unwrap();
                let Some(event) = line.get_mut("event").and_then(Value::as_object_mut) else {
                    continue;
                };
                let name = event.keys().nth(rng.random_range(0..event.len())).unwrap().clone();
                if rng.random_bool(0.5) {
                    event.insert(name, json!("changed"));
                } else {
                    event.remove(&name);
                }
                changed[place] = line.to_string();
                Some(event_at(&lines, place).unwrap())
            }
        };
        let told = match verify(&changed) {
            Ok(_) => panic!("not found: {what} at {place}: {}", lines[place]),
            Err(told) => told,
        };
        if let Some(expected) = expected {
            assert_eq!(told.event, Some(expected), "{what} at line {place}: {told}");
        }
    }
}

#[test]
fn an_event_altered_with_its_hash_is_found() {
    let (_, lines) = rich_export();
    // A listed hash alone.
    let list = lines.iter().position(|line| line.contains("\"leaves\"")).unwrap();
    let mut hashes: Value = serde_json::from_str(&lines[list]).unwrap();
    let from = hashes["from"].as_u64().unwrap();
    hashes["leaves"][5] = hashes["leaves"][6].clone();
    let mut changed = lines.clone();
    changed[list] = hashes.to_string();
    let told = verify(&changed).unwrap_err();
    assert_eq!(told.event, Some(from + 5), "{told}");
    assert!(told.message.contains("the events are unaltered"), "{told}");
    // And of the event: it is found, though not which one it is.
    let (place, mut line) = line_of(&changed, from + 5);
    let twin = line_of(&changed, from + 6).1;
    line["event"] = twin["event"].clone();
    line["content"] = twin["content"].clone();
    line["with_pool"] = twin["with_pool"].clone();
    line["expires_at"] = twin["expires_at"].clone();
    line.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    changed[place] = line.to_string();
    let told = verify(&changed).unwrap_err();
    assert_eq!((told.event, told.message.contains("signed root")), (None, true), "{told}");
}

/// A file without its first events, as if these had been removed when their time had come.
fn folded(lines: &[String], count: u64) -> Vec<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest as _, Sha256};

    let mut hashes: Vec<Vec<u8>> = Vec::new();
    let mut size = 0_u64;
    let mut rest = Vec::new();
    for line in lines {
        let mut value: Value = serde_json::from_str(line).unwrap();
        if let Some(leaves) = value.get_mut("leaves").and_then(Value::as_array_mut) {
            let old = leaves.len().min(usize::try_from(count - size).unwrap());
            for leaf in leaves.drain(..old) {
                let mut hash = STANDARD.decode(leaf.as_str().unwrap()).unwrap();
                for _ in 0..size.trailing_ones() {
                    let left = hashes.pop().unwrap();
                    hash = Sha256::digest([&[1], &*left, &*hash].concat()).to_vec();
                }
                hashes.push(hash);
                size += 1;
            }
            let is_empty = leaves.is_empty();
            value["from"] = json!(value["from"].as_u64().unwrap() + old as u64);
            if is_empty {
                continue;
            }
        }
        if value["index"].as_u64().is_none_or(|index| index >= count) {
            rest.push(value);
        }
    }
    let hashes: Vec<String> = hashes.iter().map(|hash| STANDARD.encode(hash)).collect();
    rest[0]["log"]["removed"] = json!({"size": size, "hashes": hashes});
    rest.iter().map(Value::to_string).collect()
}

#[test]
fn a_file_without_its_beginning_is_refused() {
    let (mut world, _) = world();
    world.user("ada");
    sign_in(&mut world, "ada", 150);
    let kept = seal(&mut world).remove(0).signed;
    let lines = export(&mut world);
    let good = verify(&lines).unwrap();
    assert_eq!(folded(&lines, 0), lines);
    for count in [1, 5, 127, 128, 129, good.size] {
        let changed = folded(&lines, count);
        for kept in [vec![], vec![kept.clone()]] {
            let told = verify_against(&changed, Some(&good.public_key), &kept).unwrap_err();
            assert!(told.message.contains("not as they were signed"), "{count}: {told}");
        }
    }
}

#[test]
fn a_line_with_any_other_content_is_refused() {
    let (mut world, _) = world();
    world.user("ada");
    sign_in(&mut world, "ada", 3);
    let lines = export(&mut world);
    verify(&lines).unwrap();
    let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let members = [
        ("event", json!({"forged": true})),
        ("event", Value::Null),
        ("content", json!(hash)),
        ("content", Value::Null),
        ("expires_at", json!(5)),
        ("with_pool", json!("stays")),
        ("leaves", json!([])),
        ("note", json!("anything")),
    ];
    for (place, line) in lines.iter().enumerate() {
        let refuse = |changed: String| {
            let mut file = lines.clone();
            file[place] = changed;
            assert!(verify(&file).is_err(), "{}", file[place]);
        };
        let line: Value = serde_json::from_str(line).unwrap();
        for (name, value) in &members {
            if line.get(name).is_none() {
                let mut changed = line.clone();
                changed[name] = value.clone();
                refuse(changed.to_string());
            }
        }
        refuse(format!("{line} "));
        refuse(format!("{line}\r"));
        for (part, name, value) in [
            ("/log/removed", "note", json!("anything")),
            ("/log", "note", json!("anything")),
            ("/event", "ip_commitment", json!({"approved": "by nobody"})),
            ("/event", "ip_commitment", json!(hash)),
        ] {
            let mut changed = line.clone();
            if let Some(part) = changed.pointer_mut(part) {
                part[name] = value;
                refuse(changed.to_string());
            }
        }
        if let Some(page) = line["page"].as_str() {
            refuse(json!({"page": format!("{page}x")}).to_string());
            refuse(json!({"page": format!("{page}{}", page.lines().last().unwrap())}).to_string());
        }
    }
}

#[test]
fn nothing_is_added_to_an_export() {
    let (mut world, _) = world();
    world.user("ada");
    sign_in(&mut world, "ada", 3);
    let lines = export(&mut world);
    let size = verify(&lines).unwrap().size;
    let mut added: Vec<String> = lines.clone();
    added.push(json!({"from": size, "leaves": []}).to_string());
    added.push(json!({"from": 0, "leaves": []}).to_string());
    added.extend(["{}".to_owned(), String::new()]);
    for line in added {
        for place in 0..=lines.len() {
            let mut changed = lines.clone();
            changed.insert(place, line.clone());
            assert!(verify(&changed).is_err(), "{line} at {place}");
        }
    }
}

#[test]
fn an_expired_event_is_not_taken_out_of_a_file() {
    let (mut world, _) = keeping(10);
    world.user("ada");
    world.seconds(11 * DAY);
    let there = export(&mut world);
    world.engine.purge(world.moment()).unwrap();
    let gone = export(&mut world);
    assert!(verify(&there).is_ok() && verify(&gone).is_ok());
    for event in 0..verify(&there).unwrap().size {
        let mut changed = there.clone();
        let place = line_of(&there, event).0;
        changed[place].clone_from(&gone[line_of(&gone, event).0]);
        assert_ne!(changed[place], there[place]);
        let told = verify(&changed).unwrap_err();
        assert!(told.message.contains("not as they were signed"), "{told}");
    }
}
