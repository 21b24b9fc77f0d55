//! Pool schemas: standard attributes, custom attributes, and their values.

use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::World;

fn shown(world: &mut World) -> Vec<Value> {
    let request = json!({"UserPoolId": world.pool});
    let pool = world.ok(Operation::DescribeUserPool, request);
    pool["UserPool"]["SchemaAttributes"].as_array().unwrap().clone()
}

fn named(schema: &[Value], name: &str) -> Value {
    schema.iter().find(|attribute| attribute["Name"] == name).unwrap_or(&Value::Null).clone()
}

#[test]
fn every_pool_has_the_standard_attributes() {
    let mut world = World::new();
    let schema = shown(&mut world);
    assert_eq!(schema.len(), 21);
    assert_eq!(
        named(&schema, "sub"),
        json!({
            "Name": "sub", "AttributeDataType": "String", "DeveloperOnlyAttribute": false,
            "Mutable": false,
            "Required": true, "StringAttributeConstraints": {"MinLength": "1", "MaxLength": "2048"},
        })
    );
    assert_eq!(
        named(&schema, "updated_at"),
        json!({
            "Name": "updated_at", "AttributeDataType": "Number", "DeveloperOnlyAttribute": false,
            "Mutable": true,
            "Required": false, "NumberAttributeConstraints": {"MinValue": "0"},
        })
    );
}

#[test]
fn a_pool_extends_standard_attributes_and_adds_its_own() {
    let mut world = World::new();
    let schema = json!([
        {"Name": "email", "Required": true, "Mutable": false},
        {"Name": "badge", "AttributeDataType": "Number",
            "NumberAttributeConstraints": {"MinValue": "1"}},
    ]);
    let made = world.ok(Operation::CreateUserPool, json!({"PoolName": "p", "Schema": schema}));
    world.pool = made["UserPool"]["Id"].as_str().unwrap().to_owned();
    let own = json!([
        {"Name": "team", "AttributeDataType": "String",
            "StringAttributeConstraints": {"MaxLength": "4"}},
        {"Name": "note", "AttributeDataType": "String",
            "DeveloperOnlyAttribute": true, "Mutable": false},
    ]);
    let add = json!({"UserPoolId": world.pool, "CustomAttributes": own});
    assert_eq!(world.ok(Operation::AddCustomAttributes, add), json!({}));
    let schema = shown(&mut world);
    assert_eq!(schema.len(), 24);
    let email = named(&schema, "email");
    assert_eq!((&email["Required"], &email["Mutable"]), (&json!(true), &json!(false)));
    assert_eq!(
        named(&schema, "custom:badge")["NumberAttributeConstraints"],
        json!({"MinValue": "1"})
    );
    assert_eq!(named(&schema, "custom:team")["Mutable"], true);
    assert_eq!(named(&schema, "dev:custom:note")["DeveloperOnlyAttribute"], true);
    world.ok(Operation::UpdateUserPool, json!({"UserPoolId": world.pool}));
    assert_eq!(shown(&mut world), schema, "an update does not change the schema");

    let mut create = |name: &str, value: &str| {
        let attributes =
            json!([{"Name": "email", "Value": "a@example.com"}, {"Name": name, "Value": value}]);
        let user = format!("user-{name}-{value}");
        let request =
            json!({"UserPoolId": world.pool, "Username": user, "UserAttributes": attributes});
        world.call(Operation::AdminCreateUser, request).map_err(|error| error.to_string())
    };
    for (name, value) in [("custom:badge", "1"), ("custom:team", "blue"), ("dev:custom:note", "x")]
    {
        create(name, value).unwrap();
    }
    for (name, value) in [
        ("custom:badge", "0"),
        ("custom:badge", "first"),
        ("custom:team", "green"),
        ("birthdate", "yesterday"),
        ("custom:unknown", "x"),
        ("sub", "x"),
    ] {
        let refused = create(name, value).unwrap_err();
        let says = "InvalidParameterException: Attributes did not conform to the schema: ";
        assert!(refused.starts_with(&format!("{says}{name}: ")), "{refused}");
    }
}

#[test]
fn attributes_that_cannot_be_added_are_refused() {
    let mut world = World::new();
    let add =
        |own: Value, world: &World| json!({"UserPoolId": world.pool, "CustomAttributes": own});
    let team = json!({"Name": "team", "AttributeDataType": "String"});
    let request = add(json!([team]), &world);
    world.ok(Operation::AddCustomAttributes, request);
    let before = shown(&mut world);
    let many: Vec<Value> =
        (0..50).map(|n| json!({"Name": format!("a{n}"), "AttributeDataType": "String"})).collect();
    for (own, says) in [
        (
            json!([{"Name": "x", "AttributeDataType": "String"}, team]),
            "custom:team: Existing attribute already has name",
        ),
        (json!([{"Name": "x"}]), "Invalid AttributeDataType input"),
        (json!([{"AttributeDataType": "String"}]), "must have a name"),
        (
            json!([{"Name": "x", "AttributeDataType": "String", "Required": true}]),
            "Required custom attributes",
        ),
        (
            json!([{
                "Name": "x", "AttributeDataType": "Number",
                "NumberAttributeConstraints": {"MinValue": "2", "MaxValue": "1"},
            }]),
            "custom:x: The constraints of the attribute are invalid",
        ),
        (json!(many), "at most 50 custom attributes"),
    ] {
        let request = add(own, &world);
        let refused = world.refused(Operation::AddCustomAttributes, request);
        assert!(refused.starts_with("InvalidParameterException: "), "{refused}");
        assert!(refused.contains(says), "{refused}");
    }
    assert_eq!(shown(&mut world), before);
    let other_kind = json!([{"Name": "email", "AttributeDataType": "Number"}]);
    let refused =
        world.refused(Operation::CreateUserPool, json!({"PoolName": "p", "Schema": other_kind}));
    assert!(refused.contains("email: The data type of a standard attribute is fixed"), "{refused}");
    let nowhere = json!({"UserPoolId": "eu-test-1_x", "CustomAttributes": [team]});
    assert!(
        world
            .refused(Operation::AddCustomAttributes, nowhere)
            .starts_with("ResourceNotFoundException")
    );
}
