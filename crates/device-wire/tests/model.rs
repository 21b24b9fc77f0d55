//! The types against the model: every member survives decoding and encoding, under its own name.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops where it fails"
)]

#[path = "model/table.rs"]
mod table;

use std::collections::BTreeSet;

use device_wire::requests::InitiateAuthRequest;
use device_wire::{Auth, ErrorCode, MODEL_JSON, Operation, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Decodes JSON as a structure and encodes it again.
pub(crate) type StructureProbe = fn(Value) -> serde_json::Result<Value>;

pub(crate) fn structure_probe<T: DeserializeOwned + Serialize>(
    value: Value,
) -> serde_json::Result<Value> {
    // Through text, since that is what comes over the network.
    serde_json::to_value(serde_json::from_str::<T>(&value.to_string())?)
}

/// Reads a text as an enum and formats the value with `Debug`.
pub(crate) type EnumProbe = fn(&str) -> String;

pub(crate) fn enum_probe<T: for<'a> From<&'a str> + std::fmt::Debug>(text: &str) -> String {
    format!("{:?}", T::from(text))
}

fn model() -> Value {
    serde_json::from_str(MODEL_JSON).unwrap()
}

fn shapes(model: &Value) -> impl Iterator<Item = (&str, &Value)> {
    model["shapes"].as_object().unwrap().iter().map(|(name, shape)| (name.as_str(), shape))
}

fn structures(model: &Value) -> impl Iterator<Item = (&str, &Value)> {
    shapes(model).filter(|(_, shape)| shape["type"] == "structure" && shape["exception"] != true)
}

/// A value of the shape, with every member present.
fn sample(model: &Value, shape: &str) -> Value {
    let name = |key: &str| model["shapes"][shape][key].as_str().unwrap();
    let shape = &model["shapes"][shape];
    match shape["type"].as_str().unwrap() {
        "string" => shape["enum"].get(0).cloned().unwrap_or_else(|| json!("a text")),
        "integer" | "long" => json!(7),
        "blob" => json!("Ynl0ZXM="),
        "document" => json!({ "deep": [1, 2] }),
        "boolean" => json!(true),
        "timestamp" => json!(1_760_000_000.123),
        "list" => json!([sample(model, name("member"))]),
        "map" => json!({ "a key": sample(model, name("value")) }),
        "structure" => {
            let members = shape["members"].as_object().unwrap().iter();
            members
                .map(|(member, shape)| (member.clone(), sample(model, shape.as_str().unwrap())))
                .collect()
        }
        other => panic!("the model has grown a type: {other}"),
    }
}

#[test]
fn every_member_of_every_structure_survives() {
    let model = model();
    let probes: Vec<&str> = table::STRUCTURES.iter().map(|(name, _)| *name).collect();
    assert_eq!(probes, structures(&model).map(|(name, _)| name).collect::<Vec<_>>());
    for (name, probe) in table::STRUCTURES {
        let sample = sample(&model, name);
        assert_eq!(probe(sample.clone()).unwrap(), sample, "{name}");
    }
}

#[test]
fn null_is_absent_and_unknown_keys_are_ignored() {
    let model = model();
    for (name, probe) in table::STRUCTURES {
        let mut bare = sample(&model, name);
        let required: Vec<&str> = required(&model, name).collect();
        let members = bare.as_object_mut().unwrap();
        members.retain(|member, _| required.contains(&member.as_str()));
        let mut noisy = members.clone();
        noisy.insert("SomethingNewer".into(), json!({ "deep": [1, 2] }));
        let all = model["shapes"][name]["members"].as_object().unwrap().keys();
        for member in all.filter(|member| !required.contains(&member.as_str())) {
            noisy.insert(member.clone(), Value::Null);
        }
        assert_eq!(probe(noisy.into()).unwrap(), bare, "{name}");
    }
}

#[test]
fn null_in_a_map_is_an_absent_entry() {
    let model = model();
    let is_map = |shape: &Value| model["shapes"][shape.as_str().unwrap()]["type"] == "map";
    let mut maps = 0;
    for (name, probe) in table::STRUCTURES {
        let required: Vec<&str> = required(&model, name).collect();
        let all = model["shapes"][name]["members"].as_object().unwrap().iter();
        for (member, _) in
            all.filter(|(member, shape)| is_map(shape) && !required.contains(&member.as_str()))
        {
            let sample = sample(&model, name);
            let mut noisy = sample.clone();
            noisy[member]["another key"] = Value::Null;
            assert_eq!(probe(noisy).unwrap(), sample, "{name}.{member}");
            maps += 1;
        }
    }
    assert!(maps > 20, "{maps}");
}

#[test]
fn a_request_without_a_required_member_is_refused() {
    let model = model();
    for operation in Operation::ALL {
        let name = model["operations"][operation.name()]["input"].as_str().unwrap();
        let (_, probe) = table::STRUCTURES.iter().find(|(probed, _)| *probed == name).unwrap();
        for member in required(&model, name) {
            let mut request = sample(&model, name);
            request[member] = Value::Null;
            assert!(probe(request.clone()).is_err(), "{name} with {member} null");
            request.as_object_mut().unwrap().remove(member);
            assert!(probe(request).is_err(), "{name} without {member}");
        }
    }
}

#[test]
fn a_response_without_its_members_decodes() {
    let model = model();
    for operation in Operation::ALL.iter().filter(|operation| operation.has_output()) {
        let name = model["operations"][operation.name()]["output"].as_str().unwrap();
        let (_, probe) = table::STRUCTURES.iter().find(|(probed, _)| *probed == name).unwrap();
        let nulls: Value =
            required(&model, name).map(|member| (member.to_owned(), Value::Null)).collect();
        assert_eq!(probe(nulls).unwrap(), probe(json!({})).unwrap(), "{name}");
    }
}

fn required<'a>(model: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    model["shapes"][name]["required"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member.as_str().unwrap())
}

#[test]
fn every_value_of_every_enum_is_known() {
    let model = model();
    let enums: Vec<(&str, &Value)> =
        shapes(&model).filter(|(_, shape)| shape["enum"].is_array()).collect();
    assert_eq!(
        table::ENUMS.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        enums.iter().map(|(name, _)| *name).collect::<Vec<_>>()
    );
    for ((name, probe), (_, shape)) in table::ENUMS.iter().zip(enums) {
        for value in shape["enum"].as_array().unwrap() {
            let debug = probe(value.as_str().unwrap());
            assert!(!debug.starts_with("Unknown("), "{name}: {value}");
        }
        assert_eq!(probe("SOMETHING_NEWER"), "Unknown(\"SOMETHING_NEWER\")", "{name}");
    }
}

#[test]
fn the_operations_match_the_model() {
    let model = model();
    let operations = model["operations"].as_object().unwrap();
    assert_eq!(Operation::ALL.len(), operations.len());
    for (name, described) in operations {
        let operation = Operation::from_name(name).unwrap();
        assert_eq!(operation.name(), name);
        assert_eq!(operation.target(), format!("AWSCognitoIdentityProviderService.{name}"));
        assert_eq!(operation.has_output(), described["output"].is_string(), "{name}");
        let auth = match operation.auth() {
            Auth::None => "none",
            Auth::AccessToken => "access_token",
            Auth::AccessTokenOrSession => "access_token_or_session",
            Auth::SigV4 => "sigv4",
            other => panic!("{other:?} is new"),
        };
        assert_eq!(auth, described["auth"], "{name}");
        let errors: Vec<&str> = operation.errors().iter().map(ErrorCode::as_str).collect();
        assert_eq!(json!(errors), described["errors"], "{name}");
    }
    let all: BTreeSet<&str> =
        model["all_operations"].as_array().unwrap().iter().flat_map(Value::as_str).collect();
    assert_eq!(Operation::ALL_NAMES.iter().copied().collect::<BTreeSet<_>>(), all);
    assert!(Operation::ALL_NAMES.is_sorted());
    assert_eq!(Operation::from_name("UpdateProvisionedLimit"), None);
    assert_eq!(InitiateAuthRequest::OPERATION, Operation::InitiateAuth);
}
