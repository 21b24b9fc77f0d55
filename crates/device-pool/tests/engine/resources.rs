//! Parts of a pool that are stored as they are described: what is refused, and what is deleted.

use std::sync::Arc;

use device_pool::store::{Store, Table};
use device_store::MemoryStore;
use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::World;

fn refused(world: &mut World, operation: Operation, mut request: Value) -> String {
    request["UserPoolId"] = json!(world.pool);
    world.refused(operation, request)
}

fn done(world: &mut World, operation: Operation, mut request: Value) -> Value {
    request["UserPoolId"] = json!(world.pool);
    world.ok(operation, request)
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let scope = json!({"ScopeName": "read", "ScopeDescription": "Reads"});
    let logs = |destinations: Value| {
        json!({"EventSource": "userNotification",
        "LogLevel": "ERROR", "S3Configuration": destinations})
    };
    for (operation, request, message) in [
        (
            Operation::CreateResourceServer,
            json!({"Identifier": "api", "Name": "api", "Scopes": [scope, scope]}),
            "The scope read is given twice.",
        ),
        (
            Operation::CreateUserPoolDomain,
            json!({"Domain": "my-cognito"}),
            "Domain cannot contain reserved word: cognito",
        ),
        (
            Operation::CreateUserPoolDomain,
            json!({"Domain": "auth.example.com"}),
            "A domain without CustomDomainConfig is a prefix and cannot contain dots.",
        ),
        (
            Operation::DeleteUserPoolDomain,
            json!({"Domain": "people-7"}),
            "No such domain or user pool exists.",
        ),
        (
            Operation::CreateIdentityProvider,
            json!({"ProviderName": "Google", "ProviderType": "Google",
                "ProviderDetails": {"client_id": "a", "client_secret": "b"}}),
            "ProviderDetails must have authorize_scopes.",
        ),
        (
            Operation::CreateIdentityProvider,
            json!({"ProviderName": "saml", "ProviderType": "SAML", "ProviderDetails": {}}),
            "ProviderDetails must have MetadataURL or MetadataFile.",
        ),
        (
            Operation::SetLogDeliveryConfiguration,
            json!({"LogConfigurations": [logs(Value::Null)]}),
            "Each event source needs exactly one destination.",
        ),
        (
            Operation::SetLogDeliveryConfiguration,
            json!({"LogConfigurations": [logs(json!({})), logs(json!({}))]}),
            "Each event source can be configured once.",
        ),
        (
            Operation::SetRiskConfiguration,
            json!({"RiskExceptionConfiguration": {"SkippedIPRangeList": ["10.0.0.0/40"]}}),
            "10.0.0.0/40 is not an address range in CIDR notation.",
        ),
    ] {
        let mut world = World::new();
        let told = refused(&mut world, operation, request);
        assert_eq!(told, format!("InvalidParameterException: {message}"));
    }
}

#[test]
fn a_domain_belongs_to_one_pool_and_a_pool_has_one() {
    let mut world = World::new();
    let domain = |name: &str| json!({"Domain": name});
    done(&mut world, Operation::CreateUserPoolDomain, domain("people"));
    let second = refused(&mut world, Operation::CreateUserPoolDomain, domain("people-2"));
    assert_eq!(second, "InvalidParameterException: User pool already has a domain configured.");
    let other = world.ok(Operation::CreateUserPool, json!({"PoolName": "other"}));
    let mut taken = domain("people");
    taken["UserPoolId"] = other["UserPool"]["Id"].clone();
    for operation in [Operation::CreateUserPoolDomain, Operation::DeleteUserPoolDomain] {
        let told = world.refused(operation, taken.clone());
        assert!(told.starts_with("InvalidParameterException"), "{operation}: {told}");
    }
}

#[test]
fn an_image_is_described_by_a_url_that_holds_it() {
    let mut world = World::new();
    done(&mut world, Operation::CreateUserPoolDomain, json!({"Domain": "people"}));
    let png = "iVBORw0KGgo=";
    let set = json!({"ImageFile": png, "ClientId": world.client});
    let told = done(&mut world, Operation::SetUICustomization, set);
    let url = format!("data:image/png;base64,{png}");
    assert_eq!(told["UICustomization"]["ImageUrl"], url);
    let elsewhere = done(&mut world, Operation::GetUICustomization, json!({}));
    assert!(elsewhere["UICustomization"].get("ImageUrl").is_none(), "{elsewhere}");
    let told = refused(&mut world, Operation::SetUICustomization, json!({"ImageFile": "R0lGODlh"}));
    assert_eq!(told, "InvalidParameterException: The image file must be a PNG or a JPEG.");
}

#[test]
fn the_setting_of_a_client_is_gone_with_it() {
    let mut world = World::new();
    done(&mut world, Operation::CreateUserPoolDomain, json!({"Domain": "people"}));
    let client = json!({"ClientId": world.client});
    let mut css = client.clone();
    css["CSS"] = json!(".a {}");
    done(&mut world, Operation::SetUICustomization, css);
    let branding = done(&mut world, Operation::CreateManagedLoginBranding, client.clone());
    let id = json!({"ManagedLoginBrandingId":
        branding["ManagedLoginBranding"]["ManagedLoginBrandingId"]});
    done(&mut world, Operation::DescribeManagedLoginBranding, id.clone());
    done(&mut world, Operation::DeleteUserPoolClient, client);
    let told = refused(&mut world, Operation::DescribeManagedLoginBranding, id);
    assert!(told.starts_with("ResourceNotFoundException"), "{told}");
}

#[test]
fn a_deleted_pool_leaves_no_resource() {
    let store = Arc::new(MemoryStore::new());
    let mut world = World::over(store.clone(), 7);
    done(&mut world, Operation::CreateResourceServer, json!({"Identifier": "a", "Name": "a"}));
    let left = || store.scan(Table::Resource, "", None, 9).unwrap().len();
    assert_eq!(left(), 1);
    done(&mut world, Operation::DeleteUserPool, json!({}));
    world.engine.purge(world.moment()).unwrap();
    assert_eq!(left(), 0);
}

#[test]
fn the_import_header_names_attributes_and_no_password() {
    let mut world = World::new();
    let attribute = json!({"CustomAttributes": [{"Name": "badge", "AttributeDataType": "String"}]});
    done(&mut world, Operation::AddCustomAttributes, attribute);
    let told = done(&mut world, Operation::GetCSVHeader, json!({}));
    assert_eq!(told["UserPoolId"], world.pool);
    let header: Vec<&str> =
        told["CSVHeader"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(header[..2], ["name", "given_name"]);
    assert_eq!(
        header[header.len() - 3..],
        ["custom:badge", "cognito:mfa_enabled", "cognito:username"]
    );
    assert!(!header.contains(&"sub") && !header.iter().any(|name| name.contains("password")));
}
